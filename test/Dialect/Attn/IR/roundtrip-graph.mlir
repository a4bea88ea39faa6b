// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt --mlir-print-op-generic %s | attn-opt | FileCheck %s
// RUN: attn-opt --emit-bytecode %s | attn-opt | FileCheck %s
// RUN: attn-opt --verify-roundtrip %s -o /dev/null

// CHECK-LABEL: func @multi_head(
func.func @multi_head(%x: tensor<1x?x64xf32>, %c: tensor<1x?x48xf32>, %wq: tensor<64x64xf32>, %wk: tensor<32x48xf32>,
                      %wv: tensor<16x48xf32>, %wo: tensor<24x32xf32>, %bq: tensor<64xf32>, %bk: tensor<32xf32>,
                      %bv: tensor<16xf32>, %bo: tensor<24xf32>) {
  // CHECK: %[[M:.*]] = attn.mask.causal
  %m = attn.mask.causal
  // CHECK: attn.multi_head %[[X:.*]], %[[C:.*]], %[[C]] weights(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<64x64xf32>, tensor<32x48xf32>, tensor<16x48xf32>, tensor<24x32xf32>) bias_query(%{{.*}} : tensor<64xf32>) bias_key(%{{.*}} : tensor<32xf32>) bias_value(%{{.*}} : tensor<16xf32>) bias_output(%{{.*}} : tensor<24xf32>) heads = 4 kv_heads = 2 mask(%[[M]]) scale = 5.000000e-01 : tensor<1x?x64xf32>, tensor<1x?x48xf32>, tensor<1x?x48xf32> -> tensor<1x?x24xf32> weights(tensor<1x4x?x?xf32>)
  %o, %w = attn.multi_head %x, %c, %c
      weights(%wq, %wk, %wv, %wo : tensor<64x64xf32>, tensor<32x48xf32>, tensor<16x48xf32>, tensor<24x32xf32>)
      bias_query(%bq : tensor<64xf32>) bias_key(%bk : tensor<32xf32>) bias_value(%bv : tensor<16xf32>)
      bias_output(%bo : tensor<24xf32>) heads = 4 kv_heads = 2 mask(%m) scale = 0.5
      : tensor<1x?x64xf32>, tensor<1x?x48xf32>, tensor<1x?x48xf32> -> tensor<1x?x24xf32> weights(tensor<1x4x?x?xf32>)
  // CHECK: attn.multi_head %[[X]], %[[X]], %[[X]] weights({{.*}}) heads = 8 : tensor<1x?x64xf32>
  %p = attn.multi_head %x, %x, %x
      weights(%wq, %wq, %wq, %wq : tensor<64x64xf32>, tensor<64x64xf32>, tensor<64x64xf32>, tensor<64x64xf32>) heads = 8
      : tensor<1x?x64xf32>, tensor<1x?x64xf32>, tensor<1x?x64xf32> -> tensor<1x?x64xf32>
  return
}

// CHECK-LABEL: func @packed(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<1x?x64xf32>, %[[W:[a-z0-9]+]]: tensor<128x64xf32>, %[[WO:[a-z0-9]+]]: tensor<64x64xf32>, %[[B:[a-z0-9]+]]: tensor<128xf32>
func.func @packed(%x: tensor<1x?x64xf32>, %w: tensor<128x64xf32>, %wo: tensor<64x64xf32>, %b: tensor<128xf32>) -> tensor<1x?x64xf32> {
  // CHECK: attn.multi_head %[[X]], %[[X]], %[[X]] weights(%[[W]], %[[WO]] : tensor<128x64xf32>, tensor<64x64xf32>) bias_packed(%[[B]] : tensor<128xf32>) heads = 4 kv_heads = 2 :
  %o = attn.multi_head %x, %x, %x weights(%w, %wo : tensor<128x64xf32>, tensor<64x64xf32>)
      bias_packed(%b : tensor<128xf32>) heads = 4 kv_heads = 2
      : tensor<1x?x64xf32>, tensor<1x?x64xf32>, tensor<1x?x64xf32> -> tensor<1x?x64xf32>
  return %o : tensor<1x?x64xf32>
}

// CHECK-LABEL: func @masked_softmax(
func.func @masked_softmax(%s: tensor<2x8x?x?xf16>) -> tensor<2x8x?x?xf16> {
  // CHECK: %[[M:.*]] = attn.mask.causal
  %m = attn.mask.causal
  // CHECK: attn.masked_softmax %{{.*}} mask(%[[M]]) : tensor<2x8x?x?xf16> -> tensor<2x8x?x?xf16>
  %w = attn.masked_softmax %s mask(%m) : tensor<2x8x?x?xf16> -> tensor<2x8x?x?xf16>
  return %w : tensor<2x8x?x?xf16>
}

// CHECK-LABEL: func @positions(
func.func @positions(%n: index, %x: tensor<2x8x?x64xf32>, %p: tensor<2x?xi32>) {
  // CHECK: attn.sinusoid : tensor<128x64xf32>
  %0 = attn.sinusoid : tensor<128x64xf32>
  // CHECK: attn.sinusoid length(%{{.*}}) base = 5.000000e+02 : tensor<?x64xf64>
  %1 = attn.sinusoid length(%n) base = 500.0 : tensor<?x64xf64>
  // CHECK: attn.rotary %[[X:.*]] : tensor<2x8x?x64xf32> -> tensor<2x8x?x64xf32>
  %2 = attn.rotary %x : tensor<2x8x?x64xf32> -> tensor<2x8x?x64xf32>
  // CHECK: attn.rotary %[[X]] positions(%{{.*}} : tensor<2x?xi32>) interleaved base = 5.000000e+05 : tensor<2x8x?x64xf32> -> tensor<2x8x?x64xf32>
  %3 = attn.rotary %x positions(%p : tensor<2x?xi32>) interleaved base = 500000.0 : tensor<2x8x?x64xf32> -> tensor<2x8x?x64xf32>
  return
}

// CHECK-LABEL: func @merge(
// CHECK-SAME: %[[O0:[a-z0-9]+]]: tensor<8x64xbf16>, %[[O1:[a-z0-9]+]]: tensor<8x64xbf16>, %[[L0:[a-z0-9]+]]: tensor<8xf32>, %[[L1:[a-z0-9]+]]: tensor<8xf32>
func.func @merge(%o0: tensor<8x64xbf16>, %o1: tensor<8x64xbf16>, %l0: tensor<8xf32>, %l1: tensor<8xf32>) {
  // CHECK: attn.merge %[[O0]], %[[O1]] lse(%[[L0]], %[[L1]]) : tensor<8x64xbf16>, tensor<8xf32>
  %o, %l = attn.merge %o0, %o1 lse(%l0, %l1) : tensor<8x64xbf16>, tensor<8xf32>
  return
}

// CHECK-LABEL: func @require(
func.func @require(%same: i1, %a: index, %b: index) {
  // CHECK: attn.require %{{.*}}, "key head size {0} differs from query head size {1}"(%{{.*}}, %{{.*}})
  attn.require %same, "key head size {0} differs from query head size {1}" (%a, %b)
  // CHECK: attn.require %{{.*}}, "no values"{{$}}
  attn.require %same, "no values"
  return
}
