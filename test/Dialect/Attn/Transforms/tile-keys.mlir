// RUN: attn-opt %s -attn-tile-queries="target=x86-64-v4" -attn-tile-keys="target=x86-64-v4" -canonicalize -cse | FileCheck %s

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#value = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, e)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>
#lse = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i)>

// Queries are packed transposed; the loop over key tiles carries accumulator,
// maximum and sum; their quotient is the output. A tile with fewer queries than 64 is
// padded by zeros to whole vectors, and each of these meets a tile of keys by itself.
// No tensor is M x N.
// CHECK: #[[WHOLE:.*]] = affine_map<(d0) -> ((d0 floordiv 16) * 16)>
// CHECK: #[[USED:.*]] = affine_map<(d0) -> ((d0 ceildiv 16) * 16)>
// CHECK-LABEL: func @attention(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<4x?x16xf32>, %[[K:[a-z0-9]+]]: tensor<4x200x16xf32>, %[[V:[a-z0-9]+]]: tensor<4x200x8xf32>
func.func @attention(%q: tensor<4x?x16xf32>, %k: tensor<4x200x16xf32>, %v: tensor<4x200x8xf32>, %o: tensor<4x?x8xf32>, %l: tensor<4x?xf32>)
    -> (tensor<4x?x8xf32>, tensor<4x?xf32>) {
  // CHECK-DAG: %[[NONE:.*]] = arith.constant 0xFF800000 : f32
  // CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
  // CHECK: scf.forall (%[[H:.*]], %[[I:.*]]) =
  // CHECK: %[[COUNT:.*]] = tensor.dim %{{.*}}, %c0 : tensor<?x16xf32>
  // CHECK-DAG: %[[FIRST:.*]] = affine.apply #[[WHOLE]](%[[COUNT]])
  // CHECK-DAG: %[[ROWS:.*]] = affine.apply #[[USED]](%[[COUNT]])
  // CHECK: %[[LEFT:.*]] = arith.cmpi ne, %[[ROWS]], %[[FIRST]]
  // CHECK: %[[QPAD:.*]] = scf.if %[[LEFT]]
  // CHECK: tensor.extract_slice %{{.*}}[0, %[[FIRST]]] [16, 16]
  // CHECK: linalg.fill ins(%[[ZERO]] : f32) outs(%{{.*}} : tensor<16x16xf32>)
  // CHECK: tensor.insert_slice
  // CHECK: %[[QT:.*]] = linalg.generic {{.*}} ins(%{{.*}} : tensor<?x16xf32>) outs(%{{.*}} : tensor<16x?xf32>)
  // CHECK: %[[PACKED:.*]] = tensor.insert_slice %[[QT]] into %[[QPAD]]
  // CHECK: tensor.extract_slice %{{.*}}[0, 0] [8, %[[ROWS]]]
  // CHECK: linalg.fill ins(%[[ZERO]] : f32) outs(%{{.*}} : tensor<8x?xf32>)
  // CHECK: %[[ACC:.*]] = tensor.insert_slice %{{.*}} : tensor<8x?xf32> into tensor<8x64xf32>
  // CHECK: %[[MAX:.*]] = linalg.fill ins(%[[NONE]] : f32) outs(%{{.*}} : tensor<64xf32>)
  // CHECK: %[[SUM:.*]] = linalg.fill ins(%[[ZERO]] : f32) outs(%{{.*}} : tensor<64xf32>)
  // CHECK: scf.for %[[J:[a-z0-9]+]] = {{.*}} iter_args(%[[A:.*]] = %[[ACC]], %[[MX:.*]] = %[[MAX]], %[[S:.*]] = %[[SUM]])
  // CHECK: %[[KEYS:.*]] = affine.min
  // CHECK: %[[FULL:.*]] = arith.cmpi eq, %[[COUNT]], %c64
  // CHECK: scf.if %[[FULL]]
  // CHECK: %[[KT:.*]] = tensor.extract_slice %{{.*}}[%[[J]], 0] [%[[KEYS]], 16]
  // CHECK: %[[VT:.*]] = tensor.extract_slice %{{.*}}[%[[J]], 0] [%[[KEYS]], 8]
  // CHECK: %[[NA:.*]], %[[NM:.*]], %[[NS:.*]] = attn.attend_tile dot softmax ins(%[[PACKED]], %[[KT]], %[[VT]] :
  // CHECK-SAME: at(%{{.*}}, %[[H]], %[[I]], %[[J]]) outs(%[[A]], %[[MX]], %[[S]] :
  // CHECK: scf.yield %[[NA]], %[[NM]], %[[NS]]
  // CHECK: else
  // CHECK: scf.for %[[P:.*]] = %c0 to %[[COUNT]] step %c16 iter_args(%[[PA:.*]] = %[[A]], %[[PM:.*]] = %[[MX]], %[[PS:.*]] = %[[S]])
  // CHECK: %[[PIECE:.*]] = tensor.extract_slice %[[PA]][0, %[[P]]] [8, 16]
  // CHECK: %[[QPIECE:.*]] = tensor.extract_slice %[[PACKED]][0, %[[P]]] [16, 16]
  // CHECK: %[[ROW:.*]] = arith.addi %[[I]], %[[P]]
  // CHECK: %[[PN:.*]], %{{.*}}, %{{.*}} = attn.attend_tile dot softmax ins(%[[QPIECE]],
  // CHECK-SAME: at(%{{.*}}, %[[H]], %[[ROW]], %[[J]]) outs(%[[PIECE]],
  // CHECK: tensor.insert_slice %[[PN]] into %[[PA]][0, %[[P]]] [8, 16]
  // CHECK: arith.divf
  // Without a mask one row of the output tells whether all are finite.
  // CHECK: %[[ROW0:.*]] = tensor.extract_slice %{{.*}}[0, 0] [1, 8] [1, 1] : tensor<?x8xf32> to tensor<8xf32>
  // CHECK: linalg.generic {{.*}}["reduction"]} ins(%[[ROW0]] :
  // CHECK: attn.recompute dot softmax
  // CHECK: math.log
  // CHECK-NOT: attn.attend{{ }}
  %r, %lse = attn.attend dot softmax ins(%q, %k, %v : tensor<4x?x16xf32>, tensor<4x200x16xf32>, tensor<4x200x8xf32>)
      outs(%o : tensor<4x?x8xf32>) lse(%l : tensor<4x?xf32>)
      indexing_maps = [#query, #key, #value, #output, #lse] scale = 0.25 -> tensor<4x?x8xf32> lse(tensor<4x?xf32>)
  return %r, %lse : tensor<4x?x8xf32>, tensor<4x?xf32>
}

// A tile that has all of a known number of queries says which of its rows these are.
// CHECK-LABEL: func @padded_rows(
// CHECK: attn.attend_tile {{.*}} outs({{.*}} : tensor<48x16xf32>, tensor<48xf32>, tensor<48xf32>) {{.*}}existing_rows = 33
func.func @padded_rows(%q: tensor<4x33x16xf32>, %k: tensor<4x?x16xf32>, %o: tensor<4x33x16xf32>) -> tensor<4x33x16xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<4x33x16xf32>, tensor<4x?x16xf32>, tensor<4x?x16xf32>)
      outs(%o : tensor<4x33x16xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<4x33x16xf32>
  return %r : tensor<4x33x16xf32>
}

