# ===- gpu.py - the speed of compiled attention on a CUDA device ---------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attention on a CUDA device beside PyTorch's own: first right, then fast.

Checks every case against attention in float64, measures it beside PyTorch's
scaled_dot_product_attention (cuDNN and FlashAttention backends) and FlexAttention
in interleaved order, and writes DIR/gpu.json, DIR/gpu.md and DIR/gpu.png (a
roofline). Exits with 1 where a result is wrong.

    ./dev python benchmarks/gpu.py [--out DIR] [--quick]

It wants a PyTorch with CUDA; the peaks of the roofline are measured in the run.
"""

import argparse
import dataclasses
import json
import math
import statistics
import sys
from pathlib import Path

import attn
import torch

#: Heads, key heads, head size, lengths.
SHAPES = [
    (16, 16, 64, (1024, 4096, 8192, 16384)),
    (64, 8, 128, (1024, 4096, 8192, 16384)),
]
QUICK = [(4, 2, 64, (512,)), (4, 4, 128, (1024,))]
WINDOW = 1024
#: Calls before measuring, and measured ones.
WARM, CALLS = 3, 20
DEVICE = "cuda"


@dataclasses.dataclass
class Case:
    """One row of the table."""

    mask: str
    dtype: torch.dtype
    heads: int
    kv_heads: int
    head_size: int
    length: int

    @property
    def name(self):
        return (
            f"{self.mask}, {str(self.dtype).removeprefix('torch.')}, "
            f"{self.heads}/{self.kv_heads} heads, D={self.head_size}, N={self.length}"
        )

    @property
    def kept(self):
        """Pairs that the mask keeps, per head."""
        n = self.length
        if self.mask == "full":
            return n * n
        window = min(n, WINDOW + 1) if self.mask == "window" else n
        return window * (window + 1) // 2 + (n - window) * window

    @property
    def flops(self):
        return 4 * self.heads * self.head_size * self.kept

    @property
    def bytes(self):
        """What has to move at least: inputs and output, once."""
        return 4 * (self.heads + self.kv_heads) * self.length * self.head_size


def tensors(case):
    torch.manual_seed(0)

    def make(heads):
        shape = (1, heads, case.length, case.head_size)
        return torch.randn(shape, device=DEVICE, dtype=case.dtype)

    return make(case.heads), make(case.kv_heads), make(case.kv_heads)


def keeps(case, i, j):
    """The mask of a case on index tensors; as FlexAttention's mask_mod is."""
    if case.mask == "full":
        return (i >= 0) & (j >= 0)
    causal = i >= j
    return causal & (i - j <= WINDOW) if case.mask == "window" else causal


