// A function compiled for what this machine lacks refuses to run.
//
// UNSUPPORTED: avx512
// RUN: not attnc run %s --target=x86-64-v4 2>&1 | FileCheck %s
// CHECK: attnc: error: negate: was compiled for a CPU with avx512f, which this machine's CPU lacks

func.func @negate(%x: tensor<4xf32>) -> tensor<4xf32> {
  %r = arith.negf %x : tensor<4xf32>
  return %r : tensor<4xf32>
}
