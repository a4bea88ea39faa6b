# ===- digits.py - a vision transformer block on handwritten digits --------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Classifies scikit-learn's digits, 8 x 8 pixels in 16 patches, by one transformer
block whose attention, with a learned bias per image offset, is compiled by attn.

    ./dev python examples/vision_transformer/digits.py
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

DATA = Path(__file__).parent / "data"
SIZE, HEADS = 32, 4


def load() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Patches (1797, 16, 4), labels, and the indices of the digits to train on."""
    data = load_digits()
    images = (data.images / 16 - 0.5).astype(np.float32)
    patches = images.reshape(-1, 4, 2, 4, 2).swapaxes(2, 3).reshape(-1, 16, 4)
    train = np.random.default_rng(0).permutation(len(patches))[:1400]
    return patches, data.target.astype(np.int64), train


def normalize(p: dict, name: str, x: np.ndarray) -> np.ndarray:
    x = x - x.mean(-1, keepdims=True)
    x = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5)
    return x * p[f"{name}.weight"] + p[f"{name}.bias"]


def linear(p: dict, name: str, x: np.ndarray) -> np.ndarray:
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def classify(p: dict, patches: np.ndarray) -> np.ndarray:
    """Logits (B, 10)."""
    import attn

    x = linear(p, "embed", patches)
    y = normalize(p, "norm1", x)
    x = x + attn.multi_head(
        y,
        y,
        y,
        p["attention.in_proj_weight"],
        w_o=p["attention.out_proj.weight"],
        num_heads=HEADS,
        b_q=p["attention.in_proj_bias"],
        b_o=p["attention.out_proj.bias"],
        # A number per head for each difference of rows and of columns.
        score=attn.score.image_bias(p["bias"], width=4),
    )
    hidden = np.maximum(linear(p, "up", normalize(p, "norm2", x)), 0)
    return linear(p, "head", (x + linear(p, "down", hidden)).mean(1))


def main() -> tuple[float, float]:
    """The share of held-out digits that are right, and the largest difference from
    the logits that PyTorch recorded."""
    with np.load(DATA / "weights.npz") as file:
        p = dict(file)
    patches, labels, train = load()
    logits = classify(p, patches)
    held_out = np.setdiff1d(np.arange(len(labels)), train)
    right = float((logits.argmax(-1) == labels)[held_out].mean())
    error = float(np.abs(logits[:64] - p["logits"]).max())
    print(f"{right:.1%} of the held-out digits right, {error:.1e} from PyTorch")
    return right, error


if __name__ == "__main__":
    main()
