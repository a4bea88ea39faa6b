# ===- layer.py - a decoder layer with cross-attention ---------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reads numbers in words by an encoder and a decoder layer of PyTorch, with their
attention compiled by attn.

./dev python examples/decoder_layer/layer.py [NUMBER ...]
"""

import argparse
from pathlib import Path

import attn
import numpy as np
import spelling
import torch
from torch import nn

DATA = Path(__file__).parent / "data"
SIZE, HEADS, HIDDEN = 64, 4, 128
START = 10  # what comes before the first digit


class Reader(nn.Module):
    """Words to digits, as PyTorch computes it."""

    def __init__(self):
        super().__init__()
        options = {"dropout": 0.0, "batch_first": True}
        self.words = nn.Embedding(len(spelling.WORDS), SIZE)
        self.digits = nn.Embedding(START + 1, SIZE)
        self.encoder = nn.TransformerEncoderLayer(SIZE, HEADS, HIDDEN, **options)
        self.decoder = nn.TransformerDecoderLayer(SIZE, HEADS, HIDDEN, **options)
        self.output = nn.Linear(SIZE, START)

    @staticmethod
    def place(x: torch.Tensor) -> torch.Tensor:
        """Embeddings with the table of their positions."""
        return x + torch.from_numpy(attn.sinusoid(x.shape[1], SIZE))

    def forward(self, ids, lengths, before):
        """Logits (B, M, 10) of each digit, given those `before` it, from START on."""
        outside = torch.arange(ids.shape[1]) >= lengths[:, None]
        future = torch.ones(before.shape[1], before.shape[1], dtype=torch.bool).triu(1)
        memory = self.encoder(self.place(self.words(ids)), src_key_padding_mask=outside)
        found = self.decoder(
            self.place(self.digits(before)),
            memory,
            tgt_mask=future,
            memory_key_padding_mask=outside,
        )
        return self.output(found)


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


def encode(layer: nn.TransformerEncoderLayer, x, lengths):
    """The layer (post-norm): attention to what lies within `lengths`, a network per
    position."""
    x = layer.norm1(x + attend(layer.self_attn, x, x, attn.mask.padding(lengths)))
    return layer.norm2(x + layer.linear2(torch.relu(layer.linear1(x))))


def decode(layer: nn.TransformerDecoderLayer, x, memory, lengths):
    """The layer: causal self-attention, attention to what lies within `lengths` of
    the memory, a network per position."""
    x = layer.norm1(x + attend(layer.self_attn, x, x, attn.mask.causal()))
    padding = attn.mask.padding(lengths)
    x = layer.norm2(x + attend(layer.multihead_attn, x, memory, padding))
    return layer.norm3(x + layer.linear2(torch.relu(layer.linear1(x))))


def read(reader: Reader, ids, lengths) -> tuple[torch.Tensor, torch.Tensor]:
    """Digits (B, 6), each from those before it, and their logits."""
    memory = encode(reader.encoder, reader.place(reader.words(ids)), lengths)
    before = torch.full((len(ids), 1), START)
    for _ in range(spelling.DIGITS):
        x = reader.place(reader.digits(before))
        logits = reader.output(decode(reader.decoder, x, memory, lengths))
        before = torch.cat([before, logits[:, -1:].argmax(-1)], 1)
    return before[:, 1:], logits


def load() -> Reader:
    reader = Reader().eval()
    with np.load(DATA / "weights.npz") as file:
        reader.load_state_dict({n: torch.from_numpy(file[n]).float() for n in file})
    return reader


@torch.no_grad()
def main(numbers: list[int]) -> tuple[float, float]:
    """Reads the names of `numbers`: the share that is right, and the largest
    difference from PyTorch's logits."""
    reader = load()
    ids, lengths, digits = map(torch.from_numpy, spelling.encode(numbers))
    found, logits = read(reader, ids, lengths)
    for number, row in list(zip(numbers, found))[:20]:
        text = "".join(str(digit.item()) for digit in row)
        print(f"{text.lstrip('0') or '0':>6}  {' '.join(spelling.spell(number))}")
    before = torch.cat([torch.full((len(ids), 1), START), found[:, :-1]], 1)
    error = (logits - reader(ids, lengths, before)).abs().max().item()
    right = (found == digits).all(-1).float().mean().item()
    print(f"{right:.1%} right; largest difference from PyTorch: {error:.1e}")
    return right, error


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("numbers", nargs="*", type=int, metavar="NUMBER")
    main(parser.parse_args().numbers or spelling.examples(12, seed=1))
