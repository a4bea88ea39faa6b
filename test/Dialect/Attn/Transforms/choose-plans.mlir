// RUN: attn-opt %s -attn-choose-plans="target=x86-64:x86-64-v4" -canonicalize -split-input-file | FileCheck %s

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, g, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#out = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, g, i, e)>
#head = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#headout = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>
#value = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, e)>

// One query of four heads: features along lanes.
// CHECK-LABEL: func @one(
// CHECK: attn.attend {{.*}}attn.plan = {ahead = 64 : index, group = 4 : index, keys = 128 : index, lanes = "features", queries = 1 : index, split = 1024 : index}
func.func @one(%q: tensor<2x4x1x64xf32>, %k: tensor<2x?x64xf32>, %o: tensor<2x4x1x64xf32>) -> tensor<2x4x1x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x4x1x64xf32>, tensor<2x?x64xf32>, tensor<2x?x64xf32>)
      outs(%o : tensor<2x4x1x64xf32>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x4x1x64xf32>
  return %r : tensor<2x4x1x64xf32>
}

// Eight queries of four heads fill two vectors.
// CHECK-LABEL: func @few(
// CHECK: attn.plan = {ahead = 96 : index, group = 4 : index, keys = 96 : index, lanes = "queries", queries = 8 : index, split = 1056 : index, spread, turned}
func.func @few(%q: tensor<2x4x8x64xf32>, %k: tensor<2x?x64xf32>, %o: tensor<2x4x8x64xf32>) -> tensor<2x4x8x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x4x8x64xf32>, tensor<2x?x64xf32>, tensor<2x?x64xf32>)
      outs(%o : tensor<2x4x8x64xf32>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x4x8x64xf32>
  return %r : tensor<2x4x8x64xf32>
}

// Each scalar of a key is read for one vector of queries: keys are to stay in the
// first-level cache.
// CHECK-LABEL: func @few_narrow(
// CHECK: attn.plan = {ahead = 24 : index, group = 4 : index, keys = 24 : index, lanes = "queries", queries = 4 : index
func.func @few_narrow(%q: tensor<2x4x4x64xbf16>, %k: tensor<2x?x64xbf16>, %o: tensor<2x4x4x64xbf16>) -> tensor<2x4x4x64xbf16> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x4x4x64xbf16>, tensor<2x?x64xbf16>, tensor<2x?x64xbf16>)
      outs(%o : tensor<2x4x4x64xbf16>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x4x4x64xbf16>
  return %r : tensor<2x4x4x64xbf16>
}

// So it is in f32, which is read as it lies: where keys are many, rows that lie in
// order have a version of their own.
// CHECK-LABEL: func @few_wide(
// CHECK: attn.plan = {ahead = 24 : index, compact, group = 4 : index, keys = 24 : index, lanes = "queries", queries = 4 : index
// CHECK-LABEL: func @few_wide_short(
// CHECK-NOT: compact
// CHECK: return
func.func @few_wide(%q: tensor<2x4x4x64xf32>, %k: tensor<2x?x64xf32>, %o: tensor<2x4x4x64xf32>) -> tensor<2x4x4x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x4x4x64xf32>, tensor<2x?x64xf32>, tensor<2x?x64xf32>)
      outs(%o : tensor<2x4x4x64xf32>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x4x4x64xf32>
  return %r : tensor<2x4x4x64xf32>
}
func.func @few_wide_short(%q: tensor<2x4x4x64xf32>, %k: tensor<2x1024x64xf32>, %o: tensor<2x4x4x64xf32>) -> tensor<2x4x4x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x4x4x64xf32>, tensor<2x1024x64xf32>, tensor<2x1024x64xf32>)
      outs(%o : tensor<2x4x4x64xf32>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x4x4x64xf32>
  return %r : tensor<2x4x4x64xf32>
}

// A static number of many queries has one plan.
// CHECK-LABEL: func @many(
// CHECK-NOT: scf.if
// CHECK: attn.plan = {ahead = 72 : index, band = 2 : index, group = 1 : index, keys = 72 : index, lanes = "queries", queries = 64 : index, resident = 216 : index, split = 0 : index, turned}
func.func @many(%q: tensor<2x4x500x64xf32>, %k: tensor<2x500x64xf32>, %o: tensor<2x4x500x64xf32>) -> tensor<2x4x500x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x4x500x64xf32>, tensor<2x500x64xf32>, tensor<2x500x64xf32>)
      outs(%o : tensor<2x4x500x64xf32>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x4x500x64xf32>
  return %r : tensor<2x4x500x64xf32>
}

