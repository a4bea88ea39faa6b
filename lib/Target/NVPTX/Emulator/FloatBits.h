//===- FloatBits.h - The short floating-point types as bits -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TARGET_NVPTX_EMULATOR_FLOATBITS_H
#define ATTN_LIB_TARGET_NVPTX_EMULATOR_FLOATBITS_H

#include <cmath>
#include <cstdint>
#include <cstring>

namespace mlir::attn::emulator {

inline float bitsToFloat(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}
inline uint32_t floatToBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

inline float fromBF16(uint16_t bits) {
  return bitsToFloat(uint32_t(bits) << 16);
}

/// Rounds to nearest, ties to even; NaN becomes the GPU's one, 0x7fff.
inline uint16_t toBF16(float value) {
  uint32_t bits = floatToBits(value);
  if (std::isnan(value))
    return 0x7fff;
  return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

/// Exact: the exponent is moved by a multiplication, which denormals survive.
inline float fromF16(uint16_t bits) {
  uint32_t magnitude = bits & 0x7fff, sign = uint32_t(bits & 0x8000) << 16;
  if (magnitude >= 0x7c00)
    return bitsToFloat(sign | 0x7f800000 | magnitude << 13);
  return bitsToFloat(sign |
                     floatToBits(bitsToFloat(magnitude << 13) * 0x1p112f));
}

/// Rounds to nearest, ties to even.
inline uint16_t toF16(float value) {
  uint32_t bits = floatToBits(value);
  uint16_t sign = bits >> 16 & 0x8000;
  float magnitude = std::fabs(value);
  if (std::isnan(value))
    return 0x7fff;
  if (magnitude >= 65520)
    return sign | 0x7c00;
  // Added to this, a number loses just the bits that f16 does not hold.
  int exponent = magnitude < 0x1p-14f ? -14 : std::ilogb(magnitude);
  float unit = std::ldexp(1.0f, exponent - 10);
  auto steps = static_cast<uint32_t>(std::nearbyint(magnitude / unit));
  return sign | (steps + ((exponent + 14) << 10));
}

/// The 19 bits that tensor cores read of an f32.
inline float fromTF32(uint32_t bits) { return bitsToFloat(bits & 0xffffe000); }

} // namespace mlir::attn::emulator

#endif // ATTN_LIB_TARGET_NVPTX_EMULATOR_FLOATBITS_H
