// RUN: attn-opt %s -attn-verify-compile-time-values | FileCheck %s

// CHECK-LABEL: func private @mask(
func.func private @mask(%m: !attn.mask, %past: index) -> !attn.mask {
  %w = attn.mask.window past(%past)
  %0 = attn.mask.and %m, %w
  return %0 : !attn.mask
}

// CHECK-LABEL: func @main(
func.func @main(%q: tensor<?x64xf32>, %past: index, %n: index) -> tensor<?x64xf32> {
  // CHECK: %[[C:.*]] = attn.mask.causal
  %c = attn.mask.causal
  // CHECK: %[[M:.*]] = call @mask(%[[C]]
  %m = call @mask(%c, %past) : (!attn.mask, index) -> !attn.mask
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  // CHECK: scf.for
  %o = scf.for %k = %zero to %n step %one iter_args(%acc = %q) -> tensor<?x64xf32> {
    // CHECK: attn.dot_product {{.*}} mask(%[[M]])
    %next = attn.dot_product %acc, %q, %q mask(%m) : tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32> -> tensor<?x64xf32>
    scf.yield %next : tensor<?x64xf32>
  }
  return %o : tensor<?x64xf32>
}
