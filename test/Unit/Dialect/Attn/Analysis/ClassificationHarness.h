//===- ClassificationHarness.h - Classification against brute force -----===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_DIALECT_ATTN_ANALYSIS_CLASSIFICATIONHARNESS_H
#define ATTN_TEST_UNIT_DIALECT_ATTN_ANALYSIS_CLASSIFICATIONHARNESS_H

#include "ScalarInterpreter.h"
#include "attn/Dialect/Attn/Analysis/TileClassification.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::attn::test {

struct Sizes {
  int64_t batches = 1, heads = 1, queries, keys, tileQueries, tileKeys;

  int64_t getBlockKeys() const {
    return tileKeys * TileClassifier::tilesPerBlock;
  }
  int64_t getBlocks() const { return llvm::divideCeil(keys, getBlockKeys()); }
};

/// What a classification says, against what the mask does on all pairs.
struct Outcome {
  unsigned tiles = 0;
  /// Tiles with a pair that the class denies; empty or full tiles called
  /// partial.
  unsigned unsound = 0, inexact = 0;
  /// Rows of tiles whose key bounds cut off what is kept, or call full what is
  /// not; those whose bounds are not the tightest, in whole tiles.
  unsigned unsoundBounds = 0, looseBounds = 0;
  /// Blocks called empty that keep a pair.
  unsigned unsoundBlocks = 0;
  /// The first trap, or the first fault, in words.
  std::string fault;

  bool isSound() const {
    return unsound == 0 && unsoundBounds == 0 && unsoundBlocks == 0 &&
           fault.empty();
  }
  bool isExact() const { return isSound() && inexact == 0; }
  Outcome &operator+=(const Outcome &other);
};

/// A context with the dialects of the tests.
std::unique_ptr<MLIRContext> makeContext();

/// A function @mask(captures...) whose body's last mask op is the mask. Its
/// predicate as a function @predicate(b, h, i, j, captures...) -> i1.
OwningOpRef<ModuleOp> parseMask(MLIRContext &context, StringRef text);

/// Classifies the region of @predicate in `module` for `captures`, after
/// `plant`, if given, has changed the emitted functions.
Outcome classify(ModuleOp module, const std::vector<Datum> &captures,
                 const Sizes &sizes,
                 function_ref<void(func::FuncOp)> plant = nullptr);

Datum makeTensor(std::vector<int64_t> shape, std::vector<int64_t> data);
Datum makeInteger(int64_t value);

} // namespace mlir::attn::test

#endif // ATTN_TEST_UNIT_DIALECT_ATTN_ANALYSIS_CLASSIFICATIONHARNESS_H
