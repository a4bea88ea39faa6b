# ===- numerics.py - attention by the formula, in float64 -----------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the functions of attn compute, written with numpy in float64, and how far a
result may be off."""

import numpy as np

#: Half the distance from 1 to the next number.
UNIT = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11}
UNIT["bfloat16"] = 2.0**-8


def as_float64(array):
    """An array of numpy or torch, exactly."""
    if hasattr(array, "detach"):
        array = array.detach().double().numpy()
    return np.asarray(array, np.float64)


def repeat_heads(array, heads):
    """Key/value heads (B, Hkv, N, D) repeated for their groups of query heads."""
    return np.repeat(array, heads // array.shape[1], axis=1)


def softmax(scores, keep=True):
    """Weights and log-sum-exp of the rows; rows without a key are 0 and -inf."""
    scores = np.where(keep, scores, -np.inf)
    top = scores.max(axis=-1, keepdims=True, initial=-np.inf)
    shifted = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = shifted.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        lse = np.where(total > 0, np.log(total) + top, -np.inf)[..., 0]
        return np.where(total > 0, shifted / total, 0), lse


def attention(q, k, v, keep=True, scale=None, modify=lambda s: s):
    """(output, lse, weights) of (B, H, M, D) queries."""
    q, k, v = map(as_float64, (q, k, v))
    k, v = (repeat_heads(a, q.shape[1]) for a in (k, v))
    scale = max(q.shape[-1], 1) ** -0.5 if scale is None else scale
    scores = modify(scale * q @ k.swapaxes(-1, -2))
    weights, lse = softmax(scores, keep)
    return weights @ v, lse, weights


def indices(batch, heads, queries, keys):
    """b, h, i, j of all pairs, broadcasting to (B, H, M, N)."""
    return np.ogrid[:batch, :heads, :queries, :keys]


def assert_close(actual, expected, spread=1.0, factor=64, weighted=0.0):
    """Compares with float64: off by at most `factor` rounding units of `spread`, the
    largest magnitude in the sum, beyond the rounding of the result itself, and of
    weights to the result's type, where `weighted` is the sum of w |v|."""
    name = str(actual.dtype).removeprefix("torch.")
    found = as_float64(actual)
    assert found.shape == expected.shape
    assert np.array_equal(np.isfinite(found), np.isfinite(expected))
    finite = np.isfinite(expected)
    assert np.array_equal(found[~finite], expected[~finite])
    inner = UNIT["float64" if name == "float64" else "float32"]
    rounded = np.broadcast_to(weighted, expected.shape) + 2 * np.abs(expected)
    bound = factor * inner * spread + UNIT[name] * rounded[finite]
    error = np.abs(found[finite] - expected[finite])
    assert (error <= bound + 2.0**-24 * (name == "float16")).all(), (
        f"off by {error.max():.3g}, {(error / bound).max():.3g} times the bound"
    )
