// RUN: attn-opt %s -convert-linalg-to-attn -canonicalize | FileCheck %s

#qk = affine_map<(b, i, j, d) -> (b, i, d)>
#kt = affine_map<(b, i, j, d) -> (b, j, d)>
#s = affine_map<(b, i, j, d) -> (b, i, j)>
#id = affine_map<(b, i, j) -> (b, i, j)>

// CHECK-LABEL: func @scaled(
// CHECK-SAME: %[[Q:.*]]: tensor<2x8x64xf32>, %[[K:.*]]: tensor<2x9x64xf32>, %[[V:.*]]: tensor<2x9x32xf32>)
// CHECK: %[[O:.*]] = attn.scaled_dot_product %[[Q]], %[[K]], %[[V]] scale = 1.250000e-01
// CHECK-NOT: linalg
// CHECK: return %[[O]]
func.func @scaled(%q: tensor<2x8x64xf32>, %k: tensor<2x9x64xf32>, %v: tensor<2x9x32xf32>) -> tensor<2x8x32xf32> {
  %zero = arith.constant 0.0 : f32
  %scale = arith.constant 0.125 : f32
  %se = tensor.empty() : tensor<2x8x9xf32>
  %sz = linalg.fill ins(%zero : f32) outs(%se : tensor<2x8x9xf32>) -> tensor<2x8x9xf32>
  %scores = linalg.batch_matmul indexing_maps = [#qk, #kt, #s] ins(%q, %k : tensor<2x8x64xf32>, tensor<2x9x64xf32>) outs(%sz : tensor<2x8x9xf32>) -> tensor<2x8x9xf32>
  %scaled = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%scores : tensor<2x8x9xf32>) outs(%se : tensor<2x8x9xf32>) {
  ^bb0(%in: f32, %out: f32):
    %m = arith.mulf %in, %scale : f32
    linalg.yield %m : f32
  } -> tensor<2x8x9xf32>
  %w = linalg.softmax dimension(2) ins(%scaled : tensor<2x8x9xf32>) outs(%se : tensor<2x8x9xf32>) -> tensor<2x8x9xf32>
  %oe = tensor.empty() : tensor<2x8x32xf32>
  %oz = linalg.fill ins(%zero : f32) outs(%oe : tensor<2x8x32xf32>) -> tensor<2x8x32xf32>
  %o = linalg.batch_matmul ins(%w, %v : tensor<2x8x9xf32>, tensor<2x9x32xf32>) outs(%oz : tensor<2x8x32xf32>) -> tensor<2x8x32xf32>
  return %o : tensor<2x8x32xf32>
}

// CHECK-LABEL: func @transposed_keys(
// CHECK-SAME: %[[Q:.*]]: tensor<?x64xf32>, %[[K:.*]]: tensor<64x?xf32>, %[[V:.*]]: tensor<?x32xf32>
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[K]] : tensor<64x?xf32>)
// CHECK: attn.scaled_dot_product %[[Q]], %[[T]], %[[V]] scale = 1.000000e+00
func.func @transposed_keys(%q: tensor<?x64xf32>, %k: tensor<64x?xf32>, %v: tensor<?x32xf32>, %m: index, %n: index) -> tensor<?x32xf32> {
  %zero = arith.constant 0.0 : f32
  %se = tensor.empty(%m, %n) : tensor<?x?xf32>
  %sz = linalg.fill ins(%zero : f32) outs(%se : tensor<?x?xf32>) -> tensor<?x?xf32>
  %scores = linalg.matmul ins(%q, %k : tensor<?x64xf32>, tensor<64x?xf32>) outs(%sz : tensor<?x?xf32>) -> tensor<?x?xf32>
  %w = linalg.softmax dimension(1) ins(%scores : tensor<?x?xf32>) outs(%se : tensor<?x?xf32>) -> tensor<?x?xf32>
  %oe = tensor.empty(%m) : tensor<?x32xf32>
  %oz = linalg.fill ins(%zero : f32) outs(%oe : tensor<?x32xf32>) -> tensor<?x32xf32>
  %o = linalg.matmul ins(%w, %v : tensor<?x?xf32>, tensor<?x32xf32>) outs(%oz : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %o : tensor<?x32xf32>
}

// CHECK-LABEL: func @masked(
// CHECK-SAME: %[[Q:.*]]: tensor<3x45x16xf32>, %[[K:.*]]: tensor<3x16x61xf32>, %[[V:.*]]: tensor<3x61x9xf32>, %[[LENGTHS:.*]]: tensor<3xi32>)
// CHECK-DAG: %[[T:.*]] = linalg.transpose ins(%[[K]] : tensor<3x16x61xf32>)
// CHECK-DAG: %[[MASK:.*]] = attn.mask.padding %[[LENGTHS]]
// CHECK: %[[O:.*]] = attn.scaled_dot_product %[[Q]], %[[T]], %[[V]] mask(%[[MASK]]) scale = 2.500000e-01
// CHECK-NEXT: return %[[O]]
func.func @masked(%q: tensor<3x45x16xf32>, %k: tensor<3x16x61xf32>, %v: tensor<3x61x9xf32>, %lengths: tensor<3xi32>) -> tensor<3x45x9xf32> {
  %zero = arith.constant 0.0 : f32
  %scale = arith.constant dense<0.25> : tensor<3x45x61xf32>
  %se = tensor.empty() : tensor<3x45x61xf32>
  %sz = linalg.fill ins(%zero : f32) outs(%se : tensor<3x45x61xf32>) -> tensor<3x45x61xf32>
  %scores = linalg.batch_matmul ins(%q, %k : tensor<3x45x16xf32>, tensor<3x16x61xf32>) outs(%sz : tensor<3x45x61xf32>) -> tensor<3x45x61xf32>
  %scaled = arith.mulf %scores, %scale : tensor<3x45x61xf32>
  %mask = attn.mask.padding %lengths : tensor<3xi32>
  %w = attn.masked_softmax %scaled mask(%mask) : tensor<3x45x61xf32> -> tensor<3x45x61xf32>
  %oe = tensor.empty() : tensor<3x45x9xf32>
  %oz = linalg.fill ins(%zero : f32) outs(%oe : tensor<3x45x9xf32>) -> tensor<3x45x9xf32>
  %o = linalg.batch_matmul ins(%w, %v : tensor<3x45x61xf32>, tensor<3x61x9xf32>) outs(%oz : tensor<3x45x9xf32>) -> tensor<3x45x9xf32>
  return %o : tensor<3x45x9xf32>
}

// CHECK-LABEL: func @softmax_alone(
// CHECK-SAME: %[[S:[a-z0-9]*]]: tensor<?x9xf16>
// CHECK: %[[W:.*]] = attn.masked_softmax %[[S]] : tensor<?x9xf16>
// CHECK-NEXT: return %[[W]]
func.func @softmax_alone(%s: tensor<?x9xf16>, %e: tensor<?x9xf16>) -> tensor<?x9xf16> {
  %w = linalg.softmax dimension(1) ins(%s : tensor<?x9xf16>) outs(%e : tensor<?x9xf16>) -> tensor<?x9xf16>
  return %w : tensor<?x9xf16>
}
