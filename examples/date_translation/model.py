# ===- model.py - the translator's arithmetic without a framework --------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Dates as people write them, and a recurrent translator to ISO dates in NumPy.

Attention is left to the caller: a function of (state (B, H), keys, values, lengths)
that gives (context (B, V), weights (B, N)).
"""

from __future__ import annotations

import datetime
import random
from typing import Callable

import numpy as np

MONTHS = (
    "january february march april may june july august september october november "
    "december"
).split()
DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
#: Ids of characters: 0 is padding.
SOURCE = "\0" + "abcdefghijklmnopqrstuvwxyz0123456789 ,./"
#: Ids of what is written, the digits of YYYYMMDD; the last begins a date.
TARGET = "0123456789^"
LENGTH = len("20261126")


def _suffix(day: int) -> str:
    if 10 <= day % 100 <= 20:
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def write(date: datetime.date, form: int) -> str:
    """A date in one of `FORMS` ways."""
    month, short = MONTHS[date.month - 1], MONTHS[date.month - 1][:3]
    weekday = DAYS[date.weekday()]
    return (
        f"{date.day} {month} {date.year}",
        f"{month} {date.day}, {date.year}",
        f"{weekday}, {date.day}{_suffix(date.day)} of {month} {date.year}",
        f"{date.day:02}.{date.month:02}.{date.year}",
        f"{date.month}/{date.day}/{date.year % 100:02}",
        f"{weekday[:3]} {short} {date.day} {date.year}",
        f"{short} {date.day:02} {date.year % 100:02}",
        f"{date.year}/{date.month:02}/{date.day:02}",
        f"{date.year} {month} {date.day}",
    )[form]


FORMS = 9
FIRST, LAST = datetime.date(1970, 1, 1), datetime.date(2059, 12, 31)


def examples(count: int, seed: int) -> list[tuple[str, str]]:
    """Pairs (as people write it, ISO)."""
    chance = random.Random(seed)
    span = (LAST - FIRST).days + 1
    pairs = []
    for _ in range(count):
        date = FIRST + datetime.timedelta(days=chance.randrange(span))
        pairs.append((write(date, chance.randrange(FORMS)), date.isoformat()))
    return pairs


def encode(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Ids (B, N), padded by 0, and lengths (B,)."""
    lengths = np.array([len(text) for text in texts], np.int32)
    ids = np.zeros((len(texts), lengths.max()), np.int64)
    for row, text in zip(ids, texts):
        row[: len(text)] = [SOURCE.index(c) for c in text]
    return ids, lengths


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _cell(p: dict, name: str, x: np.ndarray, h: np.ndarray) -> np.ndarray:
    """One step of a gated recurrent unit with the parameters of torch.nn.GRU."""
    gates = x @ p[f"{name}.weight_ih"].T + p[f"{name}.bias_ih"]
    recurrent = h @ p[f"{name}.weight_hh"].T + p[f"{name}.bias_hh"]
    (r, z, n), (hr, hz, hn) = np.split(gates, 3, -1), np.split(recurrent, 3, -1)
    r, z = _sigmoid(r + hr), _sigmoid(z + hz)
    return (1 - z) * np.tanh(n + r * hn) + z * h


def read(p: dict, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The states (B, N, 2 E) of an encoder that reads in both directions; 0 beyond
    the end."""
    x = p["embedding"][ids]
    inside = np.arange(ids.shape[1]) < lengths[:, None]
    states = []
    for name, order in (("forward", 1), ("backward", -1)):
        h = np.zeros((len(ids), p[f"{name}.weight_hh"].shape[1]), x.dtype)
        found = np.zeros((*ids.shape, h.shape[1]), x.dtype)
        for step in range(ids.shape[1])[::order]:
            within = inside[:, step, None]
            h = np.where(within, _cell(p, name, x[:, step], h), h)
            found[:, step] = np.where(within, h, 0)
        states.append(found)
    return np.concatenate(states, -1)


Attend = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], tuple]


def translate(
    p: dict, texts: list[str], attend: Attend
) -> tuple[list[str], np.ndarray]:
    """ISO dates, and the weights (B, digits written, characters read)."""
    ids, lengths = encode(texts)
    values = read(p, ids, lengths)
    # Keys are projected once; each step attends to them anew.
    keys = values @ p["attention.w_k"].T
    mean = values.sum(1) / lengths[:, None].astype(values.dtype)
    h = np.tanh(mean @ p["start.weight"].T + p["start.bias"])
    last = np.full(len(texts), len(TARGET) - 1)
    written, weights = [], []
    for _ in range(LENGTH):
        context, weight = attend(h, keys, values, lengths)
        x = np.concatenate([p["written"][last], context], -1)
        h = _cell(p, "decoder", x, h)
        joined = np.concatenate([h, context], -1)
        logits = joined @ p["output.weight"].T + p["output.bias"]
        last = logits[:, :-1].argmax(-1)
        written.append(last)
        weights.append(weight)
    digits = ["".join(TARGET[c] for c in row) for row in np.stack(written, 1)]
    dates = [f"{text[:4]}-{text[4:6]}-{text[6:]}" for text in digits]
    return dates, np.stack(weights, 1)


def attend_in_float64(p: dict) -> Attend:
    """Additive attention by its formula."""

    def attend(state, keys, values, lengths):
        query = state.astype(np.float64) @ p["attention.w_q"].T
        scores = np.tanh(query[:, None] + keys) @ p["attention.w"]
        inside = np.arange(keys.shape[1]) < lengths[:, None]
        scores = np.where(inside, scores, -np.inf)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        return np.einsum("bn,bnv->bv", weights, values), weights

    return attend
