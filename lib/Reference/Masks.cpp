//===- Masks.cpp - Which pairs the masks keep -------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Written from docs/Spec.md alone: the interface by which the compiler emits
// predicates is not used here.
//
//===----------------------------------------------------------------------===//

#include "PairRegion.h"

#include "attn/Dialect/Attn/IR/Attn.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::reference;

namespace {
/// Positions and offsets in exact arithmetic: sums of 64-bit integers.
using Exact = __int128;

/// A mask made of a function of the pair and a check of sizes.
template <typename Predicate, typename Check>
class FunctionMask : public Mask {
public:
  FunctionMask(Predicate predicate, Check checkSizes)
      : predicate(std::move(predicate)), checkSizes(std::move(checkSizes)) {}

  llvm::Error check(const Extents &sizes) const override {
    return checkSizes(sizes);
  }
  llvm::Expected<Keep> keeps(const Pair &pair,
                             const Extents &sizes) const override {
    return predicate(pair, sizes);
  }

private:
  Predicate predicate;
  Check checkSizes;
};

template <typename Predicate, typename Check>
MaskRef makeMask(Predicate predicate, Check check) {
  return std::make_shared<FunctionMask<Predicate, Check>>(std::move(predicate),
                                                          std::move(check));
}

llvm::Error anySizes(const Extents &) { return llvm::Error::success(); }

llvm::Error setMask(Interpreter &state, Operation *op, MaskRef mask) {
  state.set(op->getResult(0), std::move(mask));
  return llvm::Error::success();
}

/// An integer, or one per batch.
class PerBatch {
public:
  PerBatch(Interpreter &state, Value value) : value(state.get(value)) {}

  llvm::Error check(Operation *user, const Extents &sizes) const {
    const auto *tensor = std::get_if<TensorRef>(&value);
    if (!tensor || (*tensor)->value.size() == sizes.batches)
      return llvm::Error::success();
    return opError(user, llvm::formatv("has {0} integers; it takes one per "
                                       "batch, {1}",
                                       (*tensor)->value.size(), sizes.batches));
  }
  /// Refuses integers that are not within 2^`exponent` of 0.
  llvm::Error checkRange(Operation *user, StringRef name,
                         unsigned exponent) const {
    SmallVector<int64_t> integers;
    if (const auto *tensor = std::get_if<TensorRef>(&value))
      llvm::append_range(integers, (*tensor)->value.integers);
    else
      integers.push_back(std::get<Scalar>(value).integer);
    int64_t limit = int64_t(1) << exponent;
    for (int64_t integer : integers)
      if (integer < -limit || integer > limit)
        return opError(user, llvm::formatv("has {0} {1}, which is not between "
                                           "-2^{2} and 2^{2}",
                                           name, integer, exponent));
    return llvm::Error::success();
  }
  Scalar at(int64_t b) const {
    if (const auto *tensor = std::get_if<TensorRef>(&value))
      return loadElement(**tensor, ArrayRef<int64_t>(b));
    return std::get<Scalar>(value);
  }

private:
  RuntimeValue value;
};

/// A constant, an integer or one per batch; 0 where it is not given.
struct Bound {
  std::optional<int64_t> constant;
  std::optional<PerBatch> value;

  explicit operator bool() const { return constant || value; }
  Scalar at(int64_t b) const {
    return value ? value->at(b) : Scalar::ofInteger(constant.value_or(0));
  }
  llvm::Error check(Operation *user, const Extents &sizes) const {
    return value ? value->check(user, sizes) : llvm::Error::success();
  }
  llvm::Error checkRange(Operation *user, StringRef name,
                         unsigned exponent) const {
    return value ? value->checkRange(user, name, exponent)
                 : llvm::Error::success();
  }
};

Bound makeBound(Interpreter &state, std::optional<int64_t> constant,
                Value value) {
  Bound bound{constant, std::nullopt};
  if (value)
    bound.value.emplace(state, value);
  return bound;
}
} // namespace

//===----------------------------------------------------------------------===//
// Constant, causal, window
//===----------------------------------------------------------------------===//

static llvm::Error runConstant(Interpreter &state, MaskConstantOp op) {
  bool kept = op.getValue();
  return setMask(
      state, op,
      makeMask([=](const Pair &, const Extents &) { return Keep{kept}; },
               anySizes));
}

static llvm::Error runCausal(Interpreter &state, MaskCausalOp op) {
  Bound offset = makeBound(state, std::nullopt, op.getOffset());
  bool bottomRight = op.getBottomRight();
  auto predicate = [=](const Pair &at, const Extents &sizes) {
    Scalar shift = offset.at(at.b);
    if (bottomRight)
      shift = Scalar::ofInteger(sizes.keys - sizes.queries);
    return Keep{at.j <= Exact(at.i) + shift.integer, shift.isExact()};
  };
  auto check = [=](const Extents &sizes) { return offset.check(op, sizes); };
  return setMask(state, op, makeMask(predicate, check));
}

