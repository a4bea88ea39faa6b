// Few queries of bf16 where one instruction multiplies pairs.
// RUN: attn-opt %s -attn-choose-plans="target=x86-64:x86-64-v4,+avx512bf16" -canonicalize | FileCheck %s

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, g, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#value = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, e)>
#out = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, g, i, e)>

// With features along lanes, too, and up to a whole vector of rows.
// CHECK-LABEL: func @one(
// CHECK: attn.plan = {{.*}}lanes = "features", pairs, queries = 1 : index
func.func @one(%q: tensor<2x4x1x64xbf16>, %k: tensor<2x?x64xbf16>, %o: tensor<2x4x1x64xbf16>) -> tensor<2x4x1x64xbf16> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x4x1x64xbf16>, tensor<2x?x64xbf16>, tensor<2x?x64xbf16>)
      outs(%o : tensor<2x4x1x64xbf16>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x4x1x64xbf16>
  return %r : tensor<2x4x1x64xbf16>
}
// CHECK-LABEL: func @vector(
// CHECK: attn.plan = {{.*}}lanes = "features", pairs, queries = 4 : index
func.func @vector(%q: tensor<2x4x4x64xbf16>, %k: tensor<2x?x64xbf16>, %o: tensor<2x4x4x64xbf16>) -> tensor<2x4x4x64xbf16> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x4x4x64xbf16>, tensor<2x?x64xbf16>, tensor<2x?x64xbf16>)
      outs(%o : tensor<2x4x4x64xbf16>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x4x4x64xbf16>
  return %r : tensor<2x4x4x64xbf16>
}

// Sums along lanes would take as long as so few features.
// CHECK-LABEL: func @narrow(
// CHECK: attn.plan = {{.*}}lanes = "queries", pairs, queries = 4 : index
func.func @narrow(%q: tensor<2x4x4x32xbf16>, %k: tensor<2x?x32xbf16>, %o: tensor<2x4x4x32xbf16>) -> tensor<2x4x4x32xbf16> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x4x4x32xbf16>, tensor<2x?x32xbf16>, tensor<2x?x32xbf16>)
      outs(%o : tensor<2x4x4x32xbf16>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x4x4x32xbf16>
  return %r : tensor<2x4x4x32xbf16>
}

// Features that do not fill vectors of pairs are extended.
// CHECK-LABEL: func @odd(
// CHECK: attn.plan = {{.*}}lanes = "features", queries = 1 : index
func.func @odd(%q: tensor<2x4x1x80xbf16>, %k: tensor<2x?x80xbf16>, %o: tensor<2x4x1x80xbf16>) -> tensor<2x4x1x80xbf16> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x4x1x80xbf16>, tensor<2x?x80xbf16>, tensor<2x?x80xbf16>)
      outs(%o : tensor<2x4x1x80xbf16>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x4x1x80xbf16>
  return %r : tensor<2x4x1x80xbf16>
}

// Many queries: long tiles of keys, as the second level has room, and values interleaved
// as they are read.
// CHECK-LABEL: func @many(
// CHECK: attn.plan = {{.*}}keys = 512 : index, lanes = "queries", pairs, queries = 64 : index, {{.*}}turned}
func.func @many(%q: tensor<2x4x512x64xbf16>, %k: tensor<2x?x64xbf16>, %o: tensor<2x4x512x64xbf16>) -> tensor<2x4x512x64xbf16> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x4x512x64xbf16>, tensor<2x?x64xbf16>, tensor<2x?x64xbf16>)
      outs(%o : tensor<2x4x512x64xbf16>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x4x512x64xbf16>
  return %r : tensor<2x4x512x64xbf16>
}
// One tile, where twice the room has all keys; shorter ones under a mask, which runs on
// whole tiles.
// CHECK-LABEL: func @many_at_once(
// CHECK: attn.plan = {{.*}}keys = 1000 :
func.func @many_at_once(%q: tensor<2x4x512x64xbf16>, %k: tensor<2x1000x64xbf16>, %o: tensor<2x4x512x64xbf16>) -> tensor<2x4x512x64xbf16> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x4x512x64xbf16>, tensor<2x1000x64xbf16>, tensor<2x1000x64xbf16>)
      outs(%o : tensor<2x4x512x64xbf16>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x4x512x64xbf16>
  return %r : tensor<2x4x512x64xbf16>
}
// CHECK-LABEL: func @many_masked(
// CHECK: attn.plan = {{.*}}keys = 240 :
func.func @many_masked(%q: tensor<2x4x512x64xbf16>, %k: tensor<2x1000x64xbf16>, %o: tensor<2x4x512x64xbf16>) -> tensor<2x4x512x64xbf16> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x4x512x64xbf16>, tensor<2x1000x64xbf16>, tensor<2x1000x64xbf16>)
      outs(%o : tensor<2x4x512x64xbf16>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %c = arith.cmpi sge, %i, %j : index
    attn.yield %c : i1
  } -> tensor<2x4x512x64xbf16>
  return %r : tensor<2x4x512x64xbf16>
}
// CHECK-LABEL: func @many_narrow(
// CHECK: attn.plan = {{.*}}lanes = "queries", pairs, queries = 64 : index, resident = {{[0-9]+}} : index, split = 0 : index}
func.func @many_narrow(%q: tensor<2x4x512x48xbf16>, %k: tensor<2x?x48xbf16>, %o: tensor<2x4x512x48xbf16>) -> tensor<2x4x512x48xbf16> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x4x512x48xbf16>, tensor<2x?x48xbf16>, tensor<2x?x48xbf16>)
      outs(%o : tensor<2x4x512x48xbf16>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x4x512x48xbf16>
  return %r : tensor<2x4x512x48xbf16>
}
