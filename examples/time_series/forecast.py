# ===- forecast.py - one step ahead, by attention to the past --------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Forecasts a series with a yearly and a weekly season by looking for the days of the
last two years whose week before was like the one before today.

    ./dev python examples/time_series/forecast.py
"""

import attn
import numpy as np

DAYS, WEEK, MEMORY = 1500, 7, 730


def series(seed: int = 0) -> np.ndarray:
    """Daily values: two seasons, a drift, noise."""
    random = np.random.default_rng(seed)
    day = np.arange(DAYS)
    year = 10 * np.sin(2 * np.pi * day / 365.25)
    week = np.array([0.0, 1, 1, 1, 2, 5, 4])[day % WEEK]
    drift = np.cumsum(random.normal(0, 0.05, DAYS))
    return (year + week + drift + random.normal(0, 0.5, DAYS)).astype(np.float32)


def forecast(
    values: np.ndarray, bandwidth: float = 1.5
) -> tuple[np.ndarray, np.ndarray]:
    """Forecasts of values[WEEK:], and how spread the attention of each was (nats).

    Keys are weeks less their last day, values what came after them, relative to that
    day: the window ends before today.
    """
    weeks = np.lib.stride_tricks.sliding_window_view(values, WEEK)[:-1]
    shapes = (weeks - weeks[:, -1:]).astype(np.float32)
    steps = (values[WEEK:] - weeks[:, -1])[:, None]
    past = attn.mask.window(past=MEMORY) & attn.mask.causal(offset=-1)
    found, spread = attn.kernel_regression(
        shapes, shapes, steps, "gaussian", bandwidth, mask=past, return_entropy=True
    )
    return found[:, 0] + weeks[:, -1], spread


def main() -> tuple[float, float]:
    values = series()
    predicted, spread = forecast(values)
    actual, warm = values[WEEK:], slice(MEMORY, None)

    def error(guess: np.ndarray) -> float:
        return float(np.abs(guess[warm] - actual[warm]).mean())

    ours, last_week = error(predicted), error(values[:-WEEK])
    print(f"mean error {ours:.3f}; of the value a week ago {last_week:.3f}")
    print(f"attention spreads over {np.exp(spread[warm]).mean():.0f} days")
    return ours, last_week


if __name__ == "__main__":
    main()