def reference(case, q, k, v):
    """Attention in float64, some rows of a head at a time, and per row
    sum p |v|, which bounds what rounding may do."""
    group = case.heads // case.kv_heads
    outputs, bounds = [], []
    columns = torch.arange(case.length, device=DEVICE)
    for head in range(case.heads):
        keys, values = k[0, head // group].double(), v[0, head // group].double()
        for rows in columns.split(1024):
            scores = q[0, head, rows].double() @ keys.T / math.sqrt(case.head_size)
            kept = keeps(case, rows[:, None], columns[None, :])
            weights = scores.masked_fill(~kept, -math.inf).softmax(-1)
            outputs.append(weights @ values)
            bounds.append(weights @ values.abs())
    shape = (1, case.heads, case.length, case.head_size)
    return torch.cat(outputs).view(shape), torch.cat(bounds).view(shape)


def is_right(case, result, expected, bound):
    """The error as a share of the bound: weights and result are rounded to the
    type, products are summed in float32. At most 1 where it is right; a NaN is
    not."""
    unit = torch.finfo(case.dtype).eps
    error = (result.double() - expected).abs() / (4 * unit * bound)
    share = error.max().item()
    return share, share <= 1


def attn_call(case, q, k, v):
    masks = {
        "full": lambda: None,
        "causal": attn.mask.causal,
        "window": lambda: attn.mask.causal() & attn.mask.window(past=WINDOW, future=0),
    }
    mask = masks[case.mask]()
    return lambda: attn.scaled_dot_product(q, k, v, mask=mask)


def sdpa_call(backend):
    """PyTorch's attention by one of its backends, or None where it has no such
    mask."""

    def make(case, q, k, v):
        if case.mask == "window":
            return None
        options = dict(is_causal=case.mask == "causal", enable_gqa=True)

        def call():
            with torch.nn.attention.sdpa_kernel(backend):
                return torch.nn.functional.scaled_dot_product_attention(
                    q, k, v, **options
                )

        return call

    return make


def flex_call(case, q, k, v):
    """FlexAttention, compiled. What building the mask takes is measured apart."""
    from torch.nn.attention import flex_attention as flex

    compiled = torch.compile(flex.flex_attention)
    block_mask = None
    if case.mask != "full":
        block_mask = flex.create_block_mask(
            lambda b, h, i, j: keeps(case, i, j), None, None, case.length, case.length
        )
    return lambda: compiled(
        q, k, v, block_mask=block_mask, enable_gqa=case.heads != case.kv_heads
    )


def flex_mask_ms(case):
    """Milliseconds that FlexAttention takes for the mask of a new length."""
    from torch.nn.attention import flex_attention as flex

    if case.mask == "full":
        return 0.0
    return time_ms(
        lambda: flex.create_block_mask(
            lambda b, h, i, j: keeps(case, i, j), None, None, case.length, case.length
        ),
        calls=3,
    )


def time_ms(call, calls):
    """The median of `calls`, by the device's clock."""
    times = []
    for _ in range(calls):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        call()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    return statistics.median(times)


def measure(calls):
    """The median time of each call, all of them taking turns."""
    times = {name: [] for name in calls}
    for name, call in calls.items():
        for _ in range(WARM):
            call()
    for _ in range(CALLS):
        for name, call in calls.items():
            times[name].append(time_ms(call, 1))
    return {name: statistics.median(each) for name, each in times.items()}


def contenders():
    backends = torch.nn.attention.SDPBackend
    return {
        "attn": attn_call,
        "cuDNN": sdpa_call(backends.CUDNN_ATTENTION),
        "FlashAttention": sdpa_call(backends.FLASH_ATTENTION),
        "FlexAttention": flex_call,
    }


def run_case(case):
    """One row: errors and times. What a contender cannot do is said, not hidden."""
    q, k, v = tensors(case)
    expected, bound = reference(case, q, k, v)
    row = {"case": case.name, "refused": {}, "error": {}, "ms": {}, "right": True}
    calls = {}
    for name, make in contenders().items():
        try:
            call = make(case, q, k, v)
            if call is None:
                continue
            share, right = is_right(case, call(), expected, bound)
        except (RuntimeError, ValueError, TypeError) as failure:
            row["refused"][name] = str(failure).splitlines()[0]
            row["right"] &= name != "attn"
            continue
        row["error"][name] = share
        row["right"] &= right or name != "attn"
        calls[name] = call
    del expected, bound
    row["ms"] = measure(calls)
    row["tflops"] = {n: case.flops / t / 1e9 for n, t in row["ms"].items()}
    row["flex_mask_ms"] = flex_mask_ms(case)
    row["intensity"] = case.flops / case.bytes
    return row


def peaks(dtype):
    """TFLOP/s of a large matrix product and GB/s of a large copy, measured."""
    a = torch.randn(8192, 8192, device=DEVICE, dtype=dtype)
    b = torch.empty(1 << 30, device=DEVICE, dtype=torch.uint8)
    c = torch.empty_like(b)
    for _ in range(WARM):
        a @ a
        c.copy_(b)
    flops = 2 * 8192**3 / time_ms(lambda: a @ a, CALLS) / 1e9
    return flops, 2 * b.numel() / time_ms(lambda: c.copy_(b), CALLS) / 1e6


def table(rows, device, flops, bandwidth):
    """The table as Markdown."""
    names = list(contenders())
    lines = [
        f"# Attention on {device}",
        "",
        f"PyTorch {torch.__version__}; a matrix product of 8192 reaches {flops:.0f} "
        f"TFLOP/s, a copy {bandwidth:.0f} GB/s. TFLOP/s on the pairs that the mask "
        "keeps; error as a share of the bound, for attn.",
        "",
        "| case | error | " + " | ".join(names) + " | FlexAttention's mask, ms |",
        "|---|---|" + "---|" * (len(names) + 1),
    ]
    for row in rows:
        cells = [
            f"{row['tflops'][n]:.0f}" if n in row["tflops"] else "–" for n in names
        ]
        error = row["error"].get("attn")
        shown = "refused" if error is None else f"{error:.2f}"
        lines.append(
            f"| {row['case']} | {shown} | "
            + " | ".join(cells)
            + f" | {row['flex_mask_ms']:.2f} |"
        )
    for row in rows:
        for name, reason in row["refused"].items():
            lines.append(f"- {name}, {row['case']}: {reason}")
    return "\n".join(lines) + "\n"


def roofline(rows, flops, bandwidth, path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    ridge = flops * 1e3 / bandwidth
    limit = max(2 * ridge, max(row["intensity"] for row in rows))
    axes.plot([1, ridge, limit], [bandwidth / 1e3, flops, flops], color="black")
    for name in contenders():
        points = [(r["intensity"], r["tflops"][name]) for r in rows if name in r["ms"]]
        if points:
            axes.scatter(*zip(*points), s=14, label=name)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="FLOP per byte of inputs and output",
        ylabel="TFLOP/s",
    )
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=150)


def cases(quick):
    for dtype in (torch.bfloat16, torch.float16):
        for heads, kv_heads, head_size, lengths in QUICK if quick else SHAPES:
            for length in lengths:
                for mask in ("full", "causal", "window"):
                    yield Case(mask, dtype, heads, kv_heads, head_size, length)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks"))
    parser.add_argument("--quick", action="store_true", help="small shapes only")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("gpu.py: error: PyTorch finds no CUDA device on this machine")
    device = torch.cuda.get_device_name()
    flops, bandwidth = peaks(torch.bfloat16)
    rows = []
    for case in cases(options.quick):
        rows.append(run_case(case))
        print(json.dumps(rows[-1]), flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    result = {"device": device, "tflops": flops, "gb_per_s": bandwidth, "rows": rows}
    (options.out / "gpu.json").write_text(json.dumps(result, indent=1))
    (options.out / "gpu.md").write_text(table(rows, device, flops, bandwidth))
    roofline(rows, flops, bandwidth, options.out / "gpu.png")
    wrong = [row["case"] for row in rows if not row["right"]]
    print(f"{len(rows) - len(wrong)} of {len(rows)} cases are right", flush=True)
    sys.exit("wrong: " + "; ".join(wrong) if wrong else 0)


if __name__ == "__main__":
    main()
