// RUN: attn-opt %s -attn-forall-to-parallel -verify-diagnostics

func.func @tensors(%t: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{on tensors; bufferize it first}}
  %r = scf.forall (%i) in (4) shared_outs(%o = %t) -> tensor<4xf32> {
    scf.forall.in_parallel {}
  }
  return %r : tensor<4xf32>
}
