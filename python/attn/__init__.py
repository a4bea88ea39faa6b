# ===- __init__.py - the attn package --------------------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attention, compiled.

Arrays of numpy give arrays of numpy, tensors of torch give tensors of torch; neither
is copied on the way in or out. Each function is compiled at its first use and serves
all lengths from then on.
"""

import importlib
from typing import TYPE_CHECKING, Any

from . import mask, score
from ._assume import assume
from ._execute import debug_checks
from ._functions import (
    additive,
    cosine,
    general,
    kernel_regression,
    scaled_dot_product,
)
from ._layers import bmm, masked_softmax, merge, multi_head
from ._positions import rotary, rotary_frequencies, sinusoid
from ._symbol import capture, maximum, minimum, where

if TYPE_CHECKING:
    from . import plot
    from ._compiled import Compiled, compile
    from .flex import create_block_mask, flex_attention

__all__ = [
    "Compiled",
    "additive",
    "assume",
    "bmm",
    "capture",
    "compile",
    "cosine",
    "create_block_mask",
    "debug_checks",
    "flex_attention",
    "general",
    "kernel_regression",
    "mask",
    "masked_softmax",
    "maximum",
    "merge",
    "minimum",
    "multi_head",
    "plot",
    "rotary",
    "rotary_frequencies",
    "scaled_dot_product",
    "score",
    "sinusoid",
    "where",
]

# Loaded when first asked for: PyTorch, matplotlib and the compiler take their time.
_LATER = {
    "Compiled": "_compiled",
    "compile": "_compiled",
    "create_block_mask": "flex",
    "flex_attention": "flex",
    "plot": None,
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'attn' has no attribute '{name}'")
    module = importlib.import_module(f".{_LATER[name] or name}", __name__)
    return getattr(module, name) if _LATER[name] else module
