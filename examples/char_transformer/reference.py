# ===- reference.py - the character transformer in float64 -----------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The trained model in plain NumPy float64, and the check of the recorded files.

Sizes: B batch, M characters, E embedding, H heads, D = E / H head size.
"""

import json
from pathlib import Path

import numpy as np

NUM_HEADS = 4

# Largest absolute difference allowed between PyTorch's float32 results and the
# float64 ones; outputs and weights are of order 1.
TOLERANCE = 2e-5


def sinusoid(length, dim):
    """The (length, dim) table of Vaswani et al.; dim is even."""
    rate = 10000.0 ** (-np.arange(0, dim, 2) / dim)
    angle = np.arange(length)[:, None] * rate
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(length, dim)


def softmax(scores):
    unnormalised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return unnormalised / unnormalised.sum(axis=-1, keepdims=True)


def multi_head(x, p):
    """Causal self-attention of x (B, M, E): output (B, M, E), weights (B, H, M, M).

    p holds w_q, w_k, w_v, w_o of shape (out, in) and b_q, b_k, b_v, b_o.
    """
    batch, length, dim = x.shape
    head_size = dim // NUM_HEADS

    def project(name):
        y = x @ p[f"w_{name}"].T + p[f"b_{name}"]
        return y.reshape(batch, length, NUM_HEADS, head_size).transpose(0, 2, 1, 3)

    query, key, value = (project(name) for name in "qkv")
    scores = query @ key.transpose(0, 1, 3, 2) / np.sqrt(head_size)
    causal = np.tril(np.ones((length, length), dtype=bool))
    weights = softmax(np.where(causal, scores, -np.inf))
    merged = (weights @ value).transpose(0, 2, 1, 3).reshape(batch, length, dim)
    return merged @ p["w_o"].T + p["b_o"], weights


def attention_block(embeddings, p):
    """The block attn compiles: positions added to embeddings, then multi_head."""
    _, length, dim = embeddings.shape
    return multi_head(embeddings + sinusoid(length, dim), p)


def layer_norm(x, p, name):
    centred = x - x.mean(axis=-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
    return centred / deviation * p[f"{name}.weight"] + p[f"{name}.bias"]


def linear(x, p, name):
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def feed_forward(x, p):
    hidden = np.maximum(linear(layer_norm(x, p, "mlp_norm"), p, "expand"), 0)
    return linear(hidden, p, "contract")


def layer(p, index):
    """The parameters of one layer, by their names inside it."""
    prefix = f"layers.{index}."
    return {k[len(prefix) :]: v for k, v in p.items() if k.startswith(prefix)}


def logits(ids, p):
    """Scores (B, M, V) of the next character, for ids (B, M)."""
    embeddings = p["embedding"][ids]
    first, second = layer(p, 0), layer(p, 1)
    x = embeddings + sinusoid(*embeddings.shape[1:])
    x = x + attention_block(embeddings, first)[0]
    x = x + feed_forward(x, first)
    x = x + multi_head(layer_norm(x, second, "attention_norm"), second)[0]
    x = x + feed_forward(x, second)
    return linear(layer_norm(x, p, "final_norm"), p, "head")


def next_character_loss(ids, p):
    """Mean cross-entropy, in nats, of ids[:, 1:] given what precedes them."""
    probabilities = softmax(logits(ids[:, :-1], p))
    return -np.log(np.take_along_axis(probabilities, ids[:, 1:, None], -1)).mean()


def load_parameters(directory):
    files = sorted((Path(directory) / "weights").glob("*.npy"))
    return {f.name[: -len(".npy")]: np.load(f).astype(np.float64) for f in files}


def load_sample(directory):
    """The sample text as character ids (1, M)."""
    directory = Path(directory)
    vocabulary = json.loads((directory / "vocab.json").read_text())
    text = (directory / "sample.txt").read_text()
    return np.array([[vocabulary.index(c) for c in text]])


def differences(directory):
    """Largest absolute difference of every recorded quantity, by name."""
    directory = Path(directory)
    p = load_parameters(directory)
    ids = load_sample(directory)
    embeddings = p["embedding"][ids]
    output, weights = attention_block(embeddings, layer(p, 0))
    recorded = json.loads((directory / "training.json").read_text())

    def difference(expected, name):
        actual = np.load(directory / name)
        if actual.shape != expected.shape or actual.dtype != np.float32:
            raise ValueError(
                f"{name}: {actual.dtype} {actual.shape}, wanted float32 {expected.shape}"
            )
        return float(np.abs(actual - expected).max())

    return {
        "sample_embeddings": difference(embeddings, "sample_embeddings.npy"),
        "expected_output": difference(output, "expected_output.npy"),
        "expected_weights": difference(weights, "expected_weights.npy"),
        "sample_loss": abs(next_character_loss(ids, p) - recorded["sample_loss"]),
    }
