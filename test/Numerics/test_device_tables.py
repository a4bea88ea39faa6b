# ===- test_device_tables.py - tiles that kernels for GPUs visit ----------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Before attention the device computes tables of what a mask says of queries alone and
of keys alone, so that kernels visit the tiles of `attnc explain`, and no other."""

import json
import re

import numpy as np
import pytest
from attnc import attnc, dim_flags
from test_visited_tiles import ENDS, MASKS, brute_force

SIZE, KEYS = 16, 700
#: Documents that return, in no order.
IDS = np.arange(2000) // 90 * 7 % 5
ENDS = ENDS * KEYS // ENDS[-1]
#: Of blocks of 64 keys, those that each block of queries attends to.
TABLE = np.random.default_rng(3).integers(0, 3, (16, 16)).astype(np.int32)


def by_offsets(i, j):
    found = [np.searchsorted(ENDS, at, side="right") for at in (i, j)]
    return found[0] == found[1]


MASKS = {
    "documents": (MASKS["documents"][0], lambda i, j: IDS[i] == IDS[j]),
    "causal documents": (
        "%c = attn.mask.causal\n%d = attn.mask.document %ids : tensor<?xi32>\n"
        "%m = attn.mask.and %c, %d",
        lambda i, j: (IDS[i] == IDS[j]) & (j <= i),
    ),
    "not documents": (MASKS["not documents"][0], lambda i, j: IDS[i] != IDS[j]),
    "window or documents by offsets": (
        MASKS["window or documents by offsets"][0],
        lambda i, j: (i - 100 <= j) & (j <= i + 20) | by_offsets(i, j),
    ),
    "documents of a head": (
        """%m = attn.mask.predicate(%table : tensor<?x?xi32>) {
        ^bb0(%b: index, %h: index, %i: index, %j: index, %t: tensor<?x?xi32>):
          %c64 = arith.constant 64 : index
          %c0 = arith.constant 0 : index
          %y = arith.floordivsi %j, %c64 : index
          %x = attn.load %t[%c0, %y] : tensor<?x?xi32>
          %zero = arith.constant 0 : i32
          %keep = arith.cmpi eq, %x, %zero : i32
          attn.yield %keep : i1
        }""",
        lambda i, j: (TABLE[0, j // 64] == 0) & (i >= 0),
    ),
}


def attention(mask):
    tensor = f"tensor<1x1x?x{SIZE}xf16>"
    return f"""func.func @f(%q: {tensor}, %k: {tensor}, %v: {tensor}, %ids: tensor<?xi32>,
        %ends: tensor<?xi64>, %table: tensor<?x?xi32>) -> {tensor} {{
      {mask}
      %o = attn.scaled_dot_product %q, %k, %v mask(%m) : {tensor}, {tensor}, {tensor} -> {tensor}
      return %o : {tensor}
    }}"""


def flags(folder, ids=IDS):
    """Sizes, and what masks capture."""
    arguments = dim_flags({"q.2": 300, "k.2": KEYS, "v.2": KEYS})
    for name, value in (
        ("ids", ids.astype(np.int32)),
        ("ends", ENDS),
        ("table", TABLE),
    ):
        np.save(folder / f"{name}.npy", value)
        arguments += ["--arg", f"{name}={folder / name}.npy"]
    return arguments


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    return flags(tmp_path_factory.mktemp("captures"))


def emulate(text, *flags):
    run = attnc("run", text, "--target=sm_80", "--emulate", "--json", *flags)
    assert run.returncode in (0, 1), run.stderr
    return run, json.loads(run.stdout)


def visits(report, tile):
    """Tiles that the last kernel multiplied."""
    kernel = report["kernels"][-1]
    return kernel["tensor_flops"] / (2 * tile[0] * tile[1] * 2 * SIZE)


def loads(report, name):
    buffers = report["kernels"][-1]["buffers"]
    return next(b["loaded_bytes"] for b in buffers if b["name"] == name)


@pytest.mark.parametrize("name", MASKS)
def test_kernels_visit_the_tiles_of_explain(name, given):
    mask, keep = MASKS[name]
    text = attention(mask)
    explained = attnc("explain", text, "--target=sm_80", "--json", *given)
    assert explained.returncode == 0, explained.stderr
    tiles = json.loads(explained.stdout)["attention"][0]["tiles"]
    tile = tiles["m"], tiles["n"]
    visited, partial = brute_force(keep, 300, KEYS, tile)
    assert (visited, partial) == (tiles["partial"] + tiles["full"], tiles["partial"])

    run, report = emulate(text, "--check", *given)
    assert run.returncode == 0, run.stderr
    assert report["findings"] == []
    assert visits(report, tile) == visited


def test_full_tiles_run_no_mask(tmp_path):
    """Ids are read where a tile is partial, and by kernels that make tables."""
    text = attention(MASKS["documents"][0])
    # All documents begin with a tile; then one ends in the last one.
    _, whole = emulate(text, *flags(tmp_path, np.arange(2000) // 256))
    _, ragged = emulate(text, *flags(tmp_path, IDS * 0))
    assert loads(whole, "ids") == 0 < loads(ragged, "ids")


@pytest.fixture(scope="module")
def kernel():
    text = attention(MASKS["causal documents"][0])
    return attnc("compile", text, "--target=sm_80", "--stop-after=tile").stdout


def without_a_table(ir):
    """The first table stays as memory was."""
    return re.sub(r"gpu.launch_func +@attn_kernels::@f_attend0_mask0 .*", "", ir)


def without_a_signature(ir):
    """No tile of queries holds any id, by their hashed bits."""
    start = ir.index("gpu.func @f_attend0_mask0")
    return ir[:start] + ir[start:].replace("arith.ori", "arith.andi", 1)


@pytest.mark.parametrize("plant", [without_a_table, without_a_signature])
def test_wrong_tables_are_found(plant, kernel, given, tmp_path):
    results = []
    for ir in (kernel, plant(kernel)):
        out = tmp_path / "o.npy"
        emulate(ir, "--start-from=decompose", "--out", str(out), *given)
        results.append(np.load(out).astype(np.float64))
    good, bad = results
    assert not np.abs(good - bad).max() < 0.01
