# ===- test_split_keys.py - few queries whose keys several blocks share ---------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Blocks that share the keys of a tile of queries, and the merge of their sums, on
the emulated GPU."""

import json

import numpy as np
import pytest
from attnc import attnc

WINDOW = "%m = attn.mask.window past = 700 future = 20"
#: Tells heads apart: no tile of several heads.
BY_HEAD = """%m = attn.mask.predicate {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %c300 = arith.constant 300 : index
    %first = arith.muli %h, %c300 : index
    %keep = arith.cmpi uge, %j, %first : index
    attn.yield %keep : i1
  }"""
#: The second query has no key.
NO_KEYS = """%m = attn.mask.predicate {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %c0 = arith.constant 0 : index
    %keep = arith.cmpi eq, %i, %c0 : index
    attn.yield %keep : i1
  }"""


def decode(element, head_size, keys, mask="", heads=2, queries=3, sink=False, rest=""):
    q = f"tensor<2x{heads}x{queries}x{head_size}x{element}>"
    k = f"tensor<2x2x{keys}x{head_size}x{element}>"
    lse = f"tensor<2x{heads}x{queries}xf32>"
    s = f"tensor<{heads}x{element}>"
    clause = ("mask(%m) " if mask else "") + (f"sink(%s : {s}) " if sink else "")
    given = f", %s: {s}" if sink else ""
    score = "%r = attn.score.sigmoid" if rest else ""
    results = (q, "") if rest else (f"({q}, {lse})", f"lse({lse})")
    names = "%o" if rest else "%o, %l"
    return f"""func.func @f(%q: {q}, %k: {k}, %v: {k}{given}) -> {results[0]} {{
      {mask}
      {score}
      {names} = attn.scaled_dot_product %q, %k, %v {clause}{rest}
          : {q}, {k}, {k} -> {q} {results[1]}
      return {names} : {results[0].strip("()")}
    }}"""


def emulate(text, *flags, target="sm_80"):
    run = attnc("run", text, f"--target={target}", "--emulate", "--json", *flags)
    assert run.returncode == 0, run.stdout + run.stderr
    report = json.loads(run.stdout)
    assert report["findings"] == []
    return report["kernels"]


CASES = {
    "window": dict(element="f16", head_size=64, keys=1100, mask=WINDOW),
    "one query": dict(element="bf16", head_size=128, keys=600, queries=1),
    "sinks": dict(element="bf16", head_size=40, keys=777, heads=6, sink=True),
    "by head": dict(element="f16", head_size=64, keys=700, heads=4, mask=BY_HEAD),
    "no keys": dict(element="f32", head_size=32, keys=520, mask=NO_KEYS),
    "two parts": dict(element="f32", head_size=256, keys=520, queries=1),
    "sum": dict(
        element="f16", head_size=64, keys=600, rest="score(%r) normalizer = sum"
    ),
    "none": dict(
        element="f16", head_size=64, keys=600, rest="score(%r) normalizer = none"
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_split_keys_are_right(case):
    split, merge = emulate(decode(**CASES[case]), "--check")
    assert split["kernel"] == "f_attend0_split"
    assert merge["kernel"] == "f_attend0_merge"
    assert split["bank_conflicts"] == merge["bank_conflicts"] == 0


@pytest.mark.parametrize("case", ["window", "one query", "sum", "none"])
def test_warpgroups_split_keys(case):
    split, _ = emulate(decode(**CASES[case]), "--check", target="sm_90a")
    assert split["threads"] == 384


def test_splits_of_one_launch():
    """As many as multiprocessors have place for, and as keys are worth."""
    for keys, heads, splits in ((600, 2, 2), (2048, 2, 8), (511, 2, 1)):
        kernels = emulate(decode("f16", 16, keys, heads=heads, queries=1))
        assert kernels[0]["blocks"] == 4 * splits
        assert len(kernels) == 1 + (splits > 1)


def test_traffic_is_that_of_the_keys():
    """Keys and values are read once, sums are written and read once."""
    keys, rows, size = 1030, 2 * 8 * 2, 64
    split, merge = emulate(decode("f16", size, keys, heads=8, queries=2))
    splits = split["blocks"] // 4
    assert splits == 4
    sums = splits * rows * (size + 2) * 4
    least = (2 * 4 * keys + splits * rows) * size * 2
    assert least <= split["loaded_bytes"] <= 1.05 * least
    assert split["stored_bytes"] == sums
    # Every lane reads the statistics.
    assert sums <= merge["loaded_bytes"]
    assert merge["loaded_sectors"] * 32 <= 1.3 * sums
    assert merge["stored_bytes"] == rows * (size * 2 + 4)


@pytest.mark.parametrize("place, is_seen", [(0, True), (599, False)])
def test_a_value_that_is_not_finite(place, is_seen, tmp_path):
    """It reaches rows that keep its key, in whichever block it is."""
    mask = BY_HEAD.replace("uge, %j, %first", "ult, %j, %c300")
    values = np.ones((2, 2, 600, 64), np.float16)
    values[:, :, place] = np.nan
    np.save(tmp_path / "v.npy", values)
    paths = [str(tmp_path / name) for name in ("o.npy", "lse.npy")]
    flags = ["--arg", f"v={tmp_path / 'v.npy'}"]
    flags += [flag for path in paths for flag in ("--out", path)]
    emulate(decode("f16", 64, 600, mask=mask, queries=1), *flags)
    output, lse = map(np.load, paths)
    assert np.isfinite(lse).all()
    assert np.isnan(output).all() if is_seen else (abs(output - 1) < 1e-3).all()
