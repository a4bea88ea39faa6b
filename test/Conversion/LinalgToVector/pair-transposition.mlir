// RUN: attn-opt %s -split-input-file --pass-pipeline='builtin.module(func.func(attn-vectorize{target=x86-64:x86-64-v4}))' | FileCheck %s
// RUN: attn-opt %s -split-input-file --pass-pipeline='builtin.module(func.func(attn-vectorize{target=x86-64:x86-64-v4}, canonicalize), convert-scf-to-cf, expand-strided-metadata, lower-affine, convert-to-llvm)' | FileCheck %s --check-prefix=LLVM
// LLVM-NOT: linalg

#in = affine_map<(p, i, n) -> (p, i, n)>
#out = affine_map<(p, i, n) -> (i, p, n)>

// Sixteen rows of words are transposed in registers: in chunks of 128 bits, then the
// chunks.
// CHECK-LABEL: func @turn
// CHECK-SAME: %[[IN:[a-z0-9]+]]: memref<16x32x2xbf16>, %[[OUT:[a-z0-9]+]]: memref<32x16x2xbf16>
// CHECK: %[[FROM:.*]] = memref.collapse_shape %[[IN]] {{.*}} into memref<16x64xbf16>
// CHECK: %[[TO:.*]] = memref.collapse_shape %[[OUT]] {{.*}} into memref<32x32xbf16>
// CHECK: scf.for %[[P:[a-z0-9]+]] = %c0{{.*}} to %c16{{.*}} step %c16
// CHECK: scf.for %[[I:[a-z0-9]+]] = %c0{{.*}} to %c32{{.*}} step %c16
// CHECK-COUNT-16: vector.load %[[FROM]]{{.*}} vector<32xbf16>
// CHECK: vector.shuffle {{.*}} [0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29] : vector<16xi32>, vector<16xi32>
// CHECK-COUNT-63: vector.shuffle
// CHECK-NOT: vector.shuffle
// CHECK-COUNT-16: vector.store {{.*}} %[[TO]]
func.func @turn(%in: memref<16x32x2xbf16>, %out: memref<32x16x2xbf16>) {
  linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%in : memref<16x32x2xbf16>) outs(%out : memref<32x16x2xbf16>) {
  ^bb0(%a: bf16, %b: bf16):
    linalg.yield %a : bf16
  }
  return
}

// -----

#in = affine_map<(p, i, n) -> (p, i, n)>
#out = affine_map<(p, i, n) -> (i, p, n)>

// What is no whole square is copied as any other op is.
// CHECK-LABEL: func @rest
// CHECK-NOT: vector<16xi32>
func.func @rest(%in: memref<16x24x2xbf16>, %out: memref<24x16x2xbf16>) {
  linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%in : memref<16x24x2xbf16>) outs(%out : memref<24x16x2xbf16>) {
  ^bb0(%a: bf16, %b: bf16):
    linalg.yield %a : bf16
  }
  return
}
