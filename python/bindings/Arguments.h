//===- Arguments.h - Python objects as DLPack tensors -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PYTHON_ARGUMENTS_H
#define ATTN_PYTHON_ARGUMENTS_H

#include "attn-c/dlpack.h"

#include <Python.h>

#include <string>
#include <vector>

namespace attn::python {

/// What a compiled function says of one of its arguments.
struct ArgumentType {
  std::string name;
  DLDataType type;
  /// Sizes, -1 for dynamic ones.
  std::vector<int64_t> sizes;
  bool output;

  bool isScalar() const { return sizes.empty(); }
};

/// One argument of a call: a view of a Python object, which it keeps borrowed.
class Argument {
public:
  static constexpr int maxRank = 16;

  Argument() = default;
  Argument(const Argument &) = delete;
  ~Argument() { release(); }

  /// Views `object`: a number where a scalar is expected, or an array that
  /// lends itself through DLPack's exchange table, the buffer protocol, or
  /// `__dlpack__`.
  /// Returns false with a Python exception set where it does neither.
  bool read(PyObject *object, const ArgumentType &expected);

  /// Whether compiled functions can read the elements where they lie: the last
  /// dimension dense, the address a multiple of the element size; on a GPU rows
  /// at multiples of what is copied at once.
  bool isAddressable() const;

  const DLTensor *tensor() const { return &view; }

private:
  bool readNumber(PyObject *object, const ArgumentType &expected);
  /// Stores a number, rounded; false where it leaves the range of `type`.
  bool storeFloat(double value, DLDataType type);
  bool readBuffer(PyObject *object, const ArgumentType &expected);
  bool describeBuffer(const ArgumentType &expected);
  bool readCapsule(PyObject *object);
  bool areRowsAligned() const;
  void release();

  DLTensor view = {};
  int64_t shape[maxRank];
  int64_t strides[maxRank];
  union {
    int64_t integer;
    double f64;
    float f32;
  } number;
  Py_buffer buffer;
  PyObject *capsule = nullptr;
  bool holdsBuffer = false;
  bool isBits = false;
  bool divides = true;
};

} // namespace attn::python

#endif // ATTN_PYTHON_ARGUMENTS_H
