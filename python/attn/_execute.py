# ===- _execute.py - compile once, call often -------------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs functions written as MLIR text, compiled on first use in this process."""

from __future__ import annotations

import threading
from typing import Any, Callable, Hashable

from . import _arrays
from ._arrays import Framework
from ._forms import FunctionText

_compiled: dict[Hashable, Any] = {}
_debug = False
_lock = threading.Lock()

#: Writes the body; returns the names and the types of the results.
Write = Callable[[FunctionText], tuple[list[str], list[str]]]


def debug_checks(enabled: bool) -> None:
    """Whether functions of attn refuse arrays of which attn.assume states what is not
    so; each call then looks at them. Off at first. `attn.compile` has an option of
    this name."""
    global _debug
    if not isinstance(enabled, bool):
        raise TypeError(f"enabled is a {type(enabled).__name__}; a bool is accepted")
    _debug = enabled


def is_debugging() -> bool:
    return _debug


def text_of(acc: str, write: Write) -> str:
    """The module that `write` describes."""
    function = FunctionText(acc)
    return function.finish(*write(function))


def compiled(framework: Framework, key: Hashable, acc: str, write: Write) -> Any:
    """The function that `write` describes, compiled once per `key` for where the
    arrays of `framework` are."""
    # Loading the compiler takes longer than the rest of the package.
    from ._module import Module

    key = framework.target, _debug, key
    with _lock:
        if key not in _compiled:
            checks = {"debug-checks": "true"} if _debug else {}
            options = {"target": framework.target, **checks}
            module = Module.compiled(text_of(acc, write).encode(), options)
            _compiled[key] = module.function("main")
        return _compiled[key]


def accumulator(element: str) -> str:
    """The type in which scores are computed."""
    return "f64" if element == "f64" else "f32"


def execute(
    framework: Framework,
    key: Hashable,
    acc: str,
    write: Write,
    inputs: list[Any],
    outputs: list[tuple[tuple[int, ...], str]],
) -> list[Any]:
    """Calls the function that `write` describes, compiled once per `key`.

    `inputs` are arrays and numbers in the order in which `write` declares its
    arguments, `outputs` the shape and the element type of each result.
    """
    function = _compiled.get((framework.target, _debug, key))
    if function is None:
        function = compiled(framework, key, acc, write)
    return run(framework, function, inputs, outputs)


def run(
    framework: Framework,
    function: Any,
    inputs: list[Any],
    outputs: list[tuple[tuple[int, ...], str]],
) -> list[Any]:
    """Calls a compiled function on new arrays for its results."""
    results = [framework.empty(*output) for output in outputs]
    call(function, inputs, results, framework.stream())
    return results


def native(function: Any, *arguments: Any) -> Any:
    """Calls a function of the native library on arrays; ValueError where PyTorch keeps
    one of them from it."""
    try:
        return function(*arguments)
    except RuntimeError as error:
        if "data pointer" not in str(error):
            raise
        raise ValueError(
            "a tensor has no memory of its own, as in transforms of torch.func such as "
            "vmap; plain tensors, with a batch dimension, are accepted"
        ) from None


def call(function: Any, inputs: list[Any], results: list[Any], stream: int) -> None:
    """Calls a compiled function, its kernels on a CUDA stream if it has any. An
    input whose last dimension does not lie densely in memory is copied first."""
    values = [*inputs, *results]
    while (strided := native(function, values, stream)) >= 0:
        found = _arrays.framework(values[strided])
        values[strided] = found.contiguous(values[strided])


def keep_gradient_visible(framework: Framework, results: list, inputs: list) -> list:
    """Results of inputs that need a gradient: asking for it raises RuntimeError."""
    if framework.name != "torch" or not framework.torch.is_grad_enabled():
        return results
    needing = [a for a in inputs if getattr(a, "requires_grad", False)]
    if not needing:
        return results
    from ._gradient import attach

    return attach(results, needing)
