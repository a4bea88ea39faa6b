# ===- test_few_queries_tiles.py - few queries of bf16 on tile registers ------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attention of bf16 with few queries, where tile registers take keys as they lie and
weights are turned, against the fp64 reference: tiles of keys that are not whole, parts
of keys, and all that acts on scores between the products."""

import math
import re

import numpy as np
import pytest
from attnc import attnc, check, skip_unless_runs
from test_matrix import MASKS, SCORES, lengths
from test_planted_mistakes import assert_caught
from test_tile_registers import TARGET, bf16_attention, counts_padding

BOTH = ("output", "lse")


@pytest.fixture(scope="module", autouse=True)
def machine():
    skip_unless_runs(bf16_attention(), lengths((64, 64)), TARGET)


def few(queries=5, heads=4, kv_heads=2, head_size=32, **arguments):
    return bf16_attention(
        queries=queries,
        heads=heads,
        kv_heads=kv_heads,
        head_size=head_size,
        **arguments,
    )


def products(text):
    ir = attnc("compile", text, TARGET, "-o", "-", "--stop-after=vectorize")
    return ir.stdout.count("amx.tile_mulf")


def test_products_are_on_tiles():
    """Of whole tiles of keys and of padded ones: two of scores, two of values."""
    assert products(few(keys=100)) == 8
    assert products(few(queries=1, keys=100)) == 0


@pytest.mark.parametrize("keys", [0, 1, 31, 32, 33, 64, 1024, 1057, 2100])
@pytest.mark.parametrize("mask", ["none", "causal"])
def test_numbers_of_keys(keys, mask):
    check(few(mask=mask, results=BOTH), {"N": keys}, TARGET)


@pytest.mark.parametrize("queries", [3, 4, 8, 9, 17, 33, 63])
@pytest.mark.parametrize("keys", ["?", 128])
def test_numbers_of_queries(queries, keys):
    text = few(queries=queries, keys=keys, mask="bottom_right", results=BOTH)
    check(text, {"N": 150} if keys == "?" else {}, TARGET)


@pytest.mark.parametrize(
    "head_size, value_size", [(32, 16), (96, 48), (128, 128), (64, 192), (256, 16)]
)
def test_head_sizes(head_size, value_size):
    text = few(head_size=head_size, value_size=value_size)
    assert products(text) > 0
    check(text, {"N": 201}, TARGET)


@pytest.mark.parametrize("head_size, value_size", [(48, 32), (64, 40), (33, 16)])
def test_head_sizes_without_whole_tiles(head_size, value_size):
    text = few(head_size=head_size, value_size=value_size, mask="window")
    assert products(text) == 0
    check(text, {"N": 201}, TARGET)


@pytest.mark.parametrize("mask", MASKS)
def test_masks(mask):
    check(few(queries=9, mask=mask, results=BOTH), {"N": 201}, TARGET)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("mask", ["none", "window"])
def test_scores(score, mask):
    text = few(heads=2, kv_heads=1, queries=9, score=score, mask=mask)
    check(text, {"N": 201}, TARGET)


@pytest.mark.parametrize("mask", ["none", "causal"])
@pytest.mark.parametrize("sink", [-3.0, 40.0, -math.inf])
def test_sinks(sink, mask):
    value = "0xFF80" if math.isinf(sink) else sink
    text = few(heads=1, kv_heads=1, queries=9, mask=mask, results=BOTH)
    text = text.replace("\n        :", " sink(%sink : tensor<1xbf16>) :", 1).replace(
        "%output", f"%sink = arith.constant dense<{value}> : tensor<1xbf16>\n%output", 1
    )
    check(text, {"N": 201}, TARGET)


@pytest.mark.parametrize("heads, kv_heads", [(1, 1), (6, 2), (8, 1), (16, 2)])
@pytest.mark.parametrize("layout", [None, "bmhd"])
def test_groups(heads, kv_heads, layout):
    text = few(queries=8, heads=heads, kv_heads=kv_heads, layout=layout, mask="causal")
    check(text, {"N": 201}, TARGET)


@pytest.mark.parametrize("scale", [1e-3, 8.0, 300.0])
def test_scales(scale):
    """Up to where one key of each row has all of the weight."""
    text = few(extra_operand=f" scale = {scale}", results=BOTH)
    check(text, {"N": 1100}, TARGET)


def as_bf16(array):
    """As .npy files hold bf16."""
    words = np.ascontiguousarray(array, np.float32).view(np.uint32)
    return (words >> 16).astype(np.uint16).view("V2")


@pytest.fixture
def files(tmp_path):
    """The flags that give arrays as arguments of the same names."""

    def write(**arrays):
        flags = []
        for name, array in arrays.items():
            np.save(tmp_path / f"{name}.npy", as_bf16(array))
            flags += ["--arg", f"{name}={tmp_path / name}.npy"]
        return flags

    return write


POSITIONS = np.arange(1100) / 1100
TRENDS = {
    "rising": 40 * POSITIONS,
    "falling": -40 * POSITIONS,
    "jump": np.where(POSITIONS < 0.6, 0, 1000),
}


@pytest.mark.parametrize("values", [1.0, 1e36])
@pytest.mark.parametrize("trend", TRENDS)
def test_trends(trend, values, files):
    """Scores that move the maximum in every tile, in one, or in none."""
    random = np.random.default_rng(3)
    q = random.standard_normal((1, 4, 5, 32)) * 0.3
    k = random.standard_normal((1, 2, len(POSITIONS), 32))
    q[..., 0], k[..., 0] = 8, TRENDS[trend]
    v = random.uniform(-1, 1, k.shape) * values
    check(few(results=BOTH), {}, *files(q=q, k=k, v=v), TARGET)


@pytest.mark.parametrize("special", [np.inf, np.nan])
def test_values_that_are_not_finite_behind_a_mask(special, files):
    random = np.random.default_rng(3)
    v = random.standard_normal((1, 2, 201, 32))
    v[:, :, 100:] = special
    check(few(mask="causal", results=BOTH), {"M": 5, "N": 201}, *files(v=v), TARGET)


def test_one_query_of_any_number():
    """A group of eight heads has rows enough for tiles."""
    text = bf16_attention(heads=16, kv_heads=2, mask="bottom_right", results=BOTH)
    assert "2 queries x 8 heads x 32 keys" in attnc("explain", text, TARGET).stdout
    check(text, lengths((1, 201)), TARGET)


def skips_features(ir):
    """Of the features that scores sum, half."""
    return re.sub(r"to %c64( step %c16\S* iter_args)", r"to %c32\1", ir)


def turns_nothing(ir):
    """Weights of one query go to another."""
    return re.sub(
        r"\(d0, d1, d2\) -> \(d1, d0, d2\)", "(d0, d1, d2) -> (d0, d1, d2)", ir
    )


@pytest.mark.parametrize(
    "plant, last, first, scale",
    [
        (skips_features, "vectorize", "lower", 0.125),
        (turns_nothing, "decompose", "bufferize", 0.125),
        # Scores near 0, where padding weighs as much as keys do.
        (counts_padding, "decompose", "bufferize", 0.015625),
    ],
)
def test_mistakes_are_caught(plant, last, first, scale, tmp_path):
    text = few(
        queries=16,
        heads=1,
        kv_heads=1,
        keys=40,
        head_size=128,
        extra_operand=f" scale = {scale}",
    )
    assert_caught(text, plant, last, first, tmp_path, TARGET)
