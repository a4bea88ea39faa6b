// RUN: attn-opt %s -convert-attn-to-linalg -split-input-file -verify-diagnostics

#query = affine_map<(i, j, d, e) -> (i, d)>
#key = affine_map<(i, j, d, e) -> (j, d)>
#value = affine_map<(i, j, d, e) -> (j, e)>
#output = affine_map<(i, j, d, e) -> (i, e)>

func.func @queries_first(%q: tensor<8x16xf32>, %k: tensor<9x16xf32>, %v: tensor<9x8xf32>, %acc: tensor<8x8xf32>, %max: tensor<8xf32>, %n: index) -> tensor<8x8xf32> {
  // expected-error @below {{'attn.attend_tile' op has the map affine_map<(d0, d1, d2, d3) -> (d0, d3)> for its accumulator; the conversion to linalg takes affine_map<(d0, d1, d2, d3) -> (d3, d0)>}}
  %r:3 = attn.attend_tile dot softmax ins(%q, %k, %v : tensor<8x16xf32>, tensor<9x16xf32>, tensor<9x8xf32>) at(%n, %n, %n, %n)
      outs(%acc, %max, %max : tensor<8x8xf32>, tensor<8xf32>, tensor<8xf32>)
      indexing_maps = [#query, #key, #value, #output] scale = 1.0 -> tensor<8x8xf32>, tensor<8xf32>, tensor<8xf32>
  return %r#0 : tensor<8x8xf32>
}

// -----

#query = affine_map<(i, j, d, e) -> (i, d)>
#key = affine_map<(i, j, d, e) -> (j, d)>
#scores = affine_map<(i, j, d, e) -> (i, j)>

func.func @keys_last(%q: tensor<8x16xf32>, %k: tensor<8x16xf32>, %s: tensor<8x8xf32>, %n: index) -> tensor<8x8xf32> {
  // expected-error @below {{'attn.score_tile' op has the map affine_map<(d0, d1, d2, d3) -> (d0, d1)> for its scores; the conversion to linalg takes affine_map<(d0, d1, d2, d3) -> (d1, d0)>}}
  %r = attn.score_tile dot softmax ins(%q, %k : tensor<8x16xf32>, tensor<8x16xf32>) at(%n, %n, %n, %n) outs(%s : tensor<8x8xf32>)
      indexing_maps = [#query, #key, #scores] scale = 1.0 -> tensor<8x8xf32>
  return %r : tensor<8x8xf32>
}
