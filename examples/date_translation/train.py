# ===- train.py - trains the date translator ------------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Trains the translator of model.py with PyTorch and writes data/weights.npz.

./dev python examples/date_translation/train.py    # about a minute on one core
"""

from pathlib import Path

import model
import numpy as np
import torch
from torch import nn

DATA = Path(__file__).parent / "data"
EMBEDDING, ENCODER, DECODER, ATTENTION = 24, 32, 64, 32
STEPS, BATCH, SEED = 500, 96, 1


class Translator(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(len(model.SOURCE), EMBEDDING, padding_idx=0)
        self.encoder = nn.GRU(EMBEDDING, ENCODER, batch_first=True, bidirectional=True)
        self.start = nn.Linear(2 * ENCODER, DECODER)
        self.written = nn.Embedding(len(model.TARGET), 12)
        self.decoder = nn.GRUCell(12 + 2 * ENCODER, DECODER)
        self.w_q = nn.Linear(DECODER, ATTENTION, bias=False)
        self.w_k = nn.Linear(2 * ENCODER, ATTENTION, bias=False)
        self.w = nn.Linear(ATTENTION, 1, bias=False)
        self.output = nn.Linear(DECODER + 2 * ENCODER, len(model.TARGET))

    def forward(self, ids, lengths, targets):
        packed = nn.utils.rnn.pack_padded_sequence(
            self.embedding(ids), lengths, batch_first=True, enforce_sorted=False
        )
        values, _ = nn.utils.rnn.pad_packed_sequence(
            self.encoder(packed)[0], batch_first=True
        )
        outside = torch.arange(values.shape[1]) >= lengths[:, None]
        keys = self.w_k(values)
        # Beyond the end values are 0.
        mean = values.sum(1) / lengths[:, None]
        h = torch.tanh(self.start(mean))
        previous = torch.full((len(ids),), len(model.TARGET) - 1)
        logits = []
        for step in range(model.LENGTH):
            scores = self.w(torch.tanh(self.w_q(h)[:, None] + keys))[..., 0]
            weights = scores.masked_fill(outside, -torch.inf).softmax(-1)
            context = (weights[:, None] @ values)[:, 0]
            h = self.decoder(torch.cat([self.written(previous), context], -1), h)
            logits.append(self.output(torch.cat([h, context], -1)))
            previous = targets[:, step]
        return torch.stack(logits, 1)

    def parameters_by_name(self):
        """The names that model.py uses."""
        names = {
            "embedding": self.embedding.weight,
            "written": self.written.weight,
            "start.weight": self.start.weight,
            "start.bias": self.start.bias,
            "output.weight": self.output.weight,
            "output.bias": self.output.bias,
            "attention.w_q": self.w_q.weight,
            "attention.w_k": self.w_k.weight,
            "attention.w": self.w.weight[0],
        }
        for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            names[f"forward.{kind}"] = getattr(self.encoder, f"{kind}_l0")
            names[f"backward.{kind}"] = getattr(self.encoder, f"{kind}_l0_reverse")
            names[f"decoder.{kind}"] = getattr(self.decoder, kind)
        return {n: t.detach().numpy().astype(np.float16) for n, t in names.items()}


def batch(step: int):
    pairs = model.examples(BATCH, seed=1000 + step)
    ids, lengths = model.encode([text for text, _ in pairs])
    targets = [
        [model.TARGET.index(c) for c in iso.replace("-", "")] for _, iso in pairs
    ]
    return (
        torch.from_numpy(ids),
        torch.from_numpy(lengths).long(),
        torch.tensor(targets),
    )


def main():
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    translator = Translator()
    optimizer = torch.optim.Adam(translator.parameters(), 4e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, STEPS)
    for step in range(STEPS):
        ids, lengths, targets = batch(step)
        logits = translator(ids, lengths, targets)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(translator.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            right = (logits.argmax(-1) == targets).all(-1).float().mean()
            print(f"step {step + 1}: loss {loss.item():.4f}, dates right {right:.3f}")
    DATA.mkdir(exist_ok=True)
    np.savez_compressed(DATA / "weights.npz", **translator.parameters_by_name())


if __name__ == "__main__":
    main()
