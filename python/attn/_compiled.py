# ===- _compiled.py - modules of MLIR, compiled in this process ---------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""attn.compile: any module of the attn dialect as a function of arrays."""

from __future__ import annotations

import os
from typing import Any

import numpy

from . import _arrays
from ._execute import call, native
from ._module import Module


class Compiled:
    """A compiled function. Call it with its inputs, in order or by their names in the
    module; it returns its outputs, arrays of the inputs' framework (numpy where there
    are no arrays), one alone or a tuple."""

    def __init__(self, module: Module, entry: str):
        self._module = module
        self._function = module.function(entry)
        # Looked up here: torch.compile would lose the object that it belongs to.
        self._output_shapes = self._function.output_shapes
        signature = module.signatures[entry]
        self._inputs = [a["name"] for a in signature if not a["output"]]
        self._outputs = [a["type"] for a in signature if a["output"]]
        self.entry = entry

    def __repr__(self) -> str:
        return (
            f"Compiled({self.entry}({', '.join(self._inputs)}) -> "
            f"{', '.join(self._outputs)})"
        )

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        if named:
            inputs = self._in_order(inputs, named)
        if len(inputs) != len(self._inputs):
            raise TypeError(
                f"{self.entry} takes {len(self._inputs)} arguments "
                f"({', '.join(self._inputs)}), not {len(inputs)}"
            )
        # Numbers of numpy's are numbers.
        values = [a.item() if isinstance(a, numpy.generic) else a for a in inputs]
        framework = self._framework(values)
        while not isinstance(shapes := native(self._output_shapes, values), list):
            strided = values[shapes]
            values[shapes] = _arrays.framework(strided).contiguous(strided)
        results = [
            framework.empty(shape, "i64" if type == "index" else type)
            for shape, type in zip(shapes, self._outputs)
        ]
        call(self._function, values, results, framework.stream())
        return results[0] if len(results) == 1 else tuple(results)

    def _in_order(self, inputs: tuple, named: dict[str, Any]) -> tuple:
        """All inputs, those that are given by name put in their places."""
        for name in named:
            if name not in self._inputs:
                raise TypeError(
                    f"{self.entry} has no argument '{name}'; it takes "
                    f"{', '.join(self._inputs)}"
                )
            if name in self._inputs[: len(inputs)]:
                raise TypeError(f"{self.entry} is given '{name}' twice")
        rest = self._inputs[len(inputs) :]
        if missing := [name for name in rest if name not in named]:
            raise TypeError(f"{self.entry} is not given {', '.join(missing)}")
        return (*inputs, *(named[name] for name in rest))

    def _framework(self, inputs: list) -> Any:
        found = _arrays.numpy_arrays
        arrays = [(n, a) for n, a in zip(self._inputs, inputs) if hasattr(a, "shape")]
        for number, (name, array) in enumerate(arrays):
            own = _arrays.require(array, name)
            if number and own is not found:
                raise TypeError(
                    f"{name} belongs to {own.place}, {arrays[0][0]} to {found.place}; all "
                    "arrays of one call must belong to one of them"
                )
            found = own
        return found

    def explain(self, json: bool = False) -> str:
        """What the compiler chose and why, as ``attnc explain`` prints it."""
        return self._module.native.explain(self.entry, json)

    def ir(self, phase: str) -> str:
        """The module after a phase, such as "optimize" or "vectorize"."""
        return self._module.native.ir(phase)

    def save(self, path: str | os.PathLike) -> None:
        """Writes what the suffix of `path` names: .so, .o, .a, .s, .ll or .mlir."""
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(f"path is a {type(path).__name__}; a path is accepted")
        self._module.native.save(os.fspath(path))


def compile(
    text_or_path: str | bytes | os.PathLike, target: str = "native", **options: Any
) -> Compiled:
    """Compiles a module for calls in this process.

    Args:
      text_or_path: MLIR text, bytecode, or the path of a file with either.
      target: a CPU or a GPU, as ``attnc compile --target`` takes it. Functions for
        a GPU take CUDA tensors.
      entry: the function to call, where the module has several public ones.
      options: further options of ``attnc compile``, with ``_`` for ``-``.

    Raises:
      ValueError: a module that does not parse, verify or compile; an unknown option
        or target.
      UnreadableFile: a file that cannot be read, a FileNotFoundError and a
        ValueError.
    """
    entry = options.pop("entry", None)
    given = {"target": target}
    for key, value in options.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        given[key.replace("_", "-")] = text
    module = Module.compiled(_read(text_or_path), given)
    return Compiled(module, _entry(module, entry))


class UnreadableFile(FileNotFoundError, ValueError):
    """A path from which no module can be read."""


def _entry(module: Module, entry: str | None) -> str:
    names = list(module.signatures)
    if not names:
        raise ValueError("the module has no public function")
    found = ", ".join(names)
    if entry is not None and entry not in names:
        raise ValueError(f"entry is '{entry}'; the module has {found}")
    if entry is None and len(names) != 1:
        raise ValueError(f"entry is needed: the public functions are {found}")
    return entry or names[0]


def _read(text_or_path: Any) -> bytes:
    if isinstance(text_or_path, bytes):
        return text_or_path
    if isinstance(text_or_path, str) and not _is_path(text_or_path):
        return text_or_path.encode()
    if not isinstance(text_or_path, (str, os.PathLike)):
        raise TypeError(
            f"text_or_path is a {type(text_or_path).__name__}; MLIR text, bytecode or "
            "a path is accepted"
        )
    try:
        with open(text_or_path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UnreadableFile(
            f"cannot read '{text_or_path}': {error.strerror}"
        ) from None


def _is_path(text: str) -> bool:
    if not text or "\n" in text:
        return False
    # A module of one line has a space or a brace.
    return text.endswith((".mlir", ".mlirbc")) or not set(text) & set(" {")
