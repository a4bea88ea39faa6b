# ===- test_arrays.py - how arrays go in and come out ------------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Frameworks, copies, strides, and what is compiled when."""

import subprocess
import sys
import threading

import attn
import numerics
import numpy as np
import pytest
import torch
from attn import _attention, _execute


def arrays(length=9, heads=2, size=8, seed=0):
    rng = np.random.default_rng(seed)
    return [
        rng.standard_normal((1, heads, length, size)).astype(np.float32) for _ in "qkv"
    ]


def test_results_belong_to_the_framework_of_the_inputs():
    q, k, v = arrays()
    of_numpy = attn.scaled_dot_product(q, k, v, return_lse=True)
    of_torch = attn.scaled_dot_product(*map(torch.tensor, (q, k, v)), return_lse=True)
    for ours, theirs in zip(of_numpy, of_torch):
        assert isinstance(ours, np.ndarray) and isinstance(theirs, torch.Tensor)
        assert np.array_equal(ours, theirs.numpy())


def test_numpy_needs_no_torch():
    script = (
        "import sys, numpy as np, attn\n"
        "q = np.ones((1, 1, 4, 8), np.float32)\n"
        "mask = attn.mask.predicate(lambda b, h, i, j: i >= j) & attn.mask.causal()\n"
        "assert (attn.scaled_dot_product(q, q, q, mask=mask) == 1).all()\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_bfloat16_of_numpy():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    q, k, v = (a.astype(ml_dtypes.bfloat16) for a in arrays())
    out = attn.scaled_dot_product(q, k, v)
    assert out.dtype == ml_dtypes.bfloat16
    expected, _, weights = numerics.attention(q, k, v)
    weighted = weights @ np.abs(numerics.as_float64(v))
    numerics.assert_close(out, expected, 16, weighted=weighted)


class Recorder:
    """Stands in for a compiled function and remembers what it was called with."""

    def __init__(self, function):
        self.function = function
        self.values = []

    def __call__(self, values, stream):
        self.values.append(list(values))
        return self.function(values, stream)


@pytest.mark.parametrize("make", [np.asarray, torch.tensor])
def test_nothing_is_copied(monkeypatch, make):
    q, k, v = map(make, arrays())
    mask = attn.mask.document(make(np.arange(9) // 4))
    attn.scaled_dot_product(q, k, v, mask=mask)
    recorders = {key: Recorder(f) for key, f in _execute._compiled.items()}
    monkeypatch.setattr(_execute, "_compiled", recorders)
    monkeypatch.setattr(_attention, "_calls", {})
    out = attn.scaled_dot_product(q, k, v, mask=mask)
    (called,) = (r for r in recorders.values() if r.values)
    (values,) = called.values
    assert [values[i] is a for i, a in enumerate((q, k, v))] == [True] * 3
    assert values[-1] is out and len(values) == 5


@pytest.mark.parametrize("make", [np.asarray, torch.tensor])
def test_outer_strides_are_taken_as_they_are(monkeypatch, make):
    q, k, v = map(make, arrays(12))
    expected = attn.scaled_dot_product(q[:, :, 1:9:2], k[:, ::1], v)
    swapped = make(np.ascontiguousarray(np.asarray(q).swapaxes(1, 2)))
    swapped = swapped.swapaxes(1, 2)[:, :, 1:9:2]
    copied = []
    for framework in (attn._arrays.NumPy, attn._arrays.Torch):
        monkeypatch.setattr(framework, "contiguous", lambda _, a: copied.append(a))
    out = attn.scaled_dot_product(swapped, k, v)
    assert not copied
    assert np.array_equal(np.asarray(out), np.asarray(expected))


@pytest.mark.parametrize("make", [np.asarray, torch.tensor])
def test_other_strides_are_copied(make):
    q, k, v = map(make, arrays(8))
    wide = make(np.repeat(np.asarray(q), 2, axis=-1))[..., ::2]
    turned = make(np.ascontiguousarray(np.asarray(k).swapaxes(2, 3))).swapaxes(2, 3)
    expected = np.asarray(attn.scaled_dot_product(q, k, v))
    assert np.array_equal(
        np.asarray(attn.scaled_dot_product(wide, turned, v)), expected
    )


def test_misaligned_arrays_are_copied():
    q, k, v = arrays(8)
    odd = np.frombuffer(b"." + q.tobytes(), q.dtype, offset=1).reshape(q.shape)
    assert not odd.flags.aligned
    expected = attn.scaled_dot_product(q, k, v)
    assert np.array_equal(attn.scaled_dot_product(odd, k, v), expected)


def test_reversed_and_broadcast_arrays():
    q, k, v = arrays(8)
    expected, _, _ = numerics.attention(q[:, :, ::-1], k[:, :1], v[:, :1])
    wide = np.broadcast_to(k[:, :1], k.shape), np.broadcast_to(v[:, :1], v.shape)
    numerics.assert_close(attn.scaled_dot_product(q[:, :, ::-1], *wide), expected, 16)


def test_read_only_arrays():
    q, k, v = arrays()
    q.flags.writeable = False
    attn.scaled_dot_product(q, k, v)


def test_one_compiled_function_serves_all_lengths_and_values():
    _execute._compiled.clear()
    _attention._calls.clear()
    for length, batch, past in (
        (3, 1, 2),
        (40, 2, 7),
        (1, 1, 0),
        (0, 1, 1),
        (130, 3, 64),
    ):
        rng = np.random.default_rng(length)
        q, k, v = (
            rng.standard_normal((batch, 2, length, 8)).astype(np.float32) for _ in "qkv"
        )
        ids = rng.integers(0, 3, length)
        mask = attn.mask.window(past=past) & attn.mask.document(ids)
        mask &= attn.mask.predicate(lambda b, h, i, j: ids[i] + ids[j] < 4)
        b, h, i, j = numerics.indices(batch, 2, length, length)
        keep = (j >= i - past) & (ids[i] == ids[j]) & (ids[i] + ids[j] < 4)
        expected, _, _ = numerics.attention(q, k, v, keep=keep)
        out = attn.scaled_dot_product(q, k, v, mask=mask)
        numerics.assert_close(out, expected, 32)
    assert len(_execute._compiled) == 1


def test_masks_read_their_arrays_at_each_call():
    q, k, v = arrays()
    ids = np.zeros(9, np.int32)
    mask = attn.mask.document(ids)
    before = attn.scaled_dot_product(q, k, v, mask=mask)
    ids[4:] = 1
    after = attn.scaled_dot_product(q, k, v, mask=mask)
    expected, _, _ = numerics.attention(q, k, v, keep=ids[:, None] == ids)
    assert not np.array_equal(before, after)
    numerics.assert_close(after, expected, 16)


def test_threads_may_call_at_once():
    q, k, v = arrays(64)
    expected = attn.scaled_dot_product(q, k, v)
    results = [None] * 8

    def work(number):
        for _ in range(5):
            results[number] = attn.scaled_dot_product(q, k, v)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(r, expected) for r in results)


def test_gradients_are_not_silently_zero():
    x = torch.randn(1, 2, 3, 4, requires_grad=True)
    out = attn.scaled_dot_product(x, x, x)
    assert out.requires_grad
    with pytest.raises(RuntimeError, match="computes no gradients"):
        out.sum().backward()
    with torch.no_grad():
        assert not attn.scaled_dot_product(x, x, x).requires_grad
    torch.testing.assert_close(
        out.detach(), attn.scaled_dot_product(*(x.detach(),) * 3)
    )
