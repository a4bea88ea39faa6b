// RUN: attn-opt %s -attn-check-assumptions | FileCheck %s

// Each element but the last against the one behind it, in each row.
// CHECK-LABEL: func @ascending(
// CHECK-SAME: %[[IDS:.*]]: tensor<?x?xi32>
func.func @ascending(%ids: tensor<?x?xi32> {attn.name = "ids"}) -> tensor<?x?xi32> {
  // CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
  // CHECK: %[[ROWS:.*]] = tensor.dim %[[IDS]], %[[C0]]
  // CHECK: %[[ALL:.*]] = scf.for %[[ROW:.*]] = %{{.*}} to %[[ROWS]]
  // CHECK: %[[SIZE:.*]] = tensor.dim %[[IDS]], %{{.*}}
  // CHECK: %[[ONE:.*]] = arith.constant 1 : index
  // CHECK: %[[PAIRS:.*]] = arith.subi %[[SIZE]], %[[ONE]]
  // CHECK: scf.for %[[AT:.*]] = %{{.*}} to %[[PAIRS]]
  // CHECK: %[[NEXT:.*]] = arith.addi %[[AT]]
  // CHECK: %[[LOW:.*]] = tensor.extract %[[IDS]][%[[ROW]], %[[AT]]]
  // CHECK: %[[HIGH:.*]] = tensor.extract %[[IDS]][%[[ROW]], %[[NEXT]]]
  // CHECK: arith.cmpi sle, %[[LOW]], %[[HIGH]]
  // CHECK: attn.require %[[ALL]], "assume: 'ids' falls along its last dimension; it is stated to ascend"
  %sorted = attn.assume %ids ascending : tensor<?x?xi32>
  return %sorted : tensor<?x?xi32>
}

// CHECK-LABEL: func @bounds(
// CHECK-SAME: %[[N:.*]]: i32 {{.*}}, %[[T:.*]]: tensor<?xi64>
func.func @bounds(%n: i32 {attn.name = "n"}, %t: tensor<?xi64>) -> (i32, tensor<?xi64>) {
  // CHECK: %[[INDEX:.*]] = arith.index_cast %[[N]] : i32 to index
  // CHECK: %[[ABOVE:.*]] = arith.cmpi sge, %[[N]], %{{.*}} : i32
  // CHECK: %[[BELOW:.*]] = arith.cmpi sle, %[[N]], %{{.*}} : i32
  // CHECK: %[[WITHIN:.*]] = arith.andi %[[ABOVE]], %[[BELOW]]
  // CHECK: attn.require %[[WITHIN]], "assume: 'n' is {0}; it is stated to be at least -1 and at most 7"(%[[INDEX]])
  %m = attn.assume %n at_least = -1 at_most = 7 : i32
  // CHECK: tensor.extract %[[T]]
  // CHECK: arith.cmpi sle
  // CHECK: attn.require %{{.*}}, "assume: an element of 'a value' is not at most 9, as all are stated to be"
  %u = attn.assume %t at_most = 9 : tensor<?xi64>
  return %m, %u : i32, tensor<?xi64>
}

// What the compiler proved is not looked at; ids that are sorted are.
// CHECK-LABEL: func @proved(
// CHECK-NOT: attn.require
// CHECK: attn.assume
// CHECK: attn.require %{{.*}}, "mask.document: 'a value' falls along its last dimension; it is stated to ascend"
// CHECK: attn.mask.document
func.func @proved(%ids: tensor<?xi32>, %q: tensor<8x4xf32>) -> (tensor<8x4xf32>, tensor<?xi32>) {
  %proved = attn.assume %ids proved ascending : tensor<?xi32>
  %m = attn.mask.document %ids sorted : tensor<?xi32>
  %o = attn.scaled_dot_product %q, %q, %q mask(%m) : tensor<8x4xf32>, tensor<8x4xf32>, tensor<8x4xf32> -> tensor<8x4xf32>
  return %o, %proved : tensor<8x4xf32>, tensor<?xi32>
}
