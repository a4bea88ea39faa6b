# ===- score.py - what becomes of a score ----------------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Score modifiers: functions of (score, b, h, i, j) to a score.

They apply in the order given, before the mask, to scores in natural units, in
float32 (float64 for float64 inputs).
"""

from __future__ import annotations

import math
import numbers
from typing import Any, Callable

from . import _forms
from ._forms import Captured, Modifier, Operation, Sizes
from ._region import trace_score

__all__ = ["Score", "alibi", "bias", "map", "softcap"]


class Score(Modifier):
    """A function of (score, b, h, i, j) to a score."""


def as_scores(value: Any, name: str = "score") -> tuple[Score, ...]:
    """The modifiers of ``score=``: None, one, or a list."""
    if value is None:
        return ()
    given = value if isinstance(value, (list, tuple)) else (value,)
    for one in given:
        if not isinstance(one, Score):
            raise TypeError(
                f"{name} holds a {type(one).__name__}; modifiers of attn.score are "
                "accepted, one or a list"
            )
    return tuple(given)


def number(value: Any, name: str) -> float:
    """A finite number greater than 0."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} is a {type(value).__name__}; a number is accepted")
    if not 0 < value < math.inf:
        raise ValueError(f"{name} is {value}; it must be finite and greater than 0")
    return float(value)


def softcap(cap: float) -> Score:
    """``cap * tanh(score / cap)``; `cap` is greater than 0."""
    captured = Captured(number(cap, "cap of score.softcap"), "acc")
    return Score(Operation("attn.score.softcap {0} : {t0}", (captured,)))


def alibi(slopes: Any) -> Score:
    """``score - slopes[h] * |i - j|``; `slopes` is a float array of shape (H,)."""
    captured = _forms.floats(slopes, "slopes of score.alibi", (1,))
    captured = captured._replace(element="acc")

    def check(sizes: Sizes) -> None:
        if captured.value.shape[0] != sizes.heads:
            raise ValueError(
                f"slopes of score.alibi has {captured.value.shape[0]} entries; there "
                f"must be one per head, {sizes.heads}"
            )

    return Score(Operation("attn.score.alibi {0} : {t0}", (captured,), check))


def bias(values: Any) -> Score:
    """``score + values[b, h, i, j]``. The array's shape is aligned right with
    (B, H, M, N); a dimension of size 1 is repeated."""
    name = "values of score.bias"
    captured = _forms.floats(values, name, (1, 2, 3, 4))
    values = captured.value
    captured = captured._replace(shape=_forms.broadcast_shape(values))
    return Score(
        Operation(
            "attn.score.bias {0} : {t0}",
            (captured,),
            lambda sizes: _forms.check_broadcast(values, name, sizes),
        )
    )


def map(function: Callable[[Any, Any, Any, Any, Any], Any]) -> Score:
    """``function(score, b, h, i, j)``, compiled as attn.mask.predicate does; floats
    have the type of scores."""
    return Score(trace_score(function, "score.map"))
