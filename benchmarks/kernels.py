# ===- kernels.py - the micro-kernels beside the machine's peak ---------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints, per type, shape and target, the best call's share of the peak of the
multiply-add instruction that bounds it, measured in the same process; one thread."""

from attnc_bench import bench

# Type, mask, D, Dv, heads, N, target.
CASES = [
    *[
        ("f32", "none", d, d, 1, n, "native")
        for d in (64, 128)
        for n in (1024, 2048, 4096)
    ],
    *[("f32", "causal", d, d, 1, n, "native") for d in (64, 128) for n in (2048, 4096)],
    *[(t, "none", d, d, 1, 2048, "native") for t in ("bf16", "f16") for d in (64, 128)],
    *[("f32", "none", d, d, 1, 1024, "native") for d in (16, 32, 40, 72, 80, 96, 256)],
    ("f32", "none", 192, 128, 1, 1024, "native"),
    *[("f32", "none", 64, 64, 1, n, "native") for n in (1000, 1023, 4097)],
    *[("f32", "none", 64, 64, 64, n, "native") for n in (64, 128, 256, 512)],
    *[("f32", "none", d, d, 1, 2048, "x86-64-v3") for d in (64, 128)],
]


def attention(type, mask, head_size, value_size, heads):
    def tensor(features):
        return f"tensor<1x{heads}x?x{features}x{type}>"

    query, value = tensor(head_size), tensor(value_size)
    define, use = {
        "none": ("", ""),
        "causal": ("%m = attn.mask.causal", "mask(%m)"),
    }[mask]
    return f"""func.func @f(%q: {query}, %k: {query}, %v: {value}) -> {value} {{
      {define}
      %o = attn.scaled_dot_product %q, %k, %v {use} : {query}, {query}, {value} -> {value}
      return %o : {value}
    }}"""


def main():
    print(
        "type  mask     D   Dv  heads     N  target      best ms  GFLOP/s  of the peak"
    )
    for type, mask, head_size, value_size, heads, length, target in CASES:
        dims = [f"--dim=M={length}", f"--dim=N={length}"]
        r = bench(
            attention(type, mask, head_size, value_size, heads),
            "--threads=1",
            f"--target={target}",
            *dims,
        )
        print(
            f"{type:5} {mask:6} {head_size:3}  {value_size:3}  {heads:5} {length:5}  "
            f"{target:9} {r['min_ms']:9.3f}  {r['gflops']:7.1f}  "
            f"{r['percent_of_peak']:9.1f}%",
            flush=True,
        )


if __name__ == "__main__":
    main()
