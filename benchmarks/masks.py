# ===- masks.py - what masks cost -----------------------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints what masks cost: planning, skipped tiles, partial tiles, long sequences.

Run it through `./dev python benchmarks/masks.py`, one thread, f32, D=64. Shares are of
the FMA peak that `attnc bench` measures in the same run.
"""

import json
import resource
import subprocess
import time
from pathlib import Path

import attn
import numpy as np
import torch

ATTNC = Path(__file__).parents[1] / "build" / "bin" / "attnc"
D = 64
TILE = (64, 96)  # of compiled functions on AVX-512
FLOPS = 4 * D  # per pair: two products


def attention(mask, captures=""):
    tensor = f"tensor<1x1x?x{D}xf32>"
    clause = "mask(%m)" if mask else ""
    return attn.compile(
        f"""func.func @f(%q: {tensor}, %k: {tensor}, %v: {tensor}{captures}) -> {tensor} {{
          {mask}
          %o = attn.scaled_dot_product %q, %k, %v {clause} : {tensor}, {tensor}, {tensor} -> {tensor}
          return %o : {tensor}
        }}""",
        threads=1,
    )


CAUSAL = "%m = attn.mask.causal"
DOCUMENTS = """%c = attn.mask.causal
          %d = attn.mask.document %ids : tensor<?xi32>
          %m = attn.mask.and %c, %d"""
IDS = ", %ids: tensor<?xi32>"


def window(past):
    return f"%m = attn.mask.window past = {past} future = 0"


def tensors(length):
    random = np.random.default_rng(0)
    shape = (1, 1, length, D)
    return [random.standard_normal(shape, dtype=np.float32) for _ in range(3)]


def seconds(call, *inputs, least=0.3):
    """The least time of a call, of at least two after a first one."""
    call(*inputs)
    times = []
    while len(times) < 2 or sum(times) < least:
        start = time.perf_counter()
        call(*inputs)
        times.append(time.perf_counter() - start)
    return min(times)


def documents(length, mean):
    """Sorted ids, of documents of random lengths."""
    random = np.random.default_rng(1)
    ends = np.cumsum(random.integers(1, 2 * mean, size=4 * length // mean + 4))
    return np.searchsorted(ends, np.arange(length), side="right").astype(np.int32)


def fma_peak():
    text = f"""func.func @f(%q: tensor<64x{D}xf32>) -> tensor<64x{D}xf32> {{
      %o = attn.scaled_dot_product %q, %q, %q : tensor<64x{D}xf32>, tensor<64x{D}xf32>, tensor<64x{D}xf32> -> tensor<64x{D}xf32>
      return %o : tensor<64x{D}xf32>
    }}"""
    command = [str(ATTNC), "bench", "-", "--json", "--threads=1"]
    run = subprocess.run(
        command, input=text, capture_output=True, text=True, check=True
    )
    return json.loads(run.stdout)["peak_gflops"]


def visited_pairs(length, past, ids):
    """Pairs of the tiles that a window within sorted documents reaches: the kept keys
    of a tile of queries are one range."""
    begins = np.searchsorted(ids, ids)
    first = np.arange(0, length, TILE[0])
    end = np.minimum(first + TILE[0], length)
    lower = np.maximum(begins[first], first - past) // TILE[1] * TILE[1]
    upper = np.minimum(-(-end // TILE[1]) * TILE[1], length)
    return int(((upper - lower) * (end - first)).sum())


def planning():
    length = 32768
    ids = torch.from_numpy(documents(length, 2048))

    def mask_mod(b, h, q_idx, kv_idx):
        return (ids[q_idx] == ids[kv_idx]) & (q_idx >= kv_idx)

    attn.create_block_mask(lambda b, h, q, kv: q >= kv, 1, 1, 8, 8)
    start = time.perf_counter()
    mask = attn.create_block_mask(mask_mod, 1, 1, length, length)
    print(
        f"create_block_mask, first call     {1e3 * (time.perf_counter() - start):8.2f} ms"
    )
    again = seconds(attn.create_block_mask, mask_mod, 1, 1, length, length)
    print(f"create_block_mask, again          {1e3 * again:8.2f} ms")
    classes = seconds(mask.classify, 1, 1, length, length, TILE)
    print(
        f"pre-pass and all {np.prod([-(-length // t) for t in TILE])} tiles    {1e3 * classes:8.2f} ms"
    )
    q, k, v = tensors(length)
    packed = attention(DOCUMENTS, IDS)
    packed(q[:, :, :64], k[:, :, :64], v[:, :, :64], ids.numpy()[:64])
    out = packed(q, k, v, np.arange(length, dtype=np.int32))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    del out
    packed(q, k, v, ids.numpy())
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"memory beyond that of a diagonal  {(after - before) / 1024:8.2f} MB")


def skipping(peak):
    length = 8192
    inputs = tensors(length)
    full, causal = seconds(attention(""), *inputs), seconds(attention(CAUSAL), *inputs)
    share = FLOPS * length**2 / full / 1e9 / peak
    print(
        f"no mask, N=8k                     {1e3 * full:8.1f} ms, {100 * share:.0f}% of the FMA peak"
    )
    print(f"causal over full, N=8k            {causal / full:8.3f}")


def partial_tiles():
    """The time of a second tile of keys, partial under a window and without a mask:
    heads of one tile of queries share the keys, calls are made in turn."""
    heads, (rows, columns) = 64, TILE
    random = np.random.default_rng(0)

    def case(mask, keys):
        query, key = f"tensor<1x{heads}x{rows}x{D}xf32>", f"tensor<1x1x{keys}x{D}xf32>"
        clause = "mask(%m)" if mask else ""
        call = attn.compile(
            f"""func.func @f(%q: {query}, %k: {key}, %v: {key}) -> {query} {{
              {mask}
              %o = attn.scaled_dot_product %q, %k, %v {clause} : {query}, {key}, {key} -> {query}
              return %o : {query}
            }}""",
            threads=1,
        )
        shapes = ((1, heads, rows, D), *[(1, 1, keys, D)] * 2)
        return call, [random.standard_normal(s, dtype=np.float32) for s in shapes]

    # Windows that cut both the first tile of keys and the last.
    cut = {
        columns: f"%m = attn.mask.window past = 1 future = {columns - 34}",
        2 * columns: f"%m = attn.mask.window past = 1 future = {2 * columns - 52}",
    }
    cases = {("none", keys): case("", keys) for keys in cut}
    cases |= {("window", keys): case(mask, keys) for keys, mask in cut.items()}
    least = {}
    for _ in range(400):
        for name, (call, inputs) in cases.items():
            start = time.perf_counter()
            call(*inputs)
            taken = time.perf_counter() - start
            least[name] = min(least.get(name, taken), taken)
    second = {
        mask: least[mask, 2 * columns] - least[mask, columns]
        for mask in ("none", "window")
    }
    print(f"partial tile over full one        {second['window'] / second['none']:8.3f}")


def doubling():
    call = attention(window(1024))
    times = [seconds(call, *tensors(n), least=1) for n in (32768, 65536, 131072)]
    print(
        f"window 1024, N=32k to 64k to 128k {times[1] / times[0]:8.3f} {times[2] / times[1]:.3f}"
    )


def million(peak):
    length, past = 1 << 20, 1024
    inputs = tensors(length)
    ids = documents(length, 8192)
    call = attention(
        f"""%w = attn.mask.window past = {past} future = 0
          %d = attn.mask.document %ids : tensor<?xi32>
          %m = attn.mask.and %w, %d""",
        IDS,
    )
    call(*(t[:, :, :64] for t in inputs), ids[:64])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    out = call(*inputs, ids)
    taken = time.perf_counter() - start
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    work = FLOPS * visited_pairs(length, past, ids)
    share = work / taken / 1e9 / peak
    print(
        f"1M tokens, window and documents   {1e3 * taken:8.0f} ms, {100 * share:.0f}% of the FMA peak on visited tiles"
    )
    print(f"memory beyond tensors             {grown - out.nbytes / 2**20:8.1f} MB")


def main():
    peak = fma_peak()
    print(f"FMA peak                          {peak:8.1f} GFLOP/s")
    planning()
    skipping(peak)
    partial_tiles()
    doubling()
    million(peak)


if __name__ == "__main__":
    main()
