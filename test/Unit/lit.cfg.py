# ===- lit.cfg.py - how lit runs the GoogleTest programs ----------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import lit.formats

config.name = "attn-unit"
config.test_format = lit.formats.GoogleTest(".", "Tests")
config.test_source_root = config.attn_unit_dir
config.test_exec_root = config.attn_unit_dir
