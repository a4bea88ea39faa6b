//===- AttentionCore.h - Attention of every row -----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_REFERENCE_ATTENTIONCORE_H
#define ATTN_LIB_REFERENCE_ATTENTIONCORE_H

#include "Interpreter.h"
#include "attn/Dialect/Attn/IR/Attn.h"

namespace mlir::attn::reference {

/// Where the rows of one operand lie: element (b, h, row, feature) is at
/// batch[b] + head[h] + row * rowStride + feature * featureStride, h being the
/// query head.
struct HeadView {
  SmallVector<int64_t> batch, head;
  int64_t rows = 0, rowStride = 0;
  int64_t features = 0, featureStride = 0;

  int64_t offset(int64_t b, int64_t h, int64_t row, int64_t feature) const {
    return batch[b] + head[h] + row * rowStride + feature * featureStride;
  }
};

/// The rows of one (b, h), copied together.
struct Rows {
  int64_t features = 0;
  std::vector<double> values, bounds; ///< No bounds: all 0.

  Rows() = default;
  Rows(const ReferenceResult &tensor, const HeadView &view, int64_t b,
       int64_t h);
  const double *row(int64_t index) const {
    return values.data() + index * features;
  }
  /// Null where the values are exact.
  const double *rowBounds(int64_t index) const {
    return bounds.empty() ? nullptr : bounds.data() + index * features;
  }
};

/// A query and a key of one head.
struct RowPair {
  const double *query, *key;
  const double *queryBound, *keyBound; ///< Null where exact.
  int64_t features;
  int64_t head;
};

/// The score of a pair before its modifiers, scale included (or, for kernels
/// that are summed, its weight).
class PairScore {
public:
  virtual ~PairScore() = default;
  virtual Scalar compute(const RowPair &pair) const = 0;
};

/// One attention, whatever op states it.
struct AttentionProblem {
  Operation *op = nullptr;
  Type accumulator, outputType, weightsType;
  Extents sizes;
  TensorRef query, key, value;
  HeadView queryView, keyView, valueView;
  const PairScore *score = nullptr;
  SmallVector<ScoreModifierRef> modifiers;
  MaskRef mask;
  Normalizer normalizer = Normalizer::Softmax;
  SmallVector<Scalar> sink;       ///< By query head; empty for none.
  Pair origin;                    ///< Added to local indices b, i, j.
  SmallVector<int64_t> globalHead; ///< By query head; empty for the identity.
};

/// What is asked for beside output and LSE.
struct AttentionWishes {
  bool weights = false, entropy = false, received = false;
  int64_t top = 0;     ///< How many of the largest weights; 0 for none.
  Type topWeightsType, topKeysType; ///< Where `top` is not 0.
};

/// Results in order (b, h, i, ...).
struct AttentionResult {
  ReferenceResult output;  ///< (B, H, M, Dv)
  ReferenceResult lse;     ///< (B, H, M)
  /// Where they were asked for:
  ReferenceResult weights;  ///< (B, H, M, N)
  ReferenceResult entropy;  ///< (B, H, M)
  ReferenceResult received; ///< (B, H, N)
  ReferenceResult topWeights, topKeys; ///< (B, H, M, top)
};

/// Evaluates every row (`attention_m3` to `attention_m13`) with its error bound
/// (`tolerance_m1`).
llvm::Expected<AttentionResult> attend(const AttentionProblem &problem,
                                       const AttentionWishes &wishes);

/// One row's pairs that contribute, with scores (or summed kernels).
struct Candidate {
  int64_t j;
  Scalar score;
};

/// One row: its pairs, and where its results go.
struct RowInput {
  ArrayRef<Candidate> candidates;
  std::optional<Scalar> sink;
  bool unsure = false; ///< A pair may or may not be there: no bound holds.
};
struct RowOutput {
  MutableArrayRef<double> output, outputBound;
  Scalar lse;
  SmallVector<Scalar> weights; ///< By candidate, where asked for.
};

/// A row with its LSE and weights, for what is said of weights.
struct RowWeights {
  const AttentionProblem &problem;
  ArrayRef<Candidate> candidates;
  ArrayRef<Scalar> weights; ///< By candidate.
  Scalar lse;
  bool unsure;
};

/// `attention_m14`.
Scalar entropyOf(const RowWeights &row);
/// What the row adds to `attention_m15`, by candidate.
Scalar receivedFrom(const RowWeights &row, size_t candidate);
/// `attention_m16`: by rank, a weight and a key.
void selectTop(const RowWeights &row, Type weightsType,
               MutableArrayRef<Scalar> weights, MutableArrayRef<Scalar> keys);

/// Normalises a row and sums its values.
void normalizeRow(const AttentionProblem &problem, const RowInput &input,
                  const Rows &values, bool wantWeights, RowOutput &result);

} // namespace mlir::attn::reference

#endif // ATTN_LIB_REFERENCE_ATTENTIONCORE_H
