# ===- _fingerprint.py - when two functions compute the same ---------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tells whether a function was recorded before, perhaps with other tensors.

Two functions of one fingerprint run the same code on equal constants and on tensors
of equal type and shape, which they reach in the same order.
"""

from __future__ import annotations

import types
from typing import Any, Hashable

import torch

from ._assume import facts
from ._variables import names_in

_PLAIN = (int, float, bool, complex, str, bytes, type(None), torch.dtype, torch.device)


_LIBRARIES = ("torch", "math", "numpy", "operator", "functools", "builtins")


def _is_fixed(value: Any) -> bool:
    """Whether this is a module, class or function of a library, which nobody changes
    between two calls."""
    if isinstance(value, types.ModuleType):
        return value.__name__.partition(".")[0] in _LIBRARIES
    if isinstance(value, types.BuiltinFunctionType):
        owner = value.__self__
        return owner is None or isinstance(owner, types.ModuleType)
    if isinstance(value, type):
        return value.__module__.partition(".")[0] in _LIBRARIES
    return False


class _Unknown(Exception):
    pass


def fingerprint(function: Any) -> tuple[Hashable, list[torch.Tensor]] | None:
    """The fingerprint and the tensors reached; None where the function reaches
    something whose meaning cannot be told."""
    walk = _Walk()
    try:
        return walk.value(function), walk.tensors
    except _Unknown:
        return None


class _Walk:
    def __init__(self):
        self.tensors: list[torch.Tensor] = []
        self._seen: dict[int, int] = {}

    def value(self, value: Any) -> Hashable:
        if isinstance(value, _PLAIN):
            # Zeros of either sign are equal, NaN is not equal to itself.
            return type(value), repr(value) if isinstance(value, float) else value
        if id(value) in self._seen:
            return "seen", self._seen[id(value)]
        self._seen[id(value)] = len(self._seen)
        if isinstance(value, torch.Tensor):
            self.tensors.append(value)
            known = facts(value)
            return "tensor", value.dtype, tuple(value.shape), value.device, known
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if _is_fixed(value):
            return "object", id(value)
        if type(value) in (tuple, list):
            return (type(value), *map(self.value, value))
        raise _Unknown

    def _function(self, function: types.FunctionType) -> Hashable:
        module = (function.__module__ or "").partition(".")[0]
        if module == "torch" and not function.__closure__:
            return "object", id(function)
        cells = (self._cell(c) for c in function.__closure__ or ())
        defaults = function.__defaults__ or ()
        keywords = tuple((function.__kwdefaults__ or {}).items())
        names = sorted(names_in(function.__code__) & function.__globals__.keys())
        return (
            function.__code__,
            *cells,
            *map(self.value, (*defaults, *keywords)),
            *((name, self.value(function.__globals__[name])) for name in names),
        )

    def _cell(self, cell: types.CellType) -> Hashable:
        try:
            return self.value(cell.cell_contents)
        except ValueError:
            return "empty"
