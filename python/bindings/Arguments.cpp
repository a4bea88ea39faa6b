//===- Arguments.cpp - Python objects as DLPack tensors ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"

#include <cmath>
#include <cstring>

using namespace attn::python;

//===----------------------------------------------------------------------===//
// DLPack's exchange table
//===----------------------------------------------------------------------===//

namespace {
/// The head of DLPackExchangeAPI, as DLPack 1.3 lays it out.
struct ExchangeTable {
  DLPackVersion version;
  void *previous;
  void *allocate;
  void *toManaged;
  void *fromManaged;
  /// Fills in a tensor that lives as long as the object does not change.
  int (*view)(void *object, DLTensor *tensor);
  void *currentStream;
};
} // namespace

/// The exchange table of a type, or null. Types are few and live long.
static const ExchangeTable *getExchangeTable(PyTypeObject *type) {
  static PyTypeObject *lastType = nullptr;
  static const ExchangeTable *lastTable = nullptr;
  if (type == lastType)
    return lastTable;
  const ExchangeTable *table = nullptr;
  PyObject *capsule = PyObject_GetAttrString(reinterpret_cast<PyObject *>(type),
                                             "__dlpack_c_exchange_api__");
  if (capsule)
    table = static_cast<const ExchangeTable *>(
        PyCapsule_GetPointer(capsule, "dlpack_exchange_api"));
  Py_XDECREF(capsule);
  PyErr_Clear();
  if (table && (table->version.major != 1 || !table->view))
    table = nullptr;
  Py_XINCREF(reinterpret_cast<PyObject *>(type));
  Py_XDECREF(reinterpret_cast<PyObject *>(lastType));
  lastType = type;
  return lastTable = table;
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

/// Where reading a number failed, or the number does not fit, says so.
static bool checkNumber(bool fits, const char *accepted, PyObject *object,
                        const ArgumentType &expected) {
  if (fits && !PyErr_Occurred())
    return true;
  bool isNumber = PyLong_Check(object) || PyFloat_Check(object);
  PyErr_Clear();
  PyErr_Format(
      isNumber && PyLong_Check(object) ? PyExc_ValueError : PyExc_TypeError,
      "%s is %R; %s is accepted", expected.name.c_str(), object, accepted);
  return false;
}

bool Argument::storeFloat(double value, DLDataType type) {
  if (type.bits == 64) {
    number.f64 = value;
    return true;
  }
  if (type.code == kDLFloat && type.bits == 16)
#if PY_VERSION_HEX >= 0x030B0000
    return PyFloat_Pack2(value, reinterpret_cast<char *>(&number), 1) == 0;
#else
    return _PyFloat_Pack2(value, reinterpret_cast<unsigned char *>(&number),
                          1) == 0;
#endif
  number.f32 = static_cast<float>(value);
  if (type.code == kDLBfloat && !std::isnan(value)) {
    // Rounded to the upper half, ties to even.
    uint32_t bits;
    std::memcpy(&bits, &number.f32, sizeof(bits));
    bits += 0x7fff + (bits >> 16 & 1);
    bits &= 0xffff0000;
    std::memcpy(&number.f32, &bits, sizeof(bits));
  }
  bool fits = std::isfinite(number.f32) || !std::isfinite(value);
  if (type.code == kDLBfloat) {
    uint32_t bits;
    std::memcpy(&bits, &number.f32, sizeof(bits));
    number.integer = bits >> 16;
  }
  return fits;
}

bool Argument::readNumber(PyObject *object, const ArgumentType &expected) {
  view.data = &number;
  view.device = {kDLCPU, 0};
  view.ndim = 0;
  view.dtype = expected.type;
  if (expected.type.code == kDLFloat || expected.type.code == kDLBfloat)
    return checkNumber(storeFloat(PyFloat_AsDouble(object), expected.type),
                       "a number in the range of its type", object, expected);
  number.integer = PyLong_Check(object) ? PyLong_AsLongLong(object) : 0;
  if (expected.type.code == kDLBool)
    return checkNumber(PyLong_Check(object) && number.integer >> 1 == 0,
                       "True or False", object, expected);
  int shift = 64 - expected.type.bits;
  int64_t narrow =
      static_cast<int64_t>(static_cast<uint64_t>(number.integer) << shift) >>
      shift;
  std::string accepted =
      "an integer of " + std::to_string(expected.type.bits) + " bits";
  return checkNumber(PyLong_Check(object) && narrow == number.integer,
                     accepted.c_str(), object, expected);
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

static bool getBufferType(const char *format, Py_ssize_t size,
                          DLDataType &type) {
  type.lanes = 1;
  type.bits = static_cast<uint8_t>(size * 8);
  if (*format == '@' || *format == '=' || *format == '<')
    ++format;
  if (!*format || format[1])
    return false;
  if (std::strchr("fde", *format))
    type.code = kDLFloat;
  else if (std::strchr("bhilqn", *format))
    type.code = kDLInt;
  else if (std::strchr("BHILQN", *format))
    type.code = kDLUInt;
  else if (*format == '?')
    type.code = kDLBool;
  else
    return false;
  return true;
}

/// Whether an array's `dtype` is called bfloat16.
static bool isBFloat16(PyObject *array) {
  PyObject *dtype = PyObject_GetAttrString(array, "dtype");
  PyObject *name = dtype ? PyObject_GetAttrString(dtype, "name") : nullptr;
  bool result = name && PyUnicode_Check(name) &&
                PyUnicode_CompareWithASCIIString(name, "bfloat16") == 0;
  Py_XDECREF(dtype);
  Py_XDECREF(name);
  PyErr_Clear();
  return result;
}

bool Argument::describeBuffer(const ArgumentType &expected) {
  DLDataType type;
  if (buffer.ndim > maxRank ||
      !getBufferType(buffer.format ? buffer.format : "B", buffer.itemsize,
                     type)) {
    PyErr_Format(PyExc_TypeError, "%s has elements of an unknown type '%s'",
                 expected.name.c_str(), buffer.format ? buffer.format : "B");
    return false;
  }
  // The buffer protocol has no name for bfloat16: its bits come as uint16.
  if (expected.type.code == kDLBfloat && type.code == kDLUInt &&
      type.bits == 16)
    type = expected.type;
  view.data = buffer.buf;
  view.device = {kDLCPU, 0};
  view.ndim = buffer.ndim;
  view.dtype = type;
  view.shape = shape;
  view.strides = strides;
  for (int d = 0; d < buffer.ndim; ++d) {
    shape[d] = buffer.shape[d];
    strides[d] = buffer.strides[d] / buffer.itemsize;
    divides &= buffer.strides[d] % buffer.itemsize == 0;
  }
  return true;
}

bool Argument::readBuffer(PyObject *object, const ArgumentType &expected) {
  int flags = PyBUF_STRIDES | PyBUF_FORMAT;
  if (expected.output)
    flags |= PyBUF_WRITABLE;
  // The buffer protocol has no name for bfloat16: its bits come as uint16.
  PyObject *bits = nullptr;
  isBits = expected.type.code == kDLBfloat && isBFloat16(object);
  if (isBits) {
    bits = PyObject_CallMethod(object, "view", "s", "uint16");
    if (!bits)
      return false;
    object = bits;
  }
  int failed = PyObject_GetBuffer(object, &buffer, flags);
  Py_XDECREF(bits);
  if (failed)
    return false;
  holdsBuffer = true;
  return describeBuffer(expected);
}

//===----------------------------------------------------------------------===//
// __dlpack__
//===----------------------------------------------------------------------===//

/// The capsule keeps shape and strides. No stream waits for another: kernels
/// are queued where the framework queues its own.
bool Argument::readCapsule(PyObject *object) {
  PyObject *plain = PyObject_CallMethod(object, "detach", nullptr);
  PyErr_Clear();
  PyObject *exporter = plain ? plain : object;
  PyObject *device =
      PyObject_CallMethod(exporter, "__dlpack_device__", nullptr);
  int type = kDLCPU, number = 0;
  bool known = device && PyArg_ParseTuple(device, "ii", &type, &number);
  Py_XDECREF(device);
  if (known) {
    PyObject *function = PyObject_GetAttrString(exporter, "__dlpack__");
    PyObject *none = PyTuple_New(0);
    PyObject *keywords =
        type == kDLCUDA ? Py_BuildValue("{s:i}", "stream", -1) : nullptr;
    if (function && none)
      capsule = PyObject_Call(function, none, keywords);
    Py_XDECREF(function);
    Py_XDECREF(none);
    Py_XDECREF(keywords);
  }
  Py_XDECREF(plain);
  void *managed = capsule ? PyCapsule_GetPointer(capsule, "dltensor") : nullptr;
  if (!managed)
    return false;
  view = *static_cast<const DLTensor *>(managed);
  return true;
}

//===----------------------------------------------------------------------===//
// Argument
//===----------------------------------------------------------------------===//

bool Argument::read(PyObject *object, const ArgumentType &expected) {
  release();
  divides = true;
  if (PyLong_Check(object) || PyFloat_Check(object)) {
    if (expected.isScalar())
      return readNumber(object, expected);
  } else if (const ExchangeTable *table = getExchangeTable(Py_TYPE(object))) {
    return table->view(object, &view) == 0;
  } else if (PyObject_CheckBuffer(object)) {
    return readBuffer(object, expected);
  } else if (PyObject_HasAttrString(object, "__dlpack__")) {
    return readCapsule(object);
  }
  PyErr_Format(PyExc_TypeError,
               "%s is a %s; an array of numpy or a tensor of torch is accepted",
               expected.name.c_str(), Py_TYPE(object)->tp_name);
  return false;
}

bool Argument::isAddressable() const {
  int last = view.ndim - 1;
  for (int d = 0; d < view.ndim; ++d)
    if (view.shape[d] == 0)
      return true;
  if (last >= 0 && view.strides && view.shape[last] > 1 &&
      view.strides[last] != 1)
    return false;
  uintptr_t address = reinterpret_cast<uintptr_t>(view.data) + view.byte_offset;
  return divides && address % ((view.dtype.bits + 7) / 8) == 0 &&
         (view.device.device_type == kDLCPU || areRowsAligned());
}

/// Rows start at multiples of the largest power of two that divides their
/// bytes, up to 16.
bool Argument::areRowsAligned() const {
  if (view.ndim == 0)
    return true;
  int64_t elementBytes = (view.dtype.bits + 7) / 8, piece = 16;
  while (view.shape[view.ndim - 1] * elementBytes % piece)
    piece /= 2;
  uintptr_t address = reinterpret_cast<uintptr_t>(view.data) + view.byte_offset;
  if (address % piece)
    return false;
  for (int d = 0; view.strides && d < view.ndim - 1; ++d)
    if (view.shape[d] > 1 && view.strides[d] * elementBytes % piece)
      return false;
  return true;
}

void Argument::release() {
  if (holdsBuffer)
    PyBuffer_Release(&buffer);
  holdsBuffer = false;
  Py_XDECREF(capsule);
  capsule = nullptr;
}
