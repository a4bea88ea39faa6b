# ===- kernels.py - the micro-kernels beside the machine's peak ---------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The micro-kernels beside the machine's peak: the best call's share of the peak
of the multiply-add instruction that bounds it, measured in the same process, on one
thread.

    ./dev python benchmarks/kernels.py [GROUP ...]
"""

import argparse

from attnc_bench import bench


def case(type, head_size, length, **other):
    names = {"mask": "none", "value_size": head_size, "heads": 1, "target": "native"}
    sizes = {"type": type, "head_size": head_size, "length": length, "known": False}
    return sizes | names | other


# By the name that picks them on the command line.
ATTENTION = {
    "long": [
        case("f32", d, n, mask=mask)
        for d in (64, 128)
        for mask in ("none", "causal")
        for n in (1024, 2048, 4096, 8192)
        if mask == "none" or n >= 2048
    ],
    "types": [case(t, d, 2048) for t in ("bf16", "f16") for d in (64, 128)],
    "sizes": [
        *[case("f32", d, 1024) for d in (16, 32, 40, 72, 80, 96, 256)],
        case("f32", 192, 1024, value_size=128),
        *[case("f32", 64, n) for n in (1000, 1023, 4097)],
    ],
    "short": [
        case("f32", 64, n, heads=64, known=known)
        for n in (64, 128, 256, 512)
        for known in (False, True)
    ],
    "targets": [case("f32", d, 2048, target="x86-64-v3") for d in (64, 128)],
}

# Rows, columns, reduction, and whether the second matrix lies as (columns,
# reduction), as PyTorch stores weights.
PRODUCTS = [
    (1024, 512, 512, False),
    (1024, 512, 512, True),
    (1024, 2048, 512, True),
    (1024, 512, 2048, True),
    (4096, 3072, 768, False),
    (4096, 768, 3072, False),
    (1000, 500, 333, False),
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


def product(rows, columns, reduction, transposed):
    right = (columns, reduction) if transposed else (reduction, columns)
    a, b, c = (
        f"tensor<{m}x{n}xf32>" for m, n in ((rows, reduction), right, (rows, columns))
    )
    order = "j, k" if transposed else "k, j"
    return f"""func.func @f(%a: {a}, %b: {b}) -> {c} {{
      %zero = arith.constant 0.0 : f32
      %empty = tensor.empty() : {c}
      %init = linalg.fill ins(%zero : f32) outs(%empty : {c}) -> {c}
      %c = linalg.matmul indexing_maps = [affine_map<(i, j, k) -> (i, k)>,
          affine_map<(i, j, k) -> ({order})>, affine_map<(i, j, k) -> (i, j)>]
        ins(%a, %b : {a}, {b}) outs(%init : {c}) -> {c}
      return %c : {c}
    }}"""


def multi_head(length, embedding=512, heads=8):
    x, w = f"tensor<1x{length}x{embedding}xf32>", f"tensor<{embedding}x{embedding}xf32>"
    b = f"tensor<{embedding}xf32>"
    return f"""func.func @f(%x: {x}, %wq: {w}, %wk: {w}, %wv: {w}, %wo: {w},
                 %bq: {b}, %bk: {b}, %bv: {b}, %bo: {b}) -> {x} {{
      %o = attn.multi_head %x, %x, %x weights(%wq, %wk, %wv, %wo : {w}, {w}, {w}, {w})
        bias_query(%bq : {b}) bias_key(%bk : {b}) bias_value(%bv : {b})
        bias_output(%bo : {b}) heads = {heads} : {x}, {x}, {x} -> {x}
      return %o : {x}
    }}"""


def decomposed(length, heads=64, size=64):
    """Attention as the linalg ops that it would be without attn: three passes over
    a matrix of weights."""
    x, s = (
        f"tensor<{heads}x{length}x{size}xf32>",
        f"tensor<{heads}x{length}x{length}xf32>",
    )
    r = f"tensor<{heads}x{length}xf32>"
    element = "affine_map<(b, i, j) -> (b, i, j)>"
    row = "affine_map<(b, i, j) -> (b, i)>"

    def generic(inputs, types, maps, output, type, map, body, kinds):
        maps = ", ".join([*maps, map])
        return f"""linalg.generic {{indexing_maps = [{maps}],
          iterator_types = ["parallel", "parallel", "{kinds}"]}}
        ins({inputs} : {types}) outs({output} : {type}) {{ {body} }} -> {type}"""

    def reduce(input, init, op):
        body = f"^bb0(%x: f32, %a: f32): %t = {op} %a, %x : f32 linalg.yield %t : f32"
        return generic(input, s, [element], init, r, row, body, "reduction")

    def rowwise(left, right, body):
        body = f"^bb0(%x: f32, %y: f32, %a: f32): {body} linalg.yield %t : f32"
        both = f"{left}, {right}"
        return generic(
            both, f"{s}, {r}", [element, row], "%es", s, element, body, "parallel"
        )

    exponent = f"""%d = arith.subf %x, %y : f32
        %c = arith.constant {size**-0.5 * 1.44269504} : f32
        %e = arith.mulf %d, %c : f32 %t = math.exp2 %e : f32"""
    return f"""func.func @f(%q: {x}, %k: {x}, %v: {x}) -> {x} {{
      %zero = arith.constant 0.0 : f32
      %lowest = arith.constant 0xFF800000 : f32
      %es = tensor.empty() : {s}
      %er = tensor.empty() : {r}
      %ex = tensor.empty() : {x}
      %zs = linalg.fill ins(%zero : f32) outs(%es : {s}) -> {s}
      %zr = linalg.fill ins(%zero : f32) outs(%er : {r}) -> {r}
      %lr = linalg.fill ins(%lowest : f32) outs(%er : {r}) -> {r}
      %zx = linalg.fill ins(%zero : f32) outs(%ex : {x}) -> {x}
      %s = linalg.batch_matmul indexing_maps = [affine_map<(b, i, j, d) -> (b, i, d)>,
          affine_map<(b, i, j, d) -> (b, j, d)>, affine_map<(b, i, j, d) -> (b, i, j)>]
        ins(%q, %k : {x}, {x}) outs(%zs : {s}) -> {s}
      %m = {reduce("%s", "%lr", "arith.maximumf")}
      %p = {rowwise("%s", "%m", exponent)}
      %l = {reduce("%p", "%zr", "arith.addf")}
      %w = {rowwise("%p", "%l", "%t = arith.divf %x, %y : f32")}
      %o = linalg.batch_matmul ins(%w, %v : {s}, {x}) outs(%zx : {x}) -> {x}
      return %o : {x}
    }}"""


def report_decomposed(length):
    """How many times as long the same takes without attn, of known length and, for
    attn, of any length."""
    plain = bench(decomposed(length), "--threads=1", "--start-from=optimize")
    text = attention("f32", "none", 64, 64, 64)
    sizes = [f"--dim={name}={length}" for name in "MN"]
    known = bench(text.replace("?", str(length)), "--threads=1")
    any = bench(text, "--threads=1", *sizes)
    print(
        f"64 heads, D=64, N={length}: decomposed {plain['min_ms']:.4f} ms, attn "
        f"{known['min_ms']:.4f} ms: {plain['min_ms'] / known['min_ms']:.2f}x; of any "
        f"length {any['min_ms']:.4f} ms: {plain['min_ms'] / any['min_ms']:.2f}x",
        flush=True,
    )


def report(name, r):
    print(
        f"{name:58} {r['min_ms']:9.3f} ms {r['gflops']:7.1f} GFLOP/s "
        f"{r['percent_of_peak']:6.1f}%",
        flush=True,
    )


def measure_attention(type, mask, head_size, value_size, heads, length, known, target):
    """The name of a case and its figures."""
    name = (
        f"{type:4} {mask:6} D={head_size} Dv={value_size} H={heads} N={length} {target}"
    )
    text = attention(type, mask, head_size, value_size, heads)
    flags = [f"--target={target}"]
    if known:
        name += ", known"
        text = text.replace("?", str(length))
    else:
        flags += [f"--dim={size}={length}" for size in "MN"]
    return name, bench(text, "--threads=1", *flags)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    groups = [*ATTENTION, "decomposed", "products"]
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(groups))
    chosen = parser.parse_args().groups or groups
    for group in chosen:
        for row in ATTENTION.get(group, []):
            report(*measure_attention(**row))
    if "decomposed" in chosen:
        for length in (1, 2, 3, 4, 8, 12, 16, 32, 64, 128, 256):
            report_decomposed(length)
    if "products" in chosen:
        for rows, columns, reduction, transposed in PRODUCTS:
            text = product(rows, columns, reduction, transposed)
            transpose = " by rows" if transposed else ""
            name = f"product {rows} x {columns} x {reduction}{transpose}"
            report(name, bench(text, "--threads=1"))
        text = multi_head(1024)
        report("multi-head E=512 H=8 N=1024", bench(text, "--threads=1"))


if __name__ == "__main__":
    main()
