# ===- test_planted_mistakes.py - the check catches wrong kernels ------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Plants a mistake in the IR between two phases, and sees that the result leaves the
bound that the correct one is held to."""

import re
from pathlib import Path

import numpy as np
import pytest
from attnc import attnc, check
from test_matrix import attention

EXAMPLES = Path(__file__).parents[2] / "examples"


def causal_off_by_one(ir):
    return ir.replace("arith.cmpi sle, ", "arith.cmpi slt, ")


def bound_off_by_one(ir):
    """The last key that a tile of queries reaches is taken for the end of its keys."""
    return re.sub(r"(arith.addi %\w+), %c1_i64", r"\1, %c0_i64", ir)


def rounds_to_zero(ir):
    """Divisions of the classes of tiles, in 64 bits, unlike those of the mask."""
    return re.sub(r"arith.floordivsi (.* : i64)", r"arith.divsi \1", ir)


def wrong_group_head(ir):
    """Reads query head h as g * Hkv + hkv instead of hkv * G + g."""
    return re.sub(r"\(d0, d1, d2, d3, (d[56])\)", r"(d0, d2, d1, d3, \1)", ir)


def missing_rescale(ir):
    """The factor between maxima, the exponential that is yielded, becomes 1."""
    return re.sub(
        r"(%\w+) = math.exp2 .*\n *linalg.yield (%\w+), \1 : f32, f32",
        r"%one = arith.constant 1.0 : f32\nlinalg.yield \2, %one : f32, f32",
        ir,
    )


@pytest.mark.parametrize(
    "plant, last, first, mask, length",
    [
        (causal_off_by_one, "optimize", "tile", "causal", 300),
        (bound_off_by_one, "tile", "decompose", "causal", 97),
        (rounds_to_zero, "tile", "decompose", "ahead", 300),
        (wrong_group_head, "optimize", "tile", "causal", 300),
        (missing_rescale, "decompose", "bufferize", "causal", 300),
    ],
)
def test_caught(plant, last, first, mask, length, tmp_path):
    text = attention(heads=4, kv_heads=2, mask=mask, queries=length, keys=length)
    assert_caught(text, plant, last, first, tmp_path)


def wrong_scale(ir):
    return ir.replace("scale = 1.000000e+00", "scale = 1.010000e+00")


@pytest.mark.parametrize(
    "example, plant", [("additive", wrong_scale), ("multi_head", causal_off_by_one)]
)
def test_caught_in_an_example(example, plant, tmp_path):
    """Projections by random matrices must not make a bound that everything meets."""
    text = (EXAMPLES / f"{example}.mlir").read_text()
    assert_caught(text, plant, "optimize", "tile", tmp_path)


def read(file):
    """An array in float64; bf16 is stored as its bits."""
    array = np.load(file)
    if array.dtype.itemsize == 2 and array.dtype != np.float16:
        bits = array.view(np.uint16).astype(np.uint32) << 16
        array = bits.view(np.float32)
    return array.astype(np.float64)


def assert_caught(text, plant, last, first, tmp_path, *flags):
    good, bad = tmp_path / "good.npy", tmp_path / "bad.npy"
    result, *_ = check(text, {}, "--out", str(good), *flags)
    bound = float(result["bound"])

    ir = attnc("compile", text, f"--stop-after={last}", "-o", "-", *flags).stdout
    planted = plant(ir)
    assert planted != ir, ir
    # The same IR without the mistake passes through the same door.
    for source, file in ((ir, tmp_path / "same.npy"), (planted, bad)):
        run = attnc(
            "run",
            source,
            f"--start-from={first}",
            "--out",
            str(file),
            *flags,
        )
        assert run.returncode == 0, run.stderr
    expected = read(good)
    scale = np.abs(expected).max()
    same = np.abs(read(tmp_path / "same.npy") - expected).max() / scale
    wrong = np.abs(read(bad) - expected).max() / scale
    assert same <= bound
    assert wrong > 10 * bound
