// RUN: attn-opt %s -transform-interpreter -split-input-file -verify-diagnostics

#query = affine_map<(b, hkv, g, i, j, d, e) -> (i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (j, d)>
#value = affine_map<(b, hkv, g, i, j, d, e) -> (j, e)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (i, e)>

func.func @keys(%q: tensor<64x4xf32>, %o: tensor<64x4xf32>) -> tensor<64x4xf32> {
  // expected-error @below {{'attn.attend' op cannot be tiled over keys; attn.attend_tile can}}
  // expected-error @below {{op faild to tile operation}}
  // expected-error @below {{op failed to generate tiling loops}}
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<64x4xf32>, tensor<64x4xf32>, tensor<64x4xf32>)
      outs(%o : tensor<64x4xf32>) indexing_maps = [#query, #key, #value, #output] scale = 1.0 -> tensor<64x4xf32>
  return %r : tensor<64x4xf32>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %0 = transform.structured.match ops{["attn.attend"]} in %root : (!transform.any_op) -> !transform.any_op
    %1, %loop = transform.structured.tile_using_for %0 tile_sizes [0, 0, 0, 0, 16]
        : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

#query = affine_map<(i, j, d, e) -> (i, d)>
#key = affine_map<(i, j, d, e) -> (j, d)>
#value = affine_map<(i, j, d, e) -> (j, e)>
#accumulator = affine_map<(i, j, d, e) -> (i, e)>

func.func @value_features(%q: tensor<16x64xf32>, %k: tensor<8x64xf32>, %n: index, %a: tensor<16x64xf32>, %m: tensor<16xf32>) {
  // expected-error @below {{'attn.attend_tile' op cannot be tiled over value features; every piece would change maximum and sum}}
  // expected-error @below {{op faild to tile operation}}
  // expected-error @below {{op failed to generate tiling loops}}
  %r:3 = attn.attend_tile dot softmax ins(%q, %k, %k : tensor<16x64xf32>, tensor<8x64xf32>, tensor<8x64xf32>) at(%n, %n, %n, %n)
      outs(%a, %m, %m : tensor<16x64xf32>, tensor<16xf32>, tensor<16xf32>)
      indexing_maps = [#query, #key, #value, #accumulator] scale = 1.0 -> tensor<16x64xf32>, tensor<16xf32>, tensor<16xf32>
  return
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %0 = transform.structured.match ops{["attn.attend_tile"]} in %root : (!transform.any_op) -> !transform.any_op
    %1, %loop = transform.structured.tile_using_for %0 tile_sizes [0, 0, 0, 16]
        : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}
