//===- InterleaveProducts.cpp - Keys and values in turns --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lanes/LaneReduction.h"

#include "attn/Conversion/LinalgToVector/LinalgToVector.h"
#include "attn/Conversion/LinalgToVector/Passes.h"
#include "attn/Dialect/Attn/IR/StreamedOperands.h"
#include "attn/Dialect/Attn/IR/ViewRoot.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::attn {
#define GEN_PASS_DEF_INTERLEAVEPRODUCTSPASS
#include "attn/Conversion/LinalgToVector/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

/// Whether a product of matrices reads one input once, row after row, and
/// `dim` numbers these rows.
static bool streamsRows(linalg::GenericOp op, unsigned dim) {
  using utils::IteratorType;
  auto streamed = getStreamed(op);
  if (streamed.size() != 1 || op.getNumDpsInits() != 1 ||
      op.getIteratorTypesArray() != ArrayRef{IteratorType::parallel,
                                             IteratorType::parallel,
                                             IteratorType::reduction})
    return false;
  AffineMap map = op.getMatchingIndexingMap(streamed.front());
  return map.getNumResults() == 2 && map.isProjectedPermutation() &&
         map.getDimPosition(0) == dim;
}

namespace {
/// A loop over tiles of keys whose first product gives scores and whose last op
/// is the product with values.
class TileLoop {
public:
  static std::optional<TileLoop> match(scf::ForOp loop,
                                       const TargetSpec &target);

  void interleave();

private:
  explicit TileLoop(scf::ForOp loop) : loop(loop) {}

  /// Whether a value is there whichever tiles are.
  bool isKnown(Value value) {
    Operation *op = value.getDefiningOp();
    return !op || !loop->isProperAncestor(op) || free.contains(op);
  }
  bool isFree(Operation &op);
  void findBody();
  bool findProducts();
  bool isIndependent();
  bool isTile(OpOperand &streamed);
  bool takesWeightsInOrder();
  void chooseChunk(const TargetSpec &target);
  Value countRows(OpBuilder &b, Value rows, Value first);
  void emitChunk(OpBuilder &b, linalg::GenericOp op, unsigned dim,
                 const IRMapping &tile, Value first, Value size);
  Value index(OpBuilder &b, int64_t value) {
    return arith::ConstantIndexOp::create(b, loop.getLoc(), value);
  }

  /// The loops over keys.
  static constexpr unsigned scoreRows = 0, valueRows = 2;

  scf::ForOp loop;
  /// How many keys of one tile take turns with as many of another, 0 for none.
  int64_t chunk = 0, step = 0;
  /// The ops on a tile, and the condition for them, null for none.
  Block *body = nullptr;
  Value isVisited;
  linalg::FillOp fill;
  linalg::GenericOp scores, values;
  /// What depends on the tile's number alone.
  SetVector<Operation *> free;
};
} // namespace

/// Whether `op` may run for a tile that there is not.
bool TileLoop::isFree(Operation &op) {
  return !op.getNumRegions() && (isPure(&op) || isa<LoadOp>(op)) &&
         llvm::all_of(op.getOperands(),
                      [&](Value operand) { return isKnown(operand); });
}

/// Whether nothing but linalg ops writes to memory.
static bool isStructured(Operation &op) {
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return !branch.getNumResults() && !branch.elseBlock() &&
           llvm::all_of(branch.thenBlock()->without_terminator(), isStructured);
  return isa<linalg::LinalgOp>(op) ? !op.getNumResults()
                                   : !op.getNumRegions() && isPure(&op);
}

/// Under a mask, tiles that it leaves empty are skipped.
void TileLoop::findBody() {
  body = loop.getBody();
  for (Operation &op : body->without_terminator()) {
    if (isFree(op)) {
      free.insert(&op);
      continue;
    }
    auto branch = dyn_cast<scf::IfOp>(op);
    if (branch && isStructured(op) && isKnown(branch.getCondition()) &&
        op.getNextNode() == body->getTerminator()) {
      isVisited = branch.getCondition();
      body = branch.thenBlock();
    }
    return;
  }
}

bool TileLoop::findProducts() {
  findBody();
  for (Operation &op : body->without_terminator()) {
    if (isFree(op)) {
      free.insert(&op);
      continue;
    }
    if (!isStructured(op))
      return false;
    if (auto product = dyn_cast<linalg::GenericOp>(op)) {
      if (!scores && streamsRows(product, scoreRows))
        scores = product;
      else if (streamsRows(product, valueRows))
        values = product;
    } else if (auto filling = dyn_cast<linalg::FillOp>(op);
               filling && !scores && !fill) {
      fill = filling;
      continue;
    }
    if (!scores)
      return false;
  }
  return fill && scores && values && fill.getOutputs() == scores.getOutputs() &&
         values->getNextNode() == body->getTerminator();
}

