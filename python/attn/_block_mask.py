# ===- _block_mask.py - the masks of FlexAttention ---------------------------------- ===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""BlockMask: a mask_mod, and what PyTorch's class of this name tells about it."""

from __future__ import annotations

import copy
import math
import sys
import weakref
from typing import Any, Callable

import torch

from ._flex_recorded import region_of
from ._forms import Form, Modifier, Sizes
from .mask import Mask


class _Sliced(Form):
    """The mask of a slice, until it is given a mask_mod."""

    def structure(self, acc: str) -> str:
        raise RuntimeError(
            "block_mask is a slice and has no mask_mod; set its mask_mod to one for the "
            "positions that it is to be used for"
        )

    def __str__(self) -> str:
        return "a slice"


class BlockMask(Mask):
    """A mask_mod, recorded, and the sizes that it was created for. Blocks of pairs are
    looked at when sparsity or to_dense ask for them, and at no other time."""

    def __init__(self, mask_mod: Callable, sizes: tuple, block_size: tuple[int, int]):
        super().__init__(region_of(mask_mod, "mask_mod", None))
        self._mask_mod = mask_mod
        self.sizes = sizes
        self.BLOCK_SIZE = block_size

    @property
    def mask_mod(self) -> Callable | None:
        """The function; None for a slice. One that is set is recorded."""
        return self._mask_mod

    @mask_mod.setter
    def mask_mod(self, function: Callable) -> None:
        Modifier.__init__(self, region_of(function, "mask_mod", None))
        self._mask_mod = function

    @property
    def seq_lengths(self) -> tuple[int, int]:
        """(M, N)."""
        return self.sizes[2:]

    @seq_lengths.setter
    def seq_lengths(self, lengths: tuple[int, int]) -> None:
        queries, keys = lengths
        self.sizes = (*self.sizes[:2], queries, keys)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(B, H, M, N), where a batch or head that is the same for all counts 1."""
        batch, heads, queries, keys = self.sizes
        return (batch or 1, heads or 1, queries, keys)

    def __repr__(self) -> str:
        return f"BlockMask(shape={self.shape})"

    def numel(self) -> int:
        """How many pairs the shape has."""
        return math.prod(self.shape)

    def to_dense(self) -> torch.Tensor:
        """int32 (B, H, ceil(M / block), ceil(N / block)): 0 where the compiler knows
        that no pair of the block is kept, else 1. PyTorch, which looks at each pair,
        may know more of masks that it takes arithmetic to see through."""
        blocks = self.classify(*self.shape, tile=self.BLOCK_SIZE)
        return (torch.from_numpy(blocks) > 0).to(torch.int32)

    def sparsity(self) -> float:
        """The percentage of blocks that are 0 in to_dense."""
        blocks = self.to_dense()
        return 100.0 * (1 - blocks.float().mean().item()) if blocks.numel() else 0.0

    def to(self, device: Any) -> BlockMask:
        """This mask: it holds no tensors but those that mask_mod reads."""
        return self

    def __getitem__(self, index: Any) -> BlockMask:
        """The sizes of a slice over batches, heads and blocks of queries. As in
        PyTorch its lengths stay, and it has no mask_mod until one is set."""
        index = index if isinstance(index, tuple) else (index,)
        if len(index) > 3:
            raise IndexError(
                f"block_mask has {len(index)} indices; up to 3 are accepted: batch, "
                "head and block of queries"
            )
        blocks = -(-self.shape[2] // self.BLOCK_SIZE[0])
        counts = [
            _count(one, size) for one, size in zip(index, (*self.shape[:2], blocks))
        ]
        sliced = copy.copy(self)
        Modifier.__init__(sliced, _Sliced())
        sliced._mask_mod = None
        sliced.sizes = (*counts[:2], *self.sizes[len(counts[:2]) :])
        return sliced

    def __getattr__(self, name: str) -> Any:
        if "num_blocks" in name or name.endswith("_indices"):
            raise AttributeError(
                f"a BlockMask of attn holds no {name}; to_dense() tells its blocks"
            )
        raise AttributeError(f"'BlockMask' object has no attribute '{name}'")

    def check(self, sizes: Sizes) -> None:
        """Raises ValueError where the sizes of a call are not those of the mask."""
        for name, own, given in zip(Sizes._fields, self.sizes, sizes):
            if own not in (None, given) and (own != 1 or name in ("queries", "keys")):
                raise ValueError(
                    f"block_mask was created for {own} {name}, the call has {given}"
                )


def _count(index: Any, size: int) -> int:
    """How many of `size` entries an index takes; a number keeps its dimension."""
    if isinstance(index, int):
        if not -size <= index < size:
            raise IndexError(f"index {index} of block_mask; its dimension has {size}")
        return 1
    return len(torch.arange(size)[index])


#: By the BlockMask of PyTorch: its mask_mod, and the mask made of them.
_adopted: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def adopted(mask: Any) -> Any:
    """A BlockMask of PyTorch's as one of attn's; anything else as it is."""
    peer = sys.modules.get("torch.nn.attention.flex_attention")
    if peer is None or not isinstance(mask, peer.BlockMask):
        return mask
    state = mask.mask_mod, mask.seq_lengths, mask.kv_indices
    known = _adopted.get(mask)
    if known is None or any(a is not b for a, b in zip(known[0], state)):
        known = _adopted[mask] = state, _adopt(mask, peer.noop_mask)
    return known[1]


def _adopt(mask: Any, no_mask: Callable) -> BlockMask:
    if len(mask.shape) != 4:
        raise ValueError(f"block_mask has shape {mask.shape}; (B, H, M, N) is accepted")
    batch, heads, queries, keys = mask.shape
    size = tuple(mask.BLOCK_SIZE)
    sizes = (batch, heads, queries, keys)
    mask_mod = None if mask.mask_mod is no_mask else mask.mask_mod
    if mask_mod is not None:
        own = BlockMask(mask_mod, sizes, size)
        if _implies(own, mask):
            return own
    return BlockMask(_with_blocks(mask, mask_mod), sizes, size)


def _implies(own: BlockMask, mask: Any) -> bool:
    """Whether mask_mod alone is known to keep what it keeps with the blocks, as it is
    where these were made of it."""
    held = (mask.kv_indices, *(c.value for c in own._form.captured))
    if any(torch.is_tensor(a) and a.device.type != "cpu" for a in held):
        return False
    visited, full = _blocks_of(mask)
    classes = torch.from_numpy(own.classify(*own.shape, tile=own.BLOCK_SIZE))
    rows, columns = classes.shape[-2:]
    visited, full = (a[..., :rows, :columns] for a in (visited, full))
    return bool(((classes == 0) | visited).all() and ((classes == 2) | ~full).all())


def _with_blocks(mask: Any, mask_mod: Callable | None) -> Callable:
    """What a mask keeps whose blocks say more than its mask_mod."""
    visited, full = _blocks_of(mask)
    rows, columns = mask.BLOCK_SIZE
    batch, heads = visited.shape[:2]

    def kept(b, h, q_idx, kv_idx):
        block = (
            0 if batch == 1 else b,
            0 if heads == 1 else h,
            q_idx // rows,
            kv_idx // columns,
        )
        if mask_mod is None:
            return visited[block]
        return full[block] | (visited[block] & mask_mod(b, h, q_idx, kv_idx))

    return kept


def _blocks_of(mask: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Booleans (B, H, query blocks, key blocks): the blocks that a mask of PyTorch's
    visits, and those in which it asks no mask_mod."""
    least = -(-mask.shape[-1] // mask.BLOCK_SIZE[1])
    visited = _dense(mask.kv_num_blocks, mask.kv_indices, least)
    if mask.full_kv_num_blocks is None:
        return visited, torch.zeros_like(visited)
    full = _dense(mask.full_kv_num_blocks, mask.full_kv_indices, least)
    return visited | full, full


def _dense(counts: torch.Tensor, indices: torch.Tensor, least: int) -> torch.Tensor:
    """Rows that are given by how many of their indices count."""
    places = torch.arange(indices.shape[-1], device=indices.device)
    columns = max(least, indices.shape[-1])
    rest = torch.full_like(indices, columns)  # one column that is cut off
    used = torch.where(places < counts[..., None], indices, rest)
    shape = (*indices.shape[:-1], columns + 1)
    dense = torch.zeros(shape, dtype=torch.bool, device=indices.device)
    return dense.scatter_(-1, used.long(), True)[..., :-1].contiguous()
