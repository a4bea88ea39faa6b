// RUN: attn-opt %s -attn-lower-to-attend -canonicalize -cse -split-input-file | FileCheck %s

// Query heads split into (key head, group); a bottom-right mask captures N - M.
// CHECK-DAG: #[[Q:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d2, d3, d5)>
// CHECK-DAG: #[[K:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d4, d5)>
// CHECK-DAG: #[[V:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d4, d6)>
// CHECK-DAG: #[[O:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d2, d3, d6)>
// CHECK-DAG: #[[L:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d2, d3)>
// CHECK-LABEL: func @grouped(
// CHECK-SAME: %[[QUERY:[a-z0-9]+]]: tensor<2x8x?x16xf32>, %[[KEY:[a-z0-9]+]]: tensor<2x2x?x16xf32>, %[[VALUE:[a-z0-9]+]]: tensor<2x2x?x16xf32>)
func.func @grouped(%q: tensor<2x8x?x16xf32>, %k: tensor<2x2x?x16xf32>, %v: tensor<2x2x?x16xf32>)
    -> (tensor<2x8x?x16xf32>, tensor<2x8x?xf32>) {
  // CHECK: %[[N:.*]] = tensor.dim %[[KEY]]
  // CHECK: %[[NV:.*]] = tensor.dim %[[VALUE]]
  // CHECK: %[[SAME:.*]] = arith.cmpi eq, %[[N]], %[[NV]]
  // CHECK: attn.require %[[SAME]], "scaled_dot_product: key has length {0}, value has {1}; they must be equal"(%[[N]], %[[NV]])
  // CHECK: %[[M:.*]] = tensor.dim %[[QUERY]]
  // CHECK: %[[OFFSET:.*]] = arith.subi %[[N]], %[[M]]
  // CHECK: %[[SPLIT:.*]] = tensor.expand_shape %[[QUERY]] {{\[}}[0], [1, 2], [3], [4]] output_shape [2, 2, 4, %[[M]], 16]
  // CHECK: %[[OUT:.*]] = tensor.empty(%[[M]]) : tensor<2x2x4x?x16xf32>
  // CHECK: %[[LSE:.*]] = tensor.empty(%[[M]]) : tensor<2x2x4x?xf32>
  // CHECK: %[[R:.*]], %[[RL:.*]] = attn.attend dot softmax ins(%[[SPLIT]], %[[KEY]], %[[VALUE]] :
  // CHECK-SAME: captures(%[[OFFSET]] : index) outs(%[[OUT]] : {{.*}}) lse(%[[LSE]] :
  // CHECK-SAME: indexing_maps = [#[[Q]], #[[K]], #[[V]], #[[O]], #[[L]]] scale = 2.500000e-01 mask {
  // CHECK: ^bb0(%{{.*}}: index, %{{.*}}: index, %[[I:.*]]: index, %[[J:.*]]: index, %[[C:.*]]: index):
  // CHECK: %[[DISTANCE:.*]] = arith.subi %[[J]], %[[I]]
  // CHECK: %[[KEEP:.*]] = arith.cmpi sle, %[[DISTANCE]], %[[C]]
  // CHECK: attn.yield %[[KEEP]] : i1
  // CHECK: %[[MERGED:.*]] = tensor.collapse_shape %[[R]] {{\[}}[0], [1, 2], [3], [4]]
  // CHECK: %[[MERGEDL:.*]] = tensor.collapse_shape %[[RL]] {{\[}}[0], [1, 2], [3]]
  // CHECK: return %[[MERGED]], %[[MERGEDL]]
  %m = attn.mask.causal bottom_right
  %o, %l = attn.scaled_dot_product %q, %k, %v mask(%m) : tensor<2x8x?x16xf32>, tensor<2x2x?x16xf32>, tensor<2x2x?x16xf32> -> tensor<2x8x?x16xf32> lse(tensor<2x8x?xf32>)
  return %o, %l : tensor<2x8x?x16xf32>, tensor<2x8x?xf32>
}

// -----

