// RUN: attn-opt %s -convert-attn-to-linalg -canonicalize -split-input-file | FileCheck %s

#query = affine_map<(i, j, d, e) -> (d, i)>
#key = affine_map<(i, j, d, e) -> (j, d)>
#value = affine_map<(i, j, d, e) -> (j, e)>
#output = affine_map<(i, j, d, e) -> (e, i)>

// Two contractions with everything between them per query: the scale joins the
// exponent, whose base is 2, and all but the contractions is vertical.
// CHECK-DAG: #[[KMAP:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[QMAP:.*]] = affine_map<(d0, d1, d2) -> (d2, d1)>
// CHECK-DAG: #[[SMAP:.*]] = affine_map<(d0, d1, d2) -> (d0, d1)>
// CHECK-DAG: #[[VMAP:.*]] = affine_map<(d0, d1, d2) -> (d2, d0)>
// CHECK-LABEL: func @softmax(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<16x64xf32>, %[[K:[a-z0-9]+]]: tensor<96x16xf32>, %[[V:[a-z0-9]+]]: tensor<96x8xf32>, %[[ACC:[a-z0-9]+]]: tensor<8x64xf32>, %[[MAX:[a-z0-9]+]]: tensor<64xf32>, %[[SUM:[a-z0-9]+]]: tensor<64xf32>
func.func @softmax(%q: tensor<16x64xf32>, %k: tensor<96x16xf32>, %v: tensor<96x8xf32>, %acc: tensor<8x64xf32>, %max: tensor<64xf32>, %sum: tensor<64xf32>,
                   %at: index) -> (tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>) {
  // CHECK-DAG: %[[BASE2:.*]] = arith.constant 0.360673755 : f32
  // CHECK-DAG: %[[NONE:.*]] = arith.constant 0xFF800000 : f32
  // CHECK: %[[SCORES:.*]] = linalg.generic {indexing_maps = [#[[KMAP]], #[[QMAP]], #[[SMAP]]], iterator_types = ["parallel", "parallel", "reduction"]} ins(%[[K]], %[[Q]] :
  // CHECK: %[[LOWEST:.*]] = linalg.fill ins(%[[NONE]] : f32)
  // CHECK: %[[TILEMAX:.*]] = linalg.generic {{.*}}["reduction", "parallel"]} ins(%[[SCORES]] : {{.*}} outs(%[[LOWEST]] :
  // CHECK: arith.cmpf ogt
  // CHECK: %[[RESCALE:.*]]:2 = linalg.generic {{.*}} ins(%[[TILEMAX]] : tensor<64xf32>) outs(%[[MAX]],
  // CHECK: math.exp2
  // CHECK: %[[OLDSUM:.*]] = linalg.generic {{.*}} ins(%[[RESCALE]]#1 : tensor<64xf32>) outs(%[[SUM]] :
  // CHECK: %[[SHIFT:.*]] = linalg.generic {{.*}} ins(%[[RESCALE]]#0 : tensor<64xf32>)
  // CHECK: %[[P:.*]]:2 = linalg.generic {{.*}} ins(%[[SHIFT]] : tensor<64xf32>) outs(%[[SCORES]], %[[OLDSUM]] :
  // CHECK: %[[SCALED:.*]] = arith.mulf %{{.*}}, %[[BASE2]]
  // CHECK: %[[SHIFTED:.*]] = arith.addf %[[SCALED]]
  // CHECK: math.exp2 %[[SHIFTED]] : f32
  // CHECK: %[[OLDACC:.*]] = linalg.generic {{.*}} ins(%[[RESCALE]]#1 : tensor<64xf32>) outs(%[[ACC]] :
  // CHECK: %[[NEW:.*]] = linalg.generic {indexing_maps = [#[[VMAP]], #[[QMAP]], #[[SMAP]]], {{.*}} ins(%[[V]], %[[P]]#0 : {{.*}} outs(%[[OLDACC]] :
  // CHECK: return %[[NEW]], %[[RESCALE]]#0, %[[P]]#1
  %a, %m, %s = attn.attend_tile dot softmax ins(%q, %k, %v : tensor<16x64xf32>, tensor<96x16xf32>, tensor<96x8xf32>) at(%at, %at, %at, %at)
      outs(%acc, %max, %sum : tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>)
      indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>
  return %a, %m, %s : tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>
}

// -----

#query = affine_map<(i, j, d, e) -> (d, i)>
#key = affine_map<(i, j, d, e) -> (j, d)>
#value = affine_map<(i, j, d, e) -> (j, e)>
#output = affine_map<(i, j, d, e) -> (e, i)>

// Before the first tile nothing is there to be rescaled.
// CHECK-LABEL: func @first(
func.func @first(%q: tensor<16x64xf32>, %k: tensor<96x16xf32>, %v: tensor<96x8xf32>,
                 %at: index) -> (tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>) {
  // CHECK-DAG: %[[BASE2:.*]] = arith.constant 2.500000e-01 : f32
  // CHECK: %[[ACC:.*]] = linalg.fill {{.*}} -> tensor<8x64xf32>
  // CHECK: %[[SUM:.*]] = linalg.fill {{.*}} -> tensor<64xf32>
  // CHECK: %[[TILEMAX:.*]] = linalg.generic {{.*}}["reduction", "parallel"]}
  // CHECK: %[[MAX:.*]] = linalg.generic {{.*}} outs(%[[TILEMAX]] :
  // CHECK: arith.mulf %{{.*}}, %[[BASE2]]
  // CHECK-NOT: math.exp2
  // CHECK: %[[P:.*]]:2 = linalg.generic {{.*}} outs(%{{.*}}, %[[SUM]] :
  // CHECK: math.exp2
  // CHECK: %[[NEW:.*]] = linalg.generic {{.*}} outs(%[[ACC]] :
  // CHECK-NOT: math.exp2
  // CHECK: return %[[NEW]], %[[MAX]], %[[P]]#1
  %zero = arith.constant 0.0 : f32
  %none = arith.constant 0xFF800000 : f32
  %rows = tensor.empty() : tensor<64xf32>
  %room = tensor.empty() : tensor<8x64xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%room : tensor<8x64xf32>) -> tensor<8x64xf32>
  %max = linalg.fill ins(%none : f32) outs(%rows : tensor<64xf32>) -> tensor<64xf32>
  %sum = linalg.fill ins(%zero : f32) outs(%rows : tensor<64xf32>) -> tensor<64xf32>
  %a, %m, %s = attn.attend_tile dot softmax ins(%q, %k, %v : tensor<16x64xf32>, tensor<96x16xf32>, tensor<96x8xf32>) at(%at, %at, %at, %at)
      outs(%acc, %max, %sum : tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>)
      indexing_maps = [#query, #key, #value, #output] scale = 0.25 {attn.lazy} -> tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>
  return %a, %m, %s : tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>
}

// -----

#query = affine_map<(i, j, d, e) -> (d, i)>
#key = affine_map<(i, j, d, e) -> (j, d)>
#value = affine_map<(i, j, d, e) -> (j, e)>
#output = affine_map<(i, j, d, e) -> (e, i)>

