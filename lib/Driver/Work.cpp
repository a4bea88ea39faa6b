//===- Work.cpp - Floating-point work of a function -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Driver/Work.h"

#include "attn/Dialect/Attn/IR/AttentionShape.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::attn;

bool AttentionSizes::areKnown() const {
  for (int64_t size :
       {batch, heads, keyHeads, queries, keys, feature, valueFeature})
    if (size < 0)
      return false;
  return true;
}

double AttentionSizes::denseFlops() const {
  return 2.0 * batch * heads * queries * keys * (feature + valueFeature);
}

/// One size of `value`, from its type or, for an argument, its shape.
static int64_t getSize(Value value, int64_t dim,
                       ArrayRef<SmallVector<int64_t>> shapes) {
  auto type = cast<RankedTensorType>(value.getType());
  if (!type.isDynamicDim(dim))
    return type.getDimSize(dim);
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument || !isa<func::FuncOp>(argument.getOwner()->getParentOp()))
    return -1;
  return shapes[argument.getArgNumber()][dim];
}

SmallVector<Operation *> attn::getAttentionOps(func::FuncOp function) {
  SmallVector<Operation *> ops;
  function.walk([&](Operation *op) {
    if (isa<AttentionOpInterface, MultiHeadOp>(op))
      ops.push_back(op);
  });
  return ops;
}

static AttentionSizes getSizes(MultiHeadOp op,
                               ArrayRef<SmallVector<int64_t>> shapes) {
  AttentionSizes sizes;
  auto size = [&](Value value, int64_t dim) {
    return getSize(value, dim, shapes);
  };
  auto divide = [](int64_t size, int64_t count) {
    return size < 0 ? size : size / count;
  };
  sizes.batch = size(op.getQuery(), 0);
  sizes.heads = op.getNumHeads();
  sizes.keyHeads = op.getNumKvHeads().value_or(sizes.heads);
  sizes.queries = size(op.getQuery(), 1);
  sizes.keys = size(op.getKey(), 1);
  if (Value packed = op.getWPacked()) {
    sizes.feature = divide(size(packed, 0), sizes.heads + 2 * sizes.keyHeads);
    sizes.valueFeature = sizes.feature;
  } else {
    sizes.feature = divide(size(op.getWQ(), 0), sizes.heads);
    sizes.valueFeature = divide(size(op.getWV(), 0), sizes.keyHeads);
  }
  return sizes;
}

static AttentionSizes getSizes(AttentionOpInterface op,
                               ArrayRef<SmallVector<int64_t>> shapes) {
  AttentionLayout layout = AttentionLayout::get(op);
  Value query = op.getQuery(), key = op.getKey(), value = op.getValue();
  AttentionSizes sizes;
  for (int64_t dim : layout.batch) {
    int64_t size = getSize(query, dim, shapes);
    sizes.batch = size < 0 || sizes.batch < 0 ? -1 : sizes.batch * size;
  }
  if (layout.head) {
    sizes.heads = getSize(query, *layout.head, shapes);
    sizes.keyHeads = getSize(key, *layout.head, shapes);
  }
  sizes.queries = getSize(query, layout.length, shapes);
  sizes.keys = getSize(key, layout.length, shapes);
  sizes.feature = getSize(query, layout.feature, shapes);
  sizes.valueFeature = getSize(value, layout.feature, shapes);
  return sizes;
}

double attn::getContractionFlops(linalg::LinalgOp op,
                                 ArrayRef<SmallVector<int64_t>> shapes) {
  SmallVector<int64_t> sizes(op.getNumLoops(), -1);
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    for (auto [position, result] : llvm::enumerate(map.getResults()))
      if (auto dim = dyn_cast<AffineDimExpr>(result)) {
        int64_t &size = sizes[dim.getPosition()];
        size = std::max(size, getSize(operand.get(), position, shapes));
      }
  }
  double flops = 2.0;
  for (int64_t size : sizes)
    flops = size < 0 || flops < 0 ? -1 : flops * size;
  return flops;
}

double attn::getMultiHeadFlops(MultiHeadOp op,
                               ArrayRef<SmallVector<int64_t>> shapes) {
  auto size = [&](Value value, int64_t dim) {
    return double(getSize(value, dim, shapes));
  };
  double batch = size(op.getQuery(), 0), queries = size(op.getQuery(), 1),
         keys = size(op.getKey(), 1);
  double features, flops = 0;
  SmallVector<std::pair<Value, double>> projections{{op.getWO(), queries}};
  if (Value packed = op.getWPacked()) {
    // Shares of the rows.
    double heads = op.getNumHeads(),
           others = 2.0 * op.getNumKvHeads().value_or(op.getNumHeads());
    double share = heads / (heads + others);
    projections.push_back({packed, share * queries + (1 - share) * keys});
    features = share * size(packed, 0) + size(op.getWO(), 1);
  } else {
    projections.append(
        {{op.getWQ(), queries}, {op.getWK(), keys}, {op.getWV(), keys}});
    features = size(op.getWQ(), 0) + size(op.getWO(), 1);
  }
  for (auto [weight, rows] : projections) {
    double out = size(weight, 0), in = size(weight, 1);
    if (batch < 0 || rows < 0 || out < 0 || in < 0)
      return -1;
    flops += 2 * batch * rows * out * in;
  }
  return flops + 2 * batch * queries * keys * features;
}

ProjectedFeatures
ProjectedFeatures::get(MultiHeadOp op, ArrayRef<SmallVector<int64_t>> shapes) {
  ProjectedFeatures features;
  features.queries = getSize(op.getQuery(), 2, shapes);
  features.keys = getSize(op.getKey(), 2, shapes);
  features.values = getSize(op.getValue(), 2, shapes);
  features.bytes =
      getElementTypeOrSelf(op.getQuery()).getIntOrFloatBitWidth() / 8;
  return features;
}

std::string attn::describeProjections(const ProjectedFeatures &features,
                                      const AttentionSizes &sizes,
                                      int64_t tileQueries) {
  if (!sizes.areKnown() || features.queries < 0 || features.keys < 0 ||
      features.values < 0)
    return "";
  constexpr double kibi = 1024;
  double heads = double(sizes.batch) * sizes.heads,
         tiles = heads * llvm::divideCeil(sizes.queries, tileQueries);
  double saved = 2 * heads * sizes.queries * sizes.feature * features.bytes;
  double read = tiles * features.queries * sizes.feature * features.bytes;
  double again = 2 * (tiles - double(sizes.batch) * sizes.keyHeads) *
                 sizes.keys *
                 (double(features.keys) * sizes.feature +
                  double(features.values) * sizes.valueFeature);
  return llvm::formatv("inside of tiles those of queries would save {0:f1} KiB "
                       "of traffic and read {1:f1} KiB of weights, those of "
                       "keys and values take {2:f1} MFLOP more",
                       saved / kibi, read / kibi, std::max(again, 0.0) / 1e6)
      .str();
}

AttentionSizes attn::getAttentionSizes(Operation *op,
                                       ArrayRef<SmallVector<int64_t>> shapes) {
  if (auto multiHead = dyn_cast<MultiHeadOp>(op))
    return getSizes(multiHead, shapes);
  return getSizes(cast<AttentionOpInterface>(op), shapes);
}
