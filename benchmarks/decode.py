# ===- decode.py - few queries against many keys, beside both limits ----------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints, per shape, the shares of the read bandwidth and of the FMA peak that were
measured in the same run on the same buffers.

decode.py [--queries 1,4] [--lengths 4096,16384] [--types f32,bf16] [--threads 1]
          [--torch]

`--torch` adds PyTorch's scaled_dot_product_attention on tensors of the same shapes.
"""

import argparse
import time

from attnc_bench import bench

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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=numbers, default=[1, 2, 4, 8, 16])
    parser.add_argument("--lengths", type=numbers, default=[4096, 16384])
    parser.add_argument(
        "--types", type=lambda t: t.split(","), default=["f32", "bf16", "f16"]
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--torch", action="store_true")
    options = parser.parse_args()
    print("heads  M      N type      min ms    GB/s  of reading  of FMA peak  PyTorch")
    for type in options.types:
        for keys in options.lengths:
            for heads, kv_heads in HEADS:
                for queries in options.queries:
                    shape = (heads, kv_heads, queries, keys, type)
                    r = bench(attention(*shape), f"--threads={options.threads}")
                    peer = "-"
                    if options.torch:
                        ms = torch_milliseconds(*shape, options.threads)
                        peer = f"{ms / r['min_ms']:.1f}x"
                    print(
                        f"{heads:3}/{kv_heads} {queries:2} {keys:6} {type:4} "
                        f"{r['min_ms']:11.3f} {r['gb_per_s']:7.2f} "
                        f"{r['percent_of_read']:10.1f}% {r['percent_of_peak']:11.1f}% "
                        f"{peer:>8}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