// Few enough keys stay in the cache by themselves.
// CHECK-LABEL: func @short(
// CHECK-NOT: band
// CHECK: attn.plan = {ahead = 72
// CHECK-NOT: band
// CHECK: return
func.func @short(%q: tensor<2x4x500x64xf32>, %k: tensor<2x432x64xf32>, %o: tensor<2x4x500x64xf32>) -> tensor<2x4x500x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x4x500x64xf32>, tensor<2x432x64xf32>, tensor<2x432x64xf32>)
      outs(%o : tensor<2x4x500x64xf32>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x4x500x64xf32>
  return %r : tensor<2x4x500x64xf32>
}

// A tile may have a third more keys than others where it has all of them.
// CHECK-LABEL: func @one_tile(
// CHECK: attn.plan = {ahead = 96 : index, {{.*}}keys = 96 : index,
// CHECK-LABEL: func @two_tiles(
// CHECK: attn.plan = {ahead = 72 : index, {{.*}}keys = 72 : index,
func.func @one_tile(%q: tensor<2x4x500x64xf32>, %k: tensor<2x96x64xf32>, %o: tensor<2x4x500x64xf32>) -> tensor<2x4x500x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x4x500x64xf32>, tensor<2x96x64xf32>, tensor<2x96x64xf32>)
      outs(%o : tensor<2x4x500x64xf32>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x4x500x64xf32>
  return %r : tensor<2x4x500x64xf32>
}
func.func @two_tiles(%q: tensor<2x4x500x64xf32>, %k: tensor<2x97x64xf32>, %o: tensor<2x4x500x64xf32>) -> tensor<2x4x500x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x4x500x64xf32>, tensor<2x97x64xf32>, tensor<2x97x64xf32>)
      outs(%o : tensor<2x4x500x64xf32>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x4x500x64xf32>
  return %r : tensor<2x4x500x64xf32>
}

// The number is known at run time: one op for a single query, one for tiles that queries
// of one head fill, one for any number.
// CHECK-LABEL: func @unknown(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<2x4x?x64xf32>
// CHECK: %[[M:.*]] = tensor.dim %[[Q]], %c2
// CHECK: %[[ONE:.*]] = arith.cmpi eq, %[[M]], %c1
// CHECK: scf.if %[[ONE]]
// CHECK: tensor.cast %[[Q]] : tensor<2x4x?x64xf32> to tensor<2x4x1x64xf32>
// CHECK: lanes = "features"
// CHECK: else
// CHECK: scf.if
// CHECK: attn.plan = {{{.*}}filled, group = 1 : index, {{.*}} queries = 64 : index
// CHECK: else
// CHECK-NOT: scf.if
// CHECK: attn.plan = {{{.*}}band = 2 : index, group = 4 : index, {{.*}} lanes = "queries", piece = 16 : index, queries = 16 : index, {{.*}}split = 0 : index, turned}
func.func @unknown(%q: tensor<2x4x?x64xf32>, %k: tensor<2x?x64xf32>, %o: tensor<2x4x?x64xf32>) -> tensor<2x4x?x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x4x?x64xf32>, tensor<2x?x64xf32>, tensor<2x?x64xf32>)
      outs(%o : tensor<2x4x?x64xf32>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x4x?x64xf32>
  return %r : tensor<2x4x?x64xf32>
}

// Without a mask, and where heads share nothing, few queries on few keys, and queries
// that fill tiles on few keys, have plans without a loop over keys.
// CHECK-LABEL: func @short_sequences(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<4x?x64xf32>, %[[K:[a-z0-9]+]]: tensor<4x?x64xf32>
// CHECK-DAG: %[[M:.*]] = tensor.dim %[[Q]], %c1
// CHECK-DAG: %[[N:.*]] = tensor.dim %[[K]], %c1
// CHECK: arith.cmpi eq, %[[M]], %c1
// CHECK: split = 1024
// CHECK: else
// CHECK: %[[FEW:.*]] = arith.cmpi ule, %[[M]], %c8
// CHECK: %[[NEAR:.*]] = arith.cmpi ule, %[[N]], %c128
// CHECK: %[[BOTH:.*]] = arith.andi %[[FEW]], %[[NEAR]]
// CHECK: scf.if %[[BOTH]]
// CHECK: attn.plan = {ahead = 0 : index, group = 1 : index, keys = 128 : index, lanes = "features", once, queries = 8 : index, split = 0 : index}
// CHECK: else
// CHECK: %[[REST:.*]] = arith.remui %[[M]], %c64
// CHECK: %[[FILLED:.*]] = arith.cmpi eq, %[[REST]], %c0
// CHECK: %[[NEAR:.*]] = arith.cmpi ule, %[[N]], %c96
// CHECK: %[[BOTH:.*]] = arith.andi %[[FILLED]], %[[NEAR]]
// CHECK: scf.if %[[BOTH]]
// CHECK: attn.plan = {ahead = 96 : index, filled, group = 1 : index, keys = 96 : index, lanes = "queries", once, queries = 64 : index, split = 0 : index, turned}
// CHECK: else
// CHECK: lanes = "queries", piece = 16 : index, queries = 64
func.func @short_sequences(%q: tensor<4x?x64xf32>, %k: tensor<4x?x64xf32>, %o: tensor<4x?x64xf32>) -> tensor<4x?x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<4x?x64xf32>, tensor<4x?x64xf32>, tensor<4x?x64xf32>)
      outs(%o : tensor<4x?x64xf32>) indexing_maps = [#head, #key, #value, #headout] scale = 0.25 -> tensor<4x?x64xf32>
  return %r : tensor<4x?x64xf32>
}

