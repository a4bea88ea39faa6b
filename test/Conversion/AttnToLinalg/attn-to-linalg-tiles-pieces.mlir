// RUN: attn-opt %s -attn-phase-optimize -attn-phase-tile="target=x86-64:sapphirerapids" -attn-phase-decompose="target=x86-64:sapphirerapids" | FileCheck %s

// Where all of a tile fits into the first-level cache, it is gone through 16 queries at a
// time. Queries are paired once, before the loops over keys and pieces, and the maxima of
// four keys are found side by side.
// CHECK: %[[PAIRS:.*]] = linalg.generic {{.*}} ins(%{{.*}} : tensor<64x64xbf16>) outs(%{{.*}} : tensor<32x64x2xbf16>)
// CHECK: scf.for
// CHECK: scf.for %[[PIECE:.*]] = %{{.*}} to %c64{{.*}} step %c16
// CHECK: %[[QUERIES:.*]] = tensor.extract_slice %[[PAIRS]][0, %[[PIECE]], 0] [32, 16, 2] [1, 1, 1]
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[QUERIES]] : tensor<64x32x2xbf16>, tensor<32x16x2xbf16>) outs(%{{.*}} : tensor<64x16xf32>)
// CHECK: %[[JOINED:.*]] = tensor.expand_shape %{{.*}} : tensor<1024xf32> into tensor<16x64xf32>
// CHECK: linalg.generic {{.*}} ins(%[[JOINED]] : tensor<16x64xf32>) outs(%{{.*}} : tensor<64xf32>)
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<4x16xf32>) outs(%{{.*}} : tensor<16xf32>)
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<64x32x2xbf16>, tensor<32x16x2xbf16>) outs(%{{.*}} : tensor<64x16xf32>)
func.func @f(%q: tensor<1x1x64x64xbf16>, %k: tensor<1x1x128x64xbf16>, %v: tensor<1x1x128x64xbf16>) -> tensor<1x1x64x64xbf16> {
  %o = attn.scaled_dot_product %q, %k, %v : tensor<1x1x64x64xbf16>, tensor<1x1x128x64xbf16>, tensor<1x1x128x64xbf16> -> tensor<1x1x64x64xbf16>
  return %o : tensor<1x1x64x64xbf16>
}
