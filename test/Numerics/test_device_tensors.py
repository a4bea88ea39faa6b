# ===- test_device_tensors.py - tensor code around attention on the emulated GPU -===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What functions compute beside attention: before it, from its results, and between."""

import json
from pathlib import Path

import numpy as np
import pytest
from attnc import attnc
from test_device_forms import BOXCAR, EPANECHNIKOV, TRIANGULAR

EXAMPLES = Path(__file__).parents[2] / "examples"


def check(text, *flags, target="sm_80"):
    flags = [f"--target={target}", "--emulate", "--check", "--json", *flags]
    run = attnc("run", text, *flags)
    assert run.returncode == 0, run.stdout + run.stderr
    report = json.loads(run.stdout)
    assert report["findings"] == []
    return report["kernels"]


def function(arguments, body, results):
    listed = ", ".join(f"%{name}: {kind}" for name, kind in arguments.items())
    return f"func.func @f({listed}) -> ({', '.join(results)}) {{\n{body}\n}}"


def cosine(element, heads=(4, 2)):
    q, k, lse = (
        f"tensor<1x{size}>"
        for size in (
            f"{heads[0]}x37x40x{element}",
            f"{heads[1]}x70x40x{element}",
            f"{heads[0]}x37xf32",
        )
    )
    body = f"""%m = attn.mask.causal
      %o, %l = attn.cosine %q, %k, %v mask(%m) scale = 8.0 : {q}, {k}, {k} -> {q}
        lse({lse})
      return %o, %l : {q}, {lse}"""
    return function({"q": q, "k": k, "v": k}, body, [q, lse])


@pytest.mark.parametrize("element, target", [("f16", "sm_80"), ("bf16", "sm_90a")])
def test_cosine(element, target):
    check(cosine(element), target=target)


@pytest.mark.parametrize("element", ["f16", "f32"])
def test_additive_projections(element):
    q, k, v = (
        f"tensor<2x{n}x{d}x{element}>" for n, d in ((23, 12), (41, 20), (41, 16))
    )
    o = f"tensor<2x23x16x{element}>"
    w, wq, wk = (f"tensor<{size}x{element}>" for size in ("24", "24x12", "24x20"))
    body = f"""%o = attn.additive %q, %k, %v, %w project_query(%wq : {wq}) project_key(%wk : {wk})
        : {q}, {k}, {v}, {w} -> {o}
      return %o : {o}"""
    check(function({"q": q, "k": k, "v": v, "w": w, "wq": wq, "wk": wk}, body, [o]))


def test_general_scores():
    q, k, w = "tensor<2x20x8xf16>", "tensor<2x33x12xf16>", "tensor<12x8xf16>"
    o = "tensor<2x20x12xf16>"
    body = f"""%o = attn.general %q, %k, %k, %w : {q}, {k}, {k}, {w} -> {o}
      return %o : {o}"""
    check(function({"q": q, "k": k, "w": w}, body, [o]))


@pytest.mark.parametrize("element, target", [("f16", "sm_80"), ("bf16", "sm_90a")])
def test_entropy_and_received(element, target):
    q, k = f"tensor<1x4x40x64x{element}>", f"tensor<1x2x53x64x{element}>"
    e, r = "tensor<1x4x40xf32>", "tensor<1x4x53xf32>"
    body = f"""%m = attn.mask.causal
      %o, %e, %r = attn.scaled_dot_product %q, %k, %v mask(%m) : {q}, {k}, {k} -> {q}
        entropy({e}) received({r})
      return %o, %e, %r : {q}, {e}, {r}"""
    check(function({"q": q, "k": k, "v": k}, body, [q, e, r]), target=target)


def scalar_keys(op, bandwidth):
    q, k, v = "tensor<2x50x1xf32>", "tensor<2x200x1xf32>", "tensor<2x200x8xf32>"
    o = "tensor<2x50x8xf32>"
    body = f"""%b = arith.constant {bandwidth} : f32
      %o = attn.{op} %q, %k, %v bandwidth(%b : f32) : {q}, {k}, {v} -> {o}
      return %o : {o}"""
    return function({"q": q, "k": k, "v": v}, body, [o])


