// RUN: attn-opt %s -split-input-file -attn-tile-contractions="target=x86-64-v4" -canonicalize -cse | FileCheck %s

// Tiles of rows and panels of four vectors; in each a loop over the reduction that
// packs a panel, and a product that fetches the rows of the next register block. The
// last step is behind the loop, and on what it gives the bias and the ops after the
// product run.
// CHECK-DAG: #[[ROW:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[LANE:.*]] = affine_map<(d0, d1, d2) -> (d2, d1)>
// CHECK-LABEL: func @layer(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x?xf32>, %[[W:[a-z0-9]+]]: tensor<?x?xf32>, %[[BIAS:[a-z0-9]+]]: tensor<?xf32>, %[[OUT:[a-z0-9]+]]: tensor<?x?xf32>)
// CHECK-NOT: linalg
// CHECK: scf.forall (%[[I:.*]], %[[J:.*]]) = (0, 0) to (%{{.*}}, %{{.*}}) step (576, 64) shared_outs(%[[DEST:.*]] = %[[OUT]])
// CHECK: %[[XT:.*]] = tensor.extract_slice %[[X]][%[[I]], 0]
// CHECK: %[[WT:.*]] = tensor.extract_slice %[[W]][%[[J]], 0]
// CHECK: tensor.empty() : tensor<576x64xf32>
// CHECK: %[[ZEROS:.*]] = linalg.fill {{.*}} -> tensor<?x64xf32>
// CHECK: %[[SUMS:.*]]:2 = scf.for %[[K:.*]] = %c0 to %[[LAST:.*]] step %c192 iter_args(%[[SUM:.*]] = %[[ZEROS]], %[[PANEL:.*]] = %{{.*}}) -> (tensor<?x64xf32>, tensor<192x64xf32>)
// CHECK: %[[FROM:.*]] = tensor.extract_slice %[[WT]][0, %[[K]]]
// CHECK: linalg.generic {{.*}} ins(%[[FROM]] :
// CHECK: tensor.insert_slice %{{.*}} into %[[PANEL]]
// CHECK: %[[ROWS:.*]] = tensor.extract_slice %[[XT]][0, %[[K]]]
// CHECK: linalg.generic {indexing_maps = [#[[ROW]], #[[LANE]], {{.*}}} ins(%[[ROWS]], %{{.*}} : tensor<?x192xf32>, tensor<192x64xf32>) outs(%[[SUM]] : tensor<?x64xf32>) attrs = {attn.ahead = 6 : index, attn.streamed = array<i64: 0>}
// CHECK: %[[LASTROWS:.*]] = tensor.extract_slice %[[XT]][0, %[[LAST]]]
// CHECK: %[[TOTAL:.*]] = linalg.generic {indexing_maps = [#[[ROW]], #[[LANE]], {{.*}}} ins(%[[LASTROWS]], %{{.*}} : tensor<?x?xf32>, tensor<?x64xf32>) outs(%[[SUMS]]#0 : tensor<?x64xf32>)
// CHECK: tensor.extract_slice %[[TOTAL]]
// CHECK: %[[B:.*]] = tensor.extract_slice %[[BIAS]][%[[J]]]
// CHECK: %[[DONE:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %[[B]] : tensor<?x?xf32>, tensor<?xf32>)
// CHECK: arith.addf
// CHECK: arith.maximumf
// CHECK: tensor.parallel_insert_slice %[[DONE]] into %[[DEST]][%[[I]], %[[J]]]
#row = affine_map<(i, j, k) -> (i, k)>
#transposed = affine_map<(i, j, k) -> (j, k)>
#out = affine_map<(i, j, k) -> (i, j)>
func.func @layer(%x: tensor<?x?xf32>, %w: tensor<?x?xf32>, %bias: tensor<?xf32>, %out: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x?xf32>
  %n = tensor.dim %w, %c0 : tensor<?x?xf32>
  %e = tensor.empty(%m, %n) : tensor<?x?xf32>
  %init = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%bias : tensor<?xf32>) outs(%e : tensor<?x?xf32>) {
  ^bb0(%b: f32, %old: f32):
    linalg.yield %b : f32
  } -> tensor<?x?xf32>
  %p = linalg.matmul indexing_maps = [#row, #transposed, #out] ins(%x, %w : tensor<?x?xf32>, tensor<?x?xf32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%p : tensor<?x?xf32>) outs(%out : tensor<?x?xf32>) {
  ^bb0(%a: f32, %old: f32):
    %relu = arith.maximumf %a, %zero : f32
    linalg.yield %relu : f32
  } -> tensor<?x?xf32>
  return %r : tensor<?x?xf32>
}

// -----

