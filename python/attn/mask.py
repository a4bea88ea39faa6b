# ===- mask.py - which keys a query sees -----------------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Masks: predicates over (b, h, i, j), combined by ``&``, ``|`` and ``~``.

A mask is a description: nothing of size M x N is built. Arrays that it holds are
read anew at each call, and new values, lengths and windows need no compilation.

>>> m = attn.mask.causal() & attn.mask.window(past=4096)
"""

from __future__ import annotations

import operator
from typing import Any, Callable

from . import _arrays, _forms
from ._forms import Captured, Combination, Form, Modifier, Operation, Sizes
from ._region import trace_predicate

__all__ = [
    "Mask",
    "causal",
    "dense",
    "document",
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


def _per_batch(value: Any, name: str) -> tuple[Captured, Callable | None]:
    """An integer, or an array with one per batch, and its check."""
    if _arrays.framework(value) is None and not isinstance(value, (list, tuple)):
        return Captured(_index(value, name), "index"), None
    captured = _forms.integers(value, name, (0, 1))
    if not captured.shape:
        return Captured(_index(value, name), "index"), None
    return captured, lambda s: _forms.check_per_batch(captured.value, name, s)


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
    captured, check = _per_batch(offset, "offset of mask.causal")
    if captured.shape is None:
        # No pair of indices is further apart, and i + offset does not wrap round.
        captured = captured._replace(value=max(-(2**62), min(captured.value, 2**62)))
    return Mask(Operation("attn.mask.causal offset({0} : {t0})", (captured,), check))


def window(past: int | None = None, future: int | None = None) -> Mask:
    """Keeps ``i - past <= j <= i + future``; None leaves a side unbounded."""
    captured = tuple(
        Captured(_side(value, f"{side} of mask.window"), "index")
        for side, value in (("past", past), ("future", future))
        if value is not None
    )
    pattern = "attn.mask.window"
    if past is not None:
        pattern += " past({0})"
    if future is not None:
        pattern += f" future({{{len(captured) - 1}}})"
    if not captured:
        pattern = "attn.mask.constant true"
    return Mask(Operation(pattern, captured))


def prefix(length: Any) -> Mask:
    """Keeps the first keys: ``j < length``; an integer, or an array with one per
    batch. A prefix language model is ``prefix(n) | causal()``."""
    captured, check = _per_batch(length, "length of mask.prefix")
    return Mask(Operation("attn.mask.prefix {0} : {t0}", (captured,), check))


def padding(lengths: Any) -> Mask:
    """Keeps the valid keys: ``j < lengths[b]``, or ``j < lengths[b, i]``.

    `lengths` is an integer array of shape (B,) or (B, M).
    """
    captured = _forms.integers(lengths, "lengths of mask.padding", (1, 2))

    def check(sizes: Sizes) -> None:
        shape = tuple(captured.value.shape)
        if shape != (sizes.batch, sizes.queries)[: len(shape)]:
            raise ValueError(
                f"lengths of mask.padding has shape {shape}; (batch,) or (batch, "
                f"queries) is accepted, here ({sizes.batch}, {sizes.queries})"
            )

    return Mask(Operation("attn.mask.padding {0} : {t0}", (captured,), check))


def document(ids: Any) -> Mask:
    """Keeps pairs of one document: ``ids[i] == ids[j]``.

    `ids` is an integer array of shape (length,) or (B, length), where length is at
    least M and N.
    """
    captured = _forms.integers(ids, "ids of mask.document", (1, 2))

    def check(sizes: Sizes) -> None:
        shape = tuple(captured.value.shape)
        needed = max(sizes.queries, sizes.keys)
        if shape[-1] < needed:
            raise ValueError(
                f"ids of mask.document has {shape[-1]} entries; at least {needed} are "
                f"needed for {sizes.queries} queries and {sizes.keys} keys"
            )
        if len(shape) == 2:
            _forms.check_per_batch(captured.value, "ids of mask.document", sizes)

    return Mask(Operation("attn.mask.document {0} : {t0}", (captured,), check))


def dense(keep: Any) -> Mask:
    """Keeps the pairs that a boolean array names. Its shape is aligned right with
    (B, H, M, N), or is (B, M, N) for attention without heads; a dimension of size 1
    is repeated."""
    return _dense(_forms.array(keep, "keep of mask.dense"), "keep of mask.dense")


def _dense(keep: Any, name: str) -> Mask:
    if _arrays.element(keep, name) != "i1":
        raise TypeError(f"{name} has type {keep.dtype}; booleans are accepted")
    if not 1 <= len(keep.shape) <= 4:
        raise ValueError(f"{name} has rank {len(keep.shape)}; 1 to 4 is accepted")
    captured = Captured(keep, "i1", _forms.broadcast_shape(keep), name=name)
    return Mask(
        Operation(
            "attn.mask.dense {0} : {t0}",
            (captured,),
            lambda sizes: _forms.check_broadcast(keep, name, sizes),
        )
    )


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