// Where one tile has all keys, there is no loop over them.
// CHECK-LABEL: func @once(
// CHECK-SAME: tensor<4x?x16xf32>, %[[K:[a-z0-9]+]]: tensor<4x?x16xf32>
// CHECK: scf.forall
// CHECK-NOT: scf.for{{ }}
// CHECK: %[[COUNT:.*]] = affine.min #{{.*}}()[%{{.*}}]
// CHECK: %[[KT:.*]] = tensor.extract_slice %{{.*}}[0, 0] [%[[COUNT]], 16]
// CHECK: attn.attend_tile dot softmax ins(%{{.*}}, %[[KT]],
// CHECK: scf.forall.in_parallel
func.func @once(%q: tensor<4x?x16xf32>, %k: tensor<4x?x16xf32>, %o: tensor<4x?x16xf32>) -> tensor<4x?x16xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<4x?x16xf32>, tensor<4x?x16xf32>, tensor<4x?x16xf32>)
      outs(%o : tensor<4x?x16xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25
      {attn.plan = {group = 1 : index, keys = 128 : index, lanes = "features", once, queries = 8 : index}} -> tensor<4x?x16xf32>
  return %r : tensor<4x?x16xf32>
}

// Its maximum is that of all keys, which moves once.
// CHECK-LABEL: func @once_for_many(
// CHECK: attn.attend_tile dot softmax ins(
// CHECK-NOT: attn.lazy
// CHECK: return
func.func @once_for_many(%q: tensor<4x64x16xf32>, %k: tensor<4x?x16xf32>, %o: tensor<4x64x16xf32>) -> tensor<4x64x16xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<4x64x16xf32>, tensor<4x?x16xf32>, tensor<4x?x16xf32>)
      outs(%o : tensor<4x64x16xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25
      {attn.plan = {group = 1 : index, keys = 128 : index, lanes = "queries", once, queries = 64 : index}} -> tensor<4x64x16xf32>
  return %r : tensor<4x64x16xf32>
}

