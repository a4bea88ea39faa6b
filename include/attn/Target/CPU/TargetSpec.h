//===- TargetSpec.h - What a CPU offers to compiled functions -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_CPU_TARGETSPEC_H
#define ATTN_TARGET_CPU_TARGETSPEC_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace mlir::attn {

/// A CPU as tile choice and the micro-kernel lowering see it.
struct TargetSpec {
  std::string name;     ///< As given to `parse`.
  std::string triple;   ///< LLVM triple.
  std::string cpu;      ///< LLVM CPU name.
  std::string features; ///< LLVM feature string, "+a,-b".

  unsigned vectorBits = 128;
  unsigned vectorRegisters = 16;
  /// Registers that hold scalars which vectors are multiplied by; elsewhere
  /// instructions take them from memory, or each right before it is used.
  unsigned scalarRegisters = 0;
  bool hasFMA = false;         ///< Fused multiply-add on vectors.
  bool hasBF16Dot = false;     ///< vdpbf16ps.
  bool hasBF16Convert = false; ///< vcvtne2ps2bf16.
  /// Tile registers of 16 rows of 64 bytes and products of tiles of bf16 in
  /// f32, tdpbf16ps.
  bool hasBF16Tiles = false;
  bool hasScale = false; ///< vreduceps and vscalefps.
  /// Whether hardware that fetches ahead what is read in order reads memory
  /// faster than instructions that fetch do.
  bool followsReads = false;
  /// Data caches: this machine's for `native`, else what most CPUs have.
  unsigned l1Bytes = 32 * 1024;
  unsigned l2Bytes = 512 * 1024;
  unsigned l3Bytes = 16 * 1024 * 1024;

  /// Lanes of a vector of elements of `bits`.
  unsigned lanes(unsigned bits) const { return vectorBits / bits; }

  /// Reads `native`, `CPU[,+feature...]` for this machine's architecture, or
  /// `x86-64:CPU`, `aarch64:CPU`. The error names what is unknown: an
  /// architecture, a CPU or a feature.
  static llvm::Expected<TargetSpec> parse(llvm::StringRef target);
};

} // namespace mlir::attn

#endif // ATTN_TARGET_CPU_TARGETSPEC_H
