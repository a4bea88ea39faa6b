// RUN: attn-opt %s -split-input-file -verify-diagnostics

// mask_per_batch_c1
func.func @f(%q: tensor<2x8x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %t: tensor<3xi32>) {
  %m = attn.mask.causal offset(%t : tensor<3xi32>)
  // expected-error @below {{'attn.scaled_dot_product' op mask 'attn.mask.causal' has 3 offsets in 'tensor<3xi32>'; it takes one per batch, 2}}
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : tensor<2x8x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32> -> tensor<2x8x8x32xf32>
  return
}

// -----

// mask_per_batch_c1
func.func @f(%q: tensor<2x8x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %t: tensor<3xi32>) {
  %m = attn.mask.window past = 1 offset(%t : tensor<3xi32>)
  // expected-error @below {{'attn.scaled_dot_product' op mask 'attn.mask.window' has 3 offsets in 'tensor<3xi32>'; it takes one per batch, 2}}
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : tensor<2x8x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32> -> tensor<2x8x8x32xf32>
  return
}

// -----

// mask_per_batch_c1
func.func @f(%q: tensor<2x8x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %t: tensor<8xindex>) {
  %m = attn.mask.prefix %t : tensor<8xindex>
  // expected-error @below {{'attn.scaled_dot_product' op mask 'attn.mask.prefix' has 8 lengths in 'tensor<8xindex>'; it takes one per batch, 2}}
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : tensor<2x8x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32> -> tensor<2x8x8x32xf32>
  return
}

// -----

// mask_padding_c1
func.func @f(%q: tensor<2x8x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %t: tensor<9xi32>) {
  %m = attn.mask.padding %t : tensor<9xi32>
  // expected-error @below {{'attn.scaled_dot_product' op mask 'attn.mask.padding' has 9 lengths in 'tensor<9xi32>'; it takes one per batch, 2}}
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : tensor<2x8x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32> -> tensor<2x8x8x32xf32>
  return
}

// -----

// mask_padding_c1
func.func @f(%q: tensor<2x8x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %t: tensor<2x9xi32>) {
  %m = attn.mask.padding %t : tensor<2x9xi32>
  // expected-error @below {{'attn.scaled_dot_product' op mask 'attn.mask.padding' has 9 lengths in 'tensor<2x9xi32>'; it takes one per query, 8}}
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : tensor<2x8x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32> -> tensor<2x8x8x32xf32>
  return
}

// -----

// mask_document_c2
func.func @f(%q: tensor<2x8x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %t: tensor<8xi32>) {
  %m = attn.mask.document %t : tensor<8xi32>
  // expected-error @below {{'attn.scaled_dot_product' op mask 'attn.mask.document' has 8 ids in 'tensor<8xi32>'; it takes at least one per key, 9}}
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : tensor<2x8x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32> -> tensor<2x8x8x32xf32>
  return
}

// -----

// mask_document_c2
func.func @f(%q: tensor<2x8x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %t: tensor<7xi32>) {
  %m = attn.mask.document %t keys(%t : tensor<7xi32>) : tensor<7xi32>
  // expected-error @below {{'attn.scaled_dot_product' op mask 'attn.mask.document' has 7 ids in 'tensor<7xi32>'; it takes at least one per query, 8}}
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : tensor<2x8x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32> -> tensor<2x8x8x32xf32>
  return
}

// -----

// mask_document_c2
func.func @f(%q: tensor<2x8x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %t: tensor<8xi32>) {
  %m = attn.mask.document %t keys(%t : tensor<8xi32>) : tensor<8xi32>
  // expected-error @below {{'attn.scaled_dot_product' op mask 'attn.mask.document' has 8 key ids in 'tensor<8xi32>'; it takes at least one per key, 9}}
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : tensor<2x8x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32> -> tensor<2x8x8x32xf32>
  return
}

// -----

// mask_document_c2
func.func @f(%q: tensor<2x8x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %t: tensor<1x9xi32>) {
  %m = attn.mask.document %t : tensor<1x9xi32>
  // expected-error @below {{'attn.scaled_dot_product' op mask 'attn.mask.document' has 1 ids in 'tensor<1x9xi32>'; it takes one per batch, 2}}
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : tensor<2x8x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32> -> tensor<2x8x8x32xf32>
  return
}

