// RUN: attn-opt %s -convert-linalg-to-attn -split-input-file --remarks-filter="attention" --remark-format=emitRemark -o /dev/null 2>&1 | FileCheck %s

// CHECK: remark{{.*}}softmax is not over the last dimension
func.func @first_dimension(%s: tensor<8x9xf32>, %e: tensor<8x9xf32>) -> tensor<8x9xf32> {
  %w = linalg.softmax dimension(0) ins(%s : tensor<8x9xf32>) outs(%e : tensor<8x9xf32>) -> tensor<8x9xf32>
  return %w : tensor<8x9xf32>
}

// -----

// CHECK: remark{{.*}}scores are used elsewhere, or come from outside
func.func @given_scores(%s: tensor<8x9xf32>, %e: tensor<8x9xf32>) -> tensor<8x9xf32> {
  %w = linalg.softmax dimension(1) ins(%s : tensor<8x9xf32>) outs(%e : tensor<8x9xf32>) -> tensor<8x9xf32>
  return %w : tensor<8x9xf32>
}

// -----

// CHECK: remark{{.*}}softmax of one row alone
func.func @one_row(%s: tensor<9xf32>, %e: tensor<9xf32>) -> tensor<9xf32> {
  %w = linalg.softmax dimension(0) ins(%s : tensor<9xf32>) outs(%e : tensor<9xf32>) -> tensor<9xf32>
  return %w : tensor<9xf32>
}
