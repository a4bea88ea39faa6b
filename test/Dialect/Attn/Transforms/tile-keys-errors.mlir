// RUN: attn-opt %s -attn-tile-keys -verify-diagnostics

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#value = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, e)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

func.func @several_heads(%q: tensor<4x8x16xf32>, %o: tensor<4x8x16xf32>) -> tensor<4x8x16xf32> {
  // expected-error @below {{'attn.attend' op has several batches or heads; tile queries first}}
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<4x8x16xf32>, tensor<4x8x16xf32>, tensor<4x8x16xf32>)
      outs(%o : tensor<4x8x16xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<4x8x16xf32>
  return %r : tensor<4x8x16xf32>
}
