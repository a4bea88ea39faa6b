# ===- test_cuda.py - functions for CUDA devices, where there is none ----------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import types

import attn
import numpy as np
import pytest
import torch
from attn import _arrays

TENSOR = "tensor<1x2x?x64xf16>"
TEXT = f"""func.func @f(%q: {TENSOR}, %k: {TENSOR}, %v: {TENSOR}) -> {TENSOR} {{
  %o = attn.scaled_dot_product %q, %k, %v : {TENSOR}, {TENSOR}, {TENSOR} -> {TENSOR}
  return %o : {TENSOR}
}}"""


def test_function_for_a_gpu_refuses_arrays_on_the_cpu():
    function = attn.compile(TEXT, target="sm_80")
    array = np.zeros((1, 2, 5, 64), np.float16)
    with pytest.raises(ValueError, match="'q' lies on the CPU; expected a CUDA device"):
        function(array, array, array)


def test_unknown_gpu_is_refused():
    with pytest.raises(ValueError, match="unknown GPU 'sm_1'"):
        attn.compile(TEXT, target="sm_1")


@pytest.mark.parametrize(
    "capability, target",
    [((8, 0), "sm_80"), ((8, 7), "sm_86"), ((9, 0), "sm_90"), ((12, 1), "sm_120")],
)
def test_target_of_a_device(capability, target):
    assert _arrays.chip(*capability) == target


def test_device_that_is_too_old_is_refused():
    with pytest.raises(ValueError, match="compute capability 7.5; at least 8.0"):
        _arrays.chip(7, 5)


def test_tensors_of_a_cuda_device():
    """What the package asks of PyTorch for a device that this machine lacks."""
    stream = types.SimpleNamespace(cuda_stream=77)
    cuda = types.SimpleNamespace(
        get_device_capability=lambda device: (9, 0),
        current_stream=lambda device: stream,
    )
    names = {name: getattr(torch, name) for name in _arrays._NAMES}
    fake = types.SimpleNamespace(cuda=cuda, strided=torch.strided, **names)
    found = _arrays.Torch(fake, torch.device("cuda", 1))
    assert (found.target, found.stream()) == ("sm_90", 77)
    assert found.place == "torch on cuda:1"
    assert found.problem(torch.zeros(1)) is None


def test_tensors_on_the_cpu_use_no_stream():
    found = _arrays.framework(torch.zeros(1))
    assert (found.target, found.stream()) == ("native", 0)
