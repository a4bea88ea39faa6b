//===- PairRegion.cpp - Regions over pairs ----------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PairRegion.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::reference;

PairRegion::PairRegion(Block &block, bool takesScore,
                       ArrayRef<RuntimeValue> captures, Arithmetic arithmetic)
    : block(block), takesScore(takesScore), interpreter(arithmetic) {
  auto arguments = block.getArguments().take_back(captures.size());
  for (auto [argument, capture] : llvm::zip_equal(arguments, captures))
    interpreter.set(argument, capture);
}

llvm::Expected<Scalar> PairRegion::run(const Pair &pair, Scalar score) const {
  unsigned next = 0;
  if (takesScore)
    interpreter.set(block.getArgument(next++), score);
  for (int64_t index : {pair.b, pair.h, pair.i, pair.j})
    interpreter.set(block.getArgument(next++), Scalar::ofInteger(index));
  if (llvm::Error error = interpreter.runBody(block))
    return std::move(error);
  return interpreter.scalar(block.getTerminator()->getOperand(0));
}

namespace {
class RegionMask : public Mask {
public:
  RegionMask(Block &block, ArrayRef<RuntimeValue> captures)
      : region(block, /*takesScore=*/false, captures, Arithmetic::Declared) {}

  llvm::Error check(const Extents &) const override {
    return llvm::Error::success();
  }
  llvm::Expected<Keep> keeps(const Pair &pair, const Extents &) const override {
    llvm::Expected<Scalar> result = region.run(pair);
    if (!result)
      return result.takeError();
    return Keep{result->integer != 0, result->isExact()};
  }

private:
  PairRegion region;
};

class RegionModifier : public ScoreModifier {
public:
  RegionModifier(Block &block, ArrayRef<RuntimeValue> captures)
      : region(block, /*takesScore=*/true, captures, Arithmetic::Wide) {}

  llvm::Error check(const Extents &, Type accumulator) const override {
    if (region.getScoreType() == accumulator)
      return llvm::Error::success();
    return opError(region.getOp(),
                   llvm::formatv("computes in {0}; scores of its user are {1}",
                                 region.getScoreType(), accumulator));
  }
  llvm::Expected<Scalar> apply(Scalar score, const Pair &pair,
                               Type) const override {
    return region.run(pair, score);
  }

private:
  PairRegion region;
};
} // namespace

MaskRef reference::makeRegionMask(Block &block,
                                  ArrayRef<RuntimeValue> captures) {
  return std::make_shared<RegionMask>(block, captures);
}

ScoreModifierRef
reference::makeRegionModifier(Block &block, ArrayRef<RuntimeValue> captures) {
  return std::make_shared<RegionModifier>(block, captures);
}

//===----------------------------------------------------------------------===//
// Tensors aligned with pairs
//===----------------------------------------------------------------------===//

/// Whether the dimensions of a tensor are (b, i, j).
static bool isBatchFirst(RankedTensorType type, bool hasHeads) {
  return type.getRank() == 3 && !hasHeads;
}

/// Of `all` = (b, h, i, j) what the dimensions of a tensor stand for: the last
/// ones, without heads also (b, i, j).
static SmallVector<int64_t> alignWithPair(std::array<int64_t, 4> all,
                                          RankedTensorType type,
                                          bool hasHeads) {
  if (isBatchFirst(type, hasHeads))
    return {all[0], all[2], all[3]};
  return SmallVector<int64_t>(ArrayRef<int64_t>(all).take_back(type.getRank()));
}

llvm::Error reference::checkBroadcast(Operation *op, Value value,
                                      const ReferenceResult &tensor,
                                      const Extents &sizes) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> expected =
      alignWithPair({sizes.batches, sizes.heads, sizes.queries, sizes.keys},
                    type, sizes.hasHeads);
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (type.getDimSize(dim) != 1 &&
        tensor.value.getShape()[dim] != expected[dim])
      return opError(
          op, llvm::formatv("has a tensor of sizes {0}; aligned right with {1} "
                            "it must be {2}, or statically 1",
                            shapeText(tensor.value.getShape()),
                            isBatchFirst(type, sizes.hasHeads) ? "(B, M, N)"
                                                               : "(B, H, M, N)",
                            shapeText(expected)));
  return llvm::Error::success();
}

Scalar reference::loadBroadcast(Value value, const ReferenceResult &tensor,
                                const Pair &pair) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> position =
      alignWithPair({pair.b, pair.h, pair.i, pair.j}, type, pair.hasHeads);
  for (int64_t dim = 0, rank = type.getRank(); dim < rank; ++dim)
    if (type.getDimSize(dim) == 1)
      position[dim] = 0;
  return loadElement(tensor, position);
}
