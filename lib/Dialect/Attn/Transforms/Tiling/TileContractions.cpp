//===- TileContractions.cpp - Cache tiles of matrix products -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../LinalgBuilder.h"
#include "../PassTarget.h"
#include "Contraction.h"

#include "attn/Dialect/Attn/Transforms/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/IR/Matchers.h"

namespace mlir::attn {
#define GEN_PASS_DEF_TILECONTRACTIONSPASS
#include "attn/Dialect/Attn/Transforms/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// Whether all operands are known to fit into the first-level cache, or one of
/// them to be empty.
static bool isSmall(linalg::LinalgOp op, const TargetSpec &target) {
  int64_t bytes = 0;
  bool isStatic = true;
  for (Value operand : op->getOperands()) {
    auto type = cast<RankedTensorType>(operand.getType());
    if (llvm::is_contained(type.getShape(), 0))
      return true;
    isStatic &= type.hasStaticShape();
    if (isStatic)
      bytes += type.getNumElements() * type.getElementTypeBitWidth() / 8;
  }
  return isStatic && bytes <= int64_t(target.l1Bytes);
}

//===----------------------------------------------------------------------===//
// What is done to each sum
//===----------------------------------------------------------------------===//

/// The op as elementwise linalg.generic of one result, every loop along a
/// dimension of it in order; null if it is not that.
static linalg::GenericOp asElementwise(RewriterBase &rewriter, Operation *op) {
  auto linalgOp = dyn_cast_or_null<linalg::LinalgOp>(op);
  if (!linalgOp || linalgOp->getNumResults() != 1 ||
      linalgOp.getNumParallelLoops() != linalgOp.getNumLoops() ||
      !linalgOp.getMatchingIndexingMap(linalgOp.getDpsInitOperand(0))
           .isIdentity())
    return {};
  if (auto generic = dyn_cast<linalg::GenericOp>(op))
    return generic;
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  FailureOr<linalg::GenericOp> generic =
      linalg::generalizeNamedOp(rewriter, linalgOp);
  return failed(generic) ? linalg::GenericOp() : *generic;
}

static bool isZeroFill(Value tensor) {
  auto fill = tensor.getDefiningOp<linalg::FillOp>();
  return fill && matchPattern(fill.getInputs()[0], m_AnyZeroFloat());
}

namespace {
/// A contraction onto zeros in the accumulator type, and the elementwise op
/// that makes of it what the program wants.
struct FinishedContraction {
  linalg::GenericOp contraction, finish;
};
} // namespace

/// The contraction of `original` onto zeros. What would be narrow for each of
/// many lanes is widened once.
static linalg::GenericOp emitContraction(LinalgBuilder &linalg,
                                         Contraction original, Value zeros) {
  linalg::LinalgOp op = original.op;
  SmallVector<Value> inputs = op.getDpsInputs();
  Value &rows = inputs[original.rowInput];
  rows = linalg.convert(rows, original.accumulator);
  return linalg::GenericOp::create(
      linalg.b, linalg.loc, zeros.getType(), inputs, zeros,
      op.getIndexingMapsArray(), op.getIteratorTypesArray(),
      [&](OpBuilder &b, Location loc, ValueRange args) {
        linalg::YieldOp::create(b, loc, linalg.addProduct(b, args));
      });
}

/// What computes `init` element by element from other tensors and nothing else
/// uses: a bias, most often.
static linalg::GenericOp findBias(RewriterBase &rewriter, Value init) {
  if (!init.hasOneUse())
    return {};
  linalg::GenericOp bias = asElementwise(rewriter, init.getDefiningOp());
  if (!bias || bias.payloadUsesValueFromOperand(bias.getDpsInitOperand(0)))
    return {};
  return bias;
}

/// Puts the producer of `use` by `op` into its body, where it can.
static linalg::GenericOp fuseProducer(RewriterBase &rewriter,
                                      linalg::GenericOp op, OpOperand &use) {
  if (!linalg::areElementwiseOpsFusable(&use))
    return op;
  rewriter.setInsertionPoint(op);
  auto fused = linalg::fuseElementwiseOps(rewriter, &use);
  if (failed(fused))
    return op;
  rewriter.replaceOp(op, fused->replacements.lookup(op.getResult(0)));
  return cast<linalg::GenericOp>(fused->fusedOp);
}

/// Splits a contraction into one onto zeros and what adds its initial value.
static FinishedContraction split(RewriterBase &rewriter,
                                 const Contraction &original) {
  linalg::LinalgOp op = original.op;
  rewriter.setInsertionPoint(op);
  LinalgBuilder linalg(rewriter, op.getLoc());
  Value init = op.getDpsInits()[0], target = init;
  Type element = getElementTypeOrSelf(init.getType());
  bool isZero = isZeroFill(init);
  linalg::GenericOp bias = isZero ? nullptr : findBias(rewriter, init);
  if (isZero)
    target = init.getDefiningOp<linalg::FillOp>().getOutputs()[0];
  else if (bias)
    target = bias.getDpsInits()[0];

  Value zeros = linalg.fill(0.0, linalg.sizesOf(target), original.accumulator);
  linalg::GenericOp contraction = emitContraction(linalg, original, zeros);
  SmallVector<Value> inputs{contraction.getResult(0)};
  if (bias)
    inputs.push_back(bias.getResult(0));
  unsigned rank = cast<RankedTensorType>(init.getType()).getRank();
  Value finished = linalg.parallel(
      inputs, target,
      SmallVector<LinalgBuilder::Dims>(inputs.size(),
                                       LinalgBuilder::identity(rank)),
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Value sum = args[0];
        if (!isZero)
          sum = arith::AddFOp::create(
              b, loc, sum,
              linalg.convertScalar(b, args[1], original.accumulator));
        return SmallVector<Value>{linalg.convertScalar(b, sum, element)};
      })[0];
  auto finish = finished.getDefiningOp<linalg::GenericOp>();
  rewriter.replaceOp(op, finished);
  if (bias)
    finish = fuseProducer(rewriter, finish, *finish.getDpsInputOperand(1));
  return {contraction, finish};
}

