# ===- flex.py - FlexAttention's programs, unchanged --------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""flex_attention and create_block_mask, for the functions that are written for those
of torch.nn.attention.flex_attention."""

from __future__ import annotations

from typing import Any, Callable, Hashable

import torch

from . import _arrays
from ._attention import Attention, Wanted, attend, scale_suffix
from ._fingerprint import fingerprint
from ._flex_trace import record
from ._forms import Sizes
from ._region import Region
from .mask import Mask
from .score import Score

_MAX_RECORDED = 1024
_recorded: dict[Hashable, tuple[Region, list[int | None]]] = {}


class BlockMask(Mask):
    """A mask_mod, recorded, and the sizes that it was created for."""

    def __init__(self, region: Region, mask_mod: Callable, sizes: tuple):
        super().__init__(region)
        self.mask_mod = mask_mod
        self.sizes = sizes

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(B, H, M, N), where a batch or head that is the same for all counts 1."""
        batch, heads, queries, keys = self.sizes
        return (batch or 1, heads or 1, queries, keys)

    def __repr__(self) -> str:
        return f"BlockMask(shape={self.shape})"

    def check(self, sizes: Sizes) -> None:
        """Raises ValueError where the sizes of a call are not those of the mask."""
        for name, own, given in zip(Sizes._fields, self.sizes, sizes):
            if own not in (None, given) and (own != 1 or name in ("queries", "keys")):
                raise ValueError(
                    f"block_mask was created for {own} {name}, the call has {given}"
                )


# What these record, torch.compile would trace: it calls them as they are.
@torch.compiler.disable
def create_block_mask(
    mask_mod: Callable,
    B: int | None,
    H: int | None,
    M: int | None = None,
    N: int | None = None,
    device: Any = None,
    BLOCK_SIZE: Any = None,
    _compile: Any = None,
    *,
    Q_LEN: int | None = None,
    KV_LEN: int | None = None,
) -> BlockMask:
    """The mask ``mask_mod(b, h, q_idx, kv_idx)`` for B batches, H heads, M queries and
    N keys; None for B or H leaves them open.

    Nothing is built: the function is recorded, and its tensors are read at each call.
    M and N may be named Q_LEN and KV_LEN, as in PyTorch; `device`, `BLOCK_SIZE` and
    `_compile` are accepted and not needed.

    Raises TypeError, naming the line of mask_mod that cannot be compiled.
    """
    queries, keys = (Q_LEN if M is None else M), (KV_LEN if N is None else N)
    for name, size in (("M", queries), ("N", keys)):
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise ValueError(
                f"{name} is {size!r}; an integer of at least 0 is accepted"
            )
    for name, size in (("B", B), ("H", H)):
        if size is not None and (not isinstance(size, int) or size < 1):
            raise ValueError(f"{name} is {size!r}; None or an integer >= 1 is accepted")
    region = _region(mask_mod, "mask_mod", None)
    return BlockMask(region, mask_mod, (B, H, queries, keys))


@torch.compiler.disable
def flex_attention(
    q: Any,
    k: Any,
    v: Any,
    score_mod: Callable | None = None,
    block_mask: Any = None,
    scale: float | None = None,
    enable_gqa: bool = False,
    return_lse: bool = False,
) -> Any:
    """Attention under PyTorch's own functions.

    Args:
      q, k, v: (B, H, M, D), (B, Hkv, N, D), (B, Hkv, N, Dv).
      score_mod: ``score_mod(score, b, h, q_idx, kv_idx)``, on 0-d tensors.
      block_mask: what create_block_mask gives, or another mask of attn.mask.
      scale: factor of the scores; 1/sqrt(D) by default.
      enable_gqa: whether Hkv may be less than H.
      return_lse: whether to return the log-sum-exp of each row too, (B, H, M).

    Returns the output (B, H, M, Dv), or (output, lse).

    Raises:
      TypeError: a function that cannot be compiled, naming its line.
      ValueError: shapes that do not fit together.
    """
    framework, element = _arrays.common(q=q, k=k, v=v)
    for name, array in (("q", q), ("k", k), ("v", v)):
        if len(array.shape) != 4:
            raise ValueError(f"{name} has rank {len(array.shape)}; (B, H, M, D) is due")
    if q.shape[1] != k.shape[1] and not enable_gqa:
        raise ValueError(
            f"q has {q.shape[1]} heads and k has {k.shape[1]}; pass enable_gqa=True for "
            "grouped queries"
        )
    if isinstance(block_mask, BlockMask):
        block_mask.check(Sizes(q.shape[0], q.shape[1], q.shape[2], k.shape[2]))
    score = None
    if score_mod is not None:
        dtype = torch.float64 if element == "f64" else torch.float32
        score = Score(_region(score_mod, "score_mod", dtype))
    attention = Attention(
        "attn.scaled_dot_product",
        framework,
        element,
        q,
        k,
        v,
        suffix=scale_suffix(scale, element),
    )
    return attend(attention, block_mask, score, Wanted(lse=return_lse))


def _region(function: Any, what: str, score: torch.dtype | None) -> Region:
    """The region of a function, recorded unless one of its fingerprint was."""
    if not callable(function):
        raise TypeError(
            f"{what} is a {type(function).__name__}; a function is accepted"
        )
    mark = fingerprint(function)
    if mark is None:
        return record(function, what, score).region
    key, tensors = (mark[0], score), mark[1]
    if key in _recorded:
        region, places = _recorded[key]
        return _rebound(region, places, tensors)
    program = record(function, what, score)
    places = _places(program.region, tensors)
    if program.reusable and places is not None:
        if len(_recorded) >= _MAX_RECORDED:
            _recorded.clear()
        _recorded[key] = program.region, places
    return program.region


def _places(region: Region, tensors: list[torch.Tensor]) -> list[int | None] | None:
    """Where among `tensors` each captured value is; None for one that is a number."""
    places = []
    for captured in region.captured:
        if not torch.is_tensor(captured.value):
            places.append(None)
            continue
        found = [i for i, t in enumerate(tensors) if t is captured.value]
        if not found:
            return None
        places.append(found[0])
    return places


def _rebound(region: Region, places: list, tensors: list) -> Region:
    captured = (
        c if place is None else c._replace(value=tensors[place])
        for c, place in zip(region.captured, places)
    )
    return Region(region.result, tuple(captured), region.is_score)
