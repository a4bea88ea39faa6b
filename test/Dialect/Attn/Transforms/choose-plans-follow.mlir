// RUN: attn-opt %s -attn-choose-plans="target=x86-64:znver4" | FileCheck %s
// RUN: attn-opt %s -attn-choose-plans="target=x86-64:x86-64-v4" | FileCheck %s --check-prefix=OTHER

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#value = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, e)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

// Hardware that follows what is read in order fetches short heads, which lie one after
// the other, but for one or two rows, whose order of reading serves it where more than
// a fifth of them comes from beyond the second-level cache.
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
// CHECK: attn.plan = {ahead = 0 : index
// OTHER-LABEL: func @two(
// OTHER: attn.plan = {ahead = 64 : index
func.func @two(%q: tensor<34x2x64xf32>, %k: tensor<34x32x64xf32>, %o: tensor<34x2x64xf32>) -> tensor<34x2x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<34x2x64xf32>, tensor<34x32x64xf32>, tensor<34x32x64xf32>)
      outs(%o : tensor<34x2x64xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<34x2x64xf32>
  return %r : tensor<34x2x64xf32>
}
// CHECK-LABEL: func @two_from_memory(
// CHECK: attn.plan = {ahead = 64 : index
func.func @two_from_memory(%q: tensor<600x2x64xf32>, %k: tensor<600x32x64xf32>, %o: tensor<600x2x64xf32>) -> tensor<600x2x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<600x2x64xf32>, tensor<600x32x64xf32>, tensor<600x32x64xf32>)
      outs(%o : tensor<600x2x64xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<600x2x64xf32>
  return %r : tensor<600x2x64xf32>
}
// CHECK-LABEL: func @more_keys(
// CHECK: attn.plan = {ahead = 64 : index
func.func @more_keys(%q: tensor<6x4x64xf32>, %k: tensor<6x33x64xf32>, %o: tensor<6x4x64xf32>) -> tensor<6x4x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<6x4x64xf32>, tensor<6x33x64xf32>, tensor<6x33x64xf32>)
      outs(%o : tensor<6x4x64xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<6x4x64xf32>
  return %r : tensor<6x4x64xf32>
}

// Heads that one tile of queries and keys has, and that all together come from beyond the
// second level, fetch the next one in the order in which it lies.
// CHECK-LABEL: func @from_memory(
// CHECK: attn.plan = {ahead = 16 : index, {{.*}}keys = 12 : index, {{.*}}spread
// OTHER-LABEL: func @from_memory(
// OTHER-NOT: spread
// OTHER-LABEL: func @from_caches(
func.func @from_memory(%q: tensor<512x16x64xf32>, %k: tensor<512x12x64xf32>, %o: tensor<512x16x64xf32>) -> tensor<512x16x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<512x16x64xf32>, tensor<512x12x64xf32>, tensor<512x12x64xf32>)
      outs(%o : tensor<512x16x64xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<512x16x64xf32>
  return %r : tensor<512x16x64xf32>
}
// CHECK-LABEL: func @from_caches(
// CHECK-NOT: spread
// CHECK-LABEL: func @strided_heads(
// CHECK-NOT: spread
// CHECK-LABEL: func @several_tiles(
// CHECK-NOT: spread
// CHECK-LABEL: func @from_last_level(
func.func @from_caches(%q: tensor<32x16x64xf32>, %k: tensor<32x12x64xf32>, %o: tensor<32x16x64xf32>) -> tensor<32x16x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<32x16x64xf32>, tensor<32x12x64xf32>, tensor<32x12x64xf32>)
      outs(%o : tensor<32x16x64xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<32x16x64xf32>
  return %r : tensor<32x16x64xf32>
}
func.func @strided_heads(%q: tensor<512x16x64xf32>, %k: tensor<12x512x64xf32>, %o: tensor<512x16x64xf32>) -> tensor<512x16x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<512x16x64xf32>, tensor<12x512x64xf32>, tensor<12x512x64xf32>)
      outs(%o : tensor<512x16x64xf32>) indexing_maps = [#query, affine_map<(b, hkv, g, i, j, d, e) -> (j, hkv, d)>,
        affine_map<(b, hkv, g, i, j, d, e) -> (j, hkv, e)>, #output] scale = 0.25 -> tensor<512x16x64xf32>
  return %r : tensor<512x16x64xf32>
}
func.func @several_tiles(%q: tensor<512x16x64xf32>, %k: tensor<512x120x64xf32>, %o: tensor<512x16x64xf32>) -> tensor<512x16x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<512x16x64xf32>, tensor<512x120x64xf32>, tensor<512x120x64xf32>)
      outs(%o : tensor<512x16x64xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<512x16x64xf32>
  return %r : tensor<512x16x64xf32>
}