/// Whether a streamed matrix has the rows from the loop's index on, at most as
/// many as a step has.
bool TileLoop::isTile(OpOperand &streamed) {
  auto view = streamed.get().getDefiningOp<memref::SubViewOp>();
  if (!view || view.getType().getRank() != 2 ||
      view.getMixedOffsets().front() != OpFoldResult(loop.getInductionVar()))
    return false;
  OpFoldResult size = view.getMixedSizes().front();
  if (std::optional<int64_t> known = getConstantIntValue(size))
    return *known <= step;
  auto least = cast<Value>(size).getDefiningOp<affine::AffineMinOp>();
  return least &&
         llvm::any_of(least.getMap().getResults(), [&](AffineExpr expr) {
           auto constant = dyn_cast<AffineConstantExpr>(expr);
           return constant && constant.getValue() <= step;
         });
}

/// Whether both products may run beside those of another tile.
bool TileLoop::isIndependent() {
  for (Operation *op :
       {fill.getOperation(), scores.getOperation(), values.getOperation()})
    if (!llvm::all_of(op->getOperands(),
                      [&](Value operand) { return isKnown(operand); }))
      return false;
  SmallVector<Value> read(scores.getInputs());
  for (Operation *op : free)
    if (auto load = dyn_cast<LoadOp>(op))
      read.push_back(load.getSource());
  DenseSet<Value> written;
  loop.walk([&](linalg::LinalgOp op) {
    for (Value output : op.getDpsInits())
      written.insert(getViewRoot(output));
  });
  return takesWeightsInOrder() && llvm::none_of(read, [&](Value value) {
           return written.contains(getViewRoot(value));
         });
}

/// Whether weights, where they lie in place of scores, lie as these do.
bool TileLoop::takesWeightsInOrder() {
  Value output = scores.getOutputs().front();
  if (getViewRoot(values.getOutputs().front()) == getViewRoot(output))
    return false;
  for (OpOperand *input : values.getDpsInputOperands()) {
    if (getViewRoot(input->get()) != getViewRoot(output))
      continue;
    auto type = cast<MemRefType>(input->get().getType()),
         scoreType = cast<MemRefType>(output.getType());
    auto [strides, offset] = type.getStridesAndOffset();
    auto [scoreStrides, scoreOffset] = scoreType.getStridesAndOffset();
    AffineMap map = values.getMatchingIndexingMap(input);
    if (strides != scoreStrides || offset != 0 || scoreOffset != 0 ||
        !map.isProjectedPermutation() || map.getDimPosition(0) != valueRows)
      return false;
  }
  return true;
}

/// Half of a page or a page where hardware fetches. Trees of sums, and what is
/// shuffled before and after sums of pairs, take longer in smaller ones, where
/// arithmetic is longer than reading. More rows of f32 fetch what they read, 16
/// KB ahead; others are bound by arithmetic, and three rows do a half of both.
void TileLoop::chooseChunk(const TargetSpec &target) {
  constexpr int64_t fewRows = 4;
  OpOperand &keys = *getStreamed(scores).front();
  Type type = getElementTypeOrSelf(keys.get());
  int64_t rows = getLoopSize(scores, /*dim=*/1);
  bool isNarrow = type != getElementTypeOrSelf(scores.getOutputs().front());
  if (readsRowsInOrder(scores, target))
    chunk = isNarrow && (!type.isBF16() || rows > 1) ? 16 : 8;
  else if (!isNarrow && rows > fewRows)
    chunk = 32;
}

/// Whether all keys and values are known to come from caches, which gain less
/// from turns than loading and storing sums more often takes.
static bool areNear(ArrayRef<OpOperand *> operands, const TargetSpec &target) {
  int64_t bytes = 0;
  for (OpOperand *operand : operands) {
    auto type = cast<MemRefType>(getViewRoot(operand->get()).getType());
    if (!type.hasStaticShape())
      return false;
    bytes += type.getNumElements() * type.getElementTypeBitWidth() / 8;
  }
  return bytes <= int64_t(target.l3Bytes) / 8 * 3;
}

std::optional<TileLoop> TileLoop::match(scf::ForOp loop,
                                        const TargetSpec &target) {
  TileLoop tiles(loop);
  tiles.step = getConstantIntValue(loop.getStep()).value_or(0);
  if (!loop.getInitArgs().empty() || !tiles.findProducts() ||
      !tiles.isIndependent() || !tiles.isTile(*getStreamed(tiles.scores)[0]) ||
      !tiles.isTile(*getStreamed(tiles.values)[0]) ||
      !isLaneReduction(tiles.scores) ||
      areNear({getStreamed(tiles.scores)[0], getStreamed(tiles.values)[0]},
              target))
    return std::nullopt;
  tiles.chooseChunk(target);
  if (!tiles.chunk || tiles.step <= tiles.chunk || tiles.step % tiles.chunk)
    return std::nullopt;
  return tiles;
}

/// How many rows the tile that begins with key `first` has, none behind the
/// last tile.
Value TileLoop::countRows(OpBuilder &b, Value rows, Value first) {
  Location loc = loop.getLoc();
  Value size = memref::DimOp::create(b, loc, rows, 0);
  Value left = arith::SubIOp::create(b, loc, loop.getUpperBound(), first);
  size = arith::MinSIOp::create(b, loc, size, left);
  return arith::MaxSIOp::create(b, loc, size, index(b, 0));
}

