// RUN: attn-opt %s -attn-lower-to-attend -canonicalize -cse | FileCheck %s

// Sizes that types leave open are checked when the function is called.
// CHECK-LABEL: func @document(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<?x64xf32>, %[[K:[a-z0-9]+]]: tensor<?x64xf32>, %[[IDS:[a-z0-9]+]]: tensor<?xi32>
func.func @document(%q: tensor<?x64xf32>, %k: tensor<?x64xf32>, %ids: tensor<?xi32>) -> tensor<?x64xf32> {
  // CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
  // CHECK-DAG: %[[M:.*]] = tensor.dim %[[Q]], %[[C0]]
  // CHECK-DAG: %[[N:.*]] = tensor.dim %[[K]], %[[C0]]
  // CHECK-DAG: %[[COUNT:.*]] = tensor.dim %[[IDS]], %[[C0]]
  // CHECK-DAG: %[[QUERIES:.*]] = arith.cmpi sge, %[[COUNT]], %[[M]]
  // CHECK-DAG: attn.require %[[QUERIES]], "mask.document has {0} ids; it takes at least one per query, {1}"(%[[COUNT]], %[[M]])
  // CHECK-DAG: %[[KEYS:.*]] = arith.cmpi sge, %[[COUNT]], %[[N]]
  // CHECK-DAG: attn.require %[[KEYS]], "mask.document has {0} ids; it takes at least one per key, {1}"(%[[COUNT]], %[[N]])
  %c = attn.mask.causal
  %d = attn.mask.document %ids : tensor<?xi32>
  %m = attn.mask.and %c, %d
  %o = attn.dot_product %q, %k, %k mask(%m) : tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32> -> tensor<?x64xf32>
  return %o : tensor<?x64xf32>
}

// A static size of 1 is broadcast; a dynamic one is that of the attention.
// CHECK-LABEL: func @bias(
func.func @bias(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %t: tensor<1x?xf32>, %layout: tensor<?x3xi1>) -> tensor<8x64xf32> {
  // CHECK-NOT: queries
  // CHECK-DAG: attn.require %{{.*}}, "mask.block_sparse has {0} rows of blocks; it takes at least one per query block, {1}"
  // CHECK-NOT: columns
  // CHECK-DAG: attn.require %{{.*}}, "score.bias has {0} keys; it takes 1 or {1}"
  // CHECK-NOT: queries
  // CHECK: attn.attend
  %m = attn.mask.block_sparse %layout block [4, 4] : tensor<?x3xi1>
  %s = attn.score.bias %t : tensor<1x?xf32>
  %o = attn.dot_product %q, %k, %k mask(%m) score(%s) : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x64xf32> -> tensor<8x64xf32>
  return %o : tensor<8x64xf32>
}
