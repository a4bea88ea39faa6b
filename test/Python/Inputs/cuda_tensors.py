# ===- cuda_tensors.py - tensors that say they lie on a CUDA device --------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""PyTorch without CUDA, whose tensors of `cuda` name a device that is not there: to
whoever asks for their device, and to who borrows them through DLPack."""

import ctypes
import types

import attn  # noqa: F401
import torch

CUDA, CURRENT = 2, 1


class Tensor(torch.Tensor):
    """Lies in memory of the CPU."""

    number = CURRENT

    @property
    def device(self):
        return torch.device("cuda", self.number)

    @classmethod
    def __torch_function__(cls, function, kinds, args=(), kwargs=None):
        numbers = [t.number for t in args if isinstance(t, Tensor)]
        result = super().__torch_function__(function, kinds, args, kwargs)
        if isinstance(result, Tensor) and numbers:
            result.number = numbers[0]
        return result


def cuda(*shape, dtype=torch.float16, device=CURRENT):
    tensor = torch.zeros(*shape, dtype=dtype).as_subclass(Tensor)
    tensor.number = device
    return tensor


class DLTensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("type", ctypes.c_int), ("id", ctypes.c_int)]


class Table(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32 * 2), ("entries", ctypes.c_void_p * 6)]


# Called, and calling, with Python's lock held.
View = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_void_p)
pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
pointer_of.restype = ctypes.c_void_p
pointer_of.argtypes = [ctypes.py_object, ctypes.c_char_p]
capsule_of = ctypes.pythonapi.PyCapsule_New
capsule_of.restype = ctypes.py_object
capsule_of.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


def move(address, tensor):
    """Makes a tensor of DLPack's name the device."""
    described = DLTensor.from_address(address)
    described.type, described.id = CUDA, tensor.number


VIEW = 4  # Of the table's entries.
own = Table.from_address(
    pointer_of(torch.Tensor.__dlpack_c_exchange_api__, b"dlpack_exchange_api")
)
own_view = View(own.entries[VIEW])


@View
def view(tensor, address):
    failed = own_view(tensor, address)
    if not failed:
        move(address, tensor)
    return failed


table = Table(own.version, own.entries)
table.entries[VIEW] = ctypes.cast(view, ctypes.c_void_p)
NAME = b"dlpack_exchange_api"


def export(tensor, stream=None):
    assert stream == -1
    plain = tensor.as_subclass(torch.Tensor)
    capsule = torch.utils.dlpack.to_dlpack(plain)
    move(pointer_of(capsule, b"dltensor"), tensor)
    return capsule


def lend(how):
    """By the exchange table, or `__dlpack__` alone."""
    by_table = how == "exchange table"
    capsule = capsule_of(ctypes.addressof(table), NAME, None) if by_table else None
    Tensor.__dlpack_c_exchange_api__ = capsule
    Tensor.__dlpack__ = export
    Tensor.__dlpack_device__ = lambda self: (CUDA, self.number)


def refused(call):
    try:
        call()
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
    else:
        print("accepted")


lend("exchange table")
plain_empty = torch.empty


def empty(*shape, device=None, **options):
    if device is None or torch.device(device).type != "cuda":
        return plain_empty(*shape, device=device, **options)
    made = plain_empty(*shape, **options).as_subclass(Tensor)
    made.number = torch.device(device).index
    return made


torch.empty = empty
torch.cuda.get_device_capability = lambda device: (9, 0)
torch.cuda.current_stream = lambda device: types.SimpleNamespace(cuda_stream=77)