@pytest.mark.parametrize(
    "op, ascending",
    [(BOXCAR, True), (BOXCAR, False), (EPANECHNIKOV, True), (TRIANGULAR, True)],
)
def test_kernels_of_scalar_keys(op, ascending, tmp_path):
    """Keys that ascend leave tiles empty; where one does not, all are reached."""
    rng = np.random.default_rng(3)
    keys = rng.uniform(-40, 40, (2, 200, 1)).astype(np.float32)
    queries = rng.uniform(-40, 40, (2, 50, 1)).astype(np.float32)
    keys.sort(axis=1)
    queries.sort(axis=1)
    if not ascending:
        keys[1, 177] = queries[1, 2]
    flags = []
    for name, array in (("q", queries), ("k", keys)):
        np.save(tmp_path / f"{name}.npy", array)
        flags += ["--arg", f"{name}={tmp_path / name}.npy"]
    check(scalar_keys(op, 2.5), *flags)


@pytest.mark.parametrize(
    "name",
    ["masked_softmax", "multi_head", "rotary", "rotary_interleaved", "split_keys"],
)
def test_examples(name):
    check((EXAMPLES / f"{name}.mlir").read_text())


def test_results_between_two_attentions():
    """What one gives goes through products and a sum to the next."""
    x, w = "tensor<20x32xf16>", "tensor<32x32xf16>"
    body = f"""%m = attn.mask.causal
      %o = attn.scaled_dot_product %x, %x, %x mask(%m) : {x}, {x}, {x} -> {x}
      %e = tensor.empty() : {x}
      %zero = arith.constant 0.0 : f16
      %f = linalg.fill ins(%zero : f16) outs(%e : {x}) -> {x}
      %p = linalg.matmul ins(%o, %w : {x}, {w}) outs(%f : {x}) -> {x}
      %y = arith.addf %p, %x : {x}
      %z = attn.scaled_dot_product %y, %x, %o : {x}, {x}, {x} -> {x}
      return %z : {x}"""
    check(function({"x": x, "w": w}, body, [x]))


def test_slices_and_reshapes():
    """Of a packed argument: those whose rows are part of a row are copied."""
    x, part, o = "tensor<9x3x2x16xf16>", "tensor<9x2x16xf16>", "tensor<9x2x16xf16>"
    half = "tensor<9x2x8xf16>"
    slices = "\n".join(
        f"%{name} = tensor.extract_slice %x[0, {at}, 0, 0][9, 1, 2, 16][1, 1, 1, 1]"
        f" : {x} to {part}"
        for at, name in enumerate("qkv")
    )
    body = f"""{slices}
      %qh = tensor.extract_slice %q[0, 0, 8][9, 2, 8][1, 1, 1] : {part} to {half}
      %kh = tensor.extract_slice %k[0, 0, 0][9, 2, 8][1, 1, 1] : {part} to {half}
      %o = attn.scaled_dot_product %qh, %kh, %v layout = "mhd" : {half}, {half}, {part} -> {o}
      return %o : {o}"""
    check(function({"x": x}, body, [o]))


def test_numbers_that_only_the_device_knows():
    """A cap and a factor read from tensors."""
    x, c = "tensor<20x32xf32>", "tensor<2xf32>"
    body = f"""%i = arith.constant 1 : index
      %cap = tensor.extract %c[%i] : {c}
      %square = arith.mulf %cap, %cap : f32
      %s = attn.score.map(%square : f32) {{
        ^bb0(%x0: f32, %b: index, %h: index, %i0: index, %j: index, %f: f32):
          %t = arith.mulf %x0, %f : f32
          attn.yield %t : f32
      }}
      %o = attn.scaled_dot_product %x, %x, %x score(%s) : {x}, {x}, {x} -> {x}
      return %o : {x}"""
    check(function({"x": x, "c": c}, body, [x]))