// -----

// mask_block_sparse_c3
func.func @f(%q: tensor<2x8x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %t: tensor<1x3xi1>) {
  %m = attn.mask.block_sparse %t block [4, 4] : tensor<1x3xi1>
  // expected-error @below {{'attn.scaled_dot_product' op mask 'attn.mask.block_sparse' has 1 rows of blocks in 'tensor<1x3xi1>'; it takes at least one per query block, 2}}
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : tensor<2x8x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32> -> tensor<2x8x8x32xf32>
  return
}

// -----

// mask_block_sparse_c3
func.func @f(%q: tensor<2x8x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %t: tensor<2x2xi1>) {
  %m = attn.mask.block_sparse %t block [4, 4] : tensor<2x2xi1>
  // expected-error @below {{'attn.scaled_dot_product' op mask 'attn.mask.block_sparse' has 2 columns of blocks in 'tensor<2x2xi1>'; it takes at least one per key block, 3}}
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : tensor<2x8x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32> -> tensor<2x8x8x32xf32>
  return
}

// -----

// mask_block_sparse_c3
func.func @f(%q: tensor<2x8x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %t: tensor<2x2x3xi1>) {
  %m = attn.mask.block_sparse %t block [4, 4] : tensor<2x2x3xi1>
  // expected-error @below {{'attn.scaled_dot_product' op mask 'attn.mask.block_sparse' has 2 layouts in 'tensor<2x2x3xi1>'; it takes one per query head, 8}}
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : tensor<2x8x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32> -> tensor<2x8x8x32xf32>
  return
}

// -----

// mask_dense_c1
func.func @f(%q: tensor<2x8x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %t: tensor<8x8xi1>) {
  %m = attn.mask.dense %t : tensor<8x8xi1>
  // expected-error @below {{'attn.scaled_dot_product' op mask 'attn.mask.dense' has 8 keys in 'tensor<8x8xi1>'; it takes 1 or 9}}
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : tensor<2x8x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32> -> tensor<2x8x8x32xf32>
  return
}

// -----

// mask_dense_c1
func.func @f(%q: tensor<2x8x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %t: tensor<2x2x1x9xi1>) {
  %m = attn.mask.dense %t : tensor<2x2x1x9xi1>
  // expected-error @below {{'attn.scaled_dot_product' op mask 'attn.mask.dense' has 2 heads in 'tensor<2x2x1x9xi1>'; it takes 1 or 8}}
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : tensor<2x8x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32> -> tensor<2x8x8x32xf32>
  return
}

// -----

// mask_dense_c1: through combinations
func.func @f(%q: tensor<2x8x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %t: tensor<8x8xi1>) {
  %d = attn.mask.dense %t : tensor<8x8xi1>
  %n = attn.mask.not %d
  %c = attn.mask.causal
  %a = attn.mask.and %c, %n
  %m = attn.mask.or %a, %c
  // expected-error @below {{'attn.scaled_dot_product' op mask 'attn.mask.dense' has 8 keys in 'tensor<8x8xi1>'; it takes 1 or 9}}
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : tensor<2x8x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32> -> tensor<2x8x8x32xf32>
  return
}

// -----

// score_alibi_c1
func.func @f(%q: tensor<2x8x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %t: tensor<2xf32>) {
  %s = attn.score.alibi %t : tensor<2xf32>
  // expected-error @below {{'attn.scaled_dot_product' op score modifier 'attn.score.alibi' has 2 slopes in 'tensor<2xf32>'; it takes one per query head, 8}}
  %o = attn.scaled_dot_product %q, %k, %v score(%s) : tensor<2x8x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32> -> tensor<2x8x8x32xf32>
  return
}

// -----

// score_relative_bias_c1
func.func @f(%q: tensor<2x8x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %t: tensor<2x5xf32>) {
  %s = attn.score.relative_bias %t : tensor<2x5xf32>
  // expected-error @below {{'attn.scaled_dot_product' op score modifier 'attn.score.relative_bias' has 2 tables in 'tensor<2x5xf32>'; it takes one per query head, 8}}
  %o = attn.scaled_dot_product %q, %k, %v score(%s) : tensor<2x8x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32> -> tensor<2x8x8x32xf32>
  return
}

