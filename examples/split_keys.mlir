// Attention over two halves of a key cache, merged by their LSEs.
//
// attnc run examples/split_keys.mlir --check

func.func @split_keys(%q: tensor<4x3x32xf32>, %k0: tensor<4x70x32xf32>,
                      %v0: tensor<4x70x32xf32>, %k1: tensor<4x21x32xf32>,
                      %v1: tensor<4x21x32xf32>)
    -> (tensor<4x3x32xf32>, tensor<4x3xf32>) {
  %o0, %l0 = attn.scaled_dot_product %q, %k0, %v0
       : tensor<4x3x32xf32>, tensor<4x70x32xf32>, tensor<4x70x32xf32>
       -> tensor<4x3x32xf32> lse(tensor<4x3xf32>)
  %o1, %l1 = attn.scaled_dot_product %q, %k1, %v1
       : tensor<4x3x32xf32>, tensor<4x21x32xf32>, tensor<4x21x32xf32>
       -> tensor<4x3x32xf32> lse(tensor<4x3xf32>)
  %o, %l = attn.merge %o0, %o1 lse(%l0, %l1) : tensor<4x3x32xf32>, tensor<4x3xf32>
  return %o, %l : tensor<4x3x32xf32>, tensor<4x3xf32>
}
