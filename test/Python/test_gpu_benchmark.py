# ===- test_gpu_benchmark.py - benchmarks/gpu.py, as far as a CPU goes ---------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import importlib.util
from pathlib import Path

import pytest
import torch

PATH = Path(__file__).parents[2] / "benchmarks" / "gpu.py"


@pytest.fixture
def gpu(monkeypatch):
    spec = importlib.util.spec_from_file_location("gpu_benchmark", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "DEVICE", "cpu")
    monkeypatch.setattr(module, "WINDOW", 40)
    return module


def case(gpu, mask, length=100):
    return gpu.Case(mask, torch.bfloat16, 4, 2, 16, length)


@pytest.mark.parametrize("mask", ["full", "causal", "window"])
@pytest.mark.parametrize("length", [30, 100])
def test_work_is_what_the_mask_keeps(gpu, mask, length):
    own = case(gpu, mask, length)
    i = torch.arange(length)
    assert own.kept == gpu.keeps(own, i[:, None], i[None, :]).sum().item()


@pytest.mark.parametrize("mask", ["full", "causal", "window"])
def test_right_results_pass_and_wrong_ones_do_not(gpu, mask):
    own = case(gpu, mask)
    q, k, v = gpu.tensors(own)
    expected, bound = gpu.reference(own, q, k, v)
    result = gpu.attn_call(own, q, k, v)()
    assert gpu.is_right(own, result, expected, bound)[1]
    wrong = result.clone()
    wrong[0, 1, 2, 3] += 0.25
    assert not gpu.is_right(own, wrong, expected, bound)[1]
    wrong[0, 1, 2, 3] = torch.nan
    assert not gpu.is_right(own, wrong, expected, bound)[1]


def test_report(gpu, tmp_path):
    row = {
        "case": "causal",
        "refused": {"cuDNN": "no such head size"},
        "error": {"attn": 0.25},
        "tflops": {"attn": 500.0},
        "ms": {"attn": 1.0},
        "flex_mask_ms": 2.0,
        "intensity": 100.0,
    }
    text = gpu.table([row], "a device", 700, 4000)
    assert "| causal | 0.25 | 500 | – | – | – | 2.00 |" in text
    assert "- cuDNN, causal: no such head size" in text
    gpu.roofline([row], 700, 4000, tmp_path / "gpu.png")
    assert (tmp_path / "gpu.png").stat().st_size > 1000


def test_a_machine_without_a_device_is_told_so(gpu, monkeypatch):
    monkeypatch.setattr("sys.argv", ["gpu.py"])
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(SystemExit, match="no CUDA device"):
        gpu.main()
