//===- Call.h - Calling compiled functions from the driver -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DRIVER_CALL_H
#define ATTN_DRIVER_CALL_H

#include "attn/Driver/JIT.h"
#include "attn/Driver/Signature.h"

#include <map>

namespace mlir::attn {

/// A tensor of its own memory, aligned to 64 bytes, dense and row-major.
class HostTensor {
public:
  /// Fails where there is no memory for it. `name` stands for it in the error.
  static llvm::Expected<HostTensor>
  create(Type elementType, ArrayRef<int64_t> shape, const Twine &name);

  Type getElementType() const { return elementType; }
  ArrayRef<int64_t> getShape() const { return shape; }
  int64_t getNumElements() const;
  int64_t getNumBytes() const;
  char *getData() { return data.get(); }
  ArrayRef<char> getBytes() const {
    return {data.get(), size_t(getNumBytes())};
  }
  /// The tensor as a compiled function takes it; it points into this object.
  DLTensor getDLTensor();

private:
  struct Free {
    void operator()(char *pointer) const;
  };
  HostTensor(Type elementType, ArrayRef<int64_t> shape)
      : elementType(elementType), shape(shape) {}

  Type elementType;
  SmallVector<int64_t> shape;
  std::unique_ptr<char, Free> data;
};

/// Bytes of one element in memory: i1 takes one.
int64_t getElementBytes(Type elementType);

/// What a user says of arguments and sizes on a command line.
struct CallArguments {
  /// By name or position: a .npy file, "random", "random:SEED", or a value.
  std::vector<std::pair<std::string, std::string>> values;
  /// By name of a size, or ARGUMENT.POSITION.
  std::map<std::string, int64_t> dims;
};

/// Makes the inputs of a call. The error names the argument.
llvm::Expected<std::vector<HostTensor>>
makeInputs(const FunctionSignature &signature, const CallArguments &arguments);

/// The shapes of the inputs as far as types and sizes tell, -1 for the rest.
llvm::Expected<SmallVector<SmallVector<int64_t>>>
getKnownShapes(const FunctionSignature &signature,
               const CallArguments &arguments);

/// Makes outputs of the sizes that `F_shapes` computes for `inputs`.
llvm::Expected<std::vector<HostTensor>>
makeOutputs(LoadedModule &loaded, const FunctionSignature &signature,
            std::vector<HostTensor> &inputs, attn_context &context);

/// Makes the scratch that `F_workspace` asks for and gives it to `context`, for
/// calls that are repeated: memory of their own is cleared for each by the
/// system.
llvm::Expected<std::shared_ptr<void>>
makeWorkspace(LoadedModule &loaded, StringRef name,
              std::vector<HostTensor> &inputs, std::vector<HostTensor> &outputs,
              attn_context &context);

/// Calls the function. The error is its sentence.
llvm::Error callFunction(attn_function function, attn_context &context,
                         std::vector<HostTensor> &inputs,
                         std::vector<HostTensor> &outputs);

} // namespace mlir::attn

#endif // ATTN_DRIVER_CALL_H
