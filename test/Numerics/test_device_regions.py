# ===- test_device_regions.py - what regions compute on a GPU -------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every op that mask and score regions may hold has code for GPUs whose results on the
emulated one are right."""

import math

import numpy as np
import pytest
from attnc import attnc

#: Rows of one tile, each with its own operands.
ROWS = 128


def region(functions):
    """A score region that gives for heads 2 n and 2 n + 1 the upper and lower 16 bits
    of what the n-th function does to the row's operands: x and y of f32, a and b of
    i32. With one key such a number is the LSE, but for an error below one half."""
    lines = []
    for number, body in enumerate(functions):
        lines += [f"      {line}" for line in body.format(n=number).splitlines()]
        lines += [
            f"      %c{number} = arith.constant {number} : index",
            f"      %is{number} = arith.cmpi eq, %function, %c{number} : index",
            f"      %s{number + 1} = arith.select %is{number}, %r{number}, "
            f"%s{number} : f32",
        ]
    return "\n".join(lines)


def module(functions):
    heads, count = 2 * len(functions), len(functions)
    q = f"tensor<1x{heads}x{ROWS}x8xf16>"
    k = "tensor<1x1x1x8xf16>"
    f, i = f"tensor<{ROWS}xf32>", f"tensor<{ROWS}xi32>"
    lse = f"tensor<1x{heads}x{ROWS}xf32>"
    return f"""
    func.func @f(%q: {q}, %k: {k}, %vx: {f}, %vy: {f}, %va: {i}, %vb: {i})
        -> ({q}, {lse}) {{
      %map = attn.score.map(%vx, %vy, %va, %vb : {f}, {f}, {i}, {i}) {{
      ^bb0(%s0: f32, %batch: index, %h: index, %i: index, %j: index,
           %tx: {f}, %ty: {f}, %ta: {i}, %tb: {i}):
      %two = arith.constant 2 : index
      %zero = arith.constant 0 : index
      %function = arith.divui %h, %two : index
      %part = arith.remui %h, %two : index
      %isUpper = arith.cmpi eq, %part, %zero : index
      %x = attn.load %tx[%i] : {f}
      %y = attn.load %ty[%i] : {f}
      %a = attn.load %ta[%i] : {i}
      %b = attn.load %tb[%i] : {i}
{region(functions)}
      %bits = arith.bitcast %s{count} : f32 to i32
      %sixteen = arith.constant 16 : i32
      %ones = arith.constant 65535 : i32
      %upper = arith.shrui %bits, %sixteen : i32
      %lower = arith.andi %bits, %ones : i32
      %half = arith.select %isUpper, %upper, %lower : i32
      %result = arith.uitofp %half : i32 to f32
      attn.yield %result : f32
      }}
      %o, %l = attn.scaled_dot_product %q, %k, %k score(%map)
          : {q}, {k}, {k} -> {q} lse({lse})
      return %o, %l : {q}, {lse}
    }}"""


def evaluate(functions, operands, tmp_path):
    """What each function gives on the emulated GPU, by function and row."""
    flags = ["--arg", "q=random:1", "--arg", "k=random:2"]
    for name, values in operands.items():
        np.save(tmp_path / f"{name}.npy", values)
        flags += ["--arg", f"v{name}={tmp_path / name}.npy"]
    out = tmp_path / "lse.npy"
    unused = tmp_path / "o.npy"
    flags += ["--out", str(unused), "--out", str(out)]
    text = module(functions)
    run = attnc("run", text, "--target=sm_80", "--emulate", *flags)
    assert run.returncode == 0, run.stderr
    halves = np.rint(np.load(out)[0]).astype(np.uint32)
    return (halves[0::2] << 16 | halves[1::2]).view(np.float32)


def floats(*special):
    """Numbers of all sizes that f32 holds, and these."""
    rng = np.random.default_rng(3)
    wide = rng.choice([-1.0, 1.0], ROWS) * 2.0 ** rng.uniform(-30, 30, ROWS)
    near = rng.uniform(-4, 4, ROWS)
    values = np.where(np.arange(ROWS) % 2, wide, near)
    values[: len(special)] = special
    return values.astype(np.float32)


SPECIAL = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.5, -0.5, 1.5, 2.5, 3e38]


def vectorized(function):
    def total(value):
        try:
            return function(value)
        except (ValueError, OverflowError):
            return math.nan

    return np.vectorize(total, otypes=[np.float64])


def rounded(x):
    return np.copysign(np.floor(np.abs(x) + 0.5), x)


UNARY = {
    "math.absf": np.abs,
    "math.acos": np.arccos,
    "math.acosh": np.arccosh,
    "math.asin": np.arcsin,
    "math.asinh": np.arcsinh,
    "math.atan": np.arctan,
    "math.atanh": np.arctanh,
    "math.cbrt": np.cbrt,
    "math.ceil": np.ceil,
    "math.cos": np.cos,
    "math.cosh": np.cosh,
    "math.erf": vectorized(math.erf),
    "math.erfc": vectorized(math.erfc),
    "math.exp": np.exp,
    "math.exp2": np.exp2,
    "math.expm1": np.expm1,
    "math.floor": np.floor,
    "math.log": np.log,
    "math.log10": np.log10,
    "math.log1p": np.log1p,
    "math.log2": np.log2,
    "math.round": rounded,
    "math.roundeven": np.rint,
    "math.rsqrt": lambda x: 1 / np.sqrt(x),
    "math.sin": np.sin,
    "math.sinh": np.sinh,
    "math.sqrt": np.sqrt,
    "math.tan": np.tan,
    "math.tanh": np.tanh,
    "math.trunc": np.trunc,
    "arith.negf": np.negative,
}

BINARY = {
    "arith.addf": np.add,
    "arith.divf": np.divide,
    "arith.maximumf": np.maximum,
    "arith.maxnumf": np.fmax,
    "arith.minimumf": np.minimum,
    "arith.minnumf": np.fmin,
    "arith.mulf": np.multiply,
    "arith.remf": np.fmod,
    "arith.subf": np.subtract,
    "math.atan2": np.arctan2,
    "math.copysign": np.copysign,
    "math.powf": np.power,
}


def groups(names, size):
    names = list(names)
    return [names[i : i + size] for i in range(0, len(names), size)]


def check(name, given, expected, ulps=3):
    expected = np.asarray(expected, np.float64)
    with np.errstate(all="ignore"):
        nearest = expected.astype(np.float32)
        # Results below the normal numbers may be flushed.
        bound = ulps * np.spacing(np.abs(nearest)) + 2.0**-125
        right = np.abs(given - expected) <= bound
    right |= (given == nearest) | (np.isnan(given) & np.isnan(nearest))
    wrong = ~right
    assert not wrong.any(), (name, given[wrong], expected[wrong], np.flatnonzero(wrong))


def operands():
    rng = np.random.default_rng(4)
    x = floats(*SPECIAL)
    y = np.roll(floats(*SPECIAL), 5)
    # Pairs of special values, and huge quotients.
    y[12:24], x[12:24] = 0.0, SPECIAL
    y[24:36], x[24:36] = np.inf, SPECIAL
    y[36:40], x[36:40] = [2.0, 3.0, -3.0, 0.5], [-2.0, -2.0, -2.0, -2.0]
    y[40:44], x[40:44] = [3e-38, 7.0, 1e-3, 3.0], [3e38, 3e38, -1e30, -0.0]
    a = rng.integers(-100, 100, ROWS)
    b = rng.choice([-7, -3, -2, -1, 1, 2, 3, 5, 8, 31], ROWS)
    a[:3], b[:3] = [2**31 - 1, -(2**31) + 1, 2**30], [3, -3, 2]
    return {"x": x, "y": y, "a": a.astype(np.int32), "b": b.astype(np.int32)}


@pytest.mark.parametrize("names", groups(UNARY, 4), ids=lambda names: names[0])
def test_functions_of_one_number(names, tmp_path):
    given = operands()
    bodies = [f"%r{{n}} = {name} %x : f32" for name in names]
    results = evaluate(bodies, given, tmp_path)
    with np.errstate(all="ignore"):
        for name, result in zip(names, results):
            check(name, result, UNARY[name](given["x"].astype(np.float64)))


@pytest.mark.parametrize("names", groups(BINARY, 4), ids=lambda names: names[0])
def test_functions_of_two_numbers(names, tmp_path):
    given = operands()
    bodies = [f"%r{{n}} = {name} %x, %y : f32" for name in names]
    results = evaluate(bodies, given, tmp_path)
    x, y = (given[n].astype(np.float64) for n in "xy")
    with np.errstate(all="ignore"):
        for name, result in zip(names, results):
            check(name, result, BINARY[name](x, y), ulps=1)


def integer(op):
    """An op on a and b whose result is seen as f32."""
    return f"%t{{n}} = {op} %a, %b : i32\n%r{{n}} = arith.sitofp %t{{n}} : i32 to f32"


def floor_mod(a, b):
    return a - b * np.floor_divide(a, b)


def c_mod(a, b):
    return a - b * np.trunc(a / b).astype(np.int64)


INTEGER = {
    "arith.addi": np.add,
    "arith.subi": np.subtract,
    "arith.muli": np.multiply,
    "arith.divsi": lambda a, b: np.trunc(a / b),
    "arith.ceildivsi": lambda a, b: -np.floor_divide(-a, b),
    "arith.floordivsi": np.floor_divide,
    "arith.remsi": c_mod,
    "attn.floormod": floor_mod,
    "arith.andi": np.bitwise_and,
    "arith.ori": np.bitwise_or,
    "arith.xori": np.bitwise_xor,
    "arith.maxsi": np.maximum,
    "arith.minsi": np.minimum,
}


@pytest.mark.parametrize("names", groups(INTEGER, 7), ids=lambda names: names[0])
def test_functions_of_integers(names, tmp_path):
    given = operands()
    results = evaluate([integer(name) for name in names], given, tmp_path)
    a, b = (given[n].astype(np.int64) for n in "ab")
    for name, result in zip(names, results):
        expected = INTEGER[name](a, b).astype(np.int64).astype(np.int32)
        check(name, result, expected.astype(np.float32), ulps=0)


#: Bodies, and what they mean.
OTHERS = {
    "unsigned": (
        """%u{n} = arith.divui %a, %b : i32
