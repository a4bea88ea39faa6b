# ===- test_flex_recording.py - PyTorch functions, recorded ---------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What is recorded of a mask_mod or score_mod computes what PyTorch computes."""

import functools
import subprocess
import sys
import time

import expressions
import flex_programs as programs
import pytest
import torch
from attn import _flex_recorded, flex
from torch.nn.attention.flex_attention import create_mask

SIZES = programs.B, programs.H, programs.M, programs.N


def recorded_mask(mod, sizes=SIZES):
    region = flex.create_block_mask(mod, *sizes)._form
    keep = expressions.evaluate(region, expressions.grid(*sizes))
    return keep.expand(sizes)


@pytest.mark.parametrize("name", programs.MASKS)
def test_mask_is_recorded_exactly(name):
    mod = programs.MASKS[name]
    expected = create_mask(mod, *SIZES, device="cpu")
    assert torch.equal(recorded_mask(mod), expected)
    assert name == "always" or expected.any() and not expected.all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", programs.SCORES)
def test_score_is_recorded_exactly(name, dtype):
    mod = programs.SCORES[name]
    scores = torch.randn(SIZES, dtype=dtype) * 8
    indices = expressions.grid(*SIZES)
    region = _flex_recorded.region_of(mod, "score_mod", dtype)
    actual = expressions.evaluate(region, {"score": scores, **indices})

    mapped = mod
    for dims in [(0, None, None, None, 0), (0, None, None, 0, None)]:
        mapped = torch.vmap(mapped, in_dims=dims)
    for dims in [(0, None, 0, None, None), (0, 0, None, None, None)]:
        mapped = torch.vmap(mapped, in_dims=dims)
    expected = mapped(scores, *map(torch.arange, SIZES)).to(dtype)
    assert torch.allclose(actual, expected, rtol=1e-6, atol=1e-6)


def if_statement(b, h, q, kv):
    keep = q >= kv
    if q > 3:  # refused here
        keep = keep | (h == 0)
    return keep


def int_conversion(b, h, q, kv):
    return kv <= int(q)  # refused here


def item(b, h, q, kv):
    return kv <= q.item()  # refused here


def tolist(b, h, q, kv):
    return kv <= q.tolist()  # refused here


def python_range(b, h, q, kv):
    return sum(kv == t for t in range(q)) > 0  # refused here


def conjunction(b, h, q, kv):
    return q >= kv and q - kv < 4  # refused here


def unknown_operation(b, h, q, kv):
    return torch.gcd(q, kv) == 1  # refused here


def random_numbers(b, h, q, kv):
    return torch.rand(()) < q / 10  # refused here


def large_intermediate(b, h, q, kv):
    return (programs.BIAS[h] > 0).all()  # refused here


def zero_division(b, h, q, kv):
    return q // 0 == kv  # refused here


def numpy_value(b, h, q, kv):
    return kv <= torch.from_numpy(q.numpy())  # refused here


def many_indices(b, h, q, kv):
    return programs.KEEP[q, 0, kv]  # refused here


def key_of_a_dict(b, h, q, kv):
    return q > {0: 1}[h]  # refused here


REFUSED = [
    if_statement,
    int_conversion,
    item,
    tolist,
    python_range,
    conjunction,
    unknown_operation,
    random_numbers,
    large_intermediate,
    zero_division,
    numpy_value,
    many_indices,
    key_of_a_dict,
]


@pytest.mark.parametrize("mod", REFUSED)
def test_what_cannot_be_followed_is_refused_with_its_line(mod):
    with pytest.raises(TypeError, match="mask_mod cannot be compiled") as raised:
        flex.create_block_mask(mod, *SIZES)
    message = str(raised.value)
    assert "refused here" in message
    line = mod.__code__.co_firstlineno + (2 if mod is if_statement else 1)
    assert f"{__file__}:{line} " in message


def test_results_of_other_types_are_refused():
    class Number(torch.nn.Module):
        def forward(self, b, h, q, kv):
            return q + kv

    line = Number.forward.__code__.co_firstlineno
    for mod in (Number().forward, functools.partial(Number())):
        with pytest.raises(TypeError, match="returns torch.int64") as raised:
            flex.create_block_mask(mod, *SIZES)
        assert f"{__file__}:{line} ('def forward" in str(raised.value)
    with pytest.raises(TypeError, match="returns a str"):
        flex.create_block_mask(lambda b, h, q, kv: "all", *SIZES)
    with pytest.raises(TypeError, match="mask_mod is a int"):
        flex.create_block_mask(3, *SIZES)


@pytest.mark.parametrize("sizes", [(1, 1, -1, 8), (1, 1, 8, None), (0, 1, 8, 8)])
def test_sizes_are_checked(sizes):
    with pytest.raises(ValueError, match="accepted"):
        flex.create_block_mask(programs.causal, *sizes)


def make_same(ids):
    return lambda b, h, q, kv: ids[q] == ids[kv]


def test_captured_tensors_are_read_anew():
    ids = torch.tensor([0, 0, 1, 1])
    mask = flex.create_block_mask(make_same(ids), 1, 1, 4, 4)
    ids.copy_(torch.tensor([0, 1, 1, 1]))
    assert mask._form.captured[0].value is ids


def test_a_second_recording_takes_the_new_tensors():
    first, second = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 0])
    sizes = (1, 1, 4, 4)
    for ids in (first, second):
        expected = ids[:, None] == ids[None, :]
        assert torch.equal(recorded_mask(make_same(ids), sizes)[0, 0], expected)


def test_values_read_while_recording_are_read_again():
    limit = torch.tensor(1)

    def near(b, h, q, kv):
        return (q - kv).abs() < int(limit)

    sizes = (1, 1, 4, 4)
    before = recorded_mask(near, sizes).sum()
    limit.fill_(3)
    assert recorded_mask(near, sizes).sum() > before


def test_derived_tensors_are_derived_again():
    ids = torch.tensor([0, 0, 1, 1])

    def same(b, h, q, kv):
        return (ids // 2)[q] == (ids // 2)[kv]

    sizes = (1, 1, 4, 4)
    assert recorded_mask(same, sizes).all()
    ids.mul_(4)
    assert not recorded_mask(same, sizes).all()


def test_recording_builds_nothing_of_the_masks_size():
    length = 1 << 20
    ids = torch.arange(length) // 1000

    def packed(b, h, q, kv):
        return (ids[q] == ids[kv]) & (q >= kv)

    flex.create_block_mask(packed, None, None, length, length)
    _flex_recorded._recorded.clear()
    start = time.perf_counter()
    flex.create_block_mask(packed, None, None, length, length)
    assert time.perf_counter() - start < 0.1


def test_the_first_recording_does_not_import_pytorchs_compiler():
    script = (
        "import sys, attn\n"
        "attn.create_block_mask(lambda b, h, q, k: q >= k, 1, 1, 8, 8)\n"
        "assert 'torch._dynamo.symbolic_convert' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
