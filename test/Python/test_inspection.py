# ===- test_inspection.py - looking inside attention -------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Entropy, received attention and the largest weights, from Python."""

import attn
import numpy as np
import pytest
import torch


def inputs(heads=4, kv_heads=2, queries=23, keys=70, dtype=np.float32):
    random = np.random.default_rng(1)
    return tuple(
        random.standard_normal((2, h, n, 16)).astype(dtype)
        for h, n in ((heads, queries), (kv_heads, keys), (kv_heads, keys))
    )


def test_statistics_are_those_of_the_weights():
    q, k, v = inputs()
    mask = attn.mask.window(past=9, future=5)
    _, weights, entropy, received, top, keys = attn.scaled_dot_product(
        q,
        k,
        v,
        mask=mask,
        return_weights=True,
        return_entropy=True,
        return_received=True,
        top=4,
    )
    logs = np.log(np.where(weights > 0, weights, 1))
    np.testing.assert_allclose(entropy, -(weights * logs).sum(-1), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(received, weights.sum(-2), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(top, -np.sort(-weights, axis=-1)[..., :4], rtol=1e-5)
    assert keys.dtype == np.int64
    np.testing.assert_allclose(np.take_along_axis(weights, keys, -1), top, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_entropy_is_not_negative(dtype):
    q, k, v = (torch.from_numpy(a).to(dtype) for a in inputs(queries=200, keys=200))
    mask = attn.mask.window(past=0, future=0)
    q[0, 0, 1] = float("nan")
    _, entropy = attn.scaled_dot_product(8 * q, k, v, mask=mask, return_entropy=True)
    assert entropy[0, 0, 1].isnan()
    entropy[0, 0, 1] = 0
    assert (entropy >= 0).all() and (entropy < 1e-5).all()


@pytest.mark.parametrize("size", [300.0, 1e9])
def test_weights_of_large_scores_are_not_above_one(size):
    """attention_m11: scores whose rounding is larger than what an exponential holds."""
    q, k, v = inputs(queries=40)
    _, entropy, received = attn.scaled_dot_product(
        size * q, size * k, v, return_entropy=True, return_received=True
    )
    assert (entropy >= 0).all() and (entropy < 0.7).all()
    assert (received >= 0).all() and (received.sum(-1) <= 40 * 1.5).all()


def test_what_all_keys_receive_is_one_per_query():
    q, k, v = map(torch.from_numpy, inputs(queries=40, keys=40))
    _, received = attn.scaled_dot_product(
        q, k, v, mask=attn.mask.causal(), return_received=True
    )
    torch.testing.assert_close(received.sum(-1), torch.full((2, 4), 40.0))


def test_missing_keys_are_minus_one():
    q, k, v = inputs(queries=3, keys=3)
    _, top, keys = attn.scaled_dot_product(q, k, v, mask=attn.mask.causal(), top=2)
    assert keys[0, 0, 0].tolist() == [0, -1]
    assert top[0, 0, 0].tolist() == [1.0, 0.0]


def test_more_batch_dimensions():
    q, k, v = inputs()
    joined = attn.scaled_dot_product(q, k, v, return_entropy=True, top=3)
    q, k, v = (a.reshape(2, 1, *a.shape[1:]) for a in (q, k, v))
    split = attn.scaled_dot_product(q, k, v, return_entropy=True, top=3)
    for one, other in zip(joined, split):
        np.testing.assert_array_equal(one.reshape(other.shape), other)


def test_a_query_that_is_nan():
    q, k, v = inputs(heads=2)
    q[0, 0, 3] = np.nan
    _, entropy, received, top, _ = attn.scaled_dot_product(
        q, k, v, return_entropy=True, return_received=True, top=2
    )
    assert np.isnan(entropy[0, 0, 3]) and np.isnan(top[0, 0, 3]).all()
    assert np.isnan(received[0, 0]).all() and np.isfinite(received[0, 1]).all()


def test_plot_of_labelled_weights(tmp_path):
    pytest.importorskip("matplotlib").use("Agg")
    q, k, v = inputs(queries=4, keys=6)
    _, weights = attn.scaled_dot_product(q, k, v, return_weights=True)
    figure = attn.plot.weights(
        weights[0], list("abcd"), list("uvwxyz"), path=tmp_path / "w.png"
    )
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == list("abcd")
    assert (tmp_path / "w.png").stat().st_size > 1000


@pytest.mark.parametrize(
    "top, error", [(0, ValueError), (65, ValueError), ("3", TypeError)]
)
def test_bad_counts(top, error):
    q, k, v = inputs()
    with pytest.raises(error, match="top is"):
        attn.scaled_dot_product(q, k, v, top=top)
