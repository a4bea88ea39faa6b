# ===- test_error_names.py - errors name what the user wrote ------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Errors of compiled functions call arrays what the user's code calls them."""

import functools
import re

import attn
import numpy as np
import pytest
import torch

IDS = attn.assume(np.array([0, 2, 1]), ascending=True)
Q = np.ones((1, 2, 3, 8), np.float32)


@pytest.fixture(autouse=True)
def debugging():
    attn.debug_checks(True)
    yield
    attn.debug_checks(False)


def falling():
    return attn.assume(torch.tensor([0, 2, 1]), ascending=True)


def same(ids, b, h, i, j):
    return ids[i] == ids[j]


def by_keyword(b, h, i, j, ids):
    return ids[i] == ids[j]


def by_default(b, h, i, j, ids=falling()):
    return ids[i] == ids[j]


class Documents:
    def __init__(self):
        self.ids = falling()

    def __call__(self, b, h, i, j):
        return self.ids[i] == self.ids[j]

    def method(self, b, h, i, j):
        return self.ids[i] == self.ids[j]


class Module(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("ids", falling())

    def forward(self, b, h, i, j):
        return self.ids[i] == self.ids[j]


DOCUMENTS, LISTED, NAMED = Documents(), [falling()], {"all": falling()}

REACHED = {
    "of a partial": ("ids", functools.partial(same, falling())),
    "keyword": ("ids", functools.partial(by_keyword, ids=falling())),
    "default": ("ids", by_default),
    "object": ("self.ids", Documents()),
    "method": ("self.ids", Documents().method),
    "buffer": ("self.ids", Module().forward),
    "module": ("self.ids", Module()),
    "attribute": ("DOCUMENTS.ids", lambda *at: same(DOCUMENTS.ids, *at)),
    "list": ("LISTED[0]", lambda *at: same(LISTED[0], *at)),
    "dict": ("NAMED['all']", lambda *at: same(NAMED["all"], *at)),
}


@pytest.mark.parametrize("how", REACHED)
def test_tensors_of_mask_mods(how):
    name, mask_mod = REACHED[how]
    mask = attn.create_block_mask(mask_mod, 1, 2, 3, 3)
    q = torch.from_numpy(Q)
    with pytest.raises(ValueError, match=re.escape(f"product: assume: '{name}' falls")):
        attn.flex_attention(q, q, q, block_mask=mask)


def test_arrays_of_predicates():
    limits = [attn.assume(np.array([3, 900]), at_most=10)]
    mask = attn.mask.predicate(lambda b, h, i, j: j < limits[0][h])
    with pytest.raises(ValueError, match=r"element of 'limits\[0\]' is not at most"):
        attn.cosine(Q, Q, Q, mask=mask)


def test_arguments_of_masks():
    with pytest.raises(ValueError, match="product: .*'ids of mask.document' falls"):
        attn.scaled_dot_product(Q, Q, Q, mask=attn.mask.document(IDS))


def test_multi_head():
    x, w = np.ones((1, 3, 8), np.float32), np.ones((8, 8), np.float32)
    b = np.ones(8, np.float32)
    mask = attn.mask.predicate(lambda b, h, i, j: IDS[i] == IDS[j])
    with pytest.raises(ValueError, match="attn.multi_head: assume: 'IDS' falls"):
        attn.multi_head(x, x, x, w, w, w, w, b_o=b, num_heads=2, mask=mask)
