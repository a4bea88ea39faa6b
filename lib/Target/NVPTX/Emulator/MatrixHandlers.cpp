//===- MatrixHandlers.cpp - ldmatrix, stmatrix, mma.sync -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Fragments are laid out as the PTX manual draws them for mma.m16n8k8 and
// mma.m16n8k16. With g = lane / 4 and t = lane % 4, a register of two 16-bit
// elements i of A holds row g + 8 (i % 2), columns 2 t + 8 (i / 2) and the
// next; register i of B holds rows 2 t + 8 i and the next of column g; element
// i of C and D is row g + 8 (i / 2), column 2 t + i % 2. Registers of one
// 32-bit element hold columns t + 4 (i / 2) of A and rows t + 4 i of B.
//
//===----------------------------------------------------------------------===//

#include "FloatBits.h"
#include "Handlers.h"
#include "Machine.h"

using namespace mlir::attn::emulator;

constexpr uint32_t allLanes = 0xffffffff;

//===----------------------------------------------------------------------===//
// ldmatrix, stmatrix
//===----------------------------------------------------------------------===//

/// Row r of matrix m lies where lane 8 m + r says.
template <unsigned count>
static void countRows(Machine &machine, void **arguments, uint32_t site) {
  for (unsigned matrix = 0; matrix < count; ++matrix) {
    uintptr_t rows[8];
    for (unsigned row = 0; row < 8; ++row)
      rows[row] = as<uintptr_t>(arguments[8 * matrix + row]);
    machine.getTraffic().noteShared(site, rows, 16);
  }
}

/// Checks the row that the running thread addresses, if it does.
static void checkRow(uintptr_t address, unsigned matrices, bool store,
                     uint32_t site) {
  Machine &machine = Machine::get();
  Thread &self = machine.thread();
  if (self.lane >= 8 * matrices)
    return;
  MemoryRange &range = machine.locate(address, 16, store, 16, site);
  if (!range.shared)
    machine.stop(Finding::OutOfBounds,
                 "takes a matrix from " +
                     machine.getMemory().describe(address, 16) +
                     ", which is no shared memory,",
                 site);
  machine.report(range.shadow.note(address, 16, store, /*atomic=*/false,
                                   self.id, machine.getClocks()),
                 range, store, site);
}

/// Element e of register m of a lane.
template <bool transposed>
static uint16_t &element(uint16_t *const *rows, unsigned matrix, unsigned lane,
                         unsigned e) {
  unsigned row = transposed ? 2 * (lane % 4) + e : lane / 4;
  unsigned column = transposed ? lane / 4 : 2 * (lane % 4) + e;
  return rows[8 * matrix + row][column];
}

template <unsigned count, bool transposed>
static void loadMatrix(void *result, void *arguments, uint32_t site) {
  checkRow(as<uintptr_t>(arguments), count, /*store=*/false, site);
  Machine &machine = Machine::get();
  machine.meetWarp(allLanes, site, result, arguments,
                   [&](void **results, void **all) {
                     countRows<count>(machine, all, site);
                     uint16_t *rows[8 * count];
                     for (unsigned i = 0; i < 8 * count; ++i)
                       rows[i] = as<uint16_t *>(all[i]);
                     for (unsigned lane = 0; lane < warpSize; ++lane)
                       for (unsigned i = 0; i < 2 * count; ++i)
                         static_cast<uint16_t *>(results[lane])[i] =
                             element<transposed>(rows, i / 2, lane, i % 2);
                   });
}

/// The argument struct has the address, then a register for each matrix.
template <unsigned count, bool transposed>
static void storeMatrix(void *result, void *arguments, uint32_t site) {
  checkRow(as<uintptr_t>(arguments), count, /*store=*/true, site);
  Machine &machine = Machine::get();
  machine.meetWarp(allLanes, site, result, arguments, [&](void **, void **all) {
    countRows<count>(machine, all, site);
    uint16_t *rows[8 * count];
    for (unsigned i = 0; i < 8 * count; ++i)
      rows[i] = as<uint16_t *>(all[i]);
    for (unsigned lane = 0; lane < warpSize; ++lane)
      for (unsigned i = 0; i < 2 * count; ++i)
        element<transposed>(rows, i / 2, lane, i % 2) =
            (static_cast<uint16_t *>(all[lane]) + 4)[i];
  });
}

//===----------------------------------------------------------------------===//
// mma.sync
//===----------------------------------------------------------------------===//

