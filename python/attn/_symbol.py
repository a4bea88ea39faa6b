# ===- _symbol.py - Python functions of indices, recorded --------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Symbols: what the functions given to mask.predicate and score.map compute with.

A symbol records the arithmetic done on it. NumPy's and PyTorch's elementwise
functions apply to it, arrays that the function captures can be indexed by it, and
whatever would need its value raises TypeError.
"""

from __future__ import annotations

from typing import Any, Callable

from . import _expr
from ._assume import facts
from ._expr import Expr
from ._forms import Captured

_ARITHMETIC = {
    **{name: name for name in ("add", "mul", "mod", "floordiv")},
    **{"subtract": "sub", "multiply": "mul", "divide": "div", "true_divide": "div"},
    **{"sub": "sub", "div": "div", "truediv": "div", "floor_divide": "floordiv"},
    **{"remainder": "mod", "power": "pow", "pow": "pow"},
    **{"minimum": "min", "maximum": "max", "fmin": "min", "fmax": "max"},
}
_COMPARE = {
    **{name: name for name in _expr.COMPARISONS},
    **{"equal": "eq", "not_equal": "ne", "less": "lt", "less_equal": "le"},
    **{"greater": "gt", "greater_equal": "ge"},
}
_LOGIC = {
    **{f"bitwise_{name}": name for name in ("and", "or", "xor")},
    **{f"logical_{name}": name for name in ("and", "or", "xor")},
}
_UNARY = {
    **{name: name for name in "exp exp2 expm1 log log2 log1p sqrt rsqrt".split()},
    **{name: name for name in "tanh sin cos erf floor ceil trunc".split()},
    **{"round": "roundeven", "rint": "roundeven"},
    **{"abs": "abs", "absolute": "abs", "fabs": "abs"},
    **{"negative": "neg", "neg": "neg", "sigmoid": "sigmoid", "square": "square"},
    **{"logical_not": "not", "bitwise_not": "not", "invert": "not"},
}


class Tracer:
    """One recording: what it is for, which float type it computes in, and the
    arrays it captured."""

    def __init__(self, what: str, float_type: str):
        self.what = what
        self.float_type = float_type
        self.captures: list[Captured] = []

    def fail(self, problem: str) -> TypeError:
        return TypeError(f"{self.what}: {problem}")

    def lift(self, value: Any) -> Expr:
        """The expression of a symbol, a Python number, or a 0-d array."""
        if isinstance(value, Symbol):
            return value.expr
        if isinstance(value, bool):
            return _expr.constant(value, "i1")
        if isinstance(value, int):
            return _expr.constant(value, "index")
        if isinstance(value, float):
            return _expr.constant(value, self.float_type)
        if getattr(value, "shape", None) == ():
            return self.load(value, ())
        raise self.fail(
            f"cannot compute with a {type(value).__name__}; use numbers, indices, "
            "and captured arrays indexed by them"
        )

    def symbol(self, expr: Expr) -> Symbol:
        return Symbol(self, expr)

    def load(self, array: Any, indices: tuple) -> Expr:
        """An element of a captured array, converted to the types of symbols."""
        if len(indices) != len(array.shape):
            raise self.fail(
                f"a captured array of shape {tuple(array.shape)} takes "
                f"{len(array.shape)} indices, not {len(indices)}"
            )
        number, element = self._capture(array)
        args = tuple(
            self._position(self.lift(i), size) for i, size in zip(indices, array.shape)
        )
        x = Expr("load", element, args, number)
        if element == "i1":
            return x
        return _expr.cast(x, self.float_type if _expr.is_float(element) else "index")

    def _capture(self, array: Any) -> tuple[int, str]:
        from . import _arrays

        for number, captured in enumerate(self.captures):
            if captured.value is array:
                return number, captured.element
        element = _arrays.element(array, f"{self.what}: a captured array")
        shape = ("?",) * len(array.shape)
        self.captures.append(Captured(array, element, shape, facts(array)))
        return len(self.captures) - 1, element

    def _position(self, x: Expr, size: int) -> Expr:
        """An index into a dimension, where -1 is the last position."""
        if x.type != "index":
            raise self.fail(f"a captured array is indexed by integers, not by {x.type}")
        if _expr.never_negative(x):
            return x
        if x.op == "constant":
            return _expr.constant(x.attr + size, "index")
        self.captures.append(Captured(int(size), "index", None))
        whole = Expr("scalar", "index", attr=len(self.captures) - 1)
        below = Expr("lt", "i1", (x, _expr.constant(0, "index")))
        return Expr("select", "index", (below, Expr("add", "index", (x, whole)), x))

    def promote(self, *values: Any) -> tuple[str, list[Expr]]:
        """The operands in their common type: float over integer over bool."""
        operands = [self.lift(v) for v in values]
        types = {x.type for x in operands}
        if any(map(_expr.is_float, types)):
            type = self.float_type
        else:
            type = "index" if "index" in types else "i1"
        return type, [_expr.cast(x, type) for x in operands]

    def binary(self, op: str, a: Any, b: Any) -> Symbol:
        type, (x, y) = self.promote(a, b)
        if type == "i1" or op == "div" and type == "index":
            type = self.float_type if op == "div" else "index"
            x, y = _expr.cast(x, type), _expr.cast(y, type)
        if op == "pow":
            return self._power(x, y)
        if op in ("floordiv", "mod"):
            if y.op == "constant" and y.attr == 0:
                raise ZeroDivisionError("division by zero")
            if _expr.is_float(type):
                quotient = Expr("floor", type, (Expr("div", type, (x, y)),))
                if op == "floordiv":
                    return self.symbol(quotient)
                product = Expr("mul", type, (quotient, y))
                return self.symbol(Expr("sub", type, (x, product)))
        return self.symbol(Expr(op, type, (x, y)))

    def _power(self, x: Expr, y: Expr) -> Symbol:
        if y.op == "constant" and y.attr in (1, 2, 3, 4):
            result = x
            for _ in range(int(y.attr) - 1):
                result = Expr("mul", x.type, (result, x))
            return self.symbol(result)
        x, y = (_expr.cast(e, self.float_type) for e in (x, y))
        return self.symbol(Expr("pow", self.float_type, (x, y)))

    def compare(self, op: str, a: Any, b: Any) -> Symbol:
        return self.symbol(Expr(op, "i1", tuple(self.promote(a, b)[1])))

    def logic(self, op: str, a: Any, b: Any) -> Symbol:
        type, operands = self.promote(a, b)
        if _expr.is_float(type):
            raise self.fail(f"'{op}' takes integers or booleans, not floats")
        return self.symbol(Expr(op, type, tuple(operands)))

    def unary(self, op: str, a: Any) -> Symbol:
        x = self.lift(a)
        if op == "not":
            return self._not(x)
        if x.type == "i1":
            x = _expr.cast(x, "index")
        if op == "neg":
            return self.binary("sub", 0, self.symbol(x))
        if op == "square":
            return self.binary("mul", self.symbol(x), self.symbol(x))
        if op in ("abs", "floor", "ceil", "trunc", "roundeven") and x.type == "index":
            return self.symbol(Expr("abs", "index", (x,)) if op == "abs" else x)
        x = _expr.cast(x, self.float_type)
        if op == "sigmoid":
            one = _expr.constant(1.0, x.type)
            negated = self.unary("neg", self.symbol(x)).expr
            below = Expr("add", x.type, (one, Expr("exp", x.type, (negated,))))
            return self.symbol(Expr("div", x.type, (one, below)))
        return self.symbol(Expr(op, x.type, (x,)))

    def _not(self, x: Expr) -> Symbol:
        if _expr.is_float(x.type):
            raise self.fail("'~' takes integers or booleans, not floats")
        ones = _expr.constant(True if x.type == "i1" else -1, x.type)
        return self.symbol(Expr("xor", x.type, (x, ones)))

    def where(self, condition: Any, a: Any, b: Any) -> Symbol:
        chosen = _expr.cast(self.lift(condition), "i1")
        type, (x, y) = self.promote(a, b)
        return self.symbol(Expr("select", type, (chosen, x, y)))

    def clip(self, x: Any, min: Any = None, max: Any = None, **numpy: Any) -> Symbol:
        low, high = numpy.pop("a_min", min), numpy.pop("a_max", max)
        if numpy:
            raise self.fail(f"clip is called with the keyword '{next(iter(numpy))}'")
        result = x if low is None else self.binary("max", x, low)
        return result if high is None else self.binary("min", result, high)

    def apply(self, name: str, args: tuple, keywords: dict | None = None) -> Symbol:
        """The elementwise function that NumPy or PyTorch calls `name`."""
        if name in ("clip", "clamp"):
            return self.clip(*args, **(keywords or {}))
        if keywords:
            raise self.fail(
                f"the function '{name}' is called with the keyword "
                f"'{next(iter(keywords))}'; only operands in their order are compiled"
            )
        if name in _ARITHMETIC:
            return self.binary(_ARITHMETIC[name], *args)
        if name in _COMPARE:
            return self.compare(_COMPARE[name], *args)
        if name in _LOGIC:
            if name.startswith("logical"):
                args = tuple(self.symbol(_expr.cast(self.lift(a), "i1")) for a in args)
            return self.logic(_LOGIC[name], *args)
        if name in _UNARY:
            return self.unary(_UNARY[name], *args)
        if name == "where":
            return self.where(*args)
        # Of one operand, or with a number, these reduce along a dimension.
        if name in ("max", "min") and all(isinstance(a, Symbol) for a in args[:2]):
            return self.binary(name, *args)
        if name == "relu":
            return self.binary("max", *args, 0)
        if name in ("zeros_like", "ones_like"):
            return self._filled(name == "ones_like", *args)
        raise self.fail(f"the function '{name}' has no compiled form here")

    def _filled(self, value: bool, like: Any) -> Symbol:
        type = self.lift(like).type
        number = value if type == "i1" else int(value)
        return self.symbol(
            _expr.constant(float(value) if _expr.is_float(type) else number, type)
        )


def _binary(op: str, reverse: bool = False) -> Callable:
    def method(self, other):
        pair = (other, self) if reverse else (self, other)
        return self.tracer.binary(op, *pair)

    return method


def _compare(op: str) -> Callable:
    return lambda self, other: self.tracer.compare(op, self, other)


def _logic(op: str) -> Callable:
    return lambda self, other: self.tracer.logic(op, self, other)


def _refuse(use: str) -> Callable:
    def method(self, *args, **kwargs):
        raise self.tracer.fail(use)

    return method


_NO_VALUE = (
    "an index or score has no value while the function is compiled, so int(), "
    "float(), range() and indexing a list by it are impossible"
)


class Symbol:
    """An index, a score, or something computed from them."""

    __slots__ = ("tracer", "expr")
    __hash__ = None
    __array_priority__ = 1000
    shape = ()

    def __init__(self, tracer: Tracer, expr: Expr):
        self.tracer = tracer
        self.expr = expr

    __add__, __radd__ = _binary("add"), _binary("add", True)
    __sub__, __rsub__ = _binary("sub"), _binary("sub", True)
    __mul__, __rmul__ = _binary("mul"), _binary("mul", True)
    __truediv__, __rtruediv__ = _binary("div"), _binary("div", True)
    __floordiv__, __rfloordiv__ = _binary("floordiv"), _binary("floordiv", True)
    __mod__, __rmod__ = _binary("mod"), _binary("mod", True)
    __pow__, __rpow__ = _binary("pow"), _binary("pow", True)
    __lt__, __le__, __eq__ = _compare("lt"), _compare("le"), _compare("eq")
    __ne__, __gt__, __ge__ = _compare("ne"), _compare("gt"), _compare("ge")
    __and__ = __rand__ = _logic("and")
    __or__ = __ror__ = _logic("or")
    __xor__ = __rxor__ = _logic("xor")

    def __lshift__(self, other):
        return self.tracer.logic("shl", self, other)

    def __rshift__(self, other):
        return self.tracer.logic("shr", self, other)

    def __neg__(self):
        return self.tracer.unary("neg", self)

    def __abs__(self):
        return self.tracer.unary("abs", self)

    def __invert__(self):
        return self.tracer.unary("not", self)

    __bool__ = _refuse(
        "Python control flow (if, while, and, or, not, min, max) needs a value that "
        "an index or score does not have while the function is compiled; use &, |, "
        "~, attn.where, attn.minimum and attn.maximum"
    )
    __int__ = __float__ = __index__ = __iter__ = __len__ = _refuse(_NO_VALUE)
    __array__ = _refuse(
        "an array is indexed or computed with in a way that cannot be compiled; "
        "index it by attn.capture(array)[...]"
    )

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if method != "__call__" or kwargs:
            raise self.tracer.fail(f"numpy.{ufunc.__name__} is called unusually")
        return self.tracer.apply(ufunc.__name__, inputs)

    def __array_function__(self, func, types, args, kwargs):
        return self.tracer.apply(func.__name__, args, kwargs)

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        tracer = _find(args).tracer
        name = func.__name__.strip("_")
        if name == "getitem":
            return capture(args[0])[args[1]]
        return tracer.apply(name.rstrip("_"), args, kwargs or {})


def _find(args: tuple) -> Symbol:
    for a in args:
        if isinstance(a, Symbol):
            return a
        if isinstance(a, tuple) and (found := _find(a)) is not None:
            return found
    return None


class capture:
    """An array to be indexed in a function given to mask.predicate or score.map.

    Arrays that are closure, global or default values of the function need no
    wrapping; those reached by other ways, such as attributes, do.
    """

    def __init__(self, array: Any, _indices: tuple = ()):
        self._array = array
        self._indices = _indices

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self._array.shape[len(self._indices) :])

    def __len__(self) -> int:
        return self.shape[0]

    def __getattr__(self, name: str):
        return getattr(self._array, name)

    def __getitem__(self, indices):
        indices = indices if isinstance(indices, tuple) else (indices,)
        indices = self._indices + indices
        if len(indices) < len(self._array.shape):
            return capture(self._array, indices)
        found = _find(indices)
        if found is None:
            return self._array[indices]
        return found.tracer.symbol(found.tracer.load(self._array, indices))


def where(condition, a, b):
    """`a` where the condition holds, else `b`; for symbols."""
    return _first(condition, a, b).where(condition, a, b)


def minimum(a, b):
    """The smaller of two symbols or numbers."""
    return _first(a, b).binary("min", a, b)


def maximum(a, b):
    """The larger of two symbols or numbers."""
    return _first(a, b).binary("max", a, b)


def _first(*values: Any) -> Tracer:
    found = _find(values)
    if found is None:
        raise TypeError(
            "attn.where, attn.minimum and attn.maximum are for the functions given "
            "to attn.mask.predicate and attn.score.map; use those of numpy here"
        )
    return found.tracer
