//===- PairSizes.cpp - Masks and modifiers against an attention's sizes -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/PairSizes.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

using EmitError = function_ref<InFlightDiagnostic()>;

int64_t attn::multiplySizes(int64_t lhs, int64_t rhs) {
  if (ShapedType::isDynamic(lhs) || ShapedType::isDynamic(rhs))
    return ShapedType::kDynamic;
  return lhs * rhs;
}

/// `capture` has one element per `of`, along its dimension `dim`.
static LogicalResult verifyOnePer(StringRef what, StringRef of, Value capture,
                                  int64_t dim, int64_t expected,
                                  EmitError emitError) {
  int64_t size = cast<ShapedType>(capture.getType()).getDimSize(dim);
  if (mayBeEqual(size, expected))
    return success();
  return emitError() << "has " << size << " " << what << "; it takes one per "
                     << of << ", " << expected;
}

/// `capture` has at least one element per `of`, along its dimension `dim`.
static LogicalResult verifyAtLeastOnePer(StringRef what, StringRef of,
                                         Value capture, int64_t dim,
                                         int64_t expected,
                                         EmitError emitError) {
  int64_t size = cast<ShapedType>(capture.getType()).getDimSize(dim);
  if (mayBeEqual(size, expected) || size > expected)
    return success();
  return emitError() << "has " << size << " " << what
                     << "; it takes at least one per " << of << ", "
                     << expected;
}

/// `capture` is absent, a scalar, or has one element per batch.
static LogicalResult verifyPerBatch(StringRef what, Value capture,
                                    const PairSizes &sizes,
                                    EmitError emitError) {
  if (!capture || !isa<ShapedType>(capture.getType()))
    return success();
  return verifyOnePer(what, "batch", capture, 0, sizes.b, emitError);
}

/// `capture` is (length) or (batch, length), or longer.
static LogicalResult verifyPerPosition(StringRef what, StringRef of,
                                       Value capture, int64_t length,
                                       const PairSizes &sizes,
                                       EmitError emitError) {
  int64_t rank = cast<ShapedType>(capture.getType()).getRank();
  if (rank == 2 && failed(verifyOnePer(what, "batch", capture, 0, sizes.b,
                                       emitError)))
    return failure();
  return verifyAtLeastOnePer(what, of, capture, rank - 1, length, emitError);
}

