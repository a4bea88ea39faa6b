//===- TileMapModule.cpp - Attention functions that classify tiles --------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileMapModule.h"

#include "attn/Dialect/Attn/Analysis/TileMap.h"
#include "attn/Dialect/Attn/Transforms/CanonicalLayout.h"
#include "attn/Dialect/Attn/Transforms/RegionBuilder.h"
#include "attn/Driver/Signature.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

static AttentionOpInterface findAttention(func::FuncOp function) {
  AttentionOpInterface found;
  function.walk([&](AttentionOpInterface op) {
    found = op;
    return WalkResult::interrupt();
  });
  return found;
}

/// A copy whose sizes are known before the loop that makes `map` has run.
static Value copyMap(OpBuilder &builder, Value map) {
  Location loc = map.getLoc();
  auto loop = map.getDefiningOp<scf::ForOp>();
  auto init = loop.getInits().front().getDefiningOp<tensor::EmptyOp>();
  Value empty = tensor::EmptyOp::create(builder, loc, init.getMixedSizes(),
                                        init.getType().getElementType());
  return linalg::CopyOp::create(builder, loc, map, empty).getResult(0);
}

/// Ends the function with a return of `value` alone.
static void returnAlone(func::FuncOp function, Value value) {
  Operation *terminator = function.getBody().front().getTerminator();
  OpBuilder builder(terminator);
  func::ReturnOp::create(builder, terminator->getLoc(), value);
  terminator->erase();
  function.setType(
      builder.getFunctionType(function.getArgumentTypes(), {value.getType()}));
  function.removeResAttrsAttr();
}

static LogicalResult returnTileMap(func::FuncOp function, int64_t tileQueries,
                                   int64_t tileKeys) {
  AttentionOpInterface attention = findAttention(function);
  if (!attention)
    return function.emitOpError("has no attention op, whose tiles could be "
                                "classified");
  OpBuilder builder(attention);
  Location loc = attention.getLoc();
  FailureOr<CanonicalLayout> layout = CanonicalLayout::get(builder, attention);
  if (failed(layout))
    return failure();
  Value mask = attention.getMask();
  if (!mask)
    mask = MaskConstantOp::create(builder, loc, true);
  const AttentionSizes &sizes = layout->sizes;
  FailureOr<RegionBuilder> regions =
      RegionBuilder::get(builder, loc, mask, /*scores=*/{}, sizes);
  if (failed(regions))
    return failure();
  // The whole mask as one predicate, which lives as long as the classifier.
  auto whole = MaskPredicateOp::create(builder, loc, mask.getType(),
                                       regions->getCaptures());
  {
    OpBuilder::InsertionGuard restore(builder);
    regions->buildMask(builder, whole.getPredicate());
  }
  TileClassifier classifier(whole.getPredicate());
  MaskDomain domain{sizes.B, sizes.H, sizes.M, sizes.N, tileQueries, tileKeys};
  Value map =
      emitTileMap(builder, loc, classifier, domain, regions->getCaptures());
  returnAlone(function, copyMap(builder, map));
  whole->erase();
  if (attention->use_empty())
    attention->erase();
  return success();
}

LogicalResult attn::returnTileMaps(ModuleOp module, int64_t tileQueries,
                                   int64_t tileKeys) {
  module.getContext()
      ->loadDialect<arith::ArithDialect, linalg::LinalgDialect,
                    math::MathDialect, scf::SCFDialect,
                    tensor::TensorDialect>();
  for (func::FuncOp function : getPublicFunctions(module))
    if (failed(returnTileMap(function, tileQueries, tileKeys)))
      return failure();
  return success();
}
