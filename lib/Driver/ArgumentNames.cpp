//===- ArgumentNames.cpp - What the source calls arguments -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ArgumentNames.h"

#include "attn/Dialect/Attn/IR/ABI.h"

#include "mlir/AsmParser/AsmParserState.h"

using namespace mlir;
using namespace mlir::attn;

void attn::nameArguments(ModuleOp module, const AsmParserState &state) {
  for (auto func : module.getOps<func::FuncOp>()) {
    if (func.isExternal())
      continue;
    const AsmParserState::BlockDefinition *block =
        state.getBlockDef(&func.front());
    if (!block)
      continue;
    for (auto [index, argument] : llvm::enumerate(block->arguments)) {
      SMRange range = argument.loc;
      if (index >= func.getNumArguments() || !range.isValid() ||
          func.getArgAttr(index, abi::name))
        continue;
      StringRef text(range.Start.getPointer(),
                     range.End.getPointer() - range.Start.getPointer());
      if (text.consume_front("%"))
        func.setArgAttr(index, abi::name,
                        StringAttr::get(func.getContext(), text));
    }
  }
}
