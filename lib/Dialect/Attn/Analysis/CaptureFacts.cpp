//===- CaptureFacts.cpp - What is known of a captured value -----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/Analysis/CaptureFacts.h"

#include "attn/Dialect/Attn/IR/AttnFacts.h"

using namespace mlir;
using namespace mlir::attn;

CaptureFacts CaptureFacts::of(Value value) {
  CaptureFacts facts;
  while (auto op = value.getDefiningOp<AssumeOp>()) {
    facts.ascending |= op.getAscending();
    facts.proved &= op.getProved();
    if (std::optional<int64_t> bound = op.getAtLeast())
      facts.atLeast = std::max(*bound, facts.atLeast.value_or(*bound));
    if (std::optional<int64_t> bound = op.getAtMost())
      facts.atMost = std::min(*bound, facts.atMost.value_or(*bound));
    value = op.getValue();
  }
  return facts;
}

SmallVector<CaptureFacts> attn::getCaptureFacts(ValueRange captures) {
  return llvm::map_to_vector(captures, CaptureFacts::of);
}
