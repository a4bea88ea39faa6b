# ===- test_warpgroups.py - kernels of sm_90a on the emulated one ---------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kernels of warpgroups are right, and the emulator finds what is planted into
them."""

import json
import re

import numpy as np
import pytest
from attnc import attnc
from test_emulation import CAUSAL, attention, without_line

WINDOW = "%m = attn.mask.window past = 150 future = 20"


def emulate(text, *flags):
    return attnc("run", text, "--target=sm_90a", "--emulate", "--json", *flags)


def assert_right(text, *flags):
    """One kernel of three warpgroups, right and without conflicts or findings."""
    run = emulate(text, "--check", *flags)
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert report["findings"] == []
    (kernel,) = report["kernels"]
    assert kernel["threads"] == 384
    assert kernel["bank_conflicts"] == 0


@pytest.mark.parametrize(
    "element, head_size, value_size, mask",
    [
        ("bf16", 64, 64, ""),
        ("f16", 64, 64, CAUSAL),
        ("bf16", 128, 128, CAUSAL),
        ("f16", 128, 64, WINDOW),
        ("bf16", 192, 128, CAUSAL),
        ("f16", 256, 256, CAUSAL),
    ],
)
def test_kernels_are_right(element, head_size, value_size, mask):
    text = attention(
        element, head_size, mask, queries=150, keys=300, value_size=value_size, heads=1
    )
    assert_right(text)


def test_modified_scores_take_smaller_tiles():
    """Their registers leave place for 16 keys beside 256 columns of values."""
    q, k = "tensor<1x1x140x256xf16>", "tensor<1x1x90x256xf16>"
    text = f"""func.func @f(%q: {q}, %k: {k}, %v: {k}, %cap: f32, %t: tensor<140x90xf32>)
        -> {q} {{
      %m = attn.mask.causal
      %s = attn.score.softcap %cap : f32
      %b = attn.score.bias %t : tensor<140x90xf32>
      %o = attn.scaled_dot_product %q, %k, %v mask(%m) score(%s, %b) : {q}, {k}, {k} -> {q}
      return %o : {q}
    }}"""
    plan = attnc("explain", text, "--target=sm_90a", "--arg=cap=20").stdout
    assert "tiles of 128 queries and 16 keys" in plan
    assert "208 registers per thread, 28 of them to modify scores" in plan
    assert_right(text, "--arg=cap=20")


def emulated(ir, path):
    """What the emulator finds, the result, and the bytes that are loaded."""
    run = emulate(ir, "--start-from=decompose", "--out", str(path))
    assert run.returncode in (0, 1), run.stderr
    report = json.loads(run.stdout)
    loaded = sum(kernel["loaded_bytes"] for kernel in report["kernels"])
    return report["findings"], np.load(path).astype(np.float64), loaded


def blocks_of(ir):
    """Where the IR says how many blocks of warpgroups are launched."""
    return re.search(r"@f_attend0 blocks in \((%\w+),", ir)


def with_blocks(ir, count):
    """The same kernel in fewer blocks than there are tiles of queries."""
    value = blocks_of(ir)
    launch = ir.index("gpu.launch_func  @attn_kernels::@f_attend0 ")
    planted = f"%blocks = arith.constant {count} : index\n"
    return (
        ir[:launch]
        + planted
        + ir[launch : value.start(1)]
        + "%blocks"
        + ir[value.end(1) :]
    )


def test_blocks_take_the_longest_tiles_first(tmp_path):
    """Each tile of queries is worked on once, however many blocks there are, and
    all blocks get about as much."""
    text = attention("f16", 64, CAUSAL, queries=850, keys=850, heads=3)
    ir = attnc("compile", text, "--target=sm_90a", "--stop-after=tile").stdout
    counts = {}
    results = []
    for blocks in (21, 5):
        path = tmp_path / f"{blocks}.npy"
        run = emulate(
            with_blocks(ir, blocks), "--start-from=decompose", "--out", str(path)
        )
        assert run.returncode == 0, run.stderr
        (kernel,) = json.loads(run.stdout)["kernels"]
        assert kernel["blocks"] == blocks
        counts[blocks] = kernel["block_tensor_flops"]
        results.append(np.load(path))
    # 7 tiles of 3 heads, a tile of queries of each block: n + 1 tiles of keys.
    each = 128 * 128 * 64 * 4
    assert counts[21] == [n * each for n in range(7, 0, -1) for _ in range(3)]
    assert sum(counts[5]) == sum(counts[21])
    assert max(counts[5]) - min(counts[5]) <= 2 * each
    assert np.array_equal(results[0], results[1])


def test_the_first_tiles_can_be_the_longest():
    text = attention("f16", 64, "%m = attn.mask.window future = 40", 300, 300, heads=1)
    (kernel,) = json.loads(emulate(text).stdout)["kernels"]
    flops = kernel["block_tensor_flops"]
    assert len(flops) == 3 and flops == sorted(flops, reverse=True)


def packed():
    """Queries, keys and values of two heads side by side in one tensor: rows are strided."""
    slices = "\n".join(
        f"%{name} = tensor.extract_slice %x[0, {at}, 0, 0][140, 1, 2, 64][1, 1, 1, 1]"
        " : tensor<140x3x2x64xf16> to tensor<140x2x64xf16>"
        for at, name in enumerate("qkv")
    )
    t = "tensor<140x2x64xf16>"
    return f"""func.func @f(%x: tensor<140x3x2x64xf16>) -> {t} {{
      {slices}
      {CAUSAL}
      %o = attn.scaled_dot_product %q, %k, %v mask(%m) layout = "mhd" : {t}, {t}, {t} -> {t}
      return %o : {t}
    }}"""


@pytest.mark.parametrize("strided", [False, True])
def test_what_tma_cannot_copy_takes_another_kernel(strided, tmp_path):
    text = attention("f16", 64, CAUSAL, queries=70, keys=140, heads=2)
    if strided:
        text = packed()
        assert emulate(text, "--check").returncode == 0
    ir = attnc("compile", text, "--target=sm_90a", "--stop-after=tile").stdout
    found, good, _ = emulated(ir, tmp_path / "o.npy")
    assert found == []
    (condition,) = re.findall(
        r"scf.if (%\w+) \{\n(?:[^\n]*\n){0,30}?[^\n]*tma.create", ir
    )
    no = "%no = arith.constant false\n      scf.if %no {"
    planted = ir.replace(f"scf.if {condition} {{", no, 1)
    path = tmp_path / "unmapped.npy"
    run = emulate(planted, "--start-from=decompose", "--out", str(path))
    assert run.returncode == 0, run.stderr
    (kernel,) = json.loads(run.stdout)["kernels"]
    assert kernel["kernel"] == "f_attend0_unmapped"
    assert kernel["threads"] == 256
    # Weights are rounded at other moments.
    assert np.abs(np.load(path).astype(np.float64) - good).max() < 0.02


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """A kernel with more tiles of keys than buffers, the last one not full, and
    more tiles of queries than blocks; and whether a changed one is found out: by a
    finding, a wrong result, or rows that are read again since they became NaN."""
    path = tmp_path_factory.mktemp("kernel") / "o.npy"
    text = attention("f16", 64, "", queries=140, keys=300, heads=1)
    ir = attnc("compile", text, "--target=sm_90a", "--stop-after=tile").stdout
    ir = with_blocks(ir, 1)
    found, good, loaded = emulated(ir, path)
    assert found == []

    def is_found(changed):
        found, result, bytes_now = emulated(changed, path)
        wrong = not np.abs(result - good).max() < 0.01
        return bool(found) or wrong or bytes_now > loaded

    return ir, is_found


def lines_with(ir, text):
    """In the kernel of warpgroups."""
    lines = ir.splitlines()
    starts = [i for i, line in enumerate(lines) if "gpu.func @" in line]
    (first,) = (i for i in starts if "@f_attend0(" in lines[i])
    end = min([i for i in starts if i > first], default=len(lines))
    return [i for i in range(first, end) if text in lines[i]]


WARP_SYNC = "nvvm.bar.warp.sync"
RELEASE = "llvm.nvvm.mbarrier.arrive.shared"
TAKE_TURN, PASS_TURN = "barrier.cta.sync.aligned", "barrier.cta.arrive.aligned"


@pytest.mark.parametrize(
    "op, count",
    [
        ("mbarrier.try_wait", 4),
        (RELEASE, 3),
        ("mbarrier.arrive.expect.tx", 1),
        ("nvvm.cp.async.wait.group", 1),
        (WARP_SYNC, 2),
        (TAKE_TURN, 2),
        (PASS_TURN, 3),
    ],
)
def test_removed_synchronisations_are_found(kernel, op, count):
    ir, is_found = kernel
    lines = lines_with(ir, op)
    if op == TAKE_TURN:
        # The barrier before results orders what each warp does by itself.
        before_results = lines.pop()
        assert "%c128_i32" in ir.splitlines()[before_results]
    if op == WARP_SYNC:
        # Here each lane's queries take the place of results that it stored itself,
        # and no tile of queries is without keys.
        del lines[0], lines[1]
    if op == RELEASE:
        del lines[-1]
    assert len(lines) == count
    for line in lines:
        assert is_found(without_line(line)(ir)), ir.splitlines()[line]


def test_queries_wait_for_results_of_other_sizes(tmp_path):
    """Where rows of results are longer, another lane stored what a lane's queries
    take the place of."""
    text = attention("f16", 64, "", queries=140, keys=20, value_size=128, heads=1)
    ir = attnc("compile", text, "--target=sm_90a", "--stop-after=tile").stdout
    ir = with_blocks(ir, 1)
    path = tmp_path / "o.npy"
    assert emulated(ir, path)[0] == []
    line = lines_with(ir, WARP_SYNC)[0]
    assert emulated(without_line(line)(ir), path)[0]


def test_queries_without_keys_wait_for_all_lanes(tmp_path):
    mask = "%m = attn.mask.window past = 20 future = 0"
    text = attention("f16", 64, mask, queries=700, keys=20, heads=1)
    ir = attnc("compile", text, "--target=sm_90a", "--stop-after=tile").stdout
    ir = with_blocks(ir, 1)
    path = tmp_path / "o.npy"
    assert emulated(ir, path)[0] == []
    for line in lines_with(ir, WARP_SYNC)[2], lines_with(ir, RELEASE)[-1]:
        assert emulated(without_line(line)(ir), path)[0]


def with_lines(ir, number, *new):
    lines = ir.splitlines()
    return "\n".join(lines[:number] + list(new) + lines[number + 1 :])


def with_more(ir, number, value, amount, context):
    """`value` is more by `amount` where it stands in `context` on a line."""
    line = ir.splitlines()[number]
    return with_lines(
        ir,
        number,
        f"%more = arith.constant {amount} : i32",
        f"%wrong = arith.addi {value}, %more : i32",
        line.replace(context.format(value), context.format("%wrong")),
    )


def planted_copies(ir):
    """Wrong numbers of bytes, boxes, coordinates and exchanges of chunks."""
    lines = ir.splitlines()
    (line,) = lines_with(ir, "mbarrier.arrive.expect.tx")
    bytes_ = re.search(r", (%\w+)\)", lines[line])[1]
    for amount in (-16384, -128, 128):
        yield f"{amount} bytes", with_more(ir, line, bytes_, amount, "{})")
    for number, line in enumerate(lines):
        if "tma.create.descriptor" in line:
            for rows in (127, 129):
                changed = line.replace("%c128,", "%rows,")
                assert changed != line
                yield (
                    f"box of {rows}",
                    with_lines(
                        ir, number, f"%rows = arith.constant {rows} : index", changed
                    ),
                )
    for line in lines_with(ir, "cp.async.bulk.tensor"):
        row = re.search(r"box\[%\w+, (%\w+),", lines[line])[1]
        yield "row", with_more(ir, line, row, 1, ", {},")
        place = re.search(r"global (%\w+),", lines[line])[1]
        yield (
            "place",
            with_lines(
                ir,
                line,
                f"%wrong = llvm.getelementptr {place}[128] : (!llvm.ptr<7>) -> !llvm.ptr<7>, i8",
                lines[line].replace(f"global {place},", "global %wrong,"),
            ),
        )
    first, last = (
        lines_with(ir, "nvvm.bar.warp.sync")[0],
        lines_with(ir, "wait.group")[0],
    )
    exchange = next(i for i in range(first, last) if "arith.xori" in lines[i])
    yield (
        "exchange",
        with_lines(
            ir, exchange, re.sub(r"xori (%\w+), %\w+", r"ori \1, \1", lines[exchange])
        ),
    )


def test_planted_copies_are_found(kernel):
    ir, is_found = kernel
    planted = list(planted_copies(ir))
    assert len(planted) == 3 + 4 + 4 + 1
    for name, changed in planted:
        assert is_found(changed), name


def test_weakened_waits_for_products_are_found(kernel):
    """Two are under way in the loop: scores, then values."""
    ir, is_found = kernel
    waits = lines_with(ir, "wgmma.wait_group")
    assert len(waits) == 4
    for line in waits:
        lines = ir.splitlines()
        lines[line] = re.sub(
            r"sync.aligned (\d)", lambda m: f"sync.aligned {int(m[1]) + 1}", lines[line]
        )
        assert is_found("\n".join(lines)), ir.splitlines()[line]


@pytest.mark.parametrize("target", ["sm_80,sm_90a", "sm_90a,sm_80", "sm_90,sm_90a"])
def test_one_of_several_chips_has_warpgroups(target, tmp_path):
    """Of several chips sm_90a runs kernels of its own, with launches of their own;
    the first chip is emulated, or what is made for its capability alone."""
    text = attention("f16", 64, CAUSAL, queries=70, keys=140, heads=1)
    run = attnc("run", text, f"--target={target}", "--emulate", "--json", "--check")
    assert run.returncode == 0, run.stderr
    (kernel,) = json.loads(run.stdout)["kernels"]
    own = not target.startswith("sm_80")
    assert kernel["kernel"] == ("f_attend0_sm_90a" if own else "f_attend0")
    assert kernel["threads"] == (384 if own else 256)


def test_images_hold_the_kernels_of_their_chip(tmp_path):
    text = attention("f16", 64, CAUSAL, queries=70, keys=140, heads=1)
    library = tmp_path / "f.so"
    run = attnc("compile", text, "--target=sm_80,sm_90a", "-o", str(library))
    assert run.returncode == 0, run.stderr
    images = library.read_bytes().split(b".target ")[1:]
    entries = {
        image.split()[0].rstrip(b",").decode(): re.findall(rb"\.entry (\w+)", image)
        for image in images
    }
    assert entries["sm_80"] == [b"f_attend0"]
    assert sorted(entries["sm_90a"]) == [
        b"f_attend0_sm_90a",
        b"f_attend0_sm_90a_unmapped",
    ]
