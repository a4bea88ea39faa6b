// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt --mlir-print-op-generic %s | attn-opt | FileCheck %s
// RUN: attn-opt --emit-bytecode %s | attn-opt | FileCheck %s
// RUN: attn-opt --verify-roundtrip %s -o /dev/null

// CHECK-LABEL: func @leaves(
// CHECK-SAME: %[[N:[a-z0-9]+]]: index, %[[PAST:[a-z0-9]+]]: tensor<?xi64>, %[[IDS:[a-z0-9]+]]: tensor<?xi32>, %[[BATCHED:[a-z0-9]+]]: tensor<2x?xi32>
func.func @leaves(%n: index, %past: tensor<?xi64>, %ids: tensor<?xi32>,
                  %batched: tensor<2x?xi32>, %layout: tensor<?x?xi1>,
                  %layouts: tensor<8x?x?xi1>, %keep: tensor<?x?xi1>, %i: i32) {
  // CHECK: attn.mask.constant true
  %0 = attn.mask.constant true
  // CHECK: attn.mask.constant false
  %1 = attn.mask.constant false
  // CHECK: attn.mask.causal{{$}}
  %2 = attn.mask.causal
  // CHECK: attn.mask.causal offset(%[[N]] : index)
  %3 = attn.mask.causal offset(%n : index)
  // CHECK: attn.mask.causal offset(%[[PAST]] : tensor<?xi64>)
  %4 = attn.mask.causal offset(%past : tensor<?xi64>)
  // CHECK: attn.mask.causal bottom_right
  %5 = attn.mask.causal bottom_right
  // CHECK: attn.mask.window past = 4096 future = 0{{$}}
  %6 = attn.mask.window past = 4096 future = 0
  // CHECK: attn.mask.window past(%[[N]]){{$}}
  %7 = attn.mask.window past(%n)
  // CHECK: attn.mask.window future(%[[N]]) offset(%[[PAST]] : tensor<?xi64>)
  %8 = attn.mask.window future(%n) offset(%past : tensor<?xi64>)
  // CHECK: attn.mask.window past = 3 future(%[[N]]){{$}}
  %9 = attn.mask.window past = 3 future(%n)
  // CHECK: attn.mask.prefix %{{.*}} : i32
  %10 = attn.mask.prefix %i : i32
  // CHECK: attn.mask.prefix %[[PAST]] : tensor<?xi64>
  %11 = attn.mask.prefix %past : tensor<?xi64>
  // CHECK: attn.mask.padding %[[BATCHED]] : tensor<2x?xi32>
  %12 = attn.mask.padding %batched : tensor<2x?xi32>
  // CHECK: attn.mask.document %[[IDS]] : tensor<?xi32>
  %13 = attn.mask.document %ids : tensor<?xi32>
  // CHECK: attn.mask.document %[[IDS]] keys(%[[BATCHED]] : tensor<2x?xi32>) sorted : tensor<?xi32>
  %14 = attn.mask.document %ids keys(%batched : tensor<2x?xi32>) sorted : tensor<?xi32>
  // CHECK: attn.mask.document_offsets %[[IDS]] : tensor<?xi32>
  %15 = attn.mask.document_offsets %ids : tensor<?xi32>
  // CHECK: attn.mask.document_offsets %[[IDS]] keys(%[[PAST]] : tensor<?xi64>) : tensor<?xi32>
  %16 = attn.mask.document_offsets %ids keys(%past : tensor<?xi64>) : tensor<?xi32>
  // CHECK: attn.mask.dilated stride = 4
  %17 = attn.mask.dilated stride = 4
  // CHECK: attn.mask.block_sparse %{{.*}} block [64, 32] : tensor<?x?xi1>
  %18 = attn.mask.block_sparse %layout block [64, 32] : tensor<?x?xi1>
  // CHECK: attn.mask.block_sparse %{{.*}} block [1, 1] : tensor<8x?x?xi1>
  %19 = attn.mask.block_sparse %layouts block [1, 1] : tensor<8x?x?xi1>
  // CHECK: attn.mask.dense %{{.*}} : tensor<?x?xi1>
  %20 = attn.mask.dense %keep : tensor<?x?xi1>
  return
}

// CHECK-LABEL: func @combined(
func.func @combined() {
  // CHECK: %[[C:.*]] = attn.mask.causal
  %c = attn.mask.causal
  // CHECK: %[[W:.*]] = attn.mask.window past = 1
  %w = attn.mask.window past = 1
  // CHECK: %[[AND:.*]] = attn.mask.and %[[C]], %[[W]]
  %and = attn.mask.and %c, %w
  // CHECK: %[[OR:.*]] = attn.mask.or %[[AND]], %[[W]], %[[C]]
  %or = attn.mask.or %and, %w, %c
  // CHECK: attn.mask.not %[[OR]]
  %not = attn.mask.not %or
  return
}

// CHECK-LABEL: func @predicate(
// CHECK-SAME: %[[STARTS:[a-z0-9]+]]: tensor<?xi32>, %[[N:[a-z0-9]+]]: i64
func.func @predicate(%starts: tensor<?xi32>, %n: i64) {
  // CHECK: attn.mask.predicate(%[[STARTS]], %[[N]] : tensor<?xi32>, i64) {
  // CHECK-NEXT: ^bb0(%{{.*}}: index, %{{.*}}: index, %[[I:.*]]: index, %[[J:.*]]: index, %[[S:.*]]: tensor<?xi32>, %{{.*}}: i64):
  %p = attn.mask.predicate(%starts, %n : tensor<?xi32>, i64) {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %s: tensor<?xi32>, %m: i64):
    // CHECK: %[[GUARD:.*]] = arith.cmpi slt, %[[J]], %[[I]]
    %guard = arith.cmpi slt, %j, %i : index
    // CHECK: attn.load %[[S]][%[[I]]] if %[[GUARD]] : tensor<?xi32>
    %start = attn.load %s[%i] if %guard : tensor<?xi32>
    // CHECK: attn.load %[[S]][%[[J]]] : tensor<?xi32>
    %other = attn.load %s[%j] : tensor<?xi32>
    // CHECK: attn.floormod %{{.*}}, %{{.*}} : i32
    %rest = attn.floormod %start, %other : i32
    %zero = arith.constant 0 : i32
    %keep = arith.cmpi eq, %rest, %zero : i32
    // CHECK: attn.yield %{{.*}} : i1
    attn.yield %keep : i1
  }
  // CHECK: attn.mask.predicate {
  %q = attn.mask.predicate {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %keep = arith.cmpi sge, %i, %j : index
    attn.yield %keep : i1
  }
  return
}
