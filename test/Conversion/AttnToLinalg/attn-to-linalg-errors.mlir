// RUN: attn-opt %s -convert-attn-to-linalg -verify-diagnostics

#query = affine_map<(i, j, d, e) -> (i, d)>
#key = affine_map<(i, j, d, e) -> (j, d)>
#scores = affine_map<(i, j, d, e) -> (i, j)>

func.func @keys_last(%q: tensor<8x16xf32>, %k: tensor<8x16xf32>, %s: tensor<8x8xf32>, %n: index) -> tensor<8x8xf32> {
  // expected-error @below {{'attn.score_tile' op has the map affine_map<(d0, d1, d2, d3) -> (d0, d1)> for its scores; the conversion to linalg takes affine_map<(d0, d1, d2, d3) -> (d1, d0)>}}
  %r = attn.score_tile dot softmax ins(%q, %k : tensor<8x16xf32>, tensor<8x16xf32>) at(%n, %n, %n, %n) outs(%s : tensor<8x8xf32>)
      indexing_maps = [#query, #key, #scores] scale = 1.0 -> tensor<8x8xf32>
  return %r : tensor<8x8xf32>
}
