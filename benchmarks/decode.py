# ===- decode.py - few queries against many keys, beside both limits ----------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints, per shape, how fast keys and values are read: the share of the rate at which
a loop that only reads them does, of neighbours in time (the median and the quartiles),
and of the peak of f32 multiply-adds.

decode.py [--queries 1,4] [--lengths 4096,16384] [--types f32,bf16] [--pages small,huge]
          [--seconds 1] [--torch]

`--torch` adds PyTorch's scaled_dot_product_attention on tensors of the same shapes.
"""

import argparse
import itertools
import time

from attnc_bench import bench
from interleaved import Shares

HEADS = [(32, 8), (8, 8)]


def attention(heads, kv_heads, queries, keys, type):
    query = f"tensor<1x{heads}x{queries}x128x{type}>"
    key = f"tensor<1x{kv_heads}x{keys}x128x{type}>"
    return f"""func.func @f(%q: {query}, %k: {key}, %v: {key}) -> {query} {{
      %o = attn.scaled_dot_product %q, %k, %v : {query}, {key}, {key} -> {query}
      return %o : {query}
    }}"""


def torch_milliseconds(heads, kv_heads, queries, keys, type, threads):
    """The least time of a call of PyTorch's attention within a second."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    torch.set_num_threads(threads)
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}[type]
    query = torch.randn(1, heads, queries, 128, dtype=dtype)
    key, value = (torch.randn(1, kv_heads, keys, 128, dtype=dtype) for _ in range(2))
    times, start = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - start < 1:
        before = time.perf_counter()
        scaled_dot_product_attention(query, key, value, enable_gqa=True)
        times.append(time.perf_counter() - before)
    return 1e3 * min(times)


def numbers(text):
    return [int(number) for number in text.split(",")]


def names(text):
    return text.split(",")


def row(heads, kv_heads, queries, keys, type, pages, options, peak):
    """What is printed of one shape."""
    text = attention(heads, kv_heads, queries, keys, type)
    query, key = (1, heads, queries, 128), (1, kv_heads, keys, 128)
    r = Shares(text, query, key, type, pages == "huge", options.seconds)
    flops = 4 * heads * queries * keys * 128
    peer = "-"
    if options.torch:
        peer = torch_milliseconds(heads, kv_heads, queries, keys, type, 1)
        peer = f"{peer / r.ms:.1f}x"
    return (
        f"{heads:3}/{kv_heads} {queries:2} {keys:6} {type:4} {pages:5} {r.ms:9.3f} "
        f"{r.gb_per_s:6.1f} {100 * r.share:8.0f}% ({100 * r.least:.0f} to "
        f"{100 * r.most:.0f}) {flops / r.ms / 1e4 / peak:8.0f}% {peer:>8}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=numbers, default=[1, 2, 4, 8, 16])
    parser.add_argument("--lengths", type=numbers, default=[4096, 16384])
    parser.add_argument("--types", type=names, default=["f32", "bf16", "f16"])
    parser.add_argument("--pages", type=names, default=["small"])
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--torch", action="store_true")
    options = parser.parse_args()
    peak = bench(attention(1, 1, 16, 256, "f32"), "--threads=1")["peak_gflops"]
    print(f"f32 multiply-adds: {peak:.0f} GFLOP/s")
    print("heads  M      N type pages    min ms   GB/s  of reading     of FMA  PyTorch")
    for type, keys, (heads, kv_heads), queries, pages in itertools.product(
        options.types, options.lengths, HEADS, options.queries, options.pages
    ):
        shape = (heads, kv_heads, queries, keys, type, pages)
        print(row(*shape, options, peak), flush=True)


if __name__ == "__main__":
    main()
