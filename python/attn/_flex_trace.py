# ===- _flex_trace.py - PyTorch functions of indices, recorded ---------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Records a mask_mod or score_mod of FlexAttention.

The function is called once with 0-d tensors. Every operation that reaches PyTorch's
dispatcher and depends on them is recorded as an expression; one that has no compiled
form is refused where it stands in the user's source. What does not depend on them
runs as usual.
"""

from __future__ import annotations

import functools
import inspect
import linecache
import os
import traceback
from typing import Any, Callable

import numpy
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from . import _expr, _flex_ops
from ._assume import facts
from ._expr import Expr
from ._flex_types import MAX_ELEMENTS, TYPES, Refusal, Table
from ._forms import Captured
from ._region import INDICES, Region
from ._variables import called_method, named

_READS = ("item", "tolist", "numpy", "data_ptr", "__array__", "__int__", "__bool__")
_READS += ("__float__", "__index__", "__complex__", "untyped_storage")


class Trace:
    """Expressions of the tensors that depend on the indices, and what was captured."""

    def __init__(self):
        self.captures: list[Captured] = []
        self.tensors: list[torch.Tensor] = []
        #: Whether a value of a tensor went into the recording itself.
        self.read_values = False
        self._values: dict[int, tuple[torch.Tensor, Any]] = {}
        self._made: dict[int, torch.Tensor] = {}

    def depends(self, tensor: torch.Tensor) -> bool:
        return id(tensor) in self._values

    def record(self, tensor: torch.Tensor, value: Any) -> torch.Tensor:
        """Remembers that `tensor` stands for `value`: an array of expressions, or a
        Table."""
        self._values[id(tensor)] = (tensor, value)
        return tensor

    def made(self, tensor: torch.Tensor) -> None:
        """Remembers a tensor made during the call, independent of the indices."""
        self._made[id(tensor)] = tensor

    def is_made(self, tensor: torch.Tensor) -> bool:
        return id(tensor) in self._made

    def table(self, tensor: torch.Tensor) -> Table:
        """A tensor as something to index."""
        found = self._values.get(id(tensor))
        if found is None:
            return Table(tensor, (None,) * tensor.dim())
        if not isinstance(found[1], Table):
            raise Refusal("a computed tensor cannot be indexed by an index")
        return found[1]

    def is_table(self, tensor: torch.Tensor) -> bool:
        found = self._values.get(id(tensor))
        return found is None or isinstance(found[1], Table)

    def value(self, operand: Any) -> numpy.ndarray:
        """The expressions of a tensor's elements."""
        if operand.numel() > MAX_ELEMENTS:
            raise Refusal(
                f"a tensor of {operand.numel()} elements would be computed for every "
                f"pair; at most {MAX_ELEMENTS} are unrolled"
            )
        found = self._values.get(id(operand))
        if found is not None and not isinstance(found[1], Table):
            return found[1]
        if self.is_made(operand):
            return _constants(operand)
        table = self.table(operand)
        result = numpy.empty(tuple(operand.shape), dtype=object)
        for position in numpy.ndindex(result.shape):
            rest = iter(position)
            result[position] = self.load(
                table.tensor,
                [
                    _expr.constant(next(rest), "index") if index is None else index
                    for index in table.indices
                ],
            )
        return result

    def load(self, tensor: torch.Tensor, indices: list[Expr]) -> Expr:
        """An element of a captured tensor."""
        if tensor.dtype not in TYPES:
            raise Refusal(f"a captured tensor has type {tensor.dtype}")
        number = self._capture(tensor)
        args = tuple(
            self.position(index, size) for index, size in zip(indices, tensor.shape)
        )
        element = self.captures[number].element
        loaded = Expr("load", element, args, number)
        return _expr.cast(loaded, "index") if element == "i64" else loaded

    def _capture(self, tensor: torch.Tensor) -> int:
        for number, captured in enumerate(self.captures):
            if captured.value is tensor:
                return number
        if not tensor.is_cpu:
            raise Refusal(f"a captured tensor is on {tensor.device}")
        element = "i64" if tensor.dtype == torch.int64 else TYPES[tensor.dtype]
        shape = ("?",) * tensor.dim()
        self.captures.append(Captured(tensor, element, shape, facts(tensor)))
        return len(self.captures) - 1

    def position(self, index: Expr, size: int) -> Expr:
        """An index into a dimension; a negative one counts from the end."""
        index = _expr.cast(index, "index")
        if _expr.never_negative(index):
            return index
        if index.op == "constant":
            return _expr.constant(index.attr + size, "index")
        self.captures.append(Captured(int(size), "index"))
        whole = Expr("scalar", "index", attr=len(self.captures) - 1)
        below = Expr("lt", "i1", (index, _expr.constant(0, "index")))
        wrapped = Expr("add", "index", (index, whole))
        return Expr("select", "index", (below, wrapped, index))


def _constants(tensor: torch.Tensor) -> numpy.ndarray:
    result = numpy.empty(tuple(tensor.shape), dtype=object)
    for position in numpy.ndindex(result.shape):
        result[position] = _expr.constant(tensor[position].item(), TYPES[tensor.dtype])
    return result