static llvm::Error runWindow(Interpreter &state, MaskWindowOp op) {
  Bound past = makeBound(state, op.getPast(), op.getDynamicPast());
  Bound future = makeBound(state, op.getFuture(), op.getDynamicFuture());
  Bound offset = makeBound(state, std::nullopt, op.getOffset());
  auto predicate = [=](const Pair &at, const Extents &) {
    Exact centre = Exact(at.i) + offset.at(at.b).integer;
    bool kept = true, sure = offset.at(at.b).isExact();
    if (past) {
      kept &= centre - past.at(at.b).integer <= at.j;
      sure &= past.at(at.b).isExact();
    }
    if (future) {
      kept &= at.j <= centre + future.at(at.b).integer;
      sure &= future.at(at.b).isExact();
    }
    return Keep{kept, sure};
  };
  auto check = [=](const Extents &sizes) -> llvm::Error {
    if (!offset)
      return llvm::Error::success();
    if (llvm::Error error = offset.check(op, sizes))
      return error;
    if (llvm::Error error = offset.checkRange(op, "offset", 61))
      return error;
    if (llvm::Error error = past.checkRange(op, "past", 62))
      return error;
    return future.checkRange(op, "future", 62);
  };
  return setMask(state, op, makeMask(predicate, check));
}

//===----------------------------------------------------------------------===//
// Prefix and padding
//===----------------------------------------------------------------------===//

static llvm::Error runPrefix(Interpreter &state, MaskPrefixOp op) {
  Bound length = makeBound(state, std::nullopt, op.getLength());
  auto predicate = [=](const Pair &at, const Extents &) {
    Scalar limit = length.at(at.b);
    return Keep{at.j < limit.integer, limit.isExact()};
  };
  auto check = [=](const Extents &sizes) { return length.check(op, sizes); };
  return setMask(state, op, makeMask(predicate, check));
}

static llvm::Error runPadding(Interpreter &state, MaskPaddingOp op) {
  TensorRef lengths = state.tensor(op.getLengths());
  bool perQuery = lengths->value.getRank() == 2;
  auto predicate = [=](const Pair &at, const Extents &) {
    Scalar limit = perQuery ? loadElement(*lengths, {at.b, at.i})
                            : loadElement(*lengths, ArrayRef<int64_t>(at.b));
    return Keep{at.j < limit.integer, limit.isExact()};
  };
  auto check = [=](const Extents &sizes) -> llvm::Error {
    int64_t expected[] = {sizes.batches, sizes.queries};
    auto shape = ArrayRef<int64_t>(expected).take_front(perQuery ? 2 : 1);
    if (lengths->value.getShape() == shape)
      return llvm::Error::success();
    return opError(op,
                   llvm::formatv("has lengths of sizes {0}; they must be {1}",
                                 shapeText(lengths->value.getShape()),
                                 shapeText(shape)));
  };
  return setMask(state, op, makeMask(predicate, check));
}

//===----------------------------------------------------------------------===//
// Documents
//===----------------------------------------------------------------------===//

/// Ids are (length) or (batch, length), one at least for each position.
static llvm::Error checkIds(Operation *op, const ReferenceResult &ids,
                            int64_t batches, int64_t length) {
  ArrayRef<int64_t> shape = ids.value.getShape();
  if (shape.back() < length)
    return opError(op, llvm::formatv("has {0} ids for {1} positions",
                                     shape.back(), length));
  if (shape.size() == 2 && shape.front() != batches)
    return opError(op, llvm::formatv("has ids for {0} batches of {1}",
                                     shape.front(), batches));
  return llvm::Error::success();
}

static Scalar idOf(const ReferenceResult &ids, int64_t b, int64_t position) {
  return ids.value.getRank() == 2
             ? loadElement(ids, {b, position})
             : loadElement(ids, ArrayRef<int64_t>(position));
}

static llvm::Error runDocument(Interpreter &state, MaskDocumentOp op) {
  TensorRef ids = state.tensor(op.getIds());
  TensorRef keyIds = op.getKeyIds() ? state.tensor(op.getKeyIds()) : ids;
  if (op.getSorted())
    for (const TensorRef &table : {ids, keyIds})
      if (llvm::Error error = checkAscends(op, table->value))
        return error;
  auto predicate = [=](const Pair &at, const Extents &) {
    Scalar query = idOf(*ids, at.b, at.i), key = idOf(*keyIds, at.b, at.j);
    return Keep{query.integer == key.integer, query.isExact() && key.isExact()};
  };
  auto check = [=](const Extents &sizes) -> llvm::Error {
    if (llvm::Error error = checkIds(op, *ids, sizes.batches, sizes.queries))
      return error;
    return checkIds(op, *keyIds, sizes.batches, sizes.keys);
  };
  return setMask(state, op, makeMask(predicate, check));
}

