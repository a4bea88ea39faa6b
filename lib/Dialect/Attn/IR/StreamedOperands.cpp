//===- StreamedOperands.cpp - Operands that come from memory --------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/StreamedOperands.h"

#include "attn/Dialect/Attn/IR/AttributeNames.h"

using namespace mlir;
using namespace mlir::attn;

void attn::markStreamed(Operation *op, ArrayRef<int64_t> operands,
                        int64_t rowsAhead) {
  Builder builder(op->getContext());
  op->setAttr(streamedAttr, builder.getDenseI64ArrayAttr(operands));
  op->setAttr(rowsAheadAttr, builder.getIndexAttr(rowsAhead));
}

SmallVector<OpOperand *> attn::getStreamed(linalg::GenericOp op) {
  SmallVector<OpOperand *> streamed;
  auto operands = op->getAttrOfType<DenseI64ArrayAttr>(streamedAttr);
  if (operands && op->getAttrOfType<IntegerAttr>(rowsAheadAttr))
    for (int64_t operand : operands.asArrayRef())
      if (operand >= 0 && operand < op.getNumDpsInputs())
        streamed.push_back(op.getDpsInputOperand(operand));
  return streamed;
}

SmallVector<OpOperand *> attn::getSpread(linalg::GenericOp op) {
  return llvm::filter_to_vector(getStreamed(op), [&](OpOperand *operand) {
    return op.getMatchingIndexingMap(operand).isConstant();
  });
}
