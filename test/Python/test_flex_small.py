# ===- test_flex_small.py - small tensors and small integers in PyTorch's functions -----===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Functions that rank the elements of a small tensor, and arithmetic that wraps: what
is recorded and compiled keeps the pairs that PyTorch keeps, ties and NaN included."""

import attn
import expressions
import pytest
import torch
from torch.nn.attention.flex_attention import create_mask

B, H, M, N = 2, 3, 41, 67
_random = torch.Generator().manual_seed(11)
BYTES = torch.randint(0, 256, (N,), generator=_random).to(torch.uint8)
FLOATS = torch.randn((N, 4), generator=_random)
FLOATS[::5, 1] = torch.nan
TIES = torch.randint(0, 3, (N, 5), generator=_random)


def few(q, kv, h):
    return torch.stack([q % 5, kv % 7, h, (q - kv) % 3])


MASKS = {
    "uint8 sum": lambda b, h, q, kv: BYTES[q] + BYTES[kv] > 100,
    "uint8 product": lambda b, h, q, kv: BYTES[q] * BYTES[kv] - 3 < 77,
    "uint8 complement": lambda b, h, q, kv: ~BYTES[q] > -BYTES[kv],
    "uint8 shifts": lambda b, h, q, kv: ((BYTES[q] << 3) >> 1) > BYTES[kv],
    "uint8 quotients": lambda b, h, q, kv: (200 + BYTES[q]) // 7 > BYTES[kv] % 50,
    "to uint8": lambda b, h, q, kv: (q * 7).to(torch.uint8) >= (-kv).to(torch.uint8),
    "floats to uint8": lambda b, h, q, kv: (q * 2.9).to(torch.uint8) >= kv,
    "uint8 sums": lambda b, h, q, kv: torch.stack([BYTES[q], BYTES[kv]]).sum() > 256,
    "gcd": lambda b, h, q, kv: torch.gcd(q - kv, torch.tensor(12)) == 1,
    "gcd with a long path": lambda b, h, q, kv: (
        torch.gcd(torch.tensor(-89), q * kv) == 1
    ),
    "gcd with zero": lambda b, h, q, kv: torch.gcd(q - kv, torch.tensor(0)) < 9,
    "sort": lambda b, h, q, kv: few(q, kv, h).sort().values[2] > 2,
    "sort, positions": lambda b, h, q, kv: (
        few(q, kv, h).sort(stable=True).indices[1] > 1
    ),
    "argsort": lambda b, h, q, kv: (
        TIES[kv].argsort(descending=True, stable=True)[2] == 2
    ),
    "sort of floats": lambda b, h, q, kv: FLOATS[kv].sort().values[2] < FLOATS[q, 0],
    "sort with NaN": lambda b, h, q, kv: (
        torch.sort(FLOATS[kv], descending=True).indices[0] == 1
    ),
    "sort of rows": lambda b, h, q, kv: (
        torch.stack([few(q, kv, h), few(kv, q, b)]).sort(dim=0).values[1, 2] > 1
    ),
    "topk": lambda b, h, q, kv: few(q, kv, h).topk(2).values.sum() > 6,
    "least": lambda b, h, q, kv: few(q, kv, h).topk(2, largest=False).values[1] > 0,
    "argmax": lambda b, h, q, kv: few(q, kv, h).argmax() == 1,
    "argmin": lambda b, h, q, kv: TIES[kv].argmin(dim=0) < q % 5,
    "argmax with NaN": lambda b, h, q, kv: FLOATS[kv].argmax() != q % 4,
    "argmax, kept": lambda b, h, q, kv: few(q, kv, h).argmax(0, keepdim=True)[0] == 1,
    "max along": lambda b, h, q, kv: few(q, kv, h).max(dim=0).values > 4,
    "min along": lambda b, h, q, kv: FLOATS[kv].min(dim=0).indices != q % 4,
    "max of all": lambda b, h, q, kv: torch.max(few(q, kv, h)) > 4,
    "max of two": lambda b, h, q, kv: torch.max(q, kv) - torch.min(q, kv) < 9,
    "var": lambda b, h, q, kv: FLOATS[kv, 2:].var() > FLOATS[q, 0],
    "std": lambda b, h, q, kv: few(q, kv, h).double().std(unbiased=False) > 1,
    "softmax": lambda b, h, q, kv: FLOATS[kv, 2:].softmax(0)[0] > 0.1 + q / M,
}


@pytest.mark.parametrize("name", MASKS)
def test_recorded(name):
    expected = create_mask(MASKS[name], B, H, M, N, device="cpu")
    assert expected.any() and not expected.all()
    region = attn.create_block_mask(MASKS[name], B, H, M, N)._form
    keep = expressions.evaluate(region, expressions.grid(B, H, M, N))
    assert torch.equal(keep.expand(B, H, M, N), expected)


@pytest.mark.parametrize("name", ["uint8 product", "gcd", "sort with NaN", "std"])
def test_compiled(name):
    """With scores of 0, rows average what they keep."""
    mod = MASKS[name]
    keep = create_mask(mod, B, H, M, N, device="cpu").float()
    q, k = torch.zeros(B, H, M, 16), torch.zeros(B, H, N, 16)
    v = torch.randn((B, H, N, 16), generator=_random)
    mask = attn.create_block_mask(mod, B, H, M, N)
    actual = attn.flex_attention(q, k, v, block_mask=mask)
    wanted = keep @ v / keep.sum(-1, keepdim=True).clamp(min=1)
    torch.testing.assert_close(actual, wanted, rtol=1e-5, atol=1e-6)


def both_vary(b, h, q, kv):
    return torch.gcd(q, kv) == 1  # refused here


def too_many(b, h, q, kv):
    return torch.stack([q, kv] * 17).sort().values[3] == q  # refused here


def log_gamma(b, h, q, kv):
    return torch.lgamma(q + 1.0) > kv  # refused here


def middle(b, h, q, kv):
    return torch.stack([q, kv, h]).median() > 3  # refused here


def long_sort(b, h, q, kv):
    rows = torch.arange(M)
    return (rows * q).sort().values[0] >= kv  # refused here


REFUSED = {
    both_vary: "'gcd' has a compiled form only where one side is a constant",
    too_many: "34 elements would be sorted for every pair; at most 32 are",
    log_gamma: "'lgamma' has no compiled form",
    middle: "'median' has no compiled form",
    long_sort: "41 elements would be sorted for every pair",
}


@pytest.mark.parametrize("mod", REFUSED, ids=lambda mod: mod.__name__)
def test_refusals_name_the_line(mod):
    with pytest.raises(TypeError) as error:
        attn.create_block_mask(mod, B, H, M, N)
    assert "test_flex_small.py:" in str(error.value)
    assert "refused here" in str(error.value) and REFUSED[mod] in str(error.value)
