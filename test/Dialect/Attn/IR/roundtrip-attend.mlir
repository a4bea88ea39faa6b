// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt --mlir-print-op-generic %s | attn-opt | FileCheck %s
// RUN: attn-opt --emit-bytecode %s | attn-opt | FileCheck %s
// RUN: attn-opt --verify-roundtrip %s -o /dev/null

#query = affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, d)>
#value = affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, j, e)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, e)>
#lse = affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i)>
#weights = affine_map<(b, hkv, g, i, j, d, e) -> (b, hkv, g, i, j)>

// CHECK-LABEL: func @attend(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<2x2x4x?x64xf32>, %[[K:[a-z0-9]+]]: tensor<2x2x?x64xf32>, %[[V:[a-z0-9]+]]: tensor<2x2x?x32xf32>
func.func @attend(%q: tensor<2x2x4x?x64xf32>, %k: tensor<2x2x?x64xf32>, %v: tensor<2x2x?x32xf32>,
                  %o: tensor<2x2x4x?x32xf32>, %l: tensor<2x2x4x?xf32>, %w: tensor<2x2x4x?x?xf32>,
                  %sink: tensor<2x4xf32>, %ids: tensor<?xi32>, %n: index) {
  // CHECK: attn.attend dot softmax ins(%[[Q]], %[[K]], %[[V]] : tensor<2x2x4x?x64xf32>, tensor<2x2x?x64xf32>, tensor<2x2x?x32xf32>) outs(%{{.*}} : tensor<2x2x4x?x32xf32>) indexing_maps = [{{.*}}] scale = 1.250000e-01 mask {
  // CHECK-NEXT: ^bb0(%{{.*}}: index, %{{.*}}: index, %{{.*}}: index, %{{.*}}: index):
  // CHECK: attn.yield %{{.*}} : i1
  // CHECK-NEXT: } -> tensor<2x2x4x?x32xf32>
  %r = attn.attend dot softmax ins(%q, %k, %v : tensor<2x2x4x?x64xf32>, tensor<2x2x?x64xf32>, tensor<2x2x?x32xf32>)
      outs(%o : tensor<2x2x4x?x32xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.125 mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %keep = arith.cmpi sge, %i, %j : index
    attn.yield %keep : i1
  } -> tensor<2x2x4x?x32xf32>
  // CHECK: attn.attend dot softmax ins({{.*}}) sink(%{{.*}} : tensor<2x4xf32>) captures(%{{.*}} : tensor<?xi32>) offsets(%[[N:.*]], %[[N]], %[[N]], %[[N]], %[[N]]) whole(%[[N]], %[[N]], %[[N]], %[[N]], %[[N]]) outs(%{{.*}} : tensor<2x2x4x?x32xf32>) lse(%{{.*}} : tensor<2x2x4x?xf32>) weights(%{{.*}} : tensor<2x2x4x?x?xf32>) indexing_maps = [{{.*}}] scale = 1.000000e+00 score {
  // CHECK: } mask {
  // CHECK: } -> tensor<2x2x4x?x32xf32> lse(tensor<2x2x4x?xf32>) weights(tensor<2x2x4x?x?xf32>)
  %r2, %l2, %w2 = attn.attend dot softmax ins(%q, %k, %v : tensor<2x2x4x?x64xf32>, tensor<2x2x?x64xf32>, tensor<2x2x?x32xf32>)
      sink(%sink : tensor<2x4xf32>) captures(%ids : tensor<?xi32>) offsets(%n, %n, %n, %n, %n) whole(%n, %n, %n, %n, %n)
      outs(%o : tensor<2x2x4x?x32xf32>) lse(%l : tensor<2x2x4x?xf32>) weights(%w : tensor<2x2x4x?x?xf32>)
      indexing_maps = [#query, #key, #value, #output, #lse, #weights] scale = 1.0 score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %t: tensor<?xi32>):
    %squashed = math.tanh %s : f32
    attn.yield %squashed : f32
  } mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %t: tensor<?xi32>):
    %x = attn.load %t[%i] : tensor<?xi32>
    %y = attn.load %t[%j] : tensor<?xi32>
    %keep = arith.cmpi eq, %x, %y : i32
    attn.yield %keep : i1
  } -> tensor<2x2x4x?x32xf32> lse(tensor<2x2x4x?xf32>) weights(tensor<2x2x4x?x?xf32>)
  return
}

