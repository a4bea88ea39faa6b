# ===- test_device_masks.py - masks and score modifiers on a GPU -----------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every mask and score op has code for GPUs whose results on the emulated one are
right."""

import re

import numpy as np
import pytest
from attnc import attnc

BATCHES, HEADS, QUERIES, KEYS = 2, 4, 70, 150

#: Captured arrays by name: MLIR's type and the values.
CAPTURES = {
    "offsets": ("tensor<2xi32>", np.array([3, 40], np.int32)),
    "lengths": ("tensor<2xi32>", np.array([150, 77], np.int32)),
    "ids": ("tensor<70xi32>", (np.arange(70) // 23).astype(np.int32)),
    "keyids": ("tensor<150xi32>", (np.arange(150) // 31).astype(np.int32)),
    "starts": ("tensor<4xi32>", np.array([0, 20, 50, 70], np.int32)),
    "keystarts": ("tensor<4xi32>", np.array([0, 64, 70, 150], np.int32)),
    "blocks": ("tensor<3x5xi1>", np.arange(15).reshape(3, 5) % 3 != 1),
    "dense": ("tensor<70x150xi1>", np.add.outer(np.arange(70), np.arange(150)) % 5 < 2),
    "slopes": ("tensor<4xf32>", np.array([0.5, 0.25, 0.1, 0.0], np.float32)),
    "table": ("tensor<4x11xf16>", np.linspace(-2, 2, 44).reshape(4, 11).astype("f2")),
    "bias": ("tensor<70x150xf32>", np.linspace(-9, 9, 70 * 150).reshape(70, 150)),
}

MASKS = {
    "constant": "%m = attn.mask.constant true",
    "empty": "%m = attn.mask.constant false",
    "causal": "%m = attn.mask.causal",
    "causal_offsets": "%m = attn.mask.causal offset(%offsets : tensor<2xi32>)",
    "causal_bottom_right": "%m = attn.mask.causal bottom_right",
    "window": "%m = attn.mask.window past = 20 future = 3",
    "prefix": "%m = attn.mask.prefix %lengths : tensor<2xi32>",
    "padding": "%m = attn.mask.padding %lengths : tensor<2xi32>",
    "document": "%m = attn.mask.document %ids keys(%keyids : tensor<150xi32>) "
    ": tensor<70xi32>",
    "document_offsets": "%m = attn.mask.document_offsets %starts "
    "keys(%keystarts : tensor<4xi32>) : tensor<4xi32>",
    "two_document_offsets": """%a = attn.mask.document_offsets %starts
          keys(%keystarts : tensor<4xi32>) : tensor<4xi32>
      %b = attn.mask.document_offsets %keystarts
          keys(%starts : tensor<4xi32>) : tensor<4xi32>
      %m = attn.mask.or %a, %b""",
    "dilated": "%m = attn.mask.dilated stride = 3",
    "block_sparse": "%m = attn.mask.block_sparse %blocks block [32, 32] "
    ": tensor<3x5xi1>",
    "dense": "%m = attn.mask.dense %dense : tensor<70x150xi1>",
    "and_or_not": """%a = attn.mask.causal
      %b = attn.mask.window past = 30
      %c = attn.mask.dilated stride = 7
      %d = attn.mask.not %c
      %e = attn.mask.and %a, %b
      %m = attn.mask.or %e, %d""",
    "predicate": """%m = attn.mask.predicate(%ids : tensor<70xi32>) {
      ^bb0(%b: index, %h: index, %i: index, %j: index, %t: tensor<70xi32>):
        %id = attn.load %t[%i] : tensor<70xi32>
        %index = arith.index_cast %id : i32 to index
        %sum = arith.addi %index, %h : index
        %c5 = arith.constant 5 : index
        %rest = arith.remui %j, %c5 : index
        %keep = arith.cmpi ule, %rest, %sum : index
        attn.yield %keep : i1
      }""",
}

SCORES = {
    "softcap": "%cap = arith.constant 3.0 : f32\n%s = attn.score.softcap %cap : f32",
    "alibi": "%s = attn.score.alibi %slopes : tensor<4xf32>",
    "relative_bias": "%s = attn.score.relative_bias %table : tensor<4x11xf16>",
    "bias": "%s = attn.score.bias %bias : tensor<70x150xf32>",
    "map": """%s = attn.score.map {
      ^bb0(%x: f32, %b: index, %h: index, %i: index, %j: index):
        %e = math.erf %x : f32
        %r = arith.addf %e, %x : f32
        attn.yield %r : f32
      }""",
}


def check_attention(body, clause, tmp_path):
    q = f"tensor<{BATCHES}x{HEADS}x{QUERIES}x32xf16>"
    k = f"tensor<{BATCHES}x2x{KEYS}x32xf16>"
    lse = f"tensor<{BATCHES}x{HEADS}x{QUERIES}xf32>"
    captured = {n: c for n, c in CAPTURES.items() if re.search(rf"%{n}\b", body)}
    flags = []
    for name, (type, values) in captured.items():
        element = re.search(r"x(\w+)>", type)[1].split("x")[-1]
        np.save(tmp_path / f"{name}.npy", values.astype(NUMPY[element]))
        flags += ["--arg", f"{name}={tmp_path / name}.npy"]
    arguments = "".join(f", %{n}: {c[0]}" for n, c in captured.items())
    text = f"""func.func @f(%q: {q}, %k: {k}, %v: {k}{arguments}) -> ({q}, {lse}) {{
      {body}
      %o, %l = attn.scaled_dot_product %q, %k, %v {clause}
          : {q}, {k}, {k} -> {q} lse({lse})
      return %o, %l : {q}, {lse}
    }}"""
    run = attnc("run", text, "--target=sm_80", "--emulate", "--check", *flags)
    assert run.returncode == 0, run.stderr


NUMPY = {"i32": np.int32, "f32": np.float32, "f16": np.float16, "i1": bool}


@pytest.mark.parametrize("name", MASKS)
def test_masks(name, tmp_path):
    check_attention(MASKS[name], "mask(%m)", tmp_path)


@pytest.mark.parametrize("name", SCORES)
def test_scores(name, tmp_path):
    body = "%m = attn.mask.causal bottom_right\n" + SCORES[name]
    check_attention(body, "mask(%m) score(%s)", tmp_path)
