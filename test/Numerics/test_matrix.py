# ===- test_matrix.py - compiled functions against the fp64 reference --------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Ops x types x shapes x masks x layouts through `attnc run --check`, whose tolerance
per element comes from docs/Spec.md."""

import numpy as np
import pytest
from attnc import attnc, check

TYPES = ["f32", "bf16", "f16", "f64"]
# M, N: empty, single, odd, a tile and its neighbours, several tiles.
LENGTHS = [(0, 5), (5, 0), (1, 1), (1, 300), (7, 97), (48, 96), (49, 95), (130, 201)]
MASKS = {
    "none": "",
    "causal": "%m = attn.mask.causal",
    "bottom_right": "%m = attn.mask.causal bottom_right",
    "offset": "%o = arith.constant 3 : index\n%m = attn.mask.causal offset(%o : index)",
    "window": "%m = attn.mask.window past = 10 future = 3",
    "past": "%m = attn.mask.window past = 20",
    "prefix_causal": "%n = arith.constant 9 : index\n"
    "%p = attn.mask.prefix %n : index\n"
    "%c = attn.mask.causal\n%m = attn.mask.or %p, %c",
    "dilated": "%m = attn.mask.dilated stride = 3",
    "nothing": "%m = attn.mask.constant false",
    "not": "%c = attn.mask.causal\n%m = attn.mask.not %c",
    "document_window": "%w = attn.mask.window past = 40\n"
    "%t = arith.constant dense<[0, 30, 31, 90, 500]> : tensor<5xi32>\n"
    "%d = attn.mask.document_offsets %t : tensor<5xi32>\n"
    "%m = attn.mask.and %w, %d",
    "predicate": """%m = attn.mask.predicate {
      ^bb0(%b: index, %h: index, %i: index, %j: index):
        %c5 = arith.constant 5 : index
        %qi = arith.floordivsi %i, %c5 : index
        %qj = arith.floordivsi %j, %c5 : index
        %same = arith.cmpi eq, %qi, %qj : index
        attn.yield %same : i1
      }""",
    "ahead": """%m = attn.mask.predicate {
      ^bb0(%b: index, %h: index, %i: index, %j: index):
        %c50 = arith.constant 50 : index
        %least = arith.constant -1 : index
        %distance = arith.subi %i, %j : index
        %blocks = arith.floordivsi %distance, %c50 : index
        %near = arith.cmpi sge, %blocks, %least : index
        attn.yield %near : i1
      }""",
}
SCORES = {
    "softcap": "%cap = arith.constant 5.0 : f32\n%s = attn.score.softcap %cap : f32",
    "alibi": "%slopes = arith.constant dense<[0.5, 0.25]> : tensor<2xf32>\n"
    "%s = attn.score.alibi %slopes : tensor<2xf32>",
    "relative": "%table = arith.constant dense<[0.5, 0.25, -1.0, 2.0, 0.125]> : "
    "tensor<5xf32>\n%s = attn.score.relative_bias %table : tensor<5xf32>",
    "bucketed": "%table = arith.constant dense<[0.5, 0.25, -1.0, 2.0, 1.5, -0.5, "
    "0.75, -2.0]> : tensor<8xf32>\n"
    "%s = attn.score.bucketed_bias %table max_distance = 20 : tensor<8xf32>",
    "bucketed_causal": "%table = arith.constant dense<[0.5, 0.25, -1.0, 2.0]> : "
    "tensor<4xf32>\n"
    "%s = attn.score.bucketed_bias %table max_distance = 20 causal : tensor<4xf32>",
    "image": "%table = arith.constant dense<[[0.5, 0.25, -1.0], [1.0, 2.0, 3.0], "
    "[-0.5, 0.125, 4.0]]> : tensor<3x3xf32>\n"
    "%s = attn.score.image_bias %table width = 7 : tensor<3x3xf32>",
    "map": """%s = attn.score.map {
      ^bb0(%x: f32, %b: index, %h: index, %i: index, %j: index):
        %t = math.tanh %x : f32
        attn.yield %t : f32
      }""",
}


def tensor(*shape):
    return f"tensor<{'x'.join(str(s) for s in shape)}>"


def attention(
    op="scaled_dot_product",
    type="f32",
    head_size=16,
    value_size=None,
    heads=2,
    kv_heads=2,
    mask="none",
    score=None,
    layout=None,
    results=("output",),
    extra_operand="",
    extra_type="",
    queries="?",
    keys="?",
):
    """A function around one attention op; M and N are dynamic unless given."""
    value_size = value_size or head_size

    def shape(heads, length, feature):
        if layout == "bmhd":
            return tensor(1, length, heads, feature, type)
        return tensor(1, heads, length, feature, type)

    query, key = shape(heads, queries, head_size), shape(kv_heads, keys, head_size)
    value = shape(kv_heads, keys, value_size)
    output = shape(heads, queries, value_size)
    accumulator = "f64" if type == "f64" else "f32"
    extra = {
        "lse": tensor(1, heads, queries, accumulator),
        "weights": tensor(1, heads, queries, keys, type),
    }
    names = [f"%{name}" for name in results]
    types = [output] + [extra[name] for name in results[1:]]
    flags = "".join(f" {name}({extra[name]})" for name in results[1:])
    clauses = " mask(%m)" if mask != "none" else ""
    clauses += " score(%s)" if score else ""
    clauses += f' layout = "{layout}"' if layout else ""
    parameters = f"%q: {query}, %k: {key}, %v: {value}"
    if extra_type:
        parameters += f", %extra: {extra_type}"
    return f"""func.func @f({parameters}) -> ({", ".join(types)}) {{
      {MASKS[mask]}
      {SCORES[score] if score else ""}
      {", ".join(names)} = attn.{op} %q, %k, %v{extra_operand}{clauses}
        : {query}, {key}, {value}{", " + extra_type if extra_type else ""} -> {output}{flags}
      return {", ".join(names)} : {", ".join(types)}
    }}"""


def lengths(case):
    return {"M": case[0], "N": case[1]}


@pytest.mark.parametrize("case", LENGTHS, ids=str)
@pytest.mark.parametrize("type", TYPES)
def test_types_and_lengths(type, case):
    check(attention(type=type, mask="causal"), lengths(case))


@pytest.mark.parametrize("type", TYPES)
def test_oldest_instructions(type):
    """Without conversions of f16 or bf16."""
    check(attention(type=type), lengths((49, 201)), "--target=x86-64:x86-64")


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("case", [(49, 201), (130, 97)], ids=str)
def test_masks(mask, case):
    check(attention(mask=mask, results=("output", "lse")), lengths(case))


@pytest.mark.parametrize("mask", ["none", "window", "nothing"])
@pytest.mark.parametrize("score", SCORES)
def test_scores(score, mask):
    check(attention(score=score, mask=mask), lengths((50, 110)))


@pytest.mark.parametrize(
    "head_size, value_size",
    [(1, 1), (1, 5), (3, 2), (33, 20), (40, 72), (64, 64), (80, 8), (128, 96)],
)
def test_head_sizes(head_size, value_size):
    check(
        attention(head_size=head_size, value_size=value_size, mask="causal"),
        lengths((53, 100)),
    )


@pytest.mark.parametrize("layout", [None, "bmhd"])
@pytest.mark.parametrize("heads, kv_heads", [(1, 1), (4, 2), (6, 1), (3, 3)])
def test_heads_and_layouts(heads, kv_heads, layout):
    check(
        attention(heads=heads, kv_heads=kv_heads, layout=layout, mask="causal"),
        lengths((50, 60)),
    )


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("mask", ["none", "causal", "nothing"])
def test_all_results(type, mask):
    check(
        attention(type=type, mask=mask, results=("output", "lse", "weights")),
        lengths((51, 99)),
    )


@pytest.mark.parametrize("normalizer", ["sum", "none"])
@pytest.mark.parametrize("score", ["sigmoid", "relu"])
def test_other_normalizers(score, normalizer):
    text = attention(mask="window", score="softcap")
    text = text.replace(
        "%s = attn.score.softcap %cap : f32", f"%s = attn.score.{score}"
    )
    text = text.replace(" score(%s)", f" score(%s) normalizer = {normalizer}")
    check(text, lengths((50, 110)))


@pytest.mark.parametrize("shape", ["3x50x70", "?x?x?", "1x50x70", "3x1x70", "3x1x?x?"])
def test_tensors_of_pairs_without_heads(shape):
    """mask_dense_c1, score_bias_c1: rank 3 is (B, M, N) then."""
    keep, bias, weights = f"tensor<{shape}xi1>", f"tensor<{shape}xf32>", "3x50x70xf32"
    query, key, value = (
        "tensor<3x50x16xf32>",
        "tensor<3x70x16xf32>",
        "tensor<3x70x8xf32>",
    )
    output = "tensor<3x50x8xf32>"
    sizes = {
        f"{name}.{dim}": (3, *(1,) * (shape.count("x") - 2), 50, 70)[dim]
        for name in ("keep", "bias")
        for dim, size in enumerate(shape.split("x"))
        if size == "?"
    }
    check(
        f"""func.func @f(%q: {query}, %k: {key}, %v: {value}, %keep: {keep}, %bias: {bias})
            -> ({output}, tensor<{weights}>) {{
          %m = attn.mask.dense %keep : {keep}
          %c = attn.mask.causal
          %n = attn.mask.not %m
          %mask = attn.mask.and %c, %n
          %s = attn.score.bias %bias : {bias}
          %o, %w = attn.scaled_dot_product %q, %k, %v mask(%mask) score(%s)
            : {query}, {key}, {value} -> {output} weights(tensor<{weights}>)
          %r = attn.masked_softmax %w mask(%m) : tensor<{weights}> -> tensor<{weights}>
          return %o, %r : {output}, tensor<{weights}>
        }}""",
        sizes,
    )


@pytest.mark.parametrize("type", ["f32", "bf16"])
def test_cosine(type):
    text = attention(op="cosine", type=type, mask="causal")
    check(text.replace(" mask(%m)", " mask(%m) scale = 4.0"), lengths((50, 70)))


@pytest.mark.parametrize("type", ["f32", "bf16"])
def test_general(type):
    text = attention(
        op="general",
        type=type,
        mask="causal",
        extra_operand=", %extra",
        extra_type=tensor(16, 16, type),
    )
    check(text.replace(" mask(%m)", " mask(%m) scale = 0.25"), lengths((50, 70)))


@pytest.mark.parametrize("interleaved", ["", " interleaved"])
def test_rotary_of_given_frequencies(interleaved):
    x, f = tensor(2, "?", 8, "f32"), tensor(4, "f64")
    check(
        f"""func.func @f(%x: {x}, %f: {f}) -> {x} {{
          %r = attn.rotary %x frequencies(%f : {f}){interleaved} magnitude = 1.25
            : {x} -> {x}
          return %r : {x}
        }}""",
        {"x.1": 40},
    )


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("interleaved", ["", " interleaved"])
def test_rotary_of_any_head_size(interleaved, type):
    """Dimensions of size 1 are not the one that a pair's half drops."""
    for shape in ((1, 18), (1, 1, "?", 1)):
        x = tensor(*shape, "?", type)
        text = f"""func.func @f(%x: {x}) -> {x} {{
          %r = attn.rotary %x{interleaved} : {x} -> {x}
          return %r : {x}
        }}"""
        for size in (6, 64, 130):
            check(
                text, {"x.2": size if len(shape) == 2 else 9, f"x.{len(shape)}": size}
            )


