// RUN: attn-opt %s -transform-interpreter -split-input-file -canonicalize -cse | FileCheck %s

#query = affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, d)>
#value = affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, e)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, e)>
#lse = affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i)>

// One tensor is key and value; each is sliced by its own map. Tiled once, the
// offsets of the tile are its place in the whole; tiled twice, they add up.
// CHECK-LABEL: func @tiled(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<2x3x4x?x64xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x?x64xf32>, %[[IDS:[a-z0-9]+]]: tensor<?xi32>, %[[SINK:[a-z0-9]+]]: tensor<3x4xf32>
func.func @tiled(%q: tensor<2x3x4x?x64xf32>, %k: tensor<2x3x?x64xf32>, %ids: tensor<?xi32>, %sink: tensor<3x4xf32>,
                 %o: tensor<2x3x4x?x64xf32>, %l: tensor<2x3x4x?xf32>) -> (tensor<2x3x4x?x64xf32>, tensor<2x3x4x?xf32>) {
  // CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
  // CHECK-DAG: %[[C3:.*]] = arith.constant 3 : index
  // CHECK-DAG: %[[G:.*]] = arith.constant 4 : index
  // CHECK-DAG: %[[STEP:.*]] = arith.constant 16 : index
  // CHECK-DAG: %[[M:.*]] = tensor.dim %[[Q]], %[[C3]]
  // CHECK: scf.forall (%[[B:.*]], %[[HKV:.*]], %[[HG:.*]]) in (2, 3, 4) shared_outs(%[[OUTS:.*]] = %{{.*}}, %[[LSES:.*]] = %{{.*}})
  // CHECK-DAG: %[[QH:.*]] = tensor.extract_slice %[[Q]][%[[B]], %[[HKV]], %[[HG]], 0, 0] [1, 1, 1, %[[M]], 64]
  // CHECK-DAG: %[[KH:.*]] = tensor.extract_slice %[[K]][%[[B]], %[[HKV]], 0, 0] [1, 1, %{{.*}}, 64]
  // CHECK-DAG: %[[SH:.*]] = tensor.extract_slice %[[SINK]][%[[HKV]], %[[HG]]] [1, 1]
  // CHECK: scf.for %[[I:[a-z0-9]+]] = %[[C0]] to %[[M]] step %[[STEP]]
  // CHECK: %[[ROWS:.*]] = affine.min
  // CHECK: tensor.extract_slice %[[QH]][0, 0, 0, %[[I]], 0] [1, 1, 1, %[[ROWS]], 64]
  // CHECK: %[[KT:.*]] = tensor.extract_slice %[[KH]][0, 0, 0, 0]
  // CHECK: attn.attend dot softmax ins(%{{[^,]*}}, %[[KT]], %[[KT]] : tensor<1x1x1x?x64xf32>, tensor<1x1x?x64xf32>, tensor<1x1x?x64xf32>)
  // CHECK-SAME: sink(%[[SH]] : tensor<1x1xf32>) captures(%[[IDS]] : tensor<?xi32>)
  // CHECK-SAME: offsets(%[[B]], %[[HKV]], %[[HG]], %[[I]], %[[C0]]) whole(%{{.*}}, %{{.*}}, %[[G]], %{{.*}}, %{{.*}})
  // CHECK: tensor.insert_slice
  // CHECK: tensor.insert_slice
  // CHECK: scf.forall.in_parallel
  // CHECK: tensor.parallel_insert_slice {{.*}} into %[[OUTS]][%[[B]], %[[HKV]], %[[HG]], 0, 0] [1, 1, 1, %[[M]], 64]
  // CHECK: tensor.parallel_insert_slice {{.*}} into %[[LSES]][%[[B]], %[[HKV]], %[[HG]], 0] [1, 1, 1, %[[M]]]
  %r, %lse = attn.attend dot softmax ins(%q, %k, %k : tensor<2x3x4x?x64xf32>, tensor<2x3x?x64xf32>, tensor<2x3x?x64xf32>)
      sink(%sink : tensor<3x4xf32>) captures(%ids : tensor<?xi32>)
      outs(%o : tensor<2x3x4x?x64xf32>) lse(%l : tensor<2x3x4x?xf32>)
      indexing_maps = [#query, #key, #value, #output, #lse] scale = 0.125 mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %t: tensor<?xi32>):
    %x = attn.load %t[%i] : tensor<?xi32>
    %y = attn.load %t[%j] : tensor<?xi32>
    %keep = arith.cmpi eq, %x, %y : i32
    attn.yield %keep : i1
  } -> tensor<2x3x4x?x64xf32> lse(tensor<2x3x4x?xf32>)
  return %r, %lse : tensor<2x3x4x?x64xf32>, tensor<2x3x4x?xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %0 = transform.structured.match ops{["attn.attend"]} in %root : (!transform.any_op) -> !transform.any_op
    %1, %forall = transform.structured.tile_using_forall %0 tile_sizes [1, 1, 1, 0, 0, 0, 0]
        : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    %2, %for = transform.structured.tile_using_for %1 tile_sizes [0, 0, 0, 16, 0, 0, 0]
        : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

#query = affine_map<(b, hkv, g, i, j, d, e) -> (i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (j, d)>
#value = affine_map<(b, hkv, g, i, j, d, e) -> (j, e)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (i, e)>

// Queries tiled by 32 and then by 8: the inner offset adds to the outer one.
// CHECK-LABEL: func @twice(
func.func @twice(%q: tensor<64x4xf32>, %o: tensor<64x4xf32>) -> tensor<64x4xf32> {
  // CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
  // CHECK-DAG: %[[C1:.*]] = arith.constant 1 : index
  // CHECK: scf.for %[[OUTER:[a-z0-9]+]] =
  // CHECK: scf.for %[[INNER:[a-z0-9]+]] =
  // CHECK: %[[I:.*]] = arith.addi %[[OUTER]], %[[INNER]]
  // CHECK: attn.attend {{.*}} offsets(%[[C0]], %[[C0]], %[[C0]], %[[I]], %[[C0]]) whole(%{{.*}}, %{{.*}}, %[[C1]], %{{.*}}, %{{.*}})
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<64x4xf32>, tensor<64x4xf32>, tensor<64x4xf32>)
      outs(%o : tensor<64x4xf32>) indexing_maps = [#query, #key, #value, #output] scale = 1.0 mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %keep = arith.cmpi sge, %i, %j : index
    attn.yield %keep : i1
  } -> tensor<64x4xf32>
  return %r : tensor<64x4xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %0 = transform.structured.match ops{["attn.attend"]} in %root : (!transform.any_op) -> !transform.any_op
    %1, %outer = transform.structured.tile_using_for %0 tile_sizes [0, 0, 0, 32]
        : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    %2, %inner = transform.structured.tile_using_for %1 tile_sizes [0, 0, 0, 8]
        : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

#query = affine_map<(i, j, d, e) -> (d, i)>
#key = affine_map<(i, j, d, e) -> (j, d)>
#value = affine_map<(i, j, d, e) -> (j, e)>
#accumulator = affine_map<(i, j, d, e) -> (e, i)>

// Over keys: j moves on, the running values pass from tile to tile.
// CHECK-LABEL: func @keys(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<64x16xf32>, %[[K:[a-z0-9]+]]: tensor<?x64xf32>, %[[J0:[a-z0-9]+]]: index
func.func @keys(%q: tensor<64x16xf32>, %k: tensor<?x64xf32>, %j: index, %a: tensor<64x16xf32>,
                %m: tensor<16xf32>, %s: tensor<16xf32>) -> (tensor<64x16xf32>, tensor<16xf32>, tensor<16xf32>) {
  // CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
  // CHECK: %[[R:[a-z0-9]+]]:3 = scf.for %[[AT:[a-z0-9]+]] = %[[C0]] to %{{.*}} step %{{.*}} iter_args(%[[A:[a-z0-9]+]] = %{{.*}}, %[[M:[a-z0-9]+]] = %{{.*}}, %[[S:[a-z0-9]+]] = %{{.*}})
  // CHECK: %[[COUNT:.*]] = affine.min
  // CHECK: %[[KT:.*]] = tensor.extract_slice %[[K]][%[[AT]], 0] [%[[COUNT]], 64]
  // CHECK: %[[J:.*]] = arith.addi %[[J0]], %[[AT]]
  // CHECK: %[[T:.*]], %[[TM:.*]], %[[TS:.*]] = attn.attend_tile dot softmax ins(%[[Q]], %[[KT]], %[[KT]] :
  // CHECK-SAME: at(%[[J0]], %[[J0]], %[[J0]], %[[J]]) outs(%[[A]], %[[M]], %[[S]] :
  // CHECK: scf.yield %[[T]], %[[TM]], %[[TS]]
  %r:3 = attn.attend_tile dot softmax ins(%q, %k, %k : tensor<64x16xf32>, tensor<?x64xf32>, tensor<?x64xf32>)
      at(%j, %j, %j, %j) outs(%a, %m, %s : tensor<64x16xf32>, tensor<16xf32>, tensor<16xf32>)
      indexing_maps = [#query, #key, #value, #accumulator] scale = 1.0 mask {
  ^bb0(%b: index, %h: index, %x: index, %y: index):
    %keep = arith.cmpi sge, %x, %y : index
    attn.yield %keep : i1
  } -> tensor<64x16xf32>, tensor<16xf32>, tensor<16xf32>
  return %r#0, %r#1, %r#2 : tensor<64x16xf32>, tensor<16xf32>, tensor<16xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %0 = transform.structured.match ops{["attn.attend_tile"]} in %root : (!transform.any_op) -> !transform.any_op
    %1, %keys = transform.structured.tile_using_for %0 tile_sizes [0, 8]
        : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}
