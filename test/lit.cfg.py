# ===- lit.cfg.py - how lit runs the tests ----------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import os
import pathlib
import shutil
import subprocess

import lit.formats
from lit.llvm import llvm_config
from lit.llvm.subst import ToolSubst

config.name = "attn"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test", ".c"]
config.excludes = ["Inputs", "Unit", "Python"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.attn_binary_dir, "test")

# A test takes seconds; one that hangs is killed and reported, where lit can.
if lit_config.maxIndividualTestTimeIsSupported[0]:
    lit_config.maxIndividualTestTime = 300


def add_substitutions():
    """Tools by their own names; paths that tests need behind a '%' word."""
    llvm_config.use_default_substitutions()
    llvm_config.add_tool_substitutions(
        ["attn-opt", "attnc", "attn-lsp-server", "attn-reduce"],
        [config.attn_tools_dir],
    )
    llvm_config.add_tool_substitutions(
        [
            ToolSubst("split-file", unresolved="fatal"),
            ToolSubst("mlir-translate", unresolved="fatal"),
            ToolSubst("llvm-nm", unresolved="fatal"),
        ],
        [config.llvm_tools_dir],
    )
    config.substitutions += [
        ("%python", config.python_executable),
        ("%mlir_opt", os.path.join(config.mlir_tools_dir, "mlir-opt")),
        ("%attn_plugin", config.attn_plugin),
        ("%attn_src", config.attn_source_dir),
        ("%attn_build", config.attn_binary_dir),
        ("%attn_lib_dir", config.attn_lib_dir),
        ("%host_cc", config.host_cc),
        ("%host_cxx", config.host_cxx),
        ("%cmake", config.cmake),
    ]


def host_cpu_flags():
    """The CPU flags that Linux reports for the first processor."""
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            return set(line.split(":")[1].split())
    return set()


def has_python_module(name):
    """Whether the Python of the tests can import `name`, without importing it."""
    probe = (
        f"import importlib.util, sys; sys.exit(not importlib.util.find_spec('{name}'))"
    )
    return subprocess.run([config.python_executable, "-c", probe]).returncode == 0


def add_features():
    """What a test may name in REQUIRES or UNSUPPORTED."""
    flags = host_cpu_flags()
    present = {
        "avx2": "avx2" in flags,
        "avx512": "avx512f" in flags,
        "avx512bf16": "avx512_bf16" in flags,
        "amx": "amx_bf16" in flags,
        "aarch64-cross": shutil.which("aarch64-linux-gnu-gcc")
        and shutil.which("qemu-aarch64"),
        "ptxas": shutil.which("ptxas"),
        "torch": has_python_module("torch"),
    }
    config.available_features.update(name for name, has in present.items() if has)


llvm_config.with_environment("PATH", config.attn_tools_dir, append_path=True)
llvm_config.with_environment(
    "PYTHONPATH", os.path.join(config.attn_binary_dir, "python"), append_path=True
)
# Tests that mean the cache say where it is.
config.environment["ATTN_CACHE"] = "off"
add_substitutions()
add_features()
