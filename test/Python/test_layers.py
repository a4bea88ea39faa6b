# ===- test_layers.py - multi-head attention and convenience functions -------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""multi_head against torch.nn.MultiheadAttention; masked_softmax and bmm."""

import attn
import numpy as np
import pytest
import torch
from attn import _execute


def layer(size=32, heads=4, kdim=None, vdim=None, bias=True):
    torch.manual_seed(0)
    made = torch.nn.MultiheadAttention(
        size, heads, kdim=kdim, vdim=vdim or kdim, bias=bias, batch_first=True
    ).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.uniform_(-0.4, 0.4)
    return made


def by_attn(made, query, key, value=None, **options):
    if made._qkv_same_embed_dim:
        weights = made.in_proj_weight.detach().chunk(3)
    else:
        names = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
        weights = [getattr(made, name).detach() for name in names]
    biases = {}
    if made.in_proj_bias is not None:
        parts = made.in_proj_bias.detach().chunk(3)
        biases = dict(zip(("b_q", "b_k", "b_v"), parts))
        biases["b_o"] = made.out_proj.bias.detach()
    return attn.multi_head(
        query,
        key,
        key if value is None else value,
        *weights,
        made.out_proj.weight.detach(),
        num_heads=made.num_heads,
        **biases,
        **options,
    )


@pytest.mark.parametrize("packed", [False, True])
def test_heads_without_features(packed):
    """attention_m12: values have none either, so that the bias is what is left."""
    x, rows = np.ones((2, 3, 4), np.float32), np.ones((0, 4), np.float32)
    bias = np.arange(5, dtype=np.float32)
    weights = (rows,) if packed else (rows, rows, rows)
    merge = np.ones((5, 0), np.float32)
    output = attn.multi_head(x, x, x, *weights, w_o=merge, num_heads=2, b_o=bias)
    np.testing.assert_array_equal(output, np.broadcast_to(bias, (2, 3, 5)))


