// RUN: split-file %s %t
// RUN: sh -c 'for f in %t/*.mlir; do attnc compile $f --target=sm_80 -o %t/x.ptx; echo "code $?"; done' 2>&1 | FileCheck %s

//--- a.mlir
// CHECK: 'attn.attend' op has elements of type 'f64'; kernels for GPUs take f16, bf16 and f32
// CHECK: code 1
func.func @f(%q: tensor<2x4x16x64xf64>) -> tensor<2x4x16x64xf64> {
  %o = attn.scaled_dot_product %q, %q, %q : tensor<2x4x16x64xf64>, tensor<2x4x16x64xf64>, tensor<2x4x16x64xf64> -> tensor<2x4x16x64xf64>
  return %o : tensor<2x4x16x64xf64>
}

//--- b.mlir
// CHECK: 'attn.attend' op has a query of type 'tensor<2x4x16x264xf16>'; a GPU takes a head size that is static, at most 256, and the last dimension
// CHECK: code 1
func.func @f(%q: tensor<2x4x16x264xf16>) -> tensor<2x4x16x264xf16> {
  %o = attn.scaled_dot_product %q, %q, %q : tensor<2x4x16x264xf16>, tensor<2x4x16x264xf16>, tensor<2x4x16x264xf16> -> tensor<2x4x16x264xf16>
  return %o : tensor<2x4x16x264xf16>
}

//--- c.mlir
// CHECK: 'attn.attend' op gives the largest weights; kernels for GPUs give output, LSE and all weights
// CHECK: code 1
func.func @f(%q: tensor<16x64xf16>) -> (tensor<16x64xf16>, tensor<16x4xf16>, tensor<16x4xi32>) {
  %o, %w, %j = attn.scaled_dot_product %q, %q, %q : tensor<16x64xf16>, tensor<16x64xf16>, tensor<16x64xf16> -> tensor<16x64xf16> top(tensor<16x4xf16>, tensor<16x4xi32>)
  return %o, %w, %j : tensor<16x64xf16>, tensor<16x4xf16>, tensor<16x4xi32>
}

//--- d.mlir
// CHECK: op is computed on tensors; on a GPU a function holds attention on its arguments alone
// CHECK: code 1
func.func @f(%x: tensor<8x16xf16>) -> tensor<8x16xf16> {
  %o = attn.rotary %x : tensor<8x16xf16> -> tensor<8x16xf16>
  return %o : tensor<8x16xf16>
}

//--- e.mlir
// CHECK: 'math.sin' op has no code for GPUs; functions of f32 and arithmetic, roundings and roots of f64 have
// CHECK: code 1
func.func @f(%q: tensor<2x4x16x64xf16>) -> tensor<2x4x16x64xf16> {
  %s = attn.score.map {
  ^bb0(%score: f32, %b: index, %h: index, %i: index, %j: index):
    %d = arith.extf %score : f32 to f64
    %r = math.sin %d : f64
    %t = arith.truncf %r : f64 to f32
    attn.yield %t : f32
  }
  %o = attn.scaled_dot_product %q, %q, %q score(%s) : tensor<2x4x16x64xf16>, tensor<2x4x16x64xf16>, tensor<2x4x16x64xf16> -> tensor<2x4x16x64xf16>
  return %o : tensor<2x4x16x64xf16>
}

//--- f.mlir
// CHECK: 'attn.attend' op computes its query by '{{.*}}'; on a GPU it must be an argument of the function or a reshape of one: compute it before the call
// CHECK: code 1
func.func @f(%q: tensor<16x64xf16>, %p: tensor<32x64xf16>, %w: tensor<32xf16>, %v: tensor<16x64xf16>) -> tensor<16x64xf16> {
  %o = attn.additive %q, %q, %v, %w project_query(%p : tensor<32x64xf16>) project_key(%p : tensor<32x64xf16>) : tensor<16x64xf16>, tensor<16x64xf16>, tensor<16x64xf16>, tensor<32xf16> -> tensor<16x64xf16>
  return %o : tensor<16x64xf16>
}

//--- g.mlir
// CHECK: 'attn.attend' op computes what other attention reads, as entropy and received weights do; on a GPU attention gives results of the function alone: ask for the LSE or all weights, and compute the rest after the call
// CHECK: code 1
func.func @f(%q: tensor<16x64xf16>) -> (tensor<16x64xf16>, tensor<16xf32>) {
  %o, %e = attn.scaled_dot_product %q, %q, %q : tensor<16x64xf16>, tensor<16x64xf16>, tensor<16x64xf16> -> tensor<16x64xf16> entropy(tensor<16xf32>)
  return %o, %e : tensor<16x64xf16>, tensor<16xf32>
}
