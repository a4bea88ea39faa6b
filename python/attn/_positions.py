# ===- _positions.py - tables and embeddings of positions -------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The sinusoidal table, and rotary position embedding with its scaled variants."""

from __future__ import annotations

import math
from typing import Any, Callable

import numpy

from . import _arrays, _forms
from ._attention import dynamic
from ._execute import execute, keep_gradient_visible
from ._forms import FunctionText
from .score import count, number


def sinusoid(length: int, dim: int) -> Any:
    """The sinusoidal position table, float32 of numpy, (length, dim).

    ``table[p, 2t] = sin(p / 10000**(2t / dim))``, ``table[p, 2t + 1]`` its cosine.
    """
    length, dim = count(length, "length", 0), count(dim, "dim")
    type = f"tensor<?x{dim}xf32>"

    def write(function: FunctionText):
        text = f"attn.sinusoid length({function.argument('index')}) : {type}"
        return function.values(1, text), [type]

    outputs = [((length, dim), "f32")]
    framework = _arrays.numpy_arrays
    return execute(framework, ("sinusoid", dim), "f32", write, [length], outputs)[0]


def rotary(
    x: Any,
    positions: Any = None,
    interleaved: bool = False,
    base: float = 10000.0,
    frequencies: Any = None,
    magnitude: float = 1.0,
) -> Any:
    """Rotary position embedding.

    Args:
      x: (..., length, D), D even.
      positions: integers (length,) or (B, length); 0, 1, 2, ... by default.
      interleaved: whether feature pairs are (2t, 2t+1); else (t, t + D/2).
      base: pair t of position p turns by ``p / base**(2t / D)``.
      frequencies: floats (D / 2,): pair t turns by ``p * frequencies[t]`` instead.
        attn.rotary_frequencies gives those of the scaled variants, with a magnitude.
      magnitude: factor of the result, for YaRN.

    Returns an array like x.
    """
    framework, element = _arrays.common(x=x)
    shape = tuple(x.shape)
    if len(shape) < 2:
        raise ValueError(f"x has rank {len(shape)}; at least (length, D) is accepted")
    if shape[-1] == 0 or shape[-1] % 2:
        raise ValueError(f"x has head size {shape[-1]}; it must be even, at least 2")
    base = number(base, "base")
    magnitude = number(magnitude, "magnitude")
    type = dynamic(x, element)
    angles = None
    if frequencies is not None:
        angles = _forms.floats(frequencies, "frequencies", (1,))
        if angles.value.shape[0] != shape[-1] // 2:
            raise ValueError(
                f"frequencies has {angles.value.shape[0]} entries; there must be one "
                f"per pair, {shape[-1] // 2}"
            )
    captured = None
    if positions is not None:
        captured = _forms.integers(positions, "positions", (1, 2))
        _check_positions(tuple(captured.value.shape), shape)

    def write(function: FunctionText):
        text = f"attn.rotary {function.argument(type)}"
        if captured is not None:
            of = captured.type("f32")
            text += f" positions({function.argument(of)} : {of})"
        if angles is not None:
            of = angles.type("f32")
            text += f" frequencies({function.argument(of)} : {of})"
        text += " interleaved" if interleaved else ""
        text += f" base = {base:.17e} magnitude = {magnitude:.17e} : {type} -> {type}"
        return function.values(1, text), [type]

    given = [c for c in (captured, angles) if c is not None]
    kinds = tuple(None if c is None else c.type("f32") for c in (captured, angles))
    key = ("rotary", type, kinds, bool(interleaved), base, magnitude)
    inputs = [x, *(c.current("f32") for c in given)]
    results = execute(framework, key, "f32", write, inputs, [(shape, element)])
    return keep_gradient_visible(framework, results, [x])[0]


def _check_positions(positions: tuple[int, ...], shape: tuple[int, ...]) -> None:
    if positions[-1] != shape[-2]:
        raise ValueError(
            f"positions has {positions[-1]} entries, x has {shape[-2]} positions"
        )
    if len(positions) == 2 and (len(shape) < 3 or positions[0] != shape[0]):
        raise ValueError(
            f"positions has shape {positions}; its first size must be the batch size "
            f"of x, which has shape {shape}"
        )


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
