//===- AttentionOps.h - What graph ops share --------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_REFERENCE_ATTENTIONOPS_H
#define ATTN_LIB_REFERENCE_ATTENTIONOPS_H

#include "AttentionCore.h"
#include "attn/Dialect/Attn/IR/AttentionShape.h"

namespace mlir::attn::reference {

/// Where the rows of a tensor in `layout` lie, seen from query heads of which
/// `group` share one head of the tensor.
HeadView viewOf(ArrayRef<int64_t> shape, const AttentionLayout &layout,
                int64_t queryHeads, int64_t group);

/// Writes elements in order (b, h, row, feature) to where `view` has them;
/// `sizes` are those of b and h.
void scatter(const ReferenceResult &source, ArrayRef<int64_t> sizes,
             const HeadView &view, ReferenceResult &target);

/// Refuses `lhs` and `rhs` of `left` and `right` where they differ.
llvm::Error checkEqual(Operation *op, StringRef what, StringRef left,
                       int64_t lhs, StringRef right, int64_t rhs);

/// Tensors of an attention op.
struct Operands {
  AttentionLayout layout;
  TensorRef query, key, value;
  int64_t keyHeads = 1;
};

/// Fills in all that attention ops share; query and key may be replaced by
/// projected ones. Refuses sizes that do not fit together.
llvm::Expected<AttentionProblem>
makeProblem(Interpreter &state, AttentionOpInterface op, Operands &operands);

/// Sets the views of `problem`, evaluates it and gives the results their
/// layout.
llvm::Error finish(Interpreter &state, AttentionOpInterface op,
                   const Operands &operands, AttentionProblem &problem);

/// 1/sqrt(D), and 1 for D = 0 (`attention_m12`).
double defaultScale(int64_t features);

/// sum_k lhs rhs of factors of type `element`, accumulated for a result of
/// `type` in any order and stored in it.
Scalar contract(Type element, Type type, ArrayRef<Scalar> lhs,
                ArrayRef<Scalar> rhs);

} // namespace mlir::attn::reference

#endif // ATTN_LIB_REFERENCE_ATTENTIONOPS_H
