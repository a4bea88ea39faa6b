# ===- interleaved.py - a compiled function beside reading its inputs ---------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Calls of a compiled function and of a loop that only reads its keys and values, in
turns: on a machine whose memory others share, only neighbours in time compare."""

import ctypes
import functools
import math
import mmap
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from attnc_bench import ATTNC

# Of DLPack: code and bits.
TYPES = {"f32": (2, 32), "f16": (2, 16), "bf16": (4, 16)}
CONTEXT_VERSION = 1
HUGE_PAGE = 2 << 20

# Eight sums of 16 words each, as in `attnc bench`.
READING = """func.func @f(%x: memref<?xi32>, %out: memref<?xi32> {attn.result}) {
  %c0 = arith.constant 0 : index
  %c128 = arith.constant 128 : index
  %n = memref.dim %x, %c0 : memref<?xi32>
  %z = arith.constant dense<0> : vector<16xi32>
  LOOP
  memref.store %sum, %out[%c0] : memref<?xi32>
  return
}"""


def reading_text():
    """The loop over whole steps of 128 words."""
    lanes = range(8)
    sums = ", ".join(f"%y{i}" for i in lanes)
    body = "\n".join(
        f"    %o{i} = arith.constant {16 * i} : index\n"
        f"    %p{i} = arith.addi %i, %o{i} : index\n"
        f"    %v{i} = vector.load %x[%p{i}] : memref<?xi32>, vector<16xi32>\n"
        f"    %y{i} = arith.addi %s{i}, %v{i} : vector<16xi32>"
        for i in lanes
    )
    types = ", ".join("vector<16xi32>" for _ in lanes)
    carried = ", ".join(f"%s{i} = %z" for i in lanes)
    total = "\n".join(
        f"  %t{i} = arith.addi {'%r#0' if i == 1 else f'%t{i - 1}'}, %r#{i} : "
        "vector<16xi32>"
        for i in lanes[1:]
    )
    loop = (
        f"%r:8 = scf.for %i = %c0 to %n step %c128 iter_args({carried}) -> ({types}) "
        f"{{\n{body}\n    scf.yield {sums} : {types}\n  }}\n{total}\n"
        "  %sum = vector.reduction <add>, %t7 : vector<16xi32> into i32"
    )
    return READING.replace("LOOP", loop)


class DLTensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device", ctypes.c_int32 * 2),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.c_void_p),
        ("offset", ctypes.c_uint64),
    ]


class Context(ctypes.Structure):
    _fields_ = [
        ("version", ctypes.c_uint32),
        ("workspace", ctypes.c_void_p),
        ("workspace_bytes", ctypes.c_size_t),
        ("stream", ctypes.c_void_p),
        ("parallel", ctypes.c_void_p),
        ("pool", ctypes.c_void_p),
        ("threads", ctypes.c_int32),
        ("error", ctypes.c_void_p),
        ("error_bytes", ctypes.c_size_t),
    ]


class Function:
    """`text`, whose function is named f, compiled for one thread of this machine."""

    def __init__(self, text, *flags):
        self.context = Context(version=CONTEXT_VERSION, threads=1)
        with tempfile.TemporaryDirectory() as directory:
            library = Path(directory) / "f.so"
            subprocess.run(
                [ATTNC, "compile", "-", "--threads=1", *flags, "-o", library],
                input=text,
                text=True,
                check=True,
            )
            self.call = ctypes.CDLL(str(library)).f

    def seconds(self, tensors):
        """The time of one call on these DLTensors."""
        pointers = (ctypes.POINTER(DLTensor) * len(tensors))(
            *map(ctypes.pointer, tensors)
        )
        start = time.perf_counter()
        status = self.call(ctypes.byref(self.context), pointers, len(tensors))
        seconds = time.perf_counter() - start
        if status:
            raise RuntimeError(f"status {status}")
        return seconds


class Tensor:
    """Numbers near 1 of either sign on pages of their own, huge ones or not."""

    def __init__(self, type, shape, huge):
        code, bits = TYPES[type]
        self.bytes = math.prod(shape) * bits // 8
        room = (self.bytes // HUGE_PAGE + 2) * HUGE_PAGE
        self.memory = mmap.mmap(-1, room, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.memory.madvise(mmap.MADV_HUGEPAGE if huge else mmap.MADV_NOHUGEPAGE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        first = -address % HUGE_PAGE
        self.memory[first : first + self.bytes] = numbers(type, self.bytes)
        self.view = view(address + first, shape, code, bits)

    def words(self):
        """The same memory as i32."""
        return view(self.view.data, [self.bytes // 4], code=0, bits=32)


def view(data, shape, code, bits):
    """A tensor on the CPU."""
    sizes = (ctypes.c_int64 * len(shape))(*shape)
    return DLTensor(data, (1, 0), len(shape), code, bits, 1, sizes, None, 0)


def numbers(type, count):
    """So many bytes of floats in [0.5, 2), of both signs, of an irregular period."""
    random = np.random.default_rng(1)
    high = {"f32": 0x3F00, "bf16": 0x3F00, "f16": 0x3800}[type]
    words = high + random.integers(0, 128, 65521) + (random.integers(0, 2, 65521) << 15)
    step = 2 if type == "f32" else 1
    piece = np.zeros(65521 * step, np.uint16)
    piece[step - 1 :: step] = words
    return np.resize(piece, count // 2).tobytes()


class Shares:
    """What decoding takes beside reading: `ms` and `gb_per_s` of the fastest call,
    `share` the median of a call's share of its neighbours' rate of reading, `least` and
    `most` its quartiles."""

    def __init__(self, text, query, key, type, huge=False, seconds=1.0):
        function, read = Function(text), reader()
        q, k, v = (Tensor(type, shape, huge) for shape in (query, key, key))
        output = Tensor(type, query, False)
        sink = Tensor("f32", (1,), False)
        arguments = [tensor.view for tensor in (q, k, v, output)]

        def read_all():
            return sum(read.seconds([part.words(), sink.words()]) for part in (k, v))

        function.seconds(arguments)
        before, rates, times = read_all(), [], []
        start = time.perf_counter()
        while len(rates) < 7 or time.perf_counter() - start < seconds:
            times.append(function.seconds(arguments))
            after = read_all()
            rates.append((before + after) / 2 / times[-1])
            before = after
        self.ms = 1e3 * min(times)
        self.gb_per_s = (k.bytes + v.bytes) / min(times) / 1e9
        self.least, self.share, self.most = statistics.quantiles(rates, n=4)


@functools.cache
def reader():
    """The loop that only reads."""
    return Function(reading_text(), "--start-from=lower")
