# ===- _rebind.py - functions with their captured arrays replaced -------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""NumPy arrays cannot be indexed by symbols, so a function is run with its arrays
replaced by attn.capture, wherever closures, globals and defaults lead to them."""

from __future__ import annotations

import types
from typing import Any, Callable

import numpy

from ._symbol import capture
from ._variables import names_in


def rebind(function: Callable) -> Callable:
    """`function` and the functions it captures, with arrays wrapped."""
    return _Rebinder().value(function)


class _Rebinder:
    def __init__(self):
        self._done: dict[int, Any] = {}

    def value(self, value: Any) -> Any:
        if isinstance(value, numpy.ndarray):
            return self._once(value, capture)
        if isinstance(value, types.FunctionType) and _is_users(value):
            return self._function(value)
        if type(value) in (list, tuple):
            return type(value)(map(self.value, value))
        return value

    def _once(self, value: Any, make: Callable) -> Any:
        if id(value) not in self._done:
            self._done[id(value)] = make(value)
        return self._done[id(value)]

    def _function(self, function: types.FunctionType) -> types.FunctionType:
        if id(function) in self._done:
            return self._done[id(function)]
        cells = tuple(types.CellType() for _ in function.__closure__ or ())
        namespace = dict(function.__globals__)
        copy = types.FunctionType(
            function.__code__,
            namespace,
            function.__name__,
            None,
            cells or None,
        )
        self._done[id(function)] = copy
        copy.__defaults__ = self.value(function.__defaults__)
        copy.__kwdefaults__ = function.__kwdefaults__ and {
            k: self.value(v) for k, v in function.__kwdefaults__.items()
        }
        for name in names_in(function.__code__):
            if name in namespace:
                namespace[name] = self.value(namespace[name])
        for old, new in zip(function.__closure__ or (), cells):
            try:
                new.cell_contents = self.value(old.cell_contents)
            except ValueError:  # the cell is empty
                pass
        return copy


def _is_users(function: types.FunctionType) -> bool:
    package = (function.__module__ or "").partition(".")[0]
    return package not in ("attn", "numpy", "torch")
