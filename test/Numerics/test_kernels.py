# ===- test_kernels.py - kernel regression against the fp64 reference -----------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Custom kernels, and kernels with support on sorted keys, through `attnc run --check`."""

import json

import numpy as np
import pytest
from attnc import attnc, check
from test_matrix import MASKS, TYPES, tensor

CUSTOM = {
    "laplace": """
        %n = arith.negf %u : acc
        %w = math.exp %n : acc""",
    # max(0, 1 - u)^2: no support beyond 1.
    "support": """
        %one = arith.constant 1.0 : acc
        %zero = arith.constant 0.0 : acc
        %d = arith.subf %one, %u : acc
        %c = arith.maximumf %d, %zero : acc
        %w = arith.mulf %c, %c : acc""",
    # 40 - u u, of both signs where u is large.
    "signed": """
        %forty = arith.constant 40.0 : acc
        %uu = arith.mulf %u, %u : acc
        %w = arith.subf %forty, %uu : acc""",
    # A learned sharpness per head.
    "captured": """
        %entry = attn.load %entries[%h] : tensor<4xf32>
        %sharpness = WIDEN
        %p = arith.mulf %sharpness, %u : acc
        %n = arith.negf %p : acc
        %w = math.exp %n : acc""",
}


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("mask", ["none", "window", "nothing"])
@pytest.mark.parametrize("kernel", CUSTOM)
def test_custom(kernel, mask, type):
    acc = "f64" if type == "f64" else "f32"
    widen = (
        "arith.extf %entry : f32 to f64" if acc == "f64" else "math.absf %entry : f32"
    )
    q, k, v = (
        tensor(2, h, n, d, type) for h, n, d in ((4, "?", 3), (2, "?", 3), (2, "?", 5))
    )
    out, lse = tensor(2, 4, "?", 5, type), tensor(2, 4, "?", acc)
    captured = "(%table : tensor<4xf32>)" if kernel == "captured" else ""
    argument = ", %entries: tensor<4xf32>" if kernel == "captured" else ""
    body = CUSTOM[kernel].replace("WIDEN", widen).replace("acc", acc)
    check(
        f"""func.func @f(%q: {q}, %k: {k}, %v: {v}) -> ({out}, {lse}) {{
          {MASKS[mask]}
          %table = arith.constant dense<[0.5, 1.0, 0.25, 0.125]> : tensor<4xf32>
          %widths = arith.constant dense<[0.5, 1.0, 2.0, 40.0]> : tensor<4xf32>
          %s = attn.score.map{captured} {{
          ^bb0(%u: {acc}, %b: index, %h: index, %i: index, %j: index{argument}):{body}
            attn.yield %w : {acc}
          }}
          %o, %l = attn.kernel_regression custom %q, %k, %v
            bandwidth(%widths : tensor<4xf32>){" mask(%m)" if mask != "none" else ""} score(%s)
            : {q}, {k}, {v} -> {out} lse({lse})
          return %o, %l : {out}, {lse}
        }}""",
        {"q.2": 49, "k.2": 101, "v.2": 101},
    )


SUPPORTED = ["boxcar", "epanechnikov", "triangular"]


def scalars(kernel, type="f32", heads=2, kv_heads=2, mask="none", layout="bhmd"):
    """Regression over scalar features, with a bandwidth per head."""

    def shape(heads, features):
        sizes = dict(b=1, h=heads, m="?", d=features)
        return tensor(*(sizes[letter] for letter in layout), type)

    q, k, v, out = (
        shape(heads, 1),
        shape(kv_heads, 1),
        shape(kv_heads, 3),
        shape(heads, 3),
    )
    widths = tensor(heads, "f32")
    return f"""func.func @f(%q: {q}, %k: {k}, %v: {v}, %widths: {widths}) -> {out} {{
      {MASKS[mask]}
      %o = attn.kernel_regression {kernel} %q, %k, %v bandwidth(%widths : {widths})
        {"mask(%m)" if mask != "none" else ""} layout = "{layout}" : {q}, {k}, {v} -> {out}
      return %o : {out}
    }}"""


def saved(folder, arrays):
    flags = []
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
        flags += ["--arg", f"{name}={folder / name}.npy"]
    return flags


@pytest.mark.parametrize("order", ["ascending", "descending", "shuffled", "equal"])
@pytest.mark.parametrize("kernel", SUPPORTED)
def test_support_of_scalars(kernel, order, tmp_path):
    random = np.random.default_rng(1)
    keys = np.sort(random.standard_cauchy((1, 2, 700, 1)).astype(np.float32), axis=2)
    if order == "equal":
        keys[:] = 0.25
    elif order != "ascending":
        keys = (
            keys[:, :, ::-1] if order == "descending" else random.permuted(keys, axis=2)
        )
    arrays = dict(
        q=random.standard_normal((1, 4, 150, 1)).astype(np.float32),
        k=np.ascontiguousarray(keys),
        widths=np.array([1e-3, 0.1, 3.0, 1e4], np.float32),
    )
    text = scalars(kernel, heads=4)
    check(text, {"v.2": 700}, *saved(tmp_path, arrays))


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("mask", ["window", "document_window", "predicate"])
@pytest.mark.parametrize("layout", ["bhmd", "bmhd"])
def test_support_under_a_mask(layout, mask, type, tmp_path):
    widths = dict(widths=np.array([0.05, 0.4, 1.0, 0.2], np.float32))
    text = scalars("epanechnikov", type, heads=4, mask=mask, layout=layout)
    sizes = {
        f"{n}.{layout.index('m')}": s for n, s in (("q", 60), ("k", 130), ("v", 130))
    }
    check(text, sizes, *saved(tmp_path, widths))


def test_sorted_keys_leave_tiles_empty(tmp_path):
    keys = np.linspace(0, 1, 6000, dtype=np.float32).reshape(1, 1, -1, 1)
    arrays = dict(q=keys, k=keys, widths=np.array([0.02], np.float32))
    text = scalars("boxcar", heads=1, kv_heads=1)
    run = attnc(
        "explain", text, "--json", "--dim", "v.2=6000", *saved(tmp_path, arrays)
    )
    assert run.returncode == 0, run.stderr
    tiles = json.loads(run.stdout)["attention"][0]["tiles"]
    visited, total = (
        tiles["partial"] + tiles["full"],
        sum(tiles[kind] for kind in ("empty", "partial", "full")),
    )
    # The support is a twenty-fifth; a tile reaches at most one further on each side.
    assert tiles["full"] > 0
    assert visited <= total * (0.04 + 3 * tiles["n"] / 6000)
