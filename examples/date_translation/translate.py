# ===- translate.py - dates to ISO by compiled additive attention --------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Translates dates with attention compiled by attn and draws what it looks at.

./dev python examples/date_translation/translate.py [DATE ...] [--picture F.png]
"""

import argparse
from pathlib import Path

import attn
import model
import numpy as np

DATA = Path(__file__).parent / "data"
SAMPLE = "2026 november 26"


def load() -> dict[str, np.ndarray]:
    with np.load(DATA / "weights.npz") as file:
        return {name: file[name].astype(np.float32) for name in file}


def attend_compiled(p: dict) -> model.Attend:
    """Additive attention of one query per text to keys that are projected already."""

    def attend(state, keys, values, lengths):
        context, weights = attn.additive(
            state[:, None],
            keys,
            values,
            p["attention.w"],
            w_q=p["attention.w_q"],
            mask=attn.mask.padding(lengths),
            return_weights=True,
        )
        return context[:, 0], weights[:, 0]

    return attend


def main(texts: list[str], picture: str | None = None) -> tuple[list[str], np.ndarray]:
    p = load()
    dates, weights = model.translate(p, texts, attend_compiled(p))
    for text, date in zip(texts, dates):
        print(f"{text:40} {date}")
    if picture:
        length = len(texts[0])
        attn.plot.weights(
            weights[0, :, :length],
            list(dates[0].replace("-", "")),
            list(texts[0]),
            path=picture,
        )
    return dates, weights


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("texts", nargs="*", default=[SAMPLE], metavar="DATE")
    parser.add_argument("--picture", metavar="F.png")
    arguments = parser.parse_args()
    main([text.lower() for text in arguments.texts], arguments.picture)
