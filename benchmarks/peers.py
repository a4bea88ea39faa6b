# ===- peers.py - attn beside other libraries ---------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Measures attn and its peers on the same tensors, one call of each in turn, beside
the FMA peak and the read bandwidth of the same run; writes a table, the figures as
JSON and a roofline picture. Results of earlier runs in the same directory are kept
for the problems that are not measured anew."""

import argparse
import functools
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parents[1]
ATTNC = ROOT / "build" / "bin" / "attnc"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--seconds", type=float, default=1.0, help="per library, problem"
    )
    parser.add_argument("--only", default="", help="what names of problems match")
    parser.add_argument("--library", default="", help="what names of peers match")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build" / "peers")
    return parser.parse_args()


KINDS = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}


def problems():
    from peer_libraries import Problem

    def square(kind, size, length, causal=False, heads=4, window=None):
        name = f"{kind} D={size} N={length}"
        name += f" {heads} heads" if heads != 4 else ""
        name += f" window {window}" if window else " causal" if causal else ""
        shape = (heads, heads, length, length, size, causal, window)
        return Problem(name, *shape, dtype=KINDS[kind])

    def rows(kind, queries, heads, key_heads):
        name = "decode" if queries == 1 else f"M={queries}"
        name = f"{kind} {name} D=128 N=16384 {heads}/{key_heads} heads"
        shape = (heads, key_heads, queries, 16384, 128)
        return Problem(name, *shape, dtype=KINDS[kind])

    for kind, lengths in (("f32", (1024, 4096, 8192)), ("bf16", (1024, 4096))):
        for size in (64, 128):
            for length in lengths:
                for causal in (False, True):
                    yield square(kind, size, length, causal)
    for size in (64, 128):
        yield square("f16", size, 1024)
    yield square("f32", 64, 4096, True, window=256)
    for size, length in ((40, 1024), (80, 1024), (256, 1024), (64, 1000)):
        yield square("f32", size, length)
    for length in (64, 128, 256, 512):
        yield square("f32", 64, length, heads=64)
    for kind in KINDS:
        for queries, heads, key_heads in (
            (1, 32, 8),
            (1, 8, 8),
            (4, 32, 8),
            (16, 8, 8),
        ):
            yield rows(kind, queries, heads, key_heads)


@functools.cache
def measure_peak(kind, threads):
    """GFLOP/s of a compiled loop of multiply-adds on elements of this type."""
    tensor = f"tensor<1x1x16x16x{kind}>"
    source = f"""func.func @f(%q: {tensor}) -> {tensor} {{
      %o = attn.scaled_dot_product %q, %q, %q : {tensor}, {tensor}, {tensor} -> {tensor}
      return %o : {tensor}
    }}"""
    command = [str(ATTNC), "bench", "-", "--json", f"--threads={threads}"]
    run = subprocess.run(command, input=source, capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stderr)
    return json.loads(run.stdout)["peak_gflops"]


def measure_bandwidth():
    """GB/s of a sum over a buffer beyond all caches."""
    import torch

    buffer = torch.ones(1 << 28, dtype=torch.float32)
    best = min(timed(lambda: buffer.sum()) for _ in range(5))
    return buffer.numel() * 4 / best / 1e9


def timed(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def load_libraries(wanted):
    """Those that are installed; the rest is said."""
    from peer_libraries import LIBRARIES

    loaded = []
    for library in LIBRARIES:
        if library.name != "attn" and not re.search(wanted, library.name):
            continue
        try:
            loaded.append(library())
        except ImportError as error:
            print(f"{library.name} is not measured: {error}", flush=True)
    return loaded


def prepare(libraries, problem):
    """The calls by name, each made once, and the largest difference of its result
    from attn's."""
    import numpy as np
    import torch
    from peer_libraries import Unsupported

    calls, expected = {}, None
    tensors = problem.tensors()
    for library in libraries:
        try:
            call = library.prepare(problem, *tensors)
            result = call()
        except Unsupported as reason:
            print(f"  {library.name}: {reason}")
            continue
        except Exception as error:  # a peer's failure is no failure of this run
            print(f"  {library.name} fails: {str(error).splitlines()[0][:200]}")
            continue
        values = torch.as_tensor(
            np.asarray(result) if not torch.is_tensor(result) else result
        )
        values = values.float().reshape(tensors[0].shape)
        expected = values if expected is None else expected
        difference = (values - expected).abs().max().item()
        if difference > (1e-4 if problem.dtype == "float32" else 3e-2):
            print(f"  {library.name} computes something else: {difference:.2g} apart")
            continue
        calls[library.name] = call
    return calls


