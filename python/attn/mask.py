# ===- mask.py - which keys a query sees -----------------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Masks: predicates over (b, h, i, j), combined by ``&``, ``|`` and ``~``.

A mask is a description: nothing of size M x N is built. Arrays that it holds are
read anew at each call, and new values, lengths and windows need no compilation.
Where a call has several batch dimensions, an array with one entry per batch may have
them too, in place of (B,).

>>> m = attn.mask.causal() & attn.mask.window(past=4096)
"""

from __future__ import annotations

import functools
import operator
from typing import Any, Callable

from . import _arrays, _fit, _forms
from ._forms import Captured, Combination, Form, Modifier, Operation, Sizes
from ._region import trace_predicate

__all__ = [
    "Mask",
    "block_sparse",
    "causal",
    "dense",
    "dilated",
    "document",
    "document_offsets",
    "padding",
    "predicate",
    "prefix",
    "window",
]


class Mask(Modifier):
    """A predicate over (b, h, i, j): does query i keep key j."""

    def __and__(self, other: Any) -> Mask:
        return _combine("and", self, other)

    def __rand__(self, other: Any) -> Mask:
        return _combine("and", other, self)

    def __or__(self, other: Any) -> Mask:
        return _combine("or", self, other)

    def __ror__(self, other: Any) -> Mask:
        return _combine("or", other, self)

    def __invert__(self) -> Mask:
        return Mask(Combination("not", (self._form,)))

    def classify(
        self, B: int, H: int, M: int, N: int, tile: tuple[int, int] = (64, 64)
    ) -> Any:
        """What the compiler makes of each tile of the mask, for a look at it.

        Args:
          B, H, M, N: batches, heads, queries and keys.
          tile: queries and keys of a tile.

        Returns:
          int8 of numpy, (B, H, ceil(M / tile[0]), ceil(N / tile[1])): 0 where no pair
          of the tile is kept, 2 where all are, 1 where some may be.
        """
        from ._classify import classify

        return classify(self, Sizes(B, H, M, N), tile)

    __array_ufunc__ = None  # an array on the left leaves the operator to the mask

    def __bool__(self) -> bool:
        raise TypeError("a mask has no truth value; combine masks by &, | and ~")


def as_mask(value: Any, name: str = "mask") -> Mask | None:
    """A mask, a boolean array as a mask, or None."""
    if value is None or isinstance(value, Mask):
        return value
    if _arrays.framework(value) is None:
        made = (
            "; attn.mask.predicate makes one of a function" if callable(value) else ""
        )
        raise TypeError(
            f"{name} is a {type(value).__name__}; a mask of attn.mask or a boolean "
            f"array is accepted{made}"
        )
    return _dense(value, name)


def _combine(name: str, left: Any, right: Any) -> Mask:
    return Mask(Combination(name, (*_operands(name, left), *_operands(name, right))))


def _operands(name: str, value: Any) -> tuple[Form, ...]:
    mask = as_mask(value, f"the operand of mask '{name}'")
    if mask is None:
        raise TypeError(
            f"the operand of mask '{name}' is None; a mask of attn.mask or a boolean "
            "array is accepted"
        )
    form = mask._form
    if isinstance(form, Combination) and form.name == name:
        return form.operands
    return (form,)


def _index(value: Any, name: str) -> int:
    if isinstance(value, bool):
        raise TypeError(f"{name} is a bool; an integer is accepted")
    try:
        index = operator.index(value)
    except TypeError:
        found = type(value).__name__
        raise TypeError(f"{name} is a {found}; an integer is accepted") from None
    if not -(2**63) <= index < 2**63:
        raise ValueError(f"{name} is {index}; an integer of 64 bits is accepted")
    return index


def _side(value: Any, name: str) -> int:
    size = _index(value, name)
    if not 0 <= size <= 2**62:
        raise ValueError(f"{name} is {size}; 0 to 2**62 is accepted")
    return size


def _per_batch(value: Any, name: str) -> Captured:
    """An integer, or an array with one per batch."""
    if _arrays.framework(value) is None and not isinstance(value, (list, tuple)):
        return Captured(_index(value, name), "index")
    captured = _forms.integers(value, name, range(0, 65))
    if not captured.shape:
        return Captured(_index(value, name), "index")
    return captured._replace(fits=_fit.per_batch, join=_fit.join_leading)


def causal(offset: Any = 0) -> Mask:
    """Keeps keys at or before the query: ``j <= i + offset``.

    `offset` is an integer, an integer array with one entry per batch (the lengths
    of key caches), or "bottom_right" for N - M, which lets the last query see all.
    """
    if isinstance(offset, str):
        if offset != "bottom_right":
            raise ValueError(
                f"offset of mask.causal is '{offset}'; an integer, an array with one "
                "per batch, or 'bottom_right' is accepted"
            )
        return Mask(Operation("attn.mask.causal bottom_right"))
    if isinstance(offset, int) and offset == 0 and offset is not False:
        return Mask(Operation("attn.mask.causal"))
    captured = _per_batch(offset, "offset of mask.causal")
    if captured.shape is None:
        # No pair of indices is further apart, and i + offset does not wrap round.
        captured = captured._replace(value=max(-(2**62), min(captured.value, 2**62)))
    return Mask(Operation("attn.mask.causal offset({0} : {t0})", (captured,)))


def window(past: int | None = None, future: int | None = None, offset: Any = 0) -> Mask:
    """Keeps ``i + offset - past <= j <= i + offset + future``; None leaves a side
    unbounded.

    `offset` is an integer, or an integer array with one entry per batch (the lengths
    of key caches), between -2**61 and 2**61.
    """
    pattern = "attn.mask.window"
    captured = []
    for side, value in (("past", past), ("future", future)):
        if value is not None:
            pattern += f" {side}({{{len(captured)}}})"
            captured.append(Captured(_side(value, f"{side} of mask.window"), "index"))
    by = _per_batch(offset, "offset of mask.window")
    if not captured:
        return Mask(Operation("attn.mask.constant true"))
    if by.shape is None and not -(2**61) <= by.value <= 2**61:
        raise ValueError(
            f"offset of mask.window is {by.value}; -2**61 to 2**61 is accepted"
        )
    if by.shape is not None or by.value != 0:
        pattern += f" offset({{{len(captured)}}} : {{t{len(captured)}}})"
        captured.append(by)
    return Mask(Operation(pattern, tuple(captured)))


def prefix(length: Any) -> Mask:
    """Keeps the first keys: ``j < length``; an integer, or an array with one per
    batch. A prefix language model is ``prefix(n) | causal()``."""
    captured = _per_batch(length, "length of mask.prefix")
    return Mask(Operation("attn.mask.prefix {0} : {t0}", (captured,)))


def padding(lengths: Any) -> Mask:
    """Keeps the valid keys: ``j < lengths[b]``, or ``j < lengths[b, i]``.

    `lengths` is an integer array of shape (B,) or (B, M).
    """
    captured = _forms.integers(lengths, "lengths of mask.padding", range(1, 65))
    captured = captured._replace(fits=_fit.per_query, join=_fit.join_leading)
    return Mask(Operation("attn.mask.padding {0} : {t0}", (captured,)))


def document(ids: Any, key_ids: Any = None) -> Mask:
    """Keeps pairs of one document: ``ids[i] == ids[j]``, or ``ids[i] == key_ids[j]``
    where keys have ids of their own.

    `ids` is an integer array of shape (length,) or (B, length), where length is at
    least M and N; with `key_ids` of such a shape, M and N apart.
    """
    pattern = "attn.mask.document {0} : {t0}"
    captured = [_ids(ids, "ids of mask.document", _fit.positions)]
    if key_ids is not None:
        pattern = "attn.mask.document {0} keys({1} : {t1}) : {t0}"
        captured = [
            captured[0]._replace(fits=_fit.queries),
            _ids(key_ids, "key_ids of mask.document", _fit.keys),
        ]
    return Mask(Operation(pattern, _of_one_type(captured)))


def _ids(value: Any, name: str, fits: Callable) -> Captured:
    captured = _forms.integers(value, name, range(1, 65))
    return captured._replace(fits=fits, join=_fit.join_leading)


def _of_one_type(captured: list[Captured]) -> tuple[Captured, ...]:
    wide = "i64" if any(c.element == "i64" for c in captured) else "i32"
    return tuple(c._replace(element=wide) for c in captured)


def document_offsets(offsets: Any, key_offsets: Any = None) -> Mask:
    """Keeps pairs of one document of packed sequences: document t is
    ``offsets[t] <= i < offsets[t + 1]``, and the same of j, or of j by `key_offsets`.

    `offsets` is an integer array of shape (documents + 1,) that does not decrease, the
    cu_seqlens of FlashAttention; `key_offsets`, its cu_seqlens_k, has as many entries.
    A position outside of all documents keeps nothing.
    """
    given = {"offsets": offsets, "key_offsets": key_offsets}
    captured = [
        _forms.integers(value, f"{name} of mask.document_offsets", (1,))
        for name, value in given.items()
        if value is not None or name == "offsets"
    ]
    for one in captured:
        if one.value.shape != captured[0].value.shape or one.value.shape[0] == 0:
            entries = "at least 1" if one is captured[0] else "as many as offsets"
            raise ValueError(
                f"{one.name} has {one.value.shape[0]} entries; {entries} is accepted"
            )
    keys = " keys({1} : {t1})" if len(captured) > 1 else ""
    pattern = f"attn.mask.document_offsets {{0}}{keys} : {{t0}}"
    return Mask(Operation(pattern, tuple(captured)))


def dilated(stride: int) -> Mask:
    """Keeps every stride-th distance: ``(i - j) % stride == 0``; `stride` is an integer
    of at least 1, which is compiled in."""
    step = _index(stride, "stride of mask.dilated")
    if step < 1:
        raise ValueError(f"stride of mask.dilated is {step}; it must be at least 1")
    return Mask(Operation(f"attn.mask.dilated stride = {step}"))


def block_sparse(layout: Any, block: Any) -> Mask:
    """Keeps whole blocks: ``layout[i // block_m, j // block_n]``.

    `layout` is a boolean array (query blocks, key blocks), or (H, query blocks, key
    blocks); `block` is (block_m, block_n), or an integer for both, compiled in.
    """
    name = "layout of mask.block_sparse"
    layout = _forms.array(layout, name)
    if _arrays.element(layout, name) != "i1":
        raise TypeError(f"{name} has type {layout.dtype}; booleans are accepted")
    if len(layout.shape) not in (2, 3):
        raise ValueError(f"{name} has rank {len(layout.shape)}; 2 or 3 is accepted")
    sizes = block if isinstance(block, (list, tuple)) else (block, block)
    if len(sizes) != 2:
        raise ValueError(f"block has {len(sizes)} sizes; (queries, keys) is accepted")
    sizes = tuple(_index(size, "block of mask.block_sparse") for size in sizes)
    if min(sizes) < 1:
        raise ValueError(
            f"block of mask.block_sparse is {sizes}; sizes of at least 1 are accepted"
        )
    fits = functools.partial(_fit.blocks, block=sizes)
    types = ("?",) * len(layout.shape)
    captured = Captured(layout, "i1", types, name=name, fits=fits)
    rows, columns = sizes
    pattern = f"attn.mask.block_sparse {{0}} block [{rows}, {columns}] : {{t0}}"
    return Mask(Operation(pattern, (captured,)))


def dense(keep: Any) -> Mask:
    """Keeps the pairs that a boolean array names. Its shape is aligned right with
    (B, H, M, N), or is (B, M, N) for attention without heads; a dimension of size 1
    is repeated."""
    return _dense(_forms.array(keep, "keep of mask.dense"), "keep of mask.dense")


def _dense(keep: Any, name: str) -> Mask:
    if _arrays.element(keep, name) != "i1":
        raise TypeError(f"{name} has type {keep.dtype}; booleans are accepted")
    if len(keep.shape) < 1:
        raise ValueError(f"{name} has rank 0; 1 to 4 is accepted")
    captured = Captured(keep, "i1", _fit.repeats(keep), "", name)
    captured = captured._replace(fits=_fit.broadcast, join=_fit.join_aligned)
    return Mask(Operation("attn.mask.dense {0} : {t0}", (captured,)))


def predicate(function: Callable[[Any, Any, Any, Any], Any]) -> Mask:
    """Keeps the pairs for which ``function(b, h, i, j)`` is true.

    The function is called once, with symbols for the indices, and its arithmetic
    is compiled: ``+ - * // % << >>``, comparisons, ``& | ^ ~``, abs, the elementwise
    functions of numpy and torch, attn.where, attn.minimum, attn.maximum, and arrays
    that it captures, indexed by these. Integers have 64 bits, floats are float64.
    An index past the end of an array reads 0.

    Raises TypeError where the function needs the value of an index, as ``if`` does.
    """
    return Mask(trace_predicate(function, "mask.predicate"))
