# ===- _flex_elementwise.py - PyTorch's elementwise operations as expressions --------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What each elementwise operation of PyTorch's dispatcher means for expressions.

Values are arrays of expressions. Types are PyTorch's: the result type is asked from
PyTorch itself; half precision is computed in float32 and rounded.
"""

from __future__ import annotations

from functools import reduce
from typing import Any, Callable

import numpy
import torch

from . import _expr
from ._expr import Expr
from ._flex_types import TYPES, Refusal


class Call:
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
        return "f32" if self.type in ("f16", "bf16") else self.type

    def finish(self, x: Expr) -> Expr:
        """`x` in the type of the result; uint8 wraps."""
        if self.dtype != torch.uint8 or x.type == "i1":
            return _expr.cast(x, self.type)
        if _expr.is_float(x.type):
            x = _expr.cast(x, "index")
        return Expr("and", "i16", (_expr.cast(x, "i16"), _expr.constant(255, "i16")))

    def elementwise(self, make: Callable, type: str, *operands: Any) -> numpy.ndarray:
        """`make` applied to each element of the operands, converted to `type`; the
        result converted to that of the operation."""

        def each(*elements):
            return self.finish(make(*(as_type(e, type) for e in elements)))

        return map_elements(each, *self.values(*operands))

    def common_type(self, *operands: Any) -> str:
        """The type in which operands are compared."""
        dtype = reduce(torch.promote_types, _weak_types(operands))
        return TYPES[dtype]


def _weak_types(operands: tuple) -> list[torch.dtype]:
    if len(operands) == 2:
        return [torch.result_type(*operands)]
    return [o.dtype for o in operands if torch.is_tensor(o)]


def as_type(value: Any, type: str) -> Expr:
    if isinstance(value, Expr):
        return _expr.cast(value, type)
    if type == "i1":
        return _expr.constant(bool(value), type)
    return _expr.constant(float(value) if _expr.is_float(type) else int(value), type)


def map_elements(make: Callable, *operands: Any) -> numpy.ndarray:
    arrays = numpy.broadcast_arrays(*(boxed(o) for o in operands))
    result = numpy.empty(arrays[0].shape, dtype=object)
    for position in numpy.ndindex(result.shape):
        result[position] = make(*(a[position] for a in arrays))
    return result


def boxed(value: Any) -> numpy.ndarray:
    if isinstance(value, numpy.ndarray):
        return value
    box = numpy.empty((), dtype=object)
    box[()] = value
    return box


# ===- Elementwise operations --------------------------------------------------------===#


def _binary(op: str) -> Callable:
    def lower(call: Call, a: Any, b: Any, alpha: Any = 1) -> numpy.ndarray:
        type = call.compute_type()
        logic = {"add": "or", "mul": "and"}.get(op) if type == "i1" else None

        def make(x: Expr, y: Expr) -> Expr:
            if alpha != 1:
                y = Expr("mul", type, (y, as_type(alpha, type)))
            return Expr(logic or op, type, (x, y))

        return call.elementwise(make, type, a, b)

    return lower


def _swapped(lower: Callable) -> Callable:
    return lambda call, a, b, **kwargs: lower(call, b, a, **kwargs)


def _compare(op: str) -> Callable:
    def lower(call: Call, a: Any, b: Any) -> numpy.ndarray:
        type = call.common_type(a, b)
        return call.elementwise(lambda x, y: Expr(op, "i1", (x, y)), type, a, b)

    return lower


def _logical(op: str) -> Callable:
    def lower(call: Call, a: Any, b: Any) -> numpy.ndarray:
        return call.elementwise(lambda x, y: Expr(op, "i1", (x, y)), "i1", a, b)

    return lower


def unary(op: str) -> Callable:
    def lower(call: Call, a: Any) -> numpy.ndarray:
        type = call.compute_type()
        rounding = op in ("floor", "ceil", "trunc", "roundeven")
        if rounding and not _expr.is_float(type):
            return call.elementwise(lambda x: x, type, a)
        return call.elementwise(lambda x: Expr(op, type, (x,)), type, a)

    return lower


def _composed(make: Callable[[Expr, str], Expr]) -> Callable:
    def lower(call: Call, a: Any) -> numpy.ndarray:
        type = call.compute_type()
        return call.elementwise(lambda x: make(x, type), type, a)

    return lower


def _negated(x: Expr, type: str) -> Expr:
    return Expr("sub", type, (as_type(-0.0 if _expr.is_float(type) else 0, type), x))


def _not(x: Expr, type: str) -> Expr:
    return Expr("xor", type, (x, as_type(True if type == "i1" else -1, type)))


def _logical_not(call: Call, a: Any) -> numpy.ndarray:
    return call.elementwise(lambda x: _not(x, "i1"), "i1", a)


def _sigmoid(x: Expr, type: str) -> Expr:
    one = as_type(1, type)
    below = Expr("add", type, (one, Expr("exp", type, (_negated(x, type),))))
    return Expr("div", type, (one, below))


def _sign(x: Expr, type: str) -> Expr:
    zero, one, minus = as_type(0, type), as_type(1, type), as_type(-1, type)
    negative = Expr("select", type, (Expr("lt", "i1", (x, zero)), minus, zero))
    return Expr("select", type, (Expr("gt", "i1", (x, zero)), one, negative))


def _test(make: Callable[[Expr, str], Expr]) -> Callable:
    def lower(call: Call, a: Any) -> numpy.ndarray:
        type = call.common_type(a)
        return call.elementwise(lambda x: make(x, type), type, a)

    return lower


def _against_infinity(op: str) -> Callable:
    """How the magnitude compares with infinity; an integer as a float does."""

    def make(x: Expr, type: str) -> Expr:
        type = type if _expr.is_float(type) else "f32"
        magnitude = Expr("abs", type, (_expr.cast(x, type),))
        return Expr(op, "i1", (magnitude, as_type(float("inf"), type)))

    return _test(make)


def _float_remainder(x: Expr, y: Expr, type: str) -> Expr:
    """The remainder with the sign of the divisor, as PyTorch computes it."""
    zero = as_type(0, type)
    rest = Expr("rem", type, (x, y))
    nonzero = Expr("ne", "i1", (rest, zero))
    signs = (Expr("lt", "i1", (rest, zero)), Expr("lt", "i1", (y, zero)))
    differ = Expr("and", "i1", (nonzero, Expr("xor", "i1", signs)))
    return Expr("select", type, (differ, Expr("add", type, (rest, y)), rest))


def _float_floor(x: Expr, y: Expr, type: str) -> Expr:
    """The quotient rounded down, as PyTorch computes it: by the remainder."""
    zero, one, half = as_type(0, type), as_type(1, type), as_type(0.5, type)
    rest = _float_remainder(x, y, type)
    exact = Expr("div", type, (Expr("sub", type, (x, rest)), y))
    below = Expr("floor", type, (exact,))
    distance = Expr("sub", type, (exact, below))
    nearer = Expr("gt", "i1", (distance, half))
    rounded = Expr("select", type, (nearer, Expr("add", type, (below, one)), below))
    quotient = Expr("div", type, (x, y))
    by_zero = Expr("eq", "i1", (y, zero))
    return Expr("select", type, (by_zero, quotient, rounded))


def _remainder(call: Call, a: Any, b: Any) -> numpy.ndarray:
    type = call.compute_type()

    def make(x: Expr, y: Expr) -> Expr:
        if _expr.is_float(type):
            return _float_remainder(x, y, type)
        return Expr("mod", type, (x, _nonzero(y)))

    return call.elementwise(make, type, a, b)


def _truncating(op: str) -> Callable:
    def lower(call: Call, a: Any, b: Any) -> numpy.ndarray:
        type = call.compute_type()
        return call.elementwise(
            lambda x, y: Expr(op, type, (x, _nonzero(y))), type, a, b
        )

    return lower


def _nonzero(y: Expr) -> Expr:
    if y.op == "constant" and not _expr.is_float(y.type) and y.attr == 0:
        raise Refusal("division by zero")
    return y


def _divide(call: Call, a: Any, b: Any, rounding_mode: str | None = None):
    type = call.compute_type()
    if rounding_mode is None:
        return call.elementwise(lambda x, y: Expr("div", type, (x, y)), type, a, b)
    if _expr.is_float(type):
        if rounding_mode == "floor":
            return call.elementwise(lambda x, y: _float_floor(x, y, type), type, a, b)

        def truncated(x: Expr, y: Expr) -> Expr:
            return Expr("trunc", type, (Expr("div", type, (x, y)),))

        return call.elementwise(truncated, type, a, b)
    op = {"floor": "floordiv", "trunc": "truncdiv"}[rounding_mode]
    return _truncating(op)(call, a, b)


def _floor_divide(call: Call, a: Any, b: Any) -> numpy.ndarray:
    return _divide(call, a, b, rounding_mode="floor")


def _power(call: Call, a: Any, b: Any) -> numpy.ndarray:
    type = call.compute_type()
    most = 4 if _expr.is_float(type) else 64
    if not torch.is_tensor(b) and b in range(1, most + 1):

        def product(x: Expr) -> Expr:
            return reduce(lambda y, _: Expr("mul", type, (y, x)), range(int(b) - 1), x)

        return call.elementwise(product, type, a)
    if not _expr.is_float(type):
        return _integer_power(call, type, a, b)
    if b == 0.5 and not torch.is_tensor(b):
        return call.elementwise(lambda x: Expr("sqrt", type, (x,)), type, a)
    return call.elementwise(lambda x, y: Expr("pow", type, (x, y)), type, a, b)


def _integer_power(call: Call, type: str, a: Any, b: Any) -> numpy.ndarray:
    """A power of a power of two: 1 shifted, and 0 beyond the type or below 1."""
    if torch.is_tensor(a) or a < 2 or a & (a - 1):
        raise Refusal(
            "powers of integers have a compiled form for exponents 1 to 64 and for "
            "bases that are powers of two"
        )
    bits = 64 if type == "index" else int(type[1:])

    def make(exponent: Expr) -> Expr:
        shift = Expr("mul", type, (exponent, as_type(a.bit_length() - 1, type)))
        inside = (
            Expr("ge", "i1", (exponent, as_type(0, type))),
            Expr("lt", "i1", (exponent, as_type(bits, type))),
            Expr("lt", "i1", (shift, as_type(bits, type))),
        )
        valid = reduce(lambda x, y: Expr("and", "i1", (x, y)), inside)
        amount = Expr("select", type, (valid, shift, as_type(0, type)))
        power = Expr("shl", type, (as_type(1, type), amount))
        return Expr("select", type, (valid, power, as_type(0, type)))

    return call.elementwise(make, type, b)


def _search(call: Call, boundaries: Any, values: Any, options: dict) -> numpy.ndarray:
    """How many of the sorted boundaries lie before each value."""
    if boundaries.dim() != 1 or options.get("sorter") is not None:
        raise Refusal("a search takes one dimension of sorted boundaries")
    right = options.get("right", False) or options.get("side") == "right"
    type = call.common_type(boundaries, values)
    found = [_expr.cast(x, type) for x in call.values(boundaries)[0]]

    def count(value: Any) -> Expr:
        value, total = as_type(value, type), as_type(0, call.type)
        for boundary in found:
            before = Expr("le" if right else "lt", "i1", (boundary, value))
            total = Expr("add", call.type, (total, _expr.cast(before, call.type)))
        return total

    return map_elements(count, *call.values(values))


def _searchsorted(call: Call, boundaries: Any, values: Any, **options: Any):
    return _search(call, boundaries, values, options)


def _bucketize(call: Call, values: Any, boundaries: Any, **options: Any):
    return _search(call, boundaries, values, options)


def _where(call: Call, condition: Any, a: Any, b: Any) -> numpy.ndarray:
    def make(c: Expr, x: Any, y: Any) -> Expr:
        chosen = (_expr.cast(c, "i1"), as_type(x, call.type), as_type(y, call.type))
        return Expr("select", call.type, chosen)

    return map_elements(make, *call.values(condition, a, b))


def _masked_fill(call: Call, a: Any, mask: Any, value: Any) -> numpy.ndarray:
    return _where(call, mask, value, a)


def _clamp(call: Call, a: Any, low: Any = None, high: Any = None, **names: Any):
    low, high = names.get("min", low), names.get("max", high)
    type = call.compute_type()
    result = call.values(a)[0]
    for op, bound in (("max", low), ("min", high)):
        if bound is not None:
            result = call.elementwise(
                lambda x, y: Expr(op, type, (x, y)), type, result, bound
            )
    return result


def _clamp_max(call: Call, a: Any, high: Any) -> numpy.ndarray:
    return _clamp(call, a, None, high)


def _convert(call: Call, a: Any, *_: Any, **__: Any) -> numpy.ndarray:
    if a.dtype == call.dtype:
        return call.values(a)[0]
    return map_elements(call.finish, *call.values(a))


#: Operations that leave the value, but perhaps not its type.
_CONVERSIONS = ("_to_copy", "to", "clone", "contiguous", "alias", "detach")
_CONVERSIONS += ("lift_fresh", "real")

#: By the name of the operation.
ELEMENTWISE: dict[str, Callable] = {
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
    **{op: unary(op) for op in "abs exp exp2 expm1 log log2 log1p".split()},
    **{op: unary(op) for op in "sqrt rsqrt tanh sin cos erf floor ceil trunc".split()},
    **{"round": unary("roundeven"), "neg": _composed(_negated)},
    **{
        "sigmoid": _composed(_sigmoid),
        "sign": _composed(_sign),
        "sgn": _composed(_sign),
    },
    "reciprocal": _composed(lambda x, type: Expr("div", type, (as_type(1, type), x))),
    "relu": _composed(lambda x, type: Expr("max", type, (x, as_type(0, type)))),
    "isnan": _test(lambda x, type: Expr("ne", "i1", (x, x))),
    **{"isinf": _against_infinity("eq"), "isfinite": _against_infinity("lt")},
    **{"searchsorted": _searchsorted, "bucketize": _bucketize},
    "where": _where,
    "masked_fill": _masked_fill,
    **{"clamp": _clamp, "clamp_min": _clamp, "clamp_max": _clamp_max},
    **{op: _convert for op in _CONVERSIONS},
}
