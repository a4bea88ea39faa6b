// RUN: attn-opt %s | attn-opt | FileCheck %s

// CHECK-LABEL: func @masked(
// CHECK-SAME: %[[Q:.*]]: tensor<2x8x?x64xf32>
func.func @masked(%q: tensor<2x8x?x64xf32>, %k: tensor<2x2x?x64xf32>, %v: tensor<2x2x?x64xf32>, %ids: tensor<?xi32>, %cap: f32) -> tensor<2x8x?x64xf32> {
  %c = attn.mask.causal
  %w = attn.mask.window past = 4096 future = 0
  %d = attn.mask.document %ids : tensor<?xi32>
  %p = attn.mask.predicate(%ids : tensor<?xi32>) {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %s: tensor<?xi32>):
    %start = attn.load %s[%i] : tensor<?xi32>
    %first = arith.index_cast %start : i32 to index
    %keep = arith.cmpi sge, %j, %first : index
    attn.yield %keep : i1
  }
  %m = attn.mask.and %c, %w, %d, %p
  %s = attn.score.softcap %cap : f32
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) score(%s)
       : tensor<2x8x?x64xf32>, tensor<2x2x?x64xf32>, tensor<2x2x?x64xf32> -> tensor<2x8x?x64xf32>
  return %o : tensor<2x8x?x64xf32>
}
// CHECK-LABEL: func @results(
func.func @results(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>) -> (tensor<8x32xf32>, tensor<8xf32>, tensor<8x9xf32>) {
  // CHECK: attn.scaled_dot_product {{.*}} scale = 5.000000e-01 : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32> lse(tensor<8xf32>) weights(tensor<8x9xf32>)
  %p, %lse, %w = attn.scaled_dot_product %q, %k, %v scale = 0.5
         : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32> lse(tensor<8xf32>) weights(tensor<8x9xf32>)
  return %p, %lse, %w : tensor<8x32xf32>, tensor<8xf32>, tensor<8x9xf32>
}
