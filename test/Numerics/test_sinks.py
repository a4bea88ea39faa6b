# ===- test_sinks.py - sinks that are not finite --------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A sink of -inf is none; one of +inf or NaN makes all rows of its head NaN, empty ones,
too (scaled_dot_product_m3), whether their tiles are visited or not."""

import numpy as np
import pytest
from attnc import check
from test_matrix import MASKS, attention, lengths
from test_planted_mistakes import read

SINKS = np.array([np.inf, np.nan, -np.inf, 0.5], np.float32)
#: Rows without keys: of tiles that are visited, of tiles that are not, all.
EMPTY = {
    "some": "%n = arith.constant -5 : index\n%m = attn.mask.causal offset(%n : index)",
    "tiles": "%n = arith.constant -300 : index\n%m = attn.mask.causal offset(%n : index)",
    "all": MASKS["nothing"],
    "none": MASKS["past"],
}


def run(tmp_path, rows, case, results, *flags):
    text = attention(heads=4, kv_heads=2, mask="nothing", results=results)
    text = text.replace(MASKS["nothing"], EMPTY[rows])
    text = text.replace(
        "%v: tensor<1x2x?x16xf32>", "%v: tensor<1x2x?x16xf32>, %s: tensor<4xf32>"
    )
    text = text.replace(" mask(%m)", " mask(%m) sink(%s : tensor<4xf32>)")
    np.save(tmp_path / "s.npy", SINKS)
    given = ["--arg", f"s={tmp_path / 's.npy'}", "--out", str(tmp_path / "o.npy")]
    check(text, lengths(case), *given, *flags)
    output = read(tmp_path / "o.npy")
    assert np.isnan(output[:, :2]).all()
    assert np.isfinite(output[:, 2:]).all()


@pytest.mark.parametrize("case", [(1, 9), (1, 3000), (8, 40), (400, 130)], ids=str)
@pytest.mark.parametrize("rows", EMPTY)
def test_rows(rows, case, tmp_path):
    run(tmp_path, rows, case, ("output", "lse", "weights"))


@pytest.mark.parametrize("rows", ["tiles", "all"])
def test_output_alone(rows, tmp_path):
    run(tmp_path, rows, (400, 130), ("output",), "--target=x86-64:x86-64-v3")


@pytest.mark.parametrize("rows", ["some", "tiles", "all"])
def test_gpu(rows, tmp_path):
    run(tmp_path, rows, (70, 80), ("output", "lse"), "--target=sm_80", "--emulate")
