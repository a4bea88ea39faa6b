# ===- test_sinks.py - logits that join the softmax ---------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sinks, against numpy."""

import attn
import numpy as np
import pytest
from numerics import as_float64, assert_close, softmax


def inputs(heads=4, kv_heads=2, queries=21, keys=50, size=16):
    random = np.random.default_rng(5)
    return tuple(
        random.standard_normal((2, h, n, size)).astype(np.float32)
        for h, n in ((heads, queries), (kv_heads, keys), (kv_heads, keys))
    )


def test_sinks():
    q, k, v = inputs()
    sink = np.array([0.5, -1.0, 3.0, -np.inf], np.float32)
    out, weights = attn.scaled_dot_product(q, k, v, sink=sink, return_weights=True)
    scores = as_float64(q) @ np.repeat(as_float64(k), 2, 1).swapaxes(-1, -2) / 4
    column = np.broadcast_to(sink[:, None, None], (*scores.shape[:-1], 1))
    expected = softmax(np.concatenate([scores, column], -1))[0][..., :-1]
    assert_close(weights, expected, 8)
    assert_close(out, expected @ np.repeat(as_float64(v), 2, 1), 16)


def test_one_logit_per_head():
    with pytest.raises(ValueError, match="sink has 3 logits"):
        attn.scaled_dot_product(*inputs(), sink=np.zeros(3, np.float32))
