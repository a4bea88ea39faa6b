# ===- test_tile_registers.py - bf16 on tile registers -----------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attention of bf16 with many queries, whose products run on tile registers, against the
fp64 reference: tiles of keys and features that are not whole, and all that acts on
scores between the products."""

import math
import re

import pytest
from attnc import attnc, check, skip_unless_runs
from test_matrix import SCORES, attention, lengths
from test_planted_mistakes import assert_caught

# 512 KiB of second-level cache, as of a CPU that is not this machine, hold 512 keys.
TARGET = "--target=x86-64:sapphirerapids"


def bf16_attention(**arguments):
    return attention(**{"type": "bf16", "head_size": 32, **arguments})


@pytest.fixture(scope="module", autouse=True)
def machine():
    skip_unless_runs(bf16_attention(), lengths((64, 64)), TARGET)


def test_products_are_on_tiles():
    text = attnc(
        "compile", bf16_attention(), TARGET, "-o", "-", "--stop-after=vectorize"
    )
    assert text.stdout.count("amx.tile_mulf") == 8


@pytest.mark.parametrize("case", [(64, 128), (70, 1), (65, 127), (600, 1100)], ids=str)
@pytest.mark.parametrize("mask", ["none", "causal"])
def test_lengths(case, mask):
    check(bf16_attention(mask=mask, results=("output", "lse")), lengths(case), TARGET)


@pytest.mark.parametrize(
    "head_size, value_size",
    [(2, 16), (40, 64), (80, 48), (256, 16), (64, 40), (32, 3), (128, 128)],
)
def test_head_sizes(head_size, value_size):
    text = bf16_attention(head_size=head_size, value_size=value_size, mask="window")
    check(text, lengths((130, 201)), TARGET)


@pytest.mark.parametrize("mask", ["document_window", "predicate", "nothing"])
def test_masks(mask):
    text = bf16_attention(mask=mask, results=("output", "lse"))
    check(text, lengths((130, 201)), TARGET)


@pytest.mark.parametrize("score", SCORES)
def test_scores(score):
    check(bf16_attention(score=score, mask="causal"), lengths((130, 201)), TARGET)


@pytest.mark.parametrize("mask", ["none", "causal"])
@pytest.mark.parametrize("sink", [-3.0, 40.0, -math.inf])
def test_sinks(sink, mask):
    value = "0xFF80" if math.isinf(sink) else sink
    text = bf16_attention(mask=mask, heads=1, kv_heads=1, results=("output", "lse"))
    text = text.replace("\n        :", " sink(%sink : tensor<1xbf16>) :", 1).replace(
        "%output", f"%sink = arith.constant dense<{value}> : tensor<1xbf16>\n%output", 1
    )
    check(text, lengths((130, 201)), TARGET)


def skips_pairs(ir):
    """Of the tiles of features that are summed, every other one."""
    return re.sub(r"step %c16( iter_args.*!amx)", r"step %c32\1", ir, count=1)


def counts_padding(ir):
    """Keys that do not exist keep their scores, which are 0."""
    return re.sub(
        r"linalg.fill ins\(%\w+ : f32\) outs\((%\w+ : tensor<\?x(?:16|64)xf32>)",
        r"linalg.fill ins(%padding : f32) outs(\1",
        re.sub(r"(func.func .*\n)", r"\1%padding = arith.constant 0.0 : f32\n", ir, 1),
    )


@pytest.mark.parametrize(
    "plant, last, first, head_size, scale",
    [
        (skips_pairs, "vectorize", "lower", 128, 0.125),
        # Scores near 0, where padding weighs as much as keys do; in pieces of a vector
        # of queries, and without.
        (counts_padding, "decompose", "bufferize", 64, 0.015625),
        (counts_padding, "decompose", "bufferize", 128, 0.015625),
    ],
)
def test_mistakes_are_caught(plant, last, first, head_size, scale, tmp_path):
    text = bf16_attention(
        head_size=head_size,
        heads=1,
        kv_heads=1,
        queries=128,
        keys=150,
        extra_operand=f" scale = {scale}",
    )
    assert_caught(text, plant, last, first, tmp_path, TARGET)


@pytest.mark.parametrize("layout", [None, "bmhd"])
@pytest.mark.parametrize("heads, kv_heads", [(4, 2), (3, 1)])
def test_groups(heads, kv_heads, layout):
    text = bf16_attention(heads=heads, kv_heads=kv_heads, layout=layout, mask="causal")
    check(text, lengths((130, 201)), TARGET)


@pytest.mark.parametrize("queries, keys", [(100, 50), (128, 384), (600, 1100)])
def test_static_lengths(queries, keys):
    check(bf16_attention(queries=queries, keys=keys, mask="causal"), {}, TARGET)


def test_long_tiles():
    text = bf16_attention(head_size=128, queries=100, keys=512, heads=1, kv_heads=1)
    check(text, {}, TARGET)
