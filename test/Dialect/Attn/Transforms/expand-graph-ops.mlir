// RUN: attn-opt %s -attn-expand-graph-ops -canonicalize -cse -split-input-file | FileCheck %s

// Projections are contractions that start from the bias; they give each head rows
// of its own, which the last one merges again.
// CHECK-DAG: #[[BIAS:.*]] = affine_map<(d0, d1, d2, d3) -> (d1, d3)>
// CHECK-DAG: #[[X:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d2, d4)>
// CHECK-DAG: #[[W:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d1, d3, d4)>
// CHECK-DAG: #[[Y:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3)>
// CHECK-DAG: #[[LASTX:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d3, d1, d4)>
// CHECK-DAG: #[[LASTW:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d2, d3, d4)>
// CHECK-LABEL: func @multi_head(
// CHECK-SAME: %[[IN:[a-z0-9]+]]: tensor<1x?x64xf32>, %[[WQ:[a-z0-9]+]]: tensor<48x64xf32>, %[[WK:[a-z0-9]+]]: tensor<24x64xf32>, %[[WV:[a-z0-9]+]]: tensor<16x64xf32>, %[[WO:[a-z0-9]+]]: tensor<64x32xf32>, %[[BQ:[a-z0-9]+]]: tensor<48xf32>)
func.func @multi_head(%x: tensor<1x?x64xf32>, %wq: tensor<48x64xf32>, %wk: tensor<24x64xf32>, %wv: tensor<16x64xf32>, %wo: tensor<64x32xf32>, %bq: tensor<48xf32>)
    -> (tensor<1x?x64xf32>, tensor<1x4x?x?xf32>) {
  // CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
  // CHECK: %[[MASK:.*]] = attn.mask.causal
  // CHECK: %[[WQH:.*]] = tensor.expand_shape %[[WQ]] {{\[}}[0, 1], [2]] output_shape [4, 12, 64]
  // CHECK: %[[BQH:.*]] = tensor.expand_shape %[[BQ]] {{\[}}[0, 1]] output_shape [4, 12]
  // CHECK: %[[QINIT:.*]] = linalg.generic {indexing_maps = [#[[BIAS]], {{.*}} ins(%[[BQH]] : tensor<4x12xf32>) outs(%{{.*}} : tensor<1x4x?x12xf32>)
  // CHECK: %[[Q:.*]] = linalg.generic {indexing_maps = [#[[X]], #[[W]], #[[Y]]], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%[[IN]], %[[WQH]] : {{.*}} outs(%[[QINIT]] :
  // CHECK: %[[KINIT:.*]] = linalg.fill ins(%[[ZERO]] : f32) outs(%{{.*}} : tensor<1x2x?x12xf32>)
  // CHECK: %[[K:.*]] = linalg.generic {{.*}} outs(%[[KINIT]] :
  // CHECK: %[[V:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<1x2x?x8xf32>)
  // CHECK: %[[A:.*]], %[[P:.*]] = attn.scaled_dot_product %[[Q]], %[[K]], %[[V]] mask(%[[MASK]]) layout = "bhmd"
  // CHECK-SAME: -> tensor<1x4x?x8xf32> weights(tensor<1x4x?x?xf32>)
  // CHECK: %[[WOH:.*]] = tensor.expand_shape %[[WO]] {{\[}}[0], [1, 2]] output_shape [64, 4, 8]
  // CHECK: %[[OUT:.*]] = linalg.generic {indexing_maps = [#[[LASTX]], #[[LASTW]], {{.*}}], iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]} ins(%[[A]], %[[WOH]] :
  // CHECK: return %[[OUT]], %[[P]]
  %m = attn.mask.causal
  %o, %p = attn.multi_head %x, %x, %x weights(%wq, %wk, %wv, %wo : tensor<48x64xf32>, tensor<24x64xf32>, tensor<16x64xf32>, tensor<64x32xf32>)
      bias_query(%bq : tensor<48xf32>) heads = 4 kv_heads = 2 mask(%m)
      : tensor<1x?x64xf32>, tensor<1x?x64xf32>, tensor<1x?x64xf32> -> tensor<1x?x64xf32> weights(tensor<1x4x?x?xf32>)
  return %o, %p : tensor<1x?x64xf32>, tensor<1x4x?x?xf32>
}

// -----

