# ===- train.py - train the character transformer --------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Train a character transformer on the licence texts that Debian ships, and
record what PyTorch computes for a sample text. See README.md."""

import argparse
import json
import math
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import reference
import torch
import torch.nn.functional as F
from torch import nn

LICENCES = Path("/usr/share/common-licenses")
TRAINING_TEXTS = ["GPL-3", "LGPL-2.1", "GFDL-1.3", "MPL-2.0", "Artistic", "CC0-1.0"]
VALIDATION_TEXT = "Apache-2.0"  # no part of it is trained on
SAMPLE_LINES = slice(12, 14)  # of the validation text: 128 characters

VOCABULARY = ["\n"] + [chr(c) for c in range(ord(" "), ord("~") + 1)]
CONTEXT = 128
DIM = 64
NUM_LAYERS = 2
HIDDEN = 256
DROPOUT = 0.1

SEED = 1
STEPS = 4000
WARMUP = 200
BATCH = 16
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 0.1


class MultiHead(nn.Module):
    """The parameters of causal multi-head self-attention, named as attn names them."""

    def __init__(self):
        super().__init__()
        bound = DIM**-0.5
        for name in "qkvo":
            for kind, shape in (("w", (DIM, DIM)), ("b", (DIM,))):
                parameter = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
                self.register_parameter(f"{kind}_{name}", parameter)

    def attend(self, x):
        heads = [
            F.linear(x, w, b).unflatten(-1, (reference.NUM_HEADS, -1)).transpose(1, 2)
            for w, b in (
                (self.w_q, self.b_q),
                (self.w_k, self.b_k),
                (self.w_v, self.b_v),
            )
        ]
        output = F.scaled_dot_product_attention(*heads, is_causal=True)
        return F.linear(output.transpose(1, 2).flatten(2), self.w_o, self.b_o)


class Layer(MultiHead):
    """Attention and feed-forward, both residual; the first layer, whose input is
    the embeddings with their positions, does not normalise it before attention."""

    def __init__(self, normalise_input):
        super().__init__()
        self.attention_norm = nn.LayerNorm(DIM) if normalise_input else nn.Identity()
        self.mlp_norm = nn.LayerNorm(DIM)
        self.expand = nn.Linear(DIM, HIDDEN)
        self.contract = nn.Linear(HIDDEN, DIM)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x):
        x = x + self.dropout(self.attend(self.attention_norm(x)))
        hidden = F.relu(self.expand(self.mlp_norm(x)))
        return x + self.dropout(self.contract(hidden))


class CharTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(len(VOCABULARY), DIM))
        self.layers = nn.ModuleList(Layer(i > 0) for i in range(NUM_LAYERS))
        self.final_norm = nn.LayerNorm(DIM)
        self.head = nn.Linear(DIM, len(VOCABULARY))
        table = torch.from_numpy(reference.sinusoid(CONTEXT, DIM)).float()
        self.register_buffer("positions", table, persistent=False)

    def forward(self, ids):
        x = self.embedding[ids] + self.positions[: ids.shape[1]]
        for layer in self.layers:
            x = layer(x)
        return self.head(self.final_norm(x))

    def loss(self, ids):
        """Mean cross-entropy, in nats, of each character given those before it."""
        return F.cross_entropy(self(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())


def read_licence(name):
    return (LICENCES / name).read_text(encoding="utf-8")


def encode(text):
    """Character ids; what is not in the vocabulary (form feeds, tabs) is dropped."""
    index = {c: i for i, c in enumerate(VOCABULARY)}
    return torch.tensor([index[c] for c in text if c in index])


def windows(ids):
    """Consecutive windows of CONTEXT + 1 ids that overlap by one."""
    return ids.unfold(0, CONTEXT + 1, CONTEXT)


def bigram_loss(training, validation):
    """Validation loss of the bigram model, at the smoothing that suits it best."""
    size = len(VOCABULARY)
    pairs = torch.bincount(training[:-1] * size + training[1:], minlength=size**2)
    counts = pairs.reshape(size, size).double()
    previous, following = validation[:, :-1].flatten(), validation[:, 1:].flatten()
    losses = []
    for smoothing in (0.01, 0.03, 0.1, 0.3, 1.0):
        smoothed = counts + smoothing
        probabilities = smoothed / smoothed.sum(1, keepdim=True)
        losses.append(-probabilities[previous, following].log().mean().item())
    return min(losses)


def learning_rate(step):
    """Linear warm-up, then a cosine to zero; a factor of LEARNING_RATE."""
    if step < WARMUP:
        return (step + 1) / WARMUP
    return 0.5 + 0.5 * math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP))


@torch.no_grad()
def evaluate(model, batch):
    model.eval()
    return model.loss(batch).item()


def train(training, validation):
    model = CharTransformer()
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, learning_rate)
    spans = training.unfold(0, CONTEXT + 1, 1)
    for step in range(STEPS):
        model.train()
        loss = model.loss(spans[torch.randint(len(spans), (BATCH,))])
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if (step + 1) % 500 == 0:
            held_out = evaluate(model, validation)
            print(
                f"step {step + 1}: training {loss.item():.3f} validation {held_out:.3f}"
            )
    return model.eval()


def attention_of_first_layer(model, ids):
    """PyTorch's own multi-head attention: output (B, M, E), weights (B, H, M, M)."""
    p = model.layers[0]
    x = (model.embedding[ids] + model.positions[: ids.shape[1]]).transpose(0, 1)
    output, weights = F.multi_head_attention_forward(
        x,
        x,
        x,
        embed_dim_to_check=DIM,
        num_heads=reference.NUM_HEADS,
        in_proj_weight=torch.cat([p.w_q, p.w_k, p.w_v]),
        in_proj_bias=torch.cat([p.b_q, p.b_k, p.b_v]),
        bias_k=None,
        bias_v=None,
        add_zero_attn=False,
        dropout_p=0.0,
        out_proj_weight=p.w_o,
        out_proj_bias=p.b_o,
        training=False,
        attn_mask=torch.ones(ids.shape[1], ids.shape[1]).triu(1).bool(),
        average_attn_weights=False,
    )
    return output.transpose(0, 1), weights


