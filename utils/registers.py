# ===- registers.py - what ptxas makes of kernels -------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Assembles kernels by ptxas and prints a line for each function: chip, elements, head
sizes, mask, score, whether sizes are known, most registers of a thread, bytes that
spill. Exits with 1 where a kernel spills or ptxas warns.

    ./dev python utils/registers.py                 # all: hours
    ./dev python utils/registers.py sm_90a:f16:128:causal+documents:softcap:dynamic
    ./dev python utils/registers.py sm_80:f16,bf16:64::none:dynamic

An argument names functions: fields as printed, several values with commas between;
a field left empty takes all.
"""

import argparse
import concurrent.futures
import itertools
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BUILT = Path(__file__).parents[1] / "build" / "bin" / "attnc"
ATTNC = shutil.which("attnc") or str(BUILT)

CHIPS = ["sm_80", "sm_90a", "sm_86", "sm_89", "sm_90", "sm_100a", "sm_120"]
TYPES = ["f16", "bf16", "f32"]
HEADS = ["32", "64", "80", "96", "128", "128/64", "64/128", "192/128", "192", "256"]
SIZES = {"dynamic": "?", "static": "4096"}

# Each defines %NAME and names what it captures, N being the length.
PARTS = {
    "causal": "%causal = attn.mask.causal",
    "offset": "%offset = attn.mask.causal offset(%past : index)",
    "window": "%window = attn.mask.window past = 100 future = 20",
    "documents": "%documents = attn.mask.document %ids : tensor<Nxi32>",
    "packed": "%packed = attn.mask.document_offsets %starts : tensor<?xi32>",
    "prefix": "%prefix = attn.mask.prefix %past : index",
    "padding": "%padding = attn.mask.padding %lengths : tensor<?xi32>",
    "blocks": "%blocks = attn.mask.block_sparse %layout block [64, 64] : tensor<?x?xi1>",
    "dense": "%dense = attn.mask.dense %keep : tensor<NxNxi1>",
    "softcap": "%softcap = attn.score.softcap %cap : f32",
    "alibi": "%alibi = attn.score.alibi %slopes : tensor<?xf32>",
    "bias": "%bias = attn.score.bias %added : tensor<NxNxf32>",
    "relative": "%relative = attn.score.relative_bias %table : tensor<?x255xf32>",
    "sigmoid": "%sigmoid = attn.score.sigmoid",
}
CAPTURES = {
    "past": "index",
    "ids": "tensor<Nxi32>",
    "starts": "tensor<?xi32>",
    "lengths": "tensor<?xi32>",
    "layout": "tensor<?x?xi1>",
    "keep": "tensor<NxNxi1>",
    "cap": "f32",
    "slopes": "tensor<?xf32>",
    "added": "tensor<NxNxf32>",
    "table": "tensor<?x255xf32>",
}
MASKS = [
    "none",
    *["causal", "offset", "window", "documents", "packed", "padding", "blocks"],
    *["dense", "causal+documents", "window+documents", "causal+packed"],
    *["prefix|causal", "causal+padding", "causal+blocks", "window+blocks"],
    *["causal+padding+documents"],
]
SCORES = ["none", "softcap", "alibi", "bias", "relative", "sigmoid", "softcap+alibi"]
FIELDS = [CHIPS, TYPES, HEADS, MASKS, SCORES, list(SIZES)]


def function(element, heads, mask, score, sizes):
    """The text of a function with the mask and the score."""
    head, value = (heads.split("/") * 2)[:2]
    lines = []

    def combine(text, operation, name):
        parts = re.split(r"[+|]", text)
        lines.extend(PARTS[part] for part in parts)
        if len(parts) == 1:
            return f"%{text}"
        operands = ", ".join(f"%{part}" for part in parts)
        lines.append(f"%{name} = attn.{operation} {operands}")
        return f"%{name}"

    clauses = ""
    if mask != "none":
        operation = "mask.or" if "|" in mask else "mask.and"
        clauses += f" mask({combine(mask, operation, 'mask')})"
    if score != "none":
        parts = score.split("+")
        lines += [PARTS[part] for part in parts]
        clauses += f" score({', '.join(f'%{part}' for part in parts)})"
    if "sigmoid" in score:
        clauses += " normalizer = none"
    query = f"tensor<2x?xNx{head}x{element}>"
    values = f"tensor<2x?xNx{value}x{element}>"
    used = " ".join(lines)
    captures = "".join(
        f", %{name}: {type}"
        for name, type in CAPTURES.items()
        if re.search(rf"%{name}\b", used)
    )
    body = "\n  ".join(lines)
    return f"""func.func @f(%q: {query}, %k: {query}, %v: {values}{captures}) -> {values} {{
  {body}
  %o = attn.scaled_dot_product %q, %k, %v{clauses} : {query}, {query}, {values} -> {values}
  return %o : {values}
}}
""".replace("N", SIZES[sizes])


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    return done.returncode, done.stdout + done.stderr


def assemble(case):
    """The line of a case, and whether it is clean."""
    chip, *rest = case
    with tempfile.TemporaryDirectory() as folder:
        ptx = f"{folder}/f.ptx"
        code, text = run(
            [ATTNC, "compile", "-", f"--target={chip}", "-o", ptx],
            input=function(*rest),
        )
        if not code:
            code, text = run(
                ["ptxas", "-v", f"-arch={chip}", ptx, "-o", f"{folder}/f.cubin"]
            )
    name = ":".join(case)
    if code:
        return f"{name} FAILED {text.strip()}", False
    spills = {}
    kernel = None
    for line in text.splitlines():
        if match := re.search(r"Function properties for (\w+)", line):
            kernel = match[1]
        elif match := re.search(r"(\d+) bytes spill stores, (\d+) bytes", line):
            if int(match[1]) or int(match[2]):
                spills[kernel] = f"{match[1]}/{match[2]}"
    warnings = sorted(set(re.findall(r"\bC75\d\d\b", text)))
    most = max(map(int, re.findall(r"Used (\d+) registers", text)))
    found = [f"{kernel} {bytes}" for kernel, bytes in spills.items()] + warnings
    line = f"{name} {most} registers, spills {', '.join(found) or 'nothing'}"
    return line, not found


def select(pattern):
    """The cases that an argument names."""
    wanted = pattern.split(":") if pattern else []
    wanted += [""] * (len(FIELDS) - len(wanted))
    return list(
        itertools.product(
            *(
                [v for v in values if not names or v in names.split(",")]
                for names, values in zip(wanted, FIELDS)
            )
        )
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("functions", nargs="*", default=[""])
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    cases = dict.fromkeys(c for p in arguments.functions for c in select(p))
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        clean = True
        for line, is_clean in pool.map(assemble, cases):
            clean &= is_clean
            print(line, flush=True)
    sys.exit(not clean)


if __name__ == "__main__":
    main()
