# ===- test_additive.py - additive scores over the whole range of f32 --------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sums of tanh are made from exponentials where these stay in range, and by tanh
where not: both, and the border between them, against float64."""

import attn
import numpy as np
import pytest
from numerics import UNIT, as_float64, softmax


def weights_of(q, k, w):
    scores = np.tanh(as_float64(q)[:, None] + as_float64(k)[None]) @ as_float64(w)
    return softmax(scores)[0]


@pytest.mark.parametrize("size", [1, 3, 8, 33])
@pytest.mark.parametrize("amplitude", [1e-4, 1.0, 20.0, 42.9, 60.0, 1e4])
def test_amplitudes(amplitude, size):
    random = np.random.default_rng(0)
    q, k = (random.uniform(-1, 1, (n, size)).astype(np.float32) for n in (70, 130))
    w = random.standard_normal(size).astype(np.float32)
    q, k = q * np.float32(amplitude), k * np.float32(amplitude)
    # Sums near 0 of large terms, where cancellation would show.
    k[:70] = -q + random.uniform(-1, 1, q.shape).astype(np.float32)
    v = np.eye(130, dtype=np.float32)
    found = attn.additive(q, k, v, w)
    expected = weights_of(q, k, w)
    # q + k is rounded once; then a few units for each feature.
    unit = UNIT["float32"] * (16 + min(amplitude, 16)) * (np.abs(w).sum() + 1)
    np.testing.assert_allclose(found, expected, rtol=2 * unit, atol=1e-9)


@pytest.mark.parametrize("amplitude", [1.0, 40.0])
def test_large_weights(amplitude):
    """Numerators of fractions, larger by a weight, leave the range before scores do."""
    random = np.random.default_rng(2)
    q, k = (random.uniform(-1, 1, (n, 8)).astype(np.float32) for n in (20, 30))
    q, k = q * np.float32(amplitude), k * np.float32(amplitude)
    w = random.standard_normal(8).astype(np.float32) * np.float32(1e30)
    _, lse = attn.additive(q, k, k, w, return_lse=True)
    expected = np.tanh(as_float64(q)[:, None] + as_float64(k)[None]) @ as_float64(w)
    np.testing.assert_allclose(lse, expected.max(-1), rtol=1e-5)


@pytest.mark.parametrize("place", ["query", "key"])
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_values_that_are_not_finite(value, place):
    random = np.random.default_rng(1)
    q, k = (random.standard_normal((n, 8)).astype(np.float32) for n in (5, 9))
    w = random.standard_normal(8).astype(np.float32)
    (q if place == "query" else k)[2, 3] = value
    found = attn.additive(q, k, np.eye(9, dtype=np.float32), w)
    expected = weights_of(q, k, w)
    if np.isnan(value):
        assert np.isnan(found[2]).all()
        assert np.isnan(found).all() == (place == "key")
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-5)
