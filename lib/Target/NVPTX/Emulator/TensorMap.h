//===- TensorMap.h - How copies of boxes read a tensor ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TARGET_NVPTX_EMULATOR_TENSORMAP_H
#define ATTN_LIB_TARGET_NVPTX_EMULATOR_TENSORMAP_H

#include <cstdint>

namespace mlir::attn::emulator {

/// The emulator's form of the driver's 128 bytes.
struct TensorMap {
  static constexpr uint64_t validMark = 0x70616d726f736e74;
  static constexpr unsigned maxRank = 5;

  uint64_t mark; ///< `validMark`, or what is here is no map.
  char *data;
  uint32_t rank, elementBytes;
  uint32_t box[maxRank];    ///< Innermost first.
  uint32_t sizes[maxRank];  ///< In elements.
  int64_t strides[maxRank]; ///< In bytes.
};

} // namespace mlir::attn::emulator

#endif // ATTN_LIB_TARGET_NVPTX_EMULATOR_TENSORMAP_H