%v{n} = arith.remui %a, %b : i32
%w{n} = arith.maxui %u{n}, %v{n} : i32
%r{n} = arith.uitofp %w{n} : i32 to f32""",
        lambda g: np.maximum(u(g["a"]) // u(g["b"]), u(g["a"]) % u(g["b"])),
    ),
    "ceildivui": (
        "%u{n} = arith.ceildivui %a, %b : i32\n%r{n} = arith.uitofp %u{n} : i32 to f32",
        lambda g: -(-u(g["a"]) // u(g["b"])),
    ),
    "shifts": (
        """%k{n} = arith.constant 5 : i32
%l{n} = arith.shli %a, %k{n} : i32
%m{n} = arith.shrui %a, %k{n} : i32
%p{n} = arith.shrsi %a, %k{n} : i32
%q{n} = arith.xori %l{n}, %m{n} : i32
%t{n} = arith.addi %q{n}, %p{n} : i32
%r{n} = arith.sitofp %t{n} : i32 to f32""",
        lambda g: np.int32(
            ((g["a"] << 5) ^ (g["a"].view(np.uint32) >> 5).view(np.int32))
            + (g["a"] >> 5)
        ),
    ),
    "counts": (
        """%u{n} = math.ctpop %a : i32
%v{n} = math.ctlz %a : i32
%w{n} = math.cttz %a : i32
%p{n} = math.absi %b : i32
%k{n} = arith.constant 64 : i32
%t{n} = arith.muli %u{n}, %k{n} : i32
%l{n} = arith.addi %t{n}, %v{n} : i32
%m{n} = arith.muli %l{n}, %k{n} : i32
%q{n} = arith.addi %m{n}, %w{n} : i32
%s{n}x = arith.muli %q{n}, %p{n} : i32
%r{n} = arith.sitofp %s{n}x : i32 to f32""",
        lambda g: [count_bits(a) * abs(int(b)) for a, b in zip(g["a"], g["b"])],
    ),
    "casts": (
        """%u{n} = arith.extsi %a : i32 to i64
