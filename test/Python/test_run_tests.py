# ===- test_run_tests.py - the counting of tests -------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The line that counts the tests tells the truth."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "utils"))
import run_tests

REPORT = """<testsuites><testsuite>
<testcase name="a"/>
<testcase name="b"/>
<testcase name="c"><failure>no</failure></testcase>
<testcase name="d"><error>no</error></testcase>
<testcase name="e"><skipped/></testcase>
</testsuite></testsuites>"""


def run_and_count(tmp_path, text, status):
    """The line that counts a runner which writes `text` and exits with `status`."""
    report = tmp_path / "report.xml"
    program = f"open({str(report)!r}, 'w').write({text!r}); raise SystemExit({status})"
    counts = run_tests.run_and_count([sys.executable, "-c", program], report)
    return run_tests.count_line(counts)


def test_counts_every_outcome(tmp_path):
    line = run_and_count(tmp_path, REPORT, 1)
    assert line == "2 passed, 2 failed, 1 skipped"


def test_line_without_skipped_tests(tmp_path):
    line = run_and_count(tmp_path, "<testsuite><testcase/></testsuite>", 0)
    assert line == "1 passed, 0 failed"


def test_a_runner_that_dies_is_a_failure(tmp_path):
    line = run_and_count(tmp_path, "<testsuite><testcase/></testsuite>", 3)
    assert line == "1 passed, 1 failed"


def test_a_report_of_an_earlier_run_does_not_count(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    counts = run_tests.run_and_count([sys.executable, "-c", "exit(1)"], report)
    assert run_tests.count_line(counts) == "0 passed, 1 failed"