// Features of values that leave part of a vector empty do not lie along lanes.
// CHECK-LABEL: func @odd(
// CHECK: lanes = "queries", queries = 64 : index
// CHECK-NOT: turned
// CHECK: return
func.func @odd(%q: tensor<2x4x500x64xf32>, %k: tensor<2x432x64xf32>, %v: tensor<2x432x40xf32>, %o: tensor<2x4x500x40xf32>) -> tensor<2x4x500x40xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %v : tensor<2x4x500x64xf32>, tensor<2x432x64xf32>, tensor<2x432x40xf32>)
      outs(%o : tensor<2x4x500x40xf32>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 -> tensor<2x4x500x40xf32>
  return %r : tensor<2x4x500x40xf32>
}

// A tanh for each term costs more than a product, but needs no exponentials of
// keys: features along lanes still pay for two queries, not for eight.
// CHECK-LABEL: func @additive(
// CHECK: lanes = "features", queries = 2
// CHECK: lanes = "queries", queries = 16
func.func @additive(%q: tensor<4x2x64xf32>, %p: tensor<4x8x64xf32>, %k: tensor<4x?x64xf32>, %w: tensor<64xf32>,
                    %o: tensor<4x2x64xf32>, %u: tensor<4x8x64xf32>) -> (tensor<4x2x64xf32>, tensor<4x8x64xf32>) {
  %r = attn.attend additive softmax ins(%q, %k, %k : tensor<4x2x64xf32>, tensor<4x?x64xf32>, tensor<4x?x64xf32>) feature_weight(%w : tensor<64xf32>)
      outs(%o : tensor<4x2x64xf32>) indexing_maps = [#head, #key, #value, #headout] scale = 1.0 -> tensor<4x2x64xf32>
  %s = attn.attend additive softmax ins(%p, %k, %k : tensor<4x8x64xf32>, tensor<4x?x64xf32>, tensor<4x?x64xf32>) feature_weight(%w : tensor<64xf32>)
      outs(%u : tensor<4x8x64xf32>) indexing_maps = [#head, #key, #value, #headout] scale = 1.0 -> tensor<4x8x64xf32>
  return %r, %s : tensor<4x2x64xf32>, tensor<4x8x64xf32>
}

// A mask that tells heads apart: their tiles are those that any of them needs.
// CHECK-LABEL: func @heads(
// CHECK: attn.plan = {{{.*}}group = 4 : index, {{.*}} lanes = "features", queries = 1
func.func @heads(%q: tensor<2x4x1x64xf32>, %k: tensor<2x?x64xf32>, %o: tensor<2x4x1x64xf32>) -> tensor<2x4x1x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x4x1x64xf32>, tensor<2x?x64xf32>, tensor<2x?x64xf32>)
      outs(%o : tensor<2x4x1x64xf32>) indexing_maps = [#query, #key, #value, #out] scale = 0.25 mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %keep = arith.cmpi sge, %j, %h : index
    attn.yield %keep : i1
  } -> tensor<2x4x1x64xf32>
  return %r : tensor<2x4x1x64xf32>
}

// -----

