# ===- inner_loops.py - what the inner loops of assembly execute -------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reads x86-64 or AArch64 assembly and prints a line for each loop that holds no other
and multiplies and adds vectors or tiles: how often it has each instruction on these, and
how often it uses a slot of the stack: what is indexed is an array there, no spill."""

import collections
import re
import sys

LABEL = re.compile(r"(\.LBB\w+):")
MULTIPLY_ADD = re.compile(r"\s(?:vfmadd\w+p[sd]|vdpbf16ps|tdpbf16ps|fmla)\s")
COUNTED = ("v", "f", "td", "tile")
BRANCH = re.compile(r"\s+(?:j\w+|b\.\w+|cbn?z\s.*|tbn?z\s.*)\s(\.LBB\w+)$")
STACK = re.compile(r"\(%r[sb]p\)|\[(?:sp|x29)\b")


def inner_loops(lines):
    """The lines between each label and a branch back to it, without other labels."""
    start, label = 0, None
    for number, line in enumerate(lines):
        if match := LABEL.match(line):
            start, label = number + 1, match[1]
        elif (match := BRANCH.match(line)) and match[1] == label:
            yield lines[start:number]


def main():
    for body in inner_loops(sys.stdin.read().splitlines()):
        if not any(map(MULTIPLY_ADD.match, body)):
            continue
        words = [line.split()[0] for line in body if line.startswith("\t")]
        counts = collections.Counter(w for w in words if w.startswith(COUNTED))
        text = " ".join(f"{name}={counts[name]}" for name in sorted(counts))
        print(f"loop {text} stack={sum(bool(STACK.search(line)) for line in body)}")


if __name__ == "__main__":
    main()