def measure(calls, seconds):
    """The least time of each call; rounds of one call of each. A call that takes
    longer than a library's share of the time is not repeated."""
    times = {name: [timed(call)] for name, call in calls.items()}
    quick = [name for name, (first,) in times.items() if first < seconds]
    start = time.perf_counter()
    while quick and (
        time.perf_counter() - start < seconds * len(quick) or len(times[quick[0]]) < 3
    ):
        for name in quick:
            times[name].append(timed(calls[name]))
    return {name: min(values) for name, values in times.items()}


def describe_machine():
    model = next(
        (
            line.split(":")[1].strip()
            for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return f"{model}, {os.cpu_count()} CPUs"


def write_table(results, path):
    names = list(dict.fromkeys(n for r in results.values() for n in r["ms"]))
    lines = ["| ms | " + " | ".join(names) + " | attn, of the limit |"]
    lines.append("|---" * (len(names) + 2) + "|")
    for problem, result in results.items():
        least = min(result["ms"].values())
        cells = []
        for name in names:
            value = result["ms"].get(name)
            text = "–" if value is None else f"{value:.3g}"
            cells.append(f"**{text}**" if value == least else text)
        share = result["limit_ms"] / result["ms"]["attn"]
        lines.append(f"| {problem} | {' | '.join(cells)} | {share:.0%} |")
    lost = [p for p, r in results.items() if min(r["ms"], key=r["ms"].get) != "attn"]
    lines += ["", "A peer is faster at: " + ("; ".join(lost) or "none of these") + "."]
    path.write_text("\n".join(lines) + "\n")
    print(path.read_text())


def main():
    arguments = parse_arguments()
    # Before any library starts its threads.
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    import attn
    import torch

    torch.set_num_threads(arguments.threads)
    torch.set_grad_enabled(False)
    arguments.out.mkdir(parents=True, exist_ok=True)
    saved = arguments.out / "peers.json"
    data = json.loads(saved.read_text()) if saved.exists() else {}
    results = data.get("results", {})
    libraries = load_libraries(arguments.library)
    bandwidth = measure_bandwidth()
    for problem in problems():
        if not re.search(arguments.only, problem.name):
            continue
        print(problem.name, flush=True)
        calls = prepare(libraries, problem)
        peak = measure_peak(problem.name.split()[0], arguments.threads)
        times = measure(calls, arguments.seconds)
        limit = max(problem.flops / peak, problem.bytes / bandwidth) / 1e9
        known = results.setdefault(problem.name, {"ms": {}})
        known["ms"].update({n: 1e3 * t for n, t in times.items()})
        known.update(
            limit_ms=1e3 * limit,
            peak_gflops=peak,
            gb_per_s=bandwidth,
            flops=problem.flops,
            bytes=problem.bytes,
        )
        # At once: what comes next may take too long for somebody.
        data = {
            "machine": describe_machine(),
            "threads": arguments.threads,
            "results": results,
        }
        saved.write_text(json.dumps(data, indent=2) + "\n")
    if not results:
        sys.exit(f"no problem is named '{arguments.only}'")
    write_table(results, arguments.out / "peers.md")
    f32 = [r for p, r in results.items() if p.startswith("f32")] or list(
        results.values()
    )
    points = [
        (name, r["flops"] / r["bytes"], r["flops"] / ms / 1e6)
        for r in f32
        for name, ms in r["ms"].items()
    ]
    attn.plot.roofline(
        points,
        peak=f32[-1]["peak_gflops"],
        bandwidth=bandwidth,
        path=arguments.out / "roofline.png",
    )


if __name__ == "__main__":
    main()
