//===- SubsetOpInterfaceImpl.cpp - Equal slices, seen at once -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/Transforms/Passes.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/SubsetOpInterface.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
/// The slices that bufferization compares are most often given by the same
/// values. MLIR's comparison asks a solver for each of their numbers.
template <typename OpT>
struct SliceInterface
    : public SubsetOpInterface::ExternalModel<SliceInterface<OpT>, OpT> {
  bool operatesOnEquivalentSubset(
      Operation *op, SubsetOpInterface candidate,
      function_ref<bool(Value, Value)> areEquivalent) const {
    Value container = cast<SubsetOpInterface>(op).getTensorContainer();
    FailureOr<HyperrectangularSlice> other =
        candidate.getAccessedHyperrectangularSlice();
    HyperrectangularSlice own{cast<OpT>(op)};
    if (succeeded(other) &&
        isEqualConstantIntOrValueArray(own.getMixedOffsets(),
                                       other->getMixedOffsets()) &&
        isEqualConstantIntOrValueArray(own.getMixedSizes(),
                                       other->getMixedSizes()) &&
        isEqualConstantIntOrValueArray(own.getMixedStrides(),
                                       other->getMixedStrides()))
      return areEquivalent(container, candidate.getTensorContainer());
    return mlir::detail::defaultOperatesOnEquivalentSubset(op, candidate,
                                                           areEquivalent);
  }
  FailureOr<HyperrectangularSlice>
  getAccessedHyperrectangularSlice(Operation *op) const {
    return HyperrectangularSlice(cast<OpT>(op));
  }
};
} // namespace

void attn::registerSubsetOpInterfaceExternalModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, tensor::TensorDialect *) {
    tensor::ExtractSliceOp::attachInterface<
        SliceInterface<tensor::ExtractSliceOp>>(*context);
    tensor::InsertSliceOp::attachInterface<
        SliceInterface<tensor::InsertSliceOp>>(*context);
    tensor::ParallelInsertSliceOp::attachInterface<
        SliceInterface<tensor::ParallelInsertSliceOp>>(*context);
  });
}
