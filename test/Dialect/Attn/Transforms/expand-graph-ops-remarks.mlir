// RUN: attn-opt %s -attn-expand-graph-ops --remark-format=emitRemark \
// RUN:   --remarks-filter-missed=attn-expand-graph-ops -o /dev/null 2>&1 | FileCheck %s

// What is not fused into attention, and why.
func.func @multi_head(%x: tensor<1x?x512xf32>, %w: tensor<1536x512xf32>, %wo: tensor<512x512xf32>) -> tensor<1x?x512xf32> {
  // CHECK: projections are products of their own: {{.*}} for each tile of queries; measured, fusing could save 1% of the time at most
  %o = attn.multi_head %x, %x, %x weights(%w, %wo : tensor<1536x512xf32>, tensor<512x512xf32>) heads = 8
      : tensor<1x?x512xf32>, tensor<1x?x512xf32>, tensor<1x?x512xf32> -> tensor<1x?x512xf32>
  return %o : tensor<1x?x512xf32>
}

func.func @rotary(%x: tensor<8x?x64xf32>) -> tensor<8x?x64xf32> {
  // CHECK: rotated once, before attention
  %r = attn.rotary %x : tensor<8x?x64xf32> -> tensor<8x?x64xf32>
  return %r : tensor<8x?x64xf32>
}
