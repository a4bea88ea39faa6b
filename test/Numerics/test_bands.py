# ===- test_bands.py - tiles of queries that share keys ----------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Lengths at which several tiles of queries visit a part of the keys together, against
the fp64 reference. A CPU that is not this machine is taken to have 512 KiB of
second-level cache, so that 216 keys are such a part."""

import pytest
from attnc import attnc, check
from test_matrix import MASKS, TYPES, attention, lengths

TARGET = "--target=x86-64-v3"
# Two bands, of which the last has a part of a tile; parts of keys likewise.
LENGTHS = lengths((190, 499))


def long_attention(**arguments):
    return attention(head_size=64, results=("output", "lse"), **arguments)


def test_lengths_form_bands():
    tiled = attnc("compile", long_attention(), TARGET, "--stop-after=tile", "-o", "-")
    assert "c432 = arith.constant 432" in tiled.stdout
    assert "c216 = arith.constant 216" in tiled.stdout


@pytest.mark.parametrize("mask", MASKS)
def test_masks(mask):
    check(long_attention(heads=1, kv_heads=1, mask=mask), LENGTHS, TARGET)


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("heads, kv_heads", [(2, 2), (4, 1)])
def test_types_and_groups(type, heads, kv_heads):
    check(
        long_attention(type=type, heads=heads, kv_heads=kv_heads, mask="causal"),
        LENGTHS,
        TARGET,
    )


@pytest.mark.parametrize("queries, keys", [(192, 504), (190, 499)])
def test_static_lengths(queries, keys):
    check(long_attention(queries=queries, keys=keys, mask="window"), {}, TARGET)


def test_a_sink_starts_every_tile():
    check(
        """func.func @f(%q: tensor<1x2x?x64xf32>, %k: tensor<1x2x?x64xf32>,
                        %s: tensor<2xf32>) -> tensor<1x2x?x64xf32> {
          %o = attn.scaled_dot_product %q, %k, %k sink(%s : tensor<2xf32>)
            : tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>
              -> tensor<1x2x?x64xf32>
          return %o : tensor<1x2x?x64xf32>
        }""",
        LENGTHS,
        TARGET,
    )


def test_threads_do_not_change_bits(tmp_path):
    text = long_attention(heads=3, kv_heads=1, mask="causal")
    files = []
    for threads in (1, 2, 3):
        files.append(tmp_path / f"{threads}.npy")
        check(text, LENGTHS, TARGET, f"--threads={threads}", "--out", str(files[-1]))
    first, *rest = [file.read_bytes() for file in files]
    assert all(other == first for other in rest)
