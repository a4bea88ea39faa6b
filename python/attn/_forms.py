# ===- _forms.py - the text of functions, masks and score modifiers -----------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Functions in MLIR text, and the forms that masks and score modifiers take there.

A form separates what a compiled function depends on (its structure) from what is
handed over at each call (its values), so that new arrays, windows and lengths
reuse the compiled function.
"""

from __future__ import annotations

import copy
import re
from typing import Any, Callable, Container, NamedTuple

from . import _arrays
from ._assume import facts


class Sizes(NamedTuple):
    """The sizes of one call, as masks and score modifiers see them."""

    batch: int
    heads: int
    queries: int
    keys: int

    def aligned(self, rank: int) -> tuple[int, ...]:
        """The sizes with which an array of `rank` is aligned, on the right."""
        return tuple(self)


class SizesWithoutHeads(Sizes):
    """Those of a call whose arrays have no dimension of heads."""

    def aligned(self, rank: int) -> tuple[int, ...]:
        batch, _, queries, keys = self
        return (batch, queries, keys) if rank == 3 else tuple(self)


class Captured(NamedTuple):
    """A value that a form reads: an argument of the compiled function."""

    value: Any  # an array, or a Python number
    element: str  # MLIR element type; "acc" for the accumulator type
    shape: tuple[str, ...] | None = None  # "?" or a number per dimension; scalar: None
    facts: str = ""  # what is stated of it, as attn.assume writes it
    name: str = ""  # what errors call it
    #: Raises ValueError where an array does not fit the sizes of a call.
    fits: Callable[[Captured, Sizes], None] | None = None
    #: The array for a call whose batch dimensions are made one.
    join: Callable[[Captured, tuple[int, ...]], Captured] | None = None

    def type(self, acc: str) -> str:
        """The MLIR type of the argument."""
        element = acc if self.element == "acc" else self.element
        if self.shape is None:
            return element
        return f"tensor<{'x'.join((*self.shape, element))}>"

    def structure(self, acc: str) -> str:
        """What a compiled function depends on: type and facts."""
        return f"{self.type(acc)} {self.facts}" if self.facts else self.type(acc)

    def __str__(self) -> str:
        if not hasattr(self.value, "shape"):
            return str(self.value)
        dtype = str(self.value.dtype).removeprefix("torch.")
        return f"{dtype}{list(self.value.shape)}"

    def declare(self, function: FunctionText) -> str:
        """Declares the argument; returns the name of its value."""
        type = self.type(function.acc)
        name = function.argument(type)
        if not self.facts:
            return name
        return function.value(f"attn.assume {name} {self.facts} : {type}")

    def current(self, acc: str) -> Any:
        """The value to hand over: the array itself wherever its type allows."""
        found = _arrays.framework(self.value)
        if found is None:
            return self.value
        element = acc if self.element == "acc" else self.element
        if found.element(self.value) != element:
            return found.cast(self.value, element)
        return self.value


class FunctionText:
    """One function, written from top to bottom."""

    def __init__(self, acc: str):
        self.acc = acc
        self._arguments: list[str] = []
        self._lines: list[str] = []

    def argument(self, type: str) -> str:
        """Declares an argument; returns its name."""
        name = f"%a{len(self._arguments)}"
        self._arguments.append(f"{name}: {type}")
        return name

    def values(self, count: int, text: str) -> list[str]:
        """Writes an operation with `count` results; returns their names."""
        names = [f"%v{len(self._lines)}_{i}" for i in range(count)]
        self._lines.append(f"  {', '.join(names)} = {text}")
        return names

    def value(self, text: str) -> str:
        return self.values(1, text)[0]

    def finish(self, results: list[str], types: list[str]) -> str:
        """The text of the function, which returns `results`."""
        return "\n".join(
            [
                f"func.func @main({', '.join(self._arguments)}) -> ({', '.join(types)}) {{",
                *self._lines,
                f"  return {', '.join(results)} : {', '.join(types)}",
                "}",
                "",
            ]
        )


class Form:
    """What masks and score modifiers are made of."""

    captured: tuple[Captured, ...] = ()

    def emit(self, function: FunctionText) -> str:
        """Writes the operation, declaring an argument for each captured value in
        order; returns the name of the result."""
        raise NotImplementedError

    def structure(self, acc: str) -> str:
        """Equal for forms that compile to the same code."""
        raise NotImplementedError

    def check(self, sizes: Sizes) -> None:
        """Raises ValueError where a captured array does not fit the sizes."""
        for captured in self.captured:
            if captured.fits is not None:
                captured.fits(captured, sizes)

    def joined(self, batch: tuple[int, ...]) -> Form:
        """The form for a call whose batch dimensions, `batch`, are made one: captured
        arrays that have them too are reshaped along."""
        return self

    def arguments(self, function: FunctionText) -> list[tuple[str, str]]:
        """Declares the captured values; returns names and types."""
        return [(c.declare(function), c.type(function.acc)) for c in self.captured]


class Operation(Form):
    """An operation whose text is a pattern: {0} stands for the first captured
    value, {t0} for its type."""

    def __init__(self, pattern: str, captured: tuple[Captured, ...] = ()):
        self.captured = captured
        self._pattern = pattern

    def emit(self, function: FunctionText) -> str:
        arguments = self.arguments(function)
        types = {f"t{i}": type for i, (_, type) in enumerate(arguments)}
        return function.value(
            self._pattern.format(*(name for name, _ in arguments), **types)
        )

    def __str__(self) -> str:
        pattern = re.sub(r" : \{t\d\}", "", self._pattern)
        return re.sub(r"^attn\.(mask|score)\.", "", pattern.format(*self.captured))

    def structure(self, acc: str) -> str:
        return f"{self._pattern}<{','.join(c.structure(acc) for c in self.captured)}>"

    def joined(self, batch: tuple[int, ...]) -> Form:
        captured = (c if c.join is None else c.join(c, batch) for c in self.captured)
        return Operation(self._pattern, tuple(captured))


class Combination(Form):
    """Masks combined by `attn.mask.and`, `or` or `not`."""

    def __init__(self, name: str, operands: tuple[Form, ...]):
        self.operands = operands
        self.captured = tuple(c for o in operands for c in o.captured)
        self.name = name

    def emit(self, function: FunctionText) -> str:
        names = [o.emit(function) for o in self.operands]
        return function.value(f"attn.mask.{self.name} {', '.join(names)}")

    def __str__(self) -> str:
        if self.name == "not":
            return f"~({self.operands[0]})"
        sign = {"and": " & ", "or": " | "}[self.name]
        return sign.join(
            f"({o})" if isinstance(o, Combination) and o.name != "not" else str(o)
            for o in self.operands
        )

    def structure(self, acc: str) -> str:
        return f"{self.name}({';'.join(o.structure(acc) for o in self.operands)})"

    def joined(self, batch: tuple[int, ...]) -> Form:
        return Combination(self.name, tuple(o.joined(batch) for o in self.operands))


class Modifier:
    """A mask or a score modifier: a form, with what depends on it remembered."""

    def __init__(self, form: Form):
        self._form = form
        self._structures: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._form})"

    def _structure(self, acc: str) -> str:
        known = self._structures.get(acc)
        if known is None:
            known = self._structures[acc] = self._form.structure(acc)
        return known

    def _values(self, acc: str) -> list[Any]:
        return [c.current(acc) for c in self._form.captured]

    def _joined(self, batch: tuple[int, ...]) -> Modifier:
        """This one, for a call whose batch dimensions are made one."""
        copied = copy.copy(self)
        Modifier.__init__(copied, self._form.joined(batch))
        return copied


def array(value: Any, name: str) -> Any:
    """`value` as an array; lists become arrays of numpy."""
    if _arrays.framework(value) is None and isinstance(value, (list, tuple)):
        import numpy

        value = numpy.asarray(value)
    _arrays.require(value, name)
    return value


def integers(value: Any, name: str, ranks: Container[int]) -> Captured:
    """An array of integers, handed over as i32 or i64."""
    value = array(value, name)
    found = str(value.dtype).removeprefix("torch.")
    if not found.startswith(("int", "uint")):
        raise TypeError(f"{name} has type {found}; integers are accepted")
    _check_rank(value, name, ranks)
    narrow = found in ("int8", "int16", "int32", "uint8", "uint16")
    element = "i32" if narrow else "i64"
    return Captured(value, element, ("?",) * len(value.shape), facts(value), name)


def floats(value: Any, name: str, ranks: Container[int]) -> Captured:
    """An array of floats, handed over as it lies."""
    value = array(value, name)
    element = _arrays.element(value, name)
    if element not in _arrays.FLOATS:
        raise TypeError(f"{name} has type {value.dtype}; floats are accepted")
    _check_rank(value, name, ranks)
    return Captured(value, element, ("?",) * len(value.shape), name=name)


def _check_rank(value: Any, name: str, ranks: Container[int]) -> None:
    if len(value.shape) not in ranks:
        least = f"at least {ranks.start}" if isinstance(ranks, range) else ""
        accepted = least or " or ".join(map(str, ranks))
        raise ValueError(f"{name} has rank {len(value.shape)}; {accepted} is accepted")
