//===- AttributeNames.h - Discardable attributes ----------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All that the dialect knows, so that a misspelt one is refused. What decides
// results is an attribute of the op itself, in its definition; of these, those
// on attn.attend, attn.attend_tile and linalg ops are hints: whoever drops one
// loses speed, not results.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_IR_ATTRIBUTENAMES_H
#define ATTN_DIALECT_ATTN_IR_ATTRIBUTENAMES_H

#include "llvm/ADT/StringRef.h"

namespace mlir::attn {

/// On an attention op, an index: query heads per key/value head. Where the
/// types do not show it, plans for such groups serve any number of heads; a
/// call with others is refused.
inline constexpr llvm::StringLiteral groupSizeAttr = "attn.group";

/// On attn.attend, a dictionary: its `TilePlan`.
inline constexpr llvm::StringLiteral planAttr = "attn.plan";

/// On attn.attend, f64: compatibilities times scale are within it, or NaN.
inline constexpr llvm::StringLiteral scoreBoundAttr = "attn.score_bound";

/// On attn.attend_tile: scores are bounded so near the maximum that is given
/// that it may stay.
inline constexpr llvm::StringLiteral boundedScoresAttr = "attn.bounded";

/// On attn.attend_tile: where a score exceeds a maximum, those that are not
/// -inf may rise beyond the scores by `lazyMargin`, so that they rise seldom.
inline constexpr llvm::StringLiteral lazyMaximumAttr = "attn.lazy";

/// On attn.attend_tile, an index: `TilePlan::ahead`, where it is not 0. On a
/// linalg op: how many rows ahead it fetches its operands `streamedAttr`.
inline constexpr llvm::StringLiteral rowsAheadAttr = "attn.ahead";

/// On attn.attend_tile with `rowsAheadAttr`: the steps of its products fetch
/// keys and values in equal shares, in the order in which they lie.
inline constexpr llvm::StringLiteral spreadAttr = "attn.spread";

/// On attn.attend_tile: its keys and values are multiplied as they lie on tile
/// registers.
inline constexpr llvm::StringLiteral unpackedAttr = "attn.unpacked";

/// On scf.forall, an index: `TilePlan::interleave`, where it is not 1.
inline constexpr llvm::StringLiteral interleaveAttr = "attn.interleave";

/// On a linalg op, an array of i64: the inputs that come from memory.
inline constexpr llvm::StringLiteral streamedAttr = "attn.streamed";

/// On math.exp2: its operand is not above 0, unless it is NaN.
inline constexpr llvm::StringLiteral nonPositiveAttr = "attn.nonpositive";

/// On a module: its kernels are emulated, so that its tensors lie in the memory
/// of the host.
inline constexpr llvm::StringLiteral emulatedAttr = "attn.emulated";

/// On a module, a string: the target that phases have chosen instructions for.
inline constexpr llvm::StringLiteral targetAttr = "attn.target";

/// On a kernel: the chips whose images have it, those of all others lacking it.
inline constexpr llvm::StringLiteral kernelChipsAttr = "attn.chips";

/// On functions, their arguments and results.
namespace abi {
/// On an argument or result: the name that a user knows it by.
inline constexpr llvm::StringLiteral name = "attn.name";
/// On an argument: the function writes it.
inline constexpr llvm::StringLiteral result = "attn.result";
/// On an argument, an array of strings: the names of its sizes.
inline constexpr llvm::StringLiteral dims = "attn.dims";
/// On an argument, a float: the standard deviation of random values for it.
inline constexpr llvm::StringLiteral spread = "attn.spread";
/// On a function: "shapes" or "workspace"; absent for a compiled function.
inline constexpr llvm::StringLiteral entry = "attn.entry";
/// On a private function: the body of an `attn.parallel`, which alone calls it.
inline constexpr llvm::StringLiteral body = "attn.body";
/// On a function with a call frame: its specification for the runtime (see
/// attn/Runtime/Layout.h) and the names in it.
inline constexpr llvm::StringLiteral spec = "attn.spec";
inline constexpr llvm::StringLiteral names = "attn.names";
} // namespace abi

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_IR_ATTRIBUTENAMES_H