@pytest.mark.parametrize("type", ["f32", "bf16"])
@pytest.mark.parametrize("mask", ["none", "causal", "document_window"])
def test_additive(type, mask):
    check(
        attention(
            op="additive",
            type=type,
            mask=mask,
            extra_operand=", %extra",
            extra_type=tensor(16, type),
        ),
        lengths((50, 70)),
    )


@pytest.mark.parametrize("mask", ["none", "window", "nothing"])
@pytest.mark.parametrize(
    "kernel", ["gaussian", "boxcar", "epanechnikov", "triangular", "constant"]
)
def test_kernel_regression(kernel, mask):
    text = attention(op="kernel_regression", mask=mask, head_size=3, value_size=2)
    text = text.replace("kernel_regression ", f"kernel_regression {kernel} ")
    check(text, lengths((49, 101)))


@pytest.mark.parametrize("type", ["f32", "f16", "bf16"])
@pytest.mark.parametrize("heads, kv_heads", [(4, 4), (4, 1)])
def test_packed_projections(heads, kv_heads, type):
    x, w, wo, b = (
        tensor(*shape, type)
        for shape in ((2, "?", 24), (8 * (heads + 2 * kv_heads), 24), (5, 32), ("?",))
    )
    out = tensor(2, "?", 5, type)
    check(
        f"""func.func @f(%x: {x} {{attn.spread = 1.0}}, %y: {x} {{attn.spread = 1.0}},
                         %w: {w} {{attn.spread = 0.2}},
                         %wo: {wo} {{attn.spread = 0.2}},
                         %b: {b} {{attn.spread = 0.2}}) -> {out} {{
          %o = attn.multi_head %x, %y, %y weights(%w, %wo : {w}, {wo})
            bias_packed(%b : {b}) heads = {heads} kv_heads = {kv_heads}
            : {x}, {x}, {x} -> {out}
          return %o : {out}
        }}""",
        {"x.1": 35, "y.1": 18, "b.0": 8 * (heads + 2 * kv_heads)},
    )