@torch.no_grad()
@pytest.mark.parametrize("bias", [True, False])
def test_self_attention(bias):
    made, x = layer(bias=bias), torch.randn(2, 19, 32)
    expected, weights = made(x, x, x, average_attn_weights=False)
    out, found = by_attn(made, x, x, return_weights=True)
    torch.testing.assert_close(out, expected, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(found, weights, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_cross_attention_with_masks_and_a_bias():
    made = layer(kdim=24)
    query, key = torch.randn(2, 11, 32), torch.randn(2, 30, 24)
    lengths = torch.tensor([30, 7], dtype=torch.int32)
    bias = torch.randn(11, 30)
    outside = torch.zeros(2, 30).masked_fill(
        torch.arange(30) >= lengths[:, None], -torch.inf
    )
    expected, _ = made(query, key, key, attn_mask=bias, key_padding_mask=outside)
    found = by_attn(
        made,
        query,
        key,
        mask=attn.mask.padding(lengths),
        score=attn.score.bias(bias),
    )
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("sizes", [(1, 1, 1), (3, 70, 33), (2, 5, 129)])
def test_cross_attention_of_every_input(sizes, dtype):
    """Keys and values of other features than queries, a mask per head, padding."""
    batch, queries, keys = sizes
    made = layer(kdim=24, vdim=20).to(dtype)
    query, key, value = (
        torch.randn(batch, n, size, dtype=dtype)
        for n, size in ((queries, 32), (keys, 24), (keys, 20))
    )
    hidden = torch.rand(batch * 4, queries, keys) < 0.3
    hidden[..., 0] = False
    lengths = torch.randint(1, keys + 1, (batch,))
    padding = torch.arange(keys) >= lengths[:, None]
    expected, weights = made.double()(
        query.double(),
        key.double(),
        value.double(),
        attn_mask=hidden,
        key_padding_mask=padding,
        average_attn_weights=False,
    )
    made.to(dtype)
    mask = attn.mask.dense(~hidden.reshape(batch, 4, queries, keys))
    out, found = by_attn(
        made,
        query,
        key,
        value,
        mask=mask & attn.mask.padding(lengths),
        return_weights=True,
    )
    tolerance = {torch.float32: 2e-5, torch.float64: 1e-12, torch.bfloat16: 0.1}[dtype]
    torch.testing.assert_close(out.double(), expected, atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(found.double(), weights, atol=tolerance, rtol=tolerance)


@torch.no_grad()
@pytest.mark.parametrize("queries", [1, 3, 16, 17])
def test_few_queries(queries):
    """A function of their number alone, whose products pack nothing."""
    made = layer(size=136, kdim=24)
    query, key = torch.randn(2, queries, 136), torch.randn(2, 30, 24)
    expected, weights = made(query, key, key, average_attn_weights=False)
    out, found = by_attn(made, query, key, return_weights=True)
    torch.testing.assert_close(out, expected, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(found, weights, atol=1e-5, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("kv_heads", [4, 2])
def test_packed_projections(kv_heads):
    torch.manual_seed(0)
    x, memory = torch.randn(2, 19, 32), torch.randn(2, 7, 32)
    w_q, w_k, w_v = torch.randn(32 + 16 * kv_heads, 32).split([32, *2 * [8 * kv_heads]])
    b_q, b_k, b_v = torch.randn(32 + 16 * kv_heads).split([32, *2 * [8 * kv_heads]])
    w_o, b_o = torch.randn(32, 32), torch.randn(32)
    options = dict(w_o=w_o, b_o=b_o, num_heads=4, num_kv_heads=kv_heads)
    expected = attn.multi_head(
        x, memory, memory, w_q, w_k, w_v, b_q=b_q, b_k=b_k, b_v=b_v, **options
    )
    packed = torch.cat([w_q, w_k, w_v]), torch.cat([b_q, b_k, b_v])
    found = attn.multi_head(x, memory, memory, packed[0], b_q=packed[1], **options)
    assert torch.equal(found, expected)


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_packed_weights_of_torch(dtype):
    made, x = layer().to(dtype), torch.randn(2, 21, 32, dtype=dtype)
    padding = torch.arange(21) >= torch.tensor([[21], [9]])
    expected, _ = made(x, x, x, key_padding_mask=padding)
    found = attn.multi_head(
        x,
        x,
        x,
        made.in_proj_weight.detach(),
        w_o=made.out_proj.weight.detach(),
        b_q=made.in_proj_bias.detach(),
        b_o=made.out_proj.bias.detach(),
        num_heads=4,
        mask=~padding[:, None, None, :],
    )
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-4)


@torch.no_grad()
def test_causal_boolean_mask():
    made, x = layer(), torch.randn(1, 25, 32)
    future = torch.ones(25, 25, dtype=torch.bool).triu(1)
    expected, _ = made(x, x, x, attn_mask=future)
    torch.testing.assert_close(
        by_attn(made, x, x, mask=~future), expected, atol=2e-5, rtol=1e-4
    )


@pytest.mark.parametrize("lengths", [[3, 0], [[1, 2, 3, 4], [5, 0, 1, 2]]])
def test_masked_softmax_of_lengths(lengths):
    scores = np.random.default_rng(0).standard_normal((2, 4, 5)).astype(np.float32)
    lengths = np.array(lengths, np.int32)
    limits = lengths if lengths.ndim == 2 else lengths[:, None]
    inside = np.arange(5) < limits[..., None]
    powers = np.where(inside, np.exp(scores), 0)
    with np.errstate(invalid="ignore"):
        expected = np.nan_to_num(powers / powers.sum(-1, keepdims=True))
    found = attn.masked_softmax(scores, lengths=lengths)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize(
    "sizes",
    [(2, 7, 9, 16), (1, 1, 3, 5), (3, 70, 0, 33), (2, 40, 1000, 33), (1, 9, 70, 257)],
)
def test_batch_matrix_product(sizes, dtype):
    batch, rows, inner, columns = sizes
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(batch, rows, inner, generator=generator).to(dtype)
    b = torch.randn(batch, inner, columns, generator=generator).to(dtype)
    expected = (a.double() @ b.double()).to(dtype)
    bounds = {"rtol": 1e-5, "atol": 1e-4} if dtype == torch.float32 else {}
    torch.testing.assert_close(attn.bmm(a, b), expected, **bounds)


def test_one_batch_matrix_product_serves_all_large_sizes():
    _execute._compiled.clear()
    for rows, inner, columns in ((3, 300, 270), (64, 257, 600), (0, 999, 999)):
        a, b = torch.randn(2, rows, inner), torch.randn(2, inner, columns)
        expected = (a.double() @ b.double()).float()
        torch.testing.assert_close(attn.bmm(a, b), expected, rtol=1e-5, atol=1e-4)
    assert len(_execute._compiled) == 1


def test_batch_matrix_product_refuses_sizes_that_differ():
    with pytest.raises(ValueError, match="b has 4 rows"):
        attn.bmm(np.zeros((1, 2, 3), np.float32), np.zeros((1, 4, 2), np.float32))
