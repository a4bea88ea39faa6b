# ===- test_meaning.py - what is not finite, and rows that keep nothing ------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Clauses attention_m4 to attention_m11 of docs/Spec.md, through every form of
attention, with one query and with several tiles of queries and keys."""

import attn
import numpy as np
import pytest
import torch
from numerics import assert_close, attention, indices

SIZES = [(1, 150), (70, 150)]
POISON = [np.nan, np.inf, -np.inf]
TYPES = ["float32", "float64", "float16", "bfloat16"]


def inputs(queries, keys, size=8, heads=4, key_heads=2, seed=0):
    rng = np.random.default_rng(seed)
    return (
        rng.standard_normal((2, h, n, size)).astype(np.float32)
        for h, n in ((heads, queries), (key_heads, keys), (key_heads, keys))
    )


def as_type(type, *arrays):
    return [torch.from_numpy(a).to(getattr(torch, type)) for a in arrays]


FORMS = {
    "dot": lambda q, k, v, **o: attn.scaled_dot_product(
        q, k, v, return_lse=True, return_weights=True, **o
    ),
    "capped": lambda q, k, v, **o: attn.scaled_dot_product(
        q, k, v, score=attn.score.softcap(5.0), return_lse=True, **o
    ),
    "additive": lambda q, k, v, **o: attn.additive(
        q, k, v, torch.full((8,), 0.5, dtype=q.dtype), return_lse=True, **o
    ),
    "projected": lambda q, k, v, **o: attn.additive(
        *(q, k, v, torch.ones(4, dtype=q.dtype)),
        w_q=torch.full((4, 8), 0.25, dtype=q.dtype),
        w_k=torch.full((4, 8), 0.25, dtype=q.dtype),
        return_lse=True,
        **o,
    ),
}
FORMS |= {
    kernel: lambda q, k, v, kernel=kernel, **o: attn.kernel_regression(
        q, k, v, kernel=kernel, bandwidth=5.0, return_lse=True, **o
    )
    for kernel in ("gaussian", "boxcar", "epanechnikov", "triangular", "constant")
}


def assert_same(found, expected):
    """Equal up to the rounding of a second pass over the keys."""
    for a, b in zip(found, expected):
        unit = torch.finfo(a.dtype).eps
        torch.testing.assert_close(a, b, rtol=4 * unit, atol=8 * unit)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("form", FORMS)
def test_what_is_masked_does_not_matter(form, sizes):
    """attention_m4: poison in masked keys and values reaches no result."""
    q, k, v = inputs(*sizes)
    keep = np.ones((2, 1, 1, sizes[1]), bool)
    keep[0, ..., 17:40] = keep[1, ..., 60:] = False
    hidden = ~np.broadcast_to(keep[:, :, 0], (2, 2, sizes[1]))
    expected = FORMS[form](*as_type("float32", q, k, v), mask=torch.from_numpy(keep))
    assert torch.isfinite(expected[0]).all()
    for poison in POISON:
        k[hidden] = v[hidden] = poison
        found = FORMS[form](*as_type("float32", q, k, v), mask=torch.from_numpy(keep))
        assert_same(found, expected)


@pytest.mark.parametrize("type", TYPES)
def test_what_is_padded_does_not_matter(type):
    """attention_m4, for each type and a mask with bounds."""
    q, k, v = inputs(70, 150)
    lengths = np.array([33, 129])
    mask = attn.mask.padding(lengths) & attn.mask.causal(60)
    expected = FORMS["dot"](*as_type(type, q, k, v), mask=mask)
    for b, length in enumerate(lengths):
        k[b, :, length:] = v[b, :, length:] = np.nan
    assert_same(FORMS["dot"](*as_type(type, q, k, v), mask=mask), expected)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("poison", POISON)
def test_score_of_minus_infinity_is_no_weight(poison, sizes):
    """attention_m5, attention_m8: whatever its value holds; a row of them is empty."""
    q, k, v = inputs(*sizes)
    bias = np.zeros((sizes[0], sizes[1]), np.float32)
    bias[:, 20:90] = bias[sizes[0] // 2] = -np.inf
    out, lse, weights = attn.scaled_dot_product(
        *(q, k, v), score=attn.score.bias(bias), return_lse=True, return_weights=True
    )
    expected = attention(q, k, v, bias == 0)
    for found, wanted in zip((out, lse, weights), expected):
        assert_close(found, wanted, 32)
    v[:, :, 20:90] = poison
    again = attn.scaled_dot_product(q, k, v, score=attn.score.bias(bias))
    np.testing.assert_allclose(again, out, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_rows_that_keep_nothing(form, sizes):
    """attention_m8: output 0, LSE -inf, weights 0, though all values are NaN."""
    q, k, v = as_type("float32", *inputs(*sizes))
    v[:] = torch.nan
    nothing = torch.zeros(sizes, dtype=torch.bool)
    out, lse, *weights = FORMS[form](q, k, v, mask=nothing)
    assert (out == 0).all() and (lse == -torch.inf).all()
    assert all((w == 0).all() for w in weights)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_what_counts_is_seen(sizes):
    """attention_m10: NaN in a query spoils its rows, NaN in a value its feature."""
    row = sizes[0] - 1
    q, k, v = inputs(*sizes)
    expected = attn.scaled_dot_product(q, k, v, mask=attn.mask.causal(90))
    spoilt = q.copy()
    spoilt[1, 3, row, 2] = np.nan
    out, lse, weights = attn.scaled_dot_product(
        spoilt, k, v, attn.mask.causal(90), return_lse=True, return_weights=True
    )
    wanted = np.zeros(out.shape[:3], bool)
    wanted[1, 3, row] = True
    assert np.array_equal(np.isnan(out), np.broadcast_to(wanted[..., None], out.shape))
    assert np.array_equal(np.isnan(lse), wanted)
    assert np.isnan(weights[wanted][:, : row + 91]).all()
    assert (weights[wanted][:, row + 91 :] == 0).all()  # attention_m9
    np.testing.assert_allclose(out[~wanted], expected[~wanted], rtol=1e-5, atol=1e-6)
    v[0, 1, 40, 5] = np.nan
    out = attn.scaled_dot_product(q, k, v, mask=attn.mask.causal(90))
    wanted = np.zeros(out.shape, bool)
    wanted[0, 2:, :, 5] = True  # Heads 2 and 3 read key head 1.
    assert np.array_equal(np.isnan(out), wanted)


def test_infinite_scores_and_values():
    """attention_m10: +inf as a score is NaN, as a value that counts +inf."""
    q, k, v = inputs(3, 150)
    bias = np.zeros((3, 150), np.float32)
    bias[1, 100] = np.inf
    out = attn.scaled_dot_product(q, k, v, score=attn.score.bias(bias))
    assert np.isnan(out[:, :, 1]).all() and np.isfinite(out[:, :, ::2]).all()
    v[..., 7, 0] = np.inf
    out = attn.scaled_dot_product(q, k, v)
    assert (out[..., 0] == np.inf).all() and np.isfinite(out[..., 1:]).all()


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("type", TYPES)
def test_wide_range(type, sizes):
    """attention_m11: scores of tens of thousands, beyond the range of float16 where
    the accumulator's holds them, masked or not."""
    q, k, v = inputs(*sizes, seed=3)
    q, k, v = as_type(type, q * 300, k * 300, v * 1000)
    keep = np.tril(np.ones(sizes, bool), 90)
    found = FORMS["dot"](q, k, v, mask=torch.from_numpy(keep))
    expected = attention(q, k, v, keep)
    assert all(torch.isfinite(f).all() for f in found)
    # An error of the score moves the weights by as much, relatively.
    magnitude = 300 * 300 * 8 * 16
    unit = 2.0**-53 if type == "float64" else 2.0**-24
    off = 8 * unit * magnitude
    for result, wanted, size in zip(found, expected, (4000, 1, 1)):
        error = np.abs(result.double().numpy() - wanted)
        rounding = 2.0**-7 * np.abs(wanted) if type != "float64" else 0
        assert (error <= off * size + rounding + 1e-7).all()