@pytest.mark.parametrize("results", [("output",), ("output", "lse", "weights")])
@pytest.mark.parametrize(
    "sizes",
    [
        dict(B=2, H=6, Hkv=3, M=5, N=7, D=3, Dv=9),
        dict(B=1, H=4, Hkv=1, M=50, N=101, D=64, Dv=64),
        dict(B=2, H=2, Hkv=2, M=3, N=4, D=0, Dv=2),
        dict(B=2, H=0, Hkv=0, M=3, N=4, D=4, Dv=2),
        dict(B=0, H=2, Hkv=1, M=3, N=4, D=4, Dv=2),
        dict(B=2, H=2, Hkv=1, M=3, N=4, D=4, Dv=0),
    ],
    ids=str,
)
def test_every_size_is_dynamic(sizes, results):
    text = attention(mask="causal", results=results)
    for static in ("1x2x?x?x", "1x2x?x16x", "1x2x?x"):
        text = text.replace(static, "?x" * static.count("x"))
    check(text, sizes)


@pytest.mark.parametrize("op", ["scaled_dot_product", "additive", "kernel_regression"])
@pytest.mark.parametrize("zero", ["B", "H", "M", "N", "D", "Dv", "D and Dv"])
def test_static_sizes_of_zero(zero, op):
    sizes = dict(B=2, H=2, M=5, N=6, D=4, Dv=3) | dict.fromkeys(zero.split(" and "), 0)
    b, h, m, n, d, dv = sizes.values()
    query, key, value = (
        tensor(b, h, m, d, "f32"),
        tensor(b, h, n, d, "f32"),
        tensor(b, h, n, dv, "f32"),
    )
    out, lse = tensor(b, h, m, dv, "f32"), tensor(b, h, m, "f32")
    weights = tensor(b, h, m, n, "f32")
    weight = tensor(d, "f32")
    name = {"kernel_regression": "kernel_regression gaussian"}.get(op, op)
    extra = (", %w", f", {weight}") if op == "additive" else ("", "")
    check(
        f"""func.func @f(%q: {query}, %k: {key}, %v: {value}, %w: {weight}) -> ({out}, {lse}, {weights}) {{
          %m = attn.mask.causal
          %o, %l, %p = attn.{name} %q, %k, %v{extra[0]} mask(%m) : {query}, {key}, {value}{extra[1]}
            -> {out} lse({lse}) weights({weights})
          return %o, %l, %p : {out}, {lse}, {weights}
        }}""",
        {},
    )


