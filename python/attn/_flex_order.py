# ===- _flex_order.py - PyTorch's functions that rank elements, as expressions ----------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sorting, extrema with their positions, and the spread of small tensors."""

from __future__ import annotations

from typing import Any, Callable

import numpy
import torch

from . import _expr
from ._expr import Expr
from ._flex_elementwise import ELEMENTWISE, Call, as_type, map_elements
from ._flex_types import Refusal

#: Elements that are sorted, at most: each pair of neighbours is compared as often.
_MOST_SORTED = 32

Pair = tuple[Expr, Expr]


def _is_nan(x: Expr) -> Expr:
    return Expr("ne", "i1", (x, x))


def _before(x: Expr, y: Expr, descending: bool = False, nan_first: bool = False):
    """Whether `x` comes strictly before `y`; NaN is the greatest, or the first."""
    order = Expr("gt" if descending else "lt", "i1", (x, y))
    if not _expr.is_float(x.type):
        return order
    first, other = (x, y) if descending or nan_first else (y, x)
    number = Expr("eq", "i1", (other, other))
    return Expr("or", "i1", (order, Expr("and", "i1", (_is_nan(first), number))))


def _choose(condition: Expr, x: Pair, y: Pair) -> Pair:
    first, second = (
        Expr("select", a.type, (condition, a, b)) for a, b in zip(x, y, strict=True)
    )
    return first, second


def _lines(call: Call, a: torch.Tensor, dim: int) -> numpy.ndarray:
    """The elements, in the type they are compared in, with `dim` behind."""
    dtype = a.dtype
    half = dtype in (torch.float16, torch.bfloat16)
    type = "f32" if half else call.common_type(a)
    array = map_elements(lambda x: _expr.cast(x, type), *call.values(a))
    return numpy.moveaxis(array.reshape(array.shape or (1,)), dim, -1)


def _per_line(rank: Callable[[list[Pair]], list[Pair]]) -> Callable:
    """Values and positions that `rank` leaves of each line along a dimension."""

    def results(call: Call, a: torch.Tensor, dim: int) -> list[numpy.ndarray]:
        lines = _lines(call, a, dim)
        found = {}
        for at in numpy.ndindex(lines.shape[:-1]):
            pairs = [(x, _expr.constant(n, "index")) for n, x in enumerate(lines[at])]
            found[at] = rank(pairs)
        count = len(next(iter(found.values())))
        parts = []
        for part in range(2):
            array = numpy.empty((*lines.shape[:-1], count), dtype=object)
            for at, pairs in found.items():
                for n, pair in enumerate(pairs):
                    array[(*at, n)] = pair[part]
            parts.append(numpy.moveaxis(array, -1, dim) if a.dim() else array[0])
        return parts

    return results


def _sorted(pairs: list[Pair], descending: bool) -> list[Pair]:
    """Neighbours that are out of order are swapped: equal elements keep theirs."""
    if len(pairs) > _MOST_SORTED:
        raise Refusal(
            f"{len(pairs)} elements would be sorted for every pair; at most "
            f"{_MOST_SORTED} are"
        )
    pairs = list(pairs)
    for last in range(len(pairs) - 1, 0, -1):
        for n in range(last):
            swap = _before(pairs[n + 1][0], pairs[n][0], descending)
            pairs[n], pairs[n + 1] = (
                _choose(swap, pairs[n + 1], pairs[n]),
                _choose(swap, pairs[n], pairs[n + 1]),
            )
    return pairs


def _first(pairs: list[Pair], descending: bool) -> list[Pair]:
    """The extreme element, the first of equal ones; NaN is one."""
    best = pairs[0]
    for pair in pairs[1:]:
        best = _choose(
            _before(pair[0], best[0], descending, nan_first=True), pair, best
        )
    return [best]


