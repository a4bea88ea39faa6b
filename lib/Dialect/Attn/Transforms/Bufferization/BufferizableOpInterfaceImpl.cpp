//===- BufferizableOpInterfaceImpl.cpp - Bufferization of attn ops --------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/IR/AttnRecompute.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"

#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::bufferization;

namespace {
/// attn.load reads its source and aliases nothing.
struct LoadOpInterface
    : public BufferizableOpInterface::ExternalModel<LoadOpInterface, LoadOp> {
  bool bufferizesToMemoryRead(Operation *, OpOperand &,
                              const AnalysisState &) const {
    return true;
  }
  bool bufferizesToMemoryWrite(Operation *, OpOperand &,
                               const AnalysisState &) const {
    return false;
  }
  AliasingValueList getAliasingValues(Operation *, OpOperand &,
                                      const AnalysisState &) const {
    return {};
  }
  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto load = cast<LoadOp>(op);
    FailureOr<Value> source =
        getBuffer(rewriter, load.getSource(), options, state);
    if (failed(source))
      return failure();
    replaceOpWithNewBufferizedOp<LoadOp>(rewriter, op, *source,
                                         load.getIndices(), load.getGuard());
    return success();
  }
};

/// attn.recompute changes its destinations where they lie.
struct RecomputeOpInterface
    : public DstBufferizableOpInterfaceExternalModel<RecomputeOpInterface,
                                                     RecomputeOp> {
  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    SmallVector<Value> operands, results;
    for (OpOperand &operand : op->getOpOperands()) {
      Value value = operand.get();
      if (isa<TensorType>(value.getType())) {
        FailureOr<Value> buffer = getBuffer(rewriter, value, options, state);
        if (failed(buffer))
          return failure();
        value = *buffer;
      }
      operands.push_back(value);
      if (cast<RecomputeOp>(op).isDpsInit(&operand))
        results.push_back(value);
    }
    rewriter.setInsertionPoint(op);
    Operation *bufferized =
        cloneWithoutRegions(rewriter, op, TypeRange(), operands);
    rewriter.inlineRegionBefore(op->getRegion(0), bufferized->getRegion(0),
                                bufferized->getRegion(0).begin());
    replaceOpWithBufferizedValues(rewriter, op, results);
    return success();
  }
};
} // namespace

void attn::registerBufferizableOpInterfaceExternalModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, AttnDialect *) {
    LoadOp::attachInterface<LoadOpInterface>(*context);
    RecomputeOp::attachInterface<RecomputeOpInterface>(*context);
  });
}