// A sink starts the maximum and the sum.
// CHECK-LABEL: func @sink(
// CHECK-SAME: %[[SINK:[a-z0-9]+]]: tensor<4x1xf32>
func.func @sink(%sink: tensor<4x1xf32>, %q: tensor<4x8x16xf32>, %o: tensor<4x8x16xf32>) -> tensor<4x8x16xf32> {
  // CHECK: %[[LOGIT:.*]] = tensor.extract_slice %{{.*}} : tensor<1x1xf32> to tensor<f32>
  // CHECK: %[[MAX:.*]] = linalg.generic {{.*}} ins(%[[LOGIT]] : tensor<f32>)
  // CHECK: %[[SUM:.*]] = linalg.generic {{.*}} ins(%[[LOGIT]] : tensor<f32>)
  // CHECK: %[[ABSENT:.*]] = arith.cmpf oeq
  // CHECK: arith.select %[[ABSENT]]
  // CHECK: attn.attend_tile dot softmax {{.*}} outs(%{{.*}}, %[[MAX]], %[[SUM]] :
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<4x8x16xf32>, tensor<4x8x16xf32>, tensor<4x8x16xf32>) sink(%sink : tensor<4x1xf32>)
      outs(%o : tensor<4x8x16xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<4x8x16xf32>
  return %r : tensor<4x8x16xf32>
}

// A tile with outputs that are not finite is computed again, key by key; what a mask
// does to the score of a pair is a region. The sum of an empty row, 0, has an inverse.
// CHECK-LABEL: func @masked(
func.func @masked(%q: tensor<4x8x16xf32>, %o: tensor<4x8x16xf32>) -> tensor<4x8x16xf32> {
  // CHECK: attn.attend_tile dot softmax ins(
  // CHECK: ^bb0(%[[SUM:.*]]: f32, %{{.*}}: f32):
  // CHECK: %[[EMPTY:.*]] = arith.cmpf olt, %[[SUM]], %[[SMALLEST:.*]] : f32
  // CHECK: %[[NORMAL:.*]] = arith.select %[[EMPTY]], %[[SMALLEST]], %[[SUM]]
  // CHECK: arith.divf %{{.*}}, %[[NORMAL]]
  // CHECK: %[[OUT:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<8x16xf32>)
  // CHECK: %[[COLUMNS:.*]] = linalg.generic {{.*}}["reduction", "parallel"]} ins(%[[OUT]] :
  // CHECK: %[[ANY:.*]] = linalg.generic {{.*}}["reduction"]} ins(%[[COLUMNS]] : {{.*}}) outs(%{{.*}} : tensor<i1>)
  // CHECK: %[[ZERO:.*]] = arith.mulf
  // CHECK: arith.cmpf uno, %[[ZERO]], %[[ZERO]]
  // CHECK: %[[WHEN:.*]] = tensor.extract %[[ANY]][]
  // CHECK: %[[AGAIN:.*]] = attn.recompute dot softmax ins({{.*}}) keys(%{{.*}}, %{{.*}}) when(%[[WHEN]]) outs(%[[OUT]] : {{.*}} pairs {
  // CHECK: ^bb0(%[[QUERY:.*]]: index, %{{.*}}: index, %[[KEY:.*]]: index, %[[SCORE:.*]]: f32):
  // CHECK: %[[KEEP:.*]] = arith.cmpi ne, %[[QUERY]], %[[KEY]]
  // CHECK: arith.select %[[KEEP]], %[[SCORE]],
  // CHECK: tensor.insert_slice %[[AGAIN]] into
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<4x8x16xf32>, tensor<4x8x16xf32>, tensor<4x8x16xf32>)
      outs(%o : tensor<4x8x16xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %keep = arith.cmpi ne, %i, %j : index
    attn.yield %keep : i1
  } -> tensor<4x8x16xf32>
  return %r : tensor<4x8x16xf32>
}

