# ===- inner_loops.py - what the inner loops of assembly execute -------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reads x86-64 or AArch64 assembly and prints a line for each loop that holds no other
and multiplies and adds vectors or tiles: how often it has each instruction on these, and
how often a vector register meets a slot of the stack: what is indexed is an array
there, no spill."""

import collections
import re
import sys

LABEL = re.compile(r"(\.LBB\w+):")
MULTIPLY_ADD = re.compile(r"\s(?:vfmadd\w+p[sd]|vdpbf16ps|tdpbf16ps|fmla)\s")
COUNTED = ("v", "f", "td", "tile")
BRANCH = re.compile(r"\s+(?:j\w+|b\.\w+|cbn?z\s.*|tbn?z\s.*)\s(\.LBB\w+)$")
STACK = r"\(%r[sb]p\)|\[(?:sp|x29)\b"
VECTOR = re.compile(r"%[xyz]mm\d|\b[qv]\d")
# Of functions whose frame is aligned and has arrays of sizes known late.
BASE_POINTERS = {
    "movq %rsp, %rbx": r"\(%rbx\)",
    "mov x19, sp": r"\[x19\b",
}


def inner_loops(lines):
    """The lines between each label and a branch back to it, without other labels, and
    what uses of the stack look like there."""
    start, label, stack = 0, None, STACK
    for number, line in enumerate(lines):
        if line.startswith("\t.cfi_startproc"):
            stack = STACK
        elif base := BASE_POINTERS.get(" ".join(line.split())):
            stack += "|" + base
        elif match := LABEL.match(line):
            start, label = number + 1, match[1]
        elif (match := BRANCH.match(line)) and match[1] == label:
            yield lines[start:number], stack


def main():
    for body, stack in inner_loops(sys.stdin.read().splitlines()):
        if not any(map(MULTIPLY_ADD.match, body)):
            continue
        words = [line.split()[0] for line in body if line.startswith("\t")]
        counts = collections.Counter(w for w in words if w.startswith(COUNTED))
        text = " ".join(f"{name}={counts[name]}" for name in sorted(counts))
        spills = [
            line for line in body if re.search(stack, line) and VECTOR.search(line)
        ]
        print(f"loop {text} stack={len(spills)}")


if __name__ == "__main__":
    main()
