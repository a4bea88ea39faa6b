// RUN: attn-opt %s -resolve-ranked-shaped-type-result-dims -canonicalize -cse | FileCheck %s

// CHECK-LABEL: func @scaled_dot_product(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<?x?x?x?xf32>, %[[K:[a-z0-9]+]]: tensor<?x?x?x?xf32>, %[[V:[a-z0-9]+]]: tensor<?x?x?x?xf32>
func.func @scaled_dot_product(%q: tensor<?x?x?x?xf32>, %k: tensor<?x?x?x?xf32>, %v: tensor<?x?x?x?xf32>) -> (index, index, index, index, index, index, index, index) {
  // CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
  // CHECK-DAG: %[[C1:.*]] = arith.constant 1 : index
  // CHECK-DAG: %[[C2:.*]] = arith.constant 2 : index
  // CHECK-DAG: %[[C3:.*]] = arith.constant 3 : index
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %o, %l, %w = attn.scaled_dot_product %q, %k, %v layout = "bmhd"
      : tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32> -> tensor<?x?x?x?xf32> lse(tensor<?x?x?xf32>) weights(tensor<?x?x?x?xf32>)
  // CHECK-DAG: %[[B:.*]] = tensor.dim %[[Q]], %[[C0]]
  // CHECK-DAG: %[[M:.*]] = tensor.dim %[[Q]], %[[C1]]
  // CHECK-DAG: %[[H:.*]] = tensor.dim %[[Q]], %[[C2]]
  // CHECK-DAG: %[[DV:.*]] = tensor.dim %[[V]], %[[C3]]
  // CHECK-DAG: %[[N:.*]] = tensor.dim %[[K]], %[[C1]]
  %0 = tensor.dim %o, %c0 : tensor<?x?x?x?xf32>
  %1 = tensor.dim %o, %c1 : tensor<?x?x?x?xf32>
  %2 = tensor.dim %o, %c2 : tensor<?x?x?x?xf32>
  %3 = tensor.dim %o, %c3 : tensor<?x?x?x?xf32>
  %4 = tensor.dim %l, %c1 : tensor<?x?x?xf32>
  %5 = tensor.dim %l, %c2 : tensor<?x?x?xf32>
  %6 = tensor.dim %w, %c1 : tensor<?x?x?x?xf32>
  %7 = tensor.dim %w, %c3 : tensor<?x?x?x?xf32>
  // CHECK: return %[[B]], %[[M]], %[[H]], %[[DV]], %[[H]], %[[M]], %[[H]], %[[N]]
  return %0, %1, %2, %3, %4, %5, %6, %7 : index, index, index, index, index, index, index, index
}

// A static size of an operand is the size of a dynamic result.
// CHECK-LABEL: func @static(
func.func @static(%q: tensor<8x64xf32>, %k: tensor<?x64xf32>, %v: tensor<?x32xf32>, %w: tensor<64xf32>) -> (index, index, index, index) {
  // CHECK-DAG: %[[M:.*]] = arith.constant 8 : index
  // CHECK-DAG: %[[DV:.*]] = arith.constant 32 : index
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %a = attn.additive %q, %k, %v, %w : tensor<8x64xf32>, tensor<?x64xf32>, tensor<?x32xf32>, tensor<64xf32> -> tensor<?x?xf32>
  %r = attn.kernel_regression gaussian %q, %k, %v : tensor<8x64xf32>, tensor<?x64xf32>, tensor<?x32xf32> -> tensor<?x?xf32>
  %d = attn.dot_product %q, %k, %v : tensor<8x64xf32>, tensor<?x64xf32>, tensor<?x32xf32> -> tensor<?x?xf32>
  %0 = tensor.dim %a, %c0 : tensor<?x?xf32>
  %1 = tensor.dim %a, %c1 : tensor<?x?xf32>
  %2 = tensor.dim %r, %c1 : tensor<?x?xf32>
  %3 = tensor.dim %d, %c0 : tensor<?x?xf32>
  // CHECK: return %[[M]], %[[DV]], %[[DV]], %[[M]]
  return %0, %1, %2, %3 : index, index, index, index
}

