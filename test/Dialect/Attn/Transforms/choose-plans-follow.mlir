// RUN: attn-opt %s -attn-choose-plans="target=x86-64:znver4" | FileCheck %s
// RUN: attn-opt %s -attn-choose-plans="target=x86-64:x86-64-v4" | FileCheck %s --check-prefix=OTHER

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#value = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, e)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

// Hardware that follows what is read in order fetches short heads, which lie one after
// the other, but for one or two rows, whose order of reading serves it.
// CHECK-LABEL: func @four(
// CHECK: attn.plan = {ahead = 0 : index
// OTHER-LABEL: func @four(
// OTHER: attn.plan = {ahead = 64 : index
func.func @four(%q: tensor<6x4x64xf32>, %k: tensor<6x32x64xf32>, %o: tensor<6x4x64xf32>) -> tensor<6x4x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<6x4x64xf32>, tensor<6x32x64xf32>, tensor<6x32x64xf32>)
      outs(%o : tensor<6x4x64xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<6x4x64xf32>
  return %r : tensor<6x4x64xf32>
}
// CHECK-LABEL: func @two(
// CHECK: attn.plan = {ahead = 64 : index
func.func @two(%q: tensor<6x2x64xf32>, %k: tensor<6x32x64xf32>, %o: tensor<6x2x64xf32>) -> tensor<6x2x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<6x2x64xf32>, tensor<6x32x64xf32>, tensor<6x32x64xf32>)
      outs(%o : tensor<6x2x64xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<6x2x64xf32>
  return %r : tensor<6x2x64xf32>
}
// CHECK-LABEL: func @more_keys(
// CHECK: attn.plan = {ahead = 64 : index
func.func @more_keys(%q: tensor<6x4x64xf32>, %k: tensor<6x33x64xf32>, %o: tensor<6x4x64xf32>) -> tensor<6x4x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<6x4x64xf32>, tensor<6x33x64xf32>, tensor<6x33x64xf32>)
      outs(%o : tensor<6x4x64xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<6x4x64xf32>
  return %r : tensor<6x4x64xf32>
}