/// `capture` is aligned right with (B, H, M, N), sizes of 1 broadcast.
static LogicalResult verifyBroadcast(Value capture, const PairSizes &sizes,
                                     EmitError emitError) {
  auto type = cast<ShapedType>(capture.getType());
  std::pair<StringRef, int64_t> all[] = {{"batches", sizes.b},
                                         {"heads", sizes.h},
                                         {"queries", sizes.m},
                                         {"keys", sizes.n}};
  for (int64_t dim = 0, rank = type.getRank(); dim < rank; ++dim) {
    auto [what, expected] = all[4 - rank + dim];
    int64_t size = type.getDimSize(dim);
    if (size != 1 && !mayBeEqual(size, expected))
      return emitError() << "has " << size << " " << what << " in "
                         << capture.getType() << "; it takes 1 or " << expected;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

LogicalResult MaskCausalOp::verifyPairSizes(const PairSizes &sizes,
                                            EmitError emitError) {
  return verifyPerBatch("offsets", getOffset(), sizes, emitError);
}

LogicalResult MaskWindowOp::verifyPairSizes(const PairSizes &sizes,
                                            EmitError emitError) {
  return verifyPerBatch("offsets", getOffset(), sizes, emitError);
}

LogicalResult MaskPrefixOp::verifyPairSizes(const PairSizes &sizes,
                                            EmitError emitError) {
  return verifyPerBatch("lengths", getLength(), sizes, emitError);
}

LogicalResult MaskPaddingOp::verifyPairSizes(const PairSizes &sizes,
                                             EmitError emitError) {
  if (failed(verifyPerBatch("lengths", getLengths(), sizes, emitError)))
    return failure();
  if (cast<ShapedType>(getLengths().getType()).getRank() == 1)
    return success();
  return verifyOnePer("lengths", "query", getLengths(), 1, sizes.m, emitError);
}

LogicalResult MaskDocumentOp::verifyPairSizes(const PairSizes &sizes,
                                              EmitError emitError) {
  if (failed(verifyPerPosition("ids", "query", getIds(), sizes.m, sizes,
                               emitError)))
    return failure();
  bool shared = !getKeyIds();
  return verifyPerPosition(shared ? "ids" : "key ids", "key",
                           shared ? getIds() : getKeyIds(), sizes.n, sizes,
                           emitError);
}

LogicalResult MaskBlockSparseOp::verifyPairSizes(const PairSizes &sizes,
                                                 EmitError emitError) {
  auto blocks = [](int64_t length, int64_t size) {
    if (ShapedType::isDynamic(length))
      return length;
    return static_cast<int64_t>(llvm::divideCeil(length, size));
  };
  int64_t rank = cast<ShapedType>(getLayout().getType()).getRank();
  if (rank == 3 && failed(verifyOnePer("layouts", "head", getLayout(), 0,
                                       sizes.h, emitError)))
    return failure();
  if (failed(verifyAtLeastOnePer("rows of blocks", "query block", getLayout(),
                                 rank - 2, blocks(sizes.m, getBlock()[0]),
                                 emitError)))
    return failure();
  return verifyAtLeastOnePer("columns of blocks", "key block", getLayout(),
                             rank - 1, blocks(sizes.n, getBlock()[1]),
                             emitError);
}

LogicalResult MaskDenseOp::verifyPairSizes(const PairSizes &sizes,
                                           EmitError emitError) {
  return verifyBroadcast(getKeep(), sizes, emitError);
}

//===----------------------------------------------------------------------===//
// Score modifiers
//===----------------------------------------------------------------------===//

LogicalResult ScoreAlibiOp::verifyPairSizes(const PairSizes &sizes,
                                            EmitError emitError) {
  return verifyOnePer("slopes", "query head", getSlopes(), 0, sizes.h,
                      emitError);
}

LogicalResult ScoreRelativeBiasOp::verifyPairSizes(const PairSizes &sizes,
                                                   EmitError emitError) {
  if (cast<ShapedType>(getTable().getType()).getRank() == 1)
    return success();
  return verifyOnePer("tables", "query head", getTable(), 0, sizes.h,
                      emitError);
}

LogicalResult ScoreBiasOp::verifyPairSizes(const PairSizes &sizes,
                                           EmitError emitError) {
  return verifyBroadcast(getBias(), sizes, emitError);
}

LogicalResult ScoreMapOp::verifyPairSizes(const PairSizes &sizes,
                                          EmitError emitError) {
  if (getBody()->getNumArguments() == 0)
    return success(); // This op's own verifier refuses it.
  Type score = getBody()->getArgument(0).getType();
  if (score == sizes.accumulator)
    return success();
  return emitError() << "takes scores of type " << score << "; those of this "
                     << "attention are " << sizes.accumulator;
}

//===----------------------------------------------------------------------===//
// What an attention uses
//===----------------------------------------------------------------------===//

/// The op that `mask` comes from and those that it combines.
static SmallVector<MaskOpInterface> getMaskOps(Value mask) {
  llvm::SetVector<Operation *> ops;
  auto add = [&](Value value) {
    if (auto op = value.getDefiningOp<MaskOpInterface>())
      ops.insert(op);
  };
  add(mask);
  for (size_t next = 0; next < ops.size(); ++next)
    for (Value operand : ops[next]->getOperands())
      if (isa<MaskType>(operand.getType()))
        add(operand);
  return llvm::map_to_vector(
      ops, [](Operation *op) { return cast<MaskOpInterface>(op); });
}

LogicalResult attn::verifyMaskAndScores(Operation *op, Value mask,
                                        ValueRange scores,
                                        const PairSizes &sizes) {
  auto verify = [&](StringRef kind, auto used) -> LogicalResult {
    // Where blocks are out of order, the verifier comes here first.
    if (failed(used->getName().verifyInvariants(used)))
      return failure();
    return used.verifyPairSizes(sizes, [&] {
      return op->emitOpError() << kind << " '" << used->getName() << "' ";
    });
  };
  if (mask)
    for (MaskOpInterface used : getMaskOps(mask))
      if (failed(verify("mask", used)))
        return failure();
  for (Value score : scores)
    if (auto used = score.getDefiningOp<ScoreModOpInterface>())
      if (failed(verify("score modifier", used)))
        return failure();
  return success();
}
