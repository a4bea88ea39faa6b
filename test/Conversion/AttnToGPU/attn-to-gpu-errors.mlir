// RUN: split-file %s %t
// RUN: sh -c 'for f in %t/*.mlir; do attnc compile $f --target=sm_80 -o %t/x.ptx; echo "code $?"; done' 2>&1 | FileCheck %s
// RUN: not attn-opt %t/tensors.txt -convert-attn-to-gpu 2>&1 | FileCheck %t/tensors.txt --check-prefix=TENSORS
// RUN: not attnc explain %t/b.mlir --target=sm_80 2>&1 | FileCheck %s --check-prefix=ONCE

// Who explains asks for the tiles before the conversion refuses the op.
// ONCE: a GPU takes a head size that is static
// ONCE-NOT: error

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
// CHECK: 'attn.attend' op gives the largest weights; kernels for GPUs give output, LSE, entropy, received and all weights, whose largest the caller finds
// CHECK: code 1
func.func @f(%q: tensor<16x64xf16>) -> (tensor<16x64xf16>, tensor<16x4xf16>, tensor<16x4xi32>) {
  %o, %w, %j = attn.scaled_dot_product %q, %q, %q : tensor<16x64xf16>, tensor<16x64xf16>, tensor<16x64xf16> -> tensor<16x64xf16> top(tensor<16x4xf16>, tensor<16x4xi32>)
  return %o, %w, %j : tensor<16x64xf16>, tensor<16x4xf16>, tensor<16x4xi32>
}

//--- d.mlir
// CHECK: 'tensor.pad' op on tensors has no code for GPUs; attention, linalg ops, reshapes, slices, and loops that insert elements at their own index have
// CHECK: code 1
func.func @f(%x: tensor<8x16xf16>) -> tensor<9x16xf16> {
  %zero = arith.constant 0.0 : f16
  %o = tensor.pad %x low[0, 0] high[1, 0] {
  ^bb0(%i: index, %j: index):
    tensor.yield %zero : f16
  } : tensor<8x16xf16> to tensor<9x16xf16>
  return %o : tensor<9x16xf16>
}

//--- e.mlir
// CHECK: 'math.sin' op has no code for GPUs; functions of f32 and arithmetic, exp, roundings and roots of f64 have
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
// CHECK: 'linalg.generic' op has no kernel for GPUs; a linalg op has where its results are indexed by its parallel dimensions alone, and each dimension by itself indexes an operand
// CHECK: code 1
func.func @f(%x: tensor<8x16xf16>, %y: tensor<8xf16>) -> tensor<8xf16> {
  %o = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<8x16xf16>) outs(%y : tensor<8xf16>) {
  ^bb0(%a: f16, %b: f16):
    linalg.yield %a : f16
  } -> tensor<8xf16>
  return %o : tensor<8xf16>
}

//--- g.mlir
// CHECK: 'tensor.generate' op on tensors has no code for GPUs
// CHECK: code 1
func.func @f(%q: tensor<16x64xf16>) -> tensor<16x64xf16> {
  %k = tensor.generate {
  ^bb0(%i: index, %j: index):
    %one = arith.constant 1.0 : f16
    tensor.yield %one : f16
  } : tensor<16x64xf16>
  %o = attn.scaled_dot_product %q, %k, %q : tensor<16x64xf16>, tensor<16x64xf16>, tensor<16x64xf16> -> tensor<16x64xf16>
  return %o : tensor<16x64xf16>
}

// The caller's ids are not overwritten.
//--- h.mlir
// CHECK: 'scf.for' op on tensors has no code for GPUs
// CHECK: code 1
func.func @f(%q: tensor<16x64xf16>, %ids: tensor<16xi32>) -> tensor<16x64xf16> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %one = arith.constant 1 : i32
  %changed = scf.for %i = %c0 to %c9 step %c1 iter_args(%all = %ids) -> (tensor<16xi32>) {
    %next = tensor.insert %one into %all[%i] : tensor<16xi32>
    scf.yield %next : tensor<16xi32>
  }
  %m = attn.mask.document %changed : tensor<16xi32>
  %o = attn.scaled_dot_product %q, %q, %q mask(%m) : tensor<16x64xf16>, tensor<16x64xf16>, tensor<16x64xf16> -> tensor<16x64xf16>
  return %o : tensor<16x64xf16>
}

//--- i.mlir
// CHECK: 'attn.attend' op computes its query by 'tensor.extract_slice'; on a GPU it must be an argument of the function or a reshape of one: compute it before the call
// CHECK: code 1
func.func @f(%c: i1, %q: memref<32x64xf16>, %o: memref<16x64xf16> {attn.result}) {
  %all = bufferization.to_tensor %q restrict : memref<32x64xf16> to tensor<32x64xf16>
  %init = bufferization.to_tensor %o restrict writable : memref<16x64xf16> to tensor<16x64xf16>
  scf.if %c {
    %s = tensor.extract_slice %all[0, 0] [16, 64] [1, 1] : tensor<32x64xf16> to tensor<16x64xf16>
    %r = attn.attend dot softmax ins(%s, %all, %all : tensor<16x64xf16>, tensor<32x64xf16>, tensor<32x64xf16>) outs(%init : tensor<16x64xf16>) indexing_maps = [affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d3, d5)>, affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d4, d5)>, affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d4, d6)>, affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d3, d6)>] scale = 1.250000e-01 -> tensor<16x64xf16>
    bufferization.materialize_in_destination %r in restrict writable %o : (tensor<16x64xf16>, memref<16x64xf16>) -> ()
  }
  return
}

//--- tensors.txt
// TENSORS: 'func.func' op takes tensors; for a GPU functions take memrefs, which attn-bind-destinations makes of tensors
func.func @f(%q: tensor<16x64xf16>) -> tensor<16x64xf16> {
  %e = tensor.empty() : tensor<16x64xf16>
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<16x64xf16>, tensor<16x64xf16>, tensor<16x64xf16>) outs(%e : tensor<16x64xf16>) indexing_maps = [affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d3, d5)>, affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d4, d5)>, affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d4, d6)>, affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d3, d6)>] scale = 1.250000e-01 -> tensor<16x64xf16>
  return %r : tensor<16x64xf16>
}
