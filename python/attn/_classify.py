# ===- _classify.py - the classes of a mask's tiles -------------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the classifier that compiled attention skips tiles by."""

from __future__ import annotations

import operator
from typing import Any

from . import _arrays
from ._execute import run
from ._forms import FunctionText, Sizes

_ACC = "f32"
_classifiers: dict[tuple, Any] = {}


def classify(mask: Any, sizes: Sizes, tile: tuple[int, int]) -> Any:
    """The classes of all tiles, int8 (B, H, query tiles, key tiles)."""
    sizes = Sizes(*(_size(s, n, 0) for s, n in zip(sizes, ("B", "H", "M", "N"))))
    try:
        rows, columns = tile
    except (TypeError, ValueError):
        raise TypeError(f"tile is {tile!r}; two integers are accepted") from None
    rows, columns = _size(rows, "tile[0]", 1), _size(columns, "tile[1]", 1)
    mask._form.check(sizes)
    key = (mask._structure(_ACC), rows, columns)
    if key not in _classifiers:
        _classifiers[key] = _compile(mask, rows, columns)
    shape = (*sizes[:2], -(-sizes.queries // rows), -(-sizes.keys // columns))
    inputs = [*sizes, *mask._values(_ACC)]
    return run(_arrays.numpy_arrays, _classifiers[key], inputs, [(shape, "i8")])[0]


def _size(value: Any, name: str, least: int) -> int:
    try:
        size = operator.index(value)
    except TypeError:
        found = type(value).__name__
        raise TypeError(f"{name} is a {found}; an integer is accepted") from None
    if size < least:
        raise ValueError(f"{name} is {size}; it must be at least {least}")
    return size


def _compile(mask: Any, rows: int, columns: int) -> Any:
    """An attention under the mask, of which only the sizes and the mask matter."""
    from ._module import Module

    function = FunctionText(_ACC)
    batch, heads, queries, keys = (function.argument("index") for _ in range(4))
    type = "tensor<?x?x?x1xf32>"
    query = function.value(f"tensor.empty({batch}, {heads}, {queries}) : {type}")
    key = function.value(f"tensor.empty({batch}, {heads}, {keys}) : {type}")
    kept = mask._form.emit(function)
    output = function.value(
        f"attn.scaled_dot_product {query}, {key}, {key} mask({kept}) : "
        f"{type}, {type}, {type} -> {type}"
    )
    text = function.finish([output], [type])
    return Module.tile_map(text.encode(), rows, columns).function("main")
