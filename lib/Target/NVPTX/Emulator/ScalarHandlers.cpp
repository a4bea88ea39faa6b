//===- ScalarHandlers.cpp - Registers, conversions, math -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FloatBits.h"
#include "Handlers.h"
#include "Machine.h"

using namespace mlir::attn::emulator;

//===----------------------------------------------------------------------===//
// Special registers
//===----------------------------------------------------------------------===//

enum class Register { Tid, CtaId, NTid, NCtaId };

template <Register kind>
static Dim3 readRegister() {
  Machine &machine = Machine::get();
  switch (kind) {
  case Register::Tid:
    return machine.thread().index;
  case Register::CtaId:
    return machine.getBlockIndex();
  case Register::NTid:
    return machine.getLaunch().block;
  case Register::NCtaId:
    return machine.getLaunch().grid;
  }
}

template <Register kind, unsigned Dim3::*axis>
static void special(void *result, void *, uint32_t) {
  resultAs<uint32_t>(result) = readRegister<kind>().*axis;
}

template <unsigned Thread::*field>
static void ofThread(void *result, void *, uint32_t) {
  resultAs<uint32_t>(result) = Machine::get().thread().*field;
}

//===----------------------------------------------------------------------===//
// Math
//===----------------------------------------------------------------------===//

/// .ftz: denormals are zeros of their sign.
static float flush(float value) {
  return std::fpclassify(value) == FP_SUBNORMAL ? std::copysign(0.0f, value)
                                                : value;
}

template <float (*function)(float)>
static void approximate(void *result, void *arguments, uint32_t) {
  resultAs<float>(result) = function(as<float>(arguments));
}
template <float (*function)(float)>
static void approximateFlushed(void *result, void *arguments, uint32_t) {
  resultAs<float>(result) = flush(function(flush(as<float>(arguments))));
}

static float reciprocal(float value) { return 1 / value; }
static float reciprocalRoot(float value) { return 1 / std::sqrt(value); }
static float exp2Of(float value) { return std::exp2(value); }
static float log2Of(float value) { return std::log2(value); }
static float tanhOf(float value) { return std::tanh(value); }
static float rootOf(float value) { return std::sqrt(value); }

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

/// The first operand becomes the upper half.
template <uint16_t (*round)(float)>
static void packPair(void *result, void *arguments, uint32_t) {
  const float *values = static_cast<const float *>(arguments);
  resultAs<uint32_t>(result) =
      uint32_t(round(values[0])) << 16 | round(values[1]);
}

static void roundToBF16(void *result, void *arguments, uint32_t) {
  resultAs<uint16_t>(result) = toBF16(as<float>(arguments));
}

/// To nearest, ties away from zero.
static void roundToTF32(void *result, void *arguments, uint32_t) {
  uint32_t bits = as<uint32_t>(arguments);
  bool finite = (bits & 0x7f800000) != 0x7f800000;
  resultAs<uint32_t>(result) = (finite ? bits + 0x1000 : bits) & 0xffffe000;
}

/// Picks four of the eight bytes of a pair.
static void permuteBytes(void *result, void *arguments, uint32_t) {
  struct Arguments {
    uint32_t low, high, selector;
  };
  const auto &given = as<Arguments>(arguments);
  uint64_t bytes = uint64_t(given.high) << 32 | given.low;
  uint32_t picked = 0;
  for (unsigned i = 0; i < 4; ++i) {
    unsigned nibble = given.selector >> 4 * i & 0xf;
    auto byte = static_cast<uint8_t>(bytes >> 8 * (nibble & 7));
    if (nibble & 8)
      byte = byte & 0x80 ? 0xff : 0;
    picked |= uint32_t(byte) << 8 * i;
  }
  resultAs<uint32_t>(result) = picked;
}

llvm::ArrayRef<Handler> mlir::attn::emulator::getScalarHandlers() {
  static const Handler handlers[] = {
      {"read.ptx.sreg.tid.x", special<Register::Tid, &Dim3::x>},
      {"read.ptx.sreg.tid.y", special<Register::Tid, &Dim3::y>},
      {"read.ptx.sreg.tid.z", special<Register::Tid, &Dim3::z>},
      {"read.ptx.sreg.ctaid.x", special<Register::CtaId, &Dim3::x>},
      {"read.ptx.sreg.ctaid.y", special<Register::CtaId, &Dim3::y>},
      {"read.ptx.sreg.ctaid.z", special<Register::CtaId, &Dim3::z>},
      {"read.ptx.sreg.ntid.x", special<Register::NTid, &Dim3::x>},
      {"read.ptx.sreg.ntid.y", special<Register::NTid, &Dim3::y>},
      {"read.ptx.sreg.ntid.z", special<Register::NTid, &Dim3::z>},
      {"read.ptx.sreg.nctaid.x", special<Register::NCtaId, &Dim3::x>},
      {"read.ptx.sreg.nctaid.y", special<Register::NCtaId, &Dim3::y>},
      {"read.ptx.sreg.nctaid.z", special<Register::NCtaId, &Dim3::z>},
      {"read.ptx.sreg.laneid", ofThread<&Thread::lane>},
      {"read.ptx.sreg.warpid", ofThread<&Thread::warp>},
      {"ex2.approx.f32", approximate<exp2Of>},
      {"ex2.approx.f", approximate<exp2Of>},
      {"ex2.approx.ftz.f32", approximateFlushed<exp2Of>},
      {"ex2.approx.ftz.f", approximateFlushed<exp2Of>},
      {"asm ex2.approx.f32", approximate<exp2Of>},
      {"asm ex2.approx.ftz.f32", approximateFlushed<exp2Of>},
      {"lg2.approx.f", approximate<log2Of>},
      {"lg2.approx.ftz.f", approximateFlushed<log2Of>},
      {"asm lg2.approx.ftz.f32", approximateFlushed<log2Of>},
      {"rcp.approx.ftz.f", approximateFlushed<reciprocal>},
      {"rcp.rn.f", approximate<reciprocal>},
      {"asm rcp.approx.ftz.f32", approximateFlushed<reciprocal>},
      {"rsqrt.approx.f", approximate<reciprocalRoot>},
      {"rsqrt.approx.ftz.f", approximateFlushed<reciprocalRoot>},
      {"sqrt.approx.f", approximate<rootOf>},
      {"sqrt.approx.ftz.f", approximateFlushed<rootOf>},
      {"tanh.approx.f32", approximate<tanhOf>},
      {"asm tanh.approx.f32", approximate<tanhOf>},
      {"ff2bf16x2.rn", packPair<toBF16>},
      {"asm cvt.rn.bf16x2.f32", packPair<toBF16>},
      {"ff2f16x2.rn", packPair<toF16>},
      {"asm cvt.rn.f16x2.f32", packPair<toF16>},
      {"f2bf16.rn", roundToBF16},
      {"f2tf32.rna", roundToTF32},
      {"asm cvt.rna.tf32.f32", roundToTF32},
      {"prmt", permuteBytes},
  };
  return handlers;
}