// CHECK-LABEL: func @additive(
func.func @additive(%q: tensor<2x2x4x?x64xf32>, %k: tensor<2x2x?x64xf32>, %f: tensor<64xf32>, %o: tensor<2x2x4x?x64xf32>) {
  // CHECK: attn.attend additive sum ins({{.*}}) feature_weight(%{{.*}} : tensor<64xf32>) outs
  %r = attn.attend additive sum ins(%q, %k, %k : tensor<2x2x4x?x64xf32>, tensor<2x2x?x64xf32>, tensor<2x2x?x64xf32>)
      feature_weight(%f : tensor<64xf32>) outs(%o : tensor<2x2x4x?x64xf32>)
      indexing_maps = [#query, #key, #value, #output] scale = 1.0 -> tensor<2x2x4x?x64xf32>
  return
}

// CHECK-LABEL: func @tile(
func.func @tile(%q: tensor<64x16xf32>, %k: tensor<8x64xbf16>, %v: tensor<8x32xbf16>, %a: tensor<32x16xf32>,
                %m: tensor<16xf32>, %s: tensor<16xf32>, %n: index) {
  // CHECK: attn.attend_tile negative_squared_distance softmax ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<64x16xf32>, tensor<8x64xbf16>, tensor<8x32xbf16>) at(%[[N:.*]], %[[N]], %[[N]], %[[N]]) outs(%{{.*}}, %{{.*}}, %{{.*}} : tensor<32x16xf32>, tensor<16xf32>, tensor<16xf32>) indexing_maps = [{{.*}}] scale = 1.000000e+00 mask {
  // CHECK: } -> tensor<32x16xf32>, tensor<16xf32>, tensor<16xf32>
  %r:3 = attn.attend_tile negative_squared_distance softmax
      ins(%q, %k, %v : tensor<64x16xf32>, tensor<8x64xbf16>, tensor<8x32xbf16>) at(%n, %n, %n, %n)
      outs(%a, %m, %s : tensor<32x16xf32>, tensor<16xf32>, tensor<16xf32>)
      indexing_maps = [affine_map<(i, j, d, e) -> (d, i)>, affine_map<(i, j, d, e) -> (j, d)>,
                       affine_map<(i, j, d, e) -> (j, e)>, affine_map<(i, j, d, e) -> (e, i)>] scale = 1.0 mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %keep = arith.cmpi sge, %i, %j : index
    attn.yield %keep : i1
  } -> tensor<32x16xf32>, tensor<16xf32>, tensor<16xf32>
  return
}

// CHECK-LABEL: func @attend_tile_of_padding(
func.func @attend_tile_of_padding(%q: tensor<64x16xf32>, %k: tensor<8x64xf32>, %a: tensor<64x16xf32>, %m: tensor<16xf32>, %n: index) {
  // CHECK: attn.attend_tile dot softmax ins({{.*}}) indexing_maps = [{{.*}}] scale = 1.000000e+00 binary existing_rows = 9 padded_keys = 32 {attn.lazy} -> tensor<64x16xf32>
  %r:3 = attn.attend_tile dot softmax ins(%q, %k, %k : tensor<64x16xf32>, tensor<8x64xf32>, tensor<8x64xf32>) at(%n, %n, %n, %n)
      outs(%a, %m, %m : tensor<64x16xf32>, tensor<16xf32>, tensor<16xf32>)
      indexing_maps = [affine_map<(i, j, d, e) -> (d, i)>, affine_map<(i, j, d, e) -> (j, d)>,
                       affine_map<(i, j, d, e) -> (j, e)>, affine_map<(i, j, d, e) -> (e, i)>] scale = 1.0
      binary existing_rows = 9 padded_keys = 32 {attn.lazy} -> tensor<64x16xf32>, tensor<16xf32>, tensor<16xf32>
  return
}

