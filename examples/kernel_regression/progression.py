# ===- progression.py - kernel regression on the diabetes data of scikit-learn --===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Predicts the progression of a disease from ten measurements of 442 patients.

Nadaraya-Watson regression is attention of patients to patients by distance. Left
out of its own prediction by a mask, each patient says how well a bandwidth does.

    ./dev python examples/kernel_regression/progression.py
"""

import attn
import numpy as np
from sklearn.datasets import load_diabetes

BANDWIDTHS = (0.02, 0.03, 0.04, 0.05, 0.07, 0.1)


def load() -> tuple[np.ndarray, np.ndarray]:
    """Measurements (442, 10) and progressions (442, 1)."""
    data = load_diabetes()
    return data.data.astype(np.float32), data.target.astype(np.float32)[:, None]


def leave_one_out(x, y, bandwidth: float, kernel: str = "gaussian") -> np.ndarray:
    """Each progression as the other patients predict it."""
    others = attn.mask.predicate(lambda b, h, i, j: i != j)
    return attn.kernel_regression(x, x, y, kernel, bandwidth, mask=others)


def explained(y: np.ndarray, predicted: np.ndarray) -> float:
    """The share of the variance that a prediction explains."""
    return 1 - float(((y - predicted) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def main() -> dict[float, float]:
    x, y = load()
    shares = {b: explained(y, leave_one_out(x, y, b)) for b in BANDWIDTHS}
    for bandwidth, share in shares.items():
        print(f"bandwidth {bandwidth:.2f}: {share:6.1%} of the variance explained")
    return shares


if __name__ == "__main__":
    main()