@pytest.mark.parametrize("scale", [0.05, 5.0])
@pytest.mark.parametrize("size", [3e4, 1e12])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("type", ["float32", "float64", "bfloat16"])
def test_scores_whose_rounding_is_large(type, sizes, size, scale):
    """attention_m11: scores of 10^8 and 10^24, of which one unit in the last place
    is more than an exponential holds."""
    q, k, v = as_type(type, *inputs(*sizes, seed=5))
    q, k = size * q, size * k
    out, lse = attn.scaled_dot_product(q, k, v, scale=scale, return_lse=True)
    expected, expected_lse, _ = attention(q, k, v, scale=scale)
    unit = 2.0**-53 if type == "float64" else 2.0**-24
    assert torch.isfinite(out).all() and (out.abs() <= v.abs().max()).all()
    error = np.abs(lse.double().numpy() - expected_lse)
    assert (error <= 64 * unit * np.abs(expected_lse) * 8).all()
    # Nearly all rows have one key far before the others, whose value they get.
    off = np.abs(out.double().numpy() - expected) > 2.0**-7 * np.abs(expected) + 1e-6
    assert off.any(-1).mean() < 0.05


SINK = """
func.func @f(%q: tensor<2x?x8xf32>, %k: tensor<2x?x8xf32>, %v: tensor<2x?x8xf32>,
             %sink: tensor<2xf32>, %keep: tensor<?xi1>)
    -> (tensor<2x?x8xf32>, tensor<2x?xf32>) {
  %m = attn.mask.dense %keep : tensor<?xi1>
  %o, %l = attn.scaled_dot_product %q, %k, %v mask(%m) sink(%sink : tensor<2xf32>)
      layout = "hmd" : tensor<2x?x8xf32>, tensor<2x?x8xf32>, tensor<2x?x8xf32>
      -> tensor<2x?x8xf32> lse(tensor<2x?xf32>)
  return %o, %l : tensor<2x?x8xf32>, tensor<2x?xf32>
}
"""


