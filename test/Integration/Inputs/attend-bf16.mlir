func.func @attend(%q: tensor<64x32xbf16>, %k: tensor<64x32xbf16>, %v: tensor<64x32xbf16>) -> tensor<64x32xbf16> {
  %o = attn.scaled_dot_product %q, %k, %v : tensor<64x32xbf16>, tensor<64x32xbf16>, tensor<64x32xbf16> -> tensor<64x32xbf16>
  return %o : tensor<64x32xbf16>
}
