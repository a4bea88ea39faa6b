# ===- _fit.py - how captured arrays fit the sizes of a call ------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks of the arrays that masks and score modifiers capture against the sizes of a
call, and the joining of their batch dimensions where a call has several."""

from __future__ import annotations

import math
from typing import Any

from . import _arrays
from ._forms import Captured, Sizes

Batch = tuple[int, ...]


def per_batch(captured: Captured, sizes: Sizes) -> None:
    """Checks that an array has one entry per batch."""
    shape = tuple(captured.value.shape)
    if len(shape) != 1:
        raise ValueError(f"{captured.name} has shape {shape}; (batch,) is accepted")
    if shape[0] != sizes.batch:
        raise ValueError(
            f"{captured.name} has {shape[0]} entries; there must be one per batch, "
            f"{sizes.batch}"
        )


def per_query(captured: Captured, sizes: Sizes) -> None:
    """Checks that an array is (batch,) or (batch, queries)."""
    shape = tuple(captured.value.shape)
    if len(shape) > 2 or shape != (sizes.batch, sizes.queries)[: len(shape)]:
        raise ValueError(
            f"{captured.name} has shape {shape}; (batch,) or (batch, queries) is "
            f"accepted, here ({sizes.batch}, {sizes.queries})"
        )


def per_head(captured: Captured, sizes: Sizes, noun: str = "entries") -> None:
    """Checks that an array has one entry, called a noun of several, per head."""
    found = captured.value.shape[0]
    if found != sizes.heads:
        raise ValueError(
            f"{captured.name} has {found} {noun}; there must be one per head, "
            f"{sizes.heads}"
        )


def positions(captured: Captured, sizes: Sizes) -> None:
    """Checks that an array has an entry for each query and each key."""
    needed = max(sizes.queries, sizes.keys)
    purpose = f"{sizes.queries} queries and {sizes.keys} keys"
    _positions(captured, sizes, needed, purpose)


def queries(captured: Captured, sizes: Sizes) -> None:
    """Checks that an array has an entry for each query."""
    _positions(captured, sizes, sizes.queries, f"{sizes.queries} queries")


def keys(captured: Captured, sizes: Sizes) -> None:
    """Checks that an array has an entry for each key."""
    _positions(captured, sizes, sizes.keys, f"{sizes.keys} keys")


def _positions(captured: Captured, sizes: Sizes, needed: int, purpose: str) -> None:
    name, shape = captured.name, tuple(captured.value.shape)
    if len(shape) > 2:
        raise ValueError(
            f"{name} has shape {shape}; (length,) or (batch, length) is accepted"
        )
    if shape[-1] < needed:
        raise ValueError(
            f"{name} has {shape[-1]} entries; at least {needed} are needed for {purpose}"
        )
    if len(shape) == 2 and shape[0] != sizes.batch:
        raise ValueError(
            f"{name} has {shape[0]} entries; there must be one per batch, {sizes.batch}"
        )


def blocks(captured: Captured, sizes: Sizes, block: tuple[int, int]) -> None:
    """Checks that a layout has an entry for each block, and for each head where it has
    rank 3."""
    shape = tuple(captured.value.shape)
    needed = (-(-sizes.queries // block[0]), -(-sizes.keys // block[1]))
    if shape[-2] < needed[0] or shape[-1] < needed[1]:
        raise ValueError(
            f"{captured.name} has shape {shape}; {needed} blocks of {block} are needed "
            f"for {sizes.queries} queries and {sizes.keys} keys"
        )
    if len(shape) == 3:
        per_head(captured, sizes, "layouts")


def tables(captured: Captured, sizes: Sizes) -> None:
    """Checks that there is one table per head."""
    per_head(captured, sizes, "tables")


def broadcast(captured: Captured, sizes: Sizes) -> None:
    """Checks that an array, aligned right, fits (B, H, M, N); with rank 3 and without
    heads (B, M, N)."""
    name, shape = captured.name, tuple(captured.value.shape)
    if len(shape) > 4:
        raise ValueError(f"{name} has rank {len(shape)}; 1 to 4 is accepted")
    wanted = sizes.aligned(len(shape))
    for have, want in zip(reversed(shape), reversed(wanted)):
        if have not in (1, want):
            heads = "heads, " if len(wanted) == 4 else ""
            raise ValueError(
                f"{name} has shape {shape}; it is aligned right with (batch, {heads}"
                f"queries, keys) = {wanted}, where each size is equal or 1"
            )


def join_leading(captured: Captured, batch: Batch) -> Captured:
    """An array that begins with the batch dimensions, with these made one."""
    shape, count = tuple(captured.value.shape), len(batch)
    if shape[:count] != batch:
        return captured
    facts = captured.facts
    if len(shape) == count:  # the rows that ascended are one now
        facts = " ".join(f for f in facts.split(" ") if f != "ascending")
    value = captured.value.reshape(math.prod(batch), *shape[count:])
    types = ("?",) * len(value.shape)
    return captured._replace(value=value, shape=types, facts=facts)


def join_aligned(captured: Captured, batch: Batch) -> Captured:
    """An array aligned right with the batch dimensions, heads, queries and keys, with
    the batch dimensions made one."""
    value = captured.value
    lead, rest = tuple(value.shape[:-3]), tuple(value.shape[-3:])
    pairs = zip(reversed(lead), reversed(batch))
    if not lead or len(lead) > len(batch) or any(h not in (1, w) for h, w in pairs):
        return captured
    if math.prod(lead) == 1:
        value = value.reshape(1, *rest)
    else:
        value = _arrays.require(value, captured.name).expand(value, (*batch, *rest))
        value = value.reshape(math.prod(batch), *rest)
    return captured._replace(value=value, shape=repeats(value))


def repeats(value: Any) -> tuple[str, ...]:
    """The static dimensions of an array of which those of size 1 are repeated."""
    return tuple("1" if size == 1 else "?" for size in value.shape)