// CHECK-LABEL: func @score_tile(
func.func @score_tile(%q: tensor<16x64xf32>, %k: tensor<8x64xf32>, %s: tensor<16x8xf32>, %n: index) {
  // CHECK: attn.score_tile dot softmax ins(%{{.*}}, %{{.*}} : tensor<16x64xf32>, tensor<8x64xf32>) at(%[[N:.*]], %[[N]], %[[N]], %[[N]]) outs(%{{.*}} : tensor<16x8xf32>) indexing_maps = [{{.*}}] scale = 1.000000e+00 -> tensor<16x8xf32>
  %r = attn.score_tile dot softmax ins(%q, %k : tensor<16x64xf32>, tensor<8x64xf32>) at(%n, %n, %n, %n) outs(%s : tensor<16x8xf32>)
      indexing_maps = [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (i, j)>]
      scale = 1.0 -> tensor<16x8xf32>
  return
}

// CHECK-LABEL: func @recompute(
func.func @recompute(%q: tensor<8x2x64xbf16>, %k: tensor<9x64xbf16>, %v: tensor<9x32xbf16>, %o: tensor<8x2x32xf32>,
                     %m: tensor<16xf32>, %s: tensor<16xf32>, %sink: tensor<2xf32>, %n: index, %when: i1) {
  // CHECK: attn.recompute dot softmax ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<8x2x64xbf16>, tensor<9x64xbf16>, tensor<9x32xbf16>) sink(%{{.*}} : tensor<2xf32>) keys(%[[N:.*]], %[[N]]) when(%{{.*}}) outs(%{{.*}} : tensor<8x2x32xf32>) state(%{{.*}}, %{{.*}} : tensor<16xf32>, tensor<16xf32>) indexing_maps = [{{.*}}] scale = 1.000000e+00 pairs {
  // CHECK: } -> tensor<8x2x32xf32>, tensor<16xf32>, tensor<16xf32>
  %r:3 = attn.recompute dot softmax ins(%q, %k, %v : tensor<8x2x64xbf16>, tensor<9x64xbf16>, tensor<9x32xbf16>)
      sink(%sink : tensor<2xf32>) keys(%n, %n) when(%when) outs(%o : tensor<8x2x32xf32>)
      state(%m, %s : tensor<16xf32>, tensor<16xf32>)
      indexing_maps = [affine_map<(i, g, j, d, e) -> (i, g, d)>, affine_map<(i, g, j, d, e) -> (j, d)>,
                       affine_map<(i, g, j, d, e) -> (j, e)>, affine_map<(i, g, j, d, e) -> (i, g, e)>] scale = 1.0 pairs {
  ^bb0(%query: index, %head: index, %key: index, %score: f32):
    %twice = arith.addf %score, %score : f32
    attn.yield %twice : f32
  } -> tensor<8x2x32xf32>, tensor<16xf32>, tensor<16xf32>
  return
}

// CHECK-LABEL: func @assume(
func.func @assume(%n: index, %t: tensor<?x4xi32>) {
  // CHECK: attn.assume %{{.*}} at_least = -3 at_most = 4 : index
  %a = attn.assume %n at_least = -3 at_most = 4 : index
  // CHECK: attn.assume %{{.*}} proved ascending : tensor<?x4xi32>
  %b = attn.assume %t proved ascending : tensor<?x4xi32>
  // CHECK: attn.assume %{{.*}} ascending at_most = 7 : tensor<?x4xi32>
  %c = attn.assume %t ascending at_most = 7 : tensor<?x4xi32>
  return
}