// Sums are rescaled where a score exceeds the maximum of its row, which then rises
// by 4 more; scores that are exponents of 2 are not multiplied by anything.
// CHECK-LABEL: func @lazy(
// CHECK-SAME: %[[ACC:[a-z0-9]+]]: tensor<8x64xf32>, %[[MAX:[a-z0-9]+]]: tensor<64xf32>, %[[SUM:[a-z0-9]+]]: tensor<64xf32>
func.func @lazy(%q: tensor<16x64xf32>, %k: tensor<96x16xf32>, %v: tensor<96x8xf32>, %acc: tensor<8x64xf32>, %max: tensor<64xf32>, %sum: tensor<64xf32>,
                %at: index) -> (tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>) {
  // CHECK-DAG: %[[MARGIN:.*]] = arith.constant 4.000000e+00 : f32
  // CHECK: %[[TILEMAX:.*]] = linalg.generic {{.*}}["reduction", "parallel"]}
  // CHECK: %[[ANY:.*]] = linalg.generic {{.*}}["reduction"]} ins(%[[TILEMAX]], %[[MAX]] :
  // CHECK: %[[NEEDED:.*]] = tensor.extract %[[ANY]][]
  // CHECK: %[[STATE:.*]]:3 = scf.if %[[NEEDED]]
  // CHECK: %[[RESCALE:.*]]:2 = linalg.generic {{.*}} ins(%[[TILEMAX]] : tensor<64xf32>) outs(%[[MAX]],
  // CHECK: arith.addf %{{.*}}, %[[MARGIN]]
  // CHECK: } else {
  // CHECK-NEXT: scf.yield %[[ACC]], %[[MAX]], %[[SUM]]
  // CHECK: %[[SHIFT:.*]] = linalg.generic {{.*}} ins(%[[STATE]]#1 : tensor<64xf32>)
  // CHECK: %[[P:.*]]:2 = linalg.generic {{.*}} ins(%[[SHIFT]] : tensor<64xf32>) outs(%{{.*}}, %[[STATE]]#2 :
  // CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[S:.*]]: f32,
  // CHECK-NEXT: %[[X:.*]] = arith.addf %[[S]], %[[A]]
  // CHECK-NEXT: math.exp2 %[[X]] {attn.nonpositive} : f32
  // CHECK: linalg.generic {{.*}} outs(%[[STATE]]#0 :
  %a, %m, %s = attn.attend_tile dot softmax ins(%q, %k, %v : tensor<16x64xf32>, tensor<96x16xf32>, tensor<96x8xf32>) at(%at, %at, %at, %at)
      outs(%acc, %max, %sum : tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>)
      indexing_maps = [#query, #key, #value, #output] scale = 1.0 binary {attn.lazy} -> tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>
  return %a, %m, %s : tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>
}

// -----

#query = affine_map<(i, j, d, e) -> (d, i)>
#key = affine_map<(i, j, d, e) -> (j, d)>
#value = affine_map<(i, j, d, e) -> (j, e)>
#output = affine_map<(i, j, d, e) -> (e, i)>

// Scale, score region, mask, in that order, at global indices; loads run under
// the mask; a division that a masked pair may reach does not trap.
// CHECK-LABEL: func @masked(
// CHECK-SAME: %[[IDS:[a-z0-9]+]]: tensor<?xi32>, %[[T:[a-z0-9]+]]: tensor<?xf32>
func.func @masked(%ids: tensor<?xi32>, %table: tensor<?xf32>, %q: tensor<16x64xf32>, %k: tensor<96x16xbf16>, %v: tensor<96x8xbf16>, %acc: tensor<8x64xf32>,
                  %max: tensor<64xf32>, %sum: tensor<64xf32>, %b0: index, %h0: index, %i0: index, %j0: index) -> tensor<8x64xf32> {
  // CHECK-DAG: %[[SCALE:.*]] = arith.constant 2.500000e-01 : f32
  // CHECK-DAG: %[[NONE:.*]] = arith.constant 0xFF800000 : f32
  // Keys of a narrower type are converted first.
  // CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<96x16xbf16>) outs(%{{.*}} : tensor<96x16xf32>)
  // CHECK: linalg.generic
  // CHECK: ^bb0(%[[S:[a-z0-9_]+]]: f32):
  // CHECK: %[[LI:.*]] = linalg.index 1
  // CHECK: %[[I:.*]] = arith.addi %{{.*}}, %[[LI]]
  // CHECK: %[[LJ:.*]] = linalg.index 0
  // CHECK: %[[J:.*]] = arith.addi %{{.*}}, %[[LJ]]
  // CHECK: %[[ID:.*]] = attn.load %[[IDS]][%[[J]]] :
  // A remainder by a value of the user's is made total.
  // CHECK: %[[DIVISOR:.*]] = arith.select %{{.*}}, %{{.*}}, %[[ID]]
  // CHECK: arith.remsi %{{.*}}, %[[DIVISOR]]
  // CHECK: %[[KEEP:.*]] = arith.cmpi ne
  // CHECK: %[[SCALED:.*]] = arith.mulf %[[S]], %[[SCALE]]
  // CHECK: %[[BIAS:.*]] = attn.load %[[T]][%[[I]]] if %[[KEEP]]
  // CHECK: %[[BIASED:.*]] = arith.addf %[[SCALED]], %[[BIAS]]
  // CHECK: arith.select %[[KEEP]], %[[BIASED]], %[[NONE]]
  %a, %m, %s = attn.attend_tile dot softmax ins(%q, %k, %v : tensor<16x64xf32>, tensor<96x16xbf16>, tensor<96x8xbf16>)
      captures(%ids, %table : tensor<?xi32>, tensor<?xf32>) at(%b0, %h0, %i0, %j0)
      outs(%acc, %max, %sum : tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>)
      indexing_maps = [#query, #key, #value, #output] scale = 0.25 score {
  ^bb0(%score: f32, %b: index, %h: index, %i: index, %j: index, %ci: tensor<?xi32>, %ct: tensor<?xf32>):
    %bias = attn.load %ct[%i] : tensor<?xf32>
    %sum2 = arith.addf %score, %bias : f32
    attn.yield %sum2 : f32
  } mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %ci: tensor<?xi32>, %ct: tensor<?xf32>):
    %id = attn.load %ci[%j] : tensor<?xi32>
    %ii = arith.index_cast %i : index to i32
    %rest = arith.remsi %ii, %id : i32
    %c0 = arith.constant 0 : i32
    %keep = arith.cmpi ne, %rest, %c0 : i32
    attn.yield %keep : i1
  } -> tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>
  return %a : tensor<8x64xf32>
}

// -----

#query = affine_map<(i, j, d, e) -> (d, i)>
#key = affine_map<(i, j, d, e) -> (j, d)>
#value = affine_map<(i, j, d, e) -> (j, e)>
#output = affine_map<(i, j, d, e) -> (e, i)>

