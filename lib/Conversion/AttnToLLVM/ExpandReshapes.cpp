//===- ExpandReshapes.cpp - The strides of memref.expand_shape -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/AttnToLLVM/Passes.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace mlir::attn {
#define GEN_PASS_DEF_EXPANDRESHAPESPASS
#include "attn/Conversion/AttnToLLVM/AttnToLLVMPasses.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// The type says what it knows; the metadata hold the rest.
static SmallVector<OpFoldResult>
getMixed(Builder &builder, ArrayRef<int64_t> known, ValueRange values) {
  SmallVector<OpFoldResult> mixed;
  for (auto [size, value] : llvm::zip_equal(known, values))
    mixed.push_back(ShapedType::isDynamic(size)
                        ? OpFoldResult(value)
                        : OpFoldResult(builder.getIndexAttr(size)));
  return mixed;
}

static void expand(memref::ExpandShapeOp reshape) {
  OpBuilder builder(reshape);
  Location loc = reshape.getLoc();
  auto [known, knownOffset] = reshape.getSrcType().getStridesAndOffset();
  auto metadata =
      memref::ExtractStridedMetadataOp::create(builder, loc, reshape.getSrc());
  SmallVector<OpFoldResult> outer =
      getMixed(builder, known, metadata.getStrides());
  OpFoldResult offset =
      getMixed(builder, knownOffset, metadata.getOffset()).front();
  SmallVector<OpFoldResult> sizes = reshape.getMixedOutputShape();
  SmallVector<OpFoldResult> strides(sizes.size());
  for (auto [group, stride] :
       llvm::zip_equal(reshape.getReassociationIndices(), outer)) {
    strides[group.back()] = stride;
    // From the innermost outwards.
    for (size_t i = group.size() - 1; i > 0; --i) {
      auto value = [&](OpFoldResult each) {
        return getValueOrCreateConstantIndexOp(builder, loc, each);
      };
      strides[group[i - 1]] =
          arith::MulIOp::create(builder, loc, value(strides[group[i]]),
                                value(sizes[group[i]]))
              .getResult();
    }
  }
  // The type may know what was computed.
  auto [types, typeOffset] = reshape.getResultType().getStridesAndOffset();
  for (auto [stride, type] : llvm::zip_equal(strides, types))
    if (!ShapedType::isDynamic(type))
      stride = builder.getIndexAttr(type);
  auto cast = memref::ReinterpretCastOp::create(
      builder, loc, reshape.getResultType(), metadata.getBaseBuffer(), offset,
      sizes, strides);
  reshape.replaceAllUsesWith(cast.getResult());
  reshape.erase();
}

namespace {
struct ExpandReshapes
    : public attn::impl::ExpandReshapesPassBase<ExpandReshapes> {
  void runOnOperation() override {
    SmallVector<memref::ExpandShapeOp> reshapes;
    getOperation()->walk(
        [&](memref::ExpandShapeOp reshape) { reshapes.push_back(reshape); });
    llvm::for_each(reshapes, expand);
  }
};
} // namespace