def test_no_key_in_reach_of_a_window_that_moves():
    """Where the loop over keys begins is not known, that there are none is."""
    tensors = "%q: tensor<2x5x4xf32>, %k: tensor<2x0x4xf32>, %by: i64"
    check(
        f"""func.func @f({tensors}) -> (tensor<2x5x4xf32>, tensor<2x5x?xf32>) {{
          %m = attn.mask.window past = 3 offset(%by : i64)
          %o, %w = attn.scaled_dot_product %q, %k, %k mask(%m) : tensor<2x5x4xf32>,
            tensor<2x0x4xf32>, tensor<2x0x4xf32>
            -> tensor<2x5x4xf32> weights(tensor<2x5x?xf32>)
          return %o, %w : tensor<2x5x4xf32>, tensor<2x5x?xf32>
        }}""",
        {},
    )


def test_threads_do_not_change_bits(tmp_path):
    text = attention(heads=3, kv_heads=1, mask="causal")
    files = []
    for threads in (1, 2, 3):
        files.append(tmp_path / f"{threads}.npy")
        check(
            text, lengths((200, 300)), f"--threads={threads}", "--out", str(files[-1])
        )
    first, *rest = [file.read_bytes() for file in files]
    assert all(other == first for other in rest)


@pytest.mark.parametrize("type", ["bf16", "f16"])
def test_merge_of_one_part(type):
    """What it is off already stays: the part is far from the values' range."""
    x, l = tensor(1, 2, "?", 64, type), tensor(1, 2, "?", "f32")
    check(
        f"""func.func @f(%q: {x}, %k: {x}, %v: {x}) -> ({x}, {l}) {{
          %p, %pl = attn.scaled_dot_product %q, %k, %v : {x}, {x}, {x} -> {x} lse({l})
          %o, %ol = attn.merge %p lse(%pl) : {x}, {l}
          return %o, %ol : {x}, {l}
        }}""",
        lengths((130, 40)),
    )