// A kernel's weights are summed as they are: no maximum, no exponential.
// CHECK-LABEL: func @sum(
func.func @sum(%q: tensor<2x64xf32>, %k: tensor<96x2xf32>, %v: tensor<96x1xf32>, %acc: tensor<1x64xf32>, %max: tensor<64xf32>, %sum: tensor<64xf32>,
               %at: index) -> (tensor<1x64xf32>, tensor<64xf32>) {
  // CHECK: %[[DIFFERENCE:.*]] = arith.subf
  // CHECK: %[[NEGATED:.*]] = arith.negf %[[DIFFERENCE]]
  // CHECK: arith.mulf %[[NEGATED]], %[[DIFFERENCE]]
  // CHECK-NOT: math.exp2
  // CHECK: return
  %a, %m, %s = attn.attend_tile negative_squared_distance sum ins(%q, %k, %v : tensor<2x64xf32>, tensor<96x2xf32>, tensor<96x1xf32>) at(%at, %at, %at, %at)
      outs(%acc, %max, %sum : tensor<1x64xf32>, tensor<64xf32>, tensor<64xf32>)
      indexing_maps = [#query, #key, #value, #output] scale = 1.0 -> tensor<1x64xf32>, tensor<64xf32>, tensor<64xf32>
  return %a, %s : tensor<1x64xf32>, tensor<64xf32>
}

// -----

// Additive scores by exponentials of queries and of keys, four features to a
// division, where these stay in range; else by tanh.
#query = affine_map<(i, j, d, e) -> (d, i)>
#key = affine_map<(i, j, d, e) -> (j, d)>
#scores = affine_map<(i, j, d, e) -> (j, i)>
// CHECK-DAG: #[[K:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[Q:.*]] = affine_map<(d0, d1, d2) -> (d2, d1)>
// CHECK-DAG: #[[W:.*]] = affine_map<(d0, d1, d2) -> (d2)>
// CHECK-LABEL: func @additive(
// CHECK-SAME: %[[QUERY:[a-z0-9]+]]: tensor<6x64xf32>, %[[KEY:[a-z0-9]+]]: tensor<96x6xf32>
func.func @additive(%q: tensor<6x64xf32>, %k: tensor<96x6xf32>, %w: tensor<6xf32>, %s: tensor<96x64xf32>, %at: index) -> tensor<96x64xf32> {
  // CHECK: math.absf
  // CHECK: arith.andi
  // CHECK: %[[FITS:.*]] = arith.andi
  // CHECK: %[[SMALL:.*]] = arith.cmpf ole
  // CHECK: scf.if %[[FITS]]
  // CHECK: scf.if %[[SMALL]]
  // CHECK: %[[KT:.*]] = tensor.extract_slice %{{.*}}[0, 0] [96, 6] [1, 1] : tensor<96x8xf32> to tensor<96x6xf32>
  // CHECK: linalg.generic {{.*}} ins(%[[KEY]] : tensor<96x6xf32>) outs(%[[KT]] :
  // CHECK: math.exp
  // CHECK: linalg.generic {indexing_maps = [#[[K]], #[[K]], #[[K]], #[[K]], #[[Q]], #[[Q]], #[[Q]], #[[Q]], #[[W]], #[[W]], #[[W]], #[[W]], {{.*}}iterator_types = ["parallel", "parallel", "reduction"]}
  // CHECK-NOT: arith.select
  // CHECK: arith.divf {{.*}} fastmath<ninf,arcp,contract>
  // CHECK: } else {
  // CHECK-COUNT-4: arith.select
  // CHECK: arith.divf
  // CHECK: } else {
  // CHECK: math.tanh
  %r = attn.score_tile additive softmax ins(%q, %k : tensor<6x64xf32>, tensor<96x6xf32>) feature_weight(%w : tensor<6xf32>)
       at(%at, %at, %at, %at) outs(%s : tensor<96x64xf32>) indexing_maps = [#query, #key, #scores] scale = 1.0 -> tensor<96x64xf32>
  return %r : tensor<96x64xf32>
}

// -----

#query = affine_map<(i, j, d, e) -> (d, i)>
#key = affine_map<(i, j, d, e) -> (j, d)>
#value = affine_map<(i, j, d, e) -> (j, e)>
#output = affine_map<(i, j, d, e) -> (e, i)>

// Queries in bf16 are multiplied in pairs: of features, which keys have already
// and queries get before the loop; of keys, for which the last pair of an odd
// number is zero. A second loop takes the same pairs of queries.
// CHECK-DAG: #[[ID:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[PAIR:.*]] = affine_map<(d0, d1) -> (d0 floordiv 2, d1, d0 mod 2)>
// CHECK-LABEL: func @pairs(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<16x64xbf16>, %[[K:[a-z0-9]+]]: tensor<95x16xbf16>, %[[V:[a-z0-9]+]]: tensor<95x8xbf16>
func.func @pairs(%q: tensor<16x64xbf16>, %k: tensor<95x16xbf16>, %v: tensor<95x8xbf16>, %acc: tensor<8x64xf32>, %max: tensor<64xf32>, %sum: tensor<64xf32>,
                 %at: index, %n: index) -> (tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>) {
  // CHECK: %[[Q2:.*]] = linalg.generic {indexing_maps = [#[[ID]], #[[PAIR]]], {{.*}} ins(%[[Q]] : {{.*}} outs(%{{.*}} : tensor<8x64x2xbf16>)
  // CHECK: scf.for
  // CHECK: %[[K2:.*]] = tensor.expand_shape %[[K]] {{.*}} into tensor<95x8x2xbf16>
  // CHECK: linalg.generic {{.*}}["parallel", "parallel", "reduction", "reduction"]} ins(%[[K2]], %[[Q2]] :
  // CHECK: arith.extf %{{.*}} : bf16 to f32
  // CHECK: %[[WEIGHTS:.*]] = tensor.empty() : tensor<48x64x2xbf16>
  // CHECK: linalg.fill {{.*}} : tensor<1x64x2xbf16>)
  // CHECK: %[[P:.*]]:2 = linalg.generic {{.*}} outs(%{{.*}}, %{{.*}} : tensor<48x64x2xbf16>, tensor<64xf32>)
  // CHECK: arith.addf
  // CHECK: arith.truncf %{{.*}} : f32 to bf16
  // CHECK: linalg.fill {{.*}} : tensor<1x8x2xbf16>)
  // CHECK: %[[V2:.*]] = linalg.generic {{.*}} ins(%[[V]] : {{.*}} outs(%{{.*}} : tensor<48x8x2xbf16>)
  // CHECK: linalg.generic {{.*}} ins(%[[V2]], %[[P]]#0 :
  // CHECK: scf.for
  // CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[Q2]] :
  // CHECK-NOT: ins(%[[Q]] :
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r:3 = scf.for %x = %c0 to %n step %c1 iter_args(%a0 = %acc, %m0 = %max, %s0 = %sum) -> (tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>) {
    %a1, %m1, %s1 = attn.attend_tile dot softmax ins(%q, %k, %v : tensor<16x64xbf16>, tensor<95x16xbf16>, tensor<95x8xbf16>) at(%at, %at, %at, %at)
        outs(%a0, %m0, %s0 : tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>)
        indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>
    scf.yield %a1, %m1, %s1 : tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>
  }
  %t:3 = scf.for %x = %c0 to %n step %c1 iter_args(%a0 = %r#0, %m0 = %r#1, %s0 = %r#2) -> (tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>) {
    %a1, %m1, %s1 = attn.attend_tile dot softmax ins(%q, %k, %v : tensor<16x64xbf16>, tensor<95x16xbf16>, tensor<95x8xbf16>) at(%at, %at, %at, %at)
        outs(%a0, %m0, %s0 : tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>)
        indexing_maps = [#query, #key, #value, #output] scale = 0.25 -> tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>
    scf.yield %a1, %m1, %s1 : tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>
  }
  return %t#0, %t#1, %t#2 : tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>
}

// -----

#query = affine_map<(i, j, d, e) -> (d, i)>
#key = affine_map<(i, j, d, e) -> (j, d)>
#scores = affine_map<(i, j, d, e) -> (j, i)>

// Multiples of the lane are compared in 32 bits with what is the same for all
// lanes, limited to 32 bits: at once where the difference cannot wrap, else first
// to the neighbourhood of the other side. What could wrap stays as it is.
// CHECK-LABEL: func @narrow(
// CHECK-SAME: %[[I0:[a-z0-9]+]]: index, %[[J0:[a-z0-9]+]]: index, %[[OFFSET:[a-z0-9]+]]: index) -> tensor<96x64xf32> {
func.func @narrow(%q: tensor<6x64xf32>, %k: tensor<96x6xf32>, %s: tensor<96x64xf32>, %b: index, %h: index,
                  %i0: index, %j0: index, %o: index) -> tensor<96x64xf32> {
  // CHECK-DAG: %[[C5:.*]] = arith.constant 5 : index
  // CHECK-DAG: %[[MOST:.*]] = arith.constant 1073741824 : index
  // CHECK-DAG: %[[LEAST:.*]] = arith.constant -1073741824 : index
  // CHECK-DAG: %[[MINUS:.*]] = arith.constant -1 : i32
  // CHECK: %[[LANE:.*]] = linalg.index 1
  // CHECK: %[[I:.*]] = arith.addi %[[I0]], %[[LANE]]
  // CHECK: %[[ROW:.*]] = linalg.index 0
  // CHECK: %[[J:.*]] = arith.addi %[[J0]], %[[ROW]]
  // CHECK: %[[REST:.*]] = arith.subi %[[J]], %[[I0]]
  // CHECK: %[[LANE32:.*]] = arith.index_cast %[[LANE]] : index to i32
  // CHECK: %[[MULTIPLE:.*]] = arith.muli %[[LANE32]], %[[MINUS]] : i32
  // CHECK: %[[CAPPED:.*]] = arith.minsi %[[REST]]
  // CHECK: %[[ABOVE:.*]] = arith.addi %[[CAPPED]], %[[MOST]]
  // CHECK: %[[RAISED:.*]] = arith.maxsi %[[REST]]
  // CHECK: %[[BELOW:.*]] = arith.addi %[[RAISED]], %[[LEAST]]
  // CHECK: %[[ATLEAST:.*]] = arith.maxsi %[[OFFSET]], %[[BELOW]]
  // CHECK: %[[LIMITED:.*]] = arith.minsi %[[ATLEAST]], %[[ABOVE]]
  // CHECK: %[[BOUND:.*]] = arith.subi %[[LIMITED]], %[[REST]]
  // CHECK: %[[BOUND32:.*]] = arith.index_cast %[[BOUND]] : index to i32
  // CHECK: %[[NEAR:.*]] = arith.cmpi sle, %[[MULTIPLE]], %[[BOUND32]] : i32
  // CHECK: %[[LATER:.*]] = arith.addi %[[I0]], %[[C5]]
  // CHECK: %[[DIFFERENCE:.*]] = arith.subi %[[J]], %[[LATER]]
  // CHECK: arith.maxsi %[[DIFFERENCE]], %[[LEAST]]
  // CHECK: arith.minsi %{{.*}}, %[[MOST]]
  // CHECK: arith.cmpi sgt, %{{.*}} : i32
  // CHECK: %[[SUM:.*]] = arith.addi %[[I]], %[[OFFSET]] : index
  // CHECK: arith.cmpi ne, %[[SUM]], %[[J]] : index
  %r = attn.score_tile dot softmax ins(%q, %k : tensor<6x64xf32>, tensor<96x6xf32>) captures(%o : index)
       at(%b, %h, %i0, %j0) outs(%s : tensor<96x64xf32>) indexing_maps = [#query, #key, #scores] scale = 1.0 mask {
  ^bb0(%rb: index, %rh: index, %i: index, %j: index, %offset: index):
    %distance = arith.subi %j, %i : index
    %near = arith.cmpi sle, %distance, %offset : index
    %c5 = arith.constant 5 : index
    %later = arith.addi %i, %c5 : index
    %after = arith.cmpi sgt, %later, %j : index
    %sum = arith.addi %i, %offset : index
    %may_wrap = arith.cmpi ne, %sum, %j : index
    %t = arith.andi %near, %after : i1
    %keep = arith.andi %t, %may_wrap : i1
    attn.yield %keep : i1
  } -> tensor<96x64xf32>
  return %r : tensor<96x64xf32>
}

// -----

#query = affine_map<(i, j, d, e) -> (i, d)>
#key = affine_map<(i, j, d, e) -> (j, d)>
#value = affine_map<(i, j, d, e) -> (j, e)>
#output = affine_map<(i, j, d, e) -> (i, e)>

// Features last: keys and values are converted where they are multiplied, and
// marked to be fetched ahead.
// CHECK-LABEL: func @features_last(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<2x16xf32>, %[[K:[a-z0-9]+]]: tensor<9x16xbf16>, %[[V:[a-z0-9]+]]: tensor<9x8xbf16>, %[[ACC:[a-z0-9]+]]: tensor<2x8xf32>
// CHECK: linalg.generic {{.*}} ins(%[[K]], %[[Q]] : {{.*}} attrs = {attn.ahead = 32 : index, attn.streamed = array<i64: 0>}
// CHECK-NEXT: ^bb0(%[[KEY:[a-z0-9]+]]: bf16,
// CHECK-NEXT: arith.extf %[[KEY]]
// CHECK: %[[SCALED:.*]] = linalg.generic {{.*}} outs(%[[ACC]] :
// CHECK: linalg.generic {{.*}} ins(%[[V]], %{{.*}} outs(%[[SCALED]] : {{.*}} attrs = {attn.ahead = 32 : index, attn.streamed = array<i64: 0>}
func.func @features_last(%q: tensor<2x16xf32>, %k: tensor<9x16xbf16>, %v: tensor<9x8xbf16>, %acc: tensor<2x8xf32>, %max: tensor<2xf32>, %n: index) -> tensor<2x8xf32> {
  %r:3 = attn.attend_tile dot softmax ins(%q, %k, %v : tensor<2x16xf32>, tensor<9x16xbf16>, tensor<9x8xbf16>) at(%n, %n, %n, %n)
      outs(%acc, %max, %max : tensor<2x8xf32>, tensor<2xf32>, tensor<2xf32>)
      indexing_maps = [#query, #key, #value, #output] scale = 1.0 {attn.ahead = 32 : index} -> tensor<2x8xf32>, tensor<2xf32>, tensor<2xf32>
  return %r#0 : tensor<2x8xf32>
}

// -----

#query = affine_map<(i, j, d, e) -> (i, d)>
#key = affine_map<(i, j, d, e) -> (j, d)>
#value = affine_map<(i, j, d, e) -> (j, e)>
#output = affine_map<(i, j, d, e) -> (i, e)>

// Rows of exponentials have as many keys of few queries as fill vectors, in a whole
// tile of which some keys may not exist: their scores are -inf. Maxima and sums of
// sixteen keys become one per query.
// CHECK-DAG: #[[REPEAT:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-LABEL: func @folded(
// CHECK-SAME: %{{.*}}: tensor<4x16xf32>, %[[K:[a-z0-9]+]]: tensor<128x16xf32>, %[[V:[a-z0-9]+]]: tensor<128x16xf32>, %[[ACC:[a-z0-9]+]]: tensor<4x16xf32>, %[[MAX:[a-z0-9]+]]: tensor<4xf32>, %[[N:[a-z0-9]+]]: index
func.func @folded(%q: tensor<4x16xf32>, %k: tensor<128x16xf32>, %v: tensor<128x16xf32>, %acc: tensor<4x16xf32>, %max: tensor<4xf32>, %n: index) -> (tensor<4x16xf32>, tensor<4xf32>) {
  // CHECK-DAG: %[[NONE:.*]] = arith.constant 0xFF800000 : f32
  // CHECK: %[[COUNT:.*]] = affine.min
  // CHECK: %[[SCORES:.*]] = linalg.generic {{.*}}["parallel", "parallel", "reduction"]} ins({{.*}} outs(%{{.*}} : tensor<?x4xf32>)
  // CHECK: %[[SOME:.*]] = tensor.insert_slice %[[SCORES]] into %{{.*}} : tensor<?x4xf32> into tensor<128x4xf32>
  // CHECK: linalg.fill ins(%[[NONE]] : f32)
  // CHECK: %[[ALL:.*]] = tensor.insert_slice %{{.*}} into %[[SOME]]
  // CHECK: %[[FLAT:.*]] = tensor.collapse_shape %[[ALL]]
  // CHECK: %[[JOINED:.*]] = tensor.expand_shape %[[FLAT]] {{.*}} into tensor<8x64xf32>
  // CHECK: linalg.generic {{.*}} ins(%[[JOINED]] : tensor<8x64xf32>) outs(%{{.*}} : tensor<64xf32>)
  // CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<16x4xf32>) outs(%{{.*}} : tensor<4xf32>)
  // CHECK: linalg.generic {indexing_maps = [#[[REPEAT]], {{.*}} ins(%{{.*}} : tensor<4xf32>) outs(%{{.*}} : tensor<16x4xf32>)
  // CHECK: %[[P:.*]]:2 = linalg.generic {{.*}} ins(%{{.*}} : tensor<64xf32>) outs(%{{.*}}, %{{.*}} : tensor<8x64xf32>, tensor<64xf32>)
  // CHECK: math.exp2
  // CHECK: tensor.extract_slice %{{.*}}[0, 0] [%[[COUNT]], 4]
  // CHECK: %[[SUM:.*]] = linalg.generic {{.*}} ins(%{{.*}} : tensor<16x4xf32>) outs(%{{.*}} : tensor<4xf32>)
  // CHECK: return %{{.*}}, %[[SUM]]
  %count = affine.min affine_map<(d0) -> (d0, 128)>(%n)
  %keys = tensor.extract_slice %k[0, 0] [%count, 16] [1, 1] : tensor<128x16xf32> to tensor<?x16xf32>
  %values = tensor.extract_slice %v[0, 0] [%count, 16] [1, 1] : tensor<128x16xf32> to tensor<?x16xf32>
  %r:3 = attn.attend_tile dot softmax ins(%q, %keys, %values : tensor<4x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>) at(%n, %n, %n, %n)
      outs(%acc, %max, %max : tensor<4x16xf32>, tensor<4xf32>, tensor<4xf32>)
      indexing_maps = [#query, #key, #value, #output] scale = 1.0 -> tensor<4x16xf32>, tensor<4xf32>, tensor<4xf32>
  return %r#0, %r#2 : tensor<4x16xf32>, tensor<4xf32>
}

// -----

#query = affine_map<(i, j, d, e) -> (i, d)>
#key = affine_map<(i, j, d, e) -> (j, d)>
#value = affine_map<(i, j, d, e) -> (j, e)>
#output = affine_map<(i, j, d, e) -> (i, e)>

// Of three rows sixteen keys share vectors. Products of bf16 extend both factors, which
// is one instruction per pair: weights are rounded, in pairs of keys, values as they lie.
// CHECK-DAG: #[[PAIRS:.*]] = affine_map<(d0, d1) -> (d0 floordiv 2, d1, d0 mod 2)>
// CHECK-DAG: #[[OFKEY:.*]] = affine_map<(d0, d1, d2) -> (d2 floordiv 2, d0, d2 mod 2)>
// CHECK-LABEL: func @folded_pairs(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<3x32xbf16>, %[[K:[a-z0-9]+]]: tensor<128x32xbf16>, %[[V:[a-z0-9]+]]: tensor<128x32xbf16>, %[[ACC:[a-z0-9]+]]: tensor<3x32xf32>
// CHECK: linalg.generic {{.*}} ins(%[[K]], %[[Q]] : tensor<128x32xbf16>, tensor<3x32xbf16>) outs(%{{.*}} : tensor<128x3xf32>)
// CHECK: ^bb0(%[[KEY:.*]]: bf16, %[[QUERY:.*]]: bf16,
// CHECK: arith.extf %[[KEY]] :
// CHECK: arith.extf %[[QUERY]] :
// CHECK: tensor.expand_shape {{.*}} into tensor<8x48xf32>
// CHECK: math.exp2
// CHECK: %[[P:.*]] = linalg.generic {indexing_maps = [{{.*}}, #[[PAIRS]]]{{.*}} outs(%{{.*}} : tensor<64x3x2xbf16>)
// CHECK: arith.truncf
// CHECK: linalg.generic {indexing_maps = [{{.*}}, #[[OFKEY]], {{.*}} ins(%[[V]], %[[P]] : tensor<128x32xbf16>, tensor<64x3x2xbf16>)
func.func @folded_pairs(%q: tensor<3x32xbf16>, %k: tensor<128x32xbf16>, %v: tensor<128x32xbf16>, %acc: tensor<3x32xf32>, %max: tensor<3xf32>, %n: index) -> tensor<3x32xf32> {
  %r:3 = attn.attend_tile dot softmax ins(%q, %k, %v : tensor<3x32xbf16>, tensor<128x32xbf16>, tensor<128x32xbf16>) at(%n, %n, %n, %n)
      outs(%acc, %max, %max : tensor<3x32xf32>, tensor<3xf32>, tensor<3xf32>)
      indexing_maps = [#query, #key, #value, #output] scale = 1.0 -> tensor<3x32xf32>, tensor<3xf32>, tensor<3xf32>
  return %r#0 : tensor<3x32xf32>
}

// -----

#query = affine_map<(i, j, d, e) -> (i, d)>
#key = affine_map<(i, j, d, e) -> (j, d)>
#value = affine_map<(i, j, d, e) -> (j, e)>
#output = affine_map<(i, j, d, e) -> (i, e)>

// All of one query and few keys are one row, whose weights lie in pairs as they are.
// CHECK-LABEL: func @folded_pairs_of_few(
// CHECK: tensor.expand_shape {{.*}} into tensor<1x10xf32>
// CHECK: math.exp2
// CHECK: arith.truncf
// CHECK: tensor.expand_shape {{.*}} into tensor<5x1x2xbf16>
func.func @folded_pairs_of_few(%q: tensor<1x32xbf16>, %k: tensor<10x32xbf16>, %v: tensor<10x32xbf16>, %acc: tensor<1x32xf32>, %max: tensor<1xf32>, %n: index) -> tensor<1x32xf32> {
  %r:3 = attn.attend_tile dot softmax ins(%q, %k, %v : tensor<1x32xbf16>, tensor<10x32xbf16>, tensor<10x32xbf16>) at(%n, %n, %n, %n)
      outs(%acc, %max, %max : tensor<1x32xf32>, tensor<1xf32>, tensor<1xf32>)
      indexing_maps = [#query, #key, #value, #output] scale = 1.0 -> tensor<1x32xf32>, tensor<1xf32>, tensor<1xf32>
  return %r#0 : tensor<1x32xf32>
}

// -----

#query = affine_map<(i, j, d, e) -> (i, d)>
#key = affine_map<(i, j, d, e) -> (j, d)>
#value = affine_map<(i, j, d, e) -> (j, e)>
#output = affine_map<(i, j, d, e) -> (i, e)>

// Additive scores with features along lanes: four parts of the features share a
// division, the query's part of exponents is computed once, and values are fetched
// with the keys.
// CHECK-LABEL: func @additive_along_lanes(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<1x64xf32>, %[[K:[a-z0-9]+]]: tensor<128x64xbf16>, %[[V:[a-z0-9]+]]: tensor<128x64xbf16>
// CHECK: %[[EXPONENTS:.*]] = linalg.generic {{.*}} ins(%[[Q]] : tensor<1x64xf32>) outs(%{{.*}} : tensor<1x64xf32>)
// CHECK: %[[LAST:.*]] = tensor.extract_slice %[[V]][0, 48] [128, 16] [1, 1]
// CHECK: linalg.generic {{.*}} %[[LAST]] : {{.*}} outs(%{{.*}} : tensor<128x1xf32>) attrs = {attn.ahead = 16 : index, attn.streamed = array<i64: 0, 1, 2, 3, 12, 13, 14, 15>}
// CHECK-COUNT-4: math.exp2
// CHECK: arith.divf
func.func @additive_along_lanes(%q: tensor<1x64xf32>, %k: tensor<128x64xbf16>, %v: tensor<128x64xbf16>, %w: tensor<64xbf16>, %acc: tensor<1x64xf32>, %max: tensor<1xf32>, %n: index) -> tensor<1x64xf32> {
  %r:3 = attn.attend_tile additive softmax ins(%q, %k, %v : tensor<1x64xf32>, tensor<128x64xbf16>, tensor<128x64xbf16>) feature_weight(%w : tensor<64xbf16>) at(%n, %n, %n, %n)
      outs(%acc, %max, %max : tensor<1x64xf32>, tensor<1xf32>, tensor<1xf32>)
      indexing_maps = [#query, #key, #value, #output] scale = 1.0 {attn.ahead = 16 : index} -> tensor<1x64xf32>, tensor<1xf32>, tensor<1xf32>
  return %r#0 : tensor<1x64xf32>
}

// -----

#query = affine_map<(i, j, d, e) -> (d, i)>
#key = affine_map<(i, j, d, e) -> (j, d)>
#value = affine_map<(i, j, d, e) -> (j, e)>
#output = affine_map<(i, j, d, e) -> (e, i)>

// Narrow keys and values are widened first. Few rows leave the products time to
// fetch the next ones, so they have them as inputs that their bodies do not read.
// CHECK-LABEL: func @fetched_by_products(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<8x16xf32>, %[[K:[a-z0-9]+]]: tensor<9x8xbf16>, %[[V:[a-z0-9]+]]: tensor<9x8xbf16>
// CHECK: %[[KEYS:.*]] = linalg.generic {{.*}} ins(%[[K]] : tensor<9x8xbf16>) outs(%{{.*}} : tensor<9x8xf32>) {
// CHECK: linalg.generic {{.*}} ins(%[[KEYS]], %[[Q]], %[[K]] : {{.*}} attrs = {attn.ahead = 48 : index, attn.streamed = array<i64: 2>}
// CHECK: %[[VALUES:.*]] = linalg.generic {{.*}} ins(%[[V]] : tensor<9x8xbf16>) outs(%{{.*}} : tensor<9x8xf32>) {
// CHECK: linalg.generic {{.*}} ins(%[[VALUES]], %{{.*}}, %[[V]] : {{.*}} attrs = {attn.ahead = 48 : index, attn.streamed = array<i64: 2>}
func.func @fetched_by_products(%q: tensor<8x16xf32>, %k: tensor<9x8xbf16>, %v: tensor<9x8xbf16>, %acc: tensor<8x16xf32>, %max: tensor<16xf32>, %n: index) -> tensor<8x16xf32> {
  %r:3 = attn.attend_tile dot softmax ins(%q, %k, %v : tensor<8x16xf32>, tensor<9x8xbf16>, tensor<9x8xbf16>) at(%n, %n, %n, %n)
      outs(%acc, %max, %max : tensor<8x16xf32>, tensor<16xf32>, tensor<16xf32>)
      indexing_maps = [#query, #key, #value, #output] scale = 1.0 {attn.ahead = 48 : index} -> tensor<8x16xf32>, tensor<16xf32>, tensor<16xf32>
  return %r#0 : tensor<8x16xf32>
}

// With many rows the widening does.
// CHECK-LABEL: func @fetched_by_widening(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<8x64xf32>, %[[K:[a-z0-9]+]]: tensor<9x8xbf16>, %[[V:[a-z0-9]+]]: tensor<9x8xbf16>
// CHECK: %[[KEYS:.*]] = linalg.generic {{.*}} ins(%[[K]] : {{.*}} attrs = {attn.ahead = 48 : index, attn.streamed = array<i64: 0>}
// CHECK: linalg.generic {{.*}} ins(%[[KEYS]], %[[Q]] :
// CHECK: %[[VALUES:.*]] = linalg.generic {{.*}} ins(%[[V]] : {{.*}} attrs = {attn.ahead = 48 : index, attn.streamed = array<i64: 0>}
// CHECK: linalg.generic {{.*}} ins(%[[VALUES]], %{{[a-z0-9#]+}} :
func.func @fetched_by_widening(%q: tensor<8x64xf32>, %k: tensor<9x8xbf16>, %v: tensor<9x8xbf16>, %acc: tensor<8x64xf32>, %max: tensor<64xf32>, %n: index) -> tensor<8x64xf32> {
  %r:3 = attn.attend_tile dot softmax ins(%q, %k, %v : tensor<8x64xf32>, tensor<9x8xbf16>, tensor<9x8xbf16>) at(%n, %n, %n, %n)
      outs(%acc, %max, %max : tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>)
      indexing_maps = [#query, #key, #value, #output] scale = 1.0 {attn.ahead = 48 : index} -> tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>
  return %r#0 : tensor<8x64xf32>
}

// -----

#query = affine_map<(i, j, d, e) -> (d, i)>
#key = affine_map<(i, j, d, e) -> (j, d)>
#value = affine_map<(i, j, d, e) -> (j, e)>
#output = affine_map<(i, j, d, e) -> (e, i)>

// What is spread over the products is an input that they read nothing of, as it lies.
// CHECK: #[[NONE:.*]] = affine_map<(d0, d1, d2) -> (0, 0)>
// CHECK-LABEL: func @spread(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<8x16xf32>, %[[K:[a-z0-9]+]]: tensor<9x8xbf16>, %[[V:[a-z0-9]+]]: tensor<9x8xbf16>
// CHECK: linalg.generic {indexing_maps = [#{{.*}}, #{{.*}}, #[[NONE]], #{{.*}}]{{.*}} ins(%{{.*}}, %[[Q]], %[[K]] : {{.*}} attrs = {attn.ahead = 48 : index, attn.streamed = array<i64: 2>}
// CHECK: linalg.generic {indexing_maps = [#{{.*}}, #{{.*}}, #[[NONE]], #{{.*}}]{{.*}} ins(%{{.*}}, %{{.*}}, %[[V]] : {{.*}} attrs = {attn.ahead = 48 : index, attn.streamed = array<i64: 2>}
func.func @spread(%q: tensor<8x16xf32>, %k: tensor<9x8xbf16>, %v: tensor<9x8xbf16>, %acc: tensor<8x16xf32>, %max: tensor<16xf32>, %n: index) -> tensor<8x16xf32> {
  %r:3 = attn.attend_tile dot softmax ins(%q, %k, %v : tensor<8x16xf32>, tensor<9x8xbf16>, tensor<9x8xbf16>) at(%n, %n, %n, %n)
      outs(%acc, %max, %max : tensor<8x16xf32>, tensor<16xf32>, tensor<16xf32>)
      indexing_maps = [#query, #key, #value, #output] scale = 1.0 {attn.ahead = 48 : index, attn.spread} -> tensor<8x16xf32>, tensor<16xf32>, tensor<16xf32>
  return %r#0 : tensor<8x16xf32>
}

// -----

#query = affine_map<(i, j, d, e) -> (d, i)>
#key = affine_map<(i, j, d, e) -> (j, d)>
#value = affine_map<(i, j, d, e) -> (j, e)>
#output = affine_map<(i, j, d, e) -> (e, i)>

// Where a tile of queries has one tile of keys, whose sums start from nothing, the
// product for scores fetches the queries that come next, too.
// CHECK-LABEL: func @next_queries(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<16x8xf32>, %[[K:[a-z0-9]+]]: tensor<9x8xf32>
// CHECK: %[[PACKED:.*]] = linalg.generic {{.*}} ins(%[[Q]] :
// CHECK: linalg.generic {{.*}} ins(%[[K]], %[[PACKED]], %[[Q]] : {{.*}} attrs = {attn.ahead = 48 : index, attn.streamed = array<i64: 0, 2>}
// CHECK-LABEL: func @same_queries(
// CHECK: linalg.generic {{.*}} attrs = {attn.ahead = 48 : index, attn.streamed = array<i64: 0>}
// CHECK-LABEL: func @next_padded_queries(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<15x8xf32>, %[[K:[a-z0-9]+]]: tensor<9x8xf32>
// CHECK: linalg.generic {{.*}} ins(%[[K]], %{{.*}}, %[[K]], %[[Q]] : {{.*}} attrs = {attn.ahead = 48 : index, attn.streamed = array<i64: 2, 3>}
func.func @next_queries(%q: tensor<16x8xf32>, %k: tensor<9x8xf32>, %n: index) -> tensor<8x16xf32> {
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %matrix = tensor.empty() : tensor<8x16xf32>
  %row = tensor.empty() : tensor<16xf32>
  %packed = linalg.generic {indexing_maps = [affine_map<(d, i) -> (i, d)>, affine_map<(d, i) -> (d, i)>], iterator_types = ["parallel", "parallel"]}
      ins(%q : tensor<16x8xf32>) outs(%matrix : tensor<8x16xf32>) {
  ^bb0(%x: f32, %y: f32):
    linalg.yield %x : f32
  } -> tensor<8x16xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%matrix : tensor<8x16xf32>) -> tensor<8x16xf32>
  %sum = linalg.fill ins(%zero : f32) outs(%row : tensor<16xf32>) -> tensor<16xf32>
  %max = linalg.fill ins(%lowest : f32) outs(%row : tensor<16xf32>) -> tensor<16xf32>
  %r:3 = attn.attend_tile dot softmax ins(%packed, %k, %k : tensor<8x16xf32>, tensor<9x8xf32>, tensor<9x8xf32>) at(%n, %n, %n, %n)
      outs(%acc, %max, %sum : tensor<8x16xf32>, tensor<16xf32>, tensor<16xf32>)
      indexing_maps = [#query, #key, #value, #output] scale = 1.0 {attn.ahead = 48 : index} -> tensor<8x16xf32>, tensor<16xf32>, tensor<16xf32>
  return %r#0 : tensor<8x16xf32>
}
func.func @same_queries(%q: tensor<8x16xf32>, %k: tensor<9x8xf32>, %acc: tensor<8x16xf32>, %max: tensor<16xf32>, %n: index) -> tensor<8x16xf32> {
  %r:3 = attn.attend_tile dot softmax ins(%q, %k, %k : tensor<8x16xf32>, tensor<9x8xf32>, tensor<9x8xf32>) at(%n, %n, %n, %n)
      outs(%acc, %max, %max : tensor<8x16xf32>, tensor<16xf32>, tensor<16xf32>)
      indexing_maps = [#query, #key, #value, #output] scale = 1.0 {attn.ahead = 48 : index} -> tensor<8x16xf32>, tensor<16xf32>, tensor<16xf32>
  return %r#0 : tensor<8x16xf32>
}
func.func @next_padded_queries(%q: tensor<15x8xf32>, %k: tensor<9x8xf32>, %n: index) -> tensor<8x16xf32> {
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %matrix = tensor.empty() : tensor<8x16xf32>
  %row = tensor.empty() : tensor<16xf32>
  %room = linalg.fill ins(%zero : f32) outs(%matrix : tensor<8x16xf32>) -> tensor<8x16xf32>
  %part = tensor.extract_slice %room[0, 0] [8, 15] [1, 1] : tensor<8x16xf32> to tensor<8x15xf32>
  %turned = linalg.generic {indexing_maps = [affine_map<(d, i) -> (i, d)>, affine_map<(d, i) -> (d, i)>], iterator_types = ["parallel", "parallel"]}
      ins(%q : tensor<15x8xf32>) outs(%part : tensor<8x15xf32>) {
  ^bb0(%x: f32, %y: f32):
    linalg.yield %x : f32
  } -> tensor<8x15xf32>
  %packed = tensor.insert_slice %turned into %room[0, 0] [8, 15] [1, 1] : tensor<8x15xf32> into tensor<8x16xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%matrix : tensor<8x16xf32>) -> tensor<8x16xf32>
  %sum = linalg.fill ins(%zero : f32) outs(%row : tensor<16xf32>) -> tensor<16xf32>
  %max = linalg.fill ins(%lowest : f32) outs(%row : tensor<16xf32>) -> tensor<16xf32>
  %r:3 = attn.attend_tile dot softmax ins(%packed, %k, %k : tensor<8x16xf32>, tensor<9x8xf32>, tensor<9x8xf32>) at(%n, %n, %n, %n)
      outs(%acc, %max, %sum : tensor<8x16xf32>, tensor<16xf32>, tensor<16xf32>)
      indexing_maps = [#query, #key, #value, #output] scale = 1.0 {attn.ahead = 48 : index, attn.spread} -> tensor<8x16xf32>, tensor<16xf32>, tensor<16xf32>
  return %r#0 : tensor<8x16xf32>
}

// -----

#query = affine_map<(i, j, d, e) -> (d, i)>
#key = affine_map<(i, j, d, e) -> (j, d)>
#value = affine_map<(i, j, d, e) -> (j, e)>
#output = affine_map<(i, j, d, e) -> (i, e)>

// Of rows that are padding no sums are made.
// CHECK-LABEL: func @existing_rows(
// CHECK-SAME: %[[V:[a-z0-9]+]]: tensor<9x16xf32>, %[[ACC:[a-z0-9]+]]: tensor<32x16xf32>
// CHECK: %[[WEIGHTS:.*]]:2 = linalg.generic {{.*}} iterator_types = ["reduction", "parallel"]}
// CHECK-DAG: %[[ROWS:.*]] = tensor.extract_slice %[[ACC]][0, 0] [17, 16]
// CHECK-DAG: %[[EXISTING:.*]] = tensor.extract_slice %[[WEIGHTS]]#0[0, 0] [9, 17]
// CHECK: %[[SUMS:.*]] = linalg.generic {{.*}} ins(%[[V]], %[[EXISTING]] : {{.*}}) outs(%[[ROWS]] : tensor<17x16xf32>)
// CHECK: tensor.insert_slice %[[SUMS]] into %[[ACC]][0, 0] [17, 16]
func.func @existing_rows(%q: tensor<8x32xf32>, %k: tensor<9x8xf32>, %v: tensor<9x16xf32>, %acc: tensor<32x16xf32>, %max: tensor<32xf32>, %n: index) -> tensor<32x16xf32> {
  %r:3 = attn.attend_tile dot softmax ins(%q, %k, %v : tensor<8x32xf32>, tensor<9x8xf32>, tensor<9x16xf32>) at(%n, %n, %n, %n)
      outs(%acc, %max, %max : tensor<32x16xf32>, tensor<32xf32>, tensor<32xf32>)
      indexing_maps = [#query, #key, #value, #output] scale = 1.0 existing_rows = 17 {attn.bounded} -> tensor<32x16xf32>, tensor<32xf32>, tensor<32xf32>
  return %r#0 : tensor<32x16xf32>
}

// Where they start from nothing, neither.
// CHECK-LABEL: func @existing_rows_of_first_tile(
// CHECK: linalg.fill ins(%{{.*}} : f32) outs(%{{.*}} : tensor<17x16xf32>)
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<17x16xf32>)
func.func @existing_rows_of_first_tile(%q: tensor<8x32xf32>, %k: tensor<9x8xf32>, %v: tensor<9x16xf32>, %n: index) -> tensor<17x16xf32> {
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %matrix = tensor.empty() : tensor<32x16xf32>
  %row = tensor.empty() : tensor<32xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%matrix : tensor<32x16xf32>) -> tensor<32x16xf32>
  %sum = linalg.fill ins(%zero : f32) outs(%row : tensor<32xf32>) -> tensor<32xf32>
  %max = linalg.fill ins(%lowest : f32) outs(%row : tensor<32xf32>) -> tensor<32xf32>
  %r:3 = attn.attend_tile dot softmax ins(%q, %k, %v : tensor<8x32xf32>, tensor<9x8xf32>, tensor<9x16xf32>) at(%n, %n, %n, %n)
      outs(%acc, %max, %sum : tensor<32x16xf32>, tensor<32xf32>, tensor<32xf32>)
      indexing_maps = [#query, #key, #value, #output] scale = 1.0 existing_rows = 17 -> tensor<32x16xf32>, tensor<32xf32>, tensor<32xf32>
  %o = tensor.extract_slice %r#0[0, 0] [17, 16] [1, 1] : tensor<32x16xf32> to tensor<17x16xf32>
  return %o : tensor<17x16xf32>
}

// -----

#query = affine_map<(i, j, d, e) -> (i, d)>
#key = affine_map<(i, j, d, e) -> (j, d)>
#value = affine_map<(i, j, d, e) -> (j, e)>
#output = affine_map<(i, j, d, e) -> (i, e)>

// A single key is its own maximum: its weight takes no exponential. One of several
// tiles may be less.
// CHECK-LABEL: func @only_key(
// CHECK-NOT: math.exp2
// CHECK: %[[EMPTY:.*]] = arith.cmpf olt, %[[WEIGHT:.*]], %[[ZERO:.*]] : f32
// CHECK: arith.select %[[EMPTY]], %[[ZERO]], %[[WEIGHT]]
// CHECK-NOT: math.exp2
// CHECK-LABEL: func @one_more_key(
// CHECK: math.exp2
func.func @only_key(%q: tensor<1x64xf32>, %k: tensor<1x64xf32>, %n: index) -> tensor<1x64xf32> {
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %matrix = tensor.empty() : tensor<1x64xf32>
  %row = tensor.empty() : tensor<1xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%matrix : tensor<1x64xf32>) -> tensor<1x64xf32>
  %sum = linalg.fill ins(%zero : f32) outs(%row : tensor<1xf32>) -> tensor<1xf32>
  %max = linalg.fill ins(%lowest : f32) outs(%row : tensor<1xf32>) -> tensor<1xf32>
  %r:3 = attn.attend_tile dot softmax ins(%q, %k, %k : tensor<1x64xf32>, tensor<1x64xf32>, tensor<1x64xf32>) at(%n, %n, %n, %n)
      outs(%acc, %max, %sum : tensor<1x64xf32>, tensor<1xf32>, tensor<1xf32>)
      indexing_maps = [#query, #key, #value, #output] scale = 0.125 binary -> tensor<1x64xf32>, tensor<1xf32>, tensor<1xf32>
  return %r#0 : tensor<1x64xf32>
}
func.func @one_more_key(%q: tensor<1x64xf32>, %k: tensor<1x64xf32>, %acc: tensor<1x64xf32>, %max: tensor<1xf32>, %sum: tensor<1xf32>, %n: index) -> tensor<1x64xf32> {
  %r:3 = attn.attend_tile dot softmax ins(%q, %k, %k : tensor<1x64xf32>, tensor<1x64xf32>, tensor<1x64xf32>) at(%n, %n, %n, %n)
      outs(%acc, %max, %sum : tensor<1x64xf32>, tensor<1xf32>, tensor<1xf32>)
      indexing_maps = [#query, #key, #value, #output] scale = 0.125 binary -> tensor<1x64xf32>, tensor<1xf32>, tensor<1xf32>
  return %r#0 : tensor<1x64xf32>
}
