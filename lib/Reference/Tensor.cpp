//===- Tensor.cpp - Values of the reference evaluator -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Reference/Tensor.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <cstring>
#include <limits>

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::reference;

//===----------------------------------------------------------------------===//
// Element types
//===----------------------------------------------------------------------===//

FloatFormat FloatFormat::get(Type type) {
  auto power = [](int exponent) { return std::ldexp(1.0, exponent); };
  if (type.isF64())
    return {power(-53), power(-1074), std::numeric_limits<double>::max()};
  if (type.isF32())
    return {power(-24), power(-126), std::numeric_limits<float>::max()};
  if (type.isBF16())
    return {power(-8), power(-126), power(128) - power(120)};
  return {power(-11), power(-25), 65504};
}

double FloatFormat::rounding(double value) const {
  return value == 0 ? 0 : std::max(unit * std::fabs(value), floor);
}

double reference::roundToType(Type type, double value) {
  if (type.isF64())
    return value;
  if (type.isF32())
    return static_cast<float>(value);
  APFloat number(value);
  bool inexact;
  number.convert(cast<FloatType>(type).getFloatSemantics(),
                 APFloat::rmNearestTiesToEven, &inexact);
  return number.convertToDouble();
}

int64_t reference::wrapToType(Type type, int64_t value) {
  if (type.isIndex())
    return value;
  unsigned width = type.getIntOrFloatBitWidth();
  if (width == 1)
    return value & 1;
  return llvm::SignExtend64(value, width);
}

bool Tensor::isSupported(Type type) {
  if (isa<Float64Type, Float32Type, Float16Type, BFloat16Type, IndexType>(type))
    return true;
  return type.isSignlessInteger(1) || type.isSignlessInteger(8) ||
         type.isSignlessInteger(16) || type.isSignlessInteger(32) ||
         type.isSignlessInteger(64);
}

int64_t Tensor::getElementBytes(Type type) {
  return type.isIndex() ? 8 : llvm::divideCeil(type.getIntOrFloatBitWidth(), 8);
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

Tensor::Tensor(Type elementType, ArrayRef<int64_t> shape)
    : elementType(elementType), shape(shape) {
  if (isFloat())
    floats.resize(size());
  else
    integers.resize(size());
}

Tensor Tensor::ofFloats(FloatType elementType, ArrayRef<int64_t> shape,
                        std::vector<double> values) {
  Tensor tensor;
  tensor.elementType = elementType;
  tensor.shape.assign(shape.begin(), shape.end());
  tensor.floats = std::move(values);
  for (double &value : tensor.floats)
    value = roundToType(elementType, value);
  return tensor;
}

Tensor Tensor::ofIntegers(Type elementType, ArrayRef<int64_t> shape,
                          std::vector<int64_t> values) {
  Tensor tensor;
  tensor.elementType = elementType;
  tensor.shape.assign(shape.begin(), shape.end());
  tensor.integers = std::move(values);
  for (int64_t &value : tensor.integers)
    value = wrapToType(elementType, value);
  return tensor;
}

int64_t Tensor::size() const {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

std::string Tensor::describe() const {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << "tensor<";
  for (int64_t extent : shape)
    stream << extent << 'x';
  stream << elementType << '>';
  return text;
}

//===----------------------------------------------------------------------===//
// Bytes
//===----------------------------------------------------------------------===//

namespace {
template <typename T>
T readAs(const char *bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

double readFloat(FloatType type, const char *bytes) {
  if (type.isF64())
    return readAs<double>(bytes);
  if (type.isF32())
    return readAs<float>(bytes);
  return APFloat(type.getFloatSemantics(), APInt(16, readAs<uint16_t>(bytes)))
      .convertToDouble();
}

void writeFloat(FloatType type, double value, char *bytes) {
  if (type.isF64()) {
    std::memcpy(bytes, &value, sizeof(double));
  } else if (type.isF32()) {
    float narrow = value;
    std::memcpy(bytes, &narrow, sizeof(float));
  } else {
    APFloat number(value);
    bool inexact;
    number.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                   &inexact);
    uint16_t bits = number.bitcastToAPInt().getZExtValue();
    std::memcpy(bytes, &bits, sizeof(bits));
  }
}
} // namespace

llvm::Expected<Tensor> Tensor::fromBytes(Type elementType,
                                         ArrayRef<int64_t> shape,
                                         ArrayRef<char> bytes) {
  if (!isSupported(elementType))
    return llvm::createStringError(llvm::formatv(
        "element type {0} is not supported by the reference; it takes f16, "
        "bf16, f32, f64, index and signless integers of 1, 8, 16, 32 or 64 "
        "bits",
        elementType));
  Tensor tensor(elementType, shape);
  int64_t width = getElementBytes(elementType);
  if (static_cast<int64_t>(bytes.size()) != tensor.size() * width)
    return llvm::createStringError(
        llvm::formatv("{0} takes {1} bytes, {2} are given", tensor.describe(),
                      tensor.size() * width, bytes.size()));
  for (int64_t index = 0, count = tensor.size(); index < count; ++index) {
    const char *element = bytes.data() + index * width;
    if (auto floatType = dyn_cast<FloatType>(elementType)) {
      tensor.floats[index] = readFloat(floatType, element);
      continue;
    }
    int64_t value = 0;
    std::memcpy(&value, element, width);
    tensor.integers[index] = wrapToType(elementType, value);
  }
  return tensor;
}

std::vector<char> Tensor::toBytes() const {
  int64_t width = getElementBytes(elementType);
  std::vector<char> bytes(size() * width);
  for (int64_t index = 0, count = size(); index < count; ++index) {
    char *element = bytes.data() + index * width;
    if (auto floatType = dyn_cast<FloatType>(elementType))
      writeFloat(floatType, floats[index], element);
    else
      std::memcpy(element, &integers[index], width);
  }
  return bytes;
}
