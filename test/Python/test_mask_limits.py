# ===- test_mask_limits.py - masks by numbers of any size ---------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Offsets and bounds up to the ends of 64 bits: clauses mask_causal_m1, mask_window_m1
and mask_predicate_m1 of docs/Spec.md, against integers that do not end."""

import attn
import numpy as np
import pytest

M, N = 150, 200
QUERY, KEY = np.arange(M).astype(object)[:, None], np.arange(N).astype(object)[None]
LEAST, MOST = -(2**63), 2**63 - 1
OFFSETS = [
    *(0, -40, 90, 2**30, -(2**30), 2**30 + 63, 2**31 - 70, -(2**31), 2**32 + 5),
    *(MOST, MOST - 70, MOST - 149, LEAST, LEAST + 70, LEAST + 2**30),
]


def wrap(value):
    """A 64-bit machine's integer."""
    return (value + 2**63) % 2**64 - 2**63


def kept(mask):
    """The pairs that the compiled function gives weight."""
    q, k = np.zeros((1, 1, M, 8), np.float32), np.zeros((1, 1, N, 8), np.float32)
    _, weights = attn.scaled_dot_product(q, k, k, mask=mask, return_weights=True)
    return weights[0, 0] > 0


def assert_keeps(mask, expected):
    expected = np.broadcast_to(expected.astype(bool), (M, N))
    assert np.array_equal(kept(mask), expected)
    classes = mask.classify(1, 1, M, N, tile=(16, 16))[0, 0]
    for (x, y), kind in np.ndenumerate(classes):
        tile = expected[16 * x : 16 * x + 16, 16 * y : 16 * y + 16]
        assert kind == 1 or (tile == (kind == 2)).all()


@pytest.mark.parametrize("offset", OFFSETS)
def test_causal(offset):
    assert_keeps(attn.mask.causal(np.array([offset])), KEY <= QUERY + offset)


@pytest.mark.parametrize("bound", [b for b in OFFSETS if 0 <= b < 2**62] + [2**62])
def test_window(bound):
    assert_keeps(attn.mask.window(past=bound), QUERY - bound <= KEY)
    assert_keeps(attn.mask.window(future=bound), KEY <= QUERY + bound)


@pytest.mark.parametrize("number", OFFSETS)
def test_predicate(number):
    """What wraps in 64 bits wraps; what is compared in 32 bits is not cut off."""
    capture = np.array([number])
    for sign in (1, -1):
        mask = attn.mask.predicate(lambda b, h, i, j: sign * (i - j) >= capture[b])
        assert_keeps(mask, sign * (QUERY - KEY) >= number)
    mask = attn.mask.predicate(lambda b, h, i, j: i + capture[b] > j)
    assert_keeps(mask, np.vectorize(wrap, [object])(QUERY + number) > KEY)
    mask = attn.mask.predicate(lambda b, h, i, j: (2 * i + 3 < j + 5) & (i - 7 != j))
    assert_keeps(mask, (2 * QUERY + 3 < KEY + 5) & (QUERY - 7 != KEY))
