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
import types
from typing import Any, Callable, Iterable

from ._forms import Captured, Modifier


def names_in(code: types.CodeType) -> set[str]:
    """The globals and attributes that code and the functions inside it use."""
    inner = (c for c in code.co_consts if isinstance(c, types.CodeType))
    return set(code.co_names).union(*map(names_in, inner))


def named(captured: Iterable[Captured], function: Callable) -> tuple[Captured, ...]:
    """Each captured value with what `function` calls it, where that is found."""
    walk = _Walk()
    walk.visit(function, "")
    return tuple(c._replace(name=walk.names.get(id(c.value), c.name)) for c in captured)


class _Walk:
    """Finds what a function calls the arrays that it reaches."""

    def __init__(self):
        #: By the identity of an array.
        self.names: dict[int, str] = {}
        self._seen: set[tuple[int, frozenset]] = set()

    def visit(self, value: Any, name: str, used: frozenset = frozenset()) -> None:
        """Follows `value`, called `name` in code that uses the attributes `used`."""
        if name and hasattr(value, "shape"):
            self.names.setdefault(id(value), name)
            return
        if (id(value), used) in self._seen:
            return
        self._seen.add((id(value), used))
        if type(value) in (list, tuple):
            for number, element in enumerate(value):
                self.visit(element, f"{name}[{number}]", used)
        elif type(value) is dict:
            for key, element in value.items():
                self.visit(element, f"{name}[{key!r}]", used)
        elif isinstance(value, functools.partial):
            self._all(_arguments(value), used)
            self.visit(value.func, name, used)
        elif inspect.isfunction(value):
            self._all(_variables(value), frozenset(names_in(value.__code__)))
        elif inspect.ismethod(value):
            self._method(value.__func__, value.__self__)
        else:
            call = None if name else called_method(value)
            if inspect.ismethod(call):
                self._method(call.__func__, value)
            self._all(_attributes(value, name, used), used)

    def _all(self, held: dict[str, Any], used: frozenset) -> None:
        for name, value in held.items():
            self.visit(value, name, used)

    def _method(self, function: Any, owner: Any) -> None:
        if not inspect.isfunction(function):
            return
        self.visit(function, "")
        name = next(iter(inspect.signature(function).parameters), "self")
        self.visit(owner, name, frozenset(names_in(function.__code__)))


def called_method(value: Any) -> Any:
    """The user's method that a call of an object runs: `forward` of a module of
    PyTorch."""
    return getattr(value, "forward", None) or getattr(value, "__call__", None)


def _arguments(partial: functools.partial) -> dict[str, Any]:
    try:
        parameters = inspect.signature(partial.func)
    except (TypeError, ValueError):  # not written in Python
        return {}
    return parameters.bind_partial(*partial.args, **partial.keywords).arguments


def _variables(function: types.FunctionType) -> dict[str, Any]:
    """What a function reads by name: defaults, the variables around it, globals."""
    parameters = inspect.signature(function).parameters.values()
    held = {p.name: p.default for p in parameters if p.default is not p.empty}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            held[name] = cell.cell_contents
        except ValueError:  # the cell is empty
            pass
    if (function.__module__ or "").partition(".")[0] == "torch":
        return held
    shared = names_in(function.__code__) & function.__globals__.keys()
    return held | {name: function.__globals__[name] for name in sorted(shared)}


def _attributes(value: Any, name: str, used: frozenset) -> dict[str, Any]:
    """Those of an object, and the parameters and buffers of a module of PyTorch."""
    own = getattr(value, "__dict__", {})
    stores = (own, own.get("_parameters") or {}, own.get("_buffers") or {})
    return {f"{name}.{a}": s[a] for s in stores for a in sorted(used & s.keys())}


def captured_names(modifiers: Iterable[Modifier]) -> list[str]:
    """What errors call the values that masks and score modifiers capture."""
    return [c.name for m in modifiers for c in m._form.captured]


def in_user_terms(error: str, op: str, names: list[str]) -> str:
    """The message of a compiled function's error: `op` for the function, `names` for
    its arguments, of which "" have none."""

    def rename(match: re.Match) -> str:
        number = int(match[1])
        known = names[number] if number < len(names) else ""
        return f"'{known}'" if known else f"argument {number}"

    return re.sub(r"'a(\d+)'", rename, re.sub("^main: ", f"{op}: ", error))
