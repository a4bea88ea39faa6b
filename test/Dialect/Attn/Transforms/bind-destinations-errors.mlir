// RUN: attn-opt %s -attn-bind-destinations -split-input-file -verify-diagnostics

// expected-error @below {{function 'branches' has branches between blocks; use scf.if and scf.for}}
func.func @branches(%c: i1, %x: tensor<8xf32>) -> tensor<8xf32> {
  cf.cond_br %c, ^bb1, ^bb2
^bb1:
  return %x : tensor<8xf32>
^bb2:
  return %x : tensor<8xf32>
}
