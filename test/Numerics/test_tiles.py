# ===- test_tiles.py - tile ops against the fp64 reference --------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""attn.attend_tile and attn.score_tile, compiled alone, through `attnc run --check`
(attend_tile_m1 to attend_tile_m6, score_tile_m1)."""

import pytest
from attnc import check

MASK = """mask {
  ^bb0(%b: index, %h: index, %x: index, %y: index):
    %keep = arith.cmpi sle, %y, %x : index
    attn.yield %keep : i1
  }"""
MAPS = {
    "query": "affine_map<(i, j, d, e) -> (d, i)>",
    "key": "affine_map<(i, j, d, e) -> (j, d)>",
    "value": "affine_map<(i, j, d, e) -> (j, e)>",
    "accumulator": "affine_map<(i, j, d, e) -> (e, i)>",
    "scores": "affine_map<(i, j, d, e) -> (j, i)>",
}


def maps(*names):
    return f"indexing_maps = [{', '.join(MAPS[name] for name in names)}]"


def tile(head, queries, key_type="f32", attributes="", partial=""):
    """Query i is global i + 3, key j global j + 5, both of 12 features."""
    q, k, v = (
        f"tensor<12x{queries}xf32>",
        f"tensor<?x12x{key_type}>",
        f"tensor<?x6x{key_type}>",
    )
    a, m = f"tensor<6x{queries}xf32>", f"tensor<{queries}xf32>"
    weight = "feature_weight(%w : tensor<12xf32>)" if "additive" in head else ""
    return f"""func.func @f(%q: {q}, %k: {k}, %v: {v}, %w: tensor<12xf32>, %a: {a},
        %m: {m}, %l: {m}) -> ({a}, {m}, {m}) {{
      %i = arith.constant 3 : index
      %j = arith.constant 5 : index
      %no = arith.constant false
      %r:3 = attn.attend_tile {head}
        ins(%q, %k, %v : {q}, {k}, {v}) {weight} at(%i, %i, %i, %j) {partial}
        outs(%a, %m, %l : {a}, {m}, {m})
        {maps("query", "key", "value", "accumulator")} scale = 0.25 {attributes}
        {MASK} -> {a}, {m}, {m}
      return %r#0, %r#1, %r#2 : {a}, {m}, {m}
    }}"""


def keys(count):
    return {"k.0": count, "v.0": count}


@pytest.mark.parametrize("count", [0, 1, 13, 96])
@pytest.mark.parametrize("head", ["dot softmax", "dot none", "additive softmax"])
def test_attend_tile(head, count):
    check(tile(head, 17), keys(count))


@pytest.mark.parametrize("key_type", ["f32", "bf16"])
@pytest.mark.parametrize("head", ["dot softmax", "dot none", "additive softmax"])
def test_features_last(head, key_type):
    text = tile(head, 3, key_type=key_type, attributes="{attn.ahead = 16 : index}")
    for old, new in (
        (MAPS["query"], "affine_map<(i, j, d, e) -> (i, d)>"),
        (MAPS["accumulator"], "affine_map<(i, j, d, e) -> (i, e)>"),
        ("tensor<12x3xf32>", "tensor<3x12xf32>"),
        ("tensor<6x3xf32>", "tensor<3x6xf32>"),
    ):
        assert old in text
        text = text.replace(old, new)
    check(text, keys(37))


@pytest.mark.parametrize("key_type", ["bf16", "f16"])
def test_narrow_keys(key_type):
    check(tile("dot softmax", 7, key_type=key_type), keys(31))


def test_bounded_keeps_the_maximum():
    results = check(tile("dot softmax", 7, attributes="{attn.bounded}"), keys(31))
    assert float(results[1]["error"]) == 0


def test_binary():
    check(tile("dot softmax", 7, attributes="binary"), keys(31))


def normalized(queries, scale):
    """Output and LSE from one lazy tile that starts from positive sums."""
    a, m = f"tensor<6x{queries}xf32>", f"tensor<{queries}xf32>"
    text = tile("dot softmax", queries, attributes="{attn.lazy}")
    text = text.replace("scale = 0.25", f"scale = {scale}")
    text = text.replace(
        f"({a}, {m}, {m}) {{", f"({a}, {m}) {{\n%p = math.absf %l : {m}"
    )
    text = text.replace("outs(%a, %m, %l", "outs(%a, %m, %p")
    return text.replace(
        f"return %r#0, %r#1, %r#2 : {a}, {m}, {m}",
        f"""%n = linalg.generic {{indexing_maps = [affine_map<(e, i) -> (i)>,
            affine_map<(e, i) -> (e, i)>], iterator_types = ["parallel", "parallel"]}}
          ins(%r#2 : {m}) outs(%r#0 : {a}) {{
        ^bb0(%s: f32, %x: f32):
          %y = arith.divf %x, %s : f32
          linalg.yield %y : f32
        }} -> {a}
        %e = math.log %r#2 : {m}
        %t = arith.addf %r#1, %e : {m}
        return %n, %t : {a}, {m}""",
    )


@pytest.mark.parametrize("scale", [0.25, 4])
@pytest.mark.parametrize("queries", [7, 64])
def test_lazy_is_the_same_after_normalisation(queries, scale):
    check(normalized(queries, float(scale)), keys(31))


def test_without_a_partial_tile_the_mask_does_not_run():
    check(tile("dot softmax", 7, partial="partial(%no)"), keys(31))


@pytest.mark.parametrize("normalizer", ["softmax", "none"])
def test_score_tile(normalizer):
    q, k, s = "tensor<12x7xf32>", "tensor<9x12xbf16>", "tensor<9x7xf32>"
    text = f"""func.func @f(%q: {q}, %k: {k}, %s: {s}) -> {s} {{
      %i = arith.constant 3 : index
      %r = attn.score_tile dot {normalizer} ins(%q, %k : {q}, {k}) at(%i, %i, %i, %i)
        outs(%s : {s}) {maps("query", "key", "scores")} scale = 0.25 {MASK} -> {s}
      return %r : {s}
    }}"""
    check(text, {})
