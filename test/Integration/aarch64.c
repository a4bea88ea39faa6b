// What is compiled for AArch64 computes the right numbers, under emulation.
//
// REQUIRES: aarch64-cross
// RUN: rm -rf %t && mkdir %t
// RUN: attnc compile %S/Inputs/aarch64.mlir --target=aarch64:neoverse-n1 \
// RUN:   --threads=1 -o %t/f.o --header=%t/f.h
// RUN: aarch64-linux-gnu-gcc -std=c11 -O1 -I%attn_src/include -I%t %s \
// RUN:   %t/f.o -lm -static -o %t/main
// RUN: qemu-aarch64 %t/main | FileCheck %s
// CHECK: f32 passed
// CHECK-NEXT: bf16 passed
// CHECK-NEXT: f16 passed

#include "f.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { H = 2, M = 133, N = 101, D = 40, E = 24 };

static double q[H][M][D], k[N][D], v[N][E];
static union Data {
  float f32[H * M * D];
  uint16_t half[H * M * D];
} data[4];

/// A number that all three types hold exactly, from -2 to 2.
static double next(void) {
  static uint32_t state = 1;
  state = state * 1664525u + 1013904223u;
  return ((int)(state >> 26) - 32) / 16.0;
}

static uint16_t toHalf(double value, int isBF16) {
  if (isBF16) {
    float narrow = (float)value;
    uint32_t bits;
    memcpy(&bits, &narrow, sizeof(bits));
    return bits >> 16;
  }
  __fp16 narrow = (__fp16)value;
  uint16_t bits;
  memcpy(&bits, &narrow, sizeof(bits));
  return bits;
}

static double fromHalf(uint16_t bits, int isBF16) {
  if (isBF16) {
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof(value));
    return value;
  }
  __fp16 value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

static void set(int operand, int index, double value, int code, int bits) {
  if (bits == 32)
    data[operand].f32[index] = (float)value;
  else
    data[operand].half[index] = toHalf(value, code == kDLBfloat);
}

/// The largest error of the output against fp64, relative to the sum of
/// absolute terms.
static double worstError(int code, int bits) {
  double worst = 0;
  for (int h = 0; h < H; ++h)
    for (int i = 0; i < M; ++i) {
      double out[E] = {0}, terms[E] = {0}, sum = 0;
      for (int j = 0; j <= i && j < N; ++j) {
        double score = 0;
        for (int d = 0; d < D; ++d)
          score += q[h][i][d] * k[j][d];
        double weight = exp(score / sqrt(D));
        sum += weight;
        for (int e = 0; e < E; ++e) {
          out[e] += weight * v[j][e];
          terms[e] += weight * fabs(v[j][e]);
        }
      }
      for (int e = 0; e < E; ++e) {
        int index = (h * M + i) * E + e;
        double result = bits == 32
                            ? data[3].f32[index]
                            : fromHalf(data[3].half[index], code == kDLBfloat);
        double error = fabs(result - out[e] / sum) / (terms[e] / sum + 1e-30);
        // Not-a-number is an error too.
        if (!(error <= worst))
          worst = error;
      }
    }
  return worst;
}

static void check(const char *name, attn_function function, int code, int bits,
                  double tolerance) {
  int64_t shapes[4][4] = {
      {1, H, M, D}, {1, 1, N, D}, {1, 1, N, E}, {1, H, M, E}};
  DLTensor tensors[4];
  const DLTensor *arguments[4];
  memset(data, 0xFF, sizeof(data));
  for (int i = 0; i < H * M * D; ++i)
    set(0, i, (&q[0][0][0])[i], code, bits);
  for (int i = 0; i < N * D; ++i)
    set(1, i, (&k[0][0])[i], code, bits);
  for (int i = 0; i < N * E; ++i)
    set(2, i, (&v[0][0])[i], code, bits);
  for (int t = 0; t < 4; ++t) {
    tensors[t] = (DLTensor){.data = &data[t],
                            .device = {kDLCPU, 0},
                            .ndim = 4,
                            .dtype = {(uint8_t)code, (uint8_t)bits, 1},
                            .shape = shapes[t]};
    arguments[t] = &tensors[t];
  }
  int32_t status = function(NULL, arguments, 4);
  double error = worstError(code, bits);
  if (status == 0 && error <= tolerance)
    printf("%s passed\n", name);
  else
    printf("%s failed: status %d, error %g\n", name, (int)status, error);
}

int main(void) {
  for (int i = 0; i < H * M * D; ++i)
    (&q[0][0][0])[i] = next();
  for (int i = 0; i < N * D; ++i)
    (&k[0][0])[i] = next();
  for (int i = 0; i < N * E; ++i)
    (&v[0][0])[i] = next();
  check("f32", f32, kDLFloat, 32, 4e-6);
  check("bf16", bf16, kDLBfloat, 16, 8e-3);
  check("f16", f16, kDLFloat, 16, 1e-3);
  return 0;
}
