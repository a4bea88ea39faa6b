// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt --mlir-print-op-generic %s | attn-opt | FileCheck %s
// RUN: attn-opt --emit-bytecode %s | attn-opt | FileCheck %s
// RUN: attn-opt --verify-roundtrip %s -o /dev/null

// CHECK-LABEL: func @scores(
// CHECK-SAME: %[[CAP:[a-z0-9]+]]: f32, %[[SLOPES:[a-z0-9]+]]: tensor<8xf32>
func.func @scores(%cap: f32, %slopes: tensor<8xf32>, %table: tensor<8x255xf16>,
                  %shared: tensor<255xf32>, %bias: tensor<1x8x?x?xbf16>,
                  %buckets: tensor<8x256xf16>, %past: tensor<32xf32>, %pixels: tensor<8x27x27xf32>) {
  // CHECK: attn.score.softcap %[[CAP]] : f32
  %0 = attn.score.softcap %cap : f32
  // CHECK: attn.score.alibi %[[SLOPES]] : tensor<8xf32>
  %1 = attn.score.alibi %slopes : tensor<8xf32>
  // CHECK: attn.score.relative_bias %{{.*}} : tensor<8x255xf16>
  %2 = attn.score.relative_bias %table : tensor<8x255xf16>
  // CHECK: attn.score.relative_bias %{{.*}} : tensor<255xf32>
  %3 = attn.score.relative_bias %shared : tensor<255xf32>
  // CHECK: attn.score.bucketed_bias %{{.*}} max_distance = 300 : tensor<8x256xf16>
  // CHECK: attn.score.bucketed_bias %{{.*}} max_distance = 128 causal : tensor<32xf32>
  // CHECK: attn.score.image_bias %{{.*}} width = 14 : tensor<8x27x27xf32>
  // CHECK: attn.score.sigmoid
  // CHECK: attn.score.relu
  %b0 = attn.score.bucketed_bias %buckets max_distance = 300 : tensor<8x256xf16>
  %b1 = attn.score.bucketed_bias %past max_distance = 128 causal : tensor<32xf32>
  %b2 = attn.score.image_bias %pixels width = 14 : tensor<8x27x27xf32>
  %b3 = attn.score.sigmoid
  %b4 = attn.score.relu
  // CHECK: attn.score.bias %{{.*}} : tensor<1x8x?x?xbf16>
  %4 = attn.score.bias %bias : tensor<1x8x?x?xbf16>
  // CHECK: attn.score.map {
  // CHECK-NEXT: ^bb0(%[[S:.*]]: f32, %{{.*}}: index, %{{.*}}: index, %{{.*}}: index, %{{.*}}: index):
  // CHECK-NEXT: %[[T:.*]] = math.tanh %[[S]] : f32
  // CHECK-NEXT: attn.yield %[[T]] : f32
  %5 = attn.score.map {
  ^bb0(%score: f32, %b: index, %h: index, %i: index, %j: index):
    %t = math.tanh %score : f32
    attn.yield %t : f32
  }
  // CHECK: attn.score.map(%[[SLOPES]], %[[CAP]] : tensor<8xf32>, f32) {
  %6 = attn.score.map(%slopes, %cap : tensor<8xf32>, f32) {
  ^bb0(%score: f64, %b: index, %h: index, %i: index, %j: index, %t: tensor<8xf32>, %c: f32):
    %slope = attn.load %t[%h] : tensor<8xf32>
    %wide = arith.extf %slope : f32 to f64
    %sum = arith.addf %score, %wide : f64
    attn.yield %sum : f64
  }
  return
}
