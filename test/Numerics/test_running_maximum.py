# ===- test_running_maximum.py - a maximum that seldom moves ------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Scores that move the maximum of a row in every tile of keys, in some, or in none,
against the fp64 reference: outputs and LSE."""

import numpy as np
import pytest
from attnc import attnc, check
from test_matrix import attention

QUERIES, KEYS, SIZE = 70, 500, 64
POSITIONS = np.arange(KEYS) / KEYS
# What the keys add to scores, whose random part deviates by 0.3.
TRENDS = {
    "rising": 40 * POSITIONS,
    "falling": -40 * POSITIONS,
    "slowly": 6 * POSITIONS,
    "jump": np.where(POSITIONS < 0.6, 0, 1000),
    "peak": np.where(np.arange(KEYS) == 130, 90, 0),
    "beyond 2^31": 4e9 * POSITIONS,
}


@pytest.fixture
def files(tmp_path):
    """The flags that give q, k, v with scores of a trend."""

    def write(trend, values=1.0, place=None, special=0.0, type=np.float32):
        random = np.random.default_rng(3)
        q = random.standard_normal((1, 1, QUERIES, SIZE)) * 0.3
        k = random.standard_normal((1, 1, KEYS, SIZE))
        q[..., 0], k[..., 0] = 8, TRENDS[trend]
        v = random.uniform(-1, 1, k.shape) * values
        if place is not None:
            k[0, 0, place, 1] = special
        flags = []
        for name, array in zip("qkv", (q, k, v)):
            np.save(tmp_path / f"{name}.npy", array.astype(type))
            flags += ["--arg", f"{name}={tmp_path / name}.npy"]
        return flags

    return write


def one_head(**arguments):
    return attention(
        heads=1, kv_heads=1, head_size=SIZE, results=("output", "lse"), **arguments
    )


@pytest.mark.parametrize("target", ["native", "x86-64-v3"])
@pytest.mark.parametrize("trend", [name for name in TRENDS if "beyond" not in name])
def test_trends(trend, target, files):
    check(one_head(), {}, *files(trend), f"--target={target}")


@pytest.mark.parametrize("target, type", [("sm_80", "f32"), ("sm_90a", "f16")])
@pytest.mark.parametrize("trend", ["rising", "slowly", "jump", "peak"])
def test_trends_on_devices(trend, target, type, files):
    arrays = files(trend, type={"f32": np.float32, "f16": np.float16}[type])
    check(one_head(type=type), {}, *arrays, f"--target={target}", "--emulate")


@pytest.mark.parametrize("mask", ["causal", "window", "dilated"])
@pytest.mark.parametrize("trend", ["rising", "jump"])
def test_masked_trends(trend, mask, files):
    check(one_head(mask=mask), {}, *files(trend))


@pytest.mark.parametrize("scale", [0.125, 0.0883883])
def test_scores_whose_roundings_overflow_exponentials(scale, files):
    """No bound to speak of, but infinity and NaN fail whatever it is."""
    text = one_head(extra_operand=f" scale = {scale}")
    run = attnc("run", text, "--check", *files("beyond 2^31"))
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("target", [[], ["--target=sm_80", "--emulate"]])
@pytest.mark.parametrize("trend", ["rising", "slowly"])
def test_values_at_the_end_of_the_range(trend, target, files):
    """Weights above 1 overflow sums of values; GPUs compute such rows again."""
    run = attnc("run", one_head(), "--check", *files(trend, values=5e36), *target)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("special", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("place", [3, 300])
def test_keys_that_are_not_finite(place, special, files):
    run = attnc("run", one_head(), "--check", *files("rising", 1.0, place, special))
    assert run.returncode == 0, run.stdout + run.stderr


# The last one is infinite.
@pytest.mark.parametrize("sink", ["-20.0", "30.0", "4000.0", "0x7F800000"])
def test_sinks(sink, files):
    text = one_head(extra_operand=" sink(%sink : tensor<1xf32>)").replace(
        "%output", f"%sink = arith.constant dense<{sink}> : tensor<1xf32>\n%output", 1
    )
    check(text, {}, *files("rising"))
