# ===- test_device_forms.py - other scores and weights on the emulated GPU ------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kernels whose scores are no products of matrices, and those that give weights."""

import json

import numpy as np
import pytest
from attnc import attnc
from test_emulation import CAUSAL

WINDOW = "%m = attn.mask.window past = 20 future = 9"
GAUSSIAN, EPANECHNIKOV, TRIANGULAR, BOXCAR = (
    f"kernel_regression {name}"
    for name in ("gaussian", "epanechnikov", "triangular", "boxcar")
)


def form(op, element, size, mask="", queries=40, keys=70, heads=(4, 2), weights=False):
    q = f"tensor<1x{heads[0]}x{queries}x{size}x{element}>"
    k = f"tensor<1x{heads[1]}x{keys}x{size}x{element}>"
    w = f"tensor<1x{heads[0]}x{queries}x{keys}x{element}>"
    extra, clause = "", "mask(%m) " if mask else ""
    if op == "additive":
        extra = f"tensor<{size}x{element}>"
    if op.startswith("kernel"):
        extra = f"tensor<{heads[0]}xf32>"
        clause = f"bandwidth(%e : {extra}) {clause}"
    operand, kind = (", %e", f", {extra}") if op == "additive" else ("", "")
    given = f", %e: {extra}" if extra else ""
    results = f"({q}, {w})" if weights else q
    names, result = ("%o, %w", f"weights({w})") if weights else ("%o", "")
    return f"""func.func @f(%q: {q}, %k: {k}, %v: {k}{given}) -> {results} {{
      {mask}
      {names} = attn.{op} %q, %k, %v{operand} {clause}
          : {q}, {k}, {k}{kind} -> {q} {result}
      return {names} : {results.strip("()")}
    }}"""


def check(text, *flags, target="sm_80"):
    flags = ["--check", "--json", *flags]
    run = attnc("run", text, f"--target={target}", "--emulate", *flags)
    assert run.returncode == 0, run.stdout + run.stderr
    report = json.loads(run.stdout)
    assert report["findings"] == []
    for kernel in report["kernels"]:
        assert kernel["bank_conflicts"] == 0, kernel["conflicts"]
    return report["kernels"]


def bandwidths(tmp_path):
    """As far as typical distances in 8 dimensions, one per head."""
    path = tmp_path / "e.npy"
    np.save(path, np.array([2.5, 3, 4, 6], np.float32))
    return ["--arg", f"e={path}"]


@pytest.mark.parametrize("element", ["f16", "bf16", "f32"])
@pytest.mark.parametrize("size, mask", [(64, CAUSAL), (40, ""), (13, CAUSAL)])
def test_additive_scores(element, size, mask):
    check(form("additive", element, size, mask))


@pytest.mark.parametrize("op", [GAUSSIAN, EPANECHNIKOV, TRIANGULAR, BOXCAR])
@pytest.mark.parametrize("element, mask", [("f32", CAUSAL), ("f16", "")])
def test_kernel_regression(op, element, mask, tmp_path):
    check(form(op, element, 8, mask), *bandwidths(tmp_path))


def test_warpgroups_have_no_part_in_them():
    (kernel,) = check(form("additive", "bf16", 64, CAUSAL), target="sm_90a")
    assert kernel["threads"] == 256


@pytest.mark.parametrize("op", ["additive", GAUSSIAN])
def test_their_keys_are_split(op, tmp_path):
    flags = bandwidths(tmp_path) if op == GAUSSIAN else []
    split, _ = check(form(op, "f16", 16, queries=1, keys=600), *flags)
    assert split["blocks"] == 4


@pytest.mark.parametrize(
    "op, element, size",
    [
        ("scaled_dot_product", "f16", 64),
        ("scaled_dot_product", "bf16", 40),
        ("scaled_dot_product", "f32", 256),
        ("scaled_dot_product", "f16", 29),
        ("additive", "f32", 16),
        (EPANECHNIKOV, "f32", 8),
    ],
)
@pytest.mark.parametrize("mask", [WINDOW, ""])
def test_weights(op, element, size, mask, tmp_path):
    flags = bandwidths(tmp_path) if op == EPANECHNIKOV else []
    text = form(op, element, size, mask, queries=37, keys=133, weights=True)
    (kernel,) = check(text, *flags)
    count, bytes_each = 4 * 37, 4 if element == "f32" else 2
    assert kernel["stored_bytes"] == count * (133 + size) * bytes_each


def test_weights_of_few_queries_and_many_keys():
    """They need the sums of all keys: one block takes these."""
    text = form("scaled_dot_product", "f16", 32, queries=1, keys=600, weights=True)
    (kernel,) = check(text)
    assert kernel["blocks"] == 2


@pytest.mark.parametrize("op", ["scaled_dot_product", "additive"])
def test_values_that_are_not_finite(op, tmp_path):
    """Rows that are computed anew give the same scores and weights."""
    rng = np.random.default_rng(5)
    flags = []
    for name in "kv":
        values = rng.standard_normal((1, 2, 70, 16)).astype(np.float32)
        values[:, :, 30] = np.inf if name == "k" else np.nan
        np.save(tmp_path / f"{name}.npy", values)
        flags += ["--arg", f"{name}={tmp_path / name}.npy"]
    check(form(op, "f32", 16, CAUSAL, weights=True), *flags)


