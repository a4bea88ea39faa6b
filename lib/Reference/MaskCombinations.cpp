//===- MaskCombinations.cpp - And, or and not of masks ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Interpreter.h"

#include "attn/Dialect/Attn/IR/Attn.h"

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::reference;

namespace {
/// And (decided by the first that does not keep), or (by the first that does).
class CombinedMask : public Mask {
public:
  CombinedMask(SmallVector<MaskRef> masks, bool deciding)
      : masks(std::move(masks)), deciding(deciding) {}

  llvm::Error check(const Extents &sizes) const override {
    for (const MaskRef &mask : masks)
      if (llvm::Error error = mask->check(sizes))
        return error;
    return llvm::Error::success();
  }
  llvm::Expected<Keep> keeps(const Pair &pair,
                             const Extents &sizes) const override {
    Keep result{!deciding};
    for (const MaskRef &mask : masks) {
      llvm::Expected<Keep> keep = mask->keeps(pair, sizes);
      if (!keep)
        return keep;
      if (keep->kept == deciding && keep->sure)
        return Keep{deciding};
      result.sure &= keep->sure;
      if (keep->kept == deciding)
        result.kept = deciding;
    }
    return result;
  }

private:
  SmallVector<MaskRef> masks;
  bool deciding;
};

class NegatedMask : public Mask {
public:
  NegatedMask(MaskRef inner) : inner(std::move(inner)) {}

  llvm::Error check(const Extents &sizes) const override {
    return inner->check(sizes);
  }
  llvm::Expected<Keep> keeps(const Pair &pair,
                             const Extents &sizes) const override {
    llvm::Expected<Keep> keep = inner->keeps(pair, sizes);
    if (keep)
      keep->kept = !keep->kept;
    return keep;
  }

private:
  MaskRef inner;
};
} // namespace

template <typename OpTy, bool deciding>
static llvm::Error runCombination(Interpreter &state, OpTy op) {
  SmallVector<MaskRef> masks;
  for (Value operand : op.getOperands())
    masks.push_back(state.mask(operand));
  MaskRef combined = std::make_shared<CombinedMask>(std::move(masks), deciding);
  state.set(op.getResult(), std::move(combined));
  return llvm::Error::success();
}

static llvm::Error runNot(Interpreter &state, MaskNotOp op) {
  MaskRef negated = std::make_shared<NegatedMask>(state.mask(op.getOperand()));
  state.set(op.getResult(), std::move(negated));
  return llvm::Error::success();
}

void reference::addMaskCombinationHandlers(HandlerTable &table) {
  table.add<MaskAndOp, runCombination<MaskAndOp, false>>();
  table.add<MaskOrOp, runCombination<MaskOrOp, true>>();
  table.add<MaskNotOp, runNot>();
}