// Scores within 30 of 0: weights are relative to 0, which is the maximum of all
// tiles; and a key in every row leaves no sum of 0 to divide by. Where sums are small, or
// outputs not finite, a running maximum takes its place.
// CHECK-LABEL: func @bounded(
func.func @bounded(%q: tensor<4x8x16xf32>, %o: tensor<4x8x16xf32>) -> tensor<4x8x16xf32> {
  // CHECK: %[[ZEROS:.*]] = linalg.fill ins(%{{.*}} : f32) outs(%{{.*}} : tensor<8xf32>)
  // CHECK: attn.attend_tile dot softmax ins({{.*}} outs(%{{.*}}, %[[ZEROS]],{{.*}} {{.*}}attn.bounded
  // CHECK: arith.divf
  // CHECK-NOT: arith.select
  // CHECK: arith.cmpf uno
  // CHECK: %[[SPOILT:.*]] = tensor.extract %{{.*}}[] : tensor<i1>
  // CHECK: %[[SMALL:.*]] = tensor.extract %{{.*}}[] : tensor<i1>
  // CHECK: %[[WHEN:.*]] = arith.ori %[[SPOILT]], %[[SMALL]]
  // CHECK: attn.recompute dot softmax {{.*}} when(%[[WHEN]])
  // CHECK: scf.forall.in_parallel
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<4x8x16xf32>, tensor<4x8x16xf32>, tensor<4x8x16xf32>)
      outs(%o : tensor<4x8x16xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    %cap = arith.constant 30.0 : f32
    %x = arith.divf %s, %cap : f32
    %t = math.tanh %x : f32
    %capped = arith.mulf %t, %cap : f32
    attn.yield %capped : f32
  } mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %keep = arith.cmpi sge, %i, %j : index
    attn.yield %keep : i1
  } -> tensor<4x8x16xf32>
  return %r : tensor<4x8x16xf32>
}

// Ids: key tiles are searched for before the loop, blocks of 16 tiles are asked
// before their tiles.
// CHECK-LABEL: func @documents(
// CHECK-SAME: %[[IDS:[a-z0-9]+]]: tensor<1900xi32>
func.func @documents(%q: tensor<4x1900x16xf32>, %o: tensor<4x1900x16xf32>, %ids: tensor<1900xi32>) -> tensor<4x1900x16xf32> {
  // CHECK-DAG: %[[BLOCK:.*]] = arith.constant 1536 : index
  // CHECK-DAG: %[[TILE:.*]] = arith.constant 96 : index
  // CHECK: scf.forall
  // CHECK: scf.for %{{.*}} iter_args(%{{.*}}, %{{.*}}) -> (index, index)
  // CHECK: scf.for %{{.*}} = %{{.*}} to %{{.*}} step %[[BLOCK]] iter_args
  // CHECK: scf.if
  // CHECK: scf.for %{{.*}} = %{{.*}} to %{{.*}} step %[[TILE]] iter_args
  // CHECK: scf.if
  // CHECK: attn.attend_tile
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<4x1900x16xf32>, tensor<4x1900x16xf32>, tensor<4x1900x16xf32>)
      captures(%ids : tensor<1900xi32>)
      outs(%o : tensor<4x1900x16xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %t: tensor<1900xi32>):
    %x = attn.load %t[%i] : tensor<1900xi32>
    %y = attn.load %t[%j] : tensor<1900xi32>
    %keep = arith.cmpi eq, %x, %y : i32
    attn.yield %keep : i1
  } -> tensor<4x1900x16xf32>
  return %r : tensor<4x1900x16xf32>
}

