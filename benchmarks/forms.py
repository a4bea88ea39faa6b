# ===- forms.py - the speed of the other forms beside PyTorch ----------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Additive, multi-head and kernel attention on one thread beside PyTorch, taken in
turns in one run.

    ./dev python benchmarks/forms.py [--compile] [FORM ...]

`--compile` adds torch.compile, which takes a while at first.
"""

import argparse
import os
import time

os.environ["OMP_NUM_THREADS"] = "1"  # before either runtime starts

import attn
import torch
from torch import nn


def additive_scores(q, k, w):
    return torch.tanh(q[:, :, None] + k[:, None]) @ w


def additive_in_torch(q, k, v, w):
    return additive_scores(q, k, w).softmax(-1) @ v


def additive(queries=1024, keys=1024, size=128, dtype=torch.float32):
    q, k, v = (torch.randn(1, n, size).to(dtype) for n in (queries, keys, keys))
    w = (torch.randn(size) / size**0.5).to(dtype)
    runs = {
        "attn": lambda: attn.additive(q, k, v, w),
        "PyTorch": lambda: additive_in_torch(q, k, v, w),
    }
    if ARGUMENTS.compile:
        compiled = torch.compile(additive_in_torch)
        runs["torch.compile"] = lambda: compiled(q, k, v, w)
    name = str(dtype).removeprefix("torch.")
    return f"additive {name} M={queries} N={keys} D={size}", runs


def additive_step():
    """One decoder step; keys are projected already."""
    return additive(queries=1, keys=4096, size=512)


def additive_step_bf16():
    """The same on keys and values of half the bytes."""
    return additive(queries=1, keys=4096, size=512, dtype=torch.bfloat16)


def multi_head():
    size, heads, length = 512, 8, 1024
    layer = nn.MultiheadAttention(size, heads, batch_first=True).eval()
    x = torch.randn(1, length, size)
    weights = [w.contiguous() for w in layer.in_proj_weight.detach().chunk(3)]
    biases = layer.in_proj_bias.detach().chunk(3)

    def compiled():
        return attn.multi_head(
            x,
            x,
            x,
            *weights,
            layer.out_proj.weight.detach(),
            num_heads=heads,
            b_q=biases[0],
            b_k=biases[1],
            b_v=biases[2],
            b_o=layer.out_proj.bias.detach(),
        )

    return f"multi-head E={size} H={heads} N={length}", {
        "attn": compiled,
        "PyTorch": lambda: layer(x, x, x, need_weights=False)[0],
    }


def kernel_regression():
    size, length = 32, 4096
    q, k, v = (torch.randn(1, length, size) for _ in range(3))

    def in_torch():
        return (-0.5 * torch.cdist(q, k) ** 2).softmax(-1) @ v

    return f"gaussian kernel N={length} D={size}", {
        "attn": lambda: attn.kernel_regression(q, k, v),
        "PyTorch": in_torch,
    }


FORMS = {
    f.__name__: f
    for f in (
        additive,
        additive_step,
        additive_step_bf16,
        multi_head,
        kernel_regression,
    )
}


@torch.no_grad()
def measure(name, runs, rounds=7):
    results = {which: run() for which, run in runs.items()}  # compiles
    for which, result in results.items():
        error = 1e-3 if result.dtype == torch.float32 else 0.02
        torch.testing.assert_close(result, results["attn"], atol=error, rtol=error)
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for which, run in runs.items():
            start = time.perf_counter()
            run()
            best[which] = min(best[which], time.perf_counter() - start)
    for which, seconds in best.items():
        ratio = seconds / best["attn"]
        print(f"{name:40} {which:14} {seconds * 1e3:9.2f} ms  {ratio:6.1f} x")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("forms", nargs="*", metavar="FORM")
    ARGUMENTS = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for form in ARGUMENTS.forms or FORMS:
        measure(*FORMS[form]())
