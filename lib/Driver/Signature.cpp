//===- Signature.cpp - What public functions take and give -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Driver/Signature.h"

#include "attn/Dialect/Attn/IR/ABI.h"
#include "attn/Dialect/Attn/IR/AttentionShape.h"

#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Names of sizes
//===----------------------------------------------------------------------===//

namespace {
/// What the dimensions of one operand of an attention op are called.
struct DimNames {
  StringRef head, length, feature;
};
} // namespace

/// Names the dimensions of `value` if it is an argument of the function.
static void nameDims(Value value, const AttentionLayout &layout,
                     const DimNames &names,
                     DenseMap<Value, SmallVector<std::string>> &dims) {
  if (!value || !isa<BlockArgument>(value) || dims.contains(value))
    return;
  SmallVector<std::string> &result = dims[value];
  result.resize(layout.rank);
  for (auto [index, dim] : llvm::enumerate(layout.batch))
    result[dim] = layout.batch.size() == 1 ? "B" : "B" + std::to_string(index);
  if (layout.head)
    result[*layout.head] = names.head.str();
  result[layout.length] = names.length.str();
  result[layout.feature] = names.feature.str();
}

static DenseMap<Value, SmallVector<std::string>> nameDims(func::FuncOp func) {
  DenseMap<Value, SmallVector<std::string>> dims;
  func.walk([&](AttentionOpInterface op) {
    AttentionLayout layout = AttentionLayout::get(op);
    nameDims(op.getQuery(), layout, {"H", "M", "D"}, dims);
    nameDims(op.getKey(), layout, {"Hkv", "N", "D"}, dims);
    nameDims(op.getValue(), layout, {"Hkv", "N", "Dv"}, dims);
  });
  return dims;
}

//===----------------------------------------------------------------------===//
// Signatures
//===----------------------------------------------------------------------===//

static SignatureValue makeValue(std::string name, Type type) {
  SignatureValue value;
  value.name = std::move(name);
  value.elementType = getElementTypeOrSelf(type);
  if (auto shaped = dyn_cast<ShapedType>(type))
    for (int64_t size : shaped.getShape())
      value.sizes.push_back(ShapedType::isDynamic(size) ? -1 : size);
  value.dims.resize(value.sizes.size());
  return value;
}

FunctionSignature attn::getSignature(func::FuncOp func) {
  FunctionSignature signature;
  signature.name = func.getName().str();
  auto dims = nameDims(func);
  for (BlockArgument argument : func.getArguments()) {
    unsigned index = argument.getArgNumber();
    SignatureValue value =
        makeValue(getArgumentName(func, index), argument.getType());
    if (auto names = func.getArgAttrOfType<ArrayAttr>(index, abi::dims)) {
      for (auto [name, attribute] : llvm::zip(value.dims, names))
        if (auto string = dyn_cast<StringAttr>(attribute))
          name = string.str();
    } else if (auto found = dims.find(argument); found != dims.end()) {
      value.dims = found->second;
    }
    if (auto spread = func.getArgAttrOfType<FloatAttr>(index, abi::spread))
      value.spread = spread.getValueAsDouble();
    bool output = func.getArgAttr(index, abi::result) != nullptr;
    (output ? signature.outputs : signature.inputs).push_back(value);
  }
  for (auto [index, type] : llvm::enumerate(func.getResultTypes()))
    signature.outputs.push_back(makeValue(getResultName(func, index), type));
  return signature;
}

SmallVector<func::FuncOp> attn::getPublicFunctions(ModuleOp module) {
  return llvm::to_vector(llvm::make_filter_range(module.getOps<func::FuncOp>(),
                                                 isCompiledFunction));
}

std::string attn::describe(const SignatureValue &value) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (value.sizes.empty()) {
    stream << value.elementType;
    return text;
  }
  stream << "tensor<";
  for (int64_t size : value.sizes) {
    if (size < 0)
      stream << "?x";
    else
      stream << size << 'x';
  }
  stream << value.elementType << '>';
  return text;
}

std::string attn::getSignatureJSON(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream json(stream);
  auto write = [&](const SignatureValue &value, bool output) {
    json.object([&] {
      json.attribute("name", value.name);
      json.attribute("output", output);
      std::string type;
      llvm::raw_string_ostream(type) << value.elementType;
      json.attribute("type", type);
      json.attributeArray("sizes", [&] {
        for (int64_t size : value.sizes)
          json.value(size);
      });
    });
  };
  json.array([&] {
    for (func::FuncOp func : getPublicFunctions(module)) {
      FunctionSignature signature = getSignature(func);
      json.object([&] {
        json.attribute("name", signature.name);
        json.attributeArray("arguments", [&] {
          for (const SignatureValue &value : signature.inputs)
            write(value, false);
          for (const SignatureValue &value : signature.outputs)
            write(value, true);
        });
      });
    }
  });
  return text;
}