/// The document in which a position lies: t with offsets[t] <= position <
/// offsets[t + 1].
static std::optional<int64_t> documentOf(ArrayRef<int64_t> offsets,
                                         int64_t position) {
  for (int64_t t = 0; t + 1 < static_cast<int64_t>(offsets.size()); ++t)
    if (offsets[t] <= position && position < offsets[t + 1])
      return t;
  return std::nullopt;
}

static llvm::Error runDocumentOffsets(Interpreter &state,
                                      MaskDocumentOffsetsOp op) {
  TensorRef offsets = state.tensor(op.getOffsets());
  TensorRef keyOffsets =
      op.getKeyOffsets() ? state.tensor(op.getKeyOffsets()) : offsets;
  bool sure = offsets->bound.empty() && keyOffsets->bound.empty();
  auto predicate = [=](const Pair &at, const Extents &) {
    auto query = documentOf(offsets->value.integers, at.i);
    auto key = documentOf(keyOffsets->value.integers, at.j);
    return Keep{query && key && *query == *key, sure};
  };
  auto check = [=](const Extents &) -> llvm::Error {
    for (const TensorRef &table : {offsets, keyOffsets})
      if (!llvm::is_sorted(table->value.integers))
        return opError(op, "has offsets that decrease; they must not");
    return llvm::Error::success();
  };
  return setMask(state, op, makeMask(predicate, check));
}

//===----------------------------------------------------------------------===//
// Dilated, block-sparse, dense, predicate
//===----------------------------------------------------------------------===//

static llvm::Error runDilated(Interpreter &state, MaskDilatedOp op) {
  int64_t stride = op.getStride();
  return setMask(state, op,
                 makeMask(
                     [=](const Pair &at, const Extents &) {
                       return Keep{(at.i - at.j) % stride == 0};
                     },
                     anySizes));
}

static llvm::Error runBlockSparse(Interpreter &state, MaskBlockSparseOp op) {
  TensorRef layout = state.tensor(op.getLayout());
  int64_t blockM = op.getBlock()[0], blockN = op.getBlock()[1];
  bool perHead = layout->value.getRank() == 3;
  auto predicate = [=](const Pair &at, const Extents &) {
    int64_t row = at.i / blockM, column = at.j / blockN;
    Scalar entry = perHead ? loadElement(*layout, {at.h, row, column})
                           : loadElement(*layout, {row, column});
    return Keep{entry.integer != 0, entry.isExact()};
  };
  auto check = [=](const Extents &sizes) -> llvm::Error {
    int64_t rows = llvm::divideCeil(sizes.queries, blockM);
    int64_t columns = llvm::divideCeil(sizes.keys, blockN);
    ArrayRef<int64_t> shape = layout->value.getShape();
    bool fits = shape[perHead] >= rows && shape[perHead + 1] >= columns &&
                (!perHead || shape[0] == sizes.heads);
    if (fits)
      return llvm::Error::success();
    return opError(op,
                   llvm::formatv("has a layout of sizes {0}; it needs {1} "
                                 "heads, {2} query blocks, {3} key blocks",
                                 shapeText(shape), sizes.heads, rows, columns));
  };
  return setMask(state, op, makeMask(predicate, check));
}

static llvm::Error runDense(Interpreter &state, MaskDenseOp op) {
  Value operand = op.getKeep();
  TensorRef keep = state.tensor(operand);
  auto predicate = [=](const Pair &at, const Extents &) {
    Scalar entry = loadBroadcast(operand, *keep, at);
    return Keep{entry.integer != 0, entry.isExact()};
  };
  auto check = [=](const Extents &sizes) {
    return checkBroadcast(op, operand, *keep, sizes);
  };
  return setMask(state, op, makeMask(predicate, check));
}

static llvm::Error runPredicate(Interpreter &state, MaskPredicateOp op) {
  SmallVector<RuntimeValue> captures;
  for (Value captured : op.getCaptured())
    captures.push_back(state.get(captured));
  return setMask(state, op, makeRegionMask(*op.getBody(), captures));
}

void reference::addMaskHandlers(HandlerTable &table) {
  table.add<MaskConstantOp, runConstant>();
  table.add<MaskCausalOp, runCausal>();
  table.add<MaskWindowOp, runWindow>();
  table.add<MaskPrefixOp, runPrefix>();
  table.add<MaskPaddingOp, runPadding>();
  table.add<MaskDocumentOp, runDocument>();
  table.add<MaskDocumentOffsetsOp, runDocumentOffsets>();
  table.add<MaskDilatedOp, runDilated>();
  table.add<MaskBlockSparseOp, runBlockSparse>();
  table.add<MaskDenseOp, runDense>();
  table.add<MaskPredicateOp, runPredicate>();
}
