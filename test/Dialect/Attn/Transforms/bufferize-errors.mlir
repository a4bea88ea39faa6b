// RUN: attn-opt %s -attn-bufferize -split-input-file -verify-diagnostics

func.func @foreign(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{'tosa.tanh' op has no bufferization; attn-bufferize takes ops of linalg, tensor, scf and others that implement BufferizableOpInterface: lower it to these first}}
  %r = tosa.tanh %x : (tensor<8xf32>) -> tensor<8xf32>
  return %r : tensor<8xf32>
}

// -----

func.func @graph(%s: tensor<8x9xf32>) -> tensor<8x9xf32> {
  // expected-error @below {{'attn.masked_softmax' op has no bufferization; attn-bufferize takes ops of linalg, tensor, scf and others}}
  %w = attn.masked_softmax %s : tensor<8x9xf32> -> tensor<8x9xf32>
  return %w : tensor<8x9xf32>
}