// Heads that half of the last level holds are computed side by side, more one by one;
// elsewhere those that the second level holds.
// CHECK: interleave = 2
// OTHER-LABEL: func @from_last_level(
// OTHER-NOT: interleave
// CHECK-LABEL: func @further_away(
// CHECK-NOT: interleave
// CHECK: return
func.func @from_last_level(%q: tensor<512x8x64xf32>, %o: tensor<512x8x64xf32>) -> tensor<512x8x64xf32> {
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<512x8x64xf32>, tensor<512x8x64xf32>, tensor<512x8x64xf32>)
      outs(%o : tensor<512x8x64xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<512x8x64xf32>
  return %r : tensor<512x8x64xf32>
}
func.func @further_away(%q: tensor<2048x8x64xf32>, %o: tensor<2048x8x64xf32>) -> tensor<2048x8x64xf32> {
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<2048x8x64xf32>, tensor<2048x8x64xf32>, tensor<2048x8x64xf32>)
      outs(%o : tensor<2048x8x64xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<2048x8x64xf32>
  return %r : tensor<2048x8x64xf32>
}

// Nor are those from the last level of which the first has no room for so many.
// CHECK-LABEL: func @long_from_last_level(
// CHECK: attn.plan
// CHECK-NOT: interleave
// CHECK: return
func.func @long_from_last_level(%q: tensor<200x2x64xf32>, %k: tensor<200x24x64xf32>, %o: tensor<200x2x64xf32>) -> tensor<200x2x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<200x2x64xf32>, tensor<200x24x64xf32>, tensor<200x24x64xf32>)
      outs(%o : tensor<200x2x64xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<200x2x64xf32>
  return %r : tensor<200x2x64xf32>
}

// Sums across lanes are no more of larger heads, queries to pack are. From memory the
// next head is fetched.
// CHECK-LABEL: func @smaller_heads(
// CHECK: lanes = "queries"
// CHECK-LABEL: func @larger_heads(
// CHECK: lanes = "features"
// CHECK-LABEL: func @larger_heads_from_memory(
// CHECK: lanes = "queries", {{.*}}spread
// OTHER-LABEL: func @larger_heads(
// OTHER: lanes = "queries"
func.func @smaller_heads(%q: tensor<6x16x64xf32>, %o: tensor<6x16x64xf32>) -> tensor<6x16x64xf32> {
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<6x16x64xf32>, tensor<6x16x64xf32>, tensor<6x16x64xf32>)
      outs(%o : tensor<6x16x64xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<6x16x64xf32>
  return %r : tensor<6x16x64xf32>
}
func.func @larger_heads(%q: tensor<6x16x128xf32>, %o: tensor<6x16x128xf32>) -> tensor<6x16x128xf32> {
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<6x16x128xf32>, tensor<6x16x128xf32>, tensor<6x16x128xf32>)
      outs(%o : tensor<6x16x128xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<6x16x128xf32>
  return %r : tensor<6x16x128xf32>
}
func.func @larger_heads_from_memory(%q: tensor<2048x16x128xf32>, %o: tensor<2048x16x128xf32>) -> tensor<2048x16x128xf32> {
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<2048x16x128xf32>, tensor<2048x16x128xf32>, tensor<2048x16x128xf32>)
      outs(%o : tensor<2048x16x128xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<2048x16x128xf32>
  return %r : tensor<2048x16x128xf32>
}
