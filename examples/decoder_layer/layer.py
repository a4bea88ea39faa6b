# ===- layer.py - a decoder layer with cross-attention ---------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""torch.nn.TransformerDecoderLayer with its attention compiled by attn.

./dev python examples/decoder_layer/layer.py
"""

import attn
import torch
from torch import nn


def attend(layer: nn.MultiheadAttention, query, memory, mask):
    """What an attention layer of PyTorch computes; its projections of query, key and
    value lie packed in one matrix."""
    return attn.multi_head(
        query,
        memory,
        memory,
        layer.in_proj_weight,
        w_o=layer.out_proj.weight,
        num_heads=layer.num_heads,
        b_q=layer.in_proj_bias,
        b_o=layer.out_proj.bias,
        mask=mask,
    )


def decode(layer: nn.TransformerDecoderLayer, x, memory, memory_lengths):
    """The layer (post-norm): causal self-attention, attention to what lies within
    `memory_lengths`, a network per position."""
    x = layer.norm1(x + attend(layer.self_attn, x, x, attn.mask.causal()))
    padding = attn.mask.padding(memory_lengths)
    x = layer.norm2(x + attend(layer.multihead_attn, x, memory, padding))
    hidden = torch.relu(layer.linear1(x))
    return layer.norm3(x + layer.linear2(hidden))


@torch.no_grad()
def main(length: int = 50, memory_length: int = 70) -> float:
    torch.manual_seed(0)
    layer = nn.TransformerDecoderLayer(64, 4, 128, dropout=0, batch_first=True).eval()
    for parameter in layer.parameters():
        parameter.uniform_(-0.3, 0.3)
    x, memory = torch.randn(2, length, 64), torch.randn(2, memory_length, 64)
    lengths = torch.tensor([memory_length, memory_length // 2], dtype=torch.int32)
    outside = torch.arange(memory_length) >= lengths[:, None]
    future = torch.ones(length, length, dtype=torch.bool).triu(1)
    expected = layer(x, memory, tgt_mask=future, memory_key_padding_mask=outside)
    error = (decode(layer, x, memory, lengths) - expected).abs().max().item()
    print(f"largest difference from PyTorch: {error:.1e}")
    return error


if __name__ == "__main__":
    main()