%v{n} = arith.muli %u{n}, %u{n} : i64
%w{n} = arith.trunci %v{n} : i64 to i16
%p{n} = arith.extui %w{n} : i16 to i32
%q{n} = arith.index_cast %p{n} : i32 to index
%t{n} = arith.index_cast %q{n} : index to i64
%r{n} = arith.sitofp %t{n} : i64 to f32""",
        lambda g: (g["a"].astype(np.int64) ** 2) & 0xFFFF,
    ),
    "halves": (
        """%u{n} = arith.truncf %x : f32 to f16
%v{n} = math.floor %u{n} : f16
%w{n} = math.sin %v{n} : f16
%r{n} = arith.extf %w{n} : f16 to f32""",
        lambda g: np.sin(np.floor(g["x"].astype(np.float16)).astype(float)).astype(
            np.float16
        ),
    ),
    "doubles": (
        """%u{n} = arith.extf %x : f32 to f64
%k{n} = arith.constant 3.0 : f64
%v{n} = arith.divf %u{n}, %k{n} : f64
%w{n} = math.floor %v{n} : f64
%t{n} = math.absf %w{n} : f64
%p{n} = math.sqrt %t{n} : f64
%r{n} = arith.truncf %p{n} : f64 to f32""",
        lambda g: np.sqrt(np.abs(np.floor(g["x"].astype(float) / 3))),
    ),
    "tests": (
        """%u{n} = math.isnan %x : f32
