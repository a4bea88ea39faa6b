# ===- test_textbook.py - attention as it is taught ----------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What courses build by hand in PyTorch, at their sizes, each in one call here."""

import attn
import pytest
import torch
from torch import nn


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def close(found, expected):
    torch.testing.assert_close(found, expected, atol=2e-6, rtol=1e-4)


def masked_softmax(scores, lengths):
    """By the book: lengths (B,) or (B, M)."""
    limits = lengths if lengths.dim() == 2 else lengths[:, None]
    outside = torch.arange(scores.shape[-1]) >= limits[..., None]
    return scores.masked_fill(outside, -1e6).softmax(-1)


# Kernels as they are written for a course, of a difference of either sign.
KERNELS = {
    "gaussian": lambda x: torch.exp(-(x**2) / 2),
    "boxcar": lambda x: torch.abs(x) < 1.0,
    "constant": lambda x: 1.0 + 0 * x,
    "triangular": lambda x: torch.max(1 - torch.abs(x), torch.zeros_like(x)),
    "epanechnikov": lambda x: torch.relu(1 - x * x),
}


@pytest.mark.parametrize("as_function", [False, True])
@pytest.mark.parametrize("kernel", KERNELS)
def test_nadaraya_watson(kernel, as_function):
    x = torch.sort(torch.rand(40) * 5).values
    y = 2 * torch.sin(x) + x + 0.1 * torch.randn(40)
    grid = torch.arange(0, 5, 0.1)
    weights = KERNELS[kernel](grid[:, None] - x).float()
    weights = weights / weights.sum(-1, keepdim=True)
    out, found = attn.kernel_regression(
        *(grid[:, None], x[:, None], y[:, None]),
        kernel=KERNELS[kernel] if as_function else kernel,
        return_weights=True,
    )
    torch.testing.assert_close(found, weights, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(out[:, 0], weights @ y, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("sigma", [0.1, 0.2, 0.5, 1.0])
def test_gaussian_of_a_width(sigma):
    x, y, grid = torch.rand(40) * 5, torch.randn(40), torch.arange(0, 5, 0.1)
    weights = (-((grid[:, None] - x) ** 2) / (2 * sigma**2)).softmax(-1)
    out = attn.kernel_regression(grid[:, None], x[:, None], y[:, None], bandwidth=sigma)
    torch.testing.assert_close(out[:, 0], weights @ y, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("lengths", [[2, 3], [[1, 3], [2, 4]]])
def test_masked_softmax(lengths):
    scores, lengths = torch.rand(2, 2, 4), torch.tensor(lengths)
    close(attn.masked_softmax(scores, lengths=lengths), masked_softmax(scores, lengths))


def test_masked_softmax_of_one_matrix():
    scores, lengths = torch.rand(4, 6), torch.tensor([0, 6, 3, 1])
    weights = attn.masked_softmax(scores, lengths=lengths)
    close(weights[1:], masked_softmax(scores[None], lengths[None])[0, 1:])
    assert not weights[0].any()
    close(
        attn.masked_softmax(scores, lengths=torch.tensor([5])),
        masked_softmax(scores[None], torch.tensor([5]))[0],
    )


def test_batch_product():
    q, k = torch.ones(2, 3, 4), torch.ones(2, 4, 6)
    assert torch.equal(attn.bmm(q, k), torch.full((2, 3, 6), 4.0))


def test_scaled_dot_product():
    q, k, v = torch.randn(2, 1, 2), torch.randn(2, 10, 2), torch.randn(2, 10, 4)
    lengths = torch.tensor([2, 6])
    weights = masked_softmax(torch.bmm(q, k.transpose(1, 2)) / 2**0.5, lengths)
    out, found = attn.scaled_dot_product(
        q, k, v, mask=attn.mask.padding(lengths), return_weights=True
    )
    close(out, weights @ v)
    close(found, weights)
    # The same of its parts, each compiled alone.
    scores = attn.bmm(q, k.transpose(1, 2)) / 2**0.5
    close(attn.bmm(attn.masked_softmax(scores, lengths=lengths), v), out)


@torch.no_grad()
def test_additive():
    """Queries of 20 features, keys of 2."""
    q, k, v = torch.randn(2, 1, 20), torch.randn(2, 10, 2), torch.randn(2, 10, 4)
    w_q, w_k, w = (nn.Linear(n, m, bias=False) for n, m in ((20, 8), (2, 8), (8, 1)))
    lengths = torch.tensor([2, 6])
    scores = w(torch.tanh(w_q(q)[:, :, None] + w_k(k)[:, None]))[..., 0]
    out = attn.additive(
        *(q, k, v, w.weight[0]),
        w_q=w_q.weight,
        w_k=w_k.weight,
        mask=attn.mask.padding(lengths),
    )
    close(out, masked_softmax(scores, lengths) @ v)


@torch.no_grad()
@pytest.mark.parametrize("keys", [6, None], ids=["memory", "self"])
def test_multi_head(keys):
    """100 features in 5 heads, without biases."""
    linears = [nn.Linear(100, 100, bias=False) for _ in range(4)]
    x = torch.randn(2, 4, 100)
    memory = x if keys is None else torch.randn(2, keys, 100)
    lengths = torch.tensor([3, 2])

    def split(y):
        return y.reshape(2, -1, 5, 20).transpose(1, 2)

    q, k, v = (split(linear(y)) for linear, y in zip(linears, (x, memory, memory)))
    scores = (q @ k.transpose(2, 3) / 20**0.5).flatten(0, 1)
    weights = masked_softmax(scores, lengths.repeat_interleave(5)).unflatten(0, (2, 5))
    out, found = attn.multi_head(
        *(x, memory, memory),
        *(linear.weight for linear in linears),
        num_heads=5,
        mask=attn.mask.padding(lengths),
        return_weights=True,
    )
    close(out, linears[3]((weights @ v).transpose(1, 2).flatten(2)))
    close(found, weights)


def test_positional_encoding():
    length, size = 60, 32
    angle = torch.arange(length)[:, None] / 10000 ** (torch.arange(0, size, 2) / size)
    table = torch.stack([angle.sin(), angle.cos()], -1).flatten(1)
    close(torch.from_numpy(attn.sinusoid(length, size)), table)


@torch.no_grad()
def test_decoder_step_of_a_recurrent_translator():
    """One query, the last state of the decoder, over the states of the encoder."""
    state, encoded = torch.randn(4, 1, 16), torch.randn(4, 7, 16)
    w_q, w_k, w = torch.randn(3, 16, 16)
    w = w[0]
    keys = encoded @ w_k.T  # once for all steps
    weights = (torch.tanh(state @ w_q.T + keys) @ w).softmax(-1)
    found = attn.additive(state, keys, encoded, w, w_q=w_q)
    close(found, weights[:, None] @ encoded)
