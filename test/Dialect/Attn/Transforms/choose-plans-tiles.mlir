// RUN: attn-opt %s -attn-choose-plans="target=x86-64:sapphirerapids" -split-input-file | FileCheck %s
// RUN: attn-opt %s -attn-choose-plans="target=x86-64:sapphirerapids,-amx-bf16" -split-input-file | FileCheck %s --check-prefix=NONE
// NONE-NOT: tiles

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#turned = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, d, j)>
#value = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, e)>
#out = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

// Many queries of bf16 share keys that are packed for tile registers, and scores are those
// of one vector of queries at a time.
// CHECK-LABEL: func @many(
// CHECK: attn.plan = {{{.*}}band = 2 : index, {{.*}}keys = 64 : index, {{.*}}pairs, piece = 16 : index, queries = 64 : index, resident = 320 : index, {{.*}}tiles}
func.func @many(%q: tensor<2x100x64xbf16>, %k: tensor<2x300x64xbf16>, %o: tensor<2x100x64xbf16>) -> tensor<2x100x64xbf16> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x100x64xbf16>, tensor<2x300x64xbf16>, tensor<2x300x64xbf16>)
      outs(%o : tensor<2x100x64xbf16>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x100x64xbf16>
  return %r : tensor<2x100x64xbf16>
}

// What a tile of such large heads uses is more than the first-level cache in any case.
// CHECK-LABEL: func @large(
// CHECK: attn.plan = {{{.*}}keys = 128 : index, {{.*}}pairs, queries = 64 : index, resident = 384 : index, {{.*}}tiles}
func.func @large(%q: tensor<2x100x128xbf16>, %k: tensor<2x300x128xbf16>, %o: tensor<2x100x128xbf16>) -> tensor<2x100x128xbf16> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x100x128xbf16>, tensor<2x300x128xbf16>, tensor<2x300x128xbf16>)
      outs(%o : tensor<2x100x128xbf16>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x100x128xbf16>
  return %r : tensor<2x100x128xbf16>
}

// Tiles of a number of keys that leaves no padding are twice as long.
// CHECK-LABEL: func @large_even(
// CHECK: attn.plan = {{{.*}}keys = 256 : index, {{.*}}pairs, queries = 64 : index, resident = 512 : index, {{.*}}tiles}
func.func @large_even(%q: tensor<2x100x128xbf16>, %k: tensor<2x512x128xbf16>, %o: tensor<2x100x128xbf16>) -> tensor<2x100x128xbf16> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x100x128xbf16>, tensor<2x512x128xbf16>, tensor<2x512x128xbf16>)
      outs(%o : tensor<2x100x128xbf16>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x100x128xbf16>
  return %r : tensor<2x100x128xbf16>
}

// A head size of values that no tile has is padded.
// CHECK-LABEL: func @padded(
// CHECK: attn.plan = {{.*}}tiles}
func.func @padded(%q: tensor<2x100x64xbf16>, %k: tensor<2x300x64xbf16>, %v: tensor<2x300x40xbf16>, %o: tensor<2x100x40xbf16>) -> tensor<2x100x40xbf16> {
  %r = attn.attend dot softmax ins(%q, %k, %v : tensor<2x100x64xbf16>, tensor<2x300x64xbf16>, tensor<2x300x40xbf16>)
      outs(%o : tensor<2x100x40xbf16>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x100x40xbf16>
  return %r : tensor<2x100x40xbf16>
}

// Few queries take keys as they lie, where their head sizes are those of whole tiles and
// features lie side by side.
// CHECK-LABEL: func @few(
// CHECK: attn.plan = {ahead = 64 : index, group = 1 : index, keys = 64 : index, lanes = "queries", pairs, queries = 32 : index, split = 0 : index, tiles, turned, unpacked}
// CHECK-LABEL: func @few_of_each(
// CHECK: attn.plan = {{.*}}keys = 32 : index, {{.*}}unpacked}
// CHECK-LABEL: func @few_keys(
// CHECK-NOT: tiles
// CHECK-LABEL: func @few_narrow(
// CHECK-NOT: tiles
// CHECK-LABEL: func @few_turned(
// CHECK-NOT: tiles

// Other types and odd head sizes go without.
// CHECK-LABEL: func @f16(
// CHECK-NOT: tiles
// CHECK-LABEL: func @odd(
// CHECK-NOT: tiles
func.func @few(%q: tensor<2x32x64xbf16>, %k: tensor<2x300x64xbf16>, %o: tensor<2x32x64xbf16>) -> tensor<2x32x64xbf16> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x32x64xbf16>, tensor<2x300x64xbf16>, tensor<2x300x64xbf16>)
      outs(%o : tensor<2x32x64xbf16>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x32x64xbf16>
  return %r : tensor<2x32x64xbf16>
}
func.func @few_of_each(%q: tensor<2x32x64xbf16>, %k: tensor<2x30x64xbf16>, %o: tensor<2x32x64xbf16>) -> tensor<2x32x64xbf16> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x32x64xbf16>, tensor<2x30x64xbf16>, tensor<2x30x64xbf16>)
      outs(%o : tensor<2x32x64xbf16>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x32x64xbf16>
  return %r : tensor<2x32x64xbf16>
}
func.func @few_keys(%q: tensor<2x32x64xbf16>, %k: tensor<2x8x64xbf16>, %o: tensor<2x32x64xbf16>) -> tensor<2x32x64xbf16> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x32x64xbf16>, tensor<2x8x64xbf16>, tensor<2x8x64xbf16>)
      outs(%o : tensor<2x32x64xbf16>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x32x64xbf16>
  return %r : tensor<2x32x64xbf16>
}
func.func @few_narrow(%q: tensor<2x32x48xbf16>, %k: tensor<2x300x48xbf16>, %o: tensor<2x32x48xbf16>) -> tensor<2x32x48xbf16> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x32x48xbf16>, tensor<2x300x48xbf16>, tensor<2x300x48xbf16>)
      outs(%o : tensor<2x32x48xbf16>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x32x48xbf16>
  return %r : tensor<2x32x48xbf16>
}
func.func @few_turned(%q: tensor<2x32x64xbf16>, %k: tensor<2x64x300xbf16>, %v: tensor<2x300x64xbf16>, %o: tensor<2x32x64xbf16>) -> tensor<2x32x64xbf16> {
  %r = attn.attend dot softmax ins(%q, %k, %v : tensor<2x32x64xbf16>, tensor<2x64x300xbf16>, tensor<2x300x64xbf16>)
      outs(%o : tensor<2x32x64xbf16>) indexing_maps = [#query, #turned, #value, #out] scale = 0.25 -> tensor<2x32x64xbf16>
  return %r : tensor<2x32x64xbf16>
}
func.func @f16(%q: tensor<2x100x64xf16>, %k: tensor<2x300x64xf16>, %o: tensor<2x100x64xf16>) -> tensor<2x100x64xf16> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x100x64xf16>, tensor<2x300x64xf16>, tensor<2x300x64xf16>)
      outs(%o : tensor<2x100x64xf16>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x100x64xf16>
  return %r : tensor<2x100x64xf16>
}
func.func @odd(%q: tensor<2x100x41xbf16>, %k: tensor<2x300x41xbf16>, %o: tensor<2x100x41xbf16>) -> tensor<2x100x41xbf16> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x100x41xbf16>, tensor<2x300x41xbf16>, tensor<2x300x41xbf16>)
      outs(%o : tensor<2x100x41xbf16>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x100x41xbf16>
  return %r : tensor<2x100x41xbf16>
}
