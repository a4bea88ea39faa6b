// RUN: attn-opt %s -split-input-file -verify-diagnostics

// kernel_regression_c1
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>, %c: f32) {
  %s = attn.score.softcap %c : f32
  // expected-error @below {{'attn.kernel_regression' op score modifiers apply to the log weights of the gaussian kernel; the boxcar kernel has none}}
  %o = attn.kernel_regression boxcar %q, %k, %v score(%s)
      : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32>
  return
}

// -----

// kernel_regression_c2
func.func @f(%q: tensor<2x8x8x64xf32>, %k: tensor<2x2x9x64xf32>, %v: tensor<2x2x9x32xf32>, %s: tensor<2xf32>) {
  // expected-error @below {{'attn.kernel_regression' op bandwidth has 2 entries; it takes one per query head, 8}}
  %o = attn.kernel_regression gaussian %q, %k, %v bandwidth(%s : tensor<2xf32>)
      : tensor<2x8x8x64xf32>, tensor<2x2x9x64xf32>, tensor<2x2x9x32xf32> -> tensor<2x8x8x32xf32>
  return
}

// -----

// kernel_regression_c3
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>) {
  %c = arith.constant -1.0 : f32
  // expected-error @below {{'attn.kernel_regression' op bandwidth -1.000000e+00 is not finite and greater than 0}}
  %o = attn.kernel_regression gaussian %q, %k, %v bandwidth(%c : f32)
      : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32>
  return
}

// -----

// kernel_regression_c4
func.func @f(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>) {
  // expected-error @below {{'attn.kernel_regression' op custom kernel has no score modifier; it takes those that make the weight of u}}
  %o = attn.kernel_regression custom %q, %k, %v
      : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32>
  return
}