// CHECK-LABEL: func @multi_head(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x?x64xf32>, %[[C:[a-z0-9]+]]: tensor<?x?x64xf32>, %{{.*}}: tensor<64x64xf32>, %[[WO:[a-z0-9]+]]: tensor<?x64xf32>
func.func @multi_head(%x: tensor<?x?x64xf32>, %c: tensor<?x?x64xf32>, %w: tensor<64x64xf32>, %wo: tensor<?x64xf32>) -> (index, index, index, index, index) {
  // CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
  // CHECK-DAG: %[[C1:.*]] = arith.constant 1 : index
  // CHECK-DAG: %[[H:.*]] = arith.constant 4 : index
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %o, %weights = attn.multi_head %x, %c, %c weights(%w, %w, %w, %wo : tensor<64x64xf32>, tensor<64x64xf32>, tensor<64x64xf32>, tensor<?x64xf32>)
      heads = 4 : tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<?x?x64xf32> -> tensor<?x?x?xf32> weights(tensor<?x?x?x?xf32>)
  // CHECK-DAG: %[[B:.*]] = tensor.dim %[[X]], %[[C0]]
  // CHECK-DAG: %[[M:.*]] = tensor.dim %[[X]], %[[C1]]
  // CHECK-DAG: %[[E:.*]] = tensor.dim %[[WO]], %[[C0]]
  // CHECK-DAG: %[[N:.*]] = tensor.dim %[[C]], %[[C1]]
  %0 = tensor.dim %o, %c0 : tensor<?x?x?xf32>
  %1 = tensor.dim %o, %c1 : tensor<?x?x?xf32>
  %2 = tensor.dim %o, %c2 : tensor<?x?x?xf32>
  %3 = tensor.dim %weights, %c1 : tensor<?x?x?x?xf32>
  %4 = tensor.dim %weights, %c3 : tensor<?x?x?x?xf32>
  // CHECK: return %[[B]], %[[M]], %[[E]], %[[H]], %[[N]]
  return %0, %1, %2, %3, %4 : index, index, index, index, index
}

// CHECK-LABEL: func @others(
// CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<?x?xf32>, %[[L:[a-z0-9]+]]: tensor<?xf32>, %[[N:[a-z0-9]+]]: index
func.func @others(%s: tensor<?x?xf32>, %l: tensor<?xf32>, %n: index) -> (index, index, index, index, index) {
  // CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
  // CHECK-DAG: %[[C1:.*]] = arith.constant 1 : index
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %softmax = attn.masked_softmax %s : tensor<?x?xf32> -> tensor<?x?xf32>
  %rotary = attn.rotary %s : tensor<?x?xf32> -> tensor<?x?xf32>
  %table = attn.sinusoid length(%n) : tensor<?x64xf32>
  %o, %lse = attn.merge %s, %s lse(%l, %l) : tensor<?x?xf32>, tensor<?xf32>
  // CHECK-DAG: %[[ROWS:.*]] = tensor.dim %[[S]], %[[C0]]
  // CHECK-DAG: %[[COLUMNS:.*]] = tensor.dim %[[S]], %[[C1]]
  // CHECK-DAG: %[[LSES:.*]] = tensor.dim %[[L]], %[[C0]]
  %0 = tensor.dim %softmax, %c1 : tensor<?x?xf32>
  %1 = tensor.dim %rotary, %c0 : tensor<?x?xf32>
  %2 = tensor.dim %table, %c0 : tensor<?x64xf32>
  %3 = tensor.dim %o, %c1 : tensor<?x?xf32>
  %4 = tensor.dim %lse, %c0 : tensor<?xf32>
  // CHECK: return %[[COLUMNS]], %[[ROWS]], %[[N]], %[[COLUMNS]], %[[LSES]]
  return %0, %1, %2, %3, %4 : index, index, index, index, index
}
