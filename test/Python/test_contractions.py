# ===- test_contractions.py - matrix products beside attention -----------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""linalg.matmul and linalg.batch_matmul at odd sizes, in every type and order of
dimensions, beside products in float64."""

import attn
import numpy as np
import pytest
import torch

# Unit roundoff of results, and of the sums that they come from.
ROUNDOFF = {
    "f64": (2**-53, 2**-53),
    "f32": (2**-24, 2**-24),
    "f16": (2**-11, 2**-24),
    "bf16": (2**-8, 2**-24),
}
DTYPE = {
    "f64": torch.float64,
    "f32": torch.float32,
    "f16": torch.float16,
    "bf16": torch.bfloat16,
}


def shape(sizes, static):
    return "x".join(str(size) if static else "?" for size in sizes)


def product(batch, m, n, k, type, out, transposed, static, bias, activation):
    """A function of a, b and a bias: max(a b + bias, 0), or less of that."""
    dims = ["b"] if batch else []
    lead = [batch] if batch else []
    orders = {
        "nn": (["i", "k"], ["k", "j"]),
        "nt": (["i", "k"], ["j", "k"]),
        "tn": (["k", "i"], ["k", "j"]),
    }[transposed]
    size = {"i": m, "j": n, "k": k}
    types = [
        f"tensor<{shape(lead + [size[d] for d in order], static)}x{type}>"
        for order in orders
    ]
    result = f"tensor<{shape([*lead, m, n], static)}x{out}>"
    loops = ", ".join([*dims, "i", "j", "k"])
    maps = ", ".join(
        f"affine_map<({loops}) -> ({', '.join([*dims, *order])})>"
        for order in (*orders, ["i", "j"])
    )
    name = "linalg.batch_matmul" if batch else "linalg.matmul"
    axis = {"i": orders[0].index("i"), "j": orders[1].index("j")}
    lines, sizes = [], []
    for number, (tensor, d) in enumerate(
        ([("%a", "b")] if batch else []) + [("%a", "i"), ("%b", "j")]
    ):
        where = 0 if d == "b" else axis[d] + bool(batch)
        of = types[0] if tensor == "%a" else types[1]
        lines.append(f"%c{number} = arith.constant {where} : index")
        lines.append(f"%d{number} = tensor.dim {tensor}, %c{number} : {of}")
        sizes.append(f"%d{number}")
    sizes = "" if static else ", ".join(sizes)
    rank = 3 if batch else 2
    outer = ", ".join(f"d{i}" for i in range(rank))
    identity = f"affine_map<({outer}) -> ({outer})>"
    parallel = ", ".join(['"parallel"'] * rank)
    vector = f"tensor<{n if static else '?'}x{out}>"
    start = (
        f"""%f = linalg.generic {{
        indexing_maps = [affine_map<({outer}) -> (d{rank - 1})>, {identity}],
        iterator_types = [{parallel}]}} ins(%bias : {vector}) outs(%e : {result}) {{
      ^bb0(%x: {out}, %old: {out}):
        linalg.yield %x : {out}
      }} -> {result}"""
        if bias
        else f"%f = linalg.fill ins(%z : {out}) outs(%e : {result}) -> {result}"
    )
    finish = (
        f"""%zeros = linalg.fill ins(%z : {out}) outs(%e : {result}) -> {result}
      %r = arith.maximumf %p, %zeros : {result}"""
        if activation
        else f"%r = tensor.cast %p : {result} to {result}"
    )
    body = "\n      ".join(lines)
    return f"""func.func @f(%a: {types[0]}, %b: {types[1]}, %bias: {vector}) -> {result} {{
      {body}
      %z = arith.constant 0.0 : {out}
      %e = tensor.empty({sizes}) : {result}
      {start}
      %p = {name} indexing_maps = [{maps}] ins(%a, %b : {types[0]}, {types[1]})
        outs(%f : {result}) -> {result}
      {finish}
      return %r : {result}
    }}"""


def check(
    m,
    n,
    k,
    type="f32",
    out=None,
    batch=0,
    transposed="nn",
    static=False,
    bias=False,
    activation=False,
    threads=0,
):
    out = out or type
    text = product(batch, m, n, k, type, out, transposed, static, bias, activation)
    random = np.random.default_rng(m + 7 * n + 13 * k)

    def tensor(*sizes, of=type):
        # Magnitudes from 2^-6 to 2^6.
        scale = 2.0 ** random.integers(-6, 7, sizes)
        return torch.tensor(random.standard_normal(sizes) * scale).to(DTYPE[of])

    lead = [batch] if batch else []
    a = tensor(*lead, *((k, m) if transposed == "tn" else (m, k)))
    b = tensor(*lead, *((n, k) if transposed == "nt" else (k, n)))
    c = tensor(n, of=out)
    options = {"threads": threads} if threads else {}
    result = attn.compile(text, **options)(a, b, c).double().numpy()
    left, right, shift = (t.double().numpy() for t in (a, b, c))
    left = left.swapaxes(-1, -2) if transposed == "tn" else left
    right = right.swapaxes(-1, -2) if transposed == "nt" else right
    expected = left @ right + (shift if bias else 0)
    magnitude = abs(left) @ abs(right) + (abs(shift) if bias else 0)
    if activation:
        expected = np.maximum(expected, 0)
    of_result, of_sum = ROUNDOFF[out]
    bound = (k + 2) * of_sum * magnitude + of_result * abs(expected)
    assert result.shape == expected.shape
    assert (abs(result - expected) <= bound).all()


@pytest.mark.parametrize("type", ["f32", "f64", "f16", "bf16"])
@pytest.mark.parametrize("transposed", ["nn", "nt", "tn"])
@pytest.mark.parametrize("static", [False, True], ids=["dynamic", "static"])
def test_types_and_orders(type, transposed, static):
    check(150, 203, 97, type, transposed=transposed, static=static, bias=True, batch=2)


@pytest.mark.parametrize("type", ["f16", "bf16"])
def test_wide_results(type):
    check(70, 130, 300, type, out="f32", transposed="nt", activation=True)


# One and few of each, none, tiles and panels with a rest and without.
@pytest.mark.parametrize(
    "sizes",
    [(1, 1, 1), (1, 65, 33), (600, 1, 5), (0, 9, 9), (9, 0, 9), (9, 9, 0)]
    + [(577, 64, 1700), (7, 129, 16), (13, 1000, 31)],
    ids=str,
)
@pytest.mark.parametrize("static", [False, True], ids=["dynamic", "static"])
def test_sizes(sizes, static):
    check(*sizes, static=static, transposed="nt", bias=True, activation=True)


@pytest.mark.parametrize("type", ["f32", "f64", "f16", "bf16"])
@pytest.mark.parametrize("transposed", ["nn", "nt", "tn"])
def test_few_rows(type, transposed):
    """Nothing is packed for them; 16 are few, 17 are not."""
    for rows, batch in ((1, 0), (3, 2), (16, 0), (17, 0)):
        check(rows, 130, 133, type, batch=batch, transposed=transposed, static=True)


def test_reduction_over_nothing():
    text = """func.func @f(%a: tensor<?x0xf32>, %b: tensor<?x33xf32>, %c: tensor<?x33xf32>) -> tensor<?x33xf32> {
      %r = linalg.matmul ins(%a, %b : tensor<?x0xf32>, tensor<?x33xf32>)
        outs(%c : tensor<?x33xf32>) -> tensor<?x33xf32>
      return %r : tensor<?x33xf32>
    }"""
    c = torch.randn(70, 33)
    result = attn.compile(text)(torch.zeros(70, 0), torch.zeros(0, 33), c)
    assert torch.equal(result, c)


def test_no_bit_depends_on_threads():
    text = product(0, 600, 200, 300, "f32", "f32", "nn", False, False, False)
    a, b = torch.randn(600, 300), torch.randn(300, 200)
    results = [
        attn.compile(text, threads=threads)(a, b, torch.zeros(200))
        for threads in (1, 2)
    ]
    assert torch.equal(*results)


def test_wide_range_and_not_finite():
    text = product(0, 70, 90, 80, "f32", "f32", "nt", False, False, False)
    a, b = torch.randn(70, 80), torch.randn(90, 80)
    a[3] *= 1e30
    a[5, 7] = float("nan")
    a[6, 8] = float("inf")
    result = attn.compile(text)(a, b, torch.zeros(90))
    assert result[5].isnan().all()
    assert (~result[6].isfinite()).all()
    rest = [row for row in range(70) if row not in (5, 6)]
    torch.testing.assert_close(result[rest], a[rest] @ b.T, rtol=1e-4, atol=1e-4)