def test_subnormal_values(tmp_path):
    """Of f64: they are rounded to multiples of 2^-1074."""
    values = np.random.default_rng(0).standard_normal((1, 2, 300, 16)) * 1e-311
    np.save(tmp_path / "v.npy", values)
    given = ("--arg", f"v={tmp_path / 'v.npy'}")
    check(attention(type="f64"), lengths((50, 300)), *given)


def test_product_of_subnormal_numbers(tmp_path):
    """Of bf16, which instructions for pairs may take as zero: the bound allows that."""
    small = np.random.default_rng(0).standard_normal((300, 16)) * 1e-39
    bits = small.astype(np.float32).view(np.uint32) >> 16
    np.save(tmp_path / "b.npy", bits.astype(np.uint16))
    a, b, c = tensor(8, 300, "bf16"), tensor(300, 16, "bf16"), tensor(8, 16, "f32")
    text = f"""func.func @f(%a: {a}, %b: {b}) -> {c} {{
      %zero = arith.constant 0.0 : f32
      %empty = tensor.empty() : {c}
      %init = linalg.fill ins(%zero : f32) outs(%empty : {c}) -> {c}
      %r = linalg.matmul ins(%a, %b : {a}, {b}) outs(%init : {c}) -> {c}
      return %r : {c}
    }}"""
    run = attnc("run", text, "--check", "--arg", f"b={tmp_path / 'b.npy'}")
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("layout", ["mdh", "xmdh", "mhxd", "xdmh"])
@pytest.mark.parametrize(
    "queries, features, heads", [(1, 5, 16), (2, 5, 16), (2, 1, 6)]
)
def test_layouts_with_heads_behind_other_dimensions(queries, features, heads, layout):
    """Of one query, or feature, MLIR would take its dimension for that of the heads."""

    def shape(length, heads):
        sizes = dict(m=length, d=features, h=heads, x=1)
        return tensor(*(sizes[letter] for letter in layout), "f32")

    q, k = shape(queries, heads), shape(19, 2)
    check(
        f"""func.func @f(%q: {q}, %k: {k}, %v: {k}) -> {q} {{
          %o = attn.scaled_dot_product %q, %k, %v layout = "{layout}" : {q}, {k}, {k} -> {q}
          return %o : {q}
        }}""",
        {},
    )
