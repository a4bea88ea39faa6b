# ===- test_formulas.py - layers, positions and merging by formula ----------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Grouped multi-head attention, positions, masked softmax and merging by formula."""

import attn
import numerics
import numpy as np
import pytest
import torch
from numerics import assert_close, attention, indices, softmax


def test_grouped_heads_of_numpy():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 9, 24)).astype(np.float32)
    w_q, w_o = (rng.standard_normal((24, 24)).astype(np.float32) * 0.2 for _ in "qo")
    w_k, w_v = (rng.standard_normal((12, 24)).astype(np.float32) * 0.2 for _ in "kv")

    def split(a, heads):
        return a.reshape(2, 9, heads, 6).swapaxes(1, 2)

    wide = x.astype(float)
    mixed, _, _ = attention(
        split(wide @ w_q.T, 4), split(wide @ w_k.T, 2), split(wide @ w_v.T, 2)
    )
    expected = mixed.swapaxes(1, 2).reshape(2, 9, 24) @ w_o.T.astype(float)
    out = attn.multi_head(x, x, x, w_q, w_k, w_v, w_o, num_heads=4, num_kv_heads=2)
    assert isinstance(out, np.ndarray)
    assert_close(out, expected, 100)


@pytest.mark.parametrize("rank", [2, 3, 4, 5])
def test_masked_softmax(rank):
    lead = {2: (), 3: (2,), 4: (2, 3), 5: (2, 1, 3)}[rank]
    scores = np.random.default_rng(0).standard_normal((*lead, 5, 8)).astype(np.float32)
    length = np.array([3] if rank == 2 else [0, 6])
    out = attn.masked_softmax(scores, attn.mask.padding(length))
    keep = np.arange(8) < length.reshape(-1, *(1,) * (max(rank, 3) - 1))
    expected, _ = softmax(scores.astype(float), keep if rank > 2 else keep[0])
    assert_close(out, expected, 4)


def test_masked_softmax_without_a_mask():
    scores = torch.randn(3, 4, 9)
    torch.testing.assert_close(attn.masked_softmax(scores), scores.softmax(-1))


@pytest.mark.parametrize("length,dim", [(1, 2), (40, 16), (5, 7), (0, 4)])
def test_sinusoid(length, dim):
    position, feature = np.ogrid[:length, :dim]
    angle = position / 10000.0 ** (feature // 2 * 2 / dim)
    expected = np.where(feature % 2 == 0, np.sin(angle), np.cos(angle))
    table = attn.sinusoid(length, dim)
    assert table.dtype == np.float32 and table.shape == (length, dim)
    assert_close(table, expected, 16 * max(length, 1))


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("positions", [None, "shared", "per batch"])
def test_rotary(interleaved, positions):
    x = np.random.default_rng(0).standard_normal((2, 3, 6, 8)).astype(np.float32)
    given = {
        None: None,
        "shared": np.array([3, 1, 4, 1, 5, 9]),
        "per batch": np.arange(12, dtype=np.int32).reshape(2, 6)[:, ::-1],
    }[positions]
    p = np.arange(6.0) if given is None else given
    p = np.broadcast_to(p, (2, 6))[:, None, :, None]
    angle = p / 100.0 ** (np.arange(4) / 4)
    first, second = (x[..., ::2], x[..., 1::2]) if interleaved else np.split(x, 2, -1)
    turned = (
        first * np.cos(angle) - second * np.sin(angle),
        first * np.sin(angle) + second * np.cos(angle),
    )
    expected = np.concatenate(turned, axis=-1)
    if interleaved:
        expected = np.stack(turned, axis=-1).reshape(x.shape)
    out = attn.rotary(x, given, interleaved=interleaved, base=100.0)
    assert_close(out, expected, 16 * 12 * 4)


def test_merge_gives_attention_over_all_keys():
    rng = np.random.default_rng(0)
    q, k, v = (
        rng.standard_normal((2, 3, n, 8)).astype(np.float32) for n in (5, 20, 20)
    )
    ranges = [slice(0, 3), slice(3, 3), slice(3, 20)]
    parts = [
        attn.scaled_dot_product(q, k[:, :, r], v[:, :, r], return_lse=True)
        for r in ranges
    ]
    out, lse = attn.merge(parts)
    expected, expected_lse, _ = attention(q, k, v)
    assert_close(out, expected, 20)
    assert_close(lse, expected_lse, 20)


def test_merge_of_nothing_kept():
    out = np.full((2, 4), np.nan, np.float32)
    lse = np.full(2, -np.inf, np.float32)
    merged, total = attn.merge([(out, lse), (out, lse)])
    assert (merged == 0).all() and (total == -np.inf).all()


def test_causal_attention_of_the_layers_is_that_of_the_formula():
    b, h, i, j = indices(1, 1, 6, 6)
    scores = np.random.default_rng(0).standard_normal((1, 1, 6, 6)).astype(np.float32)
    expected, _ = softmax(numerics.as_float64(scores), j <= i)
    assert_close(attn.masked_softmax(scores, attn.mask.causal()), expected, 4)
