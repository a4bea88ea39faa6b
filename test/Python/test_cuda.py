# ===- test_cuda.py - functions for CUDA devices, where there is none ----------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import os
import shutil
import subprocess
import sys
import types
from pathlib import Path

import attn
import numpy as np
import on_cuda
import pytest
import torch
from attn import _arrays

TEST = Path(__file__).parents[1]
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
    [((8, 0), "sm_80"), ((8, 7), "sm_86"), ((9, 0), "sm_90a"), ((12, 1), "sm_120")],
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
    assert (found.target, found.stream()) == ("sm_90a", 77)
    assert found.place == "torch on cuda:1"
    assert found.problem(torch.zeros(1)) is None


def test_tensors_on_the_cpu_use_no_stream():
    found = _arrays.framework(torch.zeros(1))
    assert (found.target, found.stream()) == ("native", 0)


def test_suite_on_a_device_copies_results_back(monkeypatch):
    """The plugin on_cuda, with copies on the CPU for those on a device."""
    monkeypatch.setattr(torch.Tensor, "cuda", torch.Tensor.clone)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    stream = types.SimpleNamespace(cuda_stream=7)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: stream)

    def native(values, stream):
        assert stream == 7
        values[2].copy_(values[0] * values[1])
        values[0].zero_()
        return -1

    array, result = np.arange(3.0)[::-1], np.zeros(3)
    function = on_cuda.OnDevice(native, [False, False, True])
    assert function([array, 2, result], 0) == -1
    assert np.array_equal(result, [4, 2, 0])
    assert np.array_equal(array, [2, 1, 0])


class Device:
    """What tensors that say they lie on CUDA device 1 answer in a process of its own,
    with or without a driver that says what it is asked for."""

    def __init__(self, driver):
        self.env = dict(os.environ, PYTHONUNBUFFERED="1", ATTN_CACHE="off")
        if driver:
            self.env.update(LD_LIBRARY_PATH=str(driver), MOCK_CAPABILITY="90")

    def run(self, code):
        script = f"from cuda_tensors import *\n{code}"
        path = str(Path(__file__).parent / "Inputs")
        self.env["PYTHONPATH"] = os.pathsep.join([path, *sys.path])
        run = subprocess.run(
            [sys.executable, "-c", script],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert run.returncode == 0, run.stderr
        return run.stdout


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    compiler = next(filter(shutil.which, ("cc", "clang-22", "clang", "gcc")))
    folder = tmp_path_factory.mktemp("driver")
    source = TEST / "Integration" / "Inputs" / "cuda-mock.c"
    library = folder / "libcuda.so.1"
    flags = ["-std=c11", "-shared", "-fPIC", "-w"]
    subprocess.run([compiler, *flags, source, "-o", library], check=True)
    return Device(folder)


def test_what_a_kernel_gets(device):
    """Addresses, strides, sizes, the stream and the chip of the device."""
    said = device.run(
        """
q = cuda(2, 50, 4, 64, dtype=torch.bfloat16).transpose(1, 2)
k, v = (cuda(2, 4, 70, 64, dtype=torch.bfloat16) for _ in "kv")
ids = cuda(70, dtype=torch.int32)
o = attn.scaled_dot_product(q, k, v, mask=attn.mask.document(ids))
print("addresses", *(t.data_ptr() for t in (q, k, v, ids, o)))
print("result", o.dtype, o.device, tuple(o.shape))
"""
    ).splitlines()
    assert "  cuModuleLoadData(.target sm_90a)" in said
    launches = [line for line in said if "cuLaunchKernel" in line]
    assert launches and all("stream 0x4d" in line for line in launches)
    addresses = next(line for line in said if line.startswith("addresses")).split()[1:]
    (kernel,) = (line.split()[1:] for line in said if "_attend0:" in line)
    assert set(addresses) <= set(kernel)
    # The strides of a transposed query; 50 queries, 70 keys.
    assert {"64", "256", "12800", "50", "70"} <= set(kernel)
    assert said[-1] == "result torch.bfloat16 cuda:1 (2, 4, 50, 64)"
    # Tables of the documents before attention.
    assert len([line for line in said if "_mask" in line]) >= 2


def test_a_slice_that_starts_in_between_is_copied(device):
    said = device.run(
        """
whole = cuda(1, 2, 20, 72, dtype=torch.float16)
q = whole[..., 1:65]
o = attn.scaled_dot_product(q, whole[..., :64], whole[..., :64])
print("slice", q.data_ptr(), whole.data_ptr())
"""
    ).splitlines()
    first, whole = said[-1].split()[1:]
    (kernel,) = (line.split()[1:] for line in said if "_attend0" in line)
    assert whole in kernel and first not in kernel


def test_tensors_that_only_have_dlpack(device):
    """Of a PyTorch before DLPack's exchange table."""
    said = device.run(
        """
lend("__dlpack__")
q = cuda(1, 2, 20, 64, dtype=torch.float16)
o = attn.scaled_dot_product(q, q, q)
print("address", q.data_ptr(), o.data_ptr())
"""
    ).splitlines()
    (kernel,) = (line.split()[1:] for line in said if "_attend0" in line)
    assert set(said[-1].split()[1:]) <= set(kernel)


REFUSALS = {
    "attn.scaled_dot_product(q, q, cuda(1, 2, 20, 64, device=0))": "TypeError: value "
    "belongs to torch on cuda:0, query to torch on cuda:1; all arrays of one call must "
    "belong to one of them",
    "attn.scaled_dot_product(q, q, torch.zeros(1, 2, 20, 64))": "TypeError: value belongs "
    "to torch on cpu, query to torch on cuda:1; all arrays of one call must belong to one "
    "of them",
    "attn.scaled_dot_product(q, q, q, mask=attn.mask.document(torch.zeros(20, "
    "dtype=torch.int32)))": "lies on the CPU; expected a CUDA device",
    "attn.scaled_dot_product(*[cuda(1, 2, 20, 64, dtype=torch.float64)] * 3)": "has "
    "elements of type 'f64'; kernels for GPUs take f16, bf16 and f32",
    "attn.scaled_dot_product(q, q, q, mask=attn.mask.document(cuda(20, "
    "dtype=torch.int32, device=0)))": "lies on CUDA device 0; expected 1, where the "
    "others are",
}


def test_wrong_devices_are_told(device):
    said = device.run(
        "q = cuda(1, 2, 20, 64)\n"
        + "\n".join(f"refused(lambda: {call})" for call in REFUSALS)
    )
    for sentence in REFUSALS.values():
        assert sentence in said


def test_a_machine_without_a_driver_is_told():
    said = Device(None).run(
        "q = cuda(1, 2, 20, 64)\nrefused(lambda: attn.scaled_dot_product(q, q, q))"
    )
    assert "RuntimeError: " in said
    assert "this machine has no CUDA driver: libcuda.so.1" in said