class _Functions(TorchFunctionMode):
    """Makes indexing by a 0-d tensor an operation rather than a read of its value,
    and notices reads."""

    def __init__(self, trace: Trace):
        super().__init__()
        self._trace = trace

    def __torch_function__(self, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "")
        if function is torch.Tensor.__getitem__:
            return self._index(*args)
        if name in _READS and isinstance(args[0], torch.Tensor):
            if self._trace.depends(args[0]):
                raise Refusal(
                    "Python needs the value of an index or score here; use &, |, ~, "
                    "torch.where, torch.minimum and torch.maximum"
                )
            self._trace.read_values |= not self._trace.is_made(args[0])
        return function(*args, **(kwargs or {}))

    def _index(self, tensor: torch.Tensor, indices: Any) -> torch.Tensor:
        indices = indices if isinstance(indices, tuple) else (indices,)
        indices = _expand_ellipsis(indices, tensor.dim())
        if not any(isinstance(i, torch.Tensor) for i in indices):
            return torch.Tensor.__getitem__(tensor, indices)
        slices = tuple(i if isinstance(i, slice) else slice(None) for i in indices)
        if any(i != slice(None) for i in slices):
            tensor = torch.Tensor.__getitem__(tensor, slices)
        advanced = []
        for i in indices:
            if isinstance(i, slice):
                advanced.append(None)
            elif isinstance(i, int) and not isinstance(i, bool):
                advanced.append(torch.tensor(i))
            elif isinstance(i, torch.Tensor):
                advanced.append(i)
            else:
                raise Refusal(f"an index tensor stands beside {i!r} in one subscript")
        return torch.ops.aten.index.Tensor(tensor, advanced)


def _expand_ellipsis(indices: tuple, rank: int) -> tuple:
    for position, index in enumerate(indices):
        if index is Ellipsis:
            missing = rank - (len(indices) - 1)
            filled = (slice(None),) * missing
            return indices[:position] + filled + indices[position + 1 :]
    return indices


class _Operations(TorchDispatchMode):
    """Records each operation that depends on the indices."""

    def __init__(self, trace: Trace):
        super().__init__()
        self._trace = trace
        #: Operations that are being decomposed; one of itself has no end.
        self._open: list[Any] = []

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Else PyTorch imports its compiler, for two seconds, at the first call.
        return False

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        trace = self._trace
        operands = [a for a in tree_leaves((args, kwargs)) if torch.is_tensor(a)]
        if any(map(trace.depends, operands)):
            rule = _flex_ops.decomposition(function)
            if rule is None or function in self._open:
                return _flex_ops.record(trace, function, args, kwargs)
            self._open.append(function)
            with self, _Functions(trace):
                result = rule(*args, **kwargs)
            self._open.pop()
            return result
        if torch.Tag.nondeterministic_seeded in function.tags:
            raise Refusal(f"{function.overloadpacket.__name__} draws random numbers")
        result = function(*args, **kwargs)
        if function.overloadpacket is not torch.ops.aten.lift_fresh:
            trace.read_values |= not all(map(trace.is_made, operands))
        for tensor in tree_leaves(result):
            if torch.is_tensor(tensor):
                trace.made(tensor)
        return result


class Program:
    """A recorded function: its region, and whether the recording serves later calls
    with other captured tensors."""

    def __init__(self, region: Region, reusable: bool):
        self.region = region
        self.reusable = reusable


def record(function: Callable, what: str, score: torch.dtype | None) -> Program:
    """Records ``function(b, h, q_idx, kv_idx)``, or, where `score` is a type,
    ``function(score, b, h, q_idx, kv_idx)``.

    Raises TypeError, naming the line that cannot be followed.
    """
    trace = Trace()
    arguments = [_index_tensor(trace, name) for name in INDICES]
    if score is not None:
        arguments.insert(0, _leaf(trace, "score", score))
    try:
        with torch.no_grad(), _Functions(trace), _Operations(trace):
            result = function(*arguments)
        value = _result(trace, result, score)
    except Exception as error:
        where = _where(error) or _definition(function)
        kind = "" if isinstance(error, Refusal) else f"{type(error).__name__}: "
        message = f"{what} cannot be compiled{where}: {kind}{error}"
        raise TypeError(message) from error
    region = Region(value, named(trace.captures, function), score is not None)
    return Program(region, not trace.read_values)


def _result(trace: Trace, result: Any, score: torch.dtype | None) -> Expr:
    type = "i1" if score is None else TYPES[score]
    if isinstance(result, (bool, int, float)):
        return _expr.cast(_expr.constant(*_number(result)), type)
    if not torch.is_tensor(result):
        raise Refusal(f"it returns a {result.__class__.__name__}, not a tensor")
    if result.numel() != 1 or result.dim() != 0:
        raise Refusal(f"it returns a tensor of shape {tuple(result.shape)}, not ()")
    if score is None and result.dtype != torch.bool:
        raise Refusal(f"it returns {result.dtype}; a mask returns torch.bool")
    return _expr.cast(trace.value(result)[()], type)


def _number(value: bool | int | float) -> tuple[Any, str]:
    if isinstance(value, bool):
        return value, "i1"
    return (value, "index") if isinstance(value, int) else (value, "f64")


def _index_tensor(trace: Trace, name: str) -> torch.Tensor:
    return _leaf(trace, name, torch.int64)


def _leaf(trace: Trace, name: str, dtype: torch.dtype) -> torch.Tensor:
    value = numpy.empty((), dtype=object)
    value[()] = _expr.argument(name, TYPES[dtype])
    return trace.record(torch.zeros((), dtype=dtype), value)


_OWN = (os.path.dirname(torch.__file__), os.path.dirname(__file__))


def _where(error: BaseException) -> str:
    """The innermost line of the user's own source."""
    frames = traceback.extract_tb(error.__traceback__)
    for frame in reversed(frames):
        if not frame.filename.startswith(_OWN):
            return _line(frame.filename, frame.lineno)
    return ""


def _definition(function: Any) -> str:
    """The line where the function itself is defined, for what is wrong with its
    result."""
    while isinstance(function, functools.partial):
        function = function.func
    if not inspect.isroutine(function):
        function = called_method(function)
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    return _line(code.co_filename, code.co_firstlineno) if code else ""


def _line(file: str, number: int) -> str:
    return f" at {file}:{number} ('{linecache.getline(file, number).strip()}')"