// Packed projections are views of one matrix.
// CHECK-LABEL: func @packed(
// CHECK-SAME: %[[IN:[a-z0-9]+]]: tensor<1x?x64xf32>, %[[W:[a-z0-9]+]]: tensor<128x64xf32>, %{{.*}}: tensor<64x64xf32>, %[[B:[a-z0-9]+]]: tensor<128xf32>)
func.func @packed(%x: tensor<1x?x64xf32>, %w: tensor<128x64xf32>, %wo: tensor<64x64xf32>, %b: tensor<128xf32>) -> tensor<1x?x64xf32> {
  // CHECK-DAG: tensor.extract_slice %[[W]][0, 0] [64, 64] [1, 1]
  // CHECK-DAG: tensor.extract_slice %[[B]][0] [64] [1]
  // CHECK-DAG: tensor.extract_slice %[[W]][64, 0] [32, 64] [1, 1]
  // CHECK-DAG: tensor.extract_slice %[[B]][64] [32] [1]
  // CHECK-DAG: tensor.extract_slice %[[W]][96, 0] [32, 64] [1, 1]
  // CHECK-DAG: tensor.extract_slice %[[B]][96] [32] [1]
  // CHECK: attn.scaled_dot_product {{.*}} : tensor<1x4x?x16xf32>, tensor<1x2x?x16xf32>, tensor<1x2x?x16xf32>
  %o = attn.multi_head %x, %x, %x weights(%w, %wo : tensor<128x64xf32>, tensor<64x64xf32>)
      bias_packed(%b : tensor<128xf32>) heads = 4 kv_heads = 2
      : tensor<1x?x64xf32>, tensor<1x?x64xf32>, tensor<1x?x64xf32> -> tensor<1x?x64xf32>
  return %o : tensor<1x?x64xf32>
}

// -----

