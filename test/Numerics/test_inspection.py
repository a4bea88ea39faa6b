# ===- test_inspection.py - entropy, received attention and top weights -------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What is said of weights without storing them, against the fp64 reference
(attention_m14 to attention_m16)."""

import numpy as np
import pytest
from attnc import attnc, check
from test_matrix import MASKS, SCORES, lengths, tensor


def inspection(
    op="scaled_dot_product",
    type="f32",
    heads=4,
    kv_heads=2,
    mask="none",
    score=None,
    top=3,
    operand="",
    operand_type="",
):
    """A function that gives the output, entropy, received and top results."""
    query, key = tensor(2, heads, "?", 8, type), tensor(2, kv_heads, "?", 8, type)
    accumulator = "f64" if type == "f64" else "f32"
    types = [
        query,
        tensor(2, heads, "?", accumulator),
        tensor(2, heads, "?", accumulator),
        tensor(2, heads, "?", top, type),
        tensor(2, heads, "?", top, "i64"),
    ]
    clauses = " mask(%m)" if mask != "none" else ""
    clauses += " score(%s)" if score else ""
    extra = f", %x: {operand_type}" if operand_type else ""
    extra_type = f", {operand_type}" if operand_type else ""
    return f"""func.func @f(%q: {query}, %k: {key}, %v: {key}{extra}) -> ({", ".join(types)}) {{
      {MASKS[mask]}
      {SCORES[score] if score else ""}
      %r:5 = attn.{op} %q, %k, %v{operand}{clauses} : {query}, {key}, {key}{extra_type}
        -> {types[0]} entropy({types[1]}) received({types[2]}) top({types[3]}, {types[4]})
      return %r#0, %r#1, %r#2, %r#3, %r#4 : {", ".join(types)}
    }}"""


def check_top(text, case):
    """As `check`, of all five results."""
    results = check(text, lengths(case))
    assert len(results) == 5
    return results


@pytest.mark.parametrize("case", [(5, 0), (130, 201)], ids=str)
@pytest.mark.parametrize("type", ["f32", "bf16", "f64"])
def test_types_and_lengths(type, case):
    check_top(inspection(type=type, mask="causal"), case)


@pytest.mark.parametrize(
    "mask", ["none", "bottom_right", "document_window", "predicate"]
)
def test_masks(mask):
    check_top(inspection(mask=mask, heads=2), (49, 130))


def test_mask_that_keeps_none():
    text = inspection(mask="causal").replace("causal", "constant false")
    check_top(text, (20, 30))


@pytest.mark.parametrize("score", ["softcap", "relative"])
def test_scores(score):
    check_top(inspection(score=score, mask="window"), (50, 110))


def test_equal_scores():
    """Of equal ones the smaller key comes first, also where a larger one comes later."""
    text = inspection(heads=2).replace(
        "attn.scaled_dot_product %q, %k, %v",
        "attn.scaled_dot_product %q, %k, %v score(%steps)",
    )
    steps = """%steps = attn.score.map {
      ^bb0(%x: f32, %b: index, %h: index, %i: index, %j: index):
        %c8 = arith.constant 8 : index
        %step = arith.divui %j, %c8 : index
        %step32 = arith.index_cast %step : index to i32
        %score = arith.uitofp %step32 : i32 to f32
        attn.yield %score : f32
      }
      %r:5"""
    keys = check_top(text.replace("%r:5", steps), (9, 100))[-1]
    assert "cannot be checked" not in keys.string[keys.start() :]


def test_scores_that_are_not_numbers(tmp_path):
    """attend_m3: without a normaliser NaN stays in its own weight, which is not largest."""
    q, k = tensor(1, 1, 9, 8, "f32"), tensor(1, 1, 40, 8, "f32")
    w, t, j = (tensor(1, 1, 9, *size) for size in ((40, "f32"), (3, "f32"), (3, "i64")))
    np.save(tmp_path / "k.npy", keys_of(40, spoilt=[7, 21]))
    check(
        f"""func.func @f(%q: {q}, %k: {k}, %v: {k}) -> ({q}, {w}, {t}, {j}) {{
          %s = attn.score.relu
          %r:4 = attn.scaled_dot_product %q, %k, %v score(%s) normalizer = none
            : {q}, {k}, {k} -> {q} weights({w}) top({t}, {j})
          return %r#0, %r#1, %r#2, %r#3 : {q}, {w}, {t}, {j}
        }}""",
        {},
        "--arg",
        f"k={tmp_path / 'k.npy'}",
    )


def keys_of(count, spoilt):
    keys = np.random.default_rng(1).standard_normal((1, 1, count, 8)).astype(np.float32)
    keys[:, :, spoilt] = np.nan
    return keys


@pytest.mark.parametrize("size", [1e-42, 1e-40, 1e-34, 1e35])
def test_sums_whose_inverse_leaves_the_range(tmp_path, size):
    """attention_m11: entropy and received are numbers where sums of scores are."""
    q, k = tensor(1, 1, 9, 8, "f32"), tensor(1, 1, 40, 8, "f32")
    e, r = tensor(1, 1, 9, "f32"), tensor(1, 1, 40, "f32")
    np.save(tmp_path / "k.npy", size * keys_of(40, spoilt=[]))
    text = f"""func.func @f(%q: {q}, %k: {k}, %v: {k}) -> ({q}, {e}, {e}, {r}) {{
      %s = attn.score.relu
      %r:4 = attn.scaled_dot_product %q, %k, %v score(%s) normalizer = sum
        : {q}, {k}, {k} -> {q} lse({e}) entropy({e}) received({r})
      return %r#0, %r#1, %r#2, %r#3 : {q}, {e}, {e}, {r}
    }}"""
    keys = ("--arg", f"k={tmp_path / 'k.npy'}")
    if size > 1e-37:
        check(text, {}, *keys)
    outs = [tmp_path / f"{number}.npy" for number in range(4)]
    run = attnc("run", text, *keys, *(f"--out={out}" for out in outs))
    assert run.returncode == 0, run.stderr
    for out in outs:
        assert np.isfinite(np.load(out)).all(), out.name


def test_more_than_there_are():
    check_top(inspection(top=17), (33, 12))


def test_additive():
    text = inspection(
        op="additive", operand=", %x", operand_type=tensor(8, "f32"), mask="causal"
    )
    check_top(text, (50, 60))


@pytest.mark.parametrize("kernel", ["epanechnikov", "triangular"])
def test_kernel_regression(kernel):
    text = inspection(op=f"kernel_regression {kernel}", operand=" bandwidth(%w : f32)")
    text = text.replace("%r:5", "%w = arith.constant 4.0 : f32\n%r:5")
    check_top(text, (49, 101))
