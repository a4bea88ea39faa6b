# ===- test_attention.py - the forms of attention against float64 -----------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""scaled_dot_product and additive: types, shapes, masks."""

import attn
import numerics
import numpy as np
import pytest
import torch
from numerics import assert_close, attention, indices, softmax

TYPES = [torch.float32, torch.bfloat16, torch.float16, torch.float64]
SHAPES = {
    "plain": (2, 4, 4, 33, 41, 64, 64),
    "grouped": (2, 6, 2, 17, 40, 32, 48),
    "single query": (1, 8, 2, 1, 130, 64, 64),
    "few queries, many keys": (1, 4, 2, 3, 1100, 32, 16),
    "odd sizes": (1, 1, 1, 7, 5, 3, 5),
    "ones": (1, 1, 1, 1, 1, 1, 1),
    "wide": (1, 2, 2, 70, 65, 128, 16),
    "no queries": (2, 2, 2, 0, 5, 8, 8),
    "no keys": (2, 2, 2, 5, 0, 8, 8),
    "no batch": (0, 2, 2, 5, 5, 8, 8),
    "no head size": (2, 4, 2, 5, 70, 0, 8),
    "no value size": (2, 4, 2, 5, 70, 8, 0),
    "one query, no head size": (1, 2, 1, 1, 1100, 0, 16),
}


def inputs(shape, dtype=torch.float32, spread=2.0, seed=0):
    """Random query, key and value of (B, H, Hkv, M, N, D, Dv)."""
    batch, heads, key_heads, queries, keys, size, value_size = shape
    generator = torch.Generator().manual_seed(seed)

    def random(*sizes):
        return (torch.randn(sizes, generator=generator) * spread).to(dtype)

    return (
        random(batch, heads, queries, size),
        random(batch, key_heads, keys, size),
        random(batch, key_heads, keys, value_size),
    )


def spread_of(q, k, v):
    """How much larger than one rounding unit an error of the output may be."""
    q, k, v = map(numerics.as_float64, (q, k, v))
    if 0 in (q.size, k.size, v.size):
        return 1.0
    scores = np.abs(q).max() * np.abs(k).max() * np.sqrt(q.shape[-1])
    return (1 + scores) * np.abs(v).max()


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_shapes_and_types(shape, dtype):
    q, k, v = inputs(shape, dtype)
    out, lse = attn.scaled_dot_product(q, k, v, return_lse=True)
    expected, expected_lse, _ = attention(q, k, v)
    assert out.dtype == dtype
    assert lse.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert_close(out, expected, spread_of(q, k, v))
    assert_close(lse, expected_lse, spread_of(q, k, v))


def test_agrees_with_pytorch():
    q, k, v = inputs(SHAPES["plain"])
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    torch.testing.assert_close(attn.scaled_dot_product(q, k, v), expected)


@pytest.mark.parametrize("rank", [2, 3, 5, 6])
def test_ranks(rank):
    q, k, v = inputs((6, 2, 2, 9, 11, 16, 8))
    expected, expected_lse, _ = attention(q, k, v)
    if rank < 4:
        q, k, v = (a[(0,) * (4 - rank)] for a in (q, k, v))
        expected, expected_lse = (
            a[(0,) * (4 - rank)] for a in (expected, expected_lse)
        )
    else:
        lead = {5: (2, 3), 6: (3, 1, 2)}[rank]
        q, k, v = (a.reshape(*lead, *a.shape[1:]) for a in (q, k, v))
        expected, expected_lse = (
            a.reshape(*lead, *a.shape[1:]) for a in (expected, expected_lse)
        )
    out, lse = attn.scaled_dot_product(q, k, v, return_lse=True)
    assert_close(out, expected, spread_of(q, k, v))
    assert_close(lse, expected_lse, spread_of(q, k, v))


@pytest.mark.parametrize(
    "shape", [(3, 5, 7), (1, 5, 7), (3, 1, 7), (5, 7), (3, 1, 5, 7)]
)
def test_masks_and_biases_without_heads(shape):
    """Of rank 3 they are (B, M, N) where queries are (B, M, D)."""
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 5, 8), torch.randn(3, 7, 8), torch.randn(3, 7, 8)
    keep, bias = torch.rand(shape) < 0.7, torch.randn(shape)
    keep[..., 0] = True
    plain = [a.squeeze(1) if a.dim() == 4 else a for a in (keep, bias)]
    for mask, score, in_torch in (
        (keep, None, plain[0]),
        (None, attn.score.bias(bias), plain[1]),
    ):
        expected = torch.nn.functional.scaled_dot_product_attention(
            q, k, v, attn_mask=in_torch
        )
        out = attn.scaled_dot_product(q, k, v, mask=mask, score=score)
        torch.testing.assert_close(out, expected)


