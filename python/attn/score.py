# ===- score.py - what becomes of a score ----------------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Score modifiers: functions of (score, b, h, i, j) to a score.

They apply in the order given, before the mask, to scores in natural units, in
float32 (float64 for float64 inputs).
"""

from __future__ import annotations

import inspect
import math
import numbers
from typing import Any, Callable

from . import _fit, _forms
from ._expr import Expr, argument, constant
from ._forms import Captured, Modifier, Operation
from ._region import Region, trace_score, trace_weight
from ._symbol import capture, maximum, minimum

__all__ = [
    "Score",
    "alibi",
    "bias",
    "bucketed_bias",
    "image_bias",
    "map",
    "relative_bias",
    "relu",
    "sigmoid",
    "softcap",
]


class Score(Modifier):
    """A function of (score, b, h, i, j) to a score."""


def as_scores(value: Any, name: str = "score") -> tuple[Score, ...]:
    """The modifiers of ``score=``: None, one, or a list."""
    if value is None:
        return ()
    given = value if isinstance(value, (list, tuple)) else (value,)
    for one in given:
        if not isinstance(one, Score):
            made = "; attn.score.map makes one of a function" if callable(one) else ""
            raise TypeError(
                f"{name} holds a {type(one).__name__}; modifiers of attn.score are "
                f"accepted, one or a list{made}"
            )
    return tuple(given)


def number(value: Any, name: str) -> float:
    """A finite number greater than 0."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} is a {type(value).__name__}; a number is accepted")
    if not 0 < value < math.inf:
        raise ValueError(f"{name} is {value}; it must be finite and greater than 0")
    return float(value)


def count(value: Any, name: str, least: int = 1) -> int:
    """An integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} is a {type(value).__name__}; an integer is accepted")
    if value < least:
        raise ValueError(f"{name} is {value}; it must be at least {least}")
    return int(value)


def softcap(cap: float) -> Score:
    """``cap * tanh(score / cap)``; `cap` is greater than 0."""
    limit = constant(number(cap, "cap of score.softcap"), "acc")
    score = argument("score", "acc")
    squashed = Expr("tanh", "acc", (Expr("div", "acc", (score, limit)),))
    # A constant, since a bound that the compiler knows lets it drop the maximum.
    return Score(Region(Expr("mul", "acc", (limit, squashed)), (), is_score=True))


def alibi(slopes: Any) -> Score:
    """``score - slopes[h] * |i - j|``; `slopes` is a float array of shape (H,)."""
    captured = _forms.floats(slopes, "slopes of score.alibi", (1,))
    captured = captured._replace(element="acc", fits=_fit.per_head)
    return Score(Operation("attn.score.alibi {0} : {t0}", (captured,)))


def bias(values: Any) -> Score:
    """``score + values[b, h, i, j]``. The array's shape is aligned right with
    (B, H, M, N), or is (B, M, N) for attention without heads; a dimension of size 1
    is repeated."""
    name = "values of score.bias"
    captured = _forms.floats(values, name, range(1, 65))
    captured = captured._replace(
        shape=_fit.repeats(captured.value), fits=_fit.broadcast, join=_fit.join_aligned
    )
    return Score(Operation("attn.score.bias {0} : {t0}", (captured,)))


def _table(values: Any, name: str, dims: int) -> Captured:
    """A table of `dims` dimensions, or one per head."""
    captured = _forms.floats(values, name, (dims, dims + 1))
    shape = tuple(str(size) for size in captured.value.shape)
    fits = _fit.tables if len(shape) > dims else None
    return captured._replace(shape=shape, fits=fits)


def relative_bias(table: Any) -> Score:
    """``score + table[h, clamp(j - i, -R, R) + R]``; `table` is (H, 2R + 1), or
    (2R + 1,) for all heads: learned relative positions."""
    name = "table of score.relative_bias"
    captured = _table(table, name, 1)
    length = captured.value.shape[-1]
    if length % 2 == 0:
        raise ValueError(f"{name} has {length} entries per head; 2R + 1 is accepted")
    return Score(Operation("attn.score.relative_bias {0} : {t0}", (captured,)))


def bucketed_bias(table: Any, max_distance: int = 128, causal: bool = False) -> Score:
    """The relative bias of T5: ``score + table[h, bucket(j - i)]``.

    `table` is (H, buckets) or (buckets,): the transpose of the embedding
    `relative_attention_bias` of T5. Near distances have a bucket each, farther ones
    share buckets that grow up to `max_distance`. An encoder has half of the buckets
    for each direction; with `causal`, as in a decoder, all are for the past.
    """
    name = "table of score.bucketed_bias"
    captured = _table(table, name, 1)
    buckets, smallest = captured.value.shape[-1], 2 if causal else 4
    if buckets == 0 or buckets % smallest:
        raise ValueError(
            f"{name} has {buckets} buckets; a multiple of {smallest} is accepted"
        )
    reach = count(max_distance, "max_distance")
    if reach <= buckets // smallest:
        raise ValueError(
            f"max_distance is {reach}; it must be more than the "
            f"{buckets // smallest} distances with a bucket of their own"
        )
    suffix = " causal" if causal else ""
    pattern = f"attn.score.bucketed_bias {{0}} max_distance = {reach}{suffix} : {{t0}}"
    return Score(Operation(pattern, (captured,)))


def image_bias(table: Any, width: int) -> Score:
    """Relative bias of pixels: ``score + table[h, y_j - y_i + R, x_j - x_i + S]`` for
    position p at (p // width, p % width). Swin transformers store it by y_i - y_j and
    x_i - x_j: theirs is ``table.flip(-2, -1)``.

    `table` is (H, 2R + 1, 2S + 1), or without H for all heads; differences beyond are
    clamped.
    """
    name = "table of score.image_bias"
    captured = _table(table, name, 2)
    table = captured.value
    sizes = tuple(table.shape[-2:])
    if any(size % 2 == 0 for size in sizes):
        raise ValueError(f"{name} has last sizes {sizes}; odd sizes are accepted")
    width, bias, per_head = (
        count(width, "width"),
        capture(table),
        len(table.shape) == 3,
    )

    def entry(difference, size):
        reach = size // 2
        return minimum(maximum(difference, -reach), reach) + reach

    def add(score, b, h, i, j):
        y = entry(j // width - i // width, sizes[0])
        x = entry(j % width - i % width, sizes[1])
        return score + (bias[h, y, x] if per_head else bias[y, x])

    form = trace_score(add, "score.image_bias")
    # The width is captured, too.
    operands = tuple(
        c._replace(fits=captured.fits, name=name) if c.value is table else c
        for c in form.captured
    )
    return Score(Region(form.result, operands, is_score=True))


def sigmoid() -> Score:
    """``1 / (1 + exp(-score))``."""
    return Score(Operation("attn.score.sigmoid"))


def relu() -> Score:
    """``max(score, 0)``."""
    return Score(Operation("attn.score.relu"))


def map(function: Callable[[Any, Any, Any, Any, Any], Any]) -> Score:
    """``function(score, b, h, i, j)``, compiled as attn.mask.predicate does; floats
    have the type of scores."""
    return Score(trace_score(function, "score.map"))


def of_distance(function: Callable) -> Score:
    """The weights of a kernel, ``function(u)`` or ``function(u, b, h, i, j)``."""
    try:
        inspect.signature(function).bind(*range(5))
        takes_pairs = True
    except (TypeError, ValueError):
        takes_pairs = False
    return Score(trace_weight(function, "kernel", takes_pairs))
