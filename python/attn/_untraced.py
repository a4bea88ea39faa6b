# ===- _untraced.py - functions that torch.compile calls as they are ------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""torch.compiler.disable, without the second or two that importing PyTorch's compiler
takes where nobody compiles."""

from __future__ import annotations

import functools
from typing import Any, Callable

from torch._C._dynamo.eval_frame import set_eval_frame


def untraced(function: Callable) -> Callable:
    """`function`, which records what torch.compile would trace."""

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        tracing = set_eval_frame(None)
        try:
            return function(*args, **options)
        finally:
            set_eval_frame(tracing)

    call._torchdynamo_disable = True
    return call
