//===- Call.cpp - Calling compiled functions from the driver -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Driver/Call.h"

#include "attn/Conversion/AttnToLLVM/ABI.h"

#include <cstdlib>

using namespace mlir;
using namespace mlir::attn;

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

//===----------------------------------------------------------------------===//
// HostTensor
//===----------------------------------------------------------------------===//

int64_t attn::getElementBytes(Type elementType) {
  return getElementCode(elementType)->bits / 8;
}

void HostTensor::Free::operator()(char *pointer) const { std::free(pointer); }

HostTensor::HostTensor(Type elementType, ArrayRef<int64_t> shape)
    : elementType(elementType), shape(shape) {
  size_t bytes = llvm::alignTo(std::max<int64_t>(getNumBytes(), 1), 64);
  data.reset(static_cast<char *>(std::aligned_alloc(64, bytes)));
  if (!data)
    llvm::report_bad_alloc_error("tensor");
}

int64_t HostTensor::getNumElements() const {
  return ShapedType::getNumElements(shape);
}

int64_t HostTensor::getNumBytes() const {
  return getNumElements() * getElementBytes(elementType);
}

DLTensor HostTensor::getDLTensor() {
  ElementCode code = *getElementCode(elementType);
  DLTensor tensor = {};
  tensor.data = data.get();
  tensor.device = {kDLCPU, 0};
  tensor.ndim = shape.size();
  tensor.dtype = {static_cast<uint8_t>(code.code),
                  static_cast<uint8_t>(code.bits), 1};
  tensor.shape = shape.data();
  return tensor;
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

namespace {
/// The arguments of a call as the ABI takes them.
struct PackedArguments {
  std::vector<DLTensor> tensors;
  std::vector<const DLTensor *> pointers;

  void append(std::vector<HostTensor> &values) {
    for (HostTensor &value : values)
      tensors.push_back(value.getDLTensor());
  }
  const DLTensor *const *get() {
    for (const DLTensor &tensor : tensors)
      pointers.push_back(&tensor);
    return pointers.data();
  }
};

/// A buffer for the sentence of a failing call.
struct ErrorBuffer {
  explicit ErrorBuffer(attn_context &context) : context(context) {
    context.error = text;
    context.error_bytes = sizeof(text);
  }
  ~ErrorBuffer() { context.error = nullptr; }

  attn_context &context;
  char text[512] = "";
};
} // namespace

llvm::Error attn::callFunction(attn_function function, attn_context &context,
                               std::vector<HostTensor> &inputs,
                               std::vector<HostTensor> &outputs) {
  ErrorBuffer error(context);
  PackedArguments packed;
  packed.append(inputs);
  packed.append(outputs);
  if (function(&context, packed.get(), packed.tensors.size()) == ATTN_OK)
    return llvm::Error::success();
  return makeError(error.text);
}

llvm::Expected<std::vector<HostTensor>>
attn::makeOutputs(LoadedModule &loaded, const FunctionSignature &signature,
                  std::vector<HostTensor> &inputs, attn_context &context) {
  SmallVector<int64_t> sizes;
  for (const SignatureValue &output : signature.outputs)
    llvm::append_range(sizes, output.sizes);
  if (llvm::is_contained(sizes, -1)) {
    auto shapes = loaded.lookupShapes(signature.name);
    if (!shapes)
      return shapes.takeError();
    ErrorBuffer error(context);
    PackedArguments packed;
    packed.append(inputs);
    if ((*shapes)(&context, packed.get(), packed.tensors.size(), sizes.data()))
      return makeError(error.text);
  }
  std::vector<HostTensor> outputs;
  ArrayRef<int64_t> rest = sizes;
  for (const SignatureValue &output : signature.outputs) {
    outputs.emplace_back(output.elementType,
                         rest.take_front(output.sizes.size()));
    rest = rest.drop_front(output.sizes.size());
  }
  return outputs;
}
