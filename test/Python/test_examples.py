# ===- test_examples.py - the examples run and are right ---------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the examples on their data and checks what they find."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def example(folder, module):
    """A module of an example, whose neighbours it can import."""
    sys.path.insert(0, str(EXAMPLES / folder))
    try:
        return importlib.import_module(module)
    finally:
        sys.path.pop(0)


@pytest.fixture(scope="module")
def dates():
    translate = example("date_translation", "translate")
    pairs = translate.model.examples(200, seed=1)  # training has seeds from 1000 on
    texts = [text for text, _ in pairs]
    return translate, pairs, translate.main(texts)


def test_dates_are_translated(dates):
    _, pairs, (found, _) = dates
    right = np.mean([a == iso for a, (_, iso) in zip(found, pairs)])
    assert right > 0.95


def test_attention_of_dates_is_that_of_the_formula(dates):
    translate, pairs, (found, weights) = dates
    p = translate.load()
    texts = [text for text, _ in pairs]
    wanted, expected = translate.model.translate(
        p, texts, translate.model.attend_in_float64(p)
    )
    assert found == wanted
    np.testing.assert_allclose(weights, expected, atol=2e-4)


def test_alignment_reads_as_a_diagonal(dates, tmp_path):
    """Dates in the order of ISO are read from left to right, those in the reverse
    order from right to left."""
    pytest.importorskip("matplotlib").use("Agg")
    translate = dates[0]
    texts = [translate.SAMPLE, "2026/11/26", "1994 may 17", "26 november 2026"]
    found, weights = translate.main(texts, picture=tmp_path / "alignment.png")
    assert found == ["2026-11-26", "2026-11-26", "1994-05-17", "2026-11-26"]
    assert (tmp_path / "alignment.png").stat().st_size > 1000
    for text, rows in zip(texts, weights):
        center = rows[:, : len(text)] @ np.arange(len(text))
        line = np.corrcoef(center, np.arange(len(center)))[0, 1]
        parts = [center[:4].mean(), center[4:6].mean(), center[6:].mean()]
        ordered = text[:4].isdigit()
        assert parts == sorted(parts, reverse=not ordered), (text, center)
        assert line > 0.9 if ordered else line < -0.5, (text, center)


@pytest.mark.parametrize("folder", ["date_translation", "decoder_layer"])
def test_weights_are_small(folder):
    files = (EXAMPLES / folder / "data").iterdir()
    assert sum(f.stat().st_size for f in files) <= 1_000_000


def test_progression_of_a_disease():
    kernels = pytest.importorskip("sklearn.metrics.pairwise")
    progression = example("kernel_regression", "progression")
    x, y = progression.load()
    found = progression.leave_one_out(x, y, 0.05)
    weights = kernels.rbf_kernel(x.astype(np.float64), gamma=0.5 / 0.05**2)
    np.fill_diagonal(weights, 0)
    expected = weights @ y / weights.sum(-1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert max(progression.main().values()) > 0.4


def test_decoder_layer_reads_numbers():
    pytest.importorskip("torch")
    layer = example("decoder_layer", "layer")
    assert " ".join(layer.spelling.spell(412_007)) == (
        "four hundred and twelve thousand and seven"
    )
    numbers = layer.spelling.examples(200, seed=1)  # training has seeds from 1000 on
    right, error = layer.main(numbers)
    assert right > 0.95
    assert error < 1e-4


def test_digits_are_recognised():
    pytest.importorskip("sklearn")
    right, error = example("vision_transformer", "digits").main()
    assert right > 0.9
    assert error < 1e-3


def test_forecasts_beat_the_week_before():
    ours, last_week = example("time_series", "forecast").main()
    assert ours < 0.75 * last_week
