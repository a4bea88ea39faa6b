// RUN: attn-opt %s -attn-lower-to-attend -canonicalize -cse | FileCheck %s

// What keys receive is attention of keys to queries, whose scores are the weights
// exp(score - lse) and whose values are 1: maps and region indices change places.
// CHECK-DAG: #[[KEYS:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d3, d5)>
// CHECK-DAG: #[[QUERIES:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d4, d5)>
// CHECK-LABEL: func @received(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<8x16xf32>, %[[K:[a-z0-9]+]]: tensor<9x16xf32>
func.func @received(%q: tensor<8x16xf32>, %k: tensor<9x16xf32>, %v: tensor<9x16xf32>) -> (tensor<8x16xf32>, tensor<9xf32>) {
  // CHECK: %{{.*}}, %[[LSE:.*]] = attn.attend dot softmax ins(%[[Q]], %[[K]],
  // CHECK: %[[ONES:.*]] = linalg.fill ins(%{{.*}} : f32) outs(%{{.*}} : tensor<8x1xf32>)
  // CHECK: %[[SUM:.*]] = attn.attend dot none ins(%[[K]], %[[Q]], %[[ONES]] :
  // CHECK-SAME: captures(%[[LSE]] : tensor<8xf32>)
  // CHECK-SAME: indexing_maps = [#[[KEYS]], #[[QUERIES]],
  // CHECK: ^bb0(%[[S:.*]]: f32, %{{.*}}: index, %{{.*}}: index, %[[I:.*]]: index, %[[J:.*]]: index, %[[L:.*]]: tensor<8xf32>):
  // CHECK: %[[ROW:.*]] = attn.load %[[L]][%[[J]]]
  // CHECK: %[[D:.*]] = arith.subf %[[S]], %[[ROW]]
  // CHECK: %[[E:.*]] = arith.minimumf %[[D]], %{{.*}}
  // CHECK: math.exp %[[E]]
  // CHECK: mask {
  // CHECK: ^bb0(%{{.*}}: index, %{{.*}}: index, %[[MI:.*]]: index, %[[MJ:.*]]: index, %{{.*}}
  // CHECK: arith.cmpi sle, %[[MI]], %[[MJ]]
  // CHECK: tensor.collapse_shape %[[SUM]] {{\[}}[0, 1]]
  %m = attn.mask.causal
  %o, %r = attn.scaled_dot_product %q, %k, %v mask(%m) : tensor<8x16xf32>, tensor<9x16xf32>, tensor<9x16xf32> -> tensor<8x16xf32> received(tensor<9xf32>)
  return %o, %r : tensor<8x16xf32>, tensor<9xf32>
}

// The inverse of a sum may be beyond the range where the sum is not: weights that are
// scores are multiplied by its root twice.
// CHECK-LABEL: func @entropy(
func.func @entropy(%q: tensor<8x16xf32>, %k: tensor<9x16xf32>, %v: tensor<9x16xf32>) -> tensor<8xf32> {
  // CHECK-DAG: %[[MINUS_HALF:.*]] = arith.constant -5.0{{0*}}e-01 : f32
  // CHECK: %[[ROW:.*]] = attn.load
  // CHECK: %[[HALF:.*]] = arith.mulf %[[ROW]], %[[MINUS_HALF]]
  // CHECK: %[[ROOT:.*]] = math.exp %[[HALF]]
  // CHECK: %[[ONCE:.*]] = arith.mulf %{{.*}}, %[[ROOT]]
  // CHECK: arith.mulf %[[ONCE]], %[[ROOT]]
  %s = attn.score.relu
  %o, %e = attn.scaled_dot_product %q, %k, %v score(%s) normalizer = sum : tensor<8x16xf32>, tensor<9x16xf32>, tensor<9x16xf32> -> tensor<8x16xf32> entropy(tensor<8xf32>)
  return %e : tensor<8xf32>
}

// Top results belong to the attention itself.
// CHECK-LABEL: func @top(
func.func @top(%q: tensor<8x16xf32>, %k: tensor<9x16xf32>, %v: tensor<9x16xf32>) -> (tensor<8x4xf32>, tensor<8x4xi32>) {
  // CHECK: %{{.*}}, %[[W:.*]], %[[J:.*]] = attn.attend dot softmax {{.*}} top(%{{.*}}, %{{.*}} : tensor<8x4xf32>, tensor<8x4xi32>) {{.*}} top(tensor<8x4xf32>, tensor<8x4xi32>)
  // CHECK: return %[[W]], %[[J]]
  %o, %w, %j = attn.scaled_dot_product %q, %k, %v : tensor<8x16xf32>, tensor<9x16xf32>, tensor<9x16xf32> -> tensor<8x16xf32> top(tensor<8x4xf32>, tensor<8x4xi32>)
  return %w, %j : tensor<8x4xf32>, tensor<8x4xi32>
}
