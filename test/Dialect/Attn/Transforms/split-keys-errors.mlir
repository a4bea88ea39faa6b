// RUN: attn-opt %s -attn-split-keys -verify-diagnostics

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#value = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, e)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

func.func @sum(%q: tensor<4x8x16xf32>, %o: tensor<4x8x16xf32>) -> tensor<4x8x16xf32> {
  // expected-error @below {{'attn.attend' op has a plan that splits keys; only softmax without weights can be merged from parts}}
  %r = attn.attend dot sum ins(%q, %q, %q : tensor<4x8x16xf32>, tensor<4x8x16xf32>, tensor<4x8x16xf32>)
      outs(%o : tensor<4x8x16xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25
      {attn.plan = {group = 1 : index, keys = 96 : index, lanes = "queries", queries = 16 : index, split = 1056 : index}} -> tensor<4x8x16xf32>
  return %r : tensor<4x8x16xf32>
}
