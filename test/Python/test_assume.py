# ===- test_assume.py - facts about captured arrays --------------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""attn.assume: clauses assume_m1 and assume_m2 of docs/Spec.md."""

import attn
import numpy as np
import pytest
import torch
from numerics import assert_close, attention, indices

M = 300
SORTED = np.arange(M, dtype=np.int32) // 23 * 5 - 40
RNG = np.random.default_rng(7)
Q, K, V = (RNG.standard_normal((2, 2, M, 8)).astype(np.float32) for _ in range(3))


@pytest.fixture
def debugging():
    attn.debug_checks(True)
    yield
    attn.debug_checks(False)


def stated(array, **facts):
    """A new array of equal elements, about which the facts are stated."""
    return attn.assume(array.copy(), **facts)


def assert_same(mask, keep):
    found = attn.scaled_dot_product(Q, K, V, mask=mask)
    wanted, _, _ = attention(Q, K, V, np.broadcast_to(keep, (2, 2, M, M)))
    assert_close(found, wanted, spread=np.abs(V).max())


def document_causal(ids):
    return attn.mask.document(ids) & attn.mask.causal()


B_, H_, I_, J_ = indices(2, 2, M, M)
FACTS = [
    {"ascending": True},
    {"at_least": -40},
    {"ascending": True, "at_least": -100, "at_most": 30},
]


@pytest.mark.parametrize("facts", FACTS, ids=str)
@pytest.mark.parametrize("type", [np.int32, np.int64])
def test_sorted_documents(facts, type):
    keep = (SORTED[I_] == SORTED[J_]) & (J_ <= I_)
    assert_same(document_causal(stated(SORTED.astype(type), **facts)), keep)


def test_per_batch():
    ids = np.stack([SORTED, np.arange(M, dtype=np.int32) // 100])
    keep = (ids[B_, I_] == ids[B_, J_]) & (J_ <= I_)
    assert_same(document_causal(stated(ids, ascending=True)), keep)


def test_beyond_the_end():
    """A table that ascends reads 0 past its end, and is not searched then."""
    table = np.arange(5, 205)
    assumed = stated(table, ascending=True, at_least=5)
    mask = attn.mask.predicate(lambda b, h, i, j: assumed[j] <= assumed[i])
    read = np.concatenate([table, np.zeros(M - 200, int)])
    assert_same(mask, read[J_] <= read[I_])


@pytest.mark.parametrize(
    "bounds", [(0, 50), (None, 50), (-(2**40), 2**40), (-(2**63), 2**63 - 1)]
)
def test_bounds(bounds):
    low, high = bounds
    reach = stated(np.array([50, 3]), at_least=low, at_most=high)
    mask = attn.mask.predicate(
        lambda b, h, i, j: (i - j <= reach[b]) & (j - reach[b] < i)
    )
    assert_same(mask, (I_ - J_ <= reach[B_]) & (J_ - reach[B_] < I_))


def test_flex_attention(debugging):
    ids = torch.from_numpy(SORTED.copy())
    attn.assume(ids, ascending=True)

    def mod(b, h, q_idx, kv_idx):
        return (ids[q_idx] == ids[kv_idx]) & (q_idx >= kv_idx)

    mask = attn.create_block_mask(mod, None, None, M, M)
    assert_same(mask, (SORTED[I_] == SORTED[J_]) & (J_ <= I_))
    ids[100] = -1000
    with pytest.raises(ValueError, match="falls along its last dimension"):
        attn.scaled_dot_product(Q, K, V, mask=mask)


def test_checks(debugging):
    falling = stated(SORTED[::-1], ascending=True)
    with pytest.raises(ValueError, match="it is stated to ascend"):
        attn.scaled_dot_product(Q, K, V, mask=attn.mask.document(falling))
    bounded = stated(SORTED, at_most=0)
    with pytest.raises(ValueError, match="is not at most 0, as all are stated to be"):
        attn.scaled_dot_product(Q, K, V, mask=attn.mask.document(bounded))
    assert_same(
        document_causal(stated(SORTED, ascending=True)),
        (SORTED[I_] == SORTED[J_]) & (J_ <= I_),
    )


def test_compiled_with_checks():
    text = """func.func @f(%q: tensor<?x8xf32>, %ids: tensor<?xi32>) -> tensor<?x8xf32> {
      %m = attn.mask.document %ids sorted : tensor<?xi32>
      %o = attn.scaled_dot_product %q, %q, %q mask(%m) : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
      return %o : tensor<?x8xf32>
    }"""
    checked = attn.compile(text, debug_checks=True)
    checked(Q[0, 0], SORTED)
    with pytest.raises(ValueError, match="'ids' falls along its last dimension"):
        checked(Q[0, 0], SORTED[::-1].copy())
    with pytest.raises(ValueError, match="true and false are accepted"):
        attn.compile(text, debug_checks=3)


@pytest.mark.parametrize(
    "array, facts, error, message",
    [
        (SORTED, {}, ValueError, "states nothing"),
        (Q, {"ascending": True}, TypeError, "float32; integers are accepted"),
        ([1, 2], {"ascending": True}, TypeError, "array of assume"),
        (np.array(3), {"ascending": True}, ValueError, "rank 0"),
        (SORTED, {"at_least": 2.0}, TypeError, "at_least is a float"),
        (SORTED, {"at_most": 2**31}, ValueError, "is no value of int32"),
        (np.zeros(3, np.int8), {"at_least": -129}, ValueError, "no value of int8"),
        (np.zeros(3, np.uint8), {"at_least": -1}, ValueError, "no value of uint8"),
        (SORTED, {"at_least": 4, "at_most": 3}, ValueError, "none between"),
    ],
)
def test_bad_facts(array, facts, error, message):
    with pytest.raises(error, match=message):
        attn.assume(array, **facts)
    with pytest.raises(TypeError, match="a bool is accepted"):
        attn.debug_checks(1)
