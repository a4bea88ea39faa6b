// RUN: attn-opt %s -attn-specialize-rows -split-input-file | FileCheck %s

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, g, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#value = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, e)>
#out = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, g, i, e)>
!k = memref<2x?x64xf32, strided<[?, ?, 1], offset: ?>>
!v = memref<2x?x32xf32, strided<[?, ?, 1], offset: ?>>

// Both distances are asked for; one copy reads a slice whose distance is known, the
// other does not spread what it fetches.
// CHECK-LABEL: func @slices(
// CHECK-SAME: %[[K:[a-z0-9]+]]: memref<2x?x64xf32, {{.*}}, %[[V:[a-z0-9]+]]: memref<2x?x32xf32, {{.*}}, %[[O:[a-z0-9]+]]: tensor<1x4x4x32xf32>,
// CHECK-DAG: %[[KT:.*]] = bufferization.to_tensor %[[K]] restrict
// CHECK-DAG: %[[VT:.*]] = bufferization.to_tensor %[[V]] restrict
// CHECK: %[[KS:.*]] = tensor.extract_slice %[[KT]]
// CHECK: %{{.*}}, %{{.*}}, %{{.*}}:3, %[[KSTRIDES:.*]]:3 = memref.extract_strided_metadata %[[K]]
// CHECK: %[[C64:.*]] = arith.constant 64 : index
// CHECK: %[[KC:.*]] = arith.cmpi eq, %[[KSTRIDES]]#1, %[[C64]]
// CHECK: %{{.*}}, %{{.*}}, %{{.*}}:3, %[[VSTRIDES:.*]]:3 = memref.extract_strided_metadata %[[V]]
// CHECK: %[[C32:.*]] = arith.constant 32 : index
// CHECK: %[[VC:.*]] = arith.cmpi eq, %[[VSTRIDES]]#1, %[[C32]]
// CHECK: %[[BOTH:.*]] = arith.andi %[[KC]], %[[VC]]
// CHECK: %[[R:.*]] = scf.if %[[BOTH]]
// CHECK: %[[CAST:.*]] = memref.cast %[[K]] : {{.*}} to memref<2x?x64xf32, strided<[?, 64, 1], offset: ?>>
// CHECK: %[[CT:.*]] = bufferization.to_tensor %[[CAST]] restrict
// CHECK: %[[CS:.*]] = tensor.extract_slice %[[CT]][1, %{{.*}}, 0]
// CHECK: memref.cast %[[V]] : {{.*}} to memref<2x?x32xf32, strided<[?, 32, 1], offset: ?>>
// CHECK: attn.attend {{.*}} ins(%{{.*}}, %[[CS]], %{{.*}}) outs(%[[O]]{{.*}} spread}
// CHECK: else
// CHECK: attn.attend {{.*}} ins(%{{.*}}, %[[KS]], %{{.*}}) outs(%[[O]]
// CHECK-NOT: spread
// CHECK: return %[[R]]
func.func @slices(%q: tensor<1x4x4x64xf32>, %k: !k, %v: !v, %o: tensor<1x4x4x32xf32>, %at: index, %n: index) -> tensor<1x4x4x32xf32> {
  %0 = bufferization.to_tensor %k restrict : !k to tensor<2x?x64xf32>
  %1 = bufferization.to_tensor %v restrict : !v to tensor<2x?x32xf32>
  %2 = tensor.extract_slice %0[1, %at, 0] [1, %n, 64] [1, 1, 1] : tensor<2x?x64xf32> to tensor<1x?x64xf32>
  %3 = tensor.extract_slice %1[1, %at, 0] [1, %n, 32] [1, 1, 1] : tensor<2x?x32xf32> to tensor<1x?x32xf32>
  %r = attn.attend dot softmax ins(%q, %2, %3 : tensor<1x4x4x64xf32>, tensor<1x?x64xf32>, tensor<1x?x32xf32>)
      outs(%o : tensor<1x4x4x32xf32>) indexing_maps = [#query, #key, #value, #out] scale = 0.25
      {attn.plan = {queries = 4 : index, keys = 24 : index, group = 4 : index, lanes = "queries", compact, spread}} -> tensor<1x4x4x32xf32>
  return %r : tensor<1x4x4x32xf32>
}

// -----

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, g, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (j, hkv, d)>
#out = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, g, i, e)>
#value = affine_map<(b, hkv, g, i, j, d, e) -> (j, hkv, e)>
!k = memref<?x2x64xf32, strided<[?, ?, 1], offset: ?>>

// Heads lie inside of keys; values are made here, which is as they lie.
// CHECK-LABEL: func @heads_inside(
// CHECK: %[[C128:.*]] = arith.constant 128 : index
// CHECK: %[[SAME:.*]] = arith.cmpi eq, %{{.*}}#0, %[[C128]]
// CHECK: scf.if %[[SAME]]
// CHECK: memref.cast {{.*}} to memref<?x2x64xf32, strided<[128, ?, 1], offset: ?>>
// CHECK-NOT: memref.cast
func.func @heads_inside(%q: tensor<2x4x4x64xf32>, %k: !k, %v: tensor<?x2x64xf32>, %o: tensor<2x4x4x64xf32>) -> tensor<2x4x4x64xf32> {
  %0 = bufferization.to_tensor %k restrict : !k to tensor<?x2x64xf32>
  %r = attn.attend dot softmax ins(%q, %0, %v : tensor<2x4x4x64xf32>, tensor<?x2x64xf32>, tensor<?x2x64xf32>)
      outs(%o : tensor<2x4x4x64xf32>) indexing_maps = [#query, #key, #value, #out] scale = 0.25
      {attn.plan = {queries = 4 : index, keys = 24 : index, group = 4 : index, lanes = "queries", compact}} -> tensor<2x4x4x64xf32>
  return %r : tensor<2x4x4x64xf32>
}

// -----

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, g, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#out = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, g, i, e)>
#value = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, e)>
!any = memref<2x?x64xf32, strided<[?, ?, 1], offset: ?>>
!known = memref<2x?x64xf32, strided<[?, 64, 1], offset: ?>>

// What the plan does not ask for, and what is known, stays as it is.
// CHECK-LABEL: func @no_plan(
// CHECK-NOT: scf.if
// CHECK-LABEL: func @known(
// CHECK-NOT: scf.if
func.func @no_plan(%q: tensor<2x4x4x64xf32>, %k: !any, %o: tensor<2x4x4x64xf32>) -> tensor<2x4x4x64xf32> {
  %0 = bufferization.to_tensor %k restrict : !any to tensor<2x?x64xf32>
  %r = attn.attend dot softmax ins(%q, %0, %0 : tensor<2x4x4x64xf32>, tensor<2x?x64xf32>, tensor<2x?x64xf32>)
      outs(%o : tensor<2x4x4x64xf32>) indexing_maps = [#query, #key, #value, #out] scale = 0.25
      {attn.plan = {queries = 4 : index, keys = 24 : index, group = 4 : index, lanes = "queries"}} -> tensor<2x4x4x64xf32>
  return %r : tensor<2x4x4x64xf32>
}
func.func @known(%q: tensor<2x4x4x64xf32>, %k: !known, %o: tensor<2x4x4x64xf32>) -> tensor<2x4x4x64xf32> {
  %0 = bufferization.to_tensor %k restrict : !known to tensor<2x?x64xf32>
  %r = attn.attend dot softmax ins(%q, %0, %0 : tensor<2x4x4x64xf32>, tensor<2x?x64xf32>, tensor<2x?x64xf32>)
      outs(%o : tensor<2x4x4x64xf32>) indexing_maps = [#query, #key, #value, #out] scale = 0.25
      {attn.plan = {queries = 4 : index, keys = 24 : index, group = 4 : index, lanes = "queries", compact}} -> tensor<2x4x4x64xf32>
  return %r : tensor<2x4x4x64xf32>
}
