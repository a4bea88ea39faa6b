# ===- doc_examples.py - the examples of op descriptions as a module --------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""Prints a module with one function per ```mlir example of the given .td files.

Names that an example uses but does not define are arguments of its function, of
one type in all examples. Fails if an op has no example.
"""

import pathlib
import re
import sys

ARGUMENTS = """
%i: index, %j: index, %n: index, %past: index, %length: index, %guard: i1,
%causal: !attn.mask, %window: !attn.mask, %document: !attn.mask,
%prefix: !attn.mask, %softcap: !attn.score_mod,
%ids: tensor<?xi32>, %lengths: tensor<?xi32>, %offsets: tensor<?xi32>,
%starts: tensor<?xi32>, %positions: tensor<?xi32>, %layout: tensor<?x?xi1>,
%keep: tensor<?x?xi1>, %cap: f32, %bandwidth: f32, %slopes: tensor<?xf32>,
%table: tensor<8x255xf32>, %bias: tensor<1x8x?x?xf32>,
%buckets: tensor<8x32xf32>, %pixels: tensor<8x27x27xf32>,
%q: tensor<2x8x?x64xf32>, %k: tensor<2x2x?x64xf32>, %v: tensor<2x2x?x64xf32>,
%query: tensor<8x64xf32>, %key: tensor<9x64xf32>, %value: tensor<9x32xf32>,
%init: tensor<8x32xf32>, %max: tensor<8xf32>, %sum: tensor<8xf32>,
%pairs: tensor<8x9xf32>, %w: tensor<16xf32>, %wq: tensor<16x64xf32>,
%wk: tensor<16x64xf32>, %x: tensor<1x?x64xf32>, %w_q: tensor<64x64xf32>,
%w_k: tensor<64x64xf32>, %w_v: tensor<64x64xf32>, %w_o: tensor<64x64xf32>,
%w_in: tensor<192x64xf32>, %b_in: tensor<192xf32>,
%b_q: tensor<64xf32>, %scores: tensor<2x8x?x?xf32>, %o0: tensor<8x64xf32>,
%o1: tensor<8x64xf32>, %lse0: tensor<8xf32>, %lse1: tensor<8xf32>
"""

ARGUMENT = re.compile(r"(%\w+): ([^%]*[^%,\s]),?\s*")
OP = re.compile(r'^def Attn_\w+Op : Attn_(\w*)Op<"([\w.]+)"', re.M)
PREFIXES = {"Mask": "mask.", "SizedMask": "mask.", "MaskCombination": "mask."}
PREFIXES |= {"Score": "score.", "SizedScore": "score."}
EXAMPLE = re.compile(r"```mlir\n(.*?)```", re.S)


def arguments_of(example):
    """The arguments of an example's function."""
    return ", ".join(
        f"{name}: {type_}"
        for name, type_ in ARGUMENT.findall(ARGUMENTS)
        if re.search(rf"{name}\b", example)
        and not re.search(rf"{name}(: | = )", example)
    )


def main():
    text = "\n".join(pathlib.Path(path).read_text() for path in sys.argv[1:])
    examples = EXAMPLE.findall(text)
    for kind, name in OP.findall(text):
        mnemonic = "attn." + PREFIXES.get(kind, "") + name
        if not any(re.search(re.escape(mnemonic) + r"\b", e) for e in examples):
            sys.exit(f"{mnemonic} has no example in its description")
    for number, example in enumerate(examples):
        print(f"func.func private @example_{number}({arguments_of(example)}) {{")
        print(example)
        print("  return\n}")


if __name__ == "__main__":
    main()
