# ===- test_form_sizes.py - every form at odd sizes and in every type ------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Each form of attention against its formula in float64."""

import attn
import numpy as np
import pytest
import torch
from numerics import UNIT, as_float64, repeat_heads, softmax

#: B, H, Hkv, M, N, D, Dv
SIZES = [
    (1, 1, 1, 1, 1, 1, 1),
    (2, 4, 2, 7, 3, 17, 5),
    (3, 3, 1, 65, 17, 3, 33),
    (1, 2, 2, 1, 1000, 7, 1),
    (2, 2, 1, 129, 65, 65, 7),
]


class Case:
    """Inputs of a size and a type, and the widths of their further arrays."""

    def __init__(self, sizes, dtype, queries=None, keys=None):
        b, h, hkv, m, n, d, dv = sizes
        self.dtype = dtype
        self.random = np.random.default_rng(sum(sizes))
        self.size, self.heads = d, h
        self.q = self.draw(b, h, m, queries or d)
        self.k, self.v = self.draw(b, hkv, n, keys or d), self.draw(b, hkv, n, dv)

    def draw(self, *shape):
        return torch.tensor(self.random.standard_normal(shape)).to(self.dtype)

    def pairs(self):
        """q (B, H, M, 1, D) and k (B, H, 1, N, D) in float64."""
        k = repeat_heads(as_float64(self.k), self.heads)
        return as_float64(self.q)[..., :, None, :], k[..., None, :, :]


# Each gives a function of (q, k, v, options), scores, and what their rounding is
# proportional to.


def dot(case):
    q, k = case.pairs()
    scale = case.size**-0.5
    return (
        attn.scaled_dot_product,
        scale * (q * k).sum(-1),
        scale * abs(q * k).sum(-1),
    )


def cosine(case):
    q, k = (x / np.linalg.norm(x, axis=-1, keepdims=True) for x in case.pairs())
    return (
        lambda *a, **o: attn.cosine(*a, scale=5.0, **o),
        5 * (q * k).sum(-1),
        15 * abs(q * k).sum(-1),
    )


def project(x, w):
    """With how far rounding in the type of `w` is off."""
    found = x @ as_float64(w).T
    unit = UNIT[str(w.dtype).removeprefix("torch.")]
    off = unit * abs(found) + abs(x) @ abs(as_float64(w)).T * 2.0**-24 * w.shape[1]
    return found, off / 2.0**-24 * (w.dtype is not torch.float64)


def general(case):
    w = case.draw(case.k.shape[-1], case.q.shape[-1])
    q, k = case.pairs()
    q, off = project(q, w)
    return (
        lambda *a, **o: attn.general(*a, w, scale=0.2, **o),
        0.2 * (q * k).sum(-1),
        0.2 * ((abs(q) + off) * abs(k)).sum(-1),
    )


def additive(project_query, project_key):
    def make(case):
        w = case.draw(case.size)
        w_q = case.draw(case.size, case.q.shape[-1]) if project_query else None
        w_k = case.draw(case.size, case.k.shape[-1]) if project_key else None
        q, k = case.pairs()
        q, off_q = (q, 0 * q) if w_q is None else project(q, w_q)
        k, off_k = (k, 0 * k) if w_k is None else project(k, w_k)
        weight = as_float64(w)
        return (
            lambda *a, **o: attn.additive(*a, w, w_q=w_q, w_k=w_k, **o),
            np.tanh(q + k) @ weight,
            (off_q + off_k + 2 * (abs(q) + abs(k)) + 8) @ abs(weight),
        )

    return make


def gaussian(case):
    width = torch.linspace(1, 3, case.heads).to(case.dtype) * case.size**0.5
    q, k = case.pairs()
    square = as_float64(width)[:, None, None] ** 2
    return (
        lambda *a, **o: attn.kernel_regression(*a, bandwidth=width, **o),
        -((q - k) ** 2).sum(-1) / (2 * square),
        ((abs(q) + abs(k)) ** 2).sum(-1) / square,
    )


#: The form, and by how many features its queries and keys differ from w.
FORMS = {
    "dot": (dot, 0, 0),
    "cosine": (cosine, 0, 0),
    "general": (general, 0, 2),
    "additive": (additive(False, False), 0, 0),
    "additive, query projected": (additive(True, False), 3, 0),
    "additive, key projected": (additive(False, True), 0, 5),
    "additive, both projected": (additive(True, True), 3, 5),
    "gaussian": (gaussian, 0, 0),
}


def check(found, expected, bound, unit, what):
    found = as_float64(found)
    assert found.shape == expected.shape, what
    assert (abs(found - expected) <= bound + 2 * unit * abs(expected)).all(), what


def bf16_and_another(forms):
    """Each form with bf16 and with one of the other types, in turns."""
    others = (torch.float32, torch.float16, torch.float64)
    return [
        pytest.param(form, dtype, id=f"{form}-{str(dtype).removeprefix('torch.')}")
        for place, form in enumerate(forms)
        for dtype in (torch.bfloat16, others[place % len(others)])
    ]