// A layout is a matter of maps: no transposes. Score modifiers come in order,
// and no mask or modifier is left. A constant is no capture.
// CHECK-DAG: #[[Q:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d3, d1, d5)>
// CHECK-DAG: #[[K:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d4, d1, d5)>
// CHECK-LABEL: func @modified(
// CHECK-SAME: %[[SLOPES:[a-z0-9]+]]: tensor<4xf32>
func.func @modified(%slopes: tensor<4xf32>, %q: tensor<2x8x4x16xf32>, %k: tensor<2x9x4x16xf32>) -> tensor<2x8x4x16xf32> {
  // CHECK-NOT: attn.score
  // CHECK: attn.attend dot softmax
  // CHECK-SAME: captures(%[[SLOPES]] : tensor<4xf32>)
  // CHECK-SAME: indexing_maps = [#[[Q]], #[[K]], {{.*}} scale = 1.000000e+00 score {
  // CHECK: ^bb0(%[[S:.*]]: f32, %{{.*}}: index, %[[H:.*]]: index, %{{.*}}: index, %{{.*}}: index, %[[TABLE:.*]]: tensor<4xf32>):
  // CHECK: %[[CAP:.*]] = arith.constant 2.000000e+01 : f32
  // CHECK: %[[RATIO:.*]] = arith.divf %[[S]], %[[CAP]]
  // CHECK: %[[TANH:.*]] = math.tanh %[[RATIO]]
  // CHECK: %[[CAPPED:.*]] = arith.mulf {{.*}}%[[TANH]]
  // CHECK: attn.load %[[TABLE]][%[[H]]]
  // CHECK: arith.subf %[[CAPPED]]
  // CHECK: attn.yield
  // CHECK-NOT: mask {
  // CHECK: return
  %twenty = arith.constant 20.0 : f32
  %cap = attn.score.softcap %twenty : f32
  %alibi = attn.score.alibi %slopes : tensor<4xf32>
  %o = attn.dot_product %q, %k, %k score(%cap, %alibi) layout = "bmhd" : tensor<2x8x4x16xf32>, tensor<2x9x4x16xf32>, tensor<2x9x4x16xf32> -> tensor<2x8x4x16xf32>
  return %o : tensor<2x8x4x16xf32>
}

// -----

// Batch dimensions count as one.
// CHECK-LABEL: func @batches(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<3x2x4x8x16xf32>
func.func @batches(%q: tensor<3x2x4x8x16xf32>) -> tensor<3x2x4x8x16xf32> {
  // CHECK: %[[FLAT:.*]] = tensor.collapse_shape %[[Q]] {{\[}}[0, 1], [2], [3], [4]]
  // CHECK: %[[R:.*]] = attn.attend dot softmax ins(%[[FLAT]], %[[FLAT]], %[[FLAT]] :
  // CHECK: tensor.expand_shape %[[R]] {{\[}}[0, 1], [2], [3], [4]] output_shape [3, 2, 4, 8, 16]
  %o = attn.scaled_dot_product %q, %q, %q : tensor<3x2x4x8x16xf32>, tensor<3x2x4x8x16xf32>, tensor<3x2x4x8x16xf32> -> tensor<3x2x4x8x16xf32>
  return %o : tensor<3x2x4x8x16xf32>
}

// -----

// A head size known only at run time gives the scale at run time.
// CHECK-LABEL: func @dynamic_head_size(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<8x?xf32>
func.func @dynamic_head_size(%q: tensor<8x?xf32>) -> tensor<8x?xf32> {
  // CHECK: %[[D:.*]] = tensor.dim %[[Q]], %c1
  // CHECK: %[[INTEGER:.*]] = arith.index_cast %{{.*}} : index to i64
  // CHECK: %[[SIZE:.*]] = arith.sitofp %[[INTEGER]]
  // CHECK: %[[ROOT:.*]] = math.sqrt %[[SIZE]]
  // CHECK: %[[SCALE:.*]] = arith.divf %{{.*}}, %[[ROOT]]
  // CHECK: attn.attend dot softmax {{.*}} captures(%[[SCALE]] : f32)
  // CHECK-SAME: scale = 1.000000e+00 score {
  // CHECK: ^bb0(%[[S:.*]]: f32, {{.*}}, %[[C:.*]]: f32):
  // CHECK: %[[SCALED:.*]] = arith.mulf %[[S]], %[[C]]
  // CHECK: attn.yield %[[SCALED]]
  %o = attn.scaled_dot_product %q, %q, %q : tensor<8x?xf32>, tensor<8x?xf32>, tensor<8x?xf32> -> tensor<8x?xf32>
  return %o : tensor<8x?xf32>
}

// -----

