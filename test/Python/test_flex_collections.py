# ===- test_flex_collections.py - masks as libraries of models write them ----------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""More programs of FlexAttention in the style of model libraries (overlays of masks,
block diffusion, selected blocks, trees of drafts, pages, shifted windows of images)
against a softmax over all pairs in float64."""

import math

import attn
import pytest
import torch
from test_flex_unseen import B, H, M, causal, dense, floats, integers

LEFT_PADDING = torch.tensor([13, 0])
VALID = torch.arange(M) >= LEFT_PADDING[:, None]
CHOSEN = integers(5, B, H, M // 8, M // 8) > 2
BITS = integers(2**31, M)
STARTS = torch.tensor([0, 10, 33, 34, 60, M])
PAGES = torch.randperm(M // 8)
PAGE_OF = torch.argsort(PAGES)
IMAGE = torch.zeros(B, M, dtype=torch.long)
IMAGE[:, 10:30] = 1
IMAGE[1, 50:60] = 1
GROUP = torch.cumsum((IMAGE.diff(dim=1, prepend=torch.zeros(B, 1)) == 1).int(), 1)


def overlay(*masks):
    def mask(b, h, q_idx, kv_idx):
        result = q_idx.new_ones((), dtype=torch.bool)
        for part in masks:
            result = result & part(b, h, q_idx, kv_idx).to(result.device)
        return result

    return mask


def chunked(size, left_padding):
    def mask(b, h, q_idx, kv_idx):
        first = left_padding[b]
        return (kv_idx - first) // size == (q_idx - first) // size

    return mask


def valid(b, h, q_idx, kv_idx):
    return VALID[b, kv_idx]


def image_tokens(b, h, q_idx, kv_idx):
    images = (IMAGE[b, q_idx] == 1) & (IMAGE[b, kv_idx] == 1)
    return causal(b, h, q_idx, kv_idx) | images & (GROUP[b, q_idx] == GROUP[b, kv_idx])


def block_diffusion(b, h, q, kv, block=8, clean=M // 2):
    q_clean, kv_clean = q >= clean, kv >= clean
    q_block = torch.where(q_clean, (q - clean) // block, q // block)
    kv_block = torch.where(kv_clean, (kv - clean) // block, kv // block)
    same = (q_block == kv_block) & (q_clean == kv_clean)
    earlier = (q_block > kv_block) & kv_clean & ~q_clean
    return same | earlier | ((q_block >= kv_block) & kv_clean & q_clean)


def selected_blocks(b, h, q, kv):
    return (CHOSEN[b, h, q // 8, kv // 8] | (q // 8 == kv // 8)) & (q >= kv)


def draft_tree(b, h, q, kv):
    ancestor = (BITS[q] >> torch.clamp(kv - 40, 0, 31)) & 1
    return (kv < 40) | (ancestor == 1)


def packed_by_search(b, h, q, kv):
    def number(index):
        return torch.searchsorted(STARTS, index, right=True)

    return number(q) == number(kv)


def paged(b, h, q, kv):
    return PAGE_OF[kv // 8] * 8 + kv % 8 <= q


def shifted_windows(b, h, q, kv, width=9, height=8, shift=2):
    def window(index):
        row, column = (index // width + shift) % height, (index % width + shift) % width
        return row // 4, column // 3

    (q_row, q_column), (kv_row, kv_column) = window(q), window(kv)
    return (q_row == kv_row) & (q_column == kv_column)


def dilated_neighbours(b, h, q, kv, width=9, reach=2, step=2):
    rows, columns = q // width - kv // width, q % width - kv % width
    near = (rows.abs() <= reach * step) & (columns.abs() <= reach * step)
    return near & (rows % step == 0) & (columns % step == 0)


MASKS = {
    "left padding, chunks": overlay(causal, chunked(24, LEFT_PADDING), valid),
    "image tokens": image_tokens,
    "block diffusion": block_diffusion,
    "selected blocks": selected_blocks,
    "draft tree": draft_tree,
    "packed by search": packed_by_search,
    "paged": paged,
    "shifted windows": shifted_windows,
    "dilated neighbours": dilated_neighbours,
}


@pytest.mark.parametrize("name", MASKS)
def test_mask(name):
    q, k, v = (floats(B, H, M, 16) for _ in range(3))
    block_mask = attn.create_block_mask(MASKS[name], B, H, M, M)
    found = attn.flex_attention(q, k, v, block_mask=block_mask)
    expected = dense(q, k, v, mask_mod=MASKS[name])
    assert math.isclose((found - expected).abs().max(), 0, abs_tol=3e-6)
