# ===- test_positions.py - rotary variants and relative biases ---------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Positions in scores and in features, against the formulas in float64."""

import math

import attn
import numpy as np
import pytest
from numerics import assert_close, attention, indices


def inputs(heads=2, queries=30, keys=40, size=8):
    random = np.random.default_rng(3)
    return tuple(
        random.standard_normal((1, heads, n, size)).astype(np.float32)
        for n in (queries, keys, keys)
    )


def table(*shape):
    return np.random.default_rng(4).standard_normal(shape).astype(np.float32)


def close(score, modify):
    q, k, v = inputs()
    expected, _, _ = attention(q, k, v, modify=modify)
    assert_close(attn.scaled_dot_product(q, k, v, score=score), expected, 16)


def test_learned_relative_bias():
    bias = table(2, 9)
    b, h, i, j = indices(1, 2, 30, 40)
    close(
        attn.score.relative_bias(bias), lambda s: s + bias[h, np.clip(j - i, -4, 4) + 4]
    )


def t5_bucket(relative, buckets, max_distance, causal):
    """The formula of the T5 paper's code, in float64, one distance at a time."""
    side, start = (buckets, 0) if causal else (buckets // 2, 0)
    if not causal and relative > 0:
        start = side
    distance = max(-relative, 0) if causal else abs(relative)
    exact = side // 2
    if distance < exact:
        return start + distance
    growth = math.log(distance / exact) / math.log(max_distance / exact)
    return start + min(exact + int(growth * (side - exact) + 1e-9), side - 1)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("buckets, reach", [(32, 128), (8, 20)])
def test_buckets_of_t5(causal, buckets, reach):
    bias = table(2, buckets)
    b, h, i, j = indices(1, 2, 30, 40)
    bucket = np.array(
        [
            [t5_bucket(y - x, buckets, reach, causal) for y in range(40)]
            for x in range(30)
        ]
    )
    close(
        attn.score.bucketed_bias(bias, reach, causal),
        lambda s: s + bias[h, bucket[i, j]],
    )


def test_bias_of_an_image():
    bias = table(2, 5, 7)
    b, h, i, j = indices(1, 2, 30, 40)
    rows = np.clip(j // 6 - i // 6, -2, 2) + 2
    columns = np.clip(j % 6 - i % 6, -3, 3) + 3
    close(attn.score.image_bias(bias, width=6), lambda s: s + bias[h, rows, columns])


def rotate(x, frequencies, interleaved=False):
    angle = np.arange(x.shape[-2])[:, None] * frequencies
    pair = (slice(0, None, 2), slice(1, None, 2))
    if not interleaved:
        half = x.shape[-1] // 2
        pair = (slice(0, half), slice(half, None))
    a, b = (x[..., p].astype(np.float64) for p in pair)
    out = np.empty(x.shape)
    out[..., pair[0]] = a * np.cos(angle) - b * np.sin(angle)
    out[..., pair[1]] = a * np.sin(angle) + b * np.cos(angle)
    return out


YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize(
    "scaling",
    [
        None,
        {"rope_type": "linear", "factor": 2.0},
        {"rope_type": "ntk", "factor": 2.0},
        YARN,
        LLAMA3,
    ],
    ids=lambda s: s["rope_type"] if s else "plain",
)
def test_rotary_variants(scaling, interleaved):
    x = inputs(size=16)[0]
    frequencies, magnitude = attn.rotary_frequencies(16, scaling=scaling)
    result = attn.rotary(
        x, interleaved=interleaved, frequencies=frequencies, magnitude=magnitude
    )
    assert_close(result, magnitude * rotate(x, frequencies, interleaved), 8)


def test_frequencies_by_their_definitions():
    plain, one = attn.rotary_frequencies(64)
    np.testing.assert_allclose(plain, 10000.0 ** (-np.arange(32) / 32))
    assert one == 1
    linear, _ = attn.rotary_frequencies(
        64, scaling={"rope_type": "linear", "factor": 4}
    )
    np.testing.assert_allclose(linear, plain / 4)
    ntk, _ = attn.rotary_frequencies(64, scaling={"rope_type": "ntk", "factor": 4})
    # The fastest pair stays, the slowest is interpolated in full.
    np.testing.assert_allclose(ntk[[0, -1]], [plain[0], plain[-1] / 4])
    for scaling in (YARN, LLAMA3):
        scaled, magnitude = attn.rotary_frequencies(64, scaling=scaling)
        # Fast pairs stay, slow ones are divided, none leaves that range.
        np.testing.assert_allclose(scaled[0], plain[0])
        np.testing.assert_allclose(scaled[-1], plain[-1] / scaling["factor"])
        assert (scaled <= plain * (1 + 1e-12)).all()
        assert (scaled >= plain / scaling["factor"] * (1 - 1e-12)).all()
        yarn = scaling is YARN
        assert magnitude == pytest.approx(0.1 * math.log(4) + 1 if yarn else 1)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: attn.rotary_frequencies(7), "dim is 7"),
        (
            lambda: attn.rotary_frequencies(8, scaling={"rope_type": "x"}),
            "rope_type is",
        ),
        (
            lambda: attn.rotary_frequencies(8, scaling={"rope_type": "ntk"}),
            "lacks 'factor'",
        ),
        (lambda: attn.rotary(table(3, 8), frequencies=table(3)), "one per pair, 4"),
        (lambda: attn.score.relative_bias(table(4)), "has 4 entries"),
        (lambda: attn.score.bucketed_bias(table(6)), "multiple of 4"),
        (lambda: attn.score.bucketed_bias(table(8), 2), "max_distance is 2"),
        (lambda: attn.score.image_bias(table(4, 5), 3), "odd sizes"),
        (lambda: attn.score.image_bias(table(5, 5), 0), "width is 0"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()
