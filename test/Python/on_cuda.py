# ===- on_cuda.py - the suite on a CUDA device --------------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A plugin of pytest: functions that would be compiled for this CPU are compiled for
a CUDA device and called there, on copies of their arrays.

    cd test/Python
    ../../dev python -m pytest -p on_cuda --cuda-target=sm_90a

What GPUs are not for (float64, largest weights) and what asks for the CPU's own code
fails then.
"""

import os

import numpy as np
import torch
from attn import _module


def pytest_addoption(parser):
    parser.addoption("--cuda-target", default="sm_80", help="the chip to compile for")


def pytest_configure(config):
    target = config.getoption("--cuda-target")
    compiled = _module.Module.compiled.__func__
    function = _module.Module.function

    def compiled_for_device(cls, text, options):
        if options.get("target", "native") == "native":
            options = {**options, "target": target}
        module = compiled(cls, text, options)
        module.is_moved = options["target"] == target
        return module

    def function_on_device(module, name):
        native = function(module, name)
        if not getattr(module, "is_moved", False):
            return native
        return OnDevice(native, [a["output"] for a in module.signatures[name]])

    _module.Module.compiled = classmethod(compiled_for_device)
    _module.Module.function = function_on_device


class OnDevice:
    """A function for a GPU that takes arrays of the CPU."""

    def __init__(self, native, outputs):
        self.native = native
        self.outputs = outputs

    def output_shapes(self, values):
        return self.native.output_shapes([to_device(v) for v in values])

    def __call__(self, values, stream):
        moved = [to_device(value) for value in values]
        strided = self.native(moved, torch.cuda.current_stream().cuda_stream)
        if strided >= 0:
            return strided
        try:
            torch.cuda.synchronize()
        except RuntimeError as error:
            # Nothing can be run on the device by this process any more.
            print(f"on_cuda.py: {os.environ.get('PYTEST_CURRENT_TEST')}: {error}")
            os._exit(1)
        for value, copy, is_output in zip(values, moved, self.outputs):
            if is_output:
                on_cpu(value).copy_(copy)
        return strided


def on_cpu(array):
    """A tensor over the memory of an array."""
    if isinstance(array, torch.Tensor):
        return array
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def to_device(value):
    """A copy on the device; numbers stay where they are."""
    if isinstance(value, np.ndarray) and min(value.strides, default=0) < 0:
        value = value.copy()
    is_array = isinstance(value, (np.ndarray, torch.Tensor))
    return on_cpu(value).cuda() if is_array and value.ndim else value
