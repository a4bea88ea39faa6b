# ===- test_block_mask.py - FlexAttention's masks and options, beside PyTorch's ---------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a BlockMask tells of itself, masks of PyTorch's own, and what flex_attention
takes beside them."""

import copy

import attn
import flex_programs as programs
import pytest
import torch
from attn._block_mask import adopted
from torch.nn.attention import flex_attention as peer

B, H, M, N = programs.B, programs.H, 48, 80
SIZES = (B, H, M, N)


def causal(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx


def per_head(b, h, q_idx, kv_idx):
    return (q_idx - kv_idx).abs() <= 9 * h


def band(b, h, q_idx, kv_idx):
    return (q_idx >= kv_idx) & (q_idx - kv_idx <= 9)


def tensors(queries=M, heads=H):
    torch.manual_seed(0)
    lengths = (queries, N, N)
    return [torch.randn(B, heads, length, 16) for length in lengths]


def dense_attention(q, k, v, keep):
    scores = (q.double() @ k.double().mT / q.shape[-1] ** 0.5).masked_fill(
        ~keep, -torch.inf
    )
    return torch.nan_to_num(scores.softmax(-1)) @ v.double()


def close(found, wanted):
    torch.testing.assert_close(found.double(), wanted, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("mod", [causal, per_head, band])
@pytest.mark.parametrize("batch, heads", [(B, H), (None, H)])
def test_what_a_mask_tells(mod, batch, heads):
    arguments = (mod, batch, heads, M, N)
    theirs = peer.create_block_mask(*arguments, device="cpu", BLOCK_SIZE=16)
    ours = attn.create_block_mask(*arguments, device="cpu", BLOCK_SIZE=16)
    assert ours.shape == tuple(theirs.shape) and ours.numel() == theirs.numel()
    assert ours.seq_lengths == theirs.seq_lengths
    assert ours.BLOCK_SIZE == theirs.BLOCK_SIZE and ours.mask_mod is mod
    assert torch.equal(ours.to_dense(), theirs.to_dense())
    assert ours.sparsity() == pytest.approx(theirs.sparsity(), abs=1e-4)
    assert ours.to("cpu") is ours
    for index in (0, (0, -1), (slice(None), slice(1, 3)), (slice(None), 0, 2)):
        assert ours[index].shape == tuple(theirs[index].shape)


def test_a_slice_takes_a_mask_mod():
    """The step of a decoder: one row of blocks, and mask_mod moved along."""
    q, k, v = tensors(1)
    whole = attn.create_block_mask(causal, None, None, N, N)
    step = whole[:, :, 0]
    with pytest.raises(RuntimeError, match="slice and has no mask_mod"):
        attn.flex_attention(
            q, k, v, block_mask=attn.create_block_mask(causal, None, None, 1, N)[0]
        )
    for position in (0, 37):
        at = torch.tensor(position)
        step.mask_mod = lambda b, h, i, j, at=at: whole.mask_mod(b, h, i + at, j)
        step.seq_lengths = (1, N)
        keep = torch.arange(N) <= position
        close(
            attn.flex_attention(q, k, v, block_mask=step),
            dense_attention(q, k, v, keep),
        )
    with pytest.raises(IndexError, match="index 1 of block_mask"):
        whole[1]
    with pytest.raises(IndexError, match="4 indices"):
        whole[0, 0, 0, 0]
    with pytest.raises(AttributeError, match="holds no kv_num_blocks; to_dense"):
        whole.kv_num_blocks
    assert copy.copy(whole).shape == whole.shape and not hasattr(whole, "other")


@pytest.mark.parametrize("mod", [causal, per_head, band])
def test_masks_of_pytorch(mod):
    q, k, v = tensors()
    mask = peer.create_block_mask(mod, *SIZES, device="cpu", BLOCK_SIZE=16)
    assert adopted(mask).mask_mod is mod, "the blocks say no more than it"
    keep = peer.create_mask(mod, *SIZES, device="cpu")
    for _ in range(2):
        found = attn.flex_attention(q, k, v, block_mask=mask)
        close(found, dense_attention(q, k, v, keep))
    with pytest.raises(ValueError, match="created for 48 queries, the call has 47"):
        attn.flex_attention(q[:, :, 1:], k, v, block_mask=mask)


@pytest.mark.parametrize("mod", [None, causal])
@pytest.mark.parametrize("shape", [(1, 1), (B, H)])
def test_blocks_that_say_more_than_mask_mod(mod, shape):
    """A mask of blocks alone, and one whose blocks leave out what mask_mod keeps and
    keep, where they are full, what it does not."""
    q, k, v = tensors()
    torch.manual_seed(1)
    partial = torch.rand(*shape, 3, 5) < 0.5
    full = (torch.rand(*shape, 3, 5) < 0.3) & ~partial

    def rows(blocks):
        order = torch.argsort((~blocks).int(), dim=-1, stable=True)
        return blocks.sum(-1).int(), order.int()

    mask = peer.BlockMask.from_kv_blocks(
        *rows(partial), *rows(full), BLOCK_SIZE=16, mask_mod=mod, seq_lengths=(M, N)
    )
    allowed = (
        True if mod is None else mod(0, 0, torch.arange(M)[:, None], torch.arange(N))
    )
    grown_partial, grown_full = (
        a.repeat_interleave(16, -2).repeat_interleave(16, -1) for a in (partial, full)
    )
    keep = (grown_partial & allowed) | grown_full
    close(attn.flex_attention(q, k, v, block_mask=mask), dense_attention(q, k, v, keep))


def test_options():
    q, k, v = tensors()
    request = peer.AuxRequest
    plain, lse = attn.flex_attention(q, k, v, return_lse=True)
    out, aux = attn.flex_attention(q, k, v, return_aux=request(lse=True))
    assert torch.equal(out, plain) and torch.equal(aux.lse, lse)
    assert isinstance(aux, peer.AuxOutput) and aux.max_scores is None
    out, aux = attn.flex_attention(q, k, v, return_aux=request())
    assert torch.equal(out, plain) and aux == peer.AuxOutput()
    hinted = attn.flex_attention(q, k, v, kernel_options={"BLOCK_M": 64})
    assert torch.equal(hinted, plain)
    with pytest.raises(ValueError, match="max_scores; lse is accepted"):
        attn.flex_attention(q, k, v, return_aux=request(max_scores=True))
    with pytest.raises(ValueError, match="both given"):
        attn.flex_attention(q, k, v, return_lse=True, return_aux=request(lse=True))
    with pytest.raises(TypeError, match="return_aux is a bool; an AuxRequest"):
        attn.flex_attention(q, k, v, return_aux=True)
    attn.create_block_mask(causal, 1, 1, M, N, separate_full_blocks=False)
    with pytest.raises(ValueError, match="BLOCK_SIZE is 0; an integer >= 1"):
        attn.create_block_mask(causal, 1, 1, M, N, BLOCK_SIZE=0)
