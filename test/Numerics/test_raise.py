# ===- test_raise.py - decomposed attention becomes one op --------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Products with a softmax between them are fused, and agree with what the reference
makes of the parts; explain knows them; a softmax alone compiles."""

import json

import pytest
from attnc import attnc, check

SOFTMAX = {
    "linalg.softmax": "linalg.softmax dimension(2) ins(%scaled : tensor<3x45x61xf32>) "
    "outs(%se : tensor<3x45x61xf32>)",
    "attn.masked_softmax": "attn.masked_softmax %scaled mask(%mask) : tensor<3x45x61xf32>",
}


def decomposed(softmax):
    return f"""
func.func @f(%q: tensor<3x45x16xf32>, %k: tensor<3x16x61xf32>, %v: tensor<3x61x9xf32>)
    -> tensor<3x45x9xf32> {{
  %lengths = arith.constant dense<[0, 17, 61]> : tensor<3xi32>
  %zero = arith.constant 0.0 : f32
  %scale = arith.constant dense<0.25> : tensor<3x45x61xf32>
  %se = tensor.empty() : tensor<3x45x61xf32>
  %sz = linalg.fill ins(%zero : f32) outs(%se : tensor<3x45x61xf32>) -> tensor<3x45x61xf32>
  %s = linalg.batch_matmul ins(%q, %k : tensor<3x45x16xf32>, tensor<3x16x61xf32>)
       outs(%sz : tensor<3x45x61xf32>) -> tensor<3x45x61xf32>
  %scaled = arith.mulf %s, %scale : tensor<3x45x61xf32>
  %mask = attn.mask.padding %lengths : tensor<3xi32>
  %w = {SOFTMAX[softmax]} -> tensor<3x45x61xf32>
  %oe = tensor.empty() : tensor<3x45x9xf32>
  %oz = linalg.fill ins(%zero : f32) outs(%oe : tensor<3x45x9xf32>) -> tensor<3x45x9xf32>
  %o = linalg.batch_matmul ins(%w, %v : tensor<3x45x61xf32>, tensor<3x61x9xf32>)
       outs(%oz : tensor<3x45x9xf32>) -> tensor<3x45x9xf32>
  return %o : tensor<3x45x9xf32>
}}
"""


@pytest.mark.parametrize("softmax", SOFTMAX)
def test_fused(softmax):
    text = decomposed(softmax)
    check(text, {})
    optimized = attnc("compile", text, "--stop-after=optimize", "-o", "-").stdout
    assert optimized.count("attn.attend") == 1
    (plan,) = json.loads(attnc("explain", text, "--json").stdout)["attention"]
    sizes = plan["sizes"]
    assert (sizes["B"], sizes["M"], sizes["N"]) == (3, 45, 61)


def test_softmax_alone():
    text = """
func.func @f(%s: tensor<5x7x33xf32>) -> tensor<5x7x33xf32> {
  %e = tensor.empty() : tensor<5x7x33xf32>
  %w = linalg.softmax dimension(2) ins(%s : tensor<5x7x33xf32>) outs(%e : tensor<5x7x33xf32>)
       -> tensor<5x7x33xf32>
  return %w : tensor<5x7x33xf32>
}
"""
    check(text, {})
