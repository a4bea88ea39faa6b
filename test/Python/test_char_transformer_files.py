# ===- test_char_transformer_files.py - the recorded example ---------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The checked-in files of examples/char_transformer against a float64 forward."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "char_transformer"
DATA = EXAMPLE / "data"
sys.path.insert(0, str(EXAMPLE))

import reference


def test_recorded_results_agree_with_float64():
    for name, difference in reference.differences(DATA).items():
        assert difference <= reference.TOLERANCE, name


def without_positions(embeddings, p):
    return reference.multi_head(embeddings, p)[0]


def halves_instead_of_pairs(embeddings, p):
    table = reference.sinusoid(*embeddings.shape[1:])
    halves = np.concatenate([table[:, 0::2], table[:, 1::2]], axis=-1)
    return reference.multi_head(embeddings + halves, p)[0]


def keys_for_queries(embeddings, p):
    swapped = p | {"w_q": p["w_k"], "w_k": p["w_q"], "b_q": p["b_k"], "b_k": p["b_q"]}
    return reference.attention_block(embeddings, swapped)[0]


def without_query_bias(embeddings, p):
    return reference.attention_block(embeddings, p | {"b_q": 0 * p["b_q"]})[0]


def transposed_output_projection(embeddings, p):
    return reference.attention_block(embeddings, p | {"w_o": p["w_o"].T})[0]


def heads_in_reverse(embeddings, p):
    columns = p["w_o"].reshape(len(p["w_o"]), reference.NUM_HEADS, -1)
    reverse = columns[:, ::-1].reshape(p["w_o"].shape)
    return reference.attention_block(embeddings, p | {"w_o": reverse})[0]


@pytest.mark.parametrize(
    "mistake",
    [
        without_positions,
        halves_instead_of_pairs,
        keys_for_queries,
        without_query_bias,
        transposed_output_projection,
        heads_in_reverse,
    ],
)
def test_recorded_output_shows_a_mistake(mistake):
    p = reference.load_parameters(DATA)
    embeddings = p["embedding"][reference.load_sample(DATA)]
    wrong = mistake(embeddings, reference.layer(p, 0))
    recorded = np.load(DATA / "expected_output.npy")
    assert np.abs(wrong - recorded).max() > 1000 * reference.TOLERANCE


def test_recorded_weights_are_causal_distributions():
    weights = np.load(DATA / "expected_weights.npy")
    length = weights.shape[-1]
    future = np.triu(np.ones((length, length), dtype=bool), 1)
    assert weights.shape == (1, reference.NUM_HEADS, length, length)
    assert (weights[..., future] == 0).all()
    assert np.allclose(weights.sum(axis=-1), 1, atol=1e-5)


def test_model_is_trained():
    losses = json.loads((DATA / "training.json").read_text())
    assert losses["validation_loss"] < losses["bigram_validation_loss"] - 1
    assert losses["sample_loss"] < losses["bigram_validation_loss"] - 1


def test_files_stay_small():
    files = [f for f in DATA.rglob("*") if f.is_file()]
    assert sum(f.stat().st_size for f in files) <= 1_000_000
