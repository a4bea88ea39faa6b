# ===- _variables.py - what users call the arrays of their functions -----------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Names for errors: the variables by which functions reach arrays, and the arguments
of a call, in place of those of the compiled function."""

from __future__ import annotations

import functools
import inspect
import re
from typing import Any, Callable, Iterable

from ._forms import Captured


def named(captured: Iterable[Captured], function: Callable) -> tuple[Captured, ...]:
    """Each captured value with the name of the variable that holds it, if one does."""
    names: dict[int, str] = {}
    _collect(function, names, set())
    return tuple(c._replace(name=names.get(id(c.value), c.name)) for c in captured)


def _collect(value: Any, names: dict[int, str], seen: set[int], name: str = "") -> None:
    if isinstance(value, functools.partial):
        value = value.func
    function = getattr(value, "__func__", value)
    if not inspect.isfunction(function):
        if name and hasattr(value, "shape"):
            names.setdefault(id(value), name)
        if type(value) in (list, tuple):
            for number, element in enumerate(value):
                _collect(element, names, seen, f"{name}[{number}]")
        return
    if id(function) in seen:
        return
    seen.add(id(function))
    found = inspect.getclosurevars(function)
    for variable, held in (*found.nonlocals.items(), *found.globals.items()):
        _collect(held, names, seen, variable)


def in_user_terms(error: str, op: str, names: list[str]) -> str:
    """The message of a compiled function's error: `op` for the function, `names` for
    its arguments, of which "" have none."""

    def rename(match: re.Match) -> str:
        number = int(match[1])
        known = names[number] if number < len(names) else ""
        return f"'{known}'" if known else f"argument {number}"

    return re.sub(r"'a(\d+)'", rename, re.sub("^main: ", f"{op}: ", error))
