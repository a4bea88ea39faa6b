# ===- spelling.py - numbers and their English names ----------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Numbers below a million as words: 412007 is "four hundred and twelve thousand and
seven"."""

import random

import numpy as np

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen "
    "fourteen fifteen sixteen seventeen eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
#: Ids of words: 0 is padding.
WORDS = ["", *ONES, *TENS, "hundred", "thousand", "and"]
#: Digits written for each number, leading zeros among them.
DIGITS = 6


def _below_hundred(number: int) -> list[str]:
    if number < 20:
        return [ONES[number]]
    tens, ones = divmod(number, 10)
    return [TENS[tens - 2], *([ONES[ones]] if ones else [])]


def spell(number: int) -> list[str]:
    """The words of a number below a million."""
    thousands, rest = divmod(number, 1000)
    if thousands:
        words = [*spell(thousands), "thousand"]
        if not rest:
            return words
        return words + ["and"] * (rest < 100) + spell(rest)
    hundreds, rest = divmod(number, 100)
    if not hundreds:
        return _below_hundred(rest)
    words = [ONES[hundreds], "hundred"]
    return words + ["and", *_below_hundred(rest)] if rest else words


def examples(count: int, seed: int) -> list[int]:
    """Numbers of one to six digits, as many of each length."""
    chance = random.Random(seed)
    return [chance.randrange(10 ** chance.randint(1, DIGITS)) for _ in range(count)]


def encode(numbers: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids of words (B, N), padded by 0, their numbers (B,), and digits (B, 6)."""
    texts = [spell(number) for number in numbers]
    lengths = np.array([len(text) for text in texts], np.int32)
    ids = np.zeros((len(texts), lengths.max()), np.int64)
    for row, text in zip(ids, texts):
        row[: len(text)] = [WORDS.index(word) for word in text]
    digits = [[int(digit) for digit in f"{n:0{DIGITS}}"] for n in numbers]
    return ids, lengths, np.array(digits)
