// RUN: attn-opt %s --pass-pipeline='builtin.module(func.func(attn-vectorize{target=x86-64:x86-64-v3}))' -remarks-filter=vectorize -remark-format=emitRemark 2>&1 | FileCheck %s

// Nothing to run along lanes: still a loop whose sum stays in a register.
// CHECK: remark: {{.*}}no parallel dimension can run along vector lanes
// CHECK-LABEL: func @full_sum
// CHECK-NOT: linalg
// CHECK: %[[SUM:.*]] = scf.for {{.*}} iter_args
// CHECK: memref.store %[[SUM]]
#in = affine_map<(i) -> (i)>
#all = affine_map<(i) -> ()>
func.func @full_sum(%x: memref<?xf32>, %sum: memref<f32>) {
  linalg.generic {indexing_maps = [#in, #all], iterator_types = ["reduction"]}
      ins(%x : memref<?xf32>) outs(%sum : memref<f32>) {
  ^bb0(%a: f32, %s: f32):
    %r = arith.addf %s, %a : f32
    linalg.yield %r : f32
  }
  return
}
