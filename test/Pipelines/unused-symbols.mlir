// RUN: attnc run %s --check | FileCheck %s

// Frontends declare the seed of random numbers in every module.
// CHECK: check {{.*}}passed

module {
  ml_program.global private mutable @global_seed(dense<0> : tensor<i64>) : tensor<i64>
  func.func @f(%q: tensor<1x8x16xf32>, %k: tensor<1x8x16xf32>) -> tensor<1x8x16xf32> {
    %o = attn.scaled_dot_product %q, %k, %k : tensor<1x8x16xf32>, tensor<1x8x16xf32>, tensor<1x8x16xf32> -> tensor<1x8x16xf32>
    return %o : tensor<1x8x16xf32>
  }
}