@pytest.mark.parametrize("form, dtype", bf16_and_another(FORMS))
def test_forms(form, dtype):
    make, more_q, more_k = FORMS[form]
    place = 2 * list(FORMS).index(form) + (dtype is torch.bfloat16)
    sizes = SIZES[place % len(SIZES)]
    case = Case(sizes, dtype, sizes[5] + more_q, sizes[5] + more_k)
    call, scores, spread = make(case)
    m, n = scores.shape[-2:]
    keep = np.arange(n) <= np.arange(m)[:, None] + n // 2
    out, lse, weights = call(
        *(case.q, case.k, case.v),
        mask=attn.mask.causal(offset=n // 2),
        return_lse=True,
        return_weights=True,
    )
    unit = UNIT[str(dtype).removeprefix("torch.")]
    inner = min(unit, UNIT["float32"])
    expected, expected_lse = softmax(scores, keep)
    # An error of the score moves a weight by as much, relatively.
    off = inner * (2 * (case.size + 16) * spread.max(initial=1) + n + 32)
    narrow = unit if unit > UNIT["float32"] else 0
    least = 2.0**-24 * (unit > 1e-9)
    v = repeat_heads(as_float64(case.v), case.heads)
    check(out, expected @ v, (off + narrow) * (expected @ abs(v)) + least, unit, "out")
    check(lse, expected_lse, off + inner * abs(expected_lse), inner, "lse")
    check(weights, expected, off * expected + least, unit, "weights")


@pytest.mark.parametrize(
    "kernel, dtype",
    bf16_and_another(["boxcar", "epanechnikov", "triangular", "custom"]),
)
def test_bandwidths_in_tensors(kernel, dtype):
    """Learned widths, one per head, that change from call to call."""
    case = Case((2, 3, 1, 17, 65, 3 if dtype is torch.bfloat16 else 1, 5), dtype)
    q, k = case.pairs()
    distance = np.sqrt(((q - k) ** 2).sum(-1))
    v = repeat_heads(as_float64(case.v), 3)
    weight = {
        "boxcar": lambda u: 1.0 * (u < 1),
        "epanechnikov": lambda u: np.maximum(0, 1 - u * u),
        "triangular": lambda u: np.maximum(0, 1 - u),
        "custom": lambda u: 1 / (1 + u * u),
    }[kernel]
    unit = UNIT[str(dtype).removeprefix("torch.")]
    for factor in (0.5, 2.0):
        widths = torch.nn.Parameter((torch.arange(1, 4) * factor).to(dtype))
        out = attn.kernel_regression(
            *(case.q, case.k, case.v),
            weight if kernel == "custom" else kernel,
            bandwidth=widths,
        )
        u = distance / as_float64(widths)[:, None, None]
        w = weight(u)
        total = w.sum(-1, keepdims=True)
        expected = np.divide(w @ v, total, out=np.zeros_like(w @ v), where=total > 0)
        # Where a pair is at the border of the support, or all are near it, rounding
        # may decide.
        doubtful = (abs(u - 1) < 1e-6).any(-1) | ((0 < total) & (total < 0.1))[..., 0]
        error = abs(as_float64(out) - expected).max(-1)
        inner = min(unit, UNIT["float32"])
        assert (error[~doubtful] <= 4 * unit + 1e4 * inner).all()
        assert doubtful.mean() < 0.3


WITHOUT_FEATURES = {
    "dot": attn.scaled_dot_product,
    "cosine": attn.cosine,
    "general": lambda *a, **o: attn.general(*a, torch.zeros(0, 0), **o),
    "additive": lambda *a, **o: attn.additive(*a, torch.zeros(0), **o),
    "gaussian": attn.kernel_regression,
    "boxcar": lambda *a, **o: attn.kernel_regression(*a, "boxcar", **o),
    "custom": lambda *a, **o: attn.kernel_regression(*a, lambda u: 1 / (1 + u), **o),
    "flex": lambda *a, **o: attn.flex_attention(*a, enable_gqa=True, **o),
}


@pytest.mark.parametrize("form", WITHOUT_FEATURES)
def test_head_size_0(form):
    """Clause attention_m12: all pairs are alike, and a row is the mean of its values."""
    case = Case((2, 4, 2, 5, 70, 0, 3), torch.float32)
    call = WITHOUT_FEATURES[form]
    out, lse = call(case.q, case.k, case.v, return_lse=True)
    mean = repeat_heads(as_float64(case.v), 4).mean(-2, keepdims=True)
    np.testing.assert_allclose(out, np.broadcast_to(mean, out.shape), atol=1e-6)
    np.testing.assert_allclose(lse, np.full((2, 4, 5), np.log(70)), rtol=1e-6)
    if form != "flex":
        out = call(case.q, case.k, case.v, mask=attn.mask.window(past=0, future=0))
        np.testing.assert_array_equal(out[:, ::2], case.v[:, :, :5])


def test_head_size_0_of_parts():
    """attn.merge keeps the shape of values that have no features."""
    out, lse = attn.merge([(np.zeros((2, 3, 0), "f"), np.zeros((2, 3), "f"))] * 2)
    assert out.shape == (2, 3, 0)
    np.testing.assert_allclose(lse, np.full((2, 3), np.log(2)), rtol=1e-6)
