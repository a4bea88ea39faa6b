# ===- test_regression.py - kernel regression ---------------------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""kernel_regression against float64 and statsmodels: kernels, bandwidths, support."""

import attn
import numerics
import numpy as np
import pytest
import torch
from numerics import assert_close, indices
from test_attention import TYPES, inputs

KERNELS = {
    "gaussian": lambda u: np.exp(-(u**2) / 2),
    "boxcar": lambda u: (u < 1) * 1.0,
    "epanechnikov": lambda u: np.maximum(0, 1 - u**2),
    "triangular": lambda u: np.maximum(0, 1 - u),
    "constant": np.ones_like,
}


@pytest.mark.parametrize("bandwidth", [0.7, [0.3, 0.9, 2.0]])
@pytest.mark.parametrize("kernel", KERNELS)
def test_kernel_regression(kernel, bandwidth):
    q, k, v = inputs((2, 3, 3, 11, 23, 2, 4), spread=1.0)
    a, c = numerics.as_float64(q), numerics.as_float64(k)
    distance = np.linalg.norm(a[:, :, :, None] - c[:, :, None], axis=-1)
    b, h, i, j = indices(2, 3, 11, 23)
    width = np.reshape(bandwidth, (-1, 1, 1))
    found = KERNELS[kernel](distance / width) * (j != i)
    total = found.sum(-1, keepdims=True)
    weights = np.divide(found, total, out=np.zeros_like(found), where=total > 0)
    out = attn.kernel_regression(
        q, k, v, kernel, bandwidth, mask=~attn.mask.window(past=0, future=0)
    )
    assert_close(out, weights @ numerics.as_float64(v), 40)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(6))
def test_support_never_loses_a_key(seed, dtype):
    """Scalar keys of every size and order, and bandwidths from tiny to huge."""
    random = np.random.default_rng(seed)
    extreme = np.array([0.0, -0.0, np.inf, -np.inf, 1e-40, 1e30, 1.0, -1.0], dtype)
    keys = random.standard_normal((1, 3, 500, 1)) * 10.0 ** random.integers(-6, 7)
    keys = np.sort(keys, axis=2) if seed % 2 else keys
    keys = keys.astype(dtype)
    widths = (np.abs(keys).mean() * np.array([1e-7, 1e-3, 1.0])).astype(dtype)
    keys[0, 1, :8, 0] = extreme
    queries = random.choice(keys[0, :, :, 0], 130, axis=1)[None, ..., None]
    value = np.ones_like(keys)
    for kernel in ("boxcar", "epanechnikov", "triangular"):
        _, weights = attn.kernel_regression(
            queries, keys, value, kernel, widths, return_weights=True
        )
        q, k = queries.astype(np.longdouble), keys.astype(np.longdouble)
        with np.errstate(invalid="ignore"):
            u = np.abs(q - k.swapaxes(2, 3)) / widths[:, None, None]
        rows = ~np.isnan(u).any(-1)
        inside = (u < 0.999) & rows[..., None]
        assert (weights[inside] > 0).all()
        assert (weights[(u > 1.001) & rows[..., None]] == 0).all()
        assert np.isnan(weights[~rows]).any(-1).all()


def test_support_of_keys_that_are_nan():
    keys = np.linspace(0, 1, 400, dtype=np.float32).reshape(1, 1, -1, 1)
    keys[0, 0, 300] = np.nan
    out = attn.kernel_regression(keys[:, :, :64], keys, keys, "boxcar", 0.01)
    assert np.isnan(out).all()


@pytest.mark.parametrize("dtype", TYPES)
def test_custom_kernel(dtype):
    q, k, v = inputs((1, 4, 2, 19, 53, 3, 5), dtype, spread=1.0)
    sharpness = np.array([0.5, 1, 2, 3], np.float32)
    widths = [1.0, 2.0, 0.5, 4.0]
    out, lse = attn.kernel_regression(
        q,
        k,
        v,
        kernel=lambda u, b, h, i, j: 1 / (1 + sharpness[h] * u * u),
        bandwidth=widths,
        mask=attn.mask.causal(offset=5),
        return_lse=True,
    )
    a, c, values = map(numerics.as_float64, (q, k, v))
    c, values = (numerics.repeat_heads(x, 4) for x in (c, values))
    distance = np.linalg.norm(a[..., :, None, :] - c[..., None, :, :], axis=-1)
    b, h, i, j = indices(1, 4, 19, 53)
    u = distance / np.reshape(widths, (4, 1, 1))
    weights = (j <= i + 5) / (1 + sharpness[h] * u**2)
    total = weights.sum(-1, keepdims=True)
    assert_close(out, weights / total @ values, 40)
    assert_close(lse, np.log(total[..., 0]), 40)


def test_custom_kernel_of_the_distance_alone():
    q, k, v = inputs((1, 2, 2, 7, 40, 2, 3), spread=1.0)
    expected = attn.kernel_regression(q, k, v, "triangular", 3.0)
    found = attn.kernel_regression(q, k, v, lambda u: torch.clamp(1 - u, min=0), 3.0)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_kernel_regression_of_scalars():
    x, y = np.linspace(0, 5, 50, dtype=np.float32)[:, None], np.linspace(1, 4, 7)
    query = y.astype(np.float32)[:, None]
    weights = np.exp(-((query - x.T).astype(float) ** 2) / (2 * 0.3**2))
    expected = weights / weights.sum(-1, keepdims=True) @ np.sin(x).astype(float)
    out = attn.kernel_regression(query, x, np.sin(x), bandwidth=0.3)
    assert_close(out, expected, 60)


def test_regression_is_that_of_statsmodels():
    """A bandwidth per feature is a scaling of the features."""
    models = pytest.importorskip("statsmodels.nonparametric.kernel_regression")
    random = np.random.default_rng(0)
    x, grid = random.uniform(-1, 1, (150, 2)), random.uniform(-1, 1, (20, 2))
    y = np.sin(3 * x[:, 0]) * x[:, 1]
    widths = np.array([0.2, 0.5])
    model = models.KernelReg(y, x, var_type="cc", reg_type="lc", bw=widths)
    expected, _ = model.fit(grid)
    found = attn.kernel_regression(grid / widths, x / widths, y[:, None])
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-10)