@torch.no_grad()
def record(model, losses, directory):
    """Writes the model, the sample and what PyTorch computes for it."""
    lines = read_licence(VALIDATION_TEXT).splitlines(keepends=True)
    sample = "".join(lines[SAMPLE_LINES])
    ids = encode(sample)[None]
    output, weights = attention_of_first_layer(model, ids)
    losses["sample_loss"] = model.loss(ids).item()

    shutil.rmtree(directory / "weights", ignore_errors=True)
    (directory / "weights").mkdir(parents=True)
    for name, parameter in model.state_dict().items():
        np.save(directory / "weights" / f"{name}.npy", parameter.numpy())
    np.save(directory / "sample_embeddings.npy", model.embedding[ids].numpy())
    np.save(directory / "expected_output.npy", output.contiguous().numpy())
    np.save(directory / "expected_weights.npy", weights.numpy())
    (directory / "sample.txt").write_text(sample)
    (directory / "vocab.json").write_text(json.dumps(VOCABULARY) + "\n")
    (directory / "training.json").write_text(json.dumps(losses, indent=2) + "\n")


def train_and_record(directory):
    start = time.monotonic()
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    training = torch.cat([encode(read_licence(name)) for name in TRAINING_TEXTS])
    validation = windows(encode(read_licence(VALIDATION_TEXT)))
    model = train(training, validation)
    losses = {
        "validation_loss": evaluate(model, validation),
        "bigram_validation_loss": bigram_loss(training, validation),
    }
    record(model, losses, directory)
    for name, loss in losses.items():
        print(f"{name}: {loss:.3f} nats per character")
    print(f"trained and recorded in {time.monotonic() - start:.0f} s")


def check(directory):
    """Whether the files agree with the float64 forward; prints each difference."""
    differences = reference.differences(directory)
    for name, difference in differences.items():
        print(f"{name}: largest difference {difference:.1e}")
    return max(differences.values()) <= reference.TOLERANCE


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(__file__).parent / "data",
        metavar="DIR",
        help="folder of the files (default: data, beside this script)",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="train nothing; verify the files against a float64 forward",
    )
    arguments = parser.parse_args()
    if not arguments.check:
        train_and_record(arguments.out)
    if not check(arguments.out):
        sys.exit(f"{arguments.out}: beyond the tolerance {reference.TOLERANCE:.0e}")


if __name__ == "__main__":
    main()
