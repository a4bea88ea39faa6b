// RUN: attn-opt %s -attn-tile-queries="target=x86-64:sapphirerapids" -canonicalize -cse -split-input-file | FileCheck %s

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#value = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, e)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

// This target's second level holds bands of eight tiles. On tile registers a band shares
// what is packed, or as many of its tiles as leave two steps: four of one head's eight.
// CHECK-LABEL: func @one_head(
// CHECK: scf.forall (%{{.*}}) = (0) to (512) step (256)
func.func @one_head(%q: tensor<1x512x64xbf16>, %k: tensor<1x512x64xbf16>, %o: tensor<1x512x64xbf16>) -> tensor<1x512x64xbf16> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<1x512x64xbf16>, tensor<1x512x64xbf16>, tensor<1x512x64xbf16>)
      outs(%o : tensor<1x512x64xbf16>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<1x512x64xbf16>
  return %r : tensor<1x512x64xbf16>
}

// -----

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#value = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, e)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

// CHECK-LABEL: func @four_heads(
// CHECK: scf.forall (%{{.*}}, %{{.*}}) = (0, 0) to (4, 1024) step (1, 512)
func.func @four_heads(%q: tensor<4x1024x64xbf16>, %k: tensor<4x1024x64xbf16>, %o: tensor<4x1024x64xbf16>) -> tensor<4x1024x64xbf16> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<4x1024x64xbf16>, tensor<4x1024x64xbf16>, tensor<4x1024x64xbf16>)
      outs(%o : tensor<4x1024x64xbf16>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<4x1024x64xbf16>
  return %r : tensor<4x1024x64xbf16>
}

// -----

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#value = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, e)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

// Of a number that is not known, the call decides.
// CHECK-LABEL: func @any(
// CHECK-DAG: %[[BAND:.*]] = arith.constant 512 : index
// CHECK-DAG: %[[C256:.*]] = arith.constant 256 : index
// CHECK-DAG: %[[C128:.*]] = arith.constant 128 : index
// CHECK: %[[TILES:.*]] = arith.muli
// CHECK: %[[A:.*]] = arith.select %{{.*}}, %[[C256]], %[[BAND]]
// CHECK: %[[FEW:.*]] = arith.cmpi ule, %[[TILES]], %{{.*}}
// CHECK: %[[STEP:.*]] = arith.select %[[FEW]], %[[C128]], %[[A]]
// CHECK: scf.forall {{.*}} step (1, %[[STEP]])
func.func @any(%q: tensor<2x?x64xbf16>, %k: tensor<2x?x64xbf16>, %o: tensor<2x?x64xbf16>) -> tensor<2x?x64xbf16> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<2x?x64xbf16>, tensor<2x?x64xbf16>, tensor<2x?x64xbf16>)
      outs(%o : tensor<2x?x64xbf16>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<2x?x64xbf16>
  return %r : tensor<2x?x64xbf16>
}

// -----

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#value = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, e)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

// So do bands of four tiles that share what the second level holds, without packing: two
// of one head's four tiles, one of two.
// CHECK-LABEL: func @four_tiles(
// CHECK: scf.forall (%{{.*}}) = (0) to (256) step (128)
func.func @four_tiles(%q: tensor<1x256x64xf32>, %k: tensor<1x16384x64xf32>, %o: tensor<1x256x64xf32>) -> tensor<1x256x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<1x256x64xf32>, tensor<1x16384x64xf32>, tensor<1x16384x64xf32>)
      outs(%o : tensor<1x256x64xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<1x256x64xf32>
  return %r : tensor<1x256x64xf32>
}

// CHECK-LABEL: func @two_tiles(
// CHECK: scf.forall (%{{.*}}) = (0) to (128) step (64)
func.func @two_tiles(%q: tensor<1x128x64xf32>, %k: tensor<1x16384x64xf32>, %o: tensor<1x128x64xf32>) -> tensor<1x128x64xf32> {
  %r = attn.attend dot softmax ins(%q, %k, %k : tensor<1x128x64xf32>, tensor<1x16384x64xf32>, tensor<1x16384x64xf32>)
      outs(%o : tensor<1x128x64xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<1x128x64xf32>
  return %r : tensor<1x128x64xf32>
}
