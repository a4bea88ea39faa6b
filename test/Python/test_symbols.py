# ===- test_symbols.py - Python functions of indices, recorded ---------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""attn.mask.predicate and attn.score.map record what Python would compute."""

import attn
import expressions
import numpy as np
import pytest
import torch

SIZES = (2, 3, 12, 10)
IDS = np.array([0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 3, 4])
TABLE = np.arange(12 * 10).reshape(12, 10) % 7
LENGTHS = np.array([4, 9], np.int32)
FLOATS = np.linspace(-1, 1, 12, dtype=np.float32)
TENSOR = torch.arange(12) % 5


def helper(x, y):
    return IDS[x] == IDS[y]


PREDICATES = {
    "causal": lambda b, h, i, j: i >= j,
    "reverse operands": lambda b, h, i, j: (3 - i) // 2 + 20 % (j + 1) > 5,
    "negative floor": lambda b, h, i, j: ((j - i) // 3 == -1) | ((j - i) % 4 == 3),
    "negative divisor": lambda b, h, i, j: (i - j) % -3 + (i - j) // -2 < 0,
    "array": lambda b, h, i, j: IDS[i] == IDS[j],
    "helper": lambda b, h, i, j: helper(i, j) & (i >= j),
    "inner": lambda b, h, i, j: (lambda x: IDS[x])(i) > 1,
    "table": lambda b, h, i, j: TABLE[i, j] > 3,
    "row": lambda b, h, i, j: TABLE[i][j] > TABLE[0][j],
    "per batch": lambda b, h, i, j: j < LENGTHS[b],
    "from the end": lambda b, h, i, j: IDS[i - 5] == IDS[-1 - j],
    "length": lambda b, h, i, j: i + j < len(IDS) - IDS.shape[0] // 3,
    "torch": lambda b, h, i, j: TENSOR[i] >= TENSOR[j],
    "float": lambda b, h, i, j: abs(i - j) * 0.5 < 2.25,
    "true division": lambda b, h, i, j: i / (j + 1) <= 1.5,
    "float table": lambda b, h, i, j: FLOATS[i] * FLOATS[j] > 0.1,
    "logic": lambda b, h, i, j: ~((i < 3) ^ (j < 4)) | (h == 1),
    "bits": lambda b, h, i, j: ((i & 3) | (j << 1)) >> 1 != 2,
    "numpy": lambda b, h, i, j: np.maximum(i, j) - np.minimum(i, j) <= 2,
    "where": lambda b, h, i, j: attn.where(h == 0, i - j, j - i) >= 0,
    "numpy where": lambda b, h, i, j: np.where(i % 2 == 0, i, -i) < j,
    "power": lambda b, h, i, j: (i - j) ** 2 < 10,
    "constant": lambda b, h, i, j: True,
}


@pytest.mark.parametrize("name", PREDICATES)
def test_predicate(name):
    region = attn.mask.predicate(PREDICATES[name])._form
    grid = expressions.grid(*SIZES)
    actual = expressions.evaluate(region, grid).expand(SIZES)
    expected = np.empty(SIZES, bool)
    for pair in np.ndindex(SIZES):
        b, h, i, j = map(np.int64, pair)
        # attn.where is for symbols, so numpy's stands in for it here.
        function = PREDICATES[name]
        if name == "where":
            expected[pair] = (i - j if h == 0 else j - i) >= 0
        else:
            expected[pair] = bool(function(b, h, i, j))
    assert np.array_equal(actual.numpy(), expected)
    assert name == "constant" or expected.any() and not expected.all()


MAPS = {
    "softcap": lambda s, b, h, i, j: 3 * np.tanh(s / 3),
    "bias": lambda s, b, h, i, j: s + FLOATS[i] - 0.25 * h,
    "torch": lambda s, b, h, i, j: torch.where(i >= j, s, s - 1),
    "sigmoid": lambda s, b, h, i, j: torch.sigmoid(s) * i,
    "clip": lambda s, b, h, i, j: np.clip(s, -0.5, 0.5) + abs(s),
    "one limit": lambda s, b, h, i, j: torch.clamp(s, max=0.5) + np.clip(s, None, 0.1),
    "other limit": lambda s, b, h, i, j: torch.clamp(s, min=0.5),
    "larger": lambda s, b, h, i, j: torch.max(s - 1, torch.zeros_like(s)),
    "smaller": lambda s, b, h, i, j: torch.min(torch.relu(s), torch.ones_like(s)),
    "index": lambda s, b, h, i, j: i - j,
    "floor": lambda s, b, h, i, j: s // 0.5 + s % 0.5,
    "negated": lambda s, b, h, i, j: -s,
}


@pytest.mark.parametrize("name", MAPS)
def test_map(name):
    region = attn.score.map(MAPS[name])._form
    grid = expressions.grid(*SIZES)
    scores = torch.randn(SIZES)
    actual = expressions.evaluate(region, grid | {"score": scores}).expand(SIZES)
    i, j, h = (grid[n] for n in "ijh")
    expected = {
        "softcap": 3 * torch.tanh(scores / 3),
        "bias": scores + torch.tensor(FLOATS)[i] - 0.25 * h,
        "torch": torch.where(i >= j, scores, scores - 1),
        "sigmoid": torch.sigmoid(scores) * i,
        "clip": scores.clip(-0.5, 0.5) + scores.abs(),
        "one limit": scores.clamp(max=0.5) + scores.clamp(max=0.1),
        "other limit": scores.clamp(min=0.5),
        "larger": (scores - 1).clamp(min=0),
        "smaller": scores.clamp(0, 1),
        "index": (i - j).float(),
        "floor": torch.floor(scores / 0.5) + torch.remainder(scores, 0.5),
        "negated": -scores,
    }[name]
    assert torch.allclose(actual, expected, rtol=1e-6, atol=1e-6)


REFUSED = {
    "if": (lambda b, h, i, j: j if i > 3 else i, "control flow"),
    "and": (lambda b, h, i, j: i > 3 and j > 3, "control flow"),
    "min": (lambda b, h, i, j: min(i, j) > 3, "attn.minimum"),
    "int": (lambda b, h, i, j: int(i) > 3, "no value"),
    "range": (lambda b, h, i, j: len(range(i)) > 3, "no value"),
    "list": (lambda b, h, i, j: [1, 2][i] > 3, "no value"),
    "string": (lambda b, h, i, j: i == "x", "cannot compute with a str"),
    "object": (lambda b, h, i, j: i + object(), "cannot compute with a object"),
    "indices": (lambda b, h, i, j: IDS[i, j] > 0, "takes 1 indices, not 2"),
    "float index": (lambda b, h, i, j: IDS[i * 0.5] > 0, "indexed by integers"),
    "integer": (lambda b, h, i, j: i + j, "must return a boolean"),
    "function": (lambda b, h, i, j: np.gcd(i, j) > 0, "'gcd' has no compiled form"),
    "keyword": (
        lambda b, h, i, j: torch.where(i > j, other=i, input=j) > 2,
        "called with the keyword 'other'",
    ),
    "dimension": (lambda b, h, i, j: torch.max(i, 0) > 2, "'max' has no compiled"),
    "parameters": (lambda i, j: i > j, "mask.predicate: the function failed: .* argum"),
    "outside": (lambda b, h, i, j: HIDDEN.ids[i] > 0, "attn.capture"),
}


class HIDDEN:
    ids = IDS


@pytest.mark.parametrize("name", REFUSED)
def test_refusal(name):
    function, message = REFUSED[name]
    with pytest.raises(TypeError, match=message):
        attn.mask.predicate(function)


def test_division_by_zero():
    with pytest.raises(TypeError, match="mask.predicate: .* division by zero"):
        attn.mask.predicate(lambda b, h, i, j: i // 0 == j)


def test_capture_serves_arrays_that_are_not_found():
    region = attn.mask.predicate(
        lambda b, h, i, j: attn.capture(HIDDEN.ids)[i] > j
    )._form
    actual = expressions.evaluate(region, expressions.grid(1, 1, 12, 10))
    assert np.array_equal(actual[0, 0].numpy(), IDS[:, None] > np.arange(10)[None])


def test_helpers_are_for_symbols():
    with pytest.raises(TypeError, match="use those of numpy"):
        attn.where(True, 1, 2)


def test_functions_are_left_as_they_were():
    attn.mask.predicate(PREDICATES["helper"])
    assert isinstance(IDS, np.ndarray) and helper(0, 1)


def test_structure_does_not_depend_on_values():
    def make(ids, past):
        same = attn.mask.predicate(lambda b, h, i, j: ids[i] == ids[j])
        return same & attn.mask.window(past=past) & attn.mask.causal(past)

    first, second = (
        make(IDS, 3)._structure("f32"),
        make(IDS[:5].copy(), 4)._structure("f32"),
    )
    assert first == second
    other = attn.mask.predicate(lambda b, h, i, j: IDS[i] != IDS[j])
    assert other._structure("f32") not in first
