//===- Attn.h - The attn dialect -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_IR_ATTN_H
#define ATTN_DIALECT_ATTN_IR_ATTN_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/TilingInterface.h"

namespace mlir::attn {
/// Global indices of a pair: batch, query head, query, key; each of type index.
struct PairIndices {
  Value b, h, i, j;
};

/// What one attention op iterates over: batch, query heads, queries, keys (each
/// `ShapedType::kDynamic` where not static), and the type of its scores.
struct PairSizes {
  int64_t b, h, m, n;
  Type accumulator;
};

/// What the size of one dimension of a capture must be.
struct SizeRule {
  /// What the dimension counts, in the order of PairIndices.
  enum Unit { Batch, Head, Query, Key };
  enum Relation {
    Equal,   ///< One entry per unit.
    AtLeast, ///< One entry per unit, or more.
    OneOr,   ///< A static size of 1, or one entry per unit.
  };

  Value capture;
  int64_t dim;
  StringRef what; ///< The entries, in the plural.
  Unit unit;
  Relation relation = Equal;
  int64_t block = 1; ///< Units that share an entry.
};
} // namespace mlir::attn

#include "attn/Dialect/Attn/IR/AttnDialect.h.inc"
#include "attn/Dialect/Attn/IR/AttnEnums.h.inc"

#define GET_TYPEDEF_CLASSES
#include "attn/Dialect/Attn/IR/AttnTypes.h.inc"

#define GET_ATTRDEF_CLASSES
#include "attn/Dialect/Attn/IR/AttnAttrs.h.inc"

#include "attn/Dialect/Attn/IR/AttnInterfaces.h.inc"

#define GET_OP_CLASSES
#include "attn/Dialect/Attn/IR/AttnOps.h.inc"

#endif // ATTN_DIALECT_ATTN_IR_ATTN_H