namespace {
/// How operands of 16 bits and of 32 bits lie in registers: `perRegister`
/// elements that are neighbours along k.
struct BF16 {
  static constexpr unsigned perRegister = 2;
  static float get(const void *registers, unsigned i, unsigned e) {
    return fromBF16(static_cast<const uint16_t *>(registers)[2 * i + e]);
  }
};
struct F16 {
  static constexpr unsigned perRegister = 2;
  static float get(const void *registers, unsigned i, unsigned e) {
    return fromF16(static_cast<const uint16_t *>(registers)[2 * i + e]);
  }
};
struct TF32 {
  static constexpr unsigned perRegister = 1;
  static float get(const void *registers, unsigned i, unsigned) {
    return fromTF32(static_cast<const uint32_t *>(registers)[i]);
  }
};
} // namespace

/// D = A B + C for A of 16 rows, B of 8 columns and K between them; C and D are
/// f32. The argument struct holds the registers of A, of B and of C.
template <typename Type, unsigned K>
static void multiplyWarp(void **results, void **arguments) {
  constexpr unsigned width = Type::perRegister;
  constexpr unsigned registersB = K / (4 * width), registersA = 2 * registersB;
  float a[16][K], b[K][8];
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    const auto *registers = static_cast<const uint32_t *>(arguments[lane]);
    unsigned g = lane / 4, t = lane % 4;
    for (unsigned i = 0; i < registersA; ++i)
      for (unsigned e = 0; e < width; ++e)
        a[g + 8 * (i % 2)][width * (t + 4 * (i / 2)) + e] =
            Type::get(registers, i, e);
    for (unsigned i = 0; i < registersB; ++i)
      for (unsigned e = 0; e < width; ++e)
        b[width * (t + 4 * i) + e][g] = Type::get(registers + registersA, i, e);
  }
  float d[16][8] = {};
  for (unsigned row = 0; row < 16; ++row)
    for (unsigned k = 0; k < K; ++k)
      for (unsigned column = 0; column < 8; ++column)
        d[row][column] += a[row][k] * b[k][column];
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    const float *c =
        static_cast<const float *>(arguments[lane]) + registersA + registersB;
    for (unsigned i = 0; i < 4; ++i)
      static_cast<float *>(results[lane])[i] =
          c[i] + d[lane / 4 + 8 * (i / 2)][2 * (lane % 4) + i % 2];
  }
}

template <typename Type, unsigned K>
static void multiply(void *result, void *arguments, uint32_t site) {
  Machine &machine = Machine::get();
  machine.meetWarp(allLanes, site, result, arguments,
                   [&](void **results, void **all) {
                     multiplyWarp<Type, K>(results, all);
                     machine.getTraffic().counts.tensorFlops += 2 * 16 * 8 * K;
                   });
}

llvm::ArrayRef<Handler> mlir::attn::emulator::getMatrixHandlers() {
  static const Handler handlers[] = {
      {"ldmatrix.sync.aligned.m8n8.x1.b16.p3", loadMatrix<1, false>},
      {"ldmatrix.sync.aligned.m8n8.x2.b16.p3", loadMatrix<2, false>},
      {"ldmatrix.sync.aligned.m8n8.x4.b16.p3", loadMatrix<4, false>},
      {"ldmatrix.sync.aligned.m8n8.x1.trans.b16.p3", loadMatrix<1, true>},
      {"ldmatrix.sync.aligned.m8n8.x2.trans.b16.p3", loadMatrix<2, true>},
      {"ldmatrix.sync.aligned.m8n8.x4.trans.b16.p3", loadMatrix<4, true>},
      {"stmatrix.sync.aligned.m8n8.x1.b16.p3", storeMatrix<1, false>},
      {"stmatrix.sync.aligned.m8n8.x2.b16.p3", storeMatrix<2, false>},
      {"stmatrix.sync.aligned.m8n8.x4.b16.p3", storeMatrix<4, false>},
      {"stmatrix.sync.aligned.m8n8.x1.trans.b16.p3", storeMatrix<1, true>},
      {"stmatrix.sync.aligned.m8n8.x2.trans.b16.p3", storeMatrix<2, true>},
      {"stmatrix.sync.aligned.m8n8.x4.trans.b16.p3", storeMatrix<4, true>},
      {"mma.m16n8k16.row.col.bf16", multiply<BF16, 16>},
      {"mma.m16n8k8.row.col.bf16", multiply<BF16, 8>},
      {"mma.m16n8k16.row.col.f32.f32", multiply<F16, 16>},
      {"mma.m16n8k8.row.col.f32.f32", multiply<F16, 8>},
      {"mma.m16n8k8.row.col.tf32", multiply<TF32, 8>},
      {"mma.m16n8k4.row.col.tf32", multiply<TF32, 4>},
  };
  return handlers;
}