// Ids that are stated to ascend: no loop over blocks.
// CHECK-LABEL: func @sorted_documents(
func.func @sorted_documents(%q: tensor<4x1900x16xf32>, %o: tensor<4x1900x16xf32>, %ids: tensor<1900xi32>) -> tensor<4x1900x16xf32> {
  // CHECK: scf.forall
  // CHECK: scf.for %{{.*}} iter_args(%{{.*}}, %{{.*}}) -> (index, index)
  // CHECK-NOT: step %c1536
  // CHECK: scf.for %{{.*}} = %{{.*}} to %{{.*}} step %c96 iter_args
  // CHECK-NOT: scf.for
  // CHECK: attn.attend_tile
  // CHECK-NOT: step %c1536
  // CHECK: return
  %sorted = attn.assume %ids ascending : tensor<1900xi32>
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<4x1900x16xf32>, tensor<4x1900x16xf32>, tensor<4x1900x16xf32>)
      captures(%sorted : tensor<1900xi32>)
      outs(%o : tensor<4x1900x16xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %t: tensor<1900xi32>):
    %x = attn.load %t[%i] : tensor<1900xi32>
    %y = attn.load %t[%j] : tensor<1900xi32>
    %keep = arith.cmpi eq, %x, %y : i32
    attn.yield %keep : i1
  } -> tensor<4x1900x16xf32>
  return %r : tensor<4x1900x16xf32>
}

// More keys than may stay in the second-level cache: four tiles of queries are
// packed, then all of them visit 960 keys before the next 960, then their
// results are written. What is kept of each lies in scratch that is stacked.
// CHECK-LABEL: func @band(
// CHECK-SAME: %{{[a-z0-9]+}}: tensor<4x?x16xf32>, %[[K:[a-z0-9]+]]: tensor<4x?x16xf32>
func.func @band(%q: tensor<4x?x16xf32>, %k: tensor<4x?x16xf32>, %o: tensor<4x?x16xf32>, %l: tensor<4x?xf32>) -> (tensor<4x?x16xf32>, tensor<4x?xf32>) {
  // CHECK-DAG: %[[RESIDENT:.*]] = arith.constant 960 : index
  // CHECK-DAG: %[[TILE:.*]] = arith.constant 96 : index
  // CHECK-DAG: %[[N:.*]] = tensor.dim %[[K]], %{{.*}} : tensor<4x?x16xf32>
  // CHECK: scf.forall
  // CHECK: %[[QUERIES:.*]] = memref.alloc() : memref<4x16x64xf32>
  // CHECK: %[[ACC:.*]] = memref.alloc() : memref<4x64x16xf32>
  // CHECK: %[[TILES:.*]] = affine.apply
  // CHECK: scf.for %[[T:.*]] = %c0 to %[[TILES]] step %c1 {
  // CHECK: %[[ROOM:.*]] = memref.subview %[[QUERIES]][%[[T]], 0, 0] [1, 16, 64]
  // CHECK: bufferization.materialize_in_destination %{{.*}} in restrict writable %[[ROOM]]
  // CHECK: scf.for %[[FIRST:.*]] = %c0 to %[[N]] step %[[RESIDENT]] {
  // CHECK: %[[NEXT:.*]] = arith.addi %[[FIRST]], %[[RESIDENT]]
  // CHECK: %[[END:.*]] = arith.minsi %[[NEXT]], %[[N]]
  // CHECK: scf.for %[[T:.*]] = %c0 to %[[TILES]] step %c1 {
  // CHECK: %[[Q:.*]] = memref.subview %[[QUERIES]][%[[T]], 0, 0] [1, 16, 64]
  // CHECK: %[[QT:.*]] = bufferization.to_tensor %[[Q]] restrict :
  // CHECK: %[[ROOM:.*]] = memref.subview %[[ACC]][%[[T]], 0, 0] [1, 64, 16]
  // CHECK: %[[AT:.*]] = bufferization.to_tensor %[[ROOM]] restrict writable
  // CHECK: %[[NEW:.*]]:3 = scf.for %{{.*}} = %[[FIRST]] to %[[END]] step %[[TILE]] iter_args(%{{.*}} = %[[AT]],
  // CHECK: attn.attend_tile dot softmax ins(%[[QT]],
  // CHECK: bufferization.materialize_in_destination %[[NEW]]#0 in restrict writable %[[ROOM]]
  // CHECK: scf.for %[[T:.*]] = %c0 to %[[TILES]] step %c1 iter_args(%[[OUT:.*]] = %{{.*}}, %[[LSE:.*]] = %{{.*}})
  // CHECK: memref.subview %[[ACC]][%[[T]], 0, 0]
  // CHECK: tensor.insert_slice %{{.*}} into %[[OUT]]
  // CHECK: tensor.insert_slice %{{.*}} into %[[LSE]]
  // CHECK: scf.forall.in_parallel
  %r, %lse = attn.attend dot softmax ins(%q, %k, %k : tensor<4x?x16xf32>, tensor<4x?x16xf32>, tensor<4x?x16xf32>)
      outs(%o : tensor<4x?x16xf32>) lse(%l : tensor<4x?xf32>)
      indexing_maps = [#query, #key, #value, #output, #lse] scale = 0.25 -> tensor<4x?x16xf32> lse(tensor<4x?xf32>)
  return %r, %lse : tensor<4x?x16xf32>, tensor<4x?xf32>
}

// Under a mask, the band goes through the keys that some of its tiles reach, and
// each tile stops at the last key that it reaches itself.
// CHECK-LABEL: func @masked_band(
func.func @masked_band(%q: tensor<4x?x16xf32>, %o: tensor<4x?x16xf32>) -> tensor<4x?x16xf32> {
  // CHECK-DAG: %[[RESIDENT:.*]] = arith.constant 960 : index
  // CHECK: scf.forall
  // CHECK: %[[REACHED:.*]]:2 = scf.for {{.*}} -> (index, index)
  // CHECK: memref.store %{{.*}}, %[[ENDS:.*]][%{{.*}}] : memref<4xi64>
  // CHECK: arith.minsi
  // CHECK: arith.maxsi
  // CHECK: scf.for %[[FIRST:.*]] = %[[REACHED]]#0 to %[[REACHED]]#1 step %[[RESIDENT]]
  // CHECK: %[[END:.*]] = arith.minsi %{{.*}}, %[[REACHED]]#1
  // CHECK: %[[OWN:.*]] = memref.load %[[ENDS]]
  // CHECK: %[[LAST:.*]] = arith.index_cast %[[OWN]]
  // CHECK: %[[STOP:.*]] = arith.minsi %[[END]], %[[LAST]]
  // CHECK: scf.for %[[J:.*]] = %[[FIRST]] to %[[STOP]] step
  // CHECK: %[[COUNT:.*]] = affine.min #{{.*}}(%[[J]])[%{{.*}}, %[[STOP]]]
  // CHECK: scf.if
  // CHECK: attn.attend_tile dot softmax ins(
  // CHECK: attn.recompute dot softmax {{.*}} keys(%[[REACHED]]#0, %[[REACHED]]#1)
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<4x?x16xf32>, tensor<4x?x16xf32>, tensor<4x?x16xf32>)
      outs(%o : tensor<4x?x16xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %keep = arith.cmpi sge, %i, %j : index
    attn.yield %keep : i1
  } -> tensor<4x?x16xf32>
  return %r : tensor<4x?x16xf32>
}

