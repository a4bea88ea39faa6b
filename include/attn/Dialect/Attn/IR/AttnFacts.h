//===- AttnFacts.h - What is known of captured values -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_IR_ATTNFACTS_H
#define ATTN_DIALECT_ATTN_IR_ATTNFACTS_H

#include "attn/Dialect/Attn/IR/Attn.h"

#define GET_OP_CLASSES
#include "attn/Dialect/Attn/IR/AttnFactOps.h.inc"

namespace mlir::attn {

/// Replaces each attn.assume inside `root` by its value: for when the analysis
/// of masks is done.
void eraseAssumptions(Operation *root);

/// The name of the argument of a function that `value` comes from, by ops of
/// one operand, or the name that the location of one of these gives;
/// `otherwise` where there is none.
std::string getSourceName(Value value, const Twine &otherwise);

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_IR_ATTNFACTS_H
