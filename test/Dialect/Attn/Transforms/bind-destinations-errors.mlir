// RUN: attn-opt %s -attn-bind-destinations -split-input-file -verify-diagnostics

// expected-error @below {{function 'branches' has branches between blocks; use scf.if and scf.for}}
func.func @branches(%c: i1, %x: tensor<8xf32>) -> tensor<8xf32> {
  cf.cond_br %c, ^bb1, ^bb2
^bb1:
  return %x : tensor<8xf32>
^bb2:
  return %x : tensor<8xf32>
}

// -----

func.func @recursion(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{'func.call' op calls the public function @recursion, which is not inlined because it calls itself or is no_inline; call a private function}}
  %r = call @recursion(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return %r : tensor<8xf32>
}
