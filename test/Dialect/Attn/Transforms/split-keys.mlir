// RUN: attn-opt %s -attn-split-keys -canonicalize | FileCheck %s

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, g, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#value = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, e)>
#out = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, g, i, e)>
#lse = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, g, i)>

// A loop over parts of at most 1024 keys, of equal numbers of tiles of 128, that
// gives each part's output and LSE; then the largest LSE, weights of parts with the
// sink's, and the merged output.
// CHECK: #[[TOKEYS:.*]] = affine_map<(d0) -> (d0 * 128)>
// CHECK-LABEL: func @split(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<2x4x1x64xf32>, %[[K:[a-z0-9]+]]: tensor<2x?x64xf32>
// CHECK: %[[N:.*]] = tensor.dim %[[K]], %c1
// CHECK: %[[TILES:.*]] = arith.ceildivui %[[N]], %c128
// CHECK: %[[COUNT:.*]] = arith.ceildivui %[[TILES]], %c8
// CHECK: %[[LSES:.*]] = tensor.empty({{.*}}) : tensor<1x2x?x4x1xf32>
// CHECK: %[[OUTS:.*]] = tensor.empty({{.*}}) : tensor<1x2x?x4x1x64xf32>
// CHECK: %[[PARTS:.*]]:2 = scf.forall ({{.*}}, %[[P:[a-z0-9]+]]) in (2, %[[COUNT]])
// CHECK: %[[LENGTH:.*]] = arith.ceildivui %[[TILES]], %[[COUNT]]
// CHECK: %[[AT:.*]] = arith.muli %[[P]], %[[LENGTH]]
// CHECK: %[[FIRST:.*]] = arith.minui %[[AT]], %[[TILES]]
// CHECK: %[[J:.*]] = affine.apply #[[TOKEYS]](%[[FIRST]])
// CHECK: tensor.extract_slice %[[K]][%{{.*}}, %[[J]], 0] [1, %{{.*}}, 64]
// CHECK: attn.attend dot softmax {{.*}} offsets(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[J]]) whole(
// CHECK-NOT: sink
// CHECK-SAME: split = 0
// CHECK: tensor.parallel_insert_slice
// CHECK: tensor.parallel_insert_slice
// CHECK: %[[MAX:.*]] = linalg.generic {{.*}}"reduction"]} ins(%[[PARTS]]#1 :
// CHECK: arith.cmpf ogt
// CHECK: linalg.generic {{.*}} outs(%[[PARTS]]#1, %{{.*}} :
// CHECK: math.exp2
// CHECK: linalg.generic {{.*}} ins(%[[PARTS]]#0,
// CHECK: arith.divf
// CHECK: math.log
func.func @split(%q: tensor<2x4x1x64xf32>, %k: tensor<2x?x64xf32>, %sink: tensor<2x4xf32>, %o: tensor<2x4x1x64xf32>, %l: tensor<2x4x1xf32>)
    -> (tensor<2x4x1x64xf32>, tensor<2x4x1xf32>) {
  %r, %lse = attn.attend dot softmax ins(%q, %k, %k : tensor<2x4x1x64xf32>, tensor<2x?x64xf32>, tensor<2x?x64xf32>) sink(%sink : tensor<2x4xf32>)
      outs(%o : tensor<2x4x1x64xf32>) lse(%l : tensor<2x4x1xf32>) indexing_maps = [#query, #key, #value, #out, #lse] scale = 0.25
      {attn.plan = {group = 4 : index, keys = 128 : index, lanes = "features", queries = 1 : index, split = 1024 : index}} -> tensor<2x4x1x64xf32> lse(tensor<2x4x1xf32>)
  return %r, %lse : tensor<2x4x1x64xf32>, tensor<2x4x1xf32>
}

// Under a mask the keys that it can reach are cut, as many parts as the head that
// reaches most takes, and no more are merged.
// CHECK-LABEL: func @window(
// CHECK-SAME: %[[PAST:[a-z0-9]+]]: index
// CHECK: %[[LONGEST:.*]] = scf.for
// CHECK: arith.maxui
// CHECK: %[[COUNT:.*]] = arith.ceildivui %[[LONGEST]], %c8
// CHECK: %[[PARTS:.*]]:2 = scf.forall ({{.*}}, %{{.*}}) in (2, %[[COUNT]])
// CHECK: arith.ceildivui %{{.*}}, %[[COUNT]]
// CHECK: %[[DONE:.*]] = tensor.extract_slice %[[PARTS]]#0{{.*}} [1, 2, %[[COUNT]], 4, 1, 64]
// CHECK: linalg.generic {{.*}} ins(%[[DONE]],
func.func @window(%q: tensor<2x4x1x64xf32>, %k: tensor<2x?x64xf32>, %past: index, %o: tensor<2x4x1x64xf32>)
    -> tensor<2x4x1x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x4x1x64xf32>, tensor<2x?x64xf32>, tensor<2x?x64xf32>) captures(%past : index)
      outs(%o : tensor<2x4x1x64xf32>) indexing_maps = [#query, #key, #value, #out] scale = 0.25
      {attn.plan = {group = 4 : index, keys = 128 : index, lanes = "features", queries = 1 : index, split = 1024 : index}} mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %n: index):
    %keep = arith.cmpi slt, %j, %n : index
    attn.yield %keep : i1
  } -> tensor<2x4x1x64xf32>
  return %r : tensor<2x4x1x64xf32>
}