// -----

// score_bias_c1
func.func @f(%q: tensor<2x8x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %t: tensor<9x9xf32>) {
  %s = attn.score.bias %t : tensor<9x9xf32>
  // expected-error @below {{'attn.scaled_dot_product' op score modifier 'attn.score.bias' has 9 queries in 'tensor<9x9xf32>'; it takes 1 or 8}}
  %o = attn.scaled_dot_product %q, %k, %v score(%s) : tensor<2x8x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32> -> tensor<2x8x8x32xf32>
  return
}

// -----

// score_map_c1
func.func @f(%q: tensor<2x8x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %t: index) {
  %s = attn.score.map {
  ^bb0(%x: f64, %b: index, %h: index, %i: index, %j: index):
    attn.yield %x : f64
  }
  // expected-error @below {{'attn.scaled_dot_product' op score modifier 'attn.score.map' takes scores of type 'f64'; those of this attention are 'f32'}}
  %o = attn.scaled_dot_product %q, %k, %v score(%s) : tensor<2x8x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32> -> tensor<2x8x8x32xf32>
  return
}

// -----

// mask_per_batch_c1: batch dimensions count together
func.func @f(%q: tensor<2x3x4x8x64xf32>, %k: tensor<2x3x4x9x64xf32>, %v: tensor<2x3x4x9x32xf32>, %t: tensor<2xi32>) {
  %m = attn.mask.prefix %t : tensor<2xi32>
  // expected-error @below {{'attn.scaled_dot_product' op mask 'attn.mask.prefix' has 2 lengths in 'tensor<2xi32>'; it takes one per batch, 6}}
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : tensor<2x3x4x8x64xf32>, tensor<2x3x4x9x64xf32>, tensor<2x3x4x9x32xf32> -> tensor<2x3x4x8x32xf32>
  return
}

// -----

// mask_dense_c1: without heads rank 3 is (B, M, N)
func.func @f(%s: tensor<2x8x9xf32>, %t: tensor<3x8x9xi1>, %u: tensor<2x8x9xi1>) {
  %n = attn.mask.dense %u : tensor<2x8x9xi1>
  %w = attn.masked_softmax %s mask(%n) : tensor<2x8x9xf32> -> tensor<2x8x9xf32>
  %m = attn.mask.dense %t : tensor<3x8x9xi1>
  // expected-error @below {{'attn.masked_softmax' op mask 'attn.mask.dense' has 3 batches in 'tensor<3x8x9xi1>'; it takes 1 or 2}}
  %x = attn.masked_softmax %s mask(%m) : tensor<2x8x9xf32> -> tensor<2x8x9xf32>
  return
}

// -----

// mask_dense_c1
func.func @f(%s: tensor<2x8x9xf32>, %t: tensor<8x8xi1>) {
  %m = attn.mask.dense %t : tensor<8x8xi1>
  // expected-error @below {{'attn.masked_softmax' op mask 'attn.mask.dense' has 8 keys in 'tensor<8x8xi1>'; it takes 1 or 9}}
  %w = attn.masked_softmax %s mask(%m) : tensor<2x8x9xf32> -> tensor<2x8x9xf32>
  return
}

// -----

// score_alibi_c1
func.func @f(%x: tensor<1x8x64xf32>, %w: tensor<64x64xf32>, %t: tensor<2xf32>) {
  %s = attn.score.alibi %t : tensor<2xf32>
  // expected-error @below {{'attn.multi_head' op score modifier 'attn.score.alibi' has 2 slopes in 'tensor<2xf32>'; it takes one per query head, 4}}
  %o = attn.multi_head %x, %x, %x weights(%w, %w, %w, %w : tensor<64x64xf32>, tensor<64x64xf32>, tensor<64x64xf32>, tensor<64x64xf32>)
      heads = 4 score(%s) : tensor<1x8x64xf32>, tensor<1x8x64xf32>, tensor<1x8x64xf32> -> tensor<1x8x64xf32>
  return
}
