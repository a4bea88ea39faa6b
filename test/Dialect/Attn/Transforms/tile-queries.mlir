// RUN: attn-opt %s -attn-tile-queries="target=x86-64-v4" -canonicalize -cse | FileCheck %s
// RUN: attn-opt %s -attn-tile-queries="target=x86-64-v4" | FileCheck %s --check-prefix=SIZES

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#value = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, e)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

// One head and 64 queries, four vectors of 16, at a time; keys are not tiled
// here. A loop without a batch or group dimension is not made.
// CHECK-LABEL: func @attention(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<4x?x16xf32>, %[[K:[a-z0-9]+]]: tensor<4x100x16xf32>, %[[V:[a-z0-9]+]]: tensor<4x100x8xf32>, %[[O:[a-z0-9]+]]: tensor<4x?x8xf32>)
func.func @attention(%q: tensor<4x?x16xf32>, %k: tensor<4x100x16xf32>, %v: tensor<4x100x8xf32>, %o: tensor<4x?x8xf32>) -> tensor<4x?x8xf32> {
  // CHECK: %[[M:.*]] = tensor.dim %[[Q]], %c1
  // CHECK: scf.forall (%[[H:.*]], %[[I:.*]]) = (0, 0) to (4, %[[M]]) step (1, 64) shared_outs(%[[OUT:.*]] = %[[O]])
  // CHECK: %[[ROWS:.*]] = affine.min #{{.*}}(%[[I]])[%[[M]]]
  // CHECK: %[[QT:.*]] = tensor.extract_slice %[[Q]][%[[H]], %[[I]], 0] [1, %[[ROWS]], 16]
  // CHECK: %[[KT:.*]] = tensor.extract_slice %[[K]][%[[H]], 0, 0] [1, 100, 16]
  // CHECK: %[[VT:.*]] = tensor.extract_slice %[[V]][%[[H]], 0, 0] [1, 100, 8]
  // CHECK: %[[OT:.*]] = tensor.extract_slice %[[OUT]][%[[H]], %[[I]], 0] [1, %[[ROWS]], 8]
  // CHECK: %[[R:.*]] = attn.attend dot softmax ins(%[[QT]], %[[KT]], %[[VT]] :
  // CHECK-SAME: offsets(%{{.*}}, %[[H]], %{{.*}}, %[[I]], %{{.*}}) whole(
  // CHECK-SAME: outs(%[[OT]] :
  // CHECK: tensor.parallel_insert_slice %[[R]] into %[[OUT]][%[[H]], %[[I]], 0] [1, %[[ROWS]], 8]
  %r = attn.attend dot softmax ins(%q, %k, %v : tensor<4x?x16xf32>, tensor<4x100x16xf32>, tensor<4x100x8xf32>)
      outs(%o : tensor<4x?x8xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<4x?x8xf32>
  return %r : tensor<4x?x8xf32>
}

// Tiles that queries fill have a size that is known.
// CHECK-LABEL: func @filled(
// CHECK-NOT: affine.min
// CHECK: %[[QT:.*]] = tensor.extract_slice %{{.*}} : tensor<4x?x16xf32> to tensor<1x64x16xf32>
// CHECK: %[[OT:.*]] = tensor.extract_slice %{{.*}} : tensor<4x?x16xf32> to tensor<1x64x16xf32>
// CHECK: %[[R:.*]] = attn.attend dot softmax ins(%[[QT]], {{.*}} outs(%[[OT]] :
// CHECK: tensor.parallel_insert_slice %[[R]] into %{{.*}} : tensor<1x64x16xf32> into tensor<4x?x16xf32>
func.func @filled(%q: tensor<4x?x16xf32>, %k: tensor<4x?x16xf32>, %o: tensor<4x?x16xf32>) -> tensor<4x?x16xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<4x?x16xf32>, tensor<4x?x16xf32>, tensor<4x?x16xf32>)
      outs(%o : tensor<4x?x16xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25
      {attn.plan = {filled, group = 1 : index, keys = 128 : index, lanes = "queries", once, queries = 64 : index}} -> tensor<4x?x16xf32>
  return %r : tensor<4x?x16xf32>
}

