# ===- test_emulation.py - kernels for GPUs on the emulated one -----------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kernels are right under every schedule of copies, and the emulator finds what is
planted into them."""

import json
import re

import numpy as np
import pytest
from attnc import attnc

#: Keys that are no multiple of a tile, so that copies fill with zeros.
QUERIES, KEYS = 150, 200


def attention(
    element, head_size, mask, queries=QUERIES, keys=KEYS, value_size=None, heads=2
):
    def tensor(count, size):
        return f"tensor<1x{heads}x{count}x{size}x{element}>"

    value_size = value_size or head_size
    q, k = tensor(queries, head_size), tensor(keys, head_size)
    v, o = tensor(keys, value_size), tensor(queries, value_size)
    clause = "mask(%m)" if mask else ""
    return f"""func.func @f(%q: {q}, %k: {k}, %v: {v}) -> {o} {{
      {mask}
      %o = attn.scaled_dot_product %q, %k, %v {clause} : {q}, {k}, {v} -> {o}
      return %o : {o}
    }}"""


CAUSAL = "%m = attn.mask.causal"


def emulate(text, *flags):
    return attnc("run", text, "--target=sm_80", "--emulate", "--json", *flags)


@pytest.mark.parametrize(
    "head_size, mask", [(64, CAUSAL), (64, ""), (128, CAUSAL), (40, CAUSAL)]
)
def test_kernels_are_right(head_size, mask, tmp_path):
    rng = np.random.default_rng(1)
    arrays = [
        rng.standard_normal((1, 2, n, head_size)).astype(np.float16)
        for n in (QUERIES, KEYS, KEYS)
    ]
    flags = []
    for name, array in zip("qkv", arrays):
        np.save(tmp_path / f"{name}.npy", array)
        flags += ["--arg", f"{name}={tmp_path / name}.npy"]
    text = attention("f16", head_size, mask)
    run = emulate(text, "--out", str(tmp_path / "o.npy"), *flags)
    assert run.returncode == 0, run.stderr

    q, k, v = (array.astype(np.float64) for array in arrays)
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(head_size)
    if mask:
        scores[..., ~np.tri(QUERIES, KEYS, dtype=bool)] = -np.inf
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    # Weights and results are rounded to f16, products are summed in f32.
    bound = 2.0**-11 * (weights @ np.abs(v) + np.abs(weights @ v)) + 2.0**-24
    error = np.abs(np.load(tmp_path / "o.npy") - weights @ v)
    assert (error <= 1.1 * bound).all(), (error / bound).max()

    report = json.loads(run.stdout)
    assert report["findings"] == []
    (kernel,) = report["kernels"]
    assert kernel["bank_conflicts"] == 0
    # Results leave in whole sectors, once.
    assert kernel["stored_bytes"] == arrays[0].nbytes
    assert 32 * kernel["stored_sectors"] == kernel["stored_bytes"]


@pytest.mark.parametrize("element", ["f16", "bf16", "f32"])
def test_kernels_keep_the_bound_of_the_reference(element):
    text = attention(element, 64, CAUSAL, queries=40, keys=70)
    run = emulate(text, "--check")
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    "element, head_size, value_size",
    [
        ("f16", 16, 64),
        ("bf16", 24, 40),
        ("f16", 72, 80),
        ("bf16", 96, 32),
        ("f16", 192, 128),
        ("bf16", 256, 256),
        ("f32", 16, 32),
        ("f32", 40, 24),
        ("f32", 128, 128),
        ("f32", 256, 256),
        # Rows of 8, 4 and 2 bytes each.
        ("f16", 20, 36),
        ("bf16", 100, 130),
        ("f16", 1, 199),
        ("bf16", 255, 7),
        ("f32", 34, 62),
        ("f32", 97, 201),
    ],
)
def test_head_sizes(element, head_size, value_size):
    """All sizes are right, without a bank conflict and without more traffic."""
    text = attention(
        element, head_size, CAUSAL, queries=35, keys=71, value_size=value_size, heads=1
    )
    run = emulate(text, "--check")
    assert run.returncode == 0, run.stderr
    (kernel,) = json.loads(run.stdout)["kernels"]
    assert kernel["bank_conflicts"] == 0, kernel["conflicts"]
    # Two blocks that share the columns of values read the queries and keys twice.
    parts, size = kernel["blocks"], 4 if element == "f32" else 2
    assert kernel["loaded_bytes"] == 35 * (2 * parts * head_size + value_size) * size
    assert kernel["stored_bytes"] == 35 * value_size * size


@pytest.mark.parametrize("element", ["bf16", "f32"])
def test_odd_rows_of_split_keys(element):
    """Sums of a part lie in scratch in rows of whole groups of columns."""
    text = attention(element, 51, "", queries=3, keys=1100, value_size=203)
    run = emulate(text, "--check")
    assert run.returncode == 0, run.stderr
    assert len(json.loads(run.stdout)["kernels"]) == 2


@pytest.mark.parametrize("queries, keys", [(1, 1), (1, 70), (33, 1), (5, 0), (0, 5)])
@pytest.mark.parametrize("mask", [CAUSAL, ""])
def test_few_and_no_queries_and_keys(mask, queries, keys):
    run = emulate(attention("bf16", 64, mask, queries=queries, keys=keys), "--check")
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("element, head_size", [("bf16", 64), ("f32", 32), ("f16", 40)])
@pytest.mark.parametrize("mask", [CAUSAL, ""])
def test_traffic_is_that_of_the_tile_plan(element, head_size, mask):
    """Each block loads its queries once and every key and value that they reach
    once; each result is stored once."""
    queries, keys = 300, 310
    run = emulate(attention(element, head_size, mask, queries, keys, heads=1))
    (kernel,) = json.loads(run.stdout)["kernels"]
    tile = kernel["threads"] // 2
    assert kernel["blocks"] == -(-queries // tile)
    reached = [
        min(keys, start + tile, queries) if mask else keys
        for start in range(0, queries, tile)
    ]
    row = head_size * (4 if element == "f32" else 2)
    least = (queries + 2 * sum(reached)) * row
    assert least <= kernel["loaded_bytes"] <= 1.05 * least
    assert kernel["stored_bytes"] == queries * row
    # Rows begin with a sector here.
    if row % 32 == 0:
        assert 32 * kernel["loaded_sectors"] <= 1.05 * least


def without_line(number):
    return lambda ir: "\n".join(
        line for i, line in enumerate(ir.splitlines()) if i != number
    )


def without_swizzle(ir):
    """Chunks lie as they come: every exchange with bits of the row goes."""
    return re.sub(r"arith.xori (%\w+), %\w+ : i32", r"arith.ori \1, \1 : i32", ir)


def one_wrong_swizzle(ir):
    """The first copy puts its chunk where nobody looks for it."""
    return re.sub(
        r"arith.xori (%\w+), %\w+ : i32", r"arith.ori \1, \1 : i32", ir, count=1
    )


def copy_off_by_one(ir):
    """Copies take one row more than there is before they fill with zeros."""
    selects = re.findall(r"arith.select (%\w+), %c16_i32\w*, %c0_i32\w* : i32", ir)
    assert selects, ir
    for condition in selects:
        ir = re.sub(
            rf"({re.escape(condition)} = arith.cmpi) slt,", r"\1 sle,", ir, count=1
        )
    return ir


@pytest.fixture(scope="module")
def kernel():
    text = attention("f16", 64, CAUSAL, heads=1)
    ir = attnc("compile", text, "--target=sm_80", "--stop-after=tile").stdout
    assert findings(ir)["findings"] == []
    return ir


def findings(ir):
    run = emulate(ir, "--start-from=decompose")
    assert run.returncode in (0, 1), run.stderr
    return json.loads(run.stdout)


def synchronisations(ir, op):
    return [i for i, line in enumerate(ir.splitlines()) if op in line]


def test_removed_barriers_are_found(kernel):
    lines = synchronisations(kernel, "nvvm.barrier0")
    assert len(lines) >= 3
    # The last one orders nothing here: queries stay in registers, and each warp
    # puts its results into rows of its own.
    for line in lines[:-1]:
        found = findings(without_line(line)(kernel))["findings"]
        assert any("nothing orders" in f or "waited for" in f for f in found), line


def test_removed_waits_are_found(kernel):
    lines = synchronisations(kernel, "nvvm.cp.async.wait.group 1")
    assert len(lines) >= 3
    for line in lines:
        found = findings(without_line(line)(kernel))["findings"]
        assert any("waited for" in f for f in found), line


def test_a_missing_swizzle_costs_bank_conflicts(kernel):
    planted = without_swizzle(kernel)
    report = findings(planted)
    assert report["findings"] == []
    assert report["kernels"][0]["bank_conflicts"] > 1000


def test_a_wrong_swizzle_gives_wrong_results(kernel, tmp_path):
    good, bad = tmp_path / "good.npy", tmp_path / "bad.npy"
    for ir, path in ((kernel, good), (one_wrong_swizzle(kernel), bad)):
        emulate(ir, "--start-from=decompose", "--out", str(path))
    difference = np.abs(np.load(good) - np.load(bad).astype(np.float64))
    assert not difference.max() < 0.01


def test_a_column_too_many_is_found():
    text = attention("f16", 11, CAUSAL, heads=1)
    ir = attnc("compile", text, "--target=sm_80", "--stop-after=tile").stdout
    assert findings(ir)["findings"] == []
    planted = ir.replace("arith.constant 11 : i32", "arith.constant 12 : i32")
    found = findings(planted)["findings"]
    assert any("outside of all buffers" in f for f in found), found


def test_a_copy_beyond_the_end_is_found(kernel):
    found = findings(copy_off_by_one(kernel))["findings"]
    assert any("outside of all buffers" in f for f in found), found
