# ===- _flex_special.py - PyTorch's rarer functions as expressions ---------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Elementwise functions of PyTorch that are made of others, and reads of captured
tensors by several indices at once."""

from __future__ import annotations

from typing import Any, Callable

import numpy
import torch

from . import _expr
from ._expr import Expr
from ._flex_elementwise import ELEMENTWISE, Call, as_type, boxed, map_elements, unary
from ._flex_types import MAX_ELEMENTS, Refusal

# ===- Functions of floats -----------------------------------------------------------===#


def _of_two(make: Callable[[Expr, Expr, str], Expr]) -> Callable:
    def lower(call: Call, a: Any, b: Any) -> numpy.ndarray:
        type = call.compute_type()
        return call.elementwise(lambda x, y: make(x, y, type), type, a, b)

    return lower


def _hypot(x: Expr, y: Expr, type: str) -> Expr:
    """The larger magnitude times sqrt(1 + ratio^2): no square overflows."""
    x, y = Expr("abs", type, (x,)), Expr("abs", type, (y,))
    zero, one, infinity = (as_type(c, type) for c in (0, 1, float("inf")))
    larger, smaller = Expr("max", type, (x, y)), Expr("min", type, (x, y))
    is_zero = Expr("eq", "i1", (larger, zero))
    ratio = Expr("div", type, (smaller, Expr("select", type, (is_zero, one, larger))))
    square = Expr("add", type, (one, Expr("mul", type, (ratio, ratio))))
    length = Expr("mul", type, (larger, Expr("sqrt", type, (square,))))
    unbounded = (Expr("eq", "i1", (x, infinity)), Expr("eq", "i1", (y, infinity)))
    is_infinite = Expr("or", "i1", unbounded)
    return Expr("select", type, (is_infinite, infinity, length))


def _extremum(op: str) -> Callable[[Expr, Expr, str], Expr]:
    """The other number where one is NaN."""

    def make(x: Expr, y: Expr, type: str) -> Expr:
        both = Expr(op, type, (x, y))
        if not _expr.is_float(type):
            return both
        without_y = Expr("select", type, (Expr("ne", "i1", (y, y)), x, both))
        return Expr("select", type, (Expr("ne", "i1", (x, x)), y, without_y))

    return make


def _signbit(call: Call, a: Any) -> numpy.ndarray:
    type = call.common_type(a)

    def make(x: Expr) -> Expr:
        zero = as_type(0, type)
        if _expr.is_float(type):
            x = Expr("copysign", type, (as_type(1, type), x))
        return Expr("lt", "i1", (x, zero))

    return call.elementwise(make, type, a)


# ===- Integers ----------------------------------------------------------------------===#


#: The largest constant of which common divisors are tabled.
_MOST_TABLED = 1 << 16


def _gcd(call: Call, a: Any, b: Any) -> numpy.ndarray:
    """Common divisors with a constant repeat with it: read from a table."""
    type = call.compute_type()

    def make(x: Expr, y: Expr) -> Expr:
        if x.op == "constant":
            x, y = y, x
        if y.op != "constant" or abs(y.attr) > _MOST_TABLED:
            raise Refusal(
                "'gcd' has a compiled form only where one side is a constant of at "
                f"most {_MOST_TABLED}"
            )
        if y.attr == 0:
            return Expr("abs", type, (x,))
        period = abs(y.attr)
        table = torch.arange(period).gcd(torch.tensor(period)).to(torch.int32)
        place = Expr(
            "mod", "index", (_expr.cast(x, "index"), _expr.constant(period, "index"))
        )
        return _expr.cast(call.trace.load(table, [place]), type)

    return call.elementwise(make, type, a, b)


# ===- Reads by several indices --------------------------------------------------------===#


def gather(trace: Any, tensor: torch.Tensor, dim: int, index: torch.Tensor) -> Any:
    """``torch.gather`` from a captured tensor: an element for each of `index`."""
    positions = trace.value(index)
    result = numpy.empty(positions.shape, dtype=object)
    for at in numpy.ndindex(result.shape):
        place = [_expr.constant(p, "index") for p in at]
        place[dim % tensor.dim()] = positions[at]
        result[at] = _load(trace, tensor, place)
    return trace.record(torch.ones(index.shape, dtype=tensor.dtype), result)


def index_many(trace: Any, tensor: torch.Tensor, indices: list) -> Any:
    """``tensor[indices]`` where one is not 0-d: every element that is asked for."""
    given = [n for n, index in enumerate(indices) if index is not None]
    if given != list(range(given[0], given[-1] + 1)):
        raise Refusal("a captured tensor is indexed in dimensions apart")
    rows = numpy.broadcast_arrays(*(trace.value(indices[n]) for n in given))
    before = tensor.shape[: given[0]]
    behind = tensor.shape[given[-1] + 1 :]
    shape = (*before, *rows[0].shape, *behind)
    if numpy.prod(shape) > MAX_ELEMENTS:
        raise Refusal(
            f"{numpy.prod(shape)} elements of a captured tensor would be read for "
            f"every pair; at most {MAX_ELEMENTS} are"
        )
    result = numpy.empty(shape, dtype=object)
    for at in numpy.ndindex(shape):
        middle = at[len(before) : len(before) + rows[0].ndim]
        place = [
            *(_expr.constant(p, "index") for p in at[: len(before)]),
            *(row[middle] for row in rows),
            *(_expr.constant(p, "index") for p in at[len(at) - len(behind) :]),
        ]
        result[at] = _load(trace, tensor, place)
    return trace.record(torch.ones(shape, dtype=tensor.dtype), result)


def index_computed(trace: Any, tensor: torch.Tensor, indices: list) -> Any:
    """``tensor[indices]`` of a small tensor that was computed: one choice per index."""
    array = trace.value(tensor)
    for dim, index in reversed(list(enumerate(indices))):
        if index is None:
            continue
        if index.dim():
            raise Refusal("a computed tensor is indexed by a tensor that is not 0-d")
        place = trace.position(trace.value(index)[()], array.shape[dim])
        rows = [numpy.take(array, n, axis=dim) for n in range(array.shape[dim])]
        chosen = boxed(rows[0])
        for n, row in enumerate(rows[1:], 1):
            here = Expr("eq", "i1", (place, _expr.constant(n, "index")))
            chosen = map_elements(
                lambda x, y, here=here: Expr("select", x.type, (here, y, x)),
                chosen,
                row,
            )
        array = boxed(chosen)
    standing = torch.ones(array.shape, dtype=tensor.dtype)
    return trace.record(standing, array)


def _load(trace: Any, tensor: torch.Tensor, place: list[Expr]) -> Expr:
    table = trace.table(tensor)
    rest = iter(place)
    return trace.load(
        table.tensor,
        [next(rest) if index is None else index for index in table.indices],
    )


_DIRECT = "acos asin atan acosh asinh atanh cosh sinh tan log10".split()

#: By the name of the operation.
SPECIAL: dict[str, Callable] = {
    **{op: unary(op) for op in _DIRECT},
    "special_erfc": unary("erfc"),
    "erfc": unary("erfc"),
    "atan2": _of_two(lambda x, y, type: Expr("atan2", type, (x, y))),
    "copysign": _of_two(lambda x, y, type: Expr("copysign", type, (x, y))),
    "hypot": _of_two(_hypot),
    **{"fmin": _of_two(_extremum("min")), "fmax": _of_two(_extremum("max"))},
    "signbit": _signbit,
    "gcd": _gcd,
    "true_divide": ELEMENTWISE["div"],
}
