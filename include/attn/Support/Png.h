//===- Png.h - Pictures of a few colours ------------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_SUPPORT_PNG_H
#define ATTN_SUPPORT_PNG_H

#include "llvm/ADT/ArrayRef.h"
#include <array>
#include <cstdint>
#include <string>

namespace mlir::attn {

/// Red, green, blue.
using Colour = std::array<uint8_t, 3>;

/// The bytes of a PNG file: `pixels`, row by row from the top, are indices into
/// `palette`, which has at most four colours.
std::string encodePng(uint32_t width, uint32_t height,
                      llvm::ArrayRef<uint8_t> pixels,
                      llvm::ArrayRef<Colour> palette);

} // namespace mlir::attn

#endif // ATTN_SUPPORT_PNG_H
