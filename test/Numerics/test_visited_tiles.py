# ===- test_visited_tiles.py - the tiles that compiled functions visit ------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Counts, in the running function, the tiles that it visits and those of them on which
it runs the mask: in every form of loop over keys, these are the counts of `attnc
explain`, and those of looking at every pair."""

import json
import re

import numpy as np
import pytest
from attnc import attnc, dim_flags

TILE = re.compile(r"^(\s*)(%\S+, %\S+, %\S+ = attn\.attend_tile\s.*)$", re.M)
PARTIAL = re.compile(r"partial\((%\S+)\)")
VISITS = re.compile(r"(%arg\d+): (memref<2xi64, [^>]*>>) {attn.name = \"visits\"")
IDS = np.arange(2000, dtype=np.int32) ** 2 // 40000
ENDS = np.array([0, 1, 40, 41, 300, 700, 1500, 2000], np.int64)
DOCUMENTS = "%d = attn.mask.document %ids : tensor<?xi32>\n"
OFFSETS = "%d = attn.mask.document_offsets %ends : tensor<?xi64>\n"
PADDING = "%e = attn.mask.padding %length : tensor<1xi64>\n"
WINDOW = "%w = attn.mask.window past = 100 future = 20\n"
CAUSAL = "%c = attn.mask.causal\n"
PREFIX = "%n = arith.constant 150 : index\n%p = attn.mask.prefix %n : index\n"


def by_offsets(i, j):
    """Whether i and j lie in one document."""
    found = [np.searchsorted(ENDS, at, side="right") for at in (i, j)]
    return found[0] == found[1]


def near(i, j):
    return (i - 100 <= j) & (j <= i + 20)


def predicate(body):
    return f"""%x = attn.mask.predicate {{
        ^bb0(%b: index, %h: index, %i: index, %j: index):
          {body}
          attn.yield %keep : i1
        }}
        """


# An image of 20 columns behind one token.
IMAGE = predicate("""%c1 = arith.constant 1 : index
          %c2 = arith.constant 2 : index
          %c20 = arith.constant 20 : index
          %pp = arith.subi %i, %c1 : index
          %qq = arith.subi %j, %c1 : index
          %rr = arith.floordivsi %pp, %c20 : index
          %ss = arith.floordivsi %qq, %c20 : index
          %tt = attn.floormod %pp, %c20 : index
          %uu = attn.floormod %qq, %c20 : index
          %dr = arith.subi %rr, %ss : index
          %dc = arith.subi %tt, %uu : index
          %ar = math.absi %dr : index
          %ac = math.absi %dc : index
          %rows = arith.cmpi sle, %ar, %c2 : index
          %columns = arith.cmpi sle, %ac, %c2 : index
          %keep = arith.andi %rows, %columns : i1""")


def in_image(i, j):
    rows, columns = (i - 1) // 20 - (j - 1) // 20, (i - 1) % 20 - (j - 1) % 20
    return (abs(rows) <= 2) & (abs(columns) <= 2)


def in_band_or_columns(i, j):
    kept = abs(i - j) < 20
    for column in range(0, 2000, 100):
        kept = kept | ((j >= column) & (j < column + 3) & (i >= column // 10))
    return kept


# More conditions than are expanded together.
COLUMNS = predicate(
    """%w = arith.constant 20 : index
          %d = arith.subi %i, %j : index
          %a = math.absi %d : index
          %any0 = arith.cmpi slt, %a, %w : index
"""
    + "".join(
        f"""%l{n} = arith.constant {100 * n} : index
          %u{n} = arith.constant {100 * n + 3} : index
          %f{n} = arith.constant {10 * n} : index
          %p{n} = arith.cmpi sge, %j, %l{n} : index
          %q{n} = arith.cmpi slt, %j, %u{n} : index
          %r{n} = arith.cmpi sge, %i, %f{n} : index
          %s{n} = arith.andi %p{n}, %q{n} : i1
          %t{n} = arith.andi %s{n}, %r{n} : i1
          %{"any" + str(n + 1) if n < 19 else "keep"} = arith.ori %any{n}, %t{n} : i1
