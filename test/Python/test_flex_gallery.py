# ===- test_flex_gallery.py - shared programs of FlexAttention against fp64 --------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Each program of flex_gallery.py, compared with a softmax over all pairs in float64."""

import math

import attn
import flex_gallery as gallery
import numpy as np
import pytest
import torch
from flex_gallery import B, H, M
from test_classify import count
from torch.nn.attention.flex_attention import _vmap_for_bhqkv

INDICES = [torch.arange(size) for size in (B, H, M, M)]


@pytest.fixture(scope="module")
def qkv():
    random = torch.Generator().manual_seed(5)
    return tuple(torch.randn(B, H, M, 16, generator=random) for _ in range(3))


def kept(mod):
    return _vmap_for_bhqkv(mod, prefix=())(*INDICES).expand(B, H, M, M)


def attend(score, v):
    highest = score.amax(-1, keepdim=True)
    weight = torch.exp(score - torch.where(highest.isinf(), 0.0, highest))
    total = weight.sum(-1, keepdim=True)
    return torch.where(total > 0, (weight @ v.double()) / total, 0.0)


def scores(q, k):
    return q.double() @ k.double().mT / math.sqrt(q.shape[-1])


@pytest.mark.parametrize("name", gallery.MASKS)
def test_mask(qkv, name):
    mod = gallery.MASKS[name]
    keep = kept(mod)
    assert keep.any() and not keep.all()
    mask = attn.create_block_mask(mod, B, H, M, M)
    found = attn.flex_attention(*qkv, block_mask=mask)
    wanted = attend(scores(*qkv[:2]).masked_fill(~keep, -math.inf), qkv[2])
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-5)
    classes = mask.classify(B, H, M, M, tile=(8, 12))
    truth = count(keep.numpy(), (8, 12))
    assert np.isin(classes[classes != truth], 1).all()


@pytest.mark.parametrize("name", gallery.SCORES)
def test_score(qkv, name):
    mod = gallery.SCORES[name]
    found = attn.flex_attention(*qkv, score_mod=mod)
    wanted = attend(
        _vmap_for_bhqkv(mod, prefix=(0,))(scores(*qkv[:2]), *INDICES), qkv[2]
    )
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-5)
