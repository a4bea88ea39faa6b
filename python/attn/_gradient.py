# ===- _gradient.py - results whose gradient cannot be had ------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Imported only where PyTorch is in use: a wrong gradient of zero would be silent,
so results remember that they depend on inputs that need one."""

import torch


class _NoBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, result, *inputs):
        return result.view_as(result)

    @staticmethod
    def backward(ctx, *gradients):
        raise RuntimeError(
            "attn computes no gradients; call it under torch.no_grad() or on detached "
            "tensors, and keep PyTorch's attention where training needs a backward pass"
        )


def attach(results: list, inputs: list) -> list:
    return [_NoBackward.apply(result, *inputs) for result in results]
