# ===- expressions.py - recorded expressions, evaluated ------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Evaluates what the package recorded, on all pairs at once, with PyTorch."""

import torch

DTYPES = {
    "i1": torch.bool,
    "i8": torch.int8,
    "i16": torch.int16,
    "i32": torch.int32,
    "i64": torch.int64,
    "index": torch.int64,
    "f16": torch.float16,
    "bf16": torch.bfloat16,
    "f32": torch.float32,
    "acc": torch.float32,
    "f64": torch.float64,
}
_BINARY = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "min": torch.minimum,
    "max": torch.maximum,
    "pow": torch.pow,
    "rem": torch.fmod,
    "mod": torch.remainder,
    "floordiv": torch.floor_divide,
    "and": torch.bitwise_and,
    "or": torch.bitwise_or,
    "xor": torch.bitwise_xor,
    "shl": torch.bitwise_left_shift,
    "shr": torch.bitwise_right_shift,
    **{name: getattr(torch, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")},
}


def load(array, indices):
    """Elements of `array`; 0 where an index is out of bounds, as in attn.load."""
    array = torch.as_tensor(array)
    inside = torch.ones((), dtype=torch.bool)
    clamped = []
    for index, size in zip(indices, array.shape):
        inside = inside & (index >= 0) & (index < size)
        clamped.append(index.clamp(0, max(size - 1, 0)))
    return torch.where(
        inside, array[tuple(clamped)], torch.zeros((), dtype=array.dtype)
    )


def evaluate(region, arguments):
    """The value of a region; `arguments` are tensors by name, of one shape."""
    memo = {}

    def visit(x):
        if id(x) not in memo:
            memo[id(x)] = compute(x, [visit(a) for a in x.args]).to(DTYPES[x.type])
        return memo[id(x)]

    def compute(x, args):
        if x.op == "argument":
            return arguments[x.attr]
        if x.op == "constant":
            return torch.tensor(x.attr, dtype=DTYPES[x.type])
        if x.op == "scalar":
            return torch.tensor(region.captured[x.attr].value)
        if x.op == "load":
            return load(region.captured[x.attr].value, args)
        if x.op == "select":
            return torch.where(*args)
        if x.op == "cast":
            return _cast(args[0], x.type)
        if x.op == "roundeven":
            return torch.round(*args)
        if x.op in _BINARY:
            return _BINARY[x.op](*args)
        return getattr(torch, x.op)(*args)

    return visit(region.result)


def grid(batch, heads, queries, keys):
    """The indices of all pairs, by name."""
    sizes = (batch, heads, queries, keys)
    axes = torch.meshgrid(*map(torch.arange, sizes), indexing="ij")
    return dict(zip(("b", "h", "i", "j"), axes))


def _cast(value, type):
    if value.is_floating_point() and not DTYPES[type].is_floating_point:
        return value.trunc()
    return value
