// RUN: attn-opt %s --attn-phase-optimize | FileCheck %s

// The destination of grouped heads takes its sizes from the inputs: those of the
// result are not known before it is computed.
// CHECK-LABEL: func @grouped(
// CHECK-SAME: %[[OUT:[a-z0-9]+]]: memref<?x?x?x16xf32, strided<[?, ?, ?, 1], offset: ?>> {attn.name = "result", attn.result}) {
// CHECK: %[[SPLIT:.*]] = memref.expand_shape %[[OUT]] {{\[}}[0], [1, 2], [3], [4]]
// CHECK: %[[INIT:.*]] = bufferization.to_tensor %[[SPLIT]]
// CHECK: attn.attend {{.*}} outs(%[[INIT]]
func.func @grouped(%q: tensor<?x?x?x16xf32>, %k: tensor<?x?x?x16xf32>, %v: tensor<?x?x?x16xf32>) -> tensor<?x?x?x16xf32> {
  %o = attn.scaled_dot_product %q, %k, %v : tensor<?x?x?x16xf32>, tensor<?x?x?x16xf32>, tensor<?x?x?x16xf32> -> tensor<?x?x?x16xf32>
  return %o : tensor<?x?x?x16xf32>
}