// Few rows and keys are short steps, which wait for each other: two heads alternate,
// four where there are up to four rows, one of few keys; not where a thread would have nothing to do, nor
// where they come from beyond the second-level cache.
#map = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#keys = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#values = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, e)>
#results = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>
// CHECK-LABEL: func @short_two(
// CHECK: attn.plan = {ahead = 64 : index, group = 1 : index, interleave = 2 : index, keys = 128 : index, lanes = "features"
func.func @short_two(%q: tensor<64x8x64xf32>, %o: tensor<64x8x64xf32>) -> tensor<64x8x64xf32> {
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<64x8x64xf32>, tensor<64x8x64xf32>, tensor<64x8x64xf32>)
      outs(%o : tensor<64x8x64xf32>) indexing_maps = [#map, #keys, #values, #results] scale = 0.25 -> tensor<64x8x64xf32>
  return %r : tensor<64x8x64xf32>
}
// CHECK-LABEL: func @short_four(
// CHECK: interleave = 4 : index
func.func @short_four(%q: tensor<64x2x64xf32>, %o: tensor<64x2x64xf32>) -> tensor<64x2x64xf32> {
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<64x2x64xf32>, tensor<64x2x64xf32>, tensor<64x2x64xf32>)
      outs(%o : tensor<64x2x64xf32>) indexing_maps = [#map, #keys, #values, #results] scale = 0.25 -> tensor<64x2x64xf32>
  return %r : tensor<64x2x64xf32>
}
// CHECK-LABEL: func @short_row(
// CHECK: interleave = 2 : index
func.func @short_row(%q: tensor<64x1x64xf32>, %k: tensor<64x8x64xf32>, %o: tensor<64x1x64xf32>) -> tensor<64x1x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<64x1x64xf32>, tensor<64x8x64xf32>, tensor<64x8x64xf32>)
      outs(%o : tensor<64x1x64xf32>) indexing_maps = [#map, #keys, #values, #results] scale = 0.25 -> tensor<64x1x64xf32>
  return %r : tensor<64x1x64xf32>
}
// CHECK-LABEL: func @few_heads(
// CHECK-NOT: interleave
// CHECK-LABEL: func @more_keys(
// CHECK-NOT: interleave
// CHECK-LABEL: func @many_heads(
// CHECK-NOT: interleave
// CHECK: return
func.func @few_heads(%q: tensor<1x8x64xf32>, %o: tensor<1x8x64xf32>) -> tensor<1x8x64xf32> {
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<1x8x64xf32>, tensor<1x8x64xf32>, tensor<1x8x64xf32>)
      outs(%o : tensor<1x8x64xf32>) indexing_maps = [#map, #keys, #values, #results] scale = 0.25 -> tensor<1x8x64xf32>
  return %r : tensor<1x8x64xf32>
}
func.func @more_keys(%q: tensor<64x8x64xf32>, %k: tensor<64x32x64xf32>, %o: tensor<64x8x64xf32>) -> tensor<64x8x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<64x8x64xf32>, tensor<64x32x64xf32>, tensor<64x32x64xf32>)
      outs(%o : tensor<64x8x64xf32>) indexing_maps = [#map, #keys, #values, #results] scale = 0.25 -> tensor<64x8x64xf32>
  return %r : tensor<64x8x64xf32>
}
func.func @many_heads(%q: tensor<128x8x64xf32>, %o: tensor<128x8x64xf32>) -> tensor<128x8x64xf32> {
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<128x8x64xf32>, tensor<128x8x64xf32>, tensor<128x8x64xf32>)
      outs(%o : tensor<128x8x64xf32>) indexing_maps = [#map, #keys, #values, #results] scale = 0.25 -> tensor<128x8x64xf32>
  return %r : tensor<128x8x64xf32>
}

// -----

// Packing queries for lanes counts where keys are few: fourteen queries on as many
// keys lie as they are, on sixty-four they are packed.
#map = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#keys = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#values = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, e)>
#results = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>
// CHECK-LABEL: func @packing(
// CHECK: lanes = "features", queries = 14 : index
// CHECK: lanes = "queries", queries = 16 : index
func.func @packing(%q: tensor<4x14x64xf32>, %k: tensor<4x64x64xf32>, %o: tensor<4x14x64xf32>) -> (tensor<4x14x64xf32>, tensor<4x14x64xf32>) {
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<4x14x64xf32>, tensor<4x14x64xf32>, tensor<4x14x64xf32>)
      outs(%o : tensor<4x14x64xf32>) indexing_maps = [#map, #keys, #values, #results] scale = 0.25 -> tensor<4x14x64xf32>
  %s = attn.attend dot softmax ins(%q, %k, %k : tensor<4x14x64xf32>, tensor<4x64x64xf32>, tensor<4x64x64xf32>)
      outs(%o : tensor<4x14x64xf32>) indexing_maps = [#map, #keys, #values, #results] scale = 0.25 -> tensor<4x14x64xf32>
  return %r, %s : tensor<4x14x64xf32>, tensor<4x14x64xf32>
}
