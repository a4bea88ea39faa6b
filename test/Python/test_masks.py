# ===- test_masks.py - constructors of masks against dense arrays ---------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which pairs masks keep, how they are shown, and that they travel to other
processes."""

import pathlib
import pickle
import re

import attn
import numpy as np
import pytest
import torch

B, H, M, N = 2, 3, 70, 90
b, h, i, j = np.ogrid[:B, :H, :M, :N]
IDS = np.repeat([3, 1, 4, 1], [20, 30, 5, 35])
PER_BATCH = np.stack([IDS, IDS[::-1]])
OFFSETS = np.array([5, 25, 25, 60, 88])
KEY_OFFSETS = np.array([0, 30, 40, 41, 90], np.int32)
LAYOUT = np.random.default_rng(0).random((H, 5, 3)) < 0.4
SHIFT = np.array([-7, 12])
MASK = attn.mask


def segment(offsets, position):
    """The document of a position; -1 outside of all."""
    found = np.searchsorted(offsets, position, side="right") - 1
    return np.where(found < len(offsets) - 1, found, -1)


def in_segments(key_offsets):
    of_query = segment(OFFSETS, i)
    return (of_query == segment(key_offsets, j)) & (of_query >= 0)


#: A mask and what it keeps.
MASKS = {
    "document": (MASK.document(PER_BATCH), PER_BATCH[b, i] == PER_BATCH[b, j]),
    "document, ids of keys": (
        MASK.document(IDS[:M].astype(np.int16), PER_BATCH),
        IDS[i] == PER_BATCH[b, j],
    ),
    "document_offsets": (MASK.document_offsets(OFFSETS), in_segments(OFFSETS)),
    "document_offsets, of keys": (
        MASK.document_offsets(OFFSETS, KEY_OFFSETS),
        in_segments(KEY_OFFSETS),
    ),
    "cumulative lengths of torch": (
        MASK.document_offsets(torch.tensor(OFFSETS)) & MASK.causal(),
        in_segments(OFFSETS) & (j <= i),
    ),
    "dilated": (MASK.dilated(7), (i - j) % 7 == 0),
    "dilated by 1": (MASK.dilated(1), i == i),
    "block_sparse": (MASK.block_sparse(LAYOUT, (16, 32)), LAYOUT[h, i // 16, j // 32]),
    "block_sparse, all heads": (
        MASK.block_sparse(LAYOUT[0], 32),
        LAYOUT[0][i // 32, j // 32],
    ),
    "window": (MASK.window(5, 3), (i - 5 <= j) & (j <= i + 3)),
    "window, offset": (
        MASK.window(5, 3, offset=20),
        (i + 15 <= j) & (j <= i + 23),
    ),
    "window, offsets": (
        MASK.window(past=9, offset=SHIFT),
        i + SHIFT[b] - 9 <= j,
    ),
    "window, no side": (MASK.window(offset=SHIFT), i == i),
    "prefix": (MASK.prefix(SHIFT + 10), j < SHIFT[b] + 10),
    "padding": (
        MASK.padding(SHIFT + 10) | MASK.dilated(9),
        (j < SHIFT[b] + 10) | ((i - j) % 9 == 0),
    ),
    "dense": (MASK.dense(LAYOUT[:, :1, :1]), LAYOUT[:, :1, :1]),
    "predicate": (MASK.predicate(lambda b, h, i, j: (i ^ j) < 40), (i ^ j) < 40),
}


def kept(mask, batch=(B,)):
    """The pairs that get weight."""
    q, k = np.zeros((*batch, H, M, 4), "f"), np.zeros((*batch, H, N, 4), "f")
    return attn.scaled_dot_product(q, k, k, mask=mask, return_weights=True)[1] > 0


@pytest.mark.parametrize("name", MASKS)
def test_masks(name):
    mask, expected = MASKS[name]
    expected = np.broadcast_to(expected, (B, H, M, N))
    assert np.array_equal(kept(mask), expected)
    classes = mask.classify(B, H, M, N, tile=(16, 16))
    for (x, y, z, w), kind in np.ndenumerate(classes):
        tile = expected[x, y, 16 * z : 16 * z + 16, 16 * w : 16 * w + 16]
        assert kind == 1 or (tile == (kind == 2)).all()


def test_every_op_has_a_constructor():
    """All ops of masks but those that operators and `window()` give."""
    source = "include/attn/Dialect/Attn/IR/AttnMaskOps.td"
    text = (pathlib.Path(__file__).parents[2] / source).read_text()
    ops = set(re.findall(r'Mask\w*Op<"(\w+)"', text)) - {"and", "or", "not", "constant"}
    assert ops and ops <= set(MASK.__all__)
    tested = {name.partition(",")[0] for name in MASKS} | {"causal"}
    assert ops <= tested


@pytest.mark.parametrize("name", MASKS)
def test_pickling(name):
    mask = MASKS[name][0]
    copied = pickle.loads(pickle.dumps(mask))
    assert repr(copied) == repr(mask)
    shapes = (B, H, M, N)
    assert np.array_equal(copied.classify(*shapes), mask.classify(*shapes))
    if name == "document":
        assert np.array_equal(kept(copied), kept(mask))
        with pytest.raises(ValueError, match="ids of mask.document has 90 entries"):
            copied.classify(B, H, M, 91)


def test_pickling_of_scores():
    score = attn.score
    for made in (
        score.alibi([0.5] * H),
        score.bias(np.zeros((H, M, N))),
        score.relative_bias(np.zeros((H, 5))),
        score.bucketed_bias(np.zeros(32)),
        score.image_bias(np.zeros((H, 3, 3)), 8),
        score.softcap(5),
    ):
        assert repr(pickle.loads(pickle.dumps(made))) == repr(made)


def test_what_is_shown():
    mask = (MASK.causal() | MASK.prefix(3)) & ~MASK.padding(SHIFT)
    assert repr(mask) == "Mask((causal | prefix 3) & ~(padding int64[2]))"
    assert repr(MASK.window(past=2, offset=SHIFT)) == (
        "Mask(window past(2) offset(int64[2]))"
    )
    ids = np.zeros(9, np.int32)
    assert repr(MASK.predicate(lambda b, h, i, j: ids[i] == ids[j])) == (
        "Mask(predicate(ids: int32[9]))"
    )
    assert repr(attn.score.alibi(torch.ones(4))) == "Score(alibi float32[4])"


#: A mask for batch dimensions (2, 3), and one for them joined.
JOINED = {
    "padding": (MASK.padding, np.arange(6).reshape(2, 3) * 20),
    "padding of rows": (MASK.padding, np.arange(6 * M).reshape(2, 3, M) % 91),
    "prefix": (MASK.prefix, np.arange(6).reshape(2, 3) * 20),
    "causal": (MASK.causal, np.arange(6).reshape(2, 3) * 20),
    "window": (lambda a: MASK.window(4, offset=a), np.arange(6).reshape(2, 3) * 9),
    "document": (MASK.document, np.arange(6 * N).reshape(2, 3, N) // 11),
    "dense": (MASK.dense, np.random.default_rng(1).random((2, 3, 1, M, N)) < 0.5),
}


@pytest.mark.parametrize("name", JOINED)
def test_several_batch_dimensions(name):
    make, array = JOINED[name]
    expected = kept(make(array.reshape(6, *array.shape[2:])), (6,))
    for given in (make(array), make(array.reshape(6, *array.shape[2:]))):
        found = kept(given & MASK.dilated(1), (2, 3))
        assert np.array_equal(found, expected.reshape(2, 3, H, M, N))


def test_repeated_batch_dimensions():
    """Dense masks and biases align with all dimensions, as with those of one batch."""
    generator = np.random.default_rng(2)
    for shape in ((2, 1, 1, M, N), (3, H, 1, N), (1, 1, H, M, 1), (1, 3, 1, 1, N)):
        keep = generator.random(shape) < 0.5
        expected = np.broadcast_to(keep, (2, 3, H, M, N))
        assert np.array_equal(kept(keep, (2, 3)), expected)
        scores = np.zeros((2, 3, H, M, N), "f")
        found = attn.masked_softmax(scores, mask=keep)
        assert np.array_equal(found > 0, expected)
        q, k = np.zeros((2, 3, H, M, 4), "f"), np.zeros((2, 3, H, N, 4), "f")
        bias = attn.score.bias(generator.random(shape).astype("f"))
        _, lse = attn.scaled_dot_product(q, k, k, score=bias, return_lse=True)
        held = np.broadcast_to(bias._form.captured[0].value, (2, 3, H, M, N))
        np.testing.assert_allclose(lse, np.log(np.exp(held).sum(-1)), rtol=1e-5)


def test_facts_of_rows_that_are_joined():
    """What ascends in each row need not do so in all of them together."""
    lengths = attn.assume(np.array([[5, 60, 90], [0, 7, 80]]), ascending=True)
    rows = attn.assume(
        np.sort(IDS)[None, None].repeat(6, 1).reshape(2, 3, N), ascending=True
    )
    attn.debug_checks(True)
    try:
        kept(MASK.padding(lengths) & MASK.document(rows), (2, 3))
    finally:
        attn.debug_checks(False)


def test_refusals():
    q = np.zeros((2, 3, H, M, 4), "f")

    def attend(mask, q=q):
        return attn.scaled_dot_product(q, q, q, mask=mask)

    end = r".*batch dimensions are \(2, 3\).*joined into one"
    one = q[0]
    for call, error, message in (
        (
            lambda: attend(MASK.padding([1, 2])),
            ValueError,
            r"shape \(2,\).*\(6, 70\)" + end,
        ),
        (lambda: attend(np.ones((3, 2, 1, 1, 1), bool)), ValueError, "rank 5" + end),
        (lambda: attend(MASK.causal([1, 2])), ValueError, "2 entries.*batch, 6" + end),
        (lambda: attend(MASK.document(np.zeros((2, 3, 3, M), int))), ValueError, end),
        (lambda: MASK.document(IDS, 3), TypeError, "key_ids of mask.document is a int"),
        (
            lambda: attend(MASK.document(IDS, IDS[:69]), one),
            ValueError,
            "key_ids of mask.document has 69 entries; at least 70.*70 keys",
        ),
        (
            lambda: attend(MASK.document(IDS[:69], IDS), one),
            ValueError,
            "^ids of mask.document has 69 entries; at least 70.*70 queries",
        ),
        (lambda: MASK.document_offsets([]), TypeError, "float64; integers"),
        (lambda: MASK.document_offsets(IDS[:0]), ValueError, "0 entries; at least 1"),
        (lambda: MASK.document_offsets(PER_BATCH), ValueError, "rank 2; 1 is accepted"),
        (
            lambda: MASK.document_offsets([0, 4], [0, 1, 2]),
            ValueError,
            "key_offsets of mask.document_offsets has 3 entries; as many as offsets",
        ),
        (lambda: MASK.dilated(0), ValueError, "stride of mask.dilated is 0"),
        (lambda: MASK.dilated(1.5), TypeError, "stride of mask.dilated is a float"),
        (lambda: MASK.block_sparse(IDS, 4), TypeError, "layout.*int64; booleans"),
        (lambda: MASK.block_sparse(LAYOUT[0, 0], 4), ValueError, "rank 1; 2 or 3"),
        (lambda: MASK.block_sparse(LAYOUT, (4,)), ValueError, "block has 1 sizes"),
        (lambda: MASK.block_sparse(LAYOUT, (4, 0)), ValueError, r"is \(4, 0\)"),
        (lambda: MASK.block_sparse(LAYOUT, "4"), TypeError, "block.*is a str"),
        (
            lambda: attend(MASK.block_sparse(LAYOUT, (8, 32)), one),
            ValueError,
            r"shape \(3, 5, 3\); \(9, 3\) blocks of \(8, 32\)",
        ),
        (
            lambda: attend(MASK.block_sparse(LAYOUT, 8), one),
            ValueError,
            r"shape \(3, 5, 3\); \(9, 9\) blocks of \(8, 8\)",
        ),
        (
            lambda: attend(MASK.block_sparse(LAYOUT[:2], 32), one),
            ValueError,
            "2 layouts; there must be one per head, 3",
        ),
        (lambda: MASK.window(1, offset=2**61 + 1), ValueError, "offset of mask.window"),
        (
            lambda: MASK.window(1, offset=1.5),
            TypeError,
            "offset of mask.window is a fl",
        ),
        (
            lambda: attend(MASK.window(1, offset=[1, 2]), one),
            ValueError,
            "offset of mask.window has 2 entries; there must be one per batch, 3",
        ),
    ):
        with pytest.raises(error, match=message):
            call()
            pytest.fail(f"{message} is accepted")


def test_offsets_that_decrease():
    """Contents are looked at where that is asked for."""
    mask = MASK.document_offsets([0, 50, 40, 90])
    attn.debug_checks(True)
    try:
        with pytest.raises(ValueError, match="mask.document_offsets: offsets decrease"):
            kept(mask)
    finally:
        attn.debug_checks(False)