/// Takes into `finish` the elementwise ops that alone use its result.
static linalg::GenericOp fuseConsumers(RewriterBase &rewriter,
                                       linalg::GenericOp finish) {
  while (finish->hasOneUse()) {
    Operation *user = *finish->user_begin();
    if (user->getBlock() != finish->getBlock() || !isa<linalg::LinalgOp>(user))
      break;
    linalg::GenericOp consumer = asElementwise(rewriter, user);
    if (!consumer || !finish->hasOneUse())
      break;
    OpOperand &use = *finish->use_begin();
    if (consumer.isDpsInit(&use) ||
        !consumer.getMatchingIndexingMap(&use).isIdentity())
      break;
    linalg::GenericOp fused = fuseProducer(rewriter, consumer, use);
    if (fused == consumer)
      break;
    finish = fused;
  }
  return finish;
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

/// Drops the loops of one step from `finish`, so that it has those of the sums
/// that it reads and can run while they are in registers.
static void dropUnitLoops(RewriterBase &rewriter, linalg::GenericOp finish) {
  linalg::ControlDropUnitDims control;
  control.rankReductionStrategy =
      linalg::ControlDropUnitDims::RankReductionStrategy::ExtractInsertSlice;
  auto collapse = control.collapseFn;
  control.collapseFn =
      [&](RewriterBase &rewriter, Location loc, Value operand,
          ArrayRef<int64_t> shape, ArrayRef<ReassociationIndices> groups,
          const linalg::ControlDropUnitDims &control) -> FailureOr<Value> {
    auto expand = operand.getDefiningOp<tensor::ExpandShapeOp>();
    if (expand && expand.getSrcType().getShape() == shape)
      return expand.getSrc();
    return collapse(rewriter, loc, operand, shape, groups, control);
  };
  rewriter.setInsertionPoint(finish);
  FailureOr<linalg::DropUnitDimsResult> dropped =
      linalg::dropUnitDims(rewriter, finish, control);
  if (succeeded(dropped))
    rewriter.replaceOp(finish, dropped->replacements);
}

/// Tiles the loops of `finish`, the contraction with it.
static void tile(RewriterBase &rewriter, FinishedContraction ops,
                 const ContractionPlan &plan, Contraction contraction) {
  AffineMap map = ops.contraction.getMatchingIndexingMap(
      ops.contraction.getDpsInitOperand(0));
  SmallVector<OpFoldResult> sizes;
  for (AffineExpr result : map.getResults()) {
    unsigned dim = cast<AffineDimExpr>(result).getPosition();
    sizes.push_back(rewriter.getIndexAttr(dim == contraction.rowDim ? plan.rows
                                          : dim == contraction.laneDim
                                              ? plan.lanes
                                              : 1));
  }
  scf::SCFTileAndFuseOptions options;
  options.tilingOptions.setTileSizes(sizes).setLoopType(
      scf::SCFTilingOptions::LoopType::ForallOp);
  options.setFusionControlFn(
      [&](tensor::ExtractSliceOp, OpResult producer, bool isDestination)
          -> std::optional<scf::SCFTileAndFuseOptions::ControlFnResult> {
        if (producer.getOwner() != ops.contraction || isDestination)
          return std::nullopt;
        return scf::SCFTileAndFuseOptions::ControlFnResult();
      });
  rewriter.setInsertionPoint(ops.finish);
  FailureOr<scf::SCFTileAndFuseResult> tiled =
      scf::tileConsumerAndFuseProducersUsingSCF(
          rewriter, cast<TilingInterface>(ops.finish.getOperation()), options);
  assert(succeeded(tiled) && tiled->tiledAndFusedOps.size() == 2 &&
         "an elementwise op takes its contraction along");
  rewriter.replaceOp(ops.finish,
                     tiled->replacements.lookup(ops.finish.getResult(0)));
  auto inner = cast<linalg::GenericOp>(tiled->tiledAndFusedOps.back());
  Contraction tile = contraction;
  tile.op = inner;
  rewriter.setInsertionPoint(inner);
  rewriter.replaceOp(inner, emitContractionTile(rewriter, tile, plan));
  dropUnitLoops(rewriter,
                cast<linalg::GenericOp>(tiled->tiledAndFusedOps.front()));
}

namespace {
struct TileContractions
    : public attn::impl::TileContractionsPassBase<TileContractions> {
  using Base::Base;

  void runOnOperation() override {
    FailureOr<TargetSpec> spec = getPassTarget(getOperation(), target);
    if (failed(spec))
      return signalPassFailure();
    SmallVector<Contraction> contractions;
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (op->getParentOfType<LoopLikeOpInterface>())
        return;
      std::optional<Contraction> contraction = Contraction::match(op);
      if (contraction)
        contractions.push_back(*contraction);
    });
    IRRewriter rewriter(&getContext());
    for (Contraction &contraction : contractions) {
      bool isTiled = !isSmall(contraction.op, *spec);
      if (!isTiled && !contraction.isNarrow())
        continue;
      ContractionPlan plan = ContractionPlan::get(*spec, contraction);
      FinishedContraction ops = split(rewriter, contraction);
      if (!isTiled)
        continue;
      ops.finish = fuseConsumers(rewriter, ops.finish);
      tile(rewriter, ops, plan, contraction);
    }
  }
};
} // namespace
