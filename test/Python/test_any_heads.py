# ===- test_any_heads.py - functions for any number of heads -------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A compiled function serves any number of heads of one group size, and groups share
tiles even where a mask tells their heads apart."""

import attn
import numpy as np
import pytest
from attn import _execute
from numerics import assert_close, attention, indices

RNG = np.random.default_rng(11)


def inputs(heads, key_heads, queries, keys, size=24):
    shapes = ((heads, queries), (key_heads, keys), (key_heads, keys))
    return [RNG.standard_normal((2, *s, size)).astype(np.float32) for s in shapes]


@pytest.mark.parametrize("group", [1, 4])
def test_compiled_once(group):
    reach = attn.mask.causal(40) & attn.mask.window(past=30)
    compiled = set()
    for key_heads, queries, keys in ((2, 1, 90), (3, 70, 100), (1, 5, 33)):
        q, k, v = inputs(group * key_heads, key_heads, queries, keys)
        sink = RNG.standard_normal(q.shape[1]).astype(np.float32)
        before = set(_execute._compiled)
        found = attn.scaled_dot_product(q, k, v, mask=reach, sink=sink)
        compiled |= set(_execute._compiled) - before
        _, _, i, j = indices(2, 1, queries, keys)
        keep = (j <= i + 40) & (i - 30 <= j)
        output, lse, _ = attention(q, k, v, keep)
        share = 1 / (1 + np.exp(sink[:, None] - lse))
        assert_close(found, output * share[..., None], spread=np.abs(v).max())
    assert len(compiled) == 1


@pytest.mark.parametrize(
    "sizes", [(8, 2, 1, 3000), (8, 2, 5, 1500), (12, 4, 1, 70), (6, 2, 90, 80)], ids=str
)
def test_heads_of_a_group_differ(sizes):
    """Windows per head: each row of a tile keeps what its own head keeps."""
    heads, _, queries, keys = sizes
    q, k, v = inputs(*sizes)
    reach = RNG.integers(0, keys, heads)
    reach[1] = -1

    def near(b, h, i, j):
        return (j >= i + keys - queries - reach[h]) & (j <= i + keys - queries)

    keep = near(*indices(2, *(heads, queries, keys)))
    output, lse, _ = attention(q, k, v, keep)
    mask = attn.mask.predicate(near)
    found, found_lse = attn.scaled_dot_product(q, k, v, mask=mask, return_lse=True)
    assert_close(found, output, spread=np.abs(v).max())
    assert np.array_equal(np.isfinite(found_lse), np.isfinite(lse))