"""
        for n in range(20)
    )
)


MASKS = {
    "causal": ("%m = attn.mask.causal", lambda i, j: j <= i),
    "window": (
        "%m = attn.mask.window past = 100 future = 20",
        lambda i, j: (i - 100 <= j) & (j <= i + 20),
    ),
    "prefix or causal": (
        "%n = arith.constant 150 : index\n%p = attn.mask.prefix %n : index\n"
        "%c = attn.mask.causal\n%m = attn.mask.or %p, %c",
        lambda i, j: (j < 150) | (j <= i),
    ),
    "far ends": (
        "%w = attn.mask.window past = 1700 future = 1700\n%m = attn.mask.not %w",
        lambda i, j: abs(i - j) > 1700,
    ),
    "documents": (
        "%m = attn.mask.document %ids : tensor<?xi32>",
        lambda i, j: IDS[i] == IDS[j],
    ),
    "sorted documents": (
        "%c = attn.mask.causal\n%d = attn.mask.document %ids sorted : tensor<?xi32>\n"
        "%m = attn.mask.and %c, %d",
        lambda i, j: (IDS[i] == IDS[j]) & (j <= i),
    ),
    "causal or documents": (
        CAUSAL + DOCUMENTS + "%m = attn.mask.or %c, %d",
        lambda i, j: (j <= i) | (IDS[i] == IDS[j]),
    ),
    "not documents": (
        DOCUMENTS + "%m = attn.mask.not %d",
        lambda i, j: IDS[i] != IDS[j],
    ),
    "documents, not window": (
        DOCUMENTS + WINDOW + "%x = attn.mask.not %w\n%m = attn.mask.and %d, %x",
        lambda i, j: (IDS[i] == IDS[j]) & ~near(i, j),
    ),
    "window or documents by offsets": (
        OFFSETS + WINDOW + "%m = attn.mask.or %w, %d",
        lambda i, j: near(i, j) | by_offsets(i, j),
    ),
    "neither padding nor documents by offsets": (
        OFFSETS + PADDING + "%x = attn.mask.or %d, %e\n%m = attn.mask.not %x",
        lambda i, j: ~(by_offsets(i, j) | (j < 70)),
    ),
    "prefix or causal documents": (
        DOCUMENTS
        + CAUSAL
        + PREFIX
        + "%x = attn.mask.and %d, %c\n%m = attn.mask.or %p, %x",
        lambda i, j: (j < 150) | ((IDS[i] == IDS[j]) & (j <= i)),
    ),
    "image, not window": (
        IMAGE + WINDOW + "%n = attn.mask.not %w\n%m = attn.mask.and %x, %n",
        lambda i, j: in_image(i, j) & ~near(i, j),
    ),
    "documents, not documents by offsets": (
        DOCUMENTS + OFFSETS.replace("%d", "%e") + "%n = attn.mask.not %e\n"
        "%m = attn.mask.and %d, %n",
        lambda i, j: (IDS[i] == IDS[j]) & ~by_offsets(i, j),
    ),
    "documents, prefix or other documents": (
        DOCUMENTS + PREFIX + "%x = attn.mask.not %d\n%y = attn.mask.or %p, %x\n"
        "%m = attn.mask.and %d, %y",
        lambda i, j: (IDS[i] == IDS[j]) & (j < 150),
    ),
    "band or columns": (COLUMNS + "%m = attn.mask.or %x", in_band_or_columns),
    "blocks": (
        """%m = attn.mask.predicate {
        ^bb0(%b: index, %h: index, %i: index, %j: index):
          %c50 = arith.constant 50 : index
          %c70 = arith.constant 70 : index
          %x = arith.floordivsi %i, %c50 : index
          %y = arith.floordivsi %j, %c70 : index
          %same = arith.cmpi eq, %x, %y : index
          attn.yield %same : i1
        }""",
        lambda i, j: i // 50 == j // 70,
    ),
}


def attention(mask):
    tensor = "tensor<1x2x?x16xf32>"
    return f"""func.func @f(%q: {tensor}, %k: {tensor}, %v: {tensor}, %ids: tensor<?xi32>,
        %ends: tensor<?xi64>, %length: tensor<1xi64>, %visits: tensor<2xi64>) -> ({tensor}, tensor<2xi64>) {{
      {mask}
      %o = attn.scaled_dot_product %q, %k, %v mask(%m) : {tensor}, {tensor}, {tensor} -> {tensor}
      return %o, %visits : {tensor}, tensor<2xi64>
    }}"""


def counting(ir):
    """The phase `tile`, which adds to %visits: tiles, and partial ones."""
    name, type = VISITS.search(ir).groups()
    number = 0

    def count(match):
        nonlocal number
        indent, tile = match.groups()
        lines = []
        number += 1
        partial = PARTIAL.search(tile)
        for place, amount in enumerate(
            ["true", partial[1]] if partial else ["true"] * 2
        ):
            x = f"%visit_{number}_{place}"
            flag = amount if amount != "true" else f"{x}_yes"
            if amount == "true":
                lines.append(f"{x}_yes = arith.constant true")
            lines += [
                f"{x}_at = arith.constant {place} : index",
                f"{x}_one = arith.extui {flag} : i1 to i64",
                f"{x}_old = memref.load {name}[{x}_at] : {type}",
                f"{x}_new = arith.addi {x}_old, {x}_one : i64",
                f"memref.store {x}_new, {name}[{x}_at] : {type}",
            ]
        return "\n".join(indent + line for line in (*lines, tile))

    counted = TILE.sub(count, ir)
    assert number > 0
    return counted


def brute_force(keep, queries, keys, tile):
    """Tiles with a kept pair, and those of them with a masked one."""
    kept = keep(*np.ogrid[:queries, :keys])
    visited = partial = 0
    for i in range(0, queries, tile[0]):
        for j in range(0, keys, tile[1]):
            part = kept[i : i + tile[0], j : j + tile[1]]
            visited += part.any()
            partial += part.any() and not part.all()
    return visited, partial


@pytest.mark.parametrize("sizes", [(200, 2000), (1, 1999), (333, 97)], ids=str)
@pytest.mark.parametrize("name", MASKS)
def test_counts(name, sizes, tmp_path):
    mask, keep = MASKS[name]
    text = attention(mask)
    start, after = (tmp_path / f"{n}.npy" for n in ("start", "after"))
    np.save(start, np.zeros(2, np.int64))
    captures = []
    for argument, value in (("ids", IDS), ("ends", ENDS), ("length", np.array([70]))):
        np.save(tmp_path / f"{argument}.npy", value)
        captures += ["--arg", f"{argument}={tmp_path / argument}.npy"]
    dims = dim_flags({"q.2": sizes[0], "k.2": sizes[1], "v.2": sizes[1]})
    given = [*captures, "--threads=1", *dims]
    explained = attnc("explain", text, "--json", "--arg", f"visits={start}", *given)
    assert explained.returncode == 0, explained.stderr
    tiles = json.loads(explained.stdout)["attention"][0]["tiles"]

    tiled = attnc("compile", text, "--stop-after=tile", "--threads=1", "-o", "-")
    assert tiled.returncode == 0, tiled.stderr
    outputs = ["--out", str(tmp_path / "o.npy"), "--out", str(after)]
    call = ["--start-from=decompose", "--arg", f"visits={start}", *given, *outputs]
    run = attnc("run", counting(tiled.stdout), *call)
    assert run.returncode == 0, run.stderr

    heads = 2
    visited, partial = np.load(after)
    assert (visited, partial) == (tiles["partial"] + tiles["full"], tiles["partial"])
    truth = brute_force(keep, *sizes, (tiles["m"], tiles["n"]))
    assert (visited, partial) == tuple(heads * count for count in truth)
