# ===- attnc_bench.py - what attnc bench measures -----------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs `attnc bench` for the scripts beside this one."""

import json
import subprocess
import sys
from pathlib import Path

ATTNC = Path(__file__).resolve().parent.parent / "build" / "bin" / "attnc"


def bench(text, *flags):
    """The figures of `attnc bench --json` for a module; ends the script on an error."""
    run = subprocess.run(
        [str(ATTNC), "bench", "-", "--json", *flags],
        input=text,
        capture_output=True,
        text=True,
    )
    if run.returncode:
        sys.exit(run.stderr)
    return json.loads(run.stdout)