@pytest.mark.parametrize("sizes", [*SIZES, (5, 0)], ids=str)
def test_sinks(sizes):
    """scaled_dot_product_m3: a sink joins the sum; alone it is the LSE; -inf is none."""
    q, k, v = (a[0] for a in inputs(*sizes, heads=2))
    sink = np.array([1.5, -np.inf], np.float32)
    function = attn.compile(SINK)
    out, lse = function(q, k, v, sink, np.zeros(sizes[1], bool))
    assert (out == 0).all() and (lse == sink[:, None]).all()
    keep = np.arange(sizes[1]) % 3 == 0
    out, lse = function(q, k, v, sink, keep)
    plain, plain_lse, _ = attention(q[None], k[None], v[None], keep)
    with np.errstate(invalid="ignore"):
        expected = np.logaddexp(plain_lse[0], sink[:, None].astype(float))
        share = np.exp(
            np.where(plain_lse[0] > -np.inf, plain_lse[0] - expected, -np.inf)
        )
    assert_close(lse, expected, 32)
    assert_close(out, plain[0] * share[..., None], 32)


def test_merge_ignores_parts_without_keys():
    """merge_m2: whatever their output holds."""
    rng = np.random.default_rng(0)
    out, lse = rng.standard_normal((5, 8)), rng.standard_normal(5)
    empty = np.full((5, 8), np.nan), np.full(5, -np.inf)
    merged, total = attn.merge([empty, (out, lse), empty])
    np.testing.assert_allclose(merged, out, rtol=1e-14)
    np.testing.assert_allclose(total, lse, rtol=1e-14)
    merged, total = attn.merge([empty, empty])
    assert (merged == 0).all() and (total == -np.inf).all()


@pytest.mark.parametrize("rank", [2, 4])
def test_masked_softmax(rank):
    """masked_softmax_m1: poison behind the mask, rows without weight."""
    rng = np.random.default_rng(0)
    shape = (2, 3, 40, 70)[-rank:]
    scores = rng.standard_normal(shape).astype(np.float32)
    keep = np.tril(np.ones((40, 70), bool), -3)
    expected = attn.masked_softmax(scores, keep)
    assert (expected[..., :3, :] == 0).all() and np.isfinite(expected).all()
    for poison in POISON:
        scores[..., ~keep] = poison
        np.testing.assert_array_equal(attn.masked_softmax(scores, keep), expected)
    scores[..., 10, :] = -np.inf
    assert (attn.masked_softmax(scores, keep)[..., 10, :] == 0).all()


OFFSETS = [2**63 - 1, 2**62, 5, 0, -1, -(2**62), -(2**63)]


@pytest.mark.parametrize("offset", OFFSETS)
def test_offsets_are_exact(offset):
    """mask_causal_m1, mask_window_m1: no offset wraps round."""
    q, k, v = inputs(9, 11)
    b, h, i, j = indices(2, 4, 9, 11)
    keep = j - i <= offset
    out = attn.scaled_dot_product(q, k, v, mask=attn.mask.causal(offset))
    assert_close(out, attention(q, k, v, keep)[0], 16)
    per_batch = np.array([np.clip(offset, -(2**62), 2**62), 1])
    out = attn.scaled_dot_product(q, k, v, mask=attn.mask.causal(per_batch))
    keep = j - i <= per_batch.astype(object)[:, None, None, None]
    assert_close(out, attention(q, k, v, keep.astype(bool))[0], 16)


@pytest.mark.parametrize("past", [0, 3, 2**62])
@pytest.mark.parametrize("future", [0, 2, 2**62, None])
def test_windows_are_exact(past, future):
    q, k, v = inputs(9, 11)
    b, h, i, j = indices(2, 4, 9, 11)
    keep = (i - j <= past) & (j - i <= (2**62 if future is None else future))
    out = attn.scaled_dot_product(q, k, v, mask=attn.mask.window(past, future))
    assert_close(out, attention(q, k, v, keep)[0], 16)


def test_masked_divisions_by_zero_beside_nan():
    """Rows that are computed again ask the mask of pairs whose division is by zero."""
    q, k, v = (np.ones((1, 1, n, 32), np.float32) for n in (70, 90, 90))
    v[:, :, 89] = np.nan
    mask = attn.mask.predicate(lambda b, h, i, j: (j % (i - j) == 0) & (j < i))
    out = attn.scaled_dot_product(q, k, v, mask=mask)
    assert np.array_equal(out[0, 0, 1:], v[0, 0, :69])
