# ===- _module.py - a compiled module and its signatures ---------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Modules of MLIR as the native library compiles them."""

from __future__ import annotations

import json
from typing import Any

from . import _attn

_FLOAT, _INTEGER, _BFLOAT, _BOOL = 2, 0, 4, 6  # of DLPack
_TYPES = {
    **{f"f{bits}": (_FLOAT, bits) for bits in (16, 32, 64)},
    **{f"i{bits}": (_INTEGER, bits) for bits in (8, 16, 32, 64)},
    "bf16": (_BFLOAT, 16),
    "i1": (_BOOL, 8),
    "index": (_INTEGER, 64),
}


class Module:
    """A compiled module and the signatures of its public functions."""

    def __init__(self, native: Any):
        self.native = native
        self.signatures = {
            f["name"]: f["arguments"] for f in json.loads(native.signature())
        }

    @classmethod
    def compiled(cls, text: bytes, options: dict[str, str]) -> Module:
        return cls(_attn.Module(text, options))

    @classmethod
    def tile_map(cls, text: bytes, queries: int, keys: int) -> Module:
        """The functions of `text` with the classes of their tiles as results."""
        return cls(_attn.Module.tile_map(text, queries, keys))

    def function(self, name: str) -> Any:
        described = [
            (a["name"], *_TYPES[a["type"]], a["sizes"], a["output"])
            for a in self.signatures[name]
        ]
        return self.native.function(name, described)