%v{n} = math.isinf %x : f32
%w{n} = math.isfinite %x : f32
%p{n} = arith.extui %u{n} : i1 to i32
%q{n} = arith.extui %v{n} : i1 to i32
%t{n} = arith.extui %w{n} : i1 to i32
%k{n} = arith.constant 2 : i32
%l{n} = arith.muli %q{n}, %k{n} : i32
%m{n} = arith.shli %t{n}, %k{n} : i32
%o{n} = arith.ori %p{n}, %l{n} : i32
%z{n} = arith.ori %o{n}, %m{n} : i32
%r{n} = arith.uitofp %z{n} : i32 to f32""",
        lambda g: 1 * np.isnan(g["x"]) + 2 * np.isinf(g["x"]) + 4 * np.isfinite(g["x"]),
    ),
    "fma": (
        "%r{n} = math.fma %y, %y, %y : f32",
        lambda g: g["y"].astype(float) ** 2 + g["y"],
    ),
    "fpowi": (
        "%k{n} = arith.constant -3 : i32\n%r{n} = math.fpowi %x, %k{n} : f32, i32",
        lambda g: g["x"].astype(float) ** -3.0,
    ),
    "toint": (
        """%k{n} = arith.constant 100.0 : f32
%l{n} = arith.constant -100.0 : f32
%u{n} = arith.minnumf %x, %k{n} : f32
%v{n} = arith.maxnumf %u{n}, %l{n} : f32
%w{n} = arith.fptosi %v{n} : f32 to i32
%p{n} = math.absf %v{n} : f32
%q{n} = arith.fptoui %p{n} : f32 to i32
%t{n} = arith.subi %w{n}, %q{n} : i32
%r{n} = arith.sitofp %t{n} : i32 to f32""",
        lambda g: (lambda v: np.trunc(v) - np.trunc(np.abs(v)))(
            np.fmax(np.fmin(g["x"], 100), -100)
        ),
    ),
    "bits": (
        """%u{n} = arith.bitcast %a : i32 to f32
%v{n} = arith.cmpf ult, %u{n}, %x : f32
%w{n} = arith.cmpi ugt, %a, %b : i32
%t{n} = arith.andi %v{n}, %w{n} : i1
%r{n} = arith.uitofp %t{n} : i1 to f32""",
        lambda g: ~(g["a"].view(np.float32) >= g["x"]) & (u(g["a"]) > u(g["b"])),
    ),
    "wide": (
        """%u{n}, %v{n} = arith.mulsi_extended %a, %b : i32
%w{n}, %p{n} = arith.mului_extended %a, %b : i32
%q{n}, %t{n} = arith.addui_extended %a, %b : i32, i1
%l{n} = arith.subi %v{n}, %p{n} : i32
%m{n} = arith.extui %t{n} : i1 to i32
%o{n} = arith.addi %l{n}, %m{n} : i32
%r{n} = arith.sitofp %o{n} : i32 to f32""",
        lambda g: np.int32(
            (
                (s(g["a"]) * s(g["b"]) >> 32)
                - (
                    u(g["a"]).astype(np.uint64) * u(g["b"]).astype(np.uint64) >> 32
                ).astype(np.int64)
                + (u(g["a"]) + u(g["b"]) >> 32)
            )
        ),
    ),
}


def u(values):
    return values.view(np.uint32).astype(np.int64)


def s(values):
    return values.astype(np.int64)


def count_bits(value):
    bits = int(value) & 0xFFFFFFFF
    zeros = (bits & -bits).bit_length() - 1 if bits else 32
    return (bits.bit_count() * 64 + 32 - bits.bit_length()) * 64 + zeros


@pytest.mark.parametrize("names", groups(OTHERS, 5), ids=lambda names: names[0])
def test_other_ops(names, tmp_path):
    given = operands()
    results = evaluate([OTHERS[name][0] for name in names], given, tmp_path)
    with np.errstate(all="ignore"):
        for name, result in zip(names, results):
            check(name, result, np.array(OTHERS[name][1](given), np.float64))
