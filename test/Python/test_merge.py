# ===- test_merge.py - masked parts of the keys, merged ---------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""merge_m1, merge_m2: attention under a mask over parts of the keys, merged, is that
over all of them in float64; parts that the mask empties, and parts of no keys,
included."""

import attn
import numpy as np
import pytest
from numerics import assert_close, attention, indices

B, HEADS, KEY_HEADS, M, N, D = 2, 4, 2, 37, 203, 16
CUTS = {
    "three": [0, 64, 150, N],
    "none in the middle": [0, 90, 90, N],
    "none at both ends": [0, 0, N, N],
    "single keys": [0, 1, 2, N - 1, N],
}
LENGTHS = np.array([60, 203])
IDS = np.arange(N) ** 2 // 4000
QUERY_IDS = IDS[:M] * 2

#: The mask of the keys from `start` to `end`, and the pairs that it keeps of all.
MASKS = {
    "causal": (
        lambda start, end: attn.mask.causal(offset=-start),
        lambda b, i, j: j <= i,
    ),
    "window": (
        lambda start, end: attn.mask.predicate(
            lambda b, h, i, j: (i - 5 <= j + start) & (j + start <= i + 70)
        ),
        lambda b, i, j: (i - 5 <= j) & (j <= i + 70),
    ),
    "padding": (
        lambda start, end: attn.mask.padding(np.clip(LENGTHS - start, 0, end - start)),
        lambda b, i, j: j < LENGTHS[b],
    ),
    "documents": (
        lambda start, end: attn.mask.predicate(
            lambda b, h, i, j: QUERY_IDS[i] == IDS[j + start]
        ),
        lambda b, i, j: QUERY_IDS[i] == IDS[j],
    ),
    "neither": (
        lambda start, end: (
            ~(
                attn.mask.causal(offset=-start)
                | attn.mask.padding(np.clip(LENGTHS - start, 0, end - start))
            )
        ),
        lambda b, i, j: (j > i) & (j >= LENGTHS[b]),
    ),
}


@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("queries", [M, 1])
def test_masked_parts(name, cuts, queries):
    mask, keep = MASKS[name]
    rng = np.random.default_rng(3)
    q, k, v = (
        rng.standard_normal((B, heads, length, D)).astype(np.float32)
        for heads, length in ((HEADS, queries), (KEY_HEADS, N), (KEY_HEADS, N))
    )
    parts = []
    for start, end in zip(CUTS[cuts], CUTS[cuts][1:]):
        piece = (q, k[:, :, start:end], v[:, :, start:end])
        parts.append(
            attn.scaled_dot_product(*piece, mask=mask(start, end), return_lse=True)
        )
    merged, total = attn.merge(parts)
    b, h, i, j = indices(B, HEADS, queries, N)
    kept = np.broadcast_to(keep(b, i, j), (B, HEADS, queries, N))
    expected = attention(q, k, v, kept)
    assert_close(merged, expected[0], 32)
    rows = kept.any(-1)
    lse = np.where(rows, expected[1], -np.inf)
    np.testing.assert_allclose(total, lse, rtol=1e-5, atol=1e-5)
    assert (merged[~rows] == 0).all()
