# ===- train.py - trains the reader of numbers ----------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Trains the layers of layer.py with PyTorch and writes data/weights.npz.

./dev python examples/decoder_layer/train.py    # two minutes or so on one core
"""

import layer
import numpy as np
import spelling
import torch
from torch import nn

STEPS, BATCH, SEED = 1500, 128, 1


def main():
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    reader = layer.Reader()
    optimizer = torch.optim.Adam(reader.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, STEPS)
    for step in range(STEPS):
        numbers = spelling.examples(BATCH, seed=1000 + step)
        ids, lengths, digits = map(torch.from_numpy, spelling.encode(numbers))
        before = torch.cat([torch.full((BATCH, 1), layer.START), digits[:, :-1]], 1)
        logits = reader(ids, lengths, before)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), digits.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            right = (logits.argmax(-1) == digits).all(-1).float().mean()
            print(f"step {step + 1}: loss {loss.item():.4f}, right {right:.3f}")
    layer.DATA.mkdir(exist_ok=True)
    weights = {
        name: tensor.numpy().astype(np.float16)
        for name, tensor in reader.state_dict().items()
    }
    np.savez_compressed(layer.DATA / "weights.npz", **weights)


if __name__ == "__main__":
    main()