// Whole tiles of keys have code of their own, whose size is known, and spread what they
// fetch over the steps of their products.
// CHECK-LABEL: func @spread(
// CHECK: %[[COUNT:.*]] = affine.min
// CHECK: %[[WHOLE:.*]] = arith.cmpi eq, %[[COUNT]], %c24
// CHECK: scf.if %[[WHOLE]]
// CHECK: attn.attend_tile {{.*}} tensor<24x16xf32>, tensor<24x16xf32>) {{.*}} {attn.ahead = 24 : index,{{.*}} attn.spread
// CHECK: else
// CHECK: attn.attend_tile {{.*}} tensor<?x16xf32>, tensor<?x16xf32>) {{.*}} {attn.ahead = 24 : index
// CHECK-NOT: attn.spread
// CHECK: return
func.func @spread(%q: tensor<4x16x16xf32>, %k: tensor<4x?x16xf32>, %o: tensor<4x16x16xf32>) -> tensor<4x16x16xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<4x16x16xf32>, tensor<4x?x16xf32>, tensor<4x?x16xf32>)
      outs(%o : tensor<4x16x16xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25
      {attn.plan = {ahead = 24 : index, group = 1 : index, keys = 24 : index, lanes = "queries", queries = 16 : index, spread, turned}} -> tensor<4x16x16xf32>
  return %r : tensor<4x16x16xf32>
}