// Projections come before attention, once, with sums in f32; scores are w . tanh(q' + k').
// CHECK-LABEL: func @additive(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<8x6xbf16>, %[[K:[a-z0-9]+]]: tensor<9x5xbf16>, %[[V:[a-z0-9]+]]: tensor<9x7xbf16>, %[[W:[a-z0-9]+]]: tensor<4xbf16>, %[[WQ:[a-z0-9]+]]: tensor<4x6xbf16>, %[[WK:[a-z0-9]+]]: tensor<4x5xbf16>
func.func @additive(%q: tensor<8x6xbf16>, %k: tensor<9x5xbf16>, %v: tensor<9x7xbf16>, %w: tensor<4xbf16>,
                    %wq: tensor<4x6xbf16>, %wk: tensor<4x5xbf16>) -> tensor<8x7xbf16> {
  // CHECK: %[[QP:.*]] = linalg.generic {{.*}} ins(%[[Q]], %[[WQ]] : tensor<8x6xbf16>, tensor<4x6xbf16>) outs(%{{.*}} : tensor<8x4xf32>)
  // CHECK: %[[KP:.*]] = linalg.generic {{.*}} ins(%[[K]], %[[WK]] : tensor<9x5xbf16>, tensor<4x5xbf16>) outs(%{{.*}} : tensor<9x4xf32>)
  // CHECK: attn.attend additive softmax ins(%[[QP]], %[[KP]], %[[V]] : tensor<8x4xf32>, tensor<9x4xf32>, tensor<9x7xbf16>) feature_weight(%[[W]] : tensor<4xbf16>)
  %o = attn.additive %q, %k, %v, %w project_query(%wq : tensor<4x6xbf16>) project_key(%wk : tensor<4x5xbf16>)
       : tensor<8x6xbf16>, tensor<9x5xbf16>, tensor<9x7xbf16>, tensor<4xbf16> -> tensor<8x7xbf16>
  return %o : tensor<8x7xbf16>
}

// -----

// CHECK-LABEL: func @epanechnikov(
// CHECK-SAME: %[[WIDTH:[a-z0-9]+]]: tensor<4xf32>
func.func @epanechnikov(%bandwidth: tensor<4xf32>, %q: tensor<4x8x2xf32>, %k: tensor<4x9x2xf32>, %v: tensor<4x9x3xf32>) -> tensor<4x8x3xf32> {
  // CHECK: attn.attend negative_squared_distance sum
  // CHECK-SAME: captures(%[[WIDTH]] : tensor<4xf32>)
  // CHECK-SAME: score {
  // CHECK: ^bb0(%[[S:.*]]: f32, %{{.*}}: index, %[[H:.*]]: index, %{{.*}}: index, %{{.*}}: index, %[[T:.*]]: tensor<4xf32>):
  // CHECK: %[[B:.*]] = attn.load %[[T]][%[[H]]]
  // CHECK: %[[SQUARE:.*]] = arith.mulf %[[B]], %[[B]]
  // CHECK: %[[U:.*]] = arith.divf %[[S]], %[[SQUARE]]
  // CHECK: %[[ONE_LESS:.*]] = arith.addf %[[U]], %{{.*}}
  // CHECK: arith.maximumf %[[ONE_LESS]]
  %o = attn.kernel_regression epanechnikov %q, %k, %v bandwidth(%bandwidth : tensor<4xf32>) layout = "hmd"
       : tensor<4x8x2xf32>, tensor<4x9x2xf32>, tensor<4x9x3xf32> -> tensor<4x8x3xf32>
  return %o : tensor<4x8x3xf32>
}

// -----

// Scalar features of a kernel with support make a mask of integers.
// CHECK-LABEL: func @support(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<4x8x1xf16>, %[[K:[a-z0-9]+]]: tensor<2x9x1xf16>
func.func @support(%q: tensor<4x8x1xf16>, %k: tensor<2x9x1xf16>, %v: tensor<2x9x3xf16>, %bandwidth: f32) -> tensor<4x8x3xf16> {
  // CHECK: %[[QUERIES:.*]] = tensor.expand_shape %[[Q]]
  // CHECK: %[[REACH:.*]]:2 = linalg.generic {{.*}} ins(%[[QUERIES]], {{.*}} outs({{.*}} : tensor<2x2x8x1xi32>, tensor<2x2x8x1xi32>)
  // CHECK: %[[ORDER:.*]]:2 = linalg.generic {{.*}} ins(%[[K]] : {{.*}} outs({{.*}} : tensor<2x9x1xi32>, tensor<2x9x1xi32>)
  // CHECK: attn.attend negative_squared_distance sum
  // CHECK-SAME: captures(%[[REACH]]#0, %[[REACH]]#1, %[[ORDER]]#0, %[[ORDER]]#1
  // CHECK: ^bb0(%{{[a-z0-9]+}}: index, %{{[a-z0-9]+}}: index, %[[I:[a-z0-9]+]]: index, %[[J:[a-z0-9]+]]: index, %[[LOW:[a-z0-9]+]]: tensor<2x2x8x1xi32>, %{{[a-z0-9]+}}: tensor<2x2x8x1xi32>, %[[ABOVE:[a-z0-9]+]]: tensor<2x9x1xi32>, %{{[a-z0-9]+}}: tensor<2x9x1xi32>
  // CHECK-DAG: %[[LEAST:.*]] = attn.load %[[LOW]][%{{.*}}, %{{.*}}, %[[I]], %{{.*}}]
  // CHECK-DAG: %[[KEY:.*]] = attn.load %[[ABOVE]][%{{.*}}, %[[J]], %{{.*}}]
  // CHECK: arith.cmpi sle, %[[LEAST]], %[[KEY]] : i32
  // CHECK: arith.cmpi sle, %{{.*}}, %{{.*}} : i32
  %o = attn.kernel_regression boxcar %q, %k, %v bandwidth(%bandwidth : f32) layout = "hmd"
       : tensor<4x8x1xf16>, tensor<2x9x1xf16>, tensor<2x9x3xf16> -> tensor<4x8x3xf16>
  return %o : tensor<4x8x3xf16>
}

