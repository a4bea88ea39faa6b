# ===- _flex_ops.py - PyTorch's operations as expressions ---------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What each operation of PyTorch's dispatcher means for expressions.

Values are arrays of expressions, 0-d most of the time, so operations that rearrange
small tensors are those of numpy.
"""

from __future__ import annotations

from functools import reduce
from itertools import accumulate
from typing import Any, Callable

import numpy
import torch

from . import _expr
from ._expr import Expr
from ._flex_elementwise import ELEMENTWISE, Call, as_type, boxed, map_elements
from ._flex_order import ORDER
from ._flex_special import SPECIAL, gather, index_computed, index_many
from ._flex_types import Refusal, Table

# ===- Small tensors ----------------------------------------------------------------===#


def _shaped(apply: Callable) -> Callable:
    """An operation that rearranges elements."""

    def lower(call: Call, a: Any, *args: Any, **kwargs: Any) -> numpy.ndarray:
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
    def lower(call: Call, tensors: list, dim: int = 0) -> numpy.ndarray:
        return map_elements(
            lambda x: _expr.cast(x, call.type), apply(call.values(*tensors), axis=dim)
        )

    return lower


def _reduction(op: str, start: Any = None) -> Callable:
    def lower(call: Call, a: Any, dim: Any = None, keepdim: bool = False, **_: Any):
        type = "i1" if op in ("and", "or") else call.compute_type()
        array = map_elements(lambda x: _expr.cast(x, type), *call.values(a))
        dims = range(array.ndim) if dim is None or dim == [] else dim
        dims = dims if isinstance(dims, (list, tuple, range)) else (dims,)
        for d in sorted((d % array.ndim for d in dims), reverse=True):
            rows = [row for row in numpy.moveaxis(array, d, 0)]
            if not rows:
                array = numpy.full(numpy.delete(array.shape, d), as_type(start, type))
                continue
            array = reduce(
                lambda x, y: map_elements(lambda u, v: Expr(op, type, (u, v)), x, y),
                rows,
            )
            array = numpy.expand_dims(boxed(array), d) if keepdim else boxed(array)
        return map_elements(call.finish, array)

    return lower


LOWER: dict[str, Callable] = {
    **ELEMENTWISE,
    **SPECIAL,
    **ORDER,
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

#: Operations in place after which the elements are what they were.
_RESHAPING = ("squeeze_", "unsqueeze_")

#: Operations that read elements of captured tensors.
_READS = ("index", "gather", "embedding")


def _unbind(a: torch.Tensor, dim: int = 0) -> tuple[torch.Tensor, ...]:
    return tuple(a.select(dim, position) for position in range(a.shape[dim]))


def _split(a: torch.Tensor, sizes: int | list[int], dim: int = 0):
    if isinstance(sizes, int):
        length = a.shape[dim]
        sizes = [min(sizes, length - start) for start in range(0, length, sizes)]
    starts = accumulate(sizes, initial=0)
    cut = torch.ops.aten.slice.Tensor
    return tuple(cut(a, dim, at, at + size) for at, size in zip(starts, sizes))


#: Operations by others, where those of PyTorch's definition have no compiled form.
_BY_OTHERS = {
    "unbind": _unbind,
    **{"split": _split, "split_with_sizes": _split},
    "mm": lambda a, b: (a[:, :, None] * b).sum(1),
    "bmm": lambda a, b: (a[:, :, :, None] * b[:, None]).sum(2),
}


def decomposition(function: Any) -> Callable | None:
    """A definition by other operations, most often PyTorch's own, of an operation that
    has no compiled form of its own."""
    if _name(function) in _BY_OTHERS:
        return _BY_OTHERS[_name(function)]
    if _name(function) in LOWER or _name(function) in (*_MAKERS, *_READS):
        return None
    if function.namespace == "prims":
        return function.impl_aten
    from torch._decomp import decomposition_table

    return decomposition_table.get(function)


def _name(function: Any) -> str:
    """The name of an operation without the mark of the variant that works in place."""
    name = function.overloadpacket.__name__
    in_place = name.endswith("_") and not name.endswith("__")
    return name[:-1] if in_place else name


def record(trace, function, args: tuple, kwargs: dict) -> Any:
    """Runs an operation on the tensors that stand for expressions, and records it."""
    name = function.overloadpacket.__name__
    if name in _MAKERS:
        result = function(*args, **kwargs)
        trace.made(result)
        return result
    if name in _READS:
        read = {"index": _index, "gather": _gather, "embedding": _embedding}[name]
        return read(trace, *args)
    lower = LOWER.get(_name(function))
    if lower is None:
        raise Refusal(f"torch's operation '{name}' has no compiled form")
    changes = name not in _RESHAPING and _name(function) != name
    if changes and not (trace.depends(args[0]) and args[0].dim() == 0):
        raise Refusal(f"'{name}' changes a tensor in place")
    standing = _result(name, function, args, kwargs)
    several = isinstance(standing, tuple)
    results = standing if several else (standing,)
    if not all(map(torch.is_tensor, results)):
        raise Refusal(f"torch's operation '{name}' has no compiled form")
    values = lower(Call(trace, args, kwargs, results[0].dtype), *args, **_kept(kwargs))
    if not several:
        return trace.record(standing, values)
    return tuple(map(trace.record, results, values))


def _kept(kwargs: dict) -> dict:
    placing = ("dtype", "layout", "device", "pin_memory", "memory_format", "implicit")
    return {k: v for k, v in kwargs.items() if k not in placing}


def _result(name: str, function: Callable, args: tuple, kwargs: dict) -> torch.Tensor:
    """A tensor of the type and shape of the result; its value means nothing."""
    if name in ("remainder", "fmod", "floor_divide", "div") and "out" not in kwargs:
        ones = [torch.ones_like(a) if torch.is_tensor(a) else a for a in args]
        return function(*ones, **kwargs)
    return function(*args, **kwargs)


def _gather(trace, tensor: torch.Tensor, dim: int, index: torch.Tensor, **_: Any):
    if not trace.is_table(tensor):
        raise Refusal("a computed tensor is indexed by an index")
    return gather(trace, tensor, dim, index)


def _embedding(trace, tensor: torch.Tensor, index: torch.Tensor, *_: Any):
    return _index(trace, tensor, [index])


def _index(trace, tensor: torch.Tensor, indices: list) -> torch.Tensor:
    """``tensor[indices]``, of which no element is read yet where all are 0-d."""
    if len(indices) > tensor.dim():
        raise Refusal(
            f"a tensor of {tensor.dim()} dimensions has {len(indices)} indices"
        )
    if any(i is not None and i.dtype in (torch.bool, torch.uint8) for i in indices):
        raise Refusal("a tensor is indexed by booleans")
    if any(i is not None and i.is_floating_point() for i in indices):
        raise Refusal("a tensor is indexed by floats")
    if not trace.is_table(tensor):
        return index_computed(trace, tensor, indices)
    indices = [*indices, *[None] * (tensor.dim() - len(indices))]
    if any(i is not None and i.dim() for i in indices):
        return index_many(trace, tensor, indices)
    table = trace.table(tensor)
    given = iter(indices)
    bound, left = [], []
    for index, size in zip(table.indices, table.tensor.shape):
        taken = next(given) if index is None else index
        if torch.is_tensor(taken):
            taken = trace.value(taken)[()]
        elif taken is None:
            left.append(size)
        bound.append(taken)
    standing = torch.ones((), dtype=tensor.dtype).expand(left)
    if left:
        return trace.record(standing, Table(table.tensor, tuple(bound)))
    value = boxed(trace.load(table.tensor, bound))
    return trace.record(standing.clone(), value)
