# ===- attnc.py - runs the command line in the numerics tests ----------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs attnc of this build on MLIR text."""

import os
import re
import subprocess
from pathlib import Path

import pytest

BUILD = Path(os.environ.get("ATTN_BUILD_DIR", Path(__file__).parents[2] / "build"))
CHECK = re.compile(
    r"check (?P<name>\w+): (?P<verdict>\w+): (no element to check|"
    r"relative error (?P<error>\S+), bound (?P<bound>[^;\s]+))"
)


def attnc(command, text, *flags):
    """The finished process of `attnc COMMAND - FLAGS`, with `text` as its input."""
    return subprocess.run(
        [str(BUILD / "bin" / "attnc"), command, "-", *flags],
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
    )


def dim_flags(sizes):
    return [
        flag for name, size in sizes.items() for flag in ("--dim", f"{name}={size}")
    ]


def skip_unless_runs(text, sizes, target):
    """Skips the test where this machine, or its operating system, refuses code for
    `target`; any other failure is left to the test."""
    run = attnc("run", text, *dim_flags(sizes), target)
    if run.returncode != 0 and "was compiled for" in run.stderr:
        pytest.skip(run.stderr.strip())


def check(text, sizes, *flags):
    """Runs `text` against the fp64 reference and returns one match per result."""
    run = attnc("run", text, "--check", *dim_flags(sizes), *flags)
    assert run.returncode == 0, f"{text}\n{sizes}\n{run.stdout}{run.stderr}"
    results = list(CHECK.finditer(run.stdout))
    assert results, run.stdout
    for result in results:
        assert result["verdict"] == "passed", run.stdout
        # A bound that a wrong kernel could meet would check nothing.
        assert float(result["bound"] or 0) < 0.5, run.stdout
    return results
