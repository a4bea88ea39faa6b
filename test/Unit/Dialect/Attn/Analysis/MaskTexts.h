//===- MaskTexts.h - Masks of attn as text, with data -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_DIALECT_ATTN_ANALYSIS_MASKTEXTS_H
#define ATTN_TEST_UNIT_DIALECT_ATTN_ANALYSIS_MASKTEXTS_H

#include "ClassificationHarness.h"

namespace mlir::attn::test {

/// A mask, as ops of attn, on captures that depend on the sizes.
struct NamedMask {
  const char *name;
  std::string text;
  std::function<std::vector<Datum>(const Sizes &)> captures;
};

/// The vector of element(0) to element(count - 1).
Datum range(int64_t count, llvm::function_ref<int64_t(int64_t)> element);

/// The captures of a mask that has none.
std::vector<Datum> nothing(const Sizes &);

/// The document of a position; lengths of documents straddle tiles.
int64_t documentOf(int64_t position);

/// One ascending id for each position, by documents.
std::vector<Datum> sortedIds(const Sizes &);

/// The number of each position's document, and where documents start.
std::vector<Datum> offsetsOfDocuments(const Sizes &);

/// A function of `captures` around ops that define %m.
std::string ops(StringRef captures, StringRef body);

/// The same around one predicate, whose region defines %keep.
std::string predicate(StringRef captures, StringRef operands,
                      StringRef arguments, StringRef body);

/// Whether key %j is in the document of query %i, of which ids are %t and the
/// starts of documents %s.
constexpr StringLiteral kWithinOffsets =
    "%one = arith.constant 1 : index\n"
    "%id = attn.load %t[%i] : tensor<?xi32>\n"
    "%x = arith.index_cast %id : i32 to index\n"
    "%y = arith.addi %x, %one : index\n"
    "%lo = attn.load %s[%x] : tensor<?xi64>\n"
    "%hi = attn.load %s[%y] : tensor<?xi64>\n"
    "%k = arith.index_cast %j : index to i64\n"
    "%p = arith.cmpi sge, %k, %lo : i64\n"
    "%q = arith.cmpi slt, %k, %hi : i64\n"
    "%keep = arith.andi %p, %q : i1";

/// Rows ri and rj, columns ci and cj, that differ by r at most.
inline constexpr const char *kNearbyCells =
    "%dr = arith.subi %ri, %rj : index\n"
    "%dc = arith.subi %ci, %cj : index\n"
    "%ar = math.absi %dr : index\n"
    "%ac = math.absi %dc : index\n"
    "%p = arith.cmpi sle, %ar, %r : index\n"
    "%q = arith.cmpi sle, %ac, %r : index\n"
    "%keep = arith.andi %p, %q : i1";

} // namespace mlir::attn::test

#endif // ATTN_TEST_UNIT_DIALECT_ATTN_ANALYSIS_MASKTEXTS_H
