# ===- test_scoring.py - cosine, general, sigmoid and ReLU attention ---------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Other ways to score and to normalise, against numpy and PyTorch."""

import attn
import numpy as np
import pytest
import torch
from numerics import as_float64, assert_close, attention


def inputs(heads=4, kv_heads=2, queries=21, keys=50, size=16):
    random = np.random.default_rng(5)
    return tuple(
        random.standard_normal((2, h, n, size)).astype(np.float32)
        for h, n in ((heads, queries), (kv_heads, keys), (kv_heads, keys))
    )


def test_cosine():
    q, k, v = inputs()
    q[0, 0, 0] = 0
    unit_q, unit_k = (
        torch.nn.functional.normalize(torch.from_numpy(a).double(), dim=-1).numpy()
        for a in (q, k)
    )
    expected, lse, _ = attention(unit_q, unit_k, v, scale=5.0)
    out, found = attn.cosine(q, k, v, scale=5.0, return_lse=True)
    assert_close(out, expected, 8)
    assert_close(found, lse, 8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, torch.bfloat16])
def test_cosine_of_any_size(dtype):
    """Vectors whose squares leave the range of the type have their cosine."""
    far = 1e25 if dtype != np.float64 else 1e200
    tiny = 1e-40 if dtype == np.float32 else 1 / far
    q, k, v = inputs()
    expected, _, _ = attention(
        *(a / np.linalg.norm(a.astype(np.float64), axis=-1)[..., None] for a in (q, k)),
        v,
        scale=5.0,
    )
    q, k = q.astype(np.float64), k.astype(np.float64)
    q *= np.where(np.arange(q.shape[-2]) % 2, far, tiny)[:, None]
    k *= np.where(np.arange(k.shape[-2]) % 3, tiny, far)[:, None]
    if dtype is torch.bfloat16:
        out = attn.cosine(
            *(torch.from_numpy(a).to(dtype) for a in (q, k, v)), scale=5.0
        )
        np.testing.assert_allclose(out.double().numpy(), expected, atol=0.03)
    else:
        out = attn.cosine(*(a.astype(dtype) for a in (q, k, v)), scale=5.0)
        # Numbers of 1e-40 have 16 bits left.
        np.testing.assert_allclose(out, expected, atol=2e-4 if tiny == 1e-40 else 1e-6)


def test_general():
    q, k, v = inputs()
    q = q[..., :10].copy()
    w = np.random.default_rng(6).standard_normal((16, 10)).astype(np.float32)
    projected = as_float64(q) @ as_float64(w).T
    expected, _, _ = attention(projected, k, v, scale=0.25)
    assert_close(attn.general(q, k, v, w, scale=0.25), expected, 64)


@pytest.mark.parametrize("normalizer", ["none", "sum"])
@pytest.mark.parametrize(
    "score, of",
    [
        (attn.score.sigmoid(), lambda s: 1 / (1 + np.exp(-s))),
        (attn.score.relu(), lambda s: np.maximum(s, 0)),
    ],
    ids=["sigmoid", "relu"],
)
def test_without_softmax(score, of, normalizer):
    q, k, v = inputs(kv_heads=4)
    weights = of(as_float64(q) @ as_float64(k).swapaxes(-1, -2) / 4)
    if normalizer == "sum":
        weights /= weights.sum(-1, keepdims=True)
    out, found = attn.scaled_dot_product(
        q, k, v, score=score, normalizer=normalizer, return_weights=True
    )
    assert_close(found, weights, 8)
    assert_close(out, weights @ as_float64(v), 200)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"normalizer": "max"}, "normalizer is 'max'"),
        ({"normalizer": "none", "return_lse": True}, "no lse"),
        ({"normalizer": "sum", "sink": np.zeros(4, np.float32)}, "softmax takes it"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        attn.scaled_dot_product(*inputs(), **options)


def test_general_refuses_a_weight_that_does_not_fit():
    with pytest.raises(ValueError, match="w has shape"):
        attn.general(*inputs(), np.zeros((3, 16), np.float32))
