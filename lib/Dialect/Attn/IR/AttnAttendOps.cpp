//===- AttnAttendOps.cpp - Verifiers of attend and its tiles ----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/AttentionShape.h"
#include "attn/Dialect/Attn/IR/Attn.h"
#include "attn/Dialect/Attn/IR/AttnRecompute.h"
#include "attn/Dialect/Attn/IR/AttributeNames.h"
#include "attn/Dialect/Attn/IR/RegionUtils.h"
#include "attn/Dialect/Attn/IR/TilePlan.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// What attend and attend_tile share
//===----------------------------------------------------------------------===//

/// Verifies score and mask regions against the accumulator type and captures.
template <typename OpTy>
static LogicalResult verifyPairRegions(OpTy op) {
  Type accumulator =
      getAccumulatorType(getElementTypeOrSelf(op.getQuery().getType()));
  if (!op.getScore().empty() &&
      failed(verifyPairRegion(op, op.getScore(), accumulator, accumulator,
                              op.getCaptures().getTypes())))
    return failure();
  if (op.getMask().empty())
    return success();
  return verifyPairRegion(op, op.getMask(), Type(),
                          IntegerType::get(op.getContext(), 1),
                          op.getCaptures().getTypes());
}

/// Verifies the scale, and the feature weight against the `features` of a
/// query.
template <typename OpTy>
static LogicalResult verifyScoring(OpTy op, int64_t features) {
  bool additive = op.getCompatibility() == Compatibility::Additive;
  if (additive != bool(op.getFeatureWeight()))
    return op.emitOpError("takes a feature weight exactly for additive "
                          "compatibility; it is ")
           << stringifyCompatibility(op.getCompatibility());
  if (additive &&
      !mayBeEqual(
          cast<ShapedType>(op.getFeatureWeight().getType()).getDimSize(0),
          features))
    return op.emitOpError("feature weight has ")
           << cast<ShapedType>(op.getFeatureWeight().getType()).getDimSize(0)
           << " features, query has " << features << "; they must be equal";
  return verifyScale(op, op.getScale());
}

namespace {
/// An operand with the dimensions that it must have and those that it may have,
/// sets of bits.
struct MappedOperand {
  StringRef name;
  Value value;
  unsigned required, optional;
  int64_t unmapped = 0; ///< Last dimensions that the map does not name.
};
} // namespace

static std::string describe(unsigned dims, ArrayRef<StringRef> names) {
  std::string text;
  for (auto [index, name] : llvm::enumerate(names))
    if (dims >> index & 1)
      text += (text.empty() ? "" : ", ") + name.str();
  return text;
}

