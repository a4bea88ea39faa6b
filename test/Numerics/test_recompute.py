# ===- test_recompute.py - values that pairs without weight hold ---------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A key whose score is -inf, by its operands or by a mask, beside a value that is not
finite (attention_m4, attention_m5), in every type and by every plan."""

import numpy as np
import pytest
from attnc import attnc, check, skip_unless_runs
from test_matrix import attention, lengths, tensor
from test_planted_mistakes import read

DTYPES = {"f32": np.float32, "f16": np.float16, "f64": np.float64}
#: M, N, head size, heads, key heads, whether lengths are known.
PLANS = {
    "repro": (2, 20, 32, 1, 1, False),
    "decode": (1, 2500, 64, 2, 2, False),
    "group": (1, 1500, 64, 8, 2, True),
    "few": (3, 1100, 64, 4, 2, True),
    "once": (8, 40, 64, 3, 3, False),
    "one tile": (64, 64, 64, 1, 1, True),
    "pieces": (20, 70, 64, 1, 1, False),
    "tiles": (130, 201, 64, 2, 2, False),
    "bands": (300, 1400, 64, 1, 1, False),
    "odd": (50, 97, 40, 2, 1, False),
    "wide": (9, 33, 200, 1, 1, False),
}
REGISTERS = "--target=x86-64:sapphirerapids"


def store(path, array, type):
    if type == "bf16":
        array = (array.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    else:
        array = array.astype(DTYPES[type])
    np.save(path, array)
    return str(path)


def inputs(tmp_path, type, case, masked):
    """Key 3 has the score -inf; `masked` are keys that a mask leaves out, too."""
    queries, keys, size, heads, kv_heads, _ = case
    random = np.random.default_rng(0)
    q = random.standard_normal((1, heads, queries, size))
    k, v = (random.standard_normal((1, kv_heads, keys, size)) for _ in range(2))
    q[..., 0] = 1
    k[:, :, 3, 0] = -np.inf
    v[:, :, 3] = np.nan
    v[:, :, masked, ::2] = np.inf
    return [
        flag
        for name, array in (("q", q), ("k", k), ("v", v))
        for flag in ("--arg", f"{name}={store(tmp_path / f'{name}.npy', array, type)}")
    ]


def run(tmp_path, type, case, mask="none", masked=(), flags=(), **arguments):
    queries, keys, size, heads, kv_heads, is_known = case
    if is_known:
        arguments |= {"queries": queries, "keys": keys}
    text = attention(
        type=type,
        head_size=size,
        heads=heads,
        kv_heads=kv_heads,
        mask=mask,
        results=("output", "lse"),
        **arguments,
    )
    given = inputs(tmp_path, type, case, list(masked))
    out = [tmp_path / "o.npy", tmp_path / "lse.npy"]
    outs = [flag for path in out for flag in ("--out", str(path))]
    sizes = {} if is_known else lengths((queries, keys))
    check(text, sizes, *given, *outs, *flags)
    assert all(np.isfinite(read(path)).all() for path in out)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("type", ["f32", "bf16", "f16", "f64"])
def test_scores_of_operands(plan, type, tmp_path):
    run(tmp_path, type, PLANS[plan])


@pytest.mark.parametrize("plan", ["few", "tiles", "bands", "odd"])
@pytest.mark.parametrize("type", ["f32", "bf16", "f64"])
def test_masks(plan, type, tmp_path):
    case = PLANS[plan]
    run(tmp_path, type, case, "causal", [case[1] - 1])


@pytest.mark.parametrize("plan", ["tiles", "few"])
def test_modifiers(plan, tmp_path):
    case = PLANS[plan]
    score = "alibi" if case[3] == 2 else "relative"
    run(tmp_path, "f32", case, score=score)


@pytest.mark.parametrize("plan", ["few", "tiles", "bands"])
def test_tile_registers(plan, tmp_path):
    skip_unless_runs(attention(type="bf16"), {"M": 64, "N": 64}, REGISTERS)
    run(tmp_path, "bf16", PLANS[plan], flags=[REGISTERS])


@pytest.mark.parametrize("target", ["x86-64:x86-64", "x86-64:x86-64-v3"])
def test_other_vectors(target, tmp_path):
    for type in ("f32", "bf16", "f64"):
        run(tmp_path, type, PLANS["tiles"], flags=[f"--target={target}"])


def test_distances(tmp_path):
    """exp(-inf) of a key that lies infinitely far away."""
    text = """func.func @f(%q: tensor<1x2x?x64xf32>, %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32> {
      %w = arith.constant 8.0 : f32
      %o = attn.kernel_regression gaussian %q, %k, %v bandwidth(%w : f32)
        : tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32> -> tensor<1x2x?x64xf32>
      return %o : tensor<1x2x?x64xf32>
    }"""
    case = PLANS["tiles"]
    out = tmp_path / "o.npy"
    given = inputs(tmp_path, "f32", case, [])
    check(text, lengths(case), *given, "--out", str(out))
    assert np.isfinite(read(out)).all()


@pytest.mark.parametrize("form", ["cosine", "general", "additive"])
@pytest.mark.parametrize("type", ["f32", "bf16", "f16", "f64"])
def test_values_narrower_than_what_is_computed(form, type, tmp_path):
    """Queries and keys are in the accumulator type where these forms make them."""
    q, k, w = (
        tensor(*shape, type) for shape in ((1, 2, "?", 32), (1, 1, "?", 32), (32, 32))
    )
    vector = tensor(32, type)
    operand = {
        "cosine": ("", "", ""),
        "general": (", %m", "", f", {w}"),
        "additive": (", %u", f" project_query(%m : {w})", f", {vector}"),
    }[form]
    text = f"""func.func @f(%q: {q}, %k: {k}, %v: {k}, %m: {w}, %u: {vector}) -> {q} {{
      %c = attn.mask.causal bottom_right
      %o = attn.{form} %q, %k, %v{operand[0]}{operand[1]} mask(%c)
        : {q}, {k}, {k}{operand[2]} -> {q}
      return %o : {q}
    }}"""
    random = np.random.default_rng(0)
    v = random.standard_normal((1, 1, 97, 32))
    v[:, :, 80:, ::2] = np.nan
    stored = store(tmp_path / "v.npy", v, type)
    out = tmp_path / "o.npy"
    check(text, lengths((50, 97)), "--arg", f"v={stored}", "--out", str(out))
    assert np.isnan(read(out)[:, :, 40:, ::2]).all()
    assert np.isfinite(read(out)[:, :, :30]).all()


def test_sink(tmp_path):
    text = attention(head_size=64, results=("output", "lse"))
    text = text.replace("%q, %k, %v\n", "%q, %k, %v sink(%s : tensor<2xf32>)\n")
    text = text.replace(
        "{\n", "{\n%s = arith.constant dense<[0.5, -1.0]> : tensor<2xf32>\n", 1
    )
    case = PLANS["tiles"]
    check(text, lengths(case), *inputs(tmp_path, "f32", case, []))


def test_a_value_that_counts(tmp_path):
    """NaN in a value of a pair with weight stays NaN, in its feature alone."""
    case = PLANS["tiles"]
    given = inputs(tmp_path, "f32", case, [])
    values = np.load(tmp_path / "v.npy")
    values[:, 1, 7, 5] = np.nan
    np.save(tmp_path / "v.npy", values)
    out = tmp_path / "o.npy"
    check(attention(head_size=64), lengths(case), *given, "--out", str(out))
    spoilt = np.isnan(read(out))
    assert spoilt[:, 1, :, 5].all()
    assert spoilt.sum() == spoilt[:, 1, :, 5].size


def test_caught(tmp_path):
    """Rows that are computed again with other scores are not those of the reference."""
    case = PLANS["one tile"]
    given = inputs(tmp_path, "f32", case, [])
    text = attention(head_size=64, heads=1, kv_heads=1, queries=64, keys=64)
    ir = attnc("compile", text, "--stop-after=tile", "-o", "-").stdout
    call = ir.index("attn.recompute")
    planted = ir[:call] + ir[call:].replace("scale = ", "scale = -", 1)
    results = []
    for source in (ir, planted):
        out = tmp_path / "o.npy"
        done = attnc("run", source, "--start-from=decompose", *given, "--out", str(out))
        assert done.returncode == 0, done.stderr
        results.append(read(out))
    assert np.isfinite(results[0]).all()
    assert not np.allclose(*results, atol=0.1)
