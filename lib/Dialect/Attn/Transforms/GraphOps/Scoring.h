//===- Scoring.h - What differs between attention ops -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_SCORING_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_SCORING_H

#include "CanonicalLayout.h"

namespace mlir::attn {

/// How one attention op scores and normalises.
struct Scoring {
  Compatibility compatibility = Compatibility::Dot;
  Normalizer normalizer = Normalizer::Softmax;
  double scale = 1.0;
  /// What is scored: the op's operands, projected where it projects them.
  Value query, key;
  Value featureWeight; ///< Of additive scoring, else null.
  /// Compatibilities times scale are within it; nullopt where nothing is known.
  std::optional<double> bound;
  Value sink; ///< One logit per query head, or null.
  /// What `prologue` reads.
  SmallVector<Value> captures;
  /// What happens to a score before the modifiers; null for nothing.
  std::function<Value(OpBuilder &, Value score, const PairIndices &,
                      const IRMapping &)>
      prologue;
  /// A mask outside of which weights are 0 whatever scores are; null for none.
  std::function<Value(OpBuilder &, const CanonicalLayout &)> support;

  /// Emits, at the builder, what `op` needs before attention, with requirements
  /// on its sizes. Fails on an op that is not known, with an error.
  static FailureOr<Scoring> get(OpBuilder &builder, AttentionOpInterface op);
};

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_SCORING_H
