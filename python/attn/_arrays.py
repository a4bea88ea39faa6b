# ===- _arrays.py - the arrays of NumPy and PyTorch ----------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the package asks of an array, for each framework.

PyTorch is never imported here: whoever holds one of its tensors has done so.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy

#: Types that attention computes in, by MLIR's names.
FLOATS = ("f32", "bf16", "f16", "f64")
_NAMES = {
    "float32": "f32",
    "float64": "f64",
    "float16": "f16",
    "bfloat16": "bf16",
    "bool": "i1",
    "int8": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
}
_ATTENTION_TYPES = "float32, bfloat16, float16 and float64 are accepted"


class NumPy:
    """Arrays of numpy, bfloat16 through ml_dtypes."""

    name = "numpy"
    place = "numpy"
    target = "native"

    def __init__(self):
        self.elements = {
            numpy.dtype(name): element
            for name, element in _NAMES.items()
            if name != "bfloat16"
        }
        self._dtypes = {e: d for d, e in self.elements.items()}

    def element(self, array) -> str | None:
        """MLIR's name of the element type; None for one that attn does not know."""
        known = self.elements.get(array.dtype)
        if known is None and array.dtype.name == "bfloat16":
            known = self.elements[array.dtype] = "bf16"
        return known

    def empty(self, shape: tuple[int, ...], element: str) -> numpy.ndarray:
        try:
            return numpy.empty(shape, self._dtype(element))
        except (MemoryError, ValueError) as error:
            raise RuntimeError(f"no memory for a result: {error}") from None

    def _dtype(self, element: str) -> Any:
        if element not in self._dtypes:
            import ml_dtypes

            self._dtypes[element] = numpy.dtype(ml_dtypes.bfloat16)
        return self._dtypes[element]

    def cast(self, array, element: str):
        return array.astype(self._dtype(element))

    def contiguous(self, array):
        # A copy in any case: ascontiguousarray gives back a contiguous array whose
        # address is no multiple of its element size.
        return numpy.array(array, order="C")

    def expand(self, array, shape: tuple[int, ...]):
        """The array with dimensions of size 1 repeated, as it lies."""
        return numpy.broadcast_to(array, shape)

    def problem(self, array) -> str | None:
        """Why the array cannot be read where it lies, or None."""
        return None

    def stream(self) -> int:
        """Where kernels are queued: the address of a CUDA stream, or 0."""
        return 0


#: Chips that the compiler knows by compute capability. A later one runs code for an
#: earlier one.
_CHIPS = (80, 86, 89, 90, 100, 120)


def chip(major: int, minor: int) -> str:
    """The target for a CUDA device of a compute capability."""
    capability = 10 * major + minor
    if capability < _CHIPS[0]:
        raise ValueError(
            f"a CUDA device has compute capability {major}.{minor}; at least 8.0 is "
            "accepted"
        )
    known = max(known for known in _CHIPS if known <= capability)
    # Only there are products those of warpgroups.
    return "sm_90a" if capability == 90 else f"sm_{known}"


class Torch:
    """Tensors of PyTorch on one device: the CPU, or a GPU of NVIDIA's."""

    name = "torch"

    def __init__(self, torch, device):
        self.torch = torch
        self.device = device
        self.place = f"torch on {device}"
        self.target = "native"
        if device.type == "cuda":
            self.target = chip(*torch.cuda.get_device_capability(device))
        self.elements = {getattr(torch, n): e for n, e in _NAMES.items()}
        self.dtypes = {e: d for d, e in self.elements.items()}

    def element(self, array) -> str | None:
        return self.elements.get(array.dtype)

    def empty(self, shape: tuple[int, ...], element: str):
        return self.torch.empty(shape, dtype=self.dtypes[element], device=self.device)

    def cast(self, array, element: str):
        return array.to(self.dtypes[element])

    def contiguous(self, array):
        # One that is contiguous starts where a GPU's copies cannot.
        return array.clone() if array.is_contiguous() else array.contiguous()

    def expand(self, array, shape: tuple[int, ...]):
        return array.expand(shape)

    def problem(self, array) -> str | None:
        if self.device.type not in ("cpu", "cuda"):
            return (
                f"is on {array.device}; tensors on the CPU or a CUDA device are "
                "accepted"
            )
        if array.is_nested:
            return "is a nested tensor; strided tensors are accepted"
        if array.layout is not self.torch.strided:
            return f"has layout {array.layout}; strided tensors are accepted"
        if array.is_neg():
            return "is a view that negates; its resolve_neg() is accepted"
        return None

    def stream(self) -> int:
        if self.device.type != "cuda":
            return 0
        return self.torch.cuda.current_stream(self.device).cuda_stream


Framework = NumPy | Torch
numpy_arrays = NumPy()
_torch_tensors: dict[Any, Torch] = {}


def framework(array: Any) -> Framework | None:
    """The framework of an array, or None for anything else."""
    if isinstance(array, numpy.ndarray):
        return numpy_arrays
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(array, torch.Tensor):
        return None
    found = _torch_tensors.get(array.device)
    if found is None:
        found = _torch_tensors[array.device] = Torch(torch, array.device)
    return found


def require(array: Any, name: str) -> Framework:
    """The framework of an array that can be read where it lies."""
    found = framework(array)
    if found is None:
        raise TypeError(
            f"{name} is a {type(array).__name__}; a numpy array or a torch tensor "
            "is accepted"
        )
    if problem := found.problem(array):
        raise ValueError(f"{name} {problem}")
    return found


def element(array: Any, name: str) -> str:
    """MLIR's name of the element type of an array."""
    known = require(array, name).element(array)
    if known is None:
        raise TypeError(
            f"{name} has type {array.dtype}; accepted are {', '.join(_NAMES)}"
        )
    return known


def given(**arrays: Any) -> dict[str, Any]:
    """The optional arguments that are not left out."""
    return {name: array for name, array in arrays.items() if array is not None}


def common(**arrays: Any) -> tuple[Framework, str]:
    """The framework and the element type that the arguments of one call share."""
    (first_name, first), *others = arrays.items()
    framework = require(first, first_name)
    dtype = first.dtype
    known = framework.element(first)
    if known not in FLOATS:
        raise TypeError(f"{first_name} has type {dtype}; {_ATTENTION_TYPES}")
    for name, array in others:
        other = require(array, name)
        if other is not framework:
            raise TypeError(
                f"{name} belongs to {other.place}, {first_name} to {framework.place}; "
                "all arrays of one call must belong to one of them"
            )
        if array.dtype != dtype:
            raise TypeError(
                f"{name} has type {array.dtype}, {first_name} has {dtype}; "
                "they must be equal"
            )
    return framework, known
