# ===- test_mask_image.py - the picture of a mask's tiles ---------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""attnc explain --mask-image writes a PNG that shows the class of each tile."""

import json
import struct
import subprocess
import zlib
from pathlib import Path

import attn
import numpy as np

ATTNC = Path(__file__).parents[2] / "build" / "bin" / "attnc"
TEXT = """func.func @f(%q: tensor<2x?x16xf32>, %k: tensor<2x?x16xf32>, %v: tensor<2x?x16xf32>) -> tensor<2x?x16xf32> {
  %m = attn.mask.causal
  %o = attn.scaled_dot_product %q, %k, %v mask(%m)
       : tensor<2x?x16xf32>, tensor<2x?x16xf32>, tensor<2x?x16xf32> -> tensor<2x?x16xf32>
  return %o : tensor<2x?x16xf32>
}"""
EMPTY, PARTIAL, FULL, LINE = (255, 255, 255), (245, 150, 60), (50, 90, 160), (120,) * 3


def read_png(data):
    """The pixels of a PNG of a palette and two bits a pixel, (height, width, 3)."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + size]
        checked = struct.unpack(">I", data[at + 8 + size : at + 12 + size])[0]
        assert checked == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + size
    width, height, depth, colour = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (depth, colour) == (2, 3) and chunks[b"IEND"] == b""
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8)
    rows = rows.reshape(height, 1 + -(-width // 4))
    assert not rows[:, 0].any()
    shifts = np.array([6, 4, 2, 0], np.uint8)
    pixels = (rows[:, 1:, None] >> shifts & 3).reshape(height, -1)[:, :width]
    palette = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
    return palette[pixels]


def test_the_picture_shows_the_classes(tmp_path):
    path = tmp_path / "causal.png"
    command = [ATTNC, "explain", "-", "--json", f"--mask-image={path}"]
    command += ["--target=x86-64-v3", "--dim=M=300", "--dim=N=500"]
    run = subprocess.run(command, input=TEXT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    tiles = json.loads(run.stdout)["attention"][0]["tiles"]
    classes = attn.mask.causal().classify(1, 2, 300, 500, (tiles["m"], tiles["n"]))
    picture = read_png(path.read_bytes())
    heads, rows, columns = classes.shape[1:]
    side = (picture.shape[0] - 2) // rows
    assert picture.shape == (rows * side + 2, heads * (columns * side + 1) + 1, 3)
    assert (picture[0] == LINE).all() and (picture[:, 0] == LINE).all()
    for head in range(heads):
        left = head * (columns * side + 1) + 1
        plane = picture[1 : 1 + rows * side, left : left + columns * side]
        wanted = np.array([EMPTY, PARTIAL, FULL], np.uint8)[classes[0, head]]
        assert (plane == wanted.repeat(side, 0).repeat(side, 1)).all()
