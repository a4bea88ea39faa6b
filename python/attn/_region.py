# ===- _region.py - masks and score modifiers given as programs ---------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The form of a mask or score modifier that is a region."""

from __future__ import annotations

from typing import Callable

from ._expr import Expr, Writer, argument, cast, is_float
from ._forms import Captured, Form, FunctionText
from ._rebind import rebind
from ._symbol import Tracer
from ._variables import named

INDICES = ("b", "h", "i", "j")


class Region(Form):
    """An expression of (score,) b, h, i, j and captured values."""

    def __init__(self, result: Expr, captured: tuple[Captured, ...], is_score: bool):
        self.result = result
        self.captured = captured
        self.is_score = is_score

    def emit(self, function: FunctionText) -> str:
        names = [name for name, _ in self.arguments(function)]
        types = [c.type(function.acc) for c in self.captured]
        operands = f"({', '.join(names)} : {', '.join(types)})" if names else ""
        op = "score.map" if self.is_score else "mask.predicate"
        return function.value(f"attn.{op}{operands} {{\n{self._body(function.acc)}  }}")

    def __str__(self) -> str:
        held = (f"{c.name}: {c}" if c.name else str(c) for c in self.captured)
        return f"{'map' if self.is_score else 'predicate'}({', '.join(held)})"

    def structure(self, acc: str) -> str:
        return self._body(acc) + ",".join(c.facts for c in self.captured)

    def _body(self, acc: str) -> str:
        writer = Writer(acc, self.captured)
        result = writer.write(self.result)
        arguments = [f"%score: {acc}"] if self.is_score else []
        arguments += [f"%{name}: index" for name in INDICES]
        arguments += [f"%c{i}: {c.type(acc)}" for i, c in enumerate(self.captured)]
        lines = [
            *writer.lines,
            f"attn.yield {result} : {acc if self.is_score else 'i1'}",
        ]
        body = "".join(f"    {line}\n" for line in lines)
        return f"  ^bb0({', '.join(arguments)}):\n{body}"


def trace_predicate(function: Callable, what: str) -> Region:
    """Records ``function(b, h, i, j)``, which returns a boolean."""
    tracer = Tracer(what, "f64")
    result = _call(function, tracer, INDICES)
    if result.type != "i1":
        raise tracer.fail("the function must return a boolean, such as i >= j")
    return Region(result, named(tracer.captures, function), is_score=False)


def trace_score(function: Callable, what: str) -> Region:
    """Records ``function(score, b, h, i, j)``, which returns a score."""
    tracer = Tracer(what, "acc")
    result = _call(function, tracer, ("score", *INDICES))
    if result.type == "i1":
        raise tracer.fail("the function must return a score, not a boolean")
    return _as_score(result, tracer, function)


def trace_weight(function: Callable, what: str, takes_pairs: bool) -> Region:
    """Records ``function(u, b, h, i, j)``, or ``function(u)`` of which `takes_pairs`
    is false, which returns a weight, or a boolean: 1 where it holds."""
    tracer = Tracer(what, "acc")
    names = ("score", *INDICES) if takes_pairs else ("score",)
    return _as_score(_call(function, tracer, names), tracer, function)


def _as_score(result: Expr, tracer: Tracer, function: Callable) -> Region:
    result = cast(result, "acc")
    assert is_float(result.type)
    return Region(result, named(tracer.captures, function), is_score=True)


def _call(function: Callable, tracer: Tracer, names: tuple[str, ...]) -> Expr:
    if not callable(function):
        raise TypeError(
            f"{tracer.what}: a function of ({', '.join(names)}) is accepted, not a "
            f"{type(function).__name__}"
        )
    symbols = (
        tracer.symbol(argument(n, "acc" if n == "score" else "index")) for n in names
    )
    try:
        return tracer.lift(rebind(function)(*symbols))
    except (ArithmeticError, AttributeError, LookupError, RecursionError) as error:
        raise tracer.fail(f"the function failed: {error}") from error
    except TypeError as error:
        if str(error).startswith(f"{tracer.what}: "):
            raise
        raise tracer.fail(f"the function failed: {error}") from error
