# ===- test_compile.py - attn.compile -----------------------------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Modules of MLIR as Python functions."""

import json
import pathlib

import attn
import numerics
import numpy as np
import pytest
import torch

TEXT = """
func.func @attend(%query: tensor<?x8xf32>, %key: tensor<?x8xf32>,
                  %value: tensor<?x4xf32>, %past: index)
    -> (tensor<?x4xf32>, tensor<?xf32>) {
  %m = attn.mask.window past(%past)
  %o, %l = attn.scaled_dot_product %query, %key, %value mask(%m) scale = 0.5
      : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x4xf32>
      -> tensor<?x4xf32> lse(tensor<?xf32>)
  return %o, %l : tensor<?x4xf32>, tensor<?xf32>
}
"""


@pytest.fixture(scope="module")
def attend():
    return attn.compile(TEXT)


def inputs(queries=5, keys=9):
    rng = np.random.default_rng(queries)
    sizes = ((queries, 8), (keys, 8), (keys, 4))
    return [rng.standard_normal(s).astype(np.float32) for s in sizes]


def test_call_within_torch_compile(attend):
    q, k, v = map(torch.tensor, inputs())
    traced = torch.compile(lambda q: attend(q * 2, k, v, 2)[0] + 1, backend="eager")
    assert torch.equal(traced(q), attend(q * 2, k, v, 2)[0] + 1)


@pytest.mark.parametrize("make", [np.asarray, torch.tensor])
@pytest.mark.parametrize("queries,keys,past", [(5, 9, 2), (1, 1, 0), (70, 33, 40)])
def test_call(attend, make, queries, keys, past):
    q, k, v = inputs(queries, keys)
    out, lse = attend(*map(make, (q, k, v)), past)
    b, h, i, j = numerics.indices(1, 1, queries, keys)
    expected, expected_lse, _ = numerics.attention(
        *(a[None, None] for a in (q, k, v)), keep=j >= i - past, scale=0.5
    )
    assert isinstance(out, torch.Tensor if make is torch.tensor else np.ndarray)
    numerics.assert_close(out, expected[0, 0], 32)
    numerics.assert_close(lse, expected_lse[0, 0], 32)


def test_call_by_name(attend):
    q, k, v = inputs()
    wanted = attend(q, k, v, 2)
    for found in (
        attend(q, k, past=2, value=v),
        attend(past=2, value=v, key=k, query=q),
    ):
        assert all(map(np.array_equal, found, wanted))
    with pytest.raises(TypeError, match="attend has no argument 'future'; it takes qu"):
        attend(q, k, v, future=2)
    with pytest.raises(TypeError, match="attend is given 'key' twice"):
        attend(q, k, v, key=k)
    with pytest.raises(TypeError, match="attend is not given value, past"):
        attend(q, key=k)


def test_call_within_vmap(attend):
    q, k, v = (torch.tensor(a)[None] for a in inputs())
    with pytest.raises(ValueError, match="no memory of its own.*vmap"):
        torch.func.vmap(lambda q, k, v: attend(q, k, v, 2))(q, k, v)


def test_what_is_shown(attend):
    assert repr(attend) == "Compiled(attend(query, key, value, past) -> f32, f32)"


def test_strided_inputs(attend):
    q, k, v = inputs()
    expected = attend(q, k, v, 2)
    turned = np.asfortranarray(q)
    for actual, wanted in zip(attend(turned, k, v, 2), expected):
        assert np.array_equal(actual, wanted)


def test_rows_of_keys_in_order_and_not():
    """Few queries on many keys, whose rows follow each other, or have others between."""
    one, many = "tensor<1x4x4x16xf32>", "tensor<1x1x?x16xf32>"
    attend = attn.compile(f"""func.func @f(%q: {one}, %k: {many}, %v: {many}) -> {one} {{
      %o = attn.scaled_dot_product %q, %k, %v : {one}, {many}, {many} -> {one}
      return %o : {one}
    }}""")
    rng = np.random.default_rng(0)
    q = rng.standard_normal((1, 4, 4, 16)).astype(np.float32)
    wide = rng.standard_normal((1, 1, 1300, 48)).astype(np.float32)
    k, v = wide[..., :16], wide[..., 16:32]
    expected = attend(q, k.copy(), v.copy())
    reference, _, _ = numerics.attention(q, k, v)
    numerics.assert_close(expected, reference, 1300)
    for keys, values in ((k, v), (k.copy(), v), (k, v.copy())):
        assert np.array_equal(attend(q, keys, values), expected)


