# ===- train.py - a small vision transformer on handwritten digits ---------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Trains one transformer block on scikit-learn's digits with PyTorch and writes
data/weights.npz.

    python3 train.py    # about a minute on one core
"""

from pathlib import Path

import digits
import numpy as np
import torch
from torch import nn

DATA = Path(__file__).parent / "data"
EPOCHS, BATCH, SEED = 60, 64, 0


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        size, heads = digits.SIZE, digits.HEADS
        self.embed = nn.Linear(4, size)
        self.norm1, self.norm2 = nn.LayerNorm(size), nn.LayerNorm(size)
        self.attention = nn.MultiheadAttention(size, heads, batch_first=True)
        self.bias = nn.Parameter(torch.zeros(heads, 7, 7))
        self.up, self.down = nn.Linear(size, 2 * size), nn.Linear(2 * size, size)
        self.head = nn.Linear(size, 10)
        row, column = torch.arange(16) // 4, torch.arange(16) % 4
        self.rows = row[None] - row[:, None] + 3
        self.columns = column[None] - column[:, None] + 3

    def forward(self, patches):
        x = self.embed(patches)
        y = self.norm1(x)
        bias = self.bias[:, self.rows, self.columns].repeat(len(x), 1, 1)
        x = x + self.attention(y, y, y, attn_mask=bias, need_weights=False)[0]
        x = x + self.down(torch.relu(self.up(self.norm2(x))))
        return self.head(x.mean(1))


def main():
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    patches, labels, train = digits.load()
    patches, labels = torch.from_numpy(patches), torch.from_numpy(labels)
    model = Classifier()
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for epoch in range(EPOCHS):
        for chosen in torch.from_numpy(train)[torch.randperm(len(train))].split(BATCH):
            noisy = patches[chosen] + 0.1 * torch.randn_like(patches[chosen])
            loss = nn.functional.cross_entropy(model(noisy), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    with torch.no_grad():
        logits = model.eval()(patches).numpy()
    held_out = np.setdiff1d(np.arange(len(labels)), train)
    right = (logits.argmax(-1) == labels.numpy())[held_out].mean()
    print(f"loss {loss.item():.3f}, {right:.1%} of the held-out digits right")
    parameters = {n: t.detach().numpy() for n, t in model.named_parameters()}
    DATA.mkdir(exist_ok=True)
    np.savez_compressed(DATA / "weights.npz", logits=logits[:64], **parameters)


if __name__ == "__main__":
    main()
