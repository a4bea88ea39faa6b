// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt --mlir-print-op-generic %s | attn-opt | FileCheck %s
// RUN: attn-opt --emit-bytecode %s | attn-opt | FileCheck %s
// RUN: attn-opt --verify-roundtrip %s -o /dev/null

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
  // CHECK: attn.scaled_dot_product {{.*}} normalizer = none :
  %n = attn.scaled_dot_product %q, %k, %v normalizer = none : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32>
  // CHECK: attn.cosine {{.*}} scale = 1.000000e+01 :
  %c = attn.cosine %q, %k, %v scale = 10.0 : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32>
  // CHECK: attn.dot_product {{.*}} -> tensor<8x32xf32> entropy(tensor<8xf32>) received(tensor<9xf32>) top(tensor<8x4xf32>, tensor<8x4xi32>)
  %x, %h, %r, %t, %j = attn.dot_product %q, %k, %v : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32>
         -> tensor<8x32xf32> entropy(tensor<8xf32>) received(tensor<9xf32>) top(tensor<8x4xf32>, tensor<8x4xi32>)
  return %p, %lse, %w : tensor<8x32xf32>, tensor<8xf32>, tensor<8x9xf32>
}

// CHECK-LABEL: func @options(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<2x?x8x64xbf16>, %[[SINK:[a-z0-9]+]]: tensor<8xf32>
func.func @options(%q: tensor<2x?x8x64xbf16>, %sink: tensor<8xf32>) -> tensor<2x?x8x64xbf16> {
  // CHECK: attn.scaled_dot_product %[[Q]], %[[Q]], %[[Q]] sink(%[[SINK]] : tensor<8xf32>) scale = 1.250000e-01 layout = "bmhd" : tensor<2x?x8x64xbf16>, tensor<2x?x8x64xbf16>, tensor<2x?x8x64xbf16> -> tensor<2x?x8x64xbf16> weights(tensor<2x8x?x?xf32>)
  %o, %w = attn.scaled_dot_product %q, %q, %q sink(%sink : tensor<8xf32>) scale = 0.125 layout = "bmhd"
      : tensor<2x?x8x64xbf16>, tensor<2x?x8x64xbf16>, tensor<2x?x8x64xbf16> -> tensor<2x?x8x64xbf16> weights(tensor<2x8x?x?xf32>)
  return %o : tensor<2x?x8x64xbf16>
}

// CHECK-LABEL: func @dot(
func.func @dot(%q: tensor<3x2x4x?x16xf16>, %kv: tensor<3x2x1x?x16xf16>) -> tensor<3x2x4x?x16xf16> {
  // CHECK: %[[M:.*]] = attn.mask.causal
  %m = attn.mask.causal
  // CHECK: attn.dot_product %{{.*}}, %[[KV:.*]], %[[KV]] mask(%[[M]]) : tensor<3x2x4x?x16xf16>, tensor<3x2x1x?x16xf16>, tensor<3x2x1x?x16xf16> -> tensor<3x2x4x?x16xf16> lse(tensor<3x2x4x?xf32>)
  %o, %lse = attn.dot_product %q, %kv, %kv mask(%m)
      : tensor<3x2x4x?x16xf16>, tensor<3x2x1x?x16xf16>, tensor<3x2x1x?x16xf16> -> tensor<3x2x4x?x16xf16> lse(tensor<3x2x4x?xf32>)
  return %o : tensor<3x2x4x?x16xf16>
}

// CHECK-LABEL: func @additive(
func.func @additive(%q: tensor<8x32xf32>, %k: tensor<9x48xf32>, %v: tensor<9x16xf32>, %w: tensor<64xf32>,
                    %wq: tensor<64x32xf32>, %wk: tensor<64x48xf32>, %p: tensor<9x64xf32>) -> tensor<8x16xf32> {
  // CHECK: attn.additive %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} project_query(%{{.*}} : tensor<64x32xf32>) project_key(%{{.*}} : tensor<64x48xf32>) : tensor<8x32xf32>, tensor<9x48xf32>, tensor<9x16xf32>, tensor<64xf32> -> tensor<8x16xf32>
  %o = attn.additive %q, %k, %v, %w project_query(%wq : tensor<64x32xf32>) project_key(%wk : tensor<64x48xf32>)
      : tensor<8x32xf32>, tensor<9x48xf32>, tensor<9x16xf32>, tensor<64xf32> -> tensor<8x16xf32>
  // CHECK: attn.additive {{.*}} project_query(%{{.*}} : tensor<64x32xf32>) : {{.*}} -> tensor<8x16xf32> lse(tensor<8xf32>) weights(tensor<8x9xf32>)
  %o2, %lse, %weights = attn.additive %q, %p, %v, %w project_query(%wq : tensor<64x32xf32>)
      : tensor<8x32xf32>, tensor<9x64xf32>, tensor<9x16xf32>, tensor<64xf32> -> tensor<8x16xf32> lse(tensor<8xf32>) weights(tensor<8x9xf32>)
  return %o : tensor<8x16xf32>
}

// CHECK-LABEL: func @kernel_regression(
func.func @kernel_regression(%q: tensor<2x8x4xf64>, %k: tensor<2x9x4xf64>, %v: tensor<2x9x1xf64>, %s: f64, %per_head: tensor<1xf64>) {
  // CHECK: attn.kernel_regression gaussian %{{.*}} bandwidth(%{{.*}} : f64) score(%{{.*}}) : tensor<2x8x4xf64>
  %cap = attn.score.softcap %s : f64
  %0 = attn.kernel_regression gaussian %q, %k, %v bandwidth(%s : f64) score(%cap)
      : tensor<2x8x4xf64>, tensor<2x9x4xf64>, tensor<2x9x1xf64> -> tensor<2x8x1xf64>
  // CHECK: attn.kernel_regression boxcar
  %1 = attn.kernel_regression boxcar %q, %k, %v
      : tensor<2x8x4xf64>, tensor<2x9x4xf64>, tensor<2x9x1xf64> -> tensor<2x8x1xf64>
  // CHECK: attn.kernel_regression epanechnikov {{.*}} bandwidth(%{{.*}} : tensor<1xf64>)
  %2 = attn.kernel_regression epanechnikov %q, %k, %v bandwidth(%per_head : tensor<1xf64>)
      : tensor<2x8x4xf64>, tensor<2x9x4xf64>, tensor<2x9x1xf64> -> tensor<2x8x1xf64>
  // CHECK: attn.kernel_regression triangular {{.*}} lse(tensor<2x8xf64>)
  %3, %lse = attn.kernel_regression triangular %q, %k, %v
      : tensor<2x8x4xf64>, tensor<2x9x4xf64>, tensor<2x9x1xf64> -> tensor<2x8x1xf64> lse(tensor<2x8xf64>)
  // CHECK: attn.kernel_regression custom %{{.*}} score(%{{.*}}) : tensor<2x8x4xf64>
  %5 = attn.kernel_regression custom %q, %k, %v score(%cap)
      : tensor<2x8x4xf64>, tensor<2x9x4xf64>, tensor<2x9x1xf64> -> tensor<2x8x1xf64>
  // CHECK: attn.kernel_regression constant
  %4 = attn.kernel_regression constant %q, %k, %v
      : tensor<2x8x4xf64>, tensor<2x9x4xf64>, tensor<2x9x1xf64> -> tensor<2x8x1xf64>
  return
}
