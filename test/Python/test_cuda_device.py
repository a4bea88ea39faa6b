# ===- test_cuda_device.py - functions on a CUDA device, where there is one -------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Masks, score modifiers, lengths, head sizes and types, by the kernels of the device's
own chip and those that every chip runs, against attention in float64."""

import attn
import numpy as np
import pytest
import torch
from attn import _arrays
from numerics import assert_close, attention, indices, repeat_heads

if not torch.cuda.is_available():
    pytest.skip("PyTorch finds no CUDA device", allow_module_level=True)

B, H, KV = 2, 4, 2
LENGTH = 2048
HEADS = [(64, 64), (128, 128), (256, 256), (80, 80), (192, 128), (32, 32)]
#: Queries and keys: tiles cut short, one query and few, more keys than a block takes.
LENGTHS = [
    (300, 300),
    (1000, 1000),
    (257, 640),
    (1, 2000),
    (5, 1200),
    (70, 1),
    (512, 512),
]


def random(*shape, seed=0, scale=1.0):
    values = np.random.default_rng(seed).standard_normal(shape) * scale
    return torch.from_numpy(values)


IDS = torch.arange(LENGTH, dtype=torch.int32) // 110
LENGTHS_OF_KEYS = torch.tensor([190, 37], dtype=torch.int32)
KEEP = random(LENGTH, LENGTH, seed=7) > -0.5
SLOPES = torch.tensor([0.5, 0.25, 0.125, 0.0625])
BIAS = random(1, H, LENGTH, LENGTH, seed=8).float()
RELATIVE = random(H, 129, seed=9).float()


def on_device(table):
    return table.cuda()


#: Name to (mask, whether it keeps a pair).
MASKS = {
    "none": (lambda m, n: None, lambda b, h, i, j: True),
    "causal": (lambda m, n: attn.mask.causal(), lambda b, h, i, j: j <= i),
    "bottom_right": (
        lambda m, n: attn.mask.causal("bottom_right"),
        lambda b, h, i, j: j <= i + (j.size - i.size),
    ),
    "offset": (lambda m, n: attn.mask.causal(17), lambda b, h, i, j: j <= i + 17),
    "window": (
        lambda m, n: attn.mask.window(100, 20),
        lambda b, h, i, j: (i - 100 <= j) & (j <= i + 20),
    ),
    "prefix or causal": (
        lambda m, n: attn.mask.prefix(77) | attn.mask.causal(),
        lambda b, h, i, j: (j < 77) | (j <= i),
    ),
    "padding": (
        lambda m, n: attn.mask.padding(on_device(LENGTHS_OF_KEYS)),
        lambda b, h, i, j: j < LENGTHS_OF_KEYS.numpy()[b],
    ),
    "documents": (
        lambda m, n: attn.mask.document(on_device(IDS)),
        lambda b, h, i, j: IDS.numpy()[i] == IDS.numpy()[j],
    ),
    "causal documents": (
        lambda m, n: attn.mask.causal() & attn.mask.document(on_device(IDS)),
        lambda b, h, i, j: (j <= i) & (IDS.numpy()[i] == IDS.numpy()[j]),
    ),
    "causal padding": (
        lambda m, n: attn.mask.causal() & attn.mask.padding(on_device(LENGTHS_OF_KEYS)),
        lambda b, h, i, j: (j <= i) & (j < LENGTHS_OF_KEYS.numpy()[b]),
    ),
    "dense": (
        lambda m, n: attn.mask.dense(on_device(KEEP[:m, :n].contiguous())),
        lambda b, h, i, j: KEEP.numpy()[i, j],
    ),
    "chunks": (
        lambda m, n: attn.mask.predicate(lambda b, h, i, j: i // 64 == j // 64),
        lambda b, h, i, j: i // 64 == j // 64,
    ),
}

#: Name to (modifiers, what they do to scores).
SCORES = {
    "none": (lambda m, n: None, lambda s, b, h, i, j: s),
    "softcap": (
        lambda m, n: attn.score.softcap(2.0),
        lambda s, b, h, i, j: 2 * np.tanh(s / 2),
    ),
    "alibi": (
        lambda m, n: attn.score.alibi(on_device(SLOPES)),
        lambda s, b, h, i, j: s - SLOPES.numpy()[h] * abs(i - j),
    ),
    "bias": (
        lambda m, n: attn.score.bias(on_device(BIAS[:, :, :m, :n].contiguous())),
        lambda s, b, h, i, j: s + BIAS.numpy()[0, h, i, j],
    ),
    "relative": (
        lambda m, n: attn.score.relative_bias(on_device(RELATIVE)),
        lambda s, b, h, i, j: s + RELATIVE.numpy()[h, np.clip(j - i, -64, 64) + 64],
    ),
    "softcap, alibi": (
        lambda m, n: [attn.score.softcap(2.0), attn.score.alibi(on_device(SLOPES))],
        lambda s, b, h, i, j: 2 * np.tanh(s / 2) - SLOPES.numpy()[h] * abs(i - j),
    ),
}


@pytest.fixture(params=["own", "sm_80"])
def device(request, monkeypatch):
    """The CUDA device, and for which chip functions are compiled."""
    found = _arrays.framework(torch.zeros(1, device="cuda"))
    if request.param != "own":
        monkeypatch.setattr(found, "target", request.param)
    return found.device


def check(device, dtype, heads, lengths, mask="none", score="none"):
    (d, dv), (m, n) = heads, lengths
    shapes = [(B, H, m, d), (B, KV, n, d), (B, KV, n, dv)]
    q, k, v = (random(*s, seed=i).to(dtype) for i, s in enumerate(shapes))
    (make_mask, keeps), (make_score, modify) = MASKS[mask], SCORES[score]
    found, lse = attn.scaled_dot_product(
        *(a.to(device) for a in (q, k, v)),
        mask=make_mask(m, n),
        score=make_score(m, n),
        return_lse=True,
    )
    b, h, i, j = indices(B, H, m, n)
    keep = np.broadcast_to(keeps(b, h, i, j), (B, H, m, n))
    wanted, sums, weights = attention(
        q, k, v, keep, modify=lambda s: modify(s, b, h, i, j)
    )
    groups = repeat_heads(abs(v.double().numpy()), H)
    spread = groups.max() * max(1, np.sqrt(d) / 4)
    assert_close(found.cpu(), wanted, spread, weighted=weights @ groups)
    assert_close(lse.cpu(), sums, 16)


@pytest.mark.parametrize("heads", HEADS)
@pytest.mark.parametrize("mask", MASKS)
def test_masks(device, mask, heads):
    check(device, torch.float16, heads, (300, 300), mask)


@pytest.mark.parametrize("score", ["bias", "softcap, alibi"])
@pytest.mark.parametrize("mask", MASKS)
def test_masks_under_scores(device, mask, score):
    check(device, torch.float16, (128, 128), (300, 300), mask, score)


@pytest.mark.parametrize("heads", [(64, 64), (128, 128)])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("score", SCORES)
def test_scores(device, score, dtype, heads):
    check(device, dtype, heads, (300, 300), "causal", score)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("mask", MASKS)
def test_masks_of_other_types(device, mask, dtype):
    check(device, dtype, (64, 64), (300, 300), mask)


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("mask", ["none", "bottom_right", "window", "documents"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_lengths(device, dtype, mask, lengths):
    check(device, dtype, (128, 128), lengths, mask)


def test_function_uses_the_current_stream(device):
    """Results of a stream's kernels are there for what is queued after them."""
    q, k, v = (random(1, 2, 2000, 64, seed=i).half().to(device) for i in range(3))
    with torch.cuda.stream(torch.cuda.Stream(device)):
        torch.cuda._sleep(10_000_000)
        sums = attn.scaled_dot_product(q + 1, k, v).double().sum()
    torch.cuda.synchronize()
    again = attn.scaled_dot_product(q + 1, k, v).double().sum()
    assert sums.item() == again.item()


def test_function_is_captured_by_a_graph(device):
    """A CUDA graph replays the kernels on what its inputs then hold."""
    q, k, v = (random(1, 2, 300, 64, seed=i).half().to(device) for i in range(3))
    attn.scaled_dot_product(q, k, v)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = attn.scaled_dot_product(q, k, v)
    q.copy_(random(1, 2, 300, 64, seed=5))
    graph.replay()
    assert torch.equal(found, attn.scaled_dot_product(q, k, v))


def test_strided_and_misaligned_tensors(device):
    """Heads beside each other in memory, and a start that no copy reads at."""
    packed = random(1, 301, 3, 2, 64).half().to(device)[:, 1:]
    q, k, v = (packed[:, :, part].transpose(1, 2) for part in range(3))
    dense = [a.contiguous() for a in (q, k, v)]
    assert torch.equal(
        attn.scaled_dot_product(q, k, v), attn.scaled_dot_product(*dense)
    )
    flat = random(1 + 2 * 300 * 64).half().to(device)
    shifted = flat[1:].view(1, 2, 300, 64)
    assert torch.equal(
        attn.scaled_dot_product(shifted, k, v),
        attn.scaled_dot_product(shifted.clone(), k, v),
    )
