# ===- test_bounded_scores.py - weights relative to a fixed maximum -----------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bounded scores, of cosines, whose weights are relative to a fixed maximum: values that
these would take beyond the range of f32, and rows whose weights are all small."""

import numpy as np
import pytest
from attnc import check
from test_matrix import attention

QUERIES, KEYS, SIZE = 70, 300, 16


def files(tmp_path, values, opposite):
    """The flags that give q, k, v; `opposite` rows have cosines near -1 with all keys."""
    random = np.random.default_rng(5)
    k = random.standard_normal((1, 1, KEYS, SIZE)) * 0.05 + 1
    q = random.standard_normal((1, 1, QUERIES, SIZE))
    q[0, 0, :opposite] = -1
    v = random.uniform(-1, 1, k.shape) * values
    flags = []
    for name, array in zip("qkv", (q, k, v)):
        np.save(tmp_path / f"{name}.npy", array.astype(np.float32))
        flags += ["--arg", f"{name}={tmp_path / name}.npy"]
    return flags


@pytest.mark.parametrize("mask", ["none", "causal"])
@pytest.mark.parametrize("scale", [10.0, 50.0, 58.0])
@pytest.mark.parametrize("values", [1.0, 1e30, 1e-30])
def test_values_of_any_size(values, scale, mask, tmp_path):
    text = attention(
        op="cosine",
        type="f32",
        heads=1,
        kv_heads=1,
        head_size=SIZE,
        mask=mask,
        results=("output", "lse"),
        extra_operand="" if mask == "causal" else f" scale = {scale}",
    ).replace(" mask(%m)", f" mask(%m) scale = {scale}")
    check(text, {}, *files(tmp_path, values, opposite=7))
