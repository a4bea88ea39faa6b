# ===- _expr.py - scalar programs over (score, b, h, i, j) --------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Expressions that become the region of a mask or of a score modifier.

An expression is typed by MLIR's names: ``i1``, ``i8`` ... ``i32``, ``index`` (64
bits), ``f16``, ``bf16``, ``f32``, ``f64``; ``acc`` is the accumulator type of the
attention that uses the region, known when the region is written out.
"""

from __future__ import annotations

import struct
from typing import Any

from ._forms import Captured

FLOATS = ("f16", "bf16", "f32", "acc", "f64")
INTEGERS = ("i8", "i16", "i32", "index")

_MATH = {
    **{name: f"math.{name}" for name in "exp exp2 expm1 log log2 log1p".split()},
    **{name: f"math.{name}" for name in "sqrt rsqrt tanh sin cos erf".split()},
    **{name: f"math.{name}" for name in "floor ceil trunc roundeven".split()},
    **{name: f"math.{name}" for name in "acos asin atan acosh asinh atanh".split()},
    **{name: f"math.{name}" for name in "cosh sinh tan log10 erfc".split()},
}
_FLOAT_BINARY = {
    "add": "arith.addf",
    "sub": "arith.subf",
    "mul": "arith.mulf",
    "div": "arith.divf",
    "min": "arith.minimumf",
    "max": "arith.maximumf",
    "pow": "math.powf",
    "rem": "arith.remf",
    "atan2": "math.atan2",
    "copysign": "math.copysign",
}
_INTEGER_BINARY = {
    "add": "arith.addi",
    "sub": "arith.subi",
    "mul": "arith.muli",
    "floordiv": "arith.floordivsi",
    "truncdiv": "arith.divsi",
    "mod": "attn.floormod",
    "rem": "arith.remsi",
    "min": "arith.minsi",
    "max": "arith.maxsi",
    "and": "arith.andi",
    "or": "arith.ori",
    "xor": "arith.xori",
    "shl": "arith.shli",
    "shr": "arith.shrsi",
}
_FLOAT_COMPARE = {
    "eq": "oeq",
    "ne": "une",
    "lt": "olt",
    "le": "ole",
    "gt": "ogt",
    "ge": "oge",
}
_INTEGER_COMPARE = {
    "eq": "eq",
    "ne": "ne",
    "lt": "slt",
    "le": "sle",
    "gt": "sgt",
    "ge": "sge",
}
COMPARISONS = tuple(_INTEGER_COMPARE)


class Expr:
    """A node: operation, type, operands, and what else it needs to know."""

    __slots__ = ("op", "type", "args", "attr")

    def __init__(self, op: str, type: str, args: tuple[Expr, ...] = (), attr=None):
        self.op = op
        self.type = type
        self.args = args
        self.attr = attr


def argument(name: str, type: str = "index") -> Expr:
    return Expr("argument", type, attr=name)


def constant(value, type: str) -> Expr:
    if type in INTEGERS:
        bits = 64 if type == "index" else int(type[1:])
        if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
            raise ValueError(f"the constant {value} does not fit {type}")
    return Expr("constant", type, attr=value)


def is_float(type: str) -> bool:
    return type in FLOATS


def cast(x: Expr, type: str) -> Expr:
    """`x` in another type: sign-extending, truncating towards zero; to ``i1`` it
    is ``x != 0``."""
    if x.type == type:
        return x
    if x.op == "constant" and x.type != "i1" and type in FLOATS:
        return constant(float(x.attr), type)
    if type == "i1":
        return Expr("ne", "i1", (x, constant(0, x.type)))
    if is_float(x.type) != is_float(type) and "index" in (x.type, type):
        wide = "i64"
        return Expr("cast", type, (Expr("cast", wide, (x,)),))
    return Expr("cast", type, (x,))


def never_negative(x: Expr) -> bool:
    """Whether `x` is an integer that is proved at least 0."""
    if x.op == "constant":
        return x.attr >= 0
    if x.op == "argument":
        return x.type == "index"
    if x.op == "cast":
        return x.args[0].type == "i1" or (
            x.type == "index" and never_negative(x.args[0])
        )
    if x.op in ("add", "mul", "min", "floordiv", "truncdiv", "select"):
        operands = x.args[1:] if x.op == "select" else x.args
        return all(map(never_negative, operands))
    if x.op in ("max", "and"):
        return any(map(never_negative, x.args))
    if x.op in ("mod", "shr"):
        return never_negative(x.args[1 if x.op == "mod" else 0])
    return False


def _float_literal(value: float, type: str) -> str:
    if value - value == 0:
        return f"{value:.17e}"
    if type == "f64":
        return f"0x{struct.pack('>d', value).hex().upper()}"
    bits = struct.pack(">f", value)
    if type == "f16":
        bits = struct.pack(">e", value)
    return f"0x{(bits[:2] if type == 'bf16' else bits).hex().upper()}"


class Writer:
    """Writes expressions as the operations of one region."""

    def __init__(self, acc: str, captures: tuple[Captured, ...]):
        self.lines: list[str] = []
        self._acc = acc
        self._captures = captures
        self._names: dict[Any, str] = {}

    def _type(self, type: str) -> str:
        return self._acc if type == "acc" else type

    def write(self, root: Expr) -> str:
        """Writes `root` and what it needs; returns its SSA name."""
        names: dict[int, str] = {}
        stack = [root]
        while stack:
            x = stack[-1]
            if id(x) in names:
                stack.pop()
                continue
            waiting = [a for a in x.args if id(a) not in names]
            if waiting:
                stack.extend(reversed(waiting))
                continue
            names[id(x)] = self._node(x, [names[id(a)] for a in x.args])
            stack.pop()
        return names[id(root)]

    def _node(self, x: Expr, args: list[str]) -> str:
        if x.op == "argument":
            return f"%{x.attr}"
        if x.op == "scalar":
            return f"%c{x.attr}"
        if x.op == "cast" and self._type(x.type) == self._type(x.args[0].type):
            return args[0]
        text = self._operation(x, args)
        if text not in self._names:
            self._names[text] = f"%{len(self._names)}"
            self.lines.append(f"{self._names[text]} = {text}")
        return self._names[text]

    def _operation(self, x: Expr, args: list[str]) -> str:
        type = self._type(x.type)
        if x.op == "constant":
            return self._constant(x.attr, type)
        if x.op == "load":
            source = self._captures[x.attr].type(self._acc)
            return f"attn.load %c{x.attr}[{', '.join(args)}] : {source}"
        if x.op == "cast":
            source = self._type(x.args[0].type)
            return f"{_cast_name(source, type)} {args[0]} : {source} to {type}"
        if x.op == "select":
            return f"arith.select {', '.join(args)} : {type}"
        if x.op in COMPARISONS:
            return self._comparison(x.op, self._type(x.args[0].type), args)
        if x.op == "abs":
            name = "math.absf" if is_float(x.type) else "math.absi"
        elif x.op in _MATH:
            name = _MATH[x.op]
        else:
            name = (_FLOAT_BINARY if is_float(x.type) else _INTEGER_BINARY)[x.op]
        return f"{name} {', '.join(args)} : {type}"

    @staticmethod
    def _constant(value, type: str) -> str:
        if type == "i1":
            return f"arith.constant {'true' if value else 'false'}"
        if is_float(type):
            return f"arith.constant {_float_literal(value, type)} : {type}"
        return f"arith.constant {value} : {type}"

    @staticmethod
    def _comparison(op: str, type: str, args: list[str]) -> str:
        if is_float(type):
            return f"arith.cmpf {_FLOAT_COMPARE[op]}, {', '.join(args)} : {type}"
        predicate = _INTEGER_COMPARE[op]
        if type == "i1" and predicate[0] == "s":
            predicate = "u" + predicate[1:]
        return f"arith.cmpi {predicate}, {', '.join(args)} : {type}"


def _bits(type: str) -> int:
    return {"index": 64, "bf16": 16}.get(type) or int(type[1:])


def _cast_name(source: str, target: str) -> str:
    if is_float(source) and is_float(target):
        if _bits(source) == _bits(target):
            raise ValueError(f"cannot convert {source} to {target} in one step")
        wider = _bits(target) > _bits(source)
        return "arith.extf" if wider else "arith.truncf"
    if is_float(source):
        return "arith.fptosi"
    if is_float(target):
        return "arith.uitofp" if source == "i1" else "arith.sitofp"
    if "index" in (source, target):
        return "arith.index_castui" if source == "i1" else "arith.index_cast"
    if _bits(target) < _bits(source):
        return "arith.trunci"
    return "arith.extui" if source == "i1" else "arith.extsi"
