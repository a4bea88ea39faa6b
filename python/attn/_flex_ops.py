# ===- _flex_ops.py - PyTorch's operations as expressions ---------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What each operation of PyTorch's dispatcher means for expressions.

Values are arrays of expressions, 0-d most of the time, so operations that rearrange
small tensors are those of numpy. Types are PyTorch's: the result type is asked from
PyTorch itself; half precision is computed in float32 and rounded.
"""

from __future__ import annotations

from functools import reduce
from typing import Any, Callable

import numpy
import torch

from . import _expr
from ._expr import Expr
from ._flex_types import TYPES, Refusal, Table


class _Call:
    """One operation: its operands as arrays of expressions, and its result type."""

    def __init__(self, trace, args: tuple, kwargs: dict, dtype: torch.dtype):
        self.trace = trace
        self.args = args
        self.kwargs = kwargs
        self.dtype = dtype
        self.type = TYPES[dtype]

    def values(self, *operands: Any) -> list[Any]:
        return [self.trace.value(o) if torch.is_tensor(o) else o for o in operands]

    def compute_type(self) -> str:
        if self.dtype == torch.uint8:
            raise Refusal("arithmetic in torch.uint8 has no compiled form")
        return "f32" if self.type in ("f16", "bf16") else self.type

    def elementwise(self, make: Callable, type: str, *operands: Any) -> numpy.ndarray:
        """`make` applied to each element of the operands, converted to `type`; the
        result converted to that of the operation."""

        def each(*elements):
            return _expr.cast(make(*(_as(e, type) for e in elements)), self.type)

        return _map(each, *self.values(*operands))

    def common_type(self, *operands: Any) -> str:
        """The type in which operands are compared."""
        dtype = reduce(torch.promote_types, _weak_types(operands))
        return TYPES[dtype]


def _weak_types(operands: tuple) -> list[torch.dtype]:
    if len(operands) == 2:
        return [torch.result_type(*operands)]
    return [o.dtype for o in operands if torch.is_tensor(o)]


def _as(value: Any, type: str) -> Expr:
    if isinstance(value, Expr):
        return _expr.cast(value, type)
    if type == "i1":
        return _expr.constant(bool(value), type)
    return _expr.constant(float(value) if _expr.is_float(type) else int(value), type)


def _map(make: Callable, *operands: Any) -> numpy.ndarray:
    arrays = numpy.broadcast_arrays(*(_boxed(o) for o in operands))
    result = numpy.empty(arrays[0].shape, dtype=object)
    for position in numpy.ndindex(result.shape):
        result[position] = make(*(a[position] for a in arrays))
    return result


def _boxed(value: Any) -> numpy.ndarray:
    if isinstance(value, numpy.ndarray):
        return value
    box = numpy.empty((), dtype=object)
    box[()] = value
    return box


# ===- Elementwise operations --------------------------------------------------------===#


def _binary(op: str) -> Callable:
    def lower(call: _Call, a: Any, b: Any, alpha: Any = 1) -> numpy.ndarray:
        type = call.compute_type()
        logic = {"add": "or", "mul": "and"}.get(op) if type == "i1" else None

        def make(x: Expr, y: Expr) -> Expr:
            if alpha != 1:
                y = Expr("mul", type, (y, _as(alpha, type)))
            return Expr(logic or op, type, (x, y))

        return call.elementwise(make, type, a, b)

    return lower


def _swapped(lower: Callable) -> Callable:
    return lambda call, a, b, **kwargs: lower(call, b, a, **kwargs)


def _compare(op: str) -> Callable:
    def lower(call: _Call, a: Any, b: Any) -> numpy.ndarray:
        type = call.common_type(a, b)
        return call.elementwise(lambda x, y: Expr(op, "i1", (x, y)), type, a, b)

    return lower


def _logical(op: str) -> Callable:
    def lower(call: _Call, a: Any, b: Any) -> numpy.ndarray:
        return call.elementwise(lambda x, y: Expr(op, "i1", (x, y)), "i1", a, b)

    return lower


def _unary(op: str) -> Callable:
    def lower(call: _Call, a: Any) -> numpy.ndarray:
        type = call.compute_type()
        rounding = op in ("floor", "ceil", "trunc", "roundeven")
        if rounding and not _expr.is_float(type):
            return call.elementwise(lambda x: x, type, a)
        return call.elementwise(lambda x: Expr(op, type, (x,)), type, a)

    return lower


def _composed(make: Callable[[Expr, str], Expr]) -> Callable:
    def lower(call: _Call, a: Any) -> numpy.ndarray:
        type = call.compute_type()
        return call.elementwise(lambda x: make(x, type), type, a)

    return lower


def _negated(x: Expr, type: str) -> Expr:
    return Expr("sub", type, (_as(-0.0 if _expr.is_float(type) else 0, type), x))


def _not(x: Expr, type: str) -> Expr:
    return Expr("xor", type, (x, _as(True if type == "i1" else -1, type)))


def _logical_not(call: _Call, a: Any) -> numpy.ndarray:
    return call.elementwise(lambda x: _not(x, "i1"), "i1", a)


def _sigmoid(x: Expr, type: str) -> Expr:
    one = _as(1, type)
    below = Expr("add", type, (one, Expr("exp", type, (_negated(x, type),))))
    return Expr("div", type, (one, below))


def _sign(x: Expr, type: str) -> Expr:
    zero, one, minus = _as(0, type), _as(1, type), _as(-1, type)
    negative = Expr("select", type, (Expr("lt", "i1", (x, zero)), minus, zero))
    return Expr("select", type, (Expr("gt", "i1", (x, zero)), one, negative))


def _is_nan(call: _Call, a: Any) -> numpy.ndarray:
    type = call.common_type(a)
    return call.elementwise(lambda x: Expr("ne", "i1", (x, x)), type, a)


def _float_remainder(x: Expr, y: Expr, type: str) -> Expr:
    """The remainder with the sign of the divisor, as PyTorch computes it."""
    zero = _as(0, type)
    rest = Expr("rem", type, (x, y))
    nonzero = Expr("ne", "i1", (rest, zero))
    signs = (Expr("lt", "i1", (rest, zero)), Expr("lt", "i1", (y, zero)))
    differ = Expr("and", "i1", (nonzero, Expr("xor", "i1", signs)))
    return Expr("select", type, (differ, Expr("add", type, (rest, y)), rest))


def _remainder(call: _Call, a: Any, b: Any) -> numpy.ndarray:
    type = call.compute_type()

    def make(x: Expr, y: Expr) -> Expr:
        if _expr.is_float(type):
            return _float_remainder(x, y, type)
        return Expr("mod", type, (x, _nonzero(y)))

    return call.elementwise(make, type, a, b)


def _truncating(op: str) -> Callable:
    def lower(call: _Call, a: Any, b: Any) -> numpy.ndarray:
        type = call.compute_type()
        return call.elementwise(
            lambda x, y: Expr(op, type, (x, _nonzero(y))), type, a, b
        )

    return lower


def _nonzero(y: Expr) -> Expr:
    if y.op == "constant" and not _expr.is_float(y.type) and y.attr == 0:
        raise Refusal("division by zero")
    return y


def _divide(call: _Call, a: Any, b: Any, rounding_mode: str | None = None):
    type = call.compute_type()
    if rounding_mode is None:
        return call.elementwise(lambda x, y: Expr("div", type, (x, y)), type, a, b)
    if _expr.is_float(type):
        if rounding_mode == "floor":
            raise Refusal("floor division of floats has no exact compiled form")

        def truncated(x: Expr, y: Expr) -> Expr:
            return Expr("trunc", type, (Expr("div", type, (x, y)),))

        return call.elementwise(truncated, type, a, b)
    op = {"floor": "floordiv", "trunc": "truncdiv"}[rounding_mode]
    return _truncating(op)(call, a, b)


def _floor_divide(call: _Call, a: Any, b: Any) -> numpy.ndarray:
    return _divide(call, a, b, rounding_mode="floor")


def _power(call: _Call, a: Any, b: Any) -> numpy.ndarray:
    type = call.compute_type()
    if b in (1, 2, 3, 4) and not torch.is_tensor(b):

        def product(x: Expr) -> Expr:
            return reduce(lambda y, _: Expr("mul", type, (y, x)), range(int(b) - 1), x)

        return call.elementwise(product, type, a)
    if not _expr.is_float(type):
        raise Refusal("powers of integers other than 1 to 4 have no compiled form")
    if b == 0.5 and not torch.is_tensor(b):
        return call.elementwise(lambda x: Expr("sqrt", type, (x,)), type, a)
    return call.elementwise(lambda x, y: Expr("pow", type, (x, y)), type, a, b)


def _where(call: _Call, condition: Any, a: Any, b: Any) -> numpy.ndarray:
    def make(c: Expr, x: Any, y: Any) -> Expr:
        chosen = (_expr.cast(c, "i1"), _as(x, call.type), _as(y, call.type))
        return Expr("select", call.type, chosen)

    return _map(make, *call.values(condition, a, b))


def _masked_fill(call: _Call, a: Any, mask: Any, value: Any) -> numpy.ndarray:
    return _where(call, mask, value, a)


def _clamp(call: _Call, a: Any, low: Any = None, high: Any = None, **names: Any):
    low, high = names.get("min", low), names.get("max", high)
    type = call.compute_type()
    result = call.values(a)[0]
    for op, bound in (("max", low), ("min", high)):
        if bound is not None:
            result = call.elementwise(
                lambda x, y: Expr(op, type, (x, y)), type, result, bound
            )
    return result


def _clamp_max(call: _Call, a: Any, high: Any) -> numpy.ndarray:
    return _clamp(call, a, None, high)


def _convert(call: _Call, a: Any, *_: Any, **__: Any) -> numpy.ndarray:
    return _map(lambda x: _expr.cast(x, call.type), *call.values(a))


# ===- Small tensors ----------------------------------------------------------------===#


def _shaped(apply: Callable) -> Callable:
    """An operation that rearranges elements."""

    def lower(call: _Call, a: Any, *args: Any, **kwargs: Any) -> numpy.ndarray:
        return numpy.asarray(apply(call.values(a)[0], *args, **kwargs), dtype=object)

    return lower


def _expand(array: numpy.ndarray, shape: list[int], **_: Any) -> numpy.ndarray:
    lead = len(shape) - array.ndim
    sizes = (array.shape[i - lead] if s == -1 else s for i, s in enumerate(shape))
    return numpy.broadcast_to(array, tuple(sizes))


def _slice(array, dim: int = 0, start=None, end=None, step: int = 1):
    where = [slice(None)] * array.ndim
    where[dim] = slice(start, end, step)
    return array[tuple(where)]


def _squeeze(array: numpy.ndarray, dim: Any = None) -> numpy.ndarray:
    dims = range(array.ndim) if dim is None else dim
    dims = dims if isinstance(dims, (list, tuple, range)) else (dims,)
    return array.squeeze(tuple(d for d in dims if array.shape[d] == 1))


def _join(apply: Callable) -> Callable:
    def lower(call: _Call, tensors: list, dim: int = 0) -> numpy.ndarray:
        return _map(
            lambda x: _expr.cast(x, call.type), apply(call.values(*tensors), axis=dim)
        )

    return lower


def _reduction(op: str, start: Any = None) -> Callable:
    def lower(call: _Call, a: Any, dim: Any = None, keepdim: bool = False, **_: Any):
        type = "i1" if op in ("and", "or") else call.compute_type()
        array = _map(lambda x: _expr.cast(x, type), *call.values(a))
        dims = range(array.ndim) if dim is None or dim == [] else dim
        dims = dims if isinstance(dims, (list, tuple, range)) else (dims,)
        for d in sorted((d % array.ndim for d in dims), reverse=True):
            rows = [row for row in numpy.moveaxis(array, d, 0)]
            if not rows:
                array = numpy.full(numpy.delete(array.shape, d), _as(start, type))
                continue
            array = reduce(
                lambda x, y: _map(lambda u, v: Expr(op, type, (u, v)), x, y), rows
            )
            array = numpy.expand_dims(_boxed(array), d) if keepdim else _boxed(array)
        return _map(lambda x: _expr.cast(x, call.type), array)

    return lower


LOWER: dict[str, Callable] = {
    **{op: _binary(op) for op in ("add", "sub", "mul")},
    **{"rsub": _swapped(_binary("sub")), "minimum": _binary("min")},
    **{"maximum": _binary("max"), "div": _divide, "floor_divide": _floor_divide},
    **{"remainder": _remainder, "fmod": _truncating("rem"), "pow": _power},
    **{op: _compare(op) for op in _expr.COMPARISONS},
    **{f"logical_{op}": _logical(op) for op in ("and", "or", "xor")},
    **{f"bitwise_{op}": _binary(op) for op in ("and", "or", "xor")},
    **{f"__{op}__": _binary(op) for op in ("and", "or", "xor")},
    **{"bitwise_left_shift": _binary("shl"), "__lshift__": _binary("shl")},
    **{"bitwise_right_shift": _binary("shr"), "__rshift__": _binary("shr")},
    **{"logical_not": _logical_not, "bitwise_not": _composed(_not)},
    **{op: _unary(op) for op in "abs exp exp2 expm1 log log2 log1p".split()},
    **{op: _unary(op) for op in "sqrt rsqrt tanh sin cos erf floor ceil trunc".split()},
    **{"round": _unary("roundeven"), "neg": _composed(_negated)},
    **{
        "sigmoid": _composed(_sigmoid),
        "sign": _composed(_sign),
        "sgn": _composed(_sign),
    },
    "reciprocal": _composed(lambda x, type: Expr("div", type, (_as(1, type), x))),
    "relu": _composed(lambda x, type: Expr("max", type, (x, _as(0, type)))),
    "isnan": _is_nan,
    "where": _where,
    "masked_fill": _masked_fill,
    **{"clamp": _clamp, "clamp_min": _clamp, "clamp_max": _clamp_max},
    **{op: _convert for op in ("_to_copy", "clone", "alias", "detach", "lift_fresh")},
    "view": _shaped(lambda a, shape: a.reshape(shape)),
    "_unsafe_view": _shaped(lambda a, shape: a.reshape(shape)),
    "unsqueeze": _shaped(numpy.expand_dims),
    "squeeze": _shaped(_squeeze),
    "expand": _shaped(_expand),
    "permute": _shaped(numpy.transpose),
    "transpose": _shaped(numpy.swapaxes),
    "t": _shaped(numpy.transpose),
    "select": _shaped(lambda a, dim, index: numpy.take(a, index, axis=dim)),
    "slice": _shaped(_slice),
    **{"stack": _join(numpy.stack), "cat": _join(numpy.concatenate)},
    **{"sum": _reduction("add", 0), "prod": _reduction("mul", 1)},
    **{"amax": _reduction("max"), "amin": _reduction("min")},
    **{"all": _reduction("and", True), "any": _reduction("or", False)},
}

#: Operations that only ask the type or the shape of a tensor.
_MAKERS = ("new_ones", "new_zeros", "new_full", "ones_like", "zeros_like", "full_like")


def record(trace, function, args: tuple, kwargs: dict) -> Any:
    """Runs an operation on the tensors that stand for expressions, and records it."""
    name = function.overloadpacket.__name__
    if name in _MAKERS:
        result = function(*args, **kwargs)
        trace.made(result)
        return result
    if name == "index":
        return _index(trace, *args)
    in_place = name.endswith("_") and not name.endswith("__")
    lower = LOWER.get(name[:-1] if in_place else name)
    if lower is None:
        raise Refusal(f"torch's operation '{name}' has no compiled form")
    if in_place and not (trace.depends(args[0]) and args[0].dim() == 0):
        raise Refusal(f"'{name}' changes a tensor in place")
    standing = _result(name, function, args, kwargs)
    if not torch.is_tensor(standing):
        raise Refusal(f"torch's operation '{name}' has no compiled form")
    value = lower(_Call(trace, args, kwargs, standing.dtype), *args, **_kept(kwargs))
    return trace.record(standing, value)


def _kept(kwargs: dict) -> dict:
    placing = ("dtype", "layout", "device", "pin_memory", "memory_format", "implicit")
    return {k: v for k, v in kwargs.items() if k not in placing}


def _result(name: str, function: Callable, args: tuple, kwargs: dict) -> torch.Tensor:
    """A tensor of the type and shape of the result; its value means nothing."""
    if name in ("remainder", "fmod", "floor_divide", "div") and "out" not in kwargs:
        ones = [torch.ones_like(a) if torch.is_tensor(a) else a for a in args]
        return function(*ones, **kwargs)
    return function(*args, **kwargs)


def _index(trace, tensor: torch.Tensor, indices: list) -> torch.Tensor:
    """``tensor[indices]``, of which no element is read yet where all are 0-d."""
    if any(i is not None and i.dtype in (torch.bool, torch.uint8) for i in indices):
        raise Refusal("a tensor is indexed by booleans")
    if any(i is not None and i.is_floating_point() for i in indices):
        raise Refusal("a tensor is indexed by floats")
    if not trace.is_table(tensor):
        raise Refusal("a computed tensor is indexed by an index")
    table = trace.table(tensor)
    given = iter([*indices, *[None] * (tensor.dim() - len(indices))])
    bound, left = [], []
    for index, size in zip(table.indices, table.tensor.shape):
        taken = next(given) if index is None else index
        if torch.is_tensor(taken):
            if taken.dim() != 0:
                raise Refusal(
                    "a captured tensor is indexed by a tensor that is not 0-d"
                )
            taken = trace.value(taken)[()]
        elif taken is None:
            left.append(size)
        bound.append(taken)
    standing = torch.ones((), dtype=tensor.dtype).expand(left)
    if left:
        return trace.record(standing, Table(table.tensor, tuple(bound)))
    value = _boxed(trace.load(table.tensor, bound))
    return trace.record(standing.clone(), value)
