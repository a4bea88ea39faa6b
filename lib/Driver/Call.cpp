//===- Call.cpp - Calling compiled functions from the driver -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Driver/Call.h"

#include "attn/Dialect/Attn/IR/ABI.h"

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

llvm::Expected<HostTensor> HostTensor::create(Type elementType,
                                              ArrayRef<int64_t> shape,
                                              const Twine &name) {
  HostTensor tensor(elementType, shape);
  int64_t bytes = getElementBytes(elementType);
  bool overflows = false;
  for (int64_t size : shape)
    overflows |= llvm::MulOverflow(bytes, size, bytes);
  // A product with a 0 may overflow before it is 0; that is no tensor to make.
  if (!overflows && bytes <= INT64_MAX / 2)
    tensor.data.reset(static_cast<char *>(std::aligned_alloc(
        64, llvm::alignTo(std::max<int64_t>(bytes, 1), 64))));
  if (tensor.data)
    return tensor;
  std::string sizes;
  llvm::raw_string_ostream stream(sizes);
  llvm::interleave(shape, stream, "x");
  return makeError(name + ": there is no memory for " + sizes +
                   " elements of " + Twine(getElementBytes(elementType)) +
                   " bytes");
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
    auto tensor = HostTensor::create(output.elementType,
                                     rest.take_front(output.sizes.size()),
                                     "output '" + output.name + "'");
    if (!tensor)
      return tensor.takeError();
    outputs.push_back(std::move(*tensor));
    rest = rest.drop_front(output.sizes.size());
  }
  return outputs;
}

llvm::Expected<std::shared_ptr<void>>
attn::makeWorkspace(LoadedModule &loaded, StringRef name,
                    std::vector<HostTensor> &inputs,
                    std::vector<HostTensor> &outputs, attn_context &context) {
  auto workspace = loaded.lookupWorkspace(name);
  if (!workspace)
    return workspace.takeError();
  PackedArguments packed;
  packed.append(inputs);
  packed.append(outputs);
  size_t bytes = (*workspace)(packed.get(), packed.tensors.size());
  std::shared_ptr<void> scratch(
      std::aligned_alloc(64, std::max<size_t>(bytes, 64)), std::free);
  if (!scratch)
    return makeError("there is no memory for " + Twine(bytes) +
                     " bytes of scratch");
  context.workspace = scratch.get();
  context.workspace_bytes = bytes;
  return scratch;
}
