# ===- test_flex.py - FlexAttention's programs, against PyTorch ---------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""flex_attention gives what PyTorch's eager flex_attention gives."""

import warnings

import attn
import flex_programs as programs
import pytest
import torch
from torch.nn.attention import flex_attention as peer

SIZES = programs.B, programs.H, programs.M, programs.N


def tensors(dtype=torch.float32, key_heads=programs.H, size=16):
    generator = torch.Generator().manual_seed(1)

    def random(heads, length):
        shape = (programs.B, heads, length, size)
        return torch.randn(shape, generator=generator).to(dtype)

    return (
        random(programs.H, programs.M),
        random(key_heads, programs.N),
        random(key_heads, programs.N),
    )


def expected(q, k, v, score_mod=None, mask_mod=None, **options):
    mask = None
    if mask_mod is not None:
        mask = peer.create_block_mask(mask_mod, *SIZES, device="cpu", BLOCK_SIZE=16)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return peer.flex_attention(q, k, v, score_mod, mask, **options)


def close(actual, wanted, dtype=torch.float32):
    tolerance = {torch.float32: 2e-5, torch.bfloat16: 2e-2}[dtype]
    torch.testing.assert_close(actual, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", programs.MASKS)
def test_masks(name):
    q, k, v = tensors()
    mod = programs.MASKS[name]
    mask = attn.create_block_mask(mod, *SIZES, device="cpu")
    close(attn.flex_attention(q, k, v, block_mask=mask), expected(q, k, v, None, mod))


@pytest.mark.parametrize("name", programs.SCORES)
def test_scores(name):
    q, k, v = tensors()
    mod = programs.SCORES[name]
    close(attn.flex_attention(q, k, v, score_mod=mod), expected(q, k, v, mod))


def test_both_with_grouped_heads_and_scale():
    q, k, v = tensors(key_heads=2)
    options = dict(scale=0.3, enable_gqa=True)
    mask = attn.create_block_mask(programs.natten, None, None, programs.M, programs.N)
    out, lse = attn.flex_attention(
        q, k, v, programs.alibi, mask, return_lse=True, **options
    )
    wanted = expected(q, k, v, programs.alibi, programs.natten, **options)
    close(out, wanted)
    assert lse.shape == q.shape[:-1] and lse.dtype == torch.float32


def test_bfloat16():
    q, k, v = tensors(torch.bfloat16)
    mask = attn.create_block_mask(programs.causal, 1, 1, programs.M, programs.N)
    out = attn.flex_attention(q, k, v, programs.softcap, mask)
    wanted = expected(q, k, v, programs.softcap, programs.causal)
    assert out.dtype == torch.bfloat16
    close(out, wanted, torch.bfloat16)


def test_masks_combine_with_those_of_attn():
    q, k, v = tensors()
    document = attn.create_block_mask(programs.document, *SIZES)
    both = attn.flex_attention(q, k, v, block_mask=document & attn.mask.causal())
    joined = peer.and_masks(programs.document, programs.causal)
    close(both, expected(q, k, v, None, joined))


def test_captured_tensors_are_read_anew():
    q, k, v = tensors()
    ids = torch.zeros(programs.M, dtype=torch.int64)

    def same(b, h, q_idx, kv_idx):
        return ids[q_idx] == ids[kv_idx]

    mask = attn.create_block_mask(same, *SIZES)
    before = attn.flex_attention(q, k, v, block_mask=mask)
    ids[20:] = 1
    after = attn.flex_attention(q, k, v, block_mask=mask)
    close(after, expected(q, k, v, None, same))
    assert not torch.allclose(before, after)


def test_within_torch_compile():
    q, k, v = tensors()

    def attend(q):
        mask = attn.create_block_mask(lambda b, h, i, j: j <= i, *SIZES)
        return attn.flex_attention(q * 2, k, v, block_mask=mask) + 1

    assert torch.equal(torch.compile(attend, backend="eager")(q), attend(q))
