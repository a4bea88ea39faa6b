# ===- run.py - all that has a goal, beside it -----------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints what has a goal beside it, each ratio measured in one run: shares of the FMA
peak and of the rate of reading, two threads beside one, calls from Python and
compilations.

    ./dev bench [GROUP ...]
"""

import argparse
import functools
import itertools
import subprocess
import tempfile
import time
import timeit
from pathlib import Path

import decode
import kernels
from attnc_bench import ATTNC, bench
from interleaved import Shares


def show(work, measured, goal, reached, disturbed=False):
    verdict = "  disturbed" if disturbed else "" if reached else "  short of it"
    print(f"{work:52} {measured:>20} {goal:>18}{verdict}", flush=True)


def show_share(work, percent, goal, of, disturbed=False):
    """Of a peak that was measured beside other programs there may be more than all."""
    disturbed |= of == "FMA" and percent > 100
    show(work, f"{percent:.1f}% of {of}", f"{goal}%", percent >= goal, disturbed)


# ===- One thread ----------------------------------------------------------------===#


def goal_of(group, type, mask, **_):
    """In percent of the peak."""
    if group == "types":
        return {"bf16": 82, "f16": 80}[type]
    return {
        "long": 85 if mask == "causal" else 90,
        "sizes": 75,
        "short": 75,
        "targets": 85,
    }[group]


def run_kernels(group):
    for case in kernels.ATTENTION[group]:
        name, r = kernels.measure_attention(**case)
        show_share(name, r["percent_of_peak"], goal_of(group, **case), "FMA")


@functools.cache
def peak_of(type):
    """Of the multiply-adds of few queries, in the quietest of three moments."""
    text = decode.attention(1, 1, 16, 256, type)
    return max(bench(text, "--threads=1")["peak_gflops"] for _ in range(3))


def run_few(queries, lengths):
    """One query beside reading, more beside the nearer of both limits."""
    for type, keys, (heads, kv_heads), m, pages in itertools.product(
        ("f32", "bf16", "f16"), lengths, decode.HEADS, queries, ("small", "huge")
    ):
        text = decode.attention(heads, kv_heads, m, keys, type)
        shapes = (1, heads, m, 128), (1, kv_heads, keys, 128)
        r = Shares(text, *shapes, type, pages == "huge")
        name = f"{type:4} M={m} {heads}/{kv_heads} heads N={keys}, {pages} pages"
        share = 4 * heads * m * keys * 128 / r.ms / 1e6 / peak_of(type)
        if m == 1:
            show_share(name, 100 * r.share, 85, "reading")
        elif r.share > share:
            show_share(name, 100 * r.share, 70, "reading")
        else:
            show_share(name, 100 * share, 70, "FMA")


# ===- Beside the work -----------------------------------------------------------===#


def run_threads():
    """How much faster two threads are, of how much that makes multiply-adds."""
    for mask, length in itertools.product(("none", "causal"), (2048, 4096)):
        text = kernels.attention("f32", mask, 64, 64, heads=4)
        sizes = [f"--dim={name}={length}" for name in "MN"]
        one, two = (bench(text, *sizes, f"--threads={n}") for n in (1, 2))
        gained = one["min_ms"] / two["min_ms"]
        possible = two["peak_gflops"] / one["peak_gflops"]
        name = f"two threads, {mask}, N={length}: {gained:.2f} times"
        disturbed = possible < 1.8  # another program has taken a core
        show_share(name, 100 * gained / possible, 95, f"{possible:.2f}", disturbed)


def run_calls():
    """One call of a compiled function on one row: all of it is overhead."""
    import attn
    import numpy as np
    import torch

    row = np.ones((1, 1, 1, 64), np.float32)
    for name, x in (("NumPy", row), ("PyTorch", torch.from_numpy(row))):
        call = functools.partial(attn.scaled_dot_product, x, x, x)
        call()
        least = min(timeit.repeat(call, number=200, repeat=60)) / 200
        show(f"call with {name}", f"{1e6 * least:.1f} us", "20 us", least <= 20e-6)


def seconds_of(command):
    start = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - start


def run_compile():
    """Whole processes; the median, as each starts from what others left."""
    text = kernels.attention("f32", "none", 64, 64, heads=8)
    causal = kernels.attention("f32", "causal", 64, 64, heads=8)
    with tempfile.TemporaryDirectory() as directory:
        source, cache = Path(directory) / "f.mlir", f"{directory}/cache"
        for name, text, place, goal in (
            ("known length, cold", text.replace("?", "1024"), "off", 150),
            ("any length, cold", text, "off", 150),
            ("any length, causal, cold", causal, "off", 150),
            ("any length, causal, from the cache", causal, cache, 10),
        ):
            source.write_text(text)
            command = [ATTNC, "compile", source, "-o", f"{directory}/f.o"]
            times = [seconds_of([*command, f"--cache={place}"]) for _ in range(10)]
            median = 1e3 * sorted(times[1:])[4]
            show(f"compile, {name}", f"{median:.1f} ms", f"{goal} ms", median <= goal)


GROUPS = {
    **{name: functools.partial(run_kernels, name) for name in kernels.ATTENTION},
    "decode": lambda: run_few([1], [4096, 16384, 65536]),
    "few": lambda: run_few([2, 4, 8, 16], [16384]),
    "threads": run_threads,
    "calls": run_calls,
    "compile": run_compile,
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS))
    groups = parser.parse_args().groups or GROUPS
    if unknown := [group for group in groups if group not in GROUPS]:
        parser.error(f"unknown group '{unknown[0]}'; use {', '.join(GROUPS)}")
    print(f"{'':52} {'measured':>20} {'goal':>18}")
    for group in groups:
        GROUPS[group]()


if __name__ == "__main__":
    main()