/// `op` of a tile on those of `size` rows of `dim` that are in its chunk
/// `first`.
void TileLoop::emitChunk(OpBuilder &b, linalg::GenericOp op, unsigned dim,
                         const IRMapping &tile, Value first, Value size) {
  Location loc = op.getLoc();
  Value left = arith::SubIOp::create(b, loc, size, first);
  left = arith::MinSIOp::create(b, loc, left, index(b, chunk));
  left = arith::MaxSIOp::create(b, loc, left, index(b, 0));
  auto cut = [&](Value whole, AffineMap map) -> Value {
    if (!map.isFunctionOfDim(dim))
      return whole;
    auto type = cast<MemRefType>(whole.getType());
    SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0)),
        strides(type.getRank(), b.getIndexAttr(1)),
        sizes = memref::getMixedSizes(b, loc, whole);
    for (auto [position, result] : llvm::enumerate(map.getResults())) {
      if (result == b.getAffineDimExpr(dim)) {
        offsets[position] = first;
        sizes[position] = left;
      } else if (auto pairs = dyn_cast<AffineBinaryOpExpr>(result);
                 pairs && pairs.getKind() == AffineExprKind::FloorDiv) {
        int64_t by = cast<AffineConstantExpr>(pairs.getRHS()).getValue();
        offsets[position] =
            arith::DivUIOp::create(b, loc, first, index(b, by)).getResult();
        sizes[position] = b.getIndexAttr(chunk / by);
      }
    }
    return memref::SubViewOp::create(b, loc, whole, offsets, sizes, strides);
  };
  IRMapping mapping;
  for (OpOperand &operand : op->getOpOperands())
    mapping.map(operand.get(), cut(tile.lookupOrDefault(operand.get()),
                                   op.getMatchingIndexingMap(&operand)));
  if (op == scores)
    b.clone(*fill, mapping);
  b.clone(*op, mapping);
}

/// Scores of each tile are multiplied beside the values of the one before. The
/// first step has no tile before it, the last one no tile.
void TileLoop::interleave() {
  OpBuilder b(loop);
  Location loc = loop.getLoc();
  Value end =
      arith::AddIOp::create(b, loc, loop.getUpperBound(), loop.getStep());
  auto steps =
      scf::ForOp::create(b, loc, loop.getLowerBound(), end, loop.getStep());
  b.setInsertionPointToStart(steps.getBody());
  Value next = steps.getInductionVar();
  Value current = arith::SubIOp::create(b, loc, next, loop.getStep());
  IRMapping nextTile, tile;
  nextTile.map(loop.getInductionVar(), next);
  tile.map(loop.getInductionVar(), current);
  for (Operation *op : free) {
    b.clone(*op, nextTile);
    b.clone(*op, tile);
  }
  Value zero = index(b, 0);
  Value hasTile = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, next,
                                        loop.getLowerBound());
  if (isVisited)
    hasTile =
        arith::AndIOp::create(b, loc, hasTile, tile.lookupOrDefault(isVisited));
  auto weigh = scf::IfOp::create(b, loc, hasTile, /*withElseRegion=*/false);
  OpBuilder inner = weigh.getThenBodyBuilder();
  for (Operation &op : body->without_terminator())
    if (!free.contains(&op) && &op != fill && &op != scores && &op != values)
      inner.clone(op, tile);
  Value keys = nextTile.lookupOrDefault(getStreamed(scores).front()->get()),
        rows = tile.lookupOrDefault(getStreamed(values).front()->get());
  Value keyCount = countRows(b, keys, next);
  if (isVisited)
    keyCount = arith::SelectOp::create(
        b, loc, nextTile.lookupOrDefault(isVisited), keyCount, zero);
  Value rowCount = arith::SelectOp::create(b, loc, hasTile,
                                           countRows(b, rows, current), zero);
  Value most = arith::MaxSIOp::create(b, loc, rowCount, keyCount);
  auto chunks = scf::ForOp::create(b, loc, zero, most, index(b, chunk));
  b.setInsertionPointToStart(chunks.getBody());
  Value first = chunks.getInductionVar();
  emitChunk(b, values, valueRows, tile, first, rowCount);
  emitChunk(b, scores, scoreRows, nextTile, first, keyCount);
  loop.erase();
}

namespace {
struct InterleaveProducts
    : attn::impl::InterleaveProductsPassBase<InterleaveProducts> {
  using Base::Base;

  void runOnOperation() override {
    llvm::Expected<TargetSpec> spec = TargetSpec::parse(target);
    if (!spec) {
      getOperation()->emitError() << llvm::toString(spec.takeError());
      return signalPassFailure();
    }
    if (!spec->followsReads)
      return;
    SmallVector<scf::ForOp> loops;
    getOperation()->walk([&](scf::ForOp loop) { loops.push_back(loop); });
    for (scf::ForOp loop : loops)
      if (auto tiles = TileLoop::match(loop, *spec))
        tiles->interleave();
  }
};
} // namespace
