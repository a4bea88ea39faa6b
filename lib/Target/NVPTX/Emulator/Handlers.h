//===- Handlers.h - What each device instruction does -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TARGET_NVPTX_EMULATOR_HANDLERS_H
#define ATTN_LIB_TARGET_NVPTX_EMULATOR_HANDLERS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <optional>

#include <cstdint>

namespace mlir::attn::emulator {

/// Executes one instruction for the running thread. `result` and `arguments`
/// lie in memory, the latter as a struct; `site` numbers the instruction.
using HandlerFunction = void (*)(void *result, void *arguments, uint32_t site);

struct Handler {
  /// Of the intrinsic after "llvm.nvvm.", or "asm " and the opcode of an inline
  /// assembly.
  llvm::StringLiteral name;
  HandlerFunction run;
};

llvm::ArrayRef<Handler> getScalarHandlers(); ///< Registers, conversions, math.
llvm::ArrayRef<Handler> getWarpHandlers();   ///< Shuffles, votes, barriers.
llvm::ArrayRef<Handler> getMatrixHandlers(); ///< ldmatrix, stmatrix, mma.sync.
llvm::ArrayRef<Handler> getCopyHandlers();   ///< cp.async.

/// cp.async.bulk.tensor.
llvm::ArrayRef<Handler> getBulkCopyHandlers();

/// wgmma, mbarrier, setmaxnreg.
llvm::ArrayRef<Handler> getWarpgroupHandlers();

/// The form of a wgmma: what its text says beside its operands. Handlers get it
/// as 64 bits before these.
struct ProductForm {
  unsigned columns = 0;
  bool isBF16 = false;            ///< Else f16.
  bool leftInRegisters = false;   ///< Else in shared memory.
  bool accumulates = false;       ///< Else sums start with 0.
  bool rightRowsAreDepth = false; ///< Rows of B in memory, else its columns.

  /// Reads an instruction; nullopt for one that is not emulated.
  static std::optional<ProductForm> parse(llvm::StringRef text);

  uint64_t encode() const {
    return uint64_t(columns) << 4 | isBF16 << 3 | leftInRegisters << 2 |
           accumulates << 1 | rightRowsAreDepth;
  }
  static ProductForm decode(uint64_t bits) {
    return {unsigned(bits >> 4), (bits & 8) != 0, (bits & 4) != 0,
            (bits & 2) != 0, (bits & 1) != 0};
  }
};

/// The handler of that name, or null.
const Handler *findHandler(llvm::StringRef name);
/// The handler of an inline assembly, or null.
const Handler *findAssemblyHandler(llvm::StringRef text);

/// The value of a handler's argument struct.
template <typename T>
const T &as(const void *arguments) {
  return *static_cast<const T *>(arguments);
}
template <typename T>
T &resultAs(void *result) {
  return *static_cast<T *>(result);
}

} // namespace mlir::attn::emulator

#endif // ATTN_LIB_TARGET_NVPTX_EMULATOR_HANDLERS_H
