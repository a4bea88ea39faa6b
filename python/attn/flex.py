# ===- flex.py - FlexAttention's programs, unchanged --------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""flex_attention and create_block_mask, for the functions that are written for those
of torch.nn.attention.flex_attention.

What differs from PyTorch: no gradients; no max_scores of `return_aux`; a batch of q
that differs from that of k and v is refused; a BlockMask holds no tensors of blocks
(kv_num_blocks and the like), and of its methods there are shape, seq_lengths,
BLOCK_SIZE, numel, sparsity, to_dense, to, [] and mask_mod, which may be set: no
to_string, as_tuple and from_kv_blocks. A BlockMask of PyTorch's is accepted.
"""

from __future__ import annotations

from typing import Any, Callable

import torch

from . import _arrays
from ._attention import Attention, Wanted, attend, scale_suffix
from ._block_mask import BlockMask, adopted
from ._flex_recorded import region_of
from ._forms import Sizes
from ._untraced import untraced
from .score import Score


@untraced
def create_block_mask(
    mask_mod: Callable,
    B: int | None,
    H: int | None,
    M: int | None = None,
    N: int | None = None,
    device: Any = None,
    BLOCK_SIZE: Any = None,
    _compile: Any = None,
    separate_full_blocks: Any = None,
    compute_dq_write_order: Any = None,
    dq_kv_order: Any = None,
    *,
    Q_LEN: int | None = None,
    KV_LEN: int | None = None,
) -> BlockMask:
    """The mask ``mask_mod(b, h, q_idx, kv_idx)`` for B batches, H heads, M queries and
    N keys; None for B or H leaves them open.

    Nothing is built: the function is recorded, and its tensors are read at each call.
    M and N may be named Q_LEN and KV_LEN, as in PyTorch. `BLOCK_SIZE` is that of what
    the mask tells about itself, (128, 128) by default; the other parameters are
    accepted and not needed.

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
    return BlockMask(mask_mod, (B, H, queries, keys), _block_size(BLOCK_SIZE))


def _block_size(given: Any) -> tuple[int, int]:
    sizes = 128 if given is None else given
    sizes = tuple(sizes) if isinstance(sizes, (tuple, list)) else (sizes, sizes)
    if len(sizes) != 2 or not all(isinstance(s, int) and s >= 1 for s in sizes):
        raise ValueError(
            f"BLOCK_SIZE is {given!r}; an integer >= 1 or two of them are accepted"
        )
    return sizes


@untraced
def flex_attention(
    q: Any,
    k: Any,
    v: Any,
    score_mod: Callable | None = None,
    block_mask: Any = None,
    scale: float | None = None,
    enable_gqa: bool = False,
    return_lse: bool = False,
    kernel_options: Any = None,
    *,
    return_aux: Any = None,
) -> Any:
    """Attention under PyTorch's own functions.

    Args:
      q, k, v: (B, H, M, D), (B, Hkv, N, D), (B, Hkv, N, Dv).
      score_mod: ``score_mod(score, b, h, q_idx, kv_idx)``, on 0-d tensors.
      block_mask: what create_block_mask gives, that of PyTorch too, or another mask of
        attn.mask.
      scale: factor of the scores; 1/sqrt(D) by default.
      enable_gqa: whether Hkv may be less than H.
      return_lse: whether to return the log-sum-exp of each row too, (B, H, M).
      kernel_options: hints for PyTorch's kernels, which attn has no use for.
      return_aux: PyTorch's AuxRequest, in place of return_lse.

    Returns the output (B, H, M, Dv), or (output, lse), or (output, AuxOutput).

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
    lse = return_lse if return_aux is None else _check_aux(return_aux, return_lse)
    block_mask = adopted(block_mask)
    if isinstance(block_mask, BlockMask):
        block_mask.check(Sizes(q.shape[0], q.shape[1], q.shape[2], k.shape[2]))
    score = None
    if score_mod is not None:
        dtype = torch.float64 if element == "f64" else torch.float32
        score = Score(region_of(score_mod, "score_mod", dtype))
    attention = Attention(
        "attn.scaled_dot_product",
        framework,
        element,
        q,
        k,
        v,
        suffix=scale_suffix(scale, element),
    )
    results = attend(attention, block_mask, score, Wanted(lse=lse))
    return results if return_aux is None else _with_aux(results, lse)


def _check_aux(request: Any, return_lse: bool) -> bool:
    """Whether the request is for the lse."""
    if not hasattr(request, "lse"):
        raise TypeError(
            f"return_aux is a {type(request).__name__}; an AuxRequest is accepted"
        )
    if return_lse:
        raise ValueError("return_lse and return_aux are both given; one is accepted")
    if getattr(request, "max_scores", False):
        raise ValueError("return_aux asks for max_scores; lse is accepted")
    return bool(request.lse)


def _with_aux(results: Any, lse: bool) -> Any:
    from torch.nn.attention.flex_attention import AuxOutput

    output, found = results if lse else (results, None)
    return output, AuxOutput(lse=found)
