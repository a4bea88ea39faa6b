# ===- run_tests.py - run the test suites and count ---------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs test suites of a build and ends with one line that counts the tests.

Exits with 0 when at least one test ran and none failed.
"""

import argparse
import collections
import os
import pathlib
import subprocess
import sys
from xml.etree import ElementTree

SOURCE_DIR = pathlib.Path(__file__).resolve().parent.parent


def lit(directory):
    """The command that runs the lit tests configured in `directory`."""
    tools = subprocess.check_output(["llvm-config-22", "--bindir"], text=True)
    script = pathlib.Path(tools.strip()) / "lit"
    options = ["-sv", "--no-progress-bar"]
    return [sys.executable, script, *options, directory]


def pytest(directory, *options):
    """The command that runs the pytest files below test/`directory`."""
    path = SOURCE_DIR / "test" / directory
    # Each process may hold a PyTorch.
    workers = ["--numprocesses=logical", "--maxprocesses=4"]
    options = ["--quiet", "-ra", "--timeout=300", *workers, *options]
    return [sys.executable, "-m", "pytest", *options, path]


def suite_command(suite, build_dir, report):
    """The command that runs `suite` and writes a JUnit file at `report`; None
    when the suite has no tests yet."""
    if suite == "lit":
        return [*lit(build_dir / "test"), f"--xunit-xml-output={report}"]
    if suite == "unit":
        return [*lit(build_dir / "test/Unit"), f"--xunit-xml-output={report}"]
    directory = {"numerics": "Numerics", "python": "Python"}[suite]
    if not any((SOURCE_DIR / "test" / directory).rglob("test_*.py")):
        return None
    return [*pytest(directory), f"--junit-xml={report}"]


def count_cases(report):
    """How many tests of a JUnit file passed, failed and were skipped."""
    counts = collections.Counter(passed=0, failed=0, skipped=0)
    for case in ElementTree.parse(report).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            counts["failed"] += 1
        elif case.find("skipped") is not None:
            counts["skipped"] += 1
        else:
            counts["passed"] += 1
    return counts


def run_and_count(command, report):
    """Runs `command`, which writes `report`, and returns its counts. A runner
    that fails without reporting a failed test counts as one."""
    report.unlink(missing_ok=True)
    # Tests that mean the cache of compiled code say where it is.
    environment = {**os.environ, "ATTN_CACHE": "off"}
    status = subprocess.run(command, cwd=SOURCE_DIR, env=environment).returncode
    counts = count_cases(report) if report.exists() else collections.Counter()
    if status != 0 and counts["failed"] == 0:
        print(f"the test runner exited with {status}")
        counts["failed"] = 1
    return counts


def run_suite(suite, build_dir):
    """Runs one suite of a build and returns its counts."""
    report = build_dir / "test" / f"{suite}-report.xml"
    command = suite_command(suite, build_dir, report)
    if command is None:
        return collections.Counter()
    print(f"== {suite}", flush=True)
    return run_and_count(command, report)


def count_line(counts):
    """`N passed, N failed`, and how many were skipped if any were."""
    line = f"{counts['passed']} passed, {counts['failed']} failed"
    return line + (f", {counts['skipped']} skipped" if counts["skipped"] else "")


def main():
    suites = ["lit", "unit", "numerics", "python"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build-dir", type=pathlib.Path, required=True)
    parser.add_argument("suite", choices=[*suites, "all"])
    args = parser.parse_args()

    selected = suites if args.suite == "all" else [args.suite]
    counts = {suite: run_suite(suite, args.build_dir) for suite in selected}
    for suite in selected:
        print(f"{suite + ':':<10} {count_line(counts[suite])}")
    total = sum(counts.values(), collections.Counter())
    if total["passed"] + total["failed"] == 0:
        print("no test ran", file=sys.stderr)
    print(count_line(total), flush=True)
    return 0 if total["passed"] and not total["failed"] else 1


if __name__ == "__main__":
    sys.exit(main())
