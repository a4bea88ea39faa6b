// The stock mlir-opt with attn's dialect, passes and pipelines.
// RUN: %mlir_opt --load-dialect-plugin=%attn_plugin --load-pass-plugin=%attn_plugin %s \
// RUN:   --pass-pipeline="builtin.module(func.func(attn-lower-to-attend))" | FileCheck %s --check-prefix=PASS
// RUN: %mlir_opt --load-dialect-plugin=%attn_plugin --load-pass-plugin=%attn_plugin %s \
// RUN:   --pass-pipeline="builtin.module(attn-phase-optimize,attn-phase-tile)" | FileCheck %s --check-prefix=PHASES

// PASS-LABEL: func.func @attention(
// PASS-SAME: %[[Q:.*]]: tensor<8x64xf32>, %[[K:.*]]: tensor<9x64xf32>, %[[V:.*]]: tensor<9x32xf32>)
// PASS: attn.attend dot softmax ins(%[[Q]], %[[K]], %[[V]]
// PASS: arith.cmpi sle
// PHASES: attn.attend_tile dot softmax
func.func @attention(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %v: tensor<9x32xf32>) -> tensor<8x32xf32> {
  %c = attn.mask.causal
  %o = attn.scaled_dot_product %q, %k, %v mask(%c) : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32> -> tensor<8x32xf32>
  return %o : tensor<8x32xf32>
}