def _sort(call: Call, a: Any, dim: int = -1, descending: bool = False, **options: Any):
    dim, descending = options.get("dim", dim), options.get("descending", descending)
    values, places = _per_line(lambda p: _sorted(p, descending))(call, a, dim)
    return map_elements(call.finish, values), places


def _topk(call: Call, a: Any, k: int, dim: int = -1, largest: bool = True, _=True):
    values, places = _per_line(lambda p: _sorted(p, largest)[:k])(call, a, dim)
    return map_elements(call.finish, values), places


def _extremum(descending: bool) -> Callable:
    """``torch.max`` and ``torch.min``: of all, of two, or along a dimension."""

    def lower(call: Call, a: Any, b: Any = None, keepdim: bool = False) -> Any:
        if torch.is_tensor(b):
            return ELEMENTWISE["maximum" if descending else "minimum"](call, a, b)
        values, places = _along(call, a, b, keepdim, descending)
        values = map_elements(call.finish, values)
        return values if b is None else (values, places)

    return lower


def _along(call: Call, a: Any, dim: int | None, keepdim: bool, descending: bool):
    if dim is None:
        lines = numpy.asarray(_lines(call, a, -1)).ravel()
        pairs = [(x, _expr.constant(n, "index")) for n, x in enumerate(lines)]
        shape = (1,) * a.dim() if keepdim else ()
        found = _first(pairs, descending)[0]
        return [_filled(shape, part) for part in found]
    parts = _per_line(lambda p: _first(p, descending))(call, a, dim)
    if keepdim or not a.dim():
        return parts
    return [part.squeeze(dim) for part in parts]


def _filled(shape: tuple, value: Expr) -> numpy.ndarray:
    array = numpy.empty(shape, dtype=object)
    array[...] = value
    return array


def _position(descending: bool) -> Callable:
    def lower(call: Call, a: Any, dim: int | None = None, keepdim: bool = False):
        return _along(call, a, dim, keepdim, descending)[1]

    return lower


# ===- Spread ------------------------------------------------------------------------===#


def _variance(root: bool) -> Callable:
    """The mean square of distances from the mean."""

    def lower(call: Call, a: Any, dim: Any = None, **options: Any) -> numpy.ndarray:
        correction = options.get("correction")
        correction = 1 if correction is None else correction
        type = call.compute_type()
        array = map_elements(lambda x: _expr.cast(x, type), *call.values(a))
        dims = range(array.ndim) if dim is None or dim == [] else dim
        dims = tuple(d % array.ndim for d in dims)
        count = int(numpy.prod([array.shape[d] for d in dims]))
        size = as_type(count, type)

        def total(values: numpy.ndarray) -> numpy.ndarray:
            for d in dims:
                rows = list(numpy.moveaxis(values, d, 0))
                values = numpy.expand_dims(_sum(rows, type), d)
            return values

        mean = map_elements(lambda x: Expr("div", type, (x, size)), total(array))
        far = map_elements(lambda x, m: Expr("sub", type, (x, m)), array, mean)
        square = map_elements(lambda x: Expr("mul", type, (x, x)), far)
        left = as_type(max(count - correction, 0), type)

        def finish(x: Expr) -> Expr:
            x = Expr("div", type, (x, left))
            return call.finish(Expr("sqrt", type, (x,)) if root else x)

        result = map_elements(finish, total(square))
        return result if options.get("keepdim") else result.squeeze(dims)

    return lower


def _sum(rows: list, type: str) -> numpy.ndarray:
    total = rows[0]
    for row in rows[1:]:
        total = map_elements(lambda x, y: Expr("add", type, (x, y)), total, row)
    return numpy.asarray(total, dtype=object)


#: By the name of the operation.
ORDER: dict[str, Callable] = {
    **{"sort": _sort, "topk": _topk},
    **{"max": _extremum(True), "min": _extremum(False)},
    **{"argmax": _position(True), "argmin": _position(False)},
    **{"var": _variance(root=False), "std": _variance(root=True)},
}