// The loop over heads tells that their steps are to alternate.
// CHECK-LABEL: func @interleaved(
// CHECK: scf.forall (%{{.*}}) in (4)
// CHECK: } {attn.interleave = 2 : index}
func.func @interleaved(%q: tensor<4x8x16xf32>, %k: tensor<4x8x16xf32>, %o: tensor<4x8x16xf32>) -> tensor<4x8x16xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<4x8x16xf32>, tensor<4x8x16xf32>, tensor<4x8x16xf32>)
      outs(%o : tensor<4x8x16xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25
      {attn.plan = {keys = 128 : index, lanes = "features", interleave = 2 : index, queries = 8 : index}} -> tensor<4x8x16xf32>
  return %r : tensor<4x8x16xf32>
}

// Four tiles at a time where there are more keys than stay in the cache; two, or one,
// where four would leave a single step.
// CHECK-LABEL: func @unknown_keys(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<4x?x16xf32>, %[[K:[a-z0-9]+]]: tensor<4x?x16xf32>
func.func @unknown_keys(%q: tensor<4x?x16xf32>, %k: tensor<4x?x16xf32>, %o: tensor<4x?x16xf32>) -> tensor<4x?x16xf32> {
  // CHECK-DAG: %[[FIT:.*]] = arith.constant 1920 : index
  // CHECK-DAG: %[[ONE:.*]] = arith.constant 64 : index
  // CHECK-DAG: %[[TWO:.*]] = arith.constant 128 : index
  // CHECK-DAG: %[[BAND:.*]] = arith.constant 256 : index
  // CHECK: %[[HALF:.*]] = arith.select %{{.*}}, %[[TWO]], %[[BAND]]
  // CHECK: %[[SHARE:.*]] = arith.select %{{.*}}, %[[ONE]], %[[HALF]]
  // CHECK: %[[N:.*]] = tensor.dim %[[K]], %c1
  // CHECK: %[[MORE:.*]] = arith.cmpi sgt, %[[N]], %[[FIT]]
  // CHECK: %[[STEP:.*]] = arith.select %[[MORE]], %[[SHARE]], %[[ONE]]
  // CHECK: scf.forall {{.*}} step (1, %[[STEP]])
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<4x?x16xf32>, tensor<4x?x16xf32>, tensor<4x?x16xf32>)
      outs(%o : tensor<4x?x16xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<4x?x16xf32>
  return %r : tensor<4x?x16xf32>
}

// Slices drop the heads behind features: of one query they know so from the start.
#query_heads_last = affine_map<(b, hkv, g, i, j, d, e) -> (i, d, hkv, g)>
#key_heads_last = affine_map<(b, hkv, g, i, j, d, e) -> (j, d, hkv)>
#value_heads_last = affine_map<(b, hkv, g, i, j, d, e) -> (j, e, hkv)>
#output_heads_last = affine_map<(b, hkv, g, i, j, d, e) -> (i, e, hkv, g)>
// SIZES-LABEL: func @heads_last(
// SIZES: tensor.extract_slice %{{.*}}[0, 0, %{{.*}}, 0] [1, 5, 1, 8] [1, 1, 1, 1] : tensor<1x5x2x8xf32> to tensor<1x5x1x8xf32>
func.func @heads_last(%q: tensor<1x5x2x8xf32>, %k: tensor<19x5x2xf32>, %v: tensor<19x5x2xf32>, %o: tensor<1x5x2x8xf32>) -> tensor<1x5x2x8xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %v : tensor<1x5x2x8xf32>, tensor<19x5x2xf32>, tensor<19x5x2xf32>) outs(%o : tensor<1x5x2x8xf32>)
      indexing_maps = [#query_heads_last, #key_heads_last, #value_heads_last, #output_heads_last] scale = 0.5 {attn.plan = {group = 8 : index, keys = 32 : index, lanes = "queries", queries = 2 : index}} -> tensor<1x5x2x8xf32>
  return %r : tensor<1x5x2x8xf32>
}
