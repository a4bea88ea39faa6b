# ===- test_docs.py - the code in README and docs runs -----------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every complete MLIR function and Python example of README and Tour is executed."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ATTNC = ROOT / "build" / "bin" / "attnc"


def blocks(page, language):
    text = (ROOT / page).read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.S)


def test_pages_have_examples():
    assert blocks("README.md", "python") and blocks("README.md", "mlir")


@pytest.mark.parametrize("page", ["README.md", "docs/Tour.md"])
def test_mlir_matches_the_reference(page):
    for text in blocks(page, "mlir"):
        run = subprocess.run(
            [ATTNC, "run", "-", "--check", "--dim", "M=70", "--dim", "N=301"],
            input=text,
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stderr
        assert "passed" in run.stdout


def test_python_runs():
    for text in blocks("README.md", "python"):
        names = {}
        exec(text, names)
        assert names["o"].shape == names["q"].shape


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
)
def test_links_lead_somewhere(page):
    path = ROOT / page
    for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
        assert (path.parent / target).exists(), f"{page}: {target}"
