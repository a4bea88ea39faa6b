# ===- demo.py - a trained attention block, compiled and checked ------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles the attention block of the character transformer, runs it on real text,
compares with what PyTorch recorded and with the fp64 reference, measures it, and
draws who attends to whom. Needs neither PyTorch nor a network."""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import attn
import numpy as np
from reference import layer, load_parameters

HERE = Path(__file__).resolve().parent
DATA = HERE / "data"
SOURCE = HERE / "attention.mlir"
PARAMETERS = ["w_q", "w_k", "w_v", "w_o", "b_q", "b_k", "b_v", "b_o"]
# PyTorch's float32 results are off by this much themselves (see reference.py).
TOLERANCE = 2e-5
# A sentence's worth of characters is what a picture can label.
PICTURE_LENGTH = 64


def batch_of(embeddings, copies):
    """A batch large enough to time: the sample's embeddings, repeated."""
    return np.ascontiguousarray(np.repeat(embeddings, copies, axis=0))


def flops(batch, length, dim):
    """Of four projections, and of attention on the pairs that causality keeps."""
    projections = 4 * 2 * length * dim * dim
    attention = 2 * 2 * dim * length * (length + 1) // 2
    return batch * (projections + attention)


def best_time(function, *arguments, seconds=1.0):
    best, start = float("inf"), time.perf_counter()
    while time.perf_counter() - start < seconds:
        begin = time.perf_counter()
        function(*arguments)
        best = min(best, time.perf_counter() - begin)
    return best


def attnc(*arguments):
    """Runs the compiler's command line of this build."""
    tool = HERE.parents[1] / "build" / "bin" / "attnc"
    return subprocess.run(
        [str(tool), *map(str, arguments)], capture_output=True, text=True
    )


def peak_gflops():
    """The FMA peak that a compiled loop reaches on this machine."""
    run = attnc("bench", SOURCE, "--json", "--dim", "x.0=1", "--dim", "x.1=128")
    return json.loads(run.stdout)["peak_gflops"] if run.returncode == 0 else None


def check_reference():
    """The compiler's own check of this block against the fp64 reference."""
    weights = DATA / "weights"
    arguments = [f"x={DATA / 'sample_embeddings.npy'}"]
    arguments += [f"{n}={weights / f'layers.0.{n}.npy'}" for n in PARAMETERS]
    flags = [part for a in arguments for part in ("--arg", a)]
    return attnc("run", SOURCE, "--check", *flags)


def draw(weights, text, path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    length = min(PICTURE_LENGTH, len(text))
    labels = [c if not c.isspace() else "·" for c in text[:length]]
    heads = weights.shape[1]
    figure, axes = pyplot.subplots(
        1, heads, figsize=(5.2 * heads, 5.6), layout="constrained"
    )
    attn.plot.weights(
        weights[0, :, :length, :length],
        query_labels=labels,
        key_labels=labels,
        axes=axes,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    default = HERE.parents[1] / "build" / "demo" / "weights.png"
    parser.add_argument("--picture", type=Path, default=default)
    options = parser.parse_args()

    parameters = layer(load_parameters(DATA), 0)
    arguments = [parameters[name].astype(np.float32) for name in PARAMETERS]
    text = (DATA / "sample.txt").read_text()
    embeddings = np.load(DATA / "sample_embeddings.npy")

    begin = time.perf_counter()
    block = attn.compile(str(SOURCE))
    compile_ms = 1e3 * (time.perf_counter() - begin)
    output, weights = block(embeddings, *arguments)
    print(f"text: {text[:60]!r}...")
    print(f"compiled {SOURCE.name} in {compile_ms:.0f} ms")

    batch = batch_of(embeddings, 16)
    seconds = best_time(block, batch, *arguments)
    gflops = flops(*batch.shape) / seconds / 1e9
    peak = peak_gflops()
    share = f", {100 * gflops / peak:.0f}% of the FMA peak" if peak else ""
    print(
        f"ran {batch.shape[0]} x {batch.shape[1]} characters in {1e3 * seconds:.2f} ms: "
        f"{gflops:.1f} GFLOP/s{share} (weights written too)"
    )

    expected = np.load(DATA / "expected_output.npy")
    expected_weights = np.load(DATA / "expected_weights.npy")
    errors = [
        float(np.abs(output - expected).max()),
        float(np.abs(weights - expected_weights).max()),
    ]
    print(f"against PyTorch: output {errors[0]:.1e}, weights {errors[1]:.1e}")
    reference = check_reference()
    print(f"against fp64: {reference.stdout.strip() or reference.stderr.strip()}")

    draw(weights, text, options.picture)
    print(f"picture: {options.picture}")
    error = max(errors)
    passed = error <= TOLERANCE and reference.returncode == 0
    print(f"demo {'passed' if passed else 'failed'}: largest error {error:.1e}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
