# ===- test_warpgroups.py - kernels of sm_90a on the emulated one ---------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kernels of warpgroups are right, and the emulator finds what is planted into
them."""

import json
import re

import numpy as np
import pytest
from attnc import attnc
from test_emulation import CAUSAL, attention, without_line

WINDOW = "%m = attn.mask.window past = 150 future = 20"


def emulate(text, *flags):
    return attnc("run", text, "--target=sm_90a", "--emulate", "--json", *flags)


@pytest.mark.parametrize(
    "element, head_size, value_size, mask",
    [
        ("bf16", 64, 64, ""),
        ("f16", 64, 64, CAUSAL),
        ("bf16", 128, 128, CAUSAL),
        ("f16", 128, 64, WINDOW),
        ("bf16", 192, 128, CAUSAL),
        ("f16", 256, 256, CAUSAL),
    ],
)
def test_kernels_are_right(element, head_size, value_size, mask):
    text = attention(
        element, head_size, mask, queries=150, keys=300, value_size=value_size, heads=1
    )
    run = emulate(text, "--check")
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert report["findings"] == []
    (kernel,) = report["kernels"]
    assert kernel["threads"] == 384
    assert kernel["bank_conflicts"] == 0


def emulated(ir, path):
    """What the emulator finds, and the result."""
    run = emulate(ir, "--start-from=decompose", "--out", str(path))
    assert run.returncode in (0, 1), run.stderr
    return json.loads(run.stdout)["findings"], np.load(path).astype(np.float64)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """A kernel with more tiles of keys than buffers, the last one not full, and
    whether a changed one is found out: by a finding or a wrong result."""
    path = tmp_path_factory.mktemp("kernel") / "o.npy"
    text = attention("f16", 64, "", queries=64, keys=500, heads=1)
    ir = attnc("compile", text, "--target=sm_90a", "--stop-after=tile").stdout
    found, good = emulated(ir, path)
    assert found == []

    def is_found(changed):
        found, result = emulated(changed, path)
        return bool(found) or not np.abs(result - good).max() < 0.01

    return ir, is_found


def lines_with(ir, text):
    return [i for i, line in enumerate(ir.splitlines()) if text in line]


TAKE_TURN, PASS_TURN = "barrier.cta.sync.aligned", "barrier.cta.arrive.aligned"


@pytest.mark.parametrize(
    "op, count",
    [
        ("mbarrier.try_wait", 4),
        ("llvm.nvvm.mbarrier.arrive", 4),
        ("nvvm.cp.async.wait.group", 2),
        (TAKE_TURN, 2),
        (PASS_TURN, 3),
    ],
)
def test_removed_synchronisations_are_found(kernel, op, count):
    ir, is_found = kernel
    lines = lines_with(ir, op)
    if op == TAKE_TURN:
        # The barrier before results orders what each warp does by itself.
        lines = [line for line in lines if "(%c1_i32" not in ir.splitlines()[line]]
    assert len(lines) == count
    for line in lines:
        assert is_found(without_line(line)(ir)), ir.splitlines()[line]


def test_weakened_waits_for_products_are_found(kernel):
    """Two are under way in the loop: scores, then values."""
    ir, is_found = kernel
    waits = lines_with(ir, "wgmma.wait_group")
    assert len(waits) == 4
    for line in waits:
        lines = ir.splitlines()
        lines[line] = re.sub(
            r"sync.aligned (\d)", lambda m: f"sync.aligned {int(m[1]) + 1}", lines[line]
        )
        assert is_found("\n".join(lines)), ir.splitlines()[line]