// A batch; sizes known: tiles of equal size and a panel without padding. The sums
// of bf16 are f32, and rows are widened once. What finishes the sums has no loop over
// the batch, so that it can run on them in registers.
// CHECK-LABEL: func @batch(
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<4x600x256xbf16>
// CHECK: linalg.generic {{.*}} ins(%[[A]] : tensor<4x600x256xbf16>) outs(%{{.*}} : tensor<4x600x256xf32>)
// CHECK: scf.forall (%{{.*}}, %{{.*}}, %{{.*}}) = (0, 0, 0) to (4, 600, 128) step (1, 300, 64)
// CHECK: tensor.empty() : tensor<300x64xf32>
// CHECK: %[[PANEL:.*]] = tensor.empty() : tensor<128x64xf32>
// CHECK-NOT: scf.for
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<128x64xbf16>) outs(%[[PANEL]] : tensor<128x64xf32>)
// CHECK: arith.extf
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<128x64xbf16>) outs(%{{.*}} : tensor<128x64xf32>)
// CHECK: arith.extf
// CHECK-NOT: scf.for
// CHECK: tensor.extract_slice {{.*}} to tensor<300x64xbf16>
// CHECK: linalg.generic {{.*}}["parallel", "parallel"]} ins(%{{.*}} : tensor<300x64xf32>) outs(%{{.*}} : tensor<300x64xbf16>)
// CHECK: arith.truncf
func.func @batch(%a: tensor<4x600x256xbf16>, %b: tensor<4x256x128xbf16>, %out: tensor<4x600x128xbf16>) -> tensor<4x600x128xbf16> {
  %zero = arith.constant 0.0 : bf16
  %init = linalg.fill ins(%zero : bf16) outs(%out : tensor<4x600x128xbf16>) -> tensor<4x600x128xbf16>
  %p = linalg.batch_matmul ins(%a, %b : tensor<4x600x256xbf16>, tensor<4x256x128xbf16>) outs(%init : tensor<4x600x128xbf16>) -> tensor<4x600x128xbf16>
  return %p : tensor<4x600x128xbf16>
}

// -----

// The lanes of the output come from the first input. What the product is added to
// stays in its place. A copy that changes nothing is still a copy.
// CHECK-LABEL: func @transposed_onto(
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<512x?xf32>, %[[B:[a-z0-9]+]]: tensor<512x?xf32>, %[[C:[a-z0-9]+]]: tensor<?x?xf32>)
// CHECK: scf.forall (%[[I:.*]], %[[J:.*]]) = {{.*}} shared_outs(%[[DEST:.*]] = %[[C]])
// CHECK: scf.for
// CHECK: bufferization.materialize_in_destination
// CHECK: %[[OLD:.*]] = tensor.extract_slice %[[DEST]][%[[I]], %[[J]]]
// CHECK: linalg.generic {{.*}} outs(%[[OLD]] : tensor<?x?xf32>)
func.func @transposed_onto(%a: tensor<512x?xf32>, %b: tensor<512x?xf32>, %c: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %r = linalg.matmul indexing_maps = [affine_map<(j, i, k) -> (k, j)>, affine_map<(j, i, k) -> (k, i)>, affine_map<(j, i, k) -> (j, i)>]
      ins(%a, %b : tensor<512x?xf32>, tensor<512x?xf32>) outs(%c : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %r : tensor<?x?xf32>
}

// -----

// Few rows: no panel, whatever the order of the other input.
// CHECK-DAG: #[[ROW:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[BYROWS:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-DAG: #[[DOWN:.*]] = affine_map<(d0, d1, d2) -> (d2, d1)>
// CHECK-LABEL: func @few_rows(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<3x256xf32>, %[[W:[a-z0-9]+]]: tensor<500x256xf32>
// CHECK: scf.forall (%[[J:.*]]) = (0) to (500) step (64)
// CHECK-NOT: scf.for
// CHECK: %[[PART:.*]] = tensor.extract_slice %[[W]][%[[J]], 0]
// CHECK: %[[ALL:.*]] = tensor.extract_slice %[[PART]][0, 0]
// CHECK: linalg.generic {indexing_maps = [#[[ROW]], #[[BYROWS]], #{{.*}}]{{.*}} ins(%[[X]], %[[ALL]] :
// CHECK: scf.forall (%{{.*}}) = (0) to (500) step (64)
// CHECK-NOT: scf.for
// CHECK: linalg.generic {indexing_maps = [#[[ROW]], #[[DOWN]], #{{.*}}]
// CHECK: return
func.func @few_rows(%x: tensor<3x256xf32>, %w: tensor<500x256xf32>, %t: tensor<256x500xf32>, %out: tensor<3x500xf32>, %other: tensor<3x500xf32>) -> (tensor<3x500xf32>, tensor<3x500xf32>) {
  %r = linalg.matmul indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (j, k)>, affine_map<(i, j, k) -> (i, j)>]
      ins(%x, %w : tensor<3x256xf32>, tensor<500x256xf32>) outs(%out : tensor<3x500xf32>) -> tensor<3x500xf32>
  %s = linalg.matmul ins(%x, %t : tensor<3x256xf32>, tensor<256x500xf32>) outs(%other : tensor<3x500xf32>) -> tensor<3x500xf32>
  return %r, %s : tensor<3x500xf32>, tensor<3x500xf32>
}

// -----

// Small ones and other products stay; narrow sums become wide all the same.
// CHECK-LABEL: func @left(
// CHECK-NOT: scf.forall
// CHECK: linalg.matmul {{.*}} -> tensor<16x16xf32>
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<16x16xf32>)
// CHECK: arith.truncf
// CHECK: linalg.matmul {{.*}} -> tensor<?x?xi32>
func.func @left(%a: tensor<16x16xf32>, %n: tensor<16x16xbf16>, %i: tensor<?x?xi32>) -> (tensor<16x16xf32>, tensor<16x16xbf16>, tensor<?x?xi32>) {
  %r = linalg.matmul ins(%a, %a : tensor<16x16xf32>, tensor<16x16xf32>) outs(%a : tensor<16x16xf32>) -> tensor<16x16xf32>
  %s = linalg.matmul ins(%n, %n : tensor<16x16xbf16>, tensor<16x16xbf16>) outs(%n : tensor<16x16xbf16>) -> tensor<16x16xbf16>
  %t = linalg.matmul ins(%i, %i : tensor<?x?xi32>, tensor<?x?xi32>) outs(%i : tensor<?x?xi32>) -> tensor<?x?xi32>
  return %r, %s, %t : tensor<16x16xf32>, tensor<16x16xbf16>, tensor<?x?xi32>
}
