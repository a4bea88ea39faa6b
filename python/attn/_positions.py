# ===- _positions.py - frequencies of rotary embeddings --------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The scaled variants of rotary position embedding."""

from __future__ import annotations

import math
from typing import Any, Callable

import numpy

from .score import number


def rotary_frequencies(
    dim: int, base: float = 10000.0, scaling: dict[str, Any] | None = None
) -> tuple[numpy.ndarray, float]:
    """The angle per position of each pair of features, and a magnitude: what
    `rotary` takes as `frequencies` and `magnitude`.

    Args:
      dim: features, even.
      base: pair t of the plain embedding turns by ``base**(-2t / dim)``.
      scaling: how contexts longer than those of training are served, by the names
        of model configurations: ``{"rope_type": ..., "factor": f, ...}``.
        "linear" divides positions by f. "ntk" raises the base to
        ``base * f**(dim / (dim - 2))``. "yarn" (with
        "original_max_position_embeddings" and, by default, "beta_fast" 32,
        "beta_slow" 1) divides slow pairs alone, with magnitude ``0.1 ln f + 1``
        unless "attention_factor" says another. "llama3" (with
        "low_freq_factor", "high_freq_factor", "original_max_position_embeddings")
        divides wavelengths beyond those of training, smoothly.

    Returns:
      float64 of shape (dim / 2,), and the magnitude, 1 for all but yarn.
    """
    if not isinstance(dim, int) or dim < 2 or dim % 2:
        raise ValueError(f"dim is {dim!r}; an even integer of at least 2 is accepted")
    base = number(base, "base")
    plain = base ** (-numpy.arange(0, dim, 2) / dim)
    if scaling is None:
        return plain, 1.0
    given = dict(scaling)
    kind = given.pop("rope_type", None)
    if kind not in _VARIANTS:
        raise ValueError(
            f"rope_type is {kind!r}; accepted are {', '.join(map(repr, _VARIANTS))}"
        )
    needed, optional, compute = _VARIANTS[kind]
    missing = [name for name in ("factor", *needed) if name not in given]
    unknown = [n for n in given if n not in ("factor", *needed, *optional)]
    if missing or unknown:
        what = f"lacks '{missing[0]}'" if missing else f"has unknown '{unknown[0]}'"
        raise ValueError(f"scaling of rope_type '{kind}' {what}")
    values = {name: number(value, name) for name, value in given.items()}
    return compute(plain, dim, base, **values)


def _linear(plain, dim, base, factor):
    return plain / factor, 1.0


def _ntk(plain, dim, base, factor):
    if dim < 4:
        raise ValueError(f"dim is {dim}; ntk scaling takes at least 4")
    raised = base * factor ** (dim / (dim - 2))
    return raised ** (-numpy.arange(0, dim, 2) / dim), 1.0


def _yarn(
    plain,
    dim,
    base,
    factor,
    original_max_position_embeddings,
    beta_fast=32.0,
    beta_slow=1.0,
    attention_factor=None,
):
    def pair_that_turns(rotations: float) -> float:
        """The pair that makes so many turns over the original length."""
        per_turn = original_max_position_embeddings / (rotations * 2 * math.pi)
        return dim * math.log(per_turn) / (2 * math.log(base))

    first = max(math.floor(pair_that_turns(beta_fast)), 0)
    last = min(math.ceil(pair_that_turns(beta_slow)), dim - 1)
    pairs = numpy.arange(dim // 2)
    slow = numpy.clip((pairs - first) / max(last - first, 1e-3), 0, 1)
    if attention_factor is None:
        attention_factor = 0.1 * math.log(factor) + 1 if factor > 1 else 1.0
    return plain / factor * slow + plain * (1 - slow), attention_factor


def _llama3(
    plain,
    dim,
    base,
    factor,
    low_freq_factor,
    high_freq_factor,
    original_max_position_embeddings,
):
    if low_freq_factor == high_freq_factor:
        raise ValueError("low_freq_factor and high_freq_factor are equal")
    turns = original_max_position_embeddings * plain / (2 * math.pi)
    fast = (turns - low_freq_factor) / (high_freq_factor - low_freq_factor)
    fast = numpy.clip(fast, 0, 1)
    return plain / factor * (1 - fast) + plain * fast, 1.0


_LENGTH = "original_max_position_embeddings"
#: Names that each variant needs and may have, and what it computes.
_VARIANTS: dict[str, tuple[tuple[str, ...], tuple[str, ...], Callable]] = {
    "linear": ((), (), _linear),
    "ntk": ((), (), _ntk),
    "yarn": ((_LENGTH,), ("beta_fast", "beta_slow", "attention_factor"), _yarn),
    "llama3": (("low_freq_factor", "high_freq_factor", _LENGTH), (), _llama3),
}