// -----

// A custom kernel is what the modifiers make of u.
// CHECK-LABEL: func @custom_kernel(
func.func @custom_kernel(%q: tensor<8x2xf32>, %k: tensor<9x2xf32>, %v: tensor<9x3xf32>) -> tensor<8x3xf32> {
  // CHECK: attn.attend negative_squared_distance sum
  // CHECK: ^bb0(%[[S:.*]]: f32,
  // CHECK: %[[SQUARE:.*]] = math.absf %[[S]]
  // CHECK: %[[U:.*]] = math.sqrt %[[SQUARE]]
  // CHECK: %[[NEGATED:.*]] = arith.negf %[[U]]
  // CHECK: %[[W:.*]] = math.exp %[[NEGATED]]
  // CHECK: attn.yield %[[W]] : f32
  %laplace = attn.score.map {
  ^bb0(%u: f32, %b: index, %h: index, %i: index, %j: index):
    %n = arith.negf %u : f32
    %w = math.exp %n : f32
    attn.yield %w : f32
  }
  %o = attn.kernel_regression custom %q, %k, %v score(%laplace)
       : tensor<8x2xf32>, tensor<9x2xf32>, tensor<9x3xf32> -> tensor<8x3xf32>
  return %o : tensor<8x3xf32>
}

// -----

// A static size of a result that only the input knows at run time is required.
// CHECK-LABEL: func @static_result(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<?x16xf32>
func.func @static_result(%q: tensor<?x16xf32>, %k: tensor<9x16xf32>) -> tensor<8x16xf32> {
  // CHECK-DAG: %[[EIGHT:.*]] = arith.constant 8 : index
  // CHECK-DAG: %[[M:.*]] = tensor.dim %[[Q]]
  // CHECK: %[[FITS:.*]] = arith.cmpi eq, %[[M]], %[[EIGHT]]
  // CHECK: attn.require %[[FITS]], "scaled_dot_product: output has size {0} in dimension 0; its type says {1}"(%[[M]], %[[EIGHT]])
  %o = attn.scaled_dot_product %q, %k, %k : tensor<?x16xf32>, tensor<9x16xf32>, tensor<9x16xf32> -> tensor<8x16xf32>
  return %o : tensor<8x16xf32>
}

// Without features, every compatibility is 0: queries and keys of one feature of
// zeros. Without value features the output is empty, the LSE is not.
// CHECK-LABEL: func @no_features(
func.func @no_features(%q: tensor<8x0xf32>, %v: tensor<8x0xf32>) -> (tensor<8x0xf32>, tensor<8xf32>) {
  // CHECK: %[[ZERO:.*]] = linalg.fill {{.*}} -> tensor<8x1xf32>
  // CHECK: attn.attend dot softmax ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<8x1xf32>, tensor<8x1xf32>, tensor<8x1xf32>)
  // CHECK: %[[EMPTY:.*]] = tensor.empty() : tensor<8x0xf32>
  // CHECK: return %[[EMPTY]]
  %o, %l = attn.scaled_dot_product %q, %q, %v : tensor<8x0xf32>, tensor<8x0xf32>, tensor<8x0xf32> -> tensor<8x0xf32> lse(tensor<8xf32>)
  return %o, %l : tensor<8x0xf32>, tensor<8xf32>
}

// -----

// The number of heads is known from the queries, not from the bandwidths.
// CHECK-LABEL: func @bandwidths(
// CHECK-SAME: %[[WIDTHS:[a-z0-9]+]]: tensor<?xf32>)
// CHECK: %[[KNOWN:.*]] = tensor.cast %[[WIDTHS]] : tensor<?xf32> to tensor<6xf32>
// CHECK: tensor.expand_shape %[[KNOWN]] {{\[\[}}0, 1]] output_shape [2, 3]
// CHECK: attn.attend
func.func @bandwidths(%q: tensor<2x6x?x1xf32>, %k: tensor<2x2x?x1xf32>, %v: tensor<2x2x?x4xf32>, %widths: tensor<?xf32>) -> tensor<2x6x?x4xf32> {
  %o = attn.kernel_regression boxcar %q, %k, %v bandwidth(%widths : tensor<?xf32>)
      : tensor<2x6x?x1xf32>, tensor<2x2x?x1xf32>, tensor<2x2x?x4xf32> -> tensor<2x6x?x4xf32>
  return %o : tensor<2x6x?x4xf32>
}
