// What surrounds kernels has no instructions that only some CPUs have: none begins
// with a v.
// REQUIRES: avx2
// RUN: attnc compile %s --target=sm_80 -o %t.s --cache=off && FileCheck %s < %t.s
// CHECK-NOT: {{^[[:space:]]+v[a-z]+[[:space:]]}}
// CHECK: attn_rt_launch
// CHECK-NOT: {{^[[:space:]]+v[a-z]+[[:space:]]}}

func.func @f(%q: tensor<16x64xf32>) -> tensor<16x64xf32> {
  %o = attn.scaled_dot_product %q, %q, %q : tensor<16x64xf32>, tensor<16x64xf32>, tensor<16x64xf32> -> tensor<16x64xf32>
  return %o : tensor<16x64xf32>
}
