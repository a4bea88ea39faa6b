# ===- test_tile_registers.py - bf16 on tile registers -----------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attention of bf16 with many queries, whose products run on tile registers, against the
fp64 reference: tiles of keys and features that are not whole, and all that acts on
scores between the products."""

import pytest
from attnc import attnc, check
from test_matrix import attention, lengths

# 512 KiB of second-level cache, as of a CPU that is not this machine, hold 512 keys.
TARGET = "--target=x86-64:sapphirerapids"


def present():
    """Whether this machine runs such code: AMX, and an operating system that lets it."""
    run = attnc("run", bf16_attention(), "--dim", "M=64", "--dim", "N=64", TARGET)
    return run.returncode == 0 or "amx-tile" not in run.stderr


def bf16_attention(**arguments):
    return attention(**{"type": "bf16", "head_size": 32, **arguments})


@pytest.fixture(scope="module", autouse=True)
def machine():
    if not present():
        pytest.skip("this machine has no tile registers, or may not use them")


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
    "head_size, value_size", [(2, 16), (40, 64), (80, 48), (256, 16)]
)
def test_head_sizes(head_size, value_size):
    text = bf16_attention(head_size=head_size, value_size=value_size, mask="window")
    check(text, lengths((130, 201)), TARGET)


@pytest.mark.parametrize("mask", ["document_window", "predicate", "nothing"])
def test_masks(mask):
    text = bf16_attention(mask=mask, results=("output", "lse"))
    check(text, lengths((130, 201)), TARGET)


@pytest.mark.parametrize("score", ["softcap", "alibi"])
def test_scores(score):
    check(bf16_attention(score=score, mask="causal"), lengths((130, 201)), TARGET)


@pytest.mark.parametrize("layout", [None, "bmhd"])
@pytest.mark.parametrize("heads, kv_heads", [(4, 2), (3, 1)])
def test_groups(heads, kv_heads, layout):
    text = bf16_attention(heads=heads, kv_heads=kv_heads, layout=layout, mask="causal")
    check(text, lengths((130, 201)), TARGET)


@pytest.mark.parametrize("queries, keys", [(100, 50), (128, 384), (600, 1100)])
def test_static_lengths(queries, keys):
    check(bf16_attention(queries=queries, keys=keys, mask="causal"), {}, TARGET)
