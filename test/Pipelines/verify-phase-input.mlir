// RUN: attn-opt %s -attn-verify-phase-input=phase=optimize | FileCheck %s
// RUN: attn-opt %s -attn-verify-phase-input="phase=raise gpu" | FileCheck %s

// What a later phase lowers enters as well, and nothing changes.
// CHECK-LABEL: func.func @mixed(
// CHECK: attn.masked_softmax
// CHECK: linalg.add
// CHECK: vector.store
func.func @mixed(%s: tensor<8x9xf32>, %m: memref<4xf32>, %v: vector<4xf32>) -> tensor<8x9xf32> {
  %c0 = arith.constant 0 : index
  %w = attn.masked_softmax %s : tensor<8x9xf32> -> tensor<8x9xf32>
  %r = linalg.add ins(%w, %s : tensor<8x9xf32>, tensor<8x9xf32>) outs(%s : tensor<8x9xf32>) -> tensor<8x9xf32>
  vector.store %v, %m[%c0] : memref<4xf32>, vector<4xf32>
  return %r : tensor<8x9xf32>
}

// So does what nothing uses, of any dialect.
// CHECK-LABEL: func.func @unused(
// CHECK: tosa.tanh
func.func @unused(%s: tensor<8x9xf32>) -> tensor<8x9xf32> {
  %unused = tosa.tanh %s : (tensor<8x9xf32>) -> tensor<8x9xf32>
  return %s : tensor<8x9xf32>
}
