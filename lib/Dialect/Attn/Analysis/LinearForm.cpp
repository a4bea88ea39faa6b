//===- LinearForm.cpp - Linear forms over the terms of a mask ---*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinearForm.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir::attn;

LinearForm LinearForm::ofConstant(int64_t value) {
  LinearForm form;
  form.constant = value;
  return form;
}

LinearForm LinearForm::ofTerm(unsigned term) {
  LinearForm form;
  form.summands.push_back({term, 1});
  return form;
}

std::optional<unsigned> LinearForm::getSingleTerm() const {
  if (constant != 0 || summands.size() != 1 || summands[0].second != 1)
    return std::nullopt;
  return summands[0].first;
}

LinearForm LinearForm::plus(int64_t value) const {
  LinearForm form = *this;
  form.constant += value;
  return form;
}

LinearForm LinearForm::negated() const {
  LinearForm form = *this;
  form.constant = -constant;
  for (Summand &summand : form.summands)
    summand.second = -summand.second;
  return form;
}

void mlir::attn::mergePremises(llvm::SmallVectorImpl<unsigned> &into,
                               llvm::ArrayRef<unsigned> from) {
  into.append(from.begin(), from.end());
  llvm::sort(into);
  into.erase(std::unique(into.begin(), into.end()), into.end());
}

std::optional<LinearForm> mlir::attn::addScaled(const LinearForm &lhs,
                                                int64_t factor,
                                                const LinearForm &rhs) {
  auto combine = [&](int64_t left, int64_t right) -> std::optional<int64_t> {
    Wide value = Wide(left) + Wide(factor) * Wide(right);
    if (value < -kFormLimit || value > kFormLimit)
      return std::nullopt;
    return static_cast<int64_t>(value);
  };
  LinearForm result;
  std::optional<int64_t> constant = combine(lhs.constant, rhs.constant);
  if (!constant)
    return std::nullopt;
  result.constant = *constant;
  result.premises = lhs.premises;
  mergePremises(result.premises, rhs.premises);
  auto left = lhs.summands.begin(), right = rhs.summands.begin();
  while (left != lhs.summands.end() || right != rhs.summands.end()) {
    bool takeLeft = right == rhs.summands.end() ||
                    (left != lhs.summands.end() && left->first <= right->first);
    bool takeRight =
        left == lhs.summands.end() ||
        (right != rhs.summands.end() && right->first <= left->first);
    unsigned term = takeLeft ? left->first : right->first;
    std::optional<int64_t> coefficient =
        combine(takeLeft ? left->second : 0, takeRight ? right->second : 0);
    if (!coefficient)
      return std::nullopt;
    if (*coefficient != 0)
      result.summands.push_back({term, *coefficient});
    left += takeLeft;
    right += takeRight;
  }
  return result;
}