def in_element(array, element):
    """As a file for an argument of that type; f32 is cut to bf16."""
    if element == "bf16":
        return (array.view(np.uint32) >> 16).astype(np.uint16).view("V2")
    return array.astype({"f16": np.float16, "f32": np.float32}[element])


def from_element(array, element):
    if element == "bf16":
        array = (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float64)


#: What queries and keys hold, what is added to scores, the mask. Products of 64 features are
#: exact, but what they are scaled by is not: its rounding, in units of log2, is -0.8,
#: 192, -205, -820, beyond 2^100, -3280.
LARGE = {
    "3e7": ("f16", 1.1875 * 2.0**10, 0, ""),
    "5e9 up": ("f16", 1.5 * 2.0**14, 0, ""),
    "3e9 down": ("f16", 1.1875 * 2.0**14, 0, ""),
    "1e10": ("bf16", 1.1875 * 2.0**15, 0, CAUSAL),
    "1e36": ("bf16", 1.1875 * 2.0**58, 0, ""),
    "5e10": ("f32", 1.1875 * 2.0**16, 0, CAUSAL),
    "-1e9": ("f16", 0.0, -1e9, CAUSAL),
    "-3e38": ("bf16", 0.0, -3e38, ""),
}


def large_scores(element, size, added, mask, folder):
    """A module, flags, and the output."""
    q, k = (f"tensor<1x1x{count}x64x{element}>" for count in (40, 70))
    bias = f"""%s = attn.score.map {{
        ^bb0(%x: f32, %b: index, %h: index, %i: index, %j: index):
          %c = arith.constant {added:e} : f32
          %y = arith.addf %x, %c : f32
          attn.yield %y : f32
        }}"""
    clauses = ("mask(%m) " if mask else "") + ("score(%s)" if added else "")
    text = f"""func.func @f(%q: {q}, %k: {k}, %v: {k}) -> {q} {{
      {mask}
      {bias if added else ""}
      %o = attn.scaled_dot_product %q, %k, %v {clauses} : {q}, {k}, {k} -> {q}
      return %o : {q}
    }}"""
    v = np.random.default_rng(2).standard_normal((1, 1, 70, 64)).astype(np.float32)
    flags = []
    for operand, array in (
        ("q", np.full((1, 1, 40, 64), size, np.float32)),
        ("k", np.full((1, 1, 70, 64), size, np.float32)),
        ("v", v),
    ):
        np.save(folder / f"{operand}.npy", in_element(array, element))
        flags += ["--arg", f"{operand}={folder / operand}.npy"]
    kept = np.tri(40, 70) if mask else np.ones((40, 70))
    return text, flags, kept / kept.sum(-1, keepdims=True) @ v[0, 0]


def largest_error(text, element, expected, folder, *flags):
    out = folder / "o.npy"
    run = attnc("run", text, "--emulate", "--out", str(out), *flags)
    assert run.returncode == 0, run.stderr
    result = from_element(np.load(out), element)[0, 0]
    return np.abs(result - expected).max()


@pytest.mark.parametrize("target", ["sm_80", "sm_90a"])
@pytest.mark.parametrize("name", LARGE)
def test_large_scores(name, target, tmp_path):
    """Equal scores, however large, are equal weights."""
    element = LARGE[name][0]
    text, flags, expected = large_scores(*LARGE[name], tmp_path)
    flags.append(f"--target={target}")
    assert largest_error(text, element, expected, tmp_path, *flags) < 0.03


def test_large_scores_without_the_guard_are_wrong(tmp_path):
    element = LARGE["3e9 down"][0]
    text, flags, expected = large_scores(*LARGE["3e9 down"], tmp_path)
    ir = attnc("compile", text, "--target=sm_80", "--stop-after=tile").stdout
    planted = ir.replace("1.048576E+6", "1.0E+30").replace("0x49800000", "1.0E+30")
    flags += ["--target=sm_80", "--start-from=decompose"]
    assert largest_error(ir, element, expected, tmp_path, *flags) < 0.03
    assert not largest_error(planted, element, expected, tmp_path, *flags) < 0.03


def test_entropy_of_any_batch():
    """Its LSE is scratch, whose size is asked of."""
    q, k, row = "tensor<?x2x65x64xf16>", "tensor<?x2x54x64xf16>", "tensor<?x2x65xf32>"
    text = f"""func.func @f(%q: {q}, %k: {k}, %v: {k}) -> ({q}, {row}) {{
      %o, %e = attn.scaled_dot_product %q, %k, %v : {q}, {k}, {k} -> {q} entropy({row})
      return %o, %e : {q}, {row}
    }}"""
    run = attnc("run", text, "--target=sm_80", "--emulate", "--check", "--dim", "B=2")
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("target", ["sm_80", "sm_90a"])
@pytest.mark.parametrize("normalizer", ["sum", "none"])
def test_weights_that_are_small_scores(normalizer, target):
    """A millionth and less, which f16 rounds to nothing."""
    text = form("scaled_dot_product", "f16", 64).replace(
        "{\n",
        "{\n%c = arith.constant dense<-14.0> : tensor<1x1xf32>\n"
        "%shift = attn.score.bias %c : tensor<1x1xf32>\n%s = attn.score.sigmoid\n",
        1,
    )
    clause = f"score(%shift, %s) normalizer = {normalizer} "
    check(text.replace("%v ", f"%v {clause}", 1), target=target)
