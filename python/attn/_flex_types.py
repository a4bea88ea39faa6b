# ===- _flex_types.py - what the recording of PyTorch functions speaks of ---------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Types, limits and refusals of the recording of FlexAttention's functions."""

from __future__ import annotations

import torch

from ._expr import Expr

#: Expression types of PyTorch's; uint8 is computed in i16, and wrapped.
TYPES = {
    torch.bool: "i1",
    torch.uint8: "i16",
    torch.int8: "i8",
    torch.int16: "i16",
    torch.int32: "i32",
    torch.int64: "index",
    torch.float16: "f16",
    torch.bfloat16: "bf16",
    torch.float32: "f32",
    torch.float64: "f64",
}

#: Elements of an intermediate tensor that are computed one by one, at most.
MAX_ELEMENTS = 1024


class Refusal(Exception):
    """What cannot be compiled, in words."""


class Table:
    """A captured tensor, the first dimensions of which are indexed already."""

    def __init__(self, tensor: torch.Tensor, indices: tuple[Expr | None, ...]):
        self.tensor = tensor
        self.indices = indices  # None: a dimension that is left