/// Verifies that `maps` fit `operands` and a domain of dimensions `names`, and
/// gives the size of each dimension, dynamic where no type shows it.
static LogicalResult verifyMaps(Operation *op, ArrayAttr maps,
                                ArrayRef<MappedOperand> operands,
                                ArrayRef<StringRef> names,
                                SmallVector<int64_t> &domain) {
  if (maps.size() != operands.size())
    return op->emitOpError("has ") << maps.size() << " indexing maps for "
                                   << operands.size() << " operands";
  domain.assign(names.size(), ShapedType::kDynamic);
  for (auto [attribute, operand] : llvm::zip_equal(maps, operands)) {
    AffineMap map = cast<AffineMapAttr>(attribute).getValue();
    auto type = cast<ShapedType>(operand.value.getType());
    if (map.getNumDims() != names.size() || !map.isProjectedPermutation() ||
        map.getNumResults() != type.getRank() - operand.unmapped)
      return op->emitOpError("indexing map ")
             << attribute << " must be a projected permutation from "
             << names.size() << " dimensions to the "
             << type.getRank() - operand.unmapped << " of " << type;
    unsigned dims = 0;
    for (auto [position, result] : llvm::enumerate(map.getResults())) {
      unsigned dim = cast<AffineDimExpr>(result).getPosition();
      dims |= 1u << dim;
      int64_t size = type.getDimSize(position);
      if (!mayBeEqual(domain[dim], size))
        return op->emitOpError()
               << operand.name << " has " << size << " in "
               << "dimension " << names[dim] << ", operands before it have "
               << domain[dim] << "; they must be equal";
      if (!ShapedType::isDynamic(size))
        domain[dim] = size;
    }
    if ((dims & operand.required) != operand.required ||
        (dims & ~(operand.required | operand.optional)) != 0)
      return op->emitOpError("indexing map ")
             << attribute << " gives " << operand.name << " dimensions ("
             << describe(dims, names) << "); it must have ("
             << describe(operand.required, names) << ") and may have ("
             << describe(operand.optional, names) << ")";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Attend
//===----------------------------------------------------------------------===//

static constexpr unsigned bit(unsigned dim) { return 1u << dim; }

LogicalResult AttendOp::verify() {
  if (bool(getLse()) != bool(getLseInit()) ||
      bool(getWeights()) != bool(getWeightsInit()) ||
      bool(getTopWeights()) != bool(getTopWeightsInit()) ||
      bool(getTopKeys()) != bool(getTopKeysInit()))
    return emitOpError(
        "takes an init for each of lse, weights and top that it gives");
  bool softmax = getNormalizer() == Normalizer::Softmax;
  if (getSink() && !softmax)
    return emitOpError("takes a sink with softmax alone; its normalizer is ")
           << stringifyNormalizer(getNormalizer());
  if (getLse() && getNormalizer() == Normalizer::None)
    return emitOpError("gives lse with softmax or sum; its normalizer is none");
  if (!getOffsets().empty() && getOffsets().size() != 5)
    return emitOpError("has ")
           << getOffsets().size()
           << " offsets; it takes none, or five: b, hkv, g, "
              "i, j";
  if (getOffsets().size() != getWhole().size())
    return emitOpError("has ")
           << getOffsets().size() << " offsets and " << getWhole().size()
           << " sizes of the whole; it takes both or none";

  unsigned heads = bit(B) | bit(Hkv) | bit(G);
  SmallVector<MappedOperand> operands{
      {"query", getQuery(), bit(I) | bit(D), heads},
      {"key", getKey(), bit(J) | bit(D), heads},
      {"value", getValue(), bit(J) | bit(E), heads},
      {"output", getOutputInit(), bit(I) | bit(E), heads}};
  if (getLseInit())
    operands.push_back({"lse", getLseInit(), bit(I), heads});
  if (getWeightsInit())
    operands.push_back({"weights", getWeightsInit(), bit(I) | bit(J), heads});
  if (getTopWeightsInit()) {
    operands.push_back({"top weights", getTopWeightsInit(), bit(I), heads, 1});
    operands.push_back({"top keys", getTopKeysInit(), bit(I), heads, 1});
    int64_t count = getTopCount();
    if (count < 1 || count > maxTopCount ||
        getTopWeights().getType().getShape().back() != count)
      return emitOpError("keeps the top ")
             << getTopWeights().getType().getShape().back() << " weights and "
             << count << " keys; both must be one static number, 1 to "
             << maxTopCount;
  }
  SmallVector<int64_t> domain;
  static constexpr StringRef names[] = {"b", "hkv", "g", "i", "j", "d", "e"};
  if (failed(verifyMaps(*this, getIndexingMaps(), operands, names, domain)))
    return failure();
  if (getSink()) {
    auto sink = cast<ShapedType>(getSink().getType());
    static constexpr Dim dims[] = {Hkv, G};
    for (auto [position, dim] : llvm::enumerate(dims))
      if (!mayBeEqual(sink.getDimSize(position), domain[dim]))
        return emitOpError("sink has ")
               << sink.getDimSize(position) << " in dimension " << names[dim]
               << "; it must be " << domain[dim];
  }
  if (std::optional<TilePlan> plan = TilePlan::get(*this);
      plan && plan->tiles &&
      (ShapedType::isDynamic(domain[D]) || ShapedType::isDynamic(domain[E])))
    return emitOpError("has ")
           << planAttr << " with tiles; static head sizes are accepted";
  return verifyScoring(*this, domain[D]);
}

LogicalResult AttendOp::verifyRegions() { return verifyPairRegions(*this); }

MutableOperandRange AttendOp::getDpsInitsMutable() {
  unsigned first = getOutputInitMutable().getOperandNumber();
  return MutableOperandRange(getOperation(), first, getNumOperands() - first);
}

//===----------------------------------------------------------------------===//
// Attend tile
//===----------------------------------------------------------------------===//

/// Verifies that what a tile gives is in the accumulator type of its query.
template <typename OpTy>
static LogicalResult
verifyAccumulator(OpTy op, ArrayRef<std::pair<StringRef, Value>> accumulators) {
  Type query = getElementTypeOrSelf(op.getQuery().getType());
  Type expected = getAccumulatorType(query);
  for (auto [name, value] : accumulators) {
    Type type = getElementTypeOrSelf(value.getType());
    if (type != expected)
      return op.emitOpError()
             << name << " is of " << type << "; for queries of " << query
             << " it is of " << expected;
  }
  return success();
}

/// Dimensions of AttendTileOp::Dim.
static constexpr StringRef tileDimNames[] = {"i", "j", "d", "e"};

LogicalResult AttendTileOp::verify() {
  SmallVector<int64_t> domain;
  if (failed(verifyMaps(*this, getIndexingMaps(),
                        {{"query", getQuery(), bit(I) | bit(D), 0},
                         {"key", getKey(), bit(J) | bit(D), 0},
                         {"value", getValue(), bit(J) | bit(E), 0},
                         {"accumulator", getAccumulator(), bit(I) | bit(E), 0}},
                        tileDimNames, domain)))
    return failure();
  std::pair<StringRef, Value> running[] = {{"accumulator", getAccumulator()},
                                           {"maximum", getMaximum()},
                                           {"sum", getSum()}};
  if (failed(verifyAccumulator(*this, running)))
    return failure();
  for (auto [name, operand] : ArrayRef(running).drop_front()) {
    int64_t size = cast<ShapedType>(operand.getType()).getDimSize(0);
    if (!mayBeEqual(size, domain[I]))
      return emitOpError() << name << " has " << size
                           << " entries; it takes one per query, " << domain[I];
  }
  auto isMore = [](int64_t count, int64_t most) {
    return !ShapedType::isDynamic(count) && !ShapedType::isDynamic(most) &&
           count > most;
  };
  if (std::optional<int64_t> rows = getExistingRows();
      rows && isMore(*rows, domain[I]))
    return emitOpError("has existing_rows = ")
           << *rows << " of " << domain[I] << " rows; as many are accepted";
  if (std::optional<int64_t> keys = getPaddedKeys();
      keys && isMore(domain[J], *keys))
    return emitOpError("has padded_keys = ")
           << *keys << " for " << domain[J]
           << " keys; as many or more are accepted";
  return verifyScoring(*this, domain[D]);
}

LogicalResult AttendTileOp::verifyRegions() { return verifyPairRegions(*this); }

MutableOperandRange AttendTileOp::getDpsInitsMutable() {
  unsigned first = getAccumulatorMutable().getOperandNumber();
  return MutableOperandRange(getOperation(), first, /*length=*/3);
}

//===----------------------------------------------------------------------===//
// Score tile
//===----------------------------------------------------------------------===//

LogicalResult ScoreTileOp::verify() {
  SmallVector<int64_t> domain;
  if (failed(verifyMaps(
          *this, getIndexingMaps(),
          {{"query", getQuery(), bit(AttendTileOp::I) | bit(AttendTileOp::D),
            0},
           {"key", getKey(), bit(AttendTileOp::J) | bit(AttendTileOp::D), 0},
           {"scores", getScores(), bit(AttendTileOp::I) | bit(AttendTileOp::J),
            0}},
          tileDimNames, domain)))
    return failure();
  if (failed(verifyAccumulator(*this, {{"scores", getScores()}})))
    return failure();
  return verifyScoring(*this, domain[AttendTileOp::D]);
}

LogicalResult ScoreTileOp::verifyRegions() { return verifyPairRegions(*this); }

//===----------------------------------------------------------------------===//
// Recompute
//===----------------------------------------------------------------------===//

LogicalResult RecomputeOp::verify() {
  SmallVector<int64_t> domain;
  if (failed(verifyMaps(*this, getIndexingMaps(),
                        {{"query", getQuery(), bit(I) | bit(D), bit(G)},
                         {"key", getKey(), bit(J) | bit(D), 0},
                         {"value", getValue(), bit(J) | bit(E), 0},
                         {"output", getOutput(), bit(I) | bit(E), bit(G)}},
                        {"i", "g", "j", "d", "e"}, domain)))
    return failure();
  if (getMaximum() &&
      failed(verifyAccumulator(*this,
                               {{"maximum", getMaximum()}, {"sum", getSum()}})))
    return failure();
  bool onTensors = isa<TensorType>(getOutput().getType());
  if (getNumResults() != (onTensors ? getDpsInitsMutable().size() : 0))
    return emitOpError("has ") << getNumResults() << " results; it has "
                               << (onTensors ? getDpsInitsMutable().size() : 0)
                               << ", one for each tensor that it changes";
  return verifyScoring(*this, domain[D]);
}

LogicalResult RecomputeOp::verifyRegions() {
  Type index = IndexType::get(getContext());
  Type score = getAccumulatorType(getElementTypeOrSelf(getQuery().getType()));
  if (getPairs().getArgumentTypes() == TypeRange{index, index, index, score})
    return success();
  return emitOpError("has a region of (")
         << getPairs().getArgumentTypes()
         << "); it takes query, head and key as index, and the score, "
         << score;
}

MutableOperandRange RecomputeOp::getDpsInitsMutable() {
  unsigned first = getOutputMutable().getOperandNumber();
  return MutableOperandRange(getOperation(), first, getNumOperands() - first);
}

void RecomputeOp::getEffects(
    SmallVectorImpl<MemoryEffects::EffectInstance> &effects) {
  for (OpOperand &operand : (*this)->getOpOperands())
    if (isa<MemRefType>(operand.get().getType()))
      effects.emplace_back(MemoryEffects::Read::get(), &operand);
  for (OpOperand &init : getDpsInitsMutable())
    if (isa<MemRefType>(init.get().getType()))
      effects.emplace_back(MemoryEffects::Write::get(), &init);
  // Of what the region captures.
  if (isa<MemRefType>(getOutput().getType()))
    effects.emplace_back(MemoryEffects::Read::get());
}
