// RUN: split-file %s %t

// Each phase refuses what it does not take, before any of its passes.
//--- graph.mlir
// RUN: attn-opt %t/graph.mlir -attn-phase-tile -verify-diagnostics -o /dev/null
func.func @graph(%s: tensor<8x9xf32>) -> tensor<8x9xf32> {
  // expected-error @below {{'attn.masked_softmax' op does not enter the phase 'tile'; the last phase that takes it is 'optimize'}}
  %w = attn.masked_softmax %s : tensor<8x9xf32> -> tensor<8x9xf32>
  return %w : tensor<8x9xf32>
}

//--- foreign.mlir
// RUN: attn-opt %t/foreign.mlir -attn-phase-raise -verify-diagnostics
func.func @foreign(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{'tosa.tanh' op does not enter the phase 'raise', which takes ops of affine, amx, arith, attn, bufferization, builtin, cf, complex, func, index, linalg, llvm, math, memref, scf, tensor, ub, vector, x86vector; lower it to these first}}
  %r = tosa.tanh %x : (tensor<8xf32>) -> tensor<8xf32>
  return %r : tensor<8xf32>
}

//--- unregistered.mlir
// RUN: attn-opt %t/unregistered.mlir -allow-unregistered-dialect -attn-phase-lower -verify-diagnostics
func.func @unregistered() {
  // expected-error @below {{'no.such' op does not enter the phase 'lower', which takes ops of affine, amx, arith, builtin,}}
  "no.such"() : () -> ()
  return
}

//--- tensors.mlir
// RUN: attn-opt %t/tensors.mlir -attn-phase-vectorize -verify-diagnostics
func.func @tensors(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{'math.tanh' op is on tensors and does not enter the phase 'vectorize'; the last phase that takes these is 'bufferize'}}
  %r = math.tanh %x : tensor<8xf32>
  return %r : tensor<8xf32>
}

//--- barrier.mlir
// RUN: attn-opt %t/barrier.mlir -attn-phase-lower -verify-diagnostics
func.func @barrier() {
  // expected-error @below {{'gpu.barrier' op does not enter the phase 'lower', which takes ops of}}
  gpu.barrier
  return
}

// On a GPU there are neither tiles of linalg nor tensors behind the phase tile.
//--- gpu.mlir
// RUN: attn-opt %t/gpu.mlir -attn-phase-bufferize=target=sm_90 -verify-diagnostics
func.func @gpu(%x: tensor<8xf32>, %y: memref<8xf32>) {
  gpu.barrier
  // expected-error @below {{'bufferization.materialize_in_destination' op does not enter the phase 'bufferize' for a GPU; the last phase that takes it is 'tile'}}
  bufferization.materialize_in_destination %x in writable %y : (tensor<8xf32>, memref<8xf32>) -> ()
  return
}

//--- gpu-tensors.mlir
// RUN: attn-opt %t/gpu-tensors.mlir -attn-phase-lower=target=sm_90 -verify-diagnostics
func.func @gpu_tensors(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{'math.tanh' op is on tensors and does not enter the phase 'lower' for a GPU; the last phase that takes these is 'tile'}}
  %r = math.tanh %x : tensor<8xf32>
  return %r : tensor<8xf32>
}

// From the phase tile on, a module is for one target, which it carries.
//--- target.mlir
// RUN: attn-opt %t/target.mlir -attn-phase-tile=target=x86-64-v4 -o %t/tile.mlir
// RUN: FileCheck %t/target.mlir --check-prefix=CARRIED < %t/tile.mlir
// RUN: attn-opt %t/tile.mlir -attn-phase-decompose=target=x86-64-v4 -o /dev/null
// RUN: not attn-opt %t/tile.mlir -attn-phase-decompose=target=x86-64-v3 2>&1 | FileCheck %t/target.mlir
// RUN: attn-opt %t/target.mlir -attn-phase-optimize=target=x86-64-v4 -attn-phase-tile=target=x86-64-v3 -o /dev/null
// CARRIED: module attributes {attn.target = "x86-64-v4"}
// CHECK: error: an earlier phase compiled this module for the target 'x86-64-v4', and the phase 'decompose' is to compile it for 'x86-64-v3'; name the same target for all phases
func.func @target() {
  return
}

//--- phase.mlir
// RUN: not attn-opt %t/phase.mlir -attn-verify-phase-input=phase=nowhere 2>&1 | FileCheck %t/phase.mlir
// CHECK: error: unknown phase 'nowhere'
func.func @phase() {
  return
}
