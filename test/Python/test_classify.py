# ===- test_classify.py - the classes of a mask's tiles -----------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mask.classify against counting the kept pairs of every tile."""

import attn
import flex_programs as programs
import numpy as np
import pytest
import torch
from numerics import indices
from torch.nn.attention.flex_attention import create_mask

IDS = np.arange(300) // 47
LENGTHS = np.array([100, 256])
EXACT = {
    "causal": (lambda m: m.causal(), lambda b, h, i, j: j <= i),
    "bottom right": (
        lambda m: m.causal("bottom_right"),
        lambda b, h, i, j: j <= i - 40,
    ),
    "window": (
        lambda m: m.window(past=70, future=3),
        lambda b, h, i, j: (i - 70 <= j) & (j <= i + 3),
    ),
    "prefix": (lambda m: m.prefix(64), lambda b, h, i, j: j < 64),
    "padding": (lambda m: m.padding(LENGTHS), lambda b, h, i, j: j < LENGTHS[b]),
    "document": (lambda m: m.document(IDS), lambda b, h, i, j: IDS[i] == IDS[j]),
    "and": (
        lambda m: m.document(IDS) & m.causal(),
        lambda b, h, i, j: (IDS[i] == IDS[j]) & (j <= i),
    ),
    "or": (lambda m: m.prefix(9) | m.causal(), lambda b, h, i, j: (j < 9) | (j <= i)),
    "not": (lambda m: ~m.window(past=40), lambda b, h, i, j: j < i - 40),
    "blocks": (
        lambda m: m.predicate(lambda b, h, i, j: i // 50 == j // 50),
        lambda b, h, i, j: i // 50 == j // 50,
    ),
}


def count(keep, tile):
    """0, 1 or 2 for each tile of a boolean array (B, H, M, N)."""
    *lead, queries, keys = keep.shape
    grid = -(-queries // tile[0]), -(-keys // tile[1])
    classes = np.ones((*lead, *grid), np.int8)
    for x, y in np.ndindex(grid):
        part = keep[..., x * tile[0] :, y * tile[1] :][..., : tile[0], : tile[1]]
        classes[..., x, y][~part.any((-1, -2))] = 0
        classes[..., x, y][part.all((-1, -2))] = 2
    return classes


@pytest.mark.parametrize("tile", [(64, 64), (16, 48)])
@pytest.mark.parametrize("name", EXACT)
def test_exact(name, tile):
    make, keep = EXACT[name]
    sizes = (2, 3, 300, 260)
    expected = np.broadcast_to(keep(*indices(*sizes)), sizes)
    actual = make(attn.mask).classify(*sizes, tile=tile)
    assert actual.dtype == np.int8
    assert np.array_equal(actual, count(expected, tile))


@pytest.mark.parametrize("name", programs.MASKS)
def test_sound_for_the_functions_of_flex_attention(name):
    sizes = (programs.B, programs.H, programs.M, programs.N)
    mod = programs.MASKS[name]
    actual = attn.create_block_mask(mod, *sizes).classify(*sizes, tile=(8, 8))
    expected = count(create_mask(mod, *sizes, device="cpu").numpy(), (8, 8))
    assert (expected[actual == 0] == 0).all()
    assert (expected[actual == 2] == 2).all()


def test_one_classifier_serves_all_lengths():
    mask = attn.mask.causal()
    for length in (0, 1, 64, 65, 1000):
        keep = np.tri(length, dtype=bool)[None, None]
        assert np.array_equal(
            mask.classify(1, 1, length, length), count(keep, (64, 64))
        )


@pytest.mark.parametrize(
    "call,error,message",
    [
        (lambda m: m.classify(1, 1, -1, 4), ValueError, "M is -1"),
        (lambda m: m.classify(1, 1, 4, 4.0), TypeError, "N is a float"),
        (lambda m: m.classify(1, 1, 4, 4, tile=64), TypeError, "tile is 64"),
        (lambda m: m.classify(1, 1, 4, 4, tile=(0, 4)), ValueError, r"tile\[0\] is 0"),
        (
            lambda m: attn.mask.padding([1, 2]).classify(1, 1, 4, 4),
            ValueError,
            "padding",
        ),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call(attn.mask.causal())


def test_captured_tensors_are_read_anew():
    ids = torch.zeros(128, dtype=torch.int32)
    mask = attn.mask.document(ids)
    assert (mask.classify(1, 1, 128, 128) == 2).all()
    ids[64:] = 1
    assert np.array_equal(mask.classify(1, 1, 128, 128)[0, 0], 2 * np.eye(2))
