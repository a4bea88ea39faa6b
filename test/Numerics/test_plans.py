# ===- test_plans.py - one result by any plan ---------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Few queries against many keys: shared heads, features along lanes, split keys.

What a plan must not change: masks, score modifiers, sinks, LSE, empty rows, values
that are not finite behind a mask, bits under any number of threads."""

import json

import numpy as np
import pytest
from attnc import attnc, check, dim_flags
from test_matrix import attention, lengths
from test_recompute import store


def followed_plan(text, sizes):
    """The plan that `explain` says a call of these sizes follows."""
    run = attnc("explain", text, "--json", "--target=x86-64-v4", *dim_flags(sizes))
    assert run.returncode == 0, run.stderr
    (op,) = json.loads(run.stdout)["attention"]
    (plan,) = [plan for plan in op["plans"] if plan["followed"]]
    return plan


@pytest.mark.parametrize("keys", [0, 1, 127, 1025, 2600])
@pytest.mark.parametrize("type", ["f32", "bf16", "f16", "f64"])
def test_decode(type, keys):
    text = attention(
        type=type, heads=4, kv_heads=1, queries=1, results=("output", "lse")
    )
    check(text, {"N": keys})


@pytest.mark.parametrize(
    "mask", ["bottom_right", "window", "document_window", "nothing"]
)
@pytest.mark.parametrize("heads, kv_heads", [(8, 2), (6, 2), (2, 2)])
def test_decode_under_masks(mask, heads, kv_heads):
    text = attention(
        heads=heads, kv_heads=kv_heads, queries=1, mask=mask, results=("output", "lse")
    )
    check(text, {"N": 2200})


# The last query of a cache: keys up to its end, of a window, of its document, or as
# many as are filled.
LATE_MASKS = {
    "window": "%o = arith.constant 2196 : index\n"
    "%m = attn.mask.window past = 1500 future = 0 offset(%o : index)",
    "padding": "%t = arith.constant dense<1700> : tensor<1xi64>\n"
    "%m = attn.mask.padding %t : tensor<1xi64>",
    "padded window": "%o = arith.constant 2196 : index\n"
    "%w = attn.mask.window past = 1500 future = 0 offset(%o : index)\n"
    "%t = arith.constant dense<1700> : tensor<1xi64>\n"
    "%p = attn.mask.padding %t : tensor<1xi64>\n%m = attn.mask.and %w, %p",
    "document": """%m = attn.mask.predicate {
      ^bb0(%b: index, %h: index, %i: index, %j: index):
        %from = arith.constant 1100 : index
        %keep = arith.cmpi sge, %j, %from : index
        attn.yield %keep : i1
      }""",
}


@pytest.mark.parametrize("mask", LATE_MASKS)
@pytest.mark.parametrize("queries", [1, 4])
def test_late_queries(mask, queries):
    text = attention(
        heads=4, kv_heads=1, queries=queries, mask="causal", results=("output", "lse")
    ).replace("%m = attn.mask.causal", LATE_MASKS[mask])
    assert followed_plan(text, {"N": 2200})["split"] > 0
    check(text, {"N": 2200})


def test_parts_of_the_reachable_keys(tmp_path):
    """Each batch and head cuts up its own keys: of other lengths, few, or none."""
    shape = "tensor<4x4x1x16xf32>", "tensor<4x2x?x16xf32>"
    text = f"""func.func @f(%q: {shape[0]}, %k: {shape[1]}, %v: {shape[1]},
        %t: tensor<4xi64>) -> ({shape[0]}, tensor<4x4x1xf32>) {{
      %e = attn.mask.padding %t : tensor<4xi64>
      %p = attn.mask.predicate {{
      ^bb0(%b: index, %h: index, %i: index, %j: index):
        %size = arith.constant 700 : index
        %from = arith.muli %h, %size : index
        %keep = arith.cmpi sge, %j, %from : index
        attn.yield %keep : i1
      }}
      %m = attn.mask.and %e, %p
      %o, %l = attn.scaled_dot_product %q, %k, %v mask(%m)
        : {shape[0]}, {shape[1]}, {shape[1]} -> {shape[0]} lse(tensor<4x4x1xf32>)
      return %o, %l : {shape[0]}, tensor<4x4x1xf32>
    }}"""
    assert followed_plan(text, {"N": 6000})["split"] > 0
    np.save(tmp_path / "t.npy", np.array([6000, 130, 0, 2500]))
    check(text, {"N": 6000}, "--arg", f"t={tmp_path / 't.npy'}")


@pytest.mark.parametrize("queries", [1, 2, 3, 4, 5, 16, 17, 70])
@pytest.mark.parametrize("heads, kv_heads", [(8, 2), (2, 2)])
def test_number_of_queries_known_at_run_time(queries, heads, kv_heads):
    text = attention(
        heads=heads, kv_heads=kv_heads, mask="bottom_right", results=("output", "lse")
    )
    sizes = lengths((queries, 1100))
    assert followed_plan(text, sizes)["piece"] == (16 if queries > 1 else 0)
    check(text, sizes)


@pytest.mark.parametrize("queries", [2, 5, 8, 9])
@pytest.mark.parametrize("keys", [0, 1, 3, 8, 128, 129])
def test_short_sequences(queries, keys):
    text = attention(head_size=32, heads=3, kv_heads=3)
    sizes = lengths((queries, keys))
    few = queries <= 8 and keys <= 128
    assert followed_plan(text, sizes)["for_keys"] == (128 if few else -1)
    check(text, sizes)


@pytest.mark.parametrize(
    "queries, keys",
    [(1, 1), (1, 13), (2, 8), (3, 8), (3, 16), (4, 5), (5, 3), (6, 10), (7, 7), (8, 8)],
)
@pytest.mark.parametrize("type", ["f32", "bf16", "f64"])
@pytest.mark.parametrize("mask", ["none", "bottom_right"])
def test_heads_side_by_side(type, queries, keys, mask, tmp_path):
    text = attention(
        type=type, heads=8, kv_heads=8, queries=queries, keys=keys, mask=mask
    )
    if type == "f32":
        assert followed_plan(text, {})["interleave"] > 1
    value = np.random.default_rng(0).normal(size=(1, 8, keys, 16))
    value[0, 3, keys // 2] = np.nan
    check(text, {})
    check(text, {}, "--arg", f"v={store(tmp_path / 'v.npy', value, type)}")


@pytest.mark.parametrize(
    "queries, keys", [(1, 21), (3, 20), (3, 21), (5, 12), (13, 13)]
)
@pytest.mark.parametrize("type, head_size", [("f32", 16), ("f32", 40), ("f16", 64)])
@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_rows_that_divide_no_vector(queries, keys, type, head_size, value, tmp_path):
    """Scores are vectors wherever the rows of one key end."""
    shape = dict(heads=3, kv_heads=3, queries=queries, keys=keys)
    text = attention(type=type, head_size=head_size, **shape)
    key = np.random.default_rng(0).normal(size=(1, 3, keys, head_size))
    key[0, 1, keys // 2, 0] = value
    check(text, {}, "--arg", f"k={store(tmp_path / 'k.npy', key, type)}")


@pytest.mark.parametrize("queries", [0, 63, 64, 65, 128])
@pytest.mark.parametrize("keys, heads", [(0, 3), (1, 3), (97, 6), (128, 3), (129, 6)])
def test_filled_tiles(queries, keys, heads):
    text = attention(head_size=32, heads=heads, kv_heads=3)
    sizes = lengths((queries, keys))
    few = queries <= 8 and heads == 3
    filled = queries % 64 == 0 and keys <= 128 and not few
    assert followed_plan(text, sizes)["filled"] == filled
    check(text, sizes)


@pytest.mark.parametrize("score", ["softcap", "alibi", "relative", "map"])
@pytest.mark.parametrize("queries", [1, 3])
def test_score_modifiers(score, queries):
    text = attention(heads=2, kv_heads=1, queries=queries, score=score, mask="window")
    check(text, {"N": 1100})


@pytest.mark.parametrize(
    "head_size, value_size", [(1, 5), (33, 20), (40, 72), (128, 64)]
)
@pytest.mark.parametrize("layout", [None, "bmhd"])
def test_head_sizes(head_size, value_size, layout):
    text = attention(
        head_size=head_size,
        value_size=value_size,
        heads=4,
        kv_heads=2,
        queries=2,
        layout=layout,
        mask="bottom_right",
        results=("output", "lse"),
    )
    check(text, {"N": 1500})


@pytest.mark.parametrize("heads, queries", [(1, 1), (4, 1), (2, 2)])
@pytest.mark.parametrize(
    "head_size, value_size", [(32, 32), (64, 96), (96, 48), (128, 128)]
)
@pytest.mark.parametrize("type", ["bf16", "f16"])
def test_features_of_narrow_types(type, head_size, value_size, heads, queries):
    """Whole vectors of them, whose even and odd halves are extended apart."""
    text = attention(
        type=type,
        head_size=head_size,
        value_size=value_size,
        heads=heads,
        kv_heads=1,
        queries=queries,
        results=("output", "lse"),
    )
    assert followed_plan(text, {"N": 1155})["lanes"] == "features"
    check(text, {"N": 1155})


@pytest.mark.parametrize("mask, score", [("none", None), ("window", "softcap")])
@pytest.mark.parametrize("heads, queries", [(1, 1), (3, 1), (4, 2), (1, 13), (4, 4)])
def test_few_queries_of_bf16(heads, queries, mask, score):
    """Pairs of keys and of features, where the CPU multiplies these."""
    text = attention(
        type="bf16",
        head_size=64,
        value_size=32,
        heads=heads,
        kv_heads=1,
        queries=queries,
        mask=mask,
        score=score,
        results=("output", "lse"),
    )
    for keys in (0, 1, 2, 1155):
        check(text, {"N": keys})


@pytest.mark.parametrize("queries", [1, 4, 64])
def test_subnormal_queries_of_bf16(queries, tmp_path):
    """Instructions on pairs of bf16 take them as zero (step 1 of tolerance_m1)."""
    random = np.random.default_rng(0)
    arguments = []
    for name, size, rows in (("q", 1e-39, queries), ("k", 1e37, 50), ("v", 1, 50)):
        array = size * random.standard_normal((1, 2, rows, 64))
        path = store(tmp_path / f"{name}.npy", array, "bf16")
        arguments += ["--arg", f"{name}={path}"]
    text = attention(
        type="bf16", head_size=64, queries=queries, results=("output", "lse")
    )
    check(text, {"N": 50}, *arguments)


@pytest.mark.parametrize("layout", [None, "bmhd"])
@pytest.mark.parametrize("type", ["f32", "f64"])
def test_one_vector_of_queries(type, layout):
    """Keys that lie row after row, or not: with heads side by side in a row."""
    text = attention(
        type=type,
        head_size=32,
        heads=8,
        kv_heads=2,
        queries=4 if type == "f32" else 2,
        layout=layout,
        mask="bottom_right",
        results=("output", "lse"),
    )
    assert followed_plan(text, {"N": 1155})["compact"]
    for keys in (0, 5, 1155):
        check(text, {"N": keys})


@pytest.mark.parametrize("queries, keys", [(16, 12), (9, 21), (64, 16), (6, 6)])
def test_many_short_heads(queries, keys):
    """Each fetches the next one, or they run side by side, as caches have it."""
    text = attention(
        head_size=16, heads=1200, kv_heads=1200, queries=queries, keys=keys
    )
    check(text, {})


def test_sinks():
    text = """func.func @f(%q: tensor<1x4x1x16xf32>, %k: tensor<1x2x?x16xf32>,
        %v: tensor<1x2x?x16xf32>, %s: tensor<4xf32>)
        -> (tensor<1x4x1x16xf32>, tensor<1x4x1xf32>) {
      %o, %l = attn.scaled_dot_product %q, %k, %v sink(%s : tensor<4xf32>)
        : tensor<1x4x1x16xf32>, tensor<1x2x?x16xf32>, tensor<1x2x?x16xf32>
        -> tensor<1x4x1x16xf32> lse(tensor<1x4x1xf32>)
      return %o, %l : tensor<1x4x1x16xf32>, tensor<1x4x1xf32>
    }"""
    for keys in (0, 100, 2600):
        check(text, {"N": keys})


def test_mask_that_tells_heads_apart():
    text = attention(heads=4, kv_heads=1, queries=1, mask="predicate")
    text = text.replace("%qi = arith.floordivsi %i", "%qi = arith.floordivsi %h")
    plan = followed_plan(text, {"N": 2048})
    assert (plan["group"], plan["lanes"]) == (4, "features")
    check(text, {"N": 2048})


@pytest.mark.parametrize("op", ["additive", "kernel_regression gaussian"])
def test_other_scores(op):
    additive = op == "additive"
    text = attention(
        op=op,
        queries=1,
        head_size=20,
        extra_operand=", %extra" if additive else "",
        extra_type="tensor<20xf32>" if additive else "",
    )
    check(text, {"N": 1300})


def test_values_that_are_not_finite_behind_a_mask(tmp_path):
    text = attention(heads=4, kv_heads=1, queries=1, mask="window")
    value = np.random.default_rng(0).normal(size=(1, 1, 2200, 16)).astype(np.float32)
    value[0, 0, 4:] = np.nan
    np.save(tmp_path / "v.npy", value)
    check(text, {"N": 2200}, "--arg", f"v={tmp_path / 'v.npy'}")


@pytest.mark.parametrize("mask", ["bottom_right", "document_window"])
@pytest.mark.parametrize("queries", [1, 5])
def test_threads_do_not_change_bits(tmp_path, queries, mask):
    text = attention(heads=2, kv_heads=1, queries=queries, mask=mask)
    assert followed_plan(text, {"N": 9000})["split"] > 0
    files = []
    for threads in (1, 2, 3):
        files.append(tmp_path / f"{threads}.npy")
        flags = (f"--threads={threads}", "--out", str(files[-1]))
        run = attnc("run", text, "--dim=N=9000", *flags)
        assert run.returncode == 0, run.stderr
    first, *rest = [file.read_bytes() for file in files]
    assert all(other == first for other in rest)


def test_which_plan():
    one = followed_plan(attention(heads=8, kv_heads=2), lengths((1, 4096)))
    assert (one["lanes"], one["group"], one["queries"]) == ("features", 4, 1)
    few = followed_plan(attention(heads=8, kv_heads=2, queries=4), {"N": 4096})
    assert (few["lanes"], few["group"], few["queries"]) == ("queries", 4, 4)
    assert few["split"] > 0
    many = followed_plan(attention(heads=8, kv_heads=2), lengths((5, 4096)))
    assert (many["lanes"], many["group"], many["split"]) == ("queries", 4, 0)
    weights = attention(heads=8, kv_heads=2, queries=1, results=("output", "weights"))
    assert followed_plan(weights, {"N": 64})["lanes"] == "queries"
