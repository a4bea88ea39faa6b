//===- SinkConstants.cpp - Constants inside of loop bodies -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SinkConstants.h"

#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;

void attn::sinkConstants(Region &body) {
  SetVector<Value> captured;
  getUsedValuesDefinedAbove(body, captured);
  OpBuilder builder = OpBuilder::atBlockBegin(&body.front());
  for (Value value : captured) {
    Operation *op = value.getDefiningOp();
    if (!op || op->getNumOperands() || op->getNumResults() != 1 ||
        !isMemoryEffectFree(op))
      continue;
    replaceAllUsesInRegionWith(value, builder.clone(*op)->getResult(0), body);
  }
}
