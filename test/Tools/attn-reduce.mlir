// UNSUPPORTED: system-windows
// RUN: attn-reduce %s -reduction-tree='traversal-mode=0 test=%S/Inputs/has-softcap.sh' | FileCheck %s

// CHECK: attn.score.softcap
// CHECK-NOT: @other
func.func @other(%q: tensor<8x64xf32>) -> tensor<8x64xf32> {
  return %q : tensor<8x64xf32>
}
func.func @kept(%q: tensor<8x64xf32>, %cap: f32) -> tensor<8x64xf32> {
  %s = attn.score.softcap %cap : f32
  %o = attn.scaled_dot_product %q, %q, %q score(%s) : tensor<8x64xf32>, tensor<8x64xf32>, tensor<8x64xf32> -> tensor<8x64xf32>
  return %o : tensor<8x64xf32>
}
