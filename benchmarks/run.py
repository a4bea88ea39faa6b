# ===- run.py - the speed of compiled attention beside the machine's peak ----===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints, per shape, the share of the FMA peak that was measured in the same run."""

from attnc_bench import bench

LENGTHS = [1024, 2048, 4096]


def attention(head_size, mask):
    tensor = f"tensor<1x4x?x{head_size}xf32>"
    clause = "mask(%m)" if mask else ""
    return f"""func.func @f(%q: {tensor}, %k: {tensor}, %v: {tensor}) -> {tensor} {{
      {mask}
      %o = attn.scaled_dot_product %q, %k, %v {clause} : {tensor}, {tensor}, {tensor} -> {tensor}
      return %o : {tensor}
    }}"""


def main():
    print("mask     D     N   median ms   GFLOP/s   of FMA peak")
    for name, mask in (("none", ""), ("causal", "%m = attn.mask.causal")):
        for head_size in (64, 128):
            for length in LENGTHS:
                flags = [f"--dim=M={length}", f"--dim=N={length}", "--threads=1"]
                r = bench(attention(head_size, mask), *flags)
                print(
                    f"{name:6} {head_size:3} {length:5}  {r['median_ms']:10.2f} "
                    f"{r['gflops']:9.1f}   {r['percent_of_peak']:10.1f}%"
                )


if __name__ == "__main__":
    main()