def test_looking_inside(attend):
    assert "attn.attend" in attend.ir("optimize")
    assert "llvm.func" in attend.ir("lower")
    assert "attend" in attend.explain()
    assert json.loads(attend.explain(json=True))
    with pytest.raises(ValueError, match="phase 'finish' is unknown.*vectorize"):
        attend.ir("finish")


def test_save(attend, tmp_path):
    attend.save(tmp_path / "attend.s")
    attend.save(str(tmp_path / "attend.so"))
    assert "attend" in (tmp_path / "attend.s").read_text()
    assert (tmp_path / "attend.so").read_bytes()[:4] == b"\x7fELF"
    with pytest.raises(ValueError, match=r"\.so"):
        attend.save(tmp_path / "attend.exe")
    assert not (tmp_path / "attend.exe").exists()


def test_files(tmp_path):
    path = tmp_path / "attend.mlir"
    path.write_text(TEXT)
    for given in (path, str(path), TEXT.encode()):
        assert attn.compile(given).entry == "attend"
    with pytest.raises(OSError):
        attn.compile(pathlib.Path("missing.mlir"))
    with pytest.raises(FileNotFoundError, match="cannot read 'missing.mlr'"):
        attn.compile("missing.mlr")


def test_cache(tmp_path):
    """Kept code is found, and nothing that is damaged is trusted."""
    cache = tmp_path / "cache"
    given = inputs()
    results = []
    for damage in (False, False, True, False):
        if damage:
            (entry,) = cache.glob("llvmcache-*")
            entry.write_bytes(entry.read_bytes()[:-1])
        f = attn.compile(TEXT, cache=str(cache))
        results.append(f(*given, 3)[0])
    assert len(list(cache.glob("llvmcache-*"))) == 1
    assert all(np.array_equal(r, results[0]) for r in results)
    assert list(tmp_path.iterdir()) == [cache]


def test_entries():
    both = TEXT + TEXT.replace("@attend", "@other")
    with pytest.raises(ValueError, match="attend, other"):
        attn.compile(both)
    assert attn.compile(both, entry="other").entry == "other"
    with pytest.raises(ValueError, match="entry is 'third'"):
        attn.compile(both, entry="third")


@pytest.mark.parametrize(
    "arguments,message",
    [
        ((lambda: attn.compile("func.func @f( {")), "expected"),
        ((lambda: attn.compile("func.func @f() { nonsense }")), "nonsense"),
        ((lambda: attn.compile(TEXT, target="nocpu")), "nocpu"),
        ((lambda: attn.compile(TEXT, colour="blue")), "option 'colour' is unknown"),
        ((lambda: attn.compile(TEXT, threads="many")), "threads"),
        ((lambda: attn.compile("")), "no public function"),
    ],
)
def test_bad_modules(arguments, message):
    with pytest.raises(ValueError, match=message):
        arguments()


def test_bad_calls(attend):
    q, k, v = inputs()
    with pytest.raises(TypeError, match="takes 4 arguments .query, key, value, past."):
        attend(q, k, v)
    with pytest.raises(ValueError, match="'query'"):
        attend(q[:, :7], k, v, 2)
    with pytest.raises(ValueError, match="'key'"):
        attend(q, k.astype(float), v, 2)
    with pytest.raises(ValueError, match="length"):
        attend(q, k, v[1:], 2)
    with pytest.raises(TypeError, match="torch"):
        attend(q, torch.tensor(k), v, 2)
    with pytest.raises(TypeError, match="past"):
        attend(q, k, v, "2")