def test_a_mask_of_rank_3_must_fit():
    q = torch.randn(3, 5, 8)
    with pytest.raises(
        ValueError, match=r"\(4, 5, 5\).*\(batch, queries, keys\) = \(3, 5, 5\)"
    ):
        attn.scaled_dot_product(q, q, q, mask=torch.ones(4, 5, 5, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"heads, queries, keys\) = \(3, 1, 5, 5\)"):
        q = q[:, None]
        attn.scaled_dot_product(q, q, q, mask=torch.ones(3, 5, 5, dtype=torch.bool))


def test_rank_3_has_no_heads():
    q, k, v = (a[:, 0] for a in inputs((3, 1, 1, 6, 7, 8, 8)))
    expected, _, _ = attention(q[:, None], k[:, None], v[:, None])
    assert_close(attn.scaled_dot_product(q, k, v), expected[:, 0], spread_of(q, k, v))


@pytest.mark.parametrize("scale", [0.0, 1.0, -0.3])
def test_scale(scale):
    q, k, v = inputs(SHAPES["grouped"], spread=0.5)
    expected, _, _ = attention(q, k, v, scale=scale)
    assert_close(attn.scaled_dot_product(q, k, v, scale=scale), expected, 8)


def test_weights():
    q, k, v = inputs(SHAPES["grouped"])
    mask = attn.mask.causal()
    out, lse, weights = attn.scaled_dot_product(
        q, k, v, mask=mask, return_lse=True, return_weights=True
    )
    b, h, i, j = indices(2, 6, 17, 40)
    expected = attention(q, k, v, keep=j <= i)
    for actual, wanted in zip((out, lse, weights), expected):
        assert_close(actual, wanted, spread_of(q, k, v))
    assert (
        numerics.as_float64(weights)[np.broadcast_to(j > i, weights.shape)] == 0
    ).all()


IDS = np.array([0] * 5 + [1] * 9 + [2] * 3 + [3] * 16)
BATCH_IDS = np.stack([IDS, IDS[::-1]])
LENGTHS = np.array([0, 21])
ROW_LENGTHS = np.arange(2 * 33).reshape(2, 33) % 29
DENSE = np.arange(33 * 33).reshape(33, 33) % 5 > 1
HEAD_DENSE = np.arange(4 * 33).reshape(1, 4, 1, 33) % 3 > 0
MASKS = {
    "causal": (lambda m: m.causal(), lambda b, h, i, j: j <= i),
    "offset": (lambda m: m.causal(3), lambda b, h, i, j: j <= i + 3),
    "negative offset": (lambda m: m.causal(-4), lambda b, h, i, j: j <= i - 4),
    "offsets": (
        lambda m: m.causal([2, -5]),
        lambda b, h, i, j: j <= i + np.array([2, -5])[b],
    ),
    "window": (
        lambda m: m.window(past=3, future=2),
        lambda b, h, i, j: (i - 3 <= j) & (j <= i + 2),
    ),
    "past": (lambda m: m.window(past=4), lambda b, h, i, j: j >= i - 4),
    "future": (lambda m: m.window(future=0), lambda b, h, i, j: j <= i),
    "unbounded": (lambda m: m.window(), lambda b, h, i, j: (i == i) & (j == j)),
    "prefix": (lambda m: m.prefix(7), lambda b, h, i, j: j < 7),
    "prefixes": (lambda m: m.prefix(LENGTHS), lambda b, h, i, j: j < LENGTHS[b]),
    "padding": (lambda m: m.padding(LENGTHS), lambda b, h, i, j: j < LENGTHS[b]),
    "row padding": (
        lambda m: m.padding(ROW_LENGTHS),
        lambda b, h, i, j: j < ROW_LENGTHS[b, i],
    ),
    "document": (lambda m: m.document(IDS), lambda b, h, i, j: IDS[i] == IDS[j]),
    "documents": (
        lambda m: m.document(torch.tensor(BATCH_IDS.copy())),
        lambda b, h, i, j: BATCH_IDS[b, i] == BATCH_IDS[b, j],
    ),
    "narrow ids": (
        lambda m: m.document(IDS.astype(np.uint8)),
        lambda b, h, i, j: IDS[i] == IDS[j],
    ),
    "dense": (lambda m: m.dense(DENSE), lambda b, h, i, j: DENSE[i, j]),
    "array": (lambda m: DENSE, lambda b, h, i, j: DENSE[i, j]),
    "broadcast": (
        lambda m: torch.tensor(HEAD_DENSE),
        lambda b, h, i, j: HEAD_DENSE[0, h, 0, j],
    ),
    "and": (
        lambda m: m.causal() & m.window(past=5) & DENSE,
        lambda b, h, i, j: (j <= i) & (j >= i - 5) & DENSE[i, j],
    ),
    "array first": (
        lambda m: DENSE & m.causal(),
        lambda b, h, i, j: (j <= i) & DENSE[i, j],
    ),
    "or": (
        lambda m: m.prefix(4) | m.causal(),
        lambda b, h, i, j: (j < 4) | (j <= i),
    ),
    "not": (
        lambda m: ~(m.window(past=2, future=2) | m.document(IDS)),
        lambda b, h, i, j: (abs(i - j) > 2) & (IDS[i] != IDS[j]),
    ),
    "predicate": (
        lambda m: m.predicate(lambda b, h, i, j: ((i - j) // 3 % 2 == 0) | (h == 1)),
        lambda b, h, i, j: ((i - j) // 3 % 2 == 0) | (h == 1),
    ),
    "captures": (
        lambda m: m.predicate(lambda b, h, i, j: (IDS[i] == IDS[j]) & (LENGTHS[b] > j)),
        lambda b, h, i, j: (IDS[i] == IDS[j]) & (LENGTHS[b] > j),
    ),
    "nothing": (lambda m: m.prefix(0), lambda b, h, i, j: (i < 0) & (j < 0)),
}


@pytest.mark.parametrize("name", MASKS)
def test_masks(name):
    make, keep = MASKS[name]
    q, k, v = inputs((2, 4, 2, 33, 33, 16, 16))
    keep = np.broadcast_to(keep(*indices(2, 4, 33, 33)), (2, 4, 33, 33))
    expected, expected_lse, _ = attention(q, k, v, keep=keep)
    out, lse = attn.scaled_dot_product(q, k, v, mask=make(attn.mask), return_lse=True)
    assert_close(out, expected, spread_of(q, k, v))
    assert_close(lse, expected_lse, spread_of(q, k, v))


def test_bottom_right_causal():
    q, k, v = inputs((1, 2, 2, 5, 12, 16, 16))
    b, h, i, j = indices(1, 2, 5, 12)
    expected, _, _ = attention(q, k, v, keep=j <= i + 7)
    out = attn.scaled_dot_product(q, k, v, mask=attn.mask.causal("bottom_right"))
    assert_close(out, expected, spread_of(q, k, v))


def test_masked_values_do_not_reach_the_output():
    q, k, v = inputs((1, 2, 2, 9, 9, 16, 16))
    expected, _, _ = attention(q, k[:, :, :6], v[:, :, :6])
    k[:, :, 6:], v[:, :, 6:] = float("nan"), float("inf")
    out = attn.scaled_dot_product(q, k, v, mask=attn.mask.prefix(6))
    assert_close(out, expected, spread_of(q, k[:, :, :6], v[:, :, :6]))


SLOPES = 2.0 ** -np.arange(1, 5)
BIAS = np.linspace(-3, 3, 4 * 33 * 33, dtype=np.float32).reshape(1, 4, 33, 33)
SCORES = {
    "softcap": (
        lambda s: s.softcap(2.5),
        lambda s, b, h, i, j: 2.5 * np.tanh(s / 2.5),
    ),
    "alibi": (
        lambda s: s.alibi(SLOPES),
        lambda s, b, h, i, j: s - SLOPES[h] * abs(i - j),
    ),
    "bias": (lambda s: s.bias(BIAS), lambda s, b, h, i, j: s + BIAS[0, h, i, j]),
    "row bias": (
        lambda s: s.bias(BIAS[0, 0, 0]),
        lambda s, b, h, i, j: s + BIAS[0, 0, 0, j],
    ),
    "map": (
        lambda s: s.map(lambda s, b, h, i, j: s * 0.5 + BIAS[0, h, j, i] - 0.01 * i),
        lambda s, b, h, i, j: s * 0.5 + BIAS[0, h, j, i] - 0.01 * i,
    ),
    "in order": (
        lambda s: [s.softcap(3), s.alibi(SLOPES)],
        lambda s, b, h, i, j: 3 * np.tanh(s / 3) - SLOPES[h] * abs(i - j),
    ),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", SCORES)
def test_scores(name, dtype):
    make, modify = SCORES[name]
    q, k, v = inputs((2, 4, 2, 33, 33, 16, 16), dtype)
    b, h, i, j = indices(2, 4, 33, 33)
    expected, lse, _ = attention(
        q, k, v, keep=j <= i, modify=lambda s: modify(s, b, h, i, j)
    )
    result = attn.scaled_dot_product(
        q, k, v, mask=attn.mask.causal(), score=make(attn.score), return_lse=True
    )
    assert_close(result[0], expected, spread_of(q, k, v))
    assert_close(result[1], lse, spread_of(q, k, v))


@pytest.mark.parametrize("projected", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_additive(dtype, projected):
    q, k, v = inputs((2, 3, 3, 9, 14, 12, 8), dtype, spread=1.0)
    w = torch.linspace(-1, 1, 12, dtype=dtype)
    w_q = w_k = None
    a, c = numerics.as_float64(q), numerics.as_float64(k)
    if projected:
        w = torch.linspace(-1, 1, 20, dtype=dtype)
        w_q = torch.linspace(-0.5, 0.7, 20 * 12, dtype=dtype).reshape(20, 12)
        w_k = w_q.flip(0).contiguous()
        a, c = a @ numerics.as_float64(w_q).T, c @ numerics.as_float64(w_k).T
    scores = np.tanh(a[:, :, :, None] + c[:, :, None]) @ numerics.as_float64(w)
    b, h, i, j = indices(2, 3, 9, 14)
    weights, lse = softmax(scores, j <= i + 2)
    out, actual = attn.additive(
        q, k, v, w, w_q, w_k, mask=attn.mask.causal(2), return_lse=True
    )
    assert_close(out, weights @ numerics.as_float64(v), 60)
    assert_close(actual, lse, 60)
