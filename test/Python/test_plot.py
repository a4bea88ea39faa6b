# ===- test_plot.py - pictures of attention -------------------------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""attn.plot draws what it is given, with labels."""

import subprocess
import sys

import attn
import numpy as np
import pytest
import torch

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


def test_weights_of_heads(tmp_path):
    weights = torch.rand(2, 3, 5).to(torch.bfloat16)
    path = tmp_path / "weights.png"
    figure = attn.plot.weights(
        weights, query_labels="abc", key_labels="vwxyz", titles=["p", "q"], path=path
    )
    first, second = figure.axes[:2]
    assert first.get_title() == "p" and second.get_title() == "q"
    assert [t.get_text() for t in first.get_yticklabels()] == list("abc")
    assert [t.get_text() for t in second.get_xticklabels()] == list("vwxyz")
    assert (first.get_xlabel(), first.get_ylabel()) == ("key", "query")
    drawn = second.images[0].get_array()
    assert np.array_equal(drawn, weights[1].float().numpy())
    assert path.read_bytes()[:4] == b"\x89PNG"


def test_heads_share_one_scale():
    weights = np.stack([np.eye(3), np.full((3, 3), 0.25)])
    first, second = attn.plot.weights(weights).axes[:2]
    assert first.images[0].get_clim() == second.images[0].get_clim() == (0, 1)
    with pytest.raises(ValueError, match="titles has 1 entries for 2 pictures"):
        attn.plot.weights(weights, titles=["one"])


def test_given_axes():
    figure, axes = matplotlib.pyplot.subplots(1, 2)
    assert attn.plot.weights(np.eye(4)[None].repeat(2, 0), axes=axes) is figure
    with pytest.raises(ValueError, match="axes has 2 entries for 1 pictures"):
        attn.plot.weights(np.eye(4), axes=axes)


def test_mask():
    keep = attn.mask.causal() & attn.mask.window(past=2)
    figure = attn.plot.mask(keep, 6, 6)
    i, j = np.ogrid[:6, :6]
    assert np.array_equal(figure.axes[0].images[0].get_array(), (j <= i) & (j >= i - 2))
    dense = attn.plot.mask(np.eye(3, dtype=bool))
    assert np.array_equal(dense.axes[0].images[0].get_array(), np.eye(3))


def test_roofline(tmp_path):
    path = tmp_path / "roofline.png"
    points = [("a", 1.0, 8.0), ("b", 100.0, 90.0), ("a", 50.0, 70.0)]
    figure = attn.plot.roofline(points, peak=100.0, bandwidth=10.0, path=path)
    (axes,) = figure.axes
    limit, a, b = axes.lines
    # Memory bounds up to peak / bandwidth, arithmetic beyond.
    x, y = limit.get_xdata(), limit.get_ydata()
    assert list(y / x)[:2] == [10.0, 10.0] and (x[1], y[1], y[2]) == (
        10.0,
        100.0,
        100.0,
    )
    assert x[0] < 1 and x[2] > 100
    assert list(zip(*a.get_data())) == [(1.0, 8.0), (50.0, 70.0)]
    assert list(zip(*b.get_data())) == [(100.0, 90.0)]
    labels = [t.get_text() for t in axes.get_legend().get_texts()]
    assert labels == ["limit", "a", "b"]
    assert path.read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    "call,message",
    [
        (lambda: attn.plot.weights(np.zeros(3)), "weights has shape"),
        (lambda: attn.plot.weights(np.zeros((1, 1, 3, 3))), "choose one of the batch"),
        (lambda: attn.plot.weights(np.eye(3), query_labels="ab"), "query_labels has 2"),
        (lambda: attn.plot.mask(attn.mask.causal()), "queries and keys are needed"),
        (lambda: attn.plot.roofline([], 0.0, 1.0), "peak is 0.0"),
        (lambda: attn.plot.roofline([("a", 1.0, -1.0)], 1.0, 1.0), "points has"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_matplotlib_is_imported_by_drawing_alone():
    script = "import sys, attn; attn.plot; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