// Sums are in f32; between the steps tensors have the type of the inputs.
// CHECK-LABEL: func @rounded(
func.func @rounded(%x: tensor<1x8x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<1x8x8xbf16> {
  // CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<1x8x8xbf16>, tensor<2x4x8xbf16>) outs(%{{.*}} : tensor<1x2x8x4xf32>)
  // CHECK: arith.extf %{{.*}} : bf16 to f32
  // CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<1x2x8x4xf32>) outs(%{{.*}} : tensor<1x2x8x4xbf16>)
  // CHECK: arith.truncf %{{.*}} : f32 to bf16
  // CHECK: attn.scaled_dot_product {{.*}} : tensor<1x2x8x4xbf16>
  %o = attn.multi_head %x, %x, %x weights(%w, %w, %w, %w : tensor<8x8xbf16>, tensor<8x8xbf16>, tensor<8x8xbf16>, tensor<8x8xbf16>)
      heads = 2 : tensor<1x8x8xbf16>, tensor<1x8x8xbf16>, tensor<1x8x8xbf16> -> tensor<1x8x8xbf16>
  return %o : tensor<1x8x8xbf16>
}

// -----

// What types leave open is required at run time.
// CHECK-LABEL: func @required(
func.func @required(%x: tensor<?x?x?xf32>, %y: tensor<?x?x?xf32>, %wq: tensor<?x?xf32>, %w: tensor<?x?xf32>, %b: tensor<?xf32>) -> tensor<?x?x8xf32> {
  // CHECK: attn.require {{.*}} "multi_head: query has batch size {0}, key has {1}; they must be equal"
  // CHECK: attn.require {{.*}} "multi_head: w_q has features {0}, query has {1}; they must be equal"
  // CHECK: attn.require {{.*}} "multi_head: b_q has features {0}, w_q has {1}; they must be equal"
  // CHECK: attn.require {{.*}} "multi_head: w_q has features {0}; it must be a multiple of {1}: the number of its heads"
  // CHECK: attn.require {{.*}} "multi_head: w_q has head size {0}, w_k has {1}; they must be equal"
  // CHECK: attn.require {{.*}} "multi_head: w_o has features {0}, the merge of all heads has {1}; they must be equal"
  // CHECK: attn.require {{.*}} "multi_head: output has size {0} in dimension 2; its type says {1}"
  %o = attn.multi_head %x, %y, %y weights(%wq, %w, %w, %w : tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>)
      bias_query(%b : tensor<?xf32>) heads = 2 : tensor<?x?x?xf32>, tensor<?x?x?xf32>, tensor<?x?x?xf32> -> tensor<?x?x8xf32>
  return %o : tensor<?x?x8xf32>
}

// -----

// Angles are reduced in f64; in f32 polynomials make sine and cosine of the rest.
// CHECK-LABEL: func @sinusoid(
// CHECK-SAME: %[[N:[a-z0-9]+]]: index
func.func @sinusoid(%n: index) -> tensor<?x7xf32> {
  // CHECK-DAG: %[[QUARTER:.*]] = arith.constant 0.63661977236758138 : f64
  // CHECK: %[[FITS:.*]] = arith.cmpi sge, %[[N]], %{{.*}}
  // CHECK: attn.require %[[FITS]], "sinusoid: length {0} is not at least 0"(%[[N]])
  // CHECK: %[[FREQUENCIES:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<4xf64>)
  // CHECK: math.exp
  // CHECK: %[[TABLE:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<?x7xf32>)
  // CHECK-DAG: %[[P:.*]] = linalg.index 0
  // CHECK-DAG: %[[C:.*]] = linalg.index 1
  // CHECK-DAG: %[[T:.*]] = arith.divui %[[C]], %{{.*}}
  // CHECK: %[[F:.*]] = tensor.extract %[[FREQUENCIES]][%[[T]]]
  // CHECK: %[[ANGLE:.*]] = arith.mulf %{{.*}}, %[[F]] : f64
  // CHECK: %[[QUARTERS:.*]] = arith.mulf %[[ANGLE]], %[[QUARTER]] : f64
  // CHECK: %[[NEAREST:.*]] = math.roundeven %[[QUARTERS]] : f64
  // CHECK: arith.subf %[[QUARTERS]], %[[NEAREST]] : f64
  // CHECK: %[[X:.*]] = arith.truncf %{{.*}} : f64 to f32
  // CHECK: arith.mulf %[[X]], %[[X]] : f32
  // CHECK-NOT: math.sin
  // CHECK: return %[[TABLE]]
  %0 = attn.sinusoid length(%n) : tensor<?x7xf32>
  return %0 : tensor<?x7xf32>
}

// -----

// In f64 there are no polynomials.
// CHECK-LABEL: func @sinusoid_f64(
func.func @sinusoid_f64() -> tensor<3x4xf64> {
  // CHECK: math.sin
  // CHECK: math.cos
  %0 = attn.sinusoid : tensor<3x4xf64>
  return %0 : tensor<3x4xf64>
}

// -----

// Cosines and sines once per position, for all batches and heads; a pair is
// features t and t + D/2.
// CHECK-DAG: #[[TABLE:.*]] = affine_map<(d0, d1, d2, d3) -> (d2, d3)>
// CHECK-LABEL: func @rotary(
// CHECK-SAME: %[[IN:[a-z0-9]+]]: tensor<2x4x9x16xf32>, %[[POSITIONS:[a-z0-9]+]]: tensor<9xi32>
func.func @rotary(%x: tensor<2x4x9x16xf32>, %positions: tensor<9xi32>) -> tensor<2x4x9x16xf32> {
  // CHECK: %[[TABLES:.*]]:2 = linalg.generic {{.*}} outs(%{{.*}}, %{{.*}} : tensor<9x8xf32>, tensor<9x8xf32>)
  // CHECK: tensor.extract %[[POSITIONS]]
  // CHECK: math.roundeven
  // CHECK: %[[PAIRS:.*]] = tensor.expand_shape %[[IN]] {{\[}}[0], [1], [2], [3, 4]] output_shape [2, 4, 9, 2, 8]
  // CHECK: %[[FIRST:.*]] = tensor.extract_slice %[[PAIRS]][0, 0, 0, 0, 0] [2, 4, 9, 1, 8]
  // CHECK: %[[SECOND:.*]] = tensor.extract_slice %[[PAIRS]][0, 0, 0, 1, 0] [2, 4, 9, 1, 8]
  // CHECK: %[[TURNED:.*]]:2 = linalg.generic {indexing_maps = [#{{.*}}, #{{.*}}, #[[TABLE]], #[[TABLE]], {{.*}} ins(%[[FIRST]], %[[SECOND]], %[[TABLES]]#0, %[[TABLES]]#1 :
  // CHECK: tensor.insert_slice %[[TURNED]]#0
  // CHECK: %[[BOTH:.*]] = tensor.insert_slice %[[TURNED]]#1
  // CHECK: tensor.collapse_shape %[[BOTH]] {{\[}}[0], [1], [2], [3, 4]]
  %r = attn.rotary %x positions(%positions : tensor<9xi32>) : tensor<2x4x9x16xf32> -> tensor<2x4x9x16xf32>
  return %r : tensor<2x4x9x16xf32>
}

// -----

// Interleaved, a pair is two neighbours; positions may differ per batch.
// CHECK-DAG: #[[TABLE:.*]] = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
// CHECK-LABEL: func @interleaved(
func.func @interleaved(%x: tensor<2x?x16xf16>, %positions: tensor<?x?xi64>) -> tensor<2x?x16xf16> {
  // CHECK: attn.require {{.*}} "rotary: positions has length {0}, input has {1}; they must be equal"
  // CHECK: attn.require {{.*}} "rotary: positions has batch size {0}, input has {1}; they must be equal"
  // CHECK: tensor.expand_shape %{{.*}} {{\[}}[0], [1], [2, 3]] output_shape [2, %{{.*}}, 8, 2]
  // CHECK: tensor.extract_slice %{{.*}}[0, 0, 0, 1] [2, %{{.*}}, 8, 1]
  %r = attn.rotary %x positions(%positions : tensor<?x?xi64>) interleaved : tensor<2x?x16xf16> -> tensor<2x?x16xf16>
  return %r : tensor<2x?x16xf16>
}

// -----

// Masked scores are -inf, -inf has weight 0: a row that keeps nothing is 0.
// CHECK-LABEL: func @masked_softmax(
// CHECK-SAME: %[[SCORES:[a-z0-9]+]]: tensor<2x?x9xbf16>, %[[LENGTHS:[a-z0-9]+]]: tensor<2xi32>
func.func @masked_softmax(%scores: tensor<2x?x9xbf16>, %lengths: tensor<2xi32>) -> tensor<2x?x9xbf16> {
  // CHECK-DAG: %[[NONE:.*]] = arith.constant 0xFF800000 : f32
  // CHECK: %[[MASKED:.*]] = linalg.generic {{.*}} ins(%[[SCORES]] : tensor<2x?x9xbf16>) outs(%{{.*}} : tensor<2x?x9xf32>)
  // CHECK: %[[LENGTH:.*]] = attn.load %[[LENGTHS]][%{{.*}}] :
  // CHECK: %[[KEEP:.*]] = arith.cmpi slt
  // CHECK: arith.select %[[KEEP]], %{{.*}}, %[[NONE]]
  // CHECK: %[[MAX:.*]] = linalg.generic {{.*}}["parallel", "parallel", "reduction"]} ins(%[[MASKED]] :
  // CHECK: %[[SUM:.*]] = linalg.generic {{.*}}["parallel", "parallel", "reduction"]} ins(%[[MASKED]], %[[MAX]] :
  // CHECK: %[[RESULT:.*]] = linalg.generic {{.*}} ins(%[[MASKED]], %[[MAX]], %[[SUM]] : {{.*}} outs(%{{.*}} : tensor<2x?x9xbf16>)
  // CHECK: ^bb0(%[[S:.*]]: f32, %[[M:.*]]: f32, %[[Z:.*]]: f32, %{{.*}}: bf16):
  // CHECK: arith.cmpf oeq, %[[S]], %[[NONE]]
  // CHECK: return %[[RESULT]]
  %m = attn.mask.padding %lengths : tensor<2xi32>
  %w = attn.masked_softmax %scores mask(%m) : tensor<2x?x9xbf16> -> tensor<2x?x9xbf16>
  return %w : tensor<2x?x9xbf16>
}

// -----

// CHECK-LABEL: func @merge(
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<4x?x8xf16>, %[[B:[a-z0-9]+]]: tensor<4x?x8xf16>, %[[LA:[a-z0-9]+]]: tensor<4x?xf32>, %[[LB:[a-z0-9]+]]: tensor<4x?xf32>
func.func @merge(%a: tensor<4x?x8xf16>, %b: tensor<4x?x8xf16>, %la: tensor<4x?xf32>, %lb: tensor<4x?xf32>) -> (tensor<4x?x8xf16>, tensor<4x?xf32>) {
  // CHECK: attn.require {{.*}} "merge: lse 0 has in dimension 1 size {0}, output 0 has {1}; they must be equal"
  // CHECK: attn.require {{.*}} "merge: output 1 has in dimension 1 size {0}, output 0 has {1}; they must be equal"
  // CHECK: %[[ROWS:.*]]:3 = linalg.generic {{.*}} ins(%[[LA]], %[[LB]] :
  // CHECK: %[[MAX:.*]] = arith.maximumf
  // CHECK: math.exp
  // CHECK: math.log
  // CHECK: %[[OUT:.*]] = linalg.generic {{.*}} ins(%[[A]], %[[B]], %[[ROWS]]#1, %[[ROWS]]#2 :
  // CHECK: return %[[OUT]], %[[ROWS]]#0
  %o, %l = attn.merge %a, %b lse(%la, %lb) : tensor<4x?x8xf16>, tensor<4x?xf32>
  return %o, %l : tensor<4x?x8xf16>, tensor<4x?xf32>
}
