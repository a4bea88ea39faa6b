// RUN: attn-opt %s -attn-lower-to-attend -canonicalize -cse | FileCheck %s

// Sizes that types leave open are checked when the function is called.
// CHECK-LABEL: func @document(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<?x64xf32>, %[[K:[a-z0-9]+]]: tensor<?x64xf32>, %[[IDS:[a-z0-9]+]]: tensor<?xi32>
func.func @document(%q: tensor<?x64xf32>, %k: tensor<?x64xf32>, %ids: tensor<?xi32>) -> tensor<?x64xf32> {
  // CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
  // CHECK-DAG: %[[M:.*]] = tensor.dim %[[Q]], %[[C0]]
  // CHECK-DAG: %[[N:.*]] = tensor.dim %[[K]], %[[C0]]
  // CHECK-DAG: %[[COUNT:.*]] = tensor.dim %[[IDS]], %[[C0]]
  // CHECK-DAG: %[[QUERIES:.*]] = arith.cmpi sge, %[[COUNT]], %[[M]]
  // CHECK-DAG: attn.require %[[QUERIES]], "mask.document: there are {0} ids; it takes at least one per query, {1}"(%[[COUNT]], %[[M]])
  // CHECK-DAG: %[[KEYS:.*]] = arith.cmpi sge, %[[COUNT]], %[[N]]
  // CHECK-DAG: attn.require %[[KEYS]], "mask.document: there are {0} ids; it takes at least one per key, {1}"(%[[COUNT]], %[[N]])
  %c = attn.mask.causal
  %d = attn.mask.document %ids : tensor<?xi32>
  %m = attn.mask.and %c, %d
  %o = attn.dot_product %q, %k, %k mask(%m) : tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32> -> tensor<?x64xf32>
  return %o : tensor<?x64xf32>
}

// A static size of 1 is broadcast; a dynamic one is that of the attention.
// CHECK-LABEL: func @bias(
func.func @bias(%q: tensor<8x64xf32>, %k: tensor<9x64xf32>, %t: tensor<1x?xf32>, %layout: tensor<?x3xi1>) -> tensor<8x64xf32> {
  // CHECK-NOT: queries
  // CHECK-DAG: attn.require %{{.*}}, "mask.block_sparse: there are {0} rows of blocks; it takes at least one per query block, {1}"
  // CHECK-NOT: columns
  // CHECK-DAG: attn.require %{{.*}}, "score.bias: there are {0} keys; it takes 1 or {1}"
  // CHECK-NOT: queries
  // CHECK: attn.attend
  %m = attn.mask.block_sparse %layout block [4, 4] : tensor<?x3xi1>
  %s = attn.score.bias %t : tensor<1x?xf32>
  %o = attn.dot_product %q, %k, %k mask(%m) score(%s) : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x64xf32> -> tensor<8x64xf32>
  return %o : tensor<8x64xf32>
}

// What captures hold is checked as well.
// CHECK-LABEL: func @contents(
// CHECK-SAME: %[[CAP:[a-z0-9]+]]: f32, %[[TABLE:[a-z0-9]+]]: tensor<?xf32>, %[[OFFSETS:[a-z0-9]+]]: tensor<?xi32>
func.func @contents(%q: tensor<8x64xf32>, %cap: f32, %table: tensor<?xf32>, %offsets: tensor<?xi32>) -> tensor<8x64xf32> {
  // CHECK: attn.require %{{.*}}, "mask.document_offsets: there are no offsets; it takes one more than documents, at least 1"
  // CHECK: %[[SORTED:.*]] = scf.for %[[T:[a-z0-9]+]] = {{.*}} -> (i1)
  // CHECK-DAG: %[[LOW:.*]] = tensor.extract %[[OFFSETS]][%[[T]]]
  // CHECK-DAG: %[[NEXT:.*]] = arith.addi %[[T]]
  // CHECK-DAG: %[[HIGH:.*]] = tensor.extract %[[OFFSETS]][%[[NEXT]]]
  // CHECK: arith.cmpi sle, %[[LOW]], %[[HIGH]]
  // CHECK: attn.require %[[SORTED]], "mask.document_offsets: offsets decrease; they must be in ascending order"
  // CHECK-DAG: %[[ABOVE:.*]] = arith.cmpf ogt, %[[CAP]], %{{.*}} : f32
  // CHECK-DAG: %[[FINITE:.*]] = arith.cmpf olt, %[[CAP]], %{{.*}} : f32
  // CHECK-DAG: %[[POSITIVE:.*]] = arith.andi %[[ABOVE]], %[[FINITE]]
  // CHECK-DAG: attn.require %[[POSITIVE]], "score.softcap: cap is not finite and greater than 0"
  // CHECK-DAG: attn.require %{{.*}}, "score.relative_bias: the table has {0} entries; it takes an odd number, 2R + 1"
  %m = attn.mask.document_offsets %offsets : tensor<?xi32>
  %s = attn.score.softcap %cap : f32
  %r = attn.score.relative_bias %table : tensor<?xf32>
  %o = attn.dot_product %q, %q, %q mask(%m) score(%s, %r) : tensor<8x64xf32>, tensor<8x64xf32>, tensor<8x64xf32> -> tensor<8x64xf32>
  return %o : tensor<8x64xf32>
}

// Side and offset of a window are added; 32 bits cannot hold what would wrap.
// CHECK-LABEL: func @window(
// CHECK-SAME: %[[OFFSET:[a-z0-9]+]]: i64, %[[EACH:[a-z0-9]+]]: tensor<8xi64>, %[[NARROW:[a-z0-9]+]]: tensor<8xi32>, %[[SIDE:[a-z0-9]+]]: index
func.func @window(%q: tensor<8x8x64xf32>, %offset: i64, %each: tensor<8xi64>, %narrow: tensor<8xi32>, %side: index) -> tensor<8x8x64xf32> {
  // CHECK-DAG: %[[LOW:.*]] = arith.constant -2305843009213693952 : i64
  // CHECK-DAG: %[[HIGH:.*]] = arith.constant 2305843009213693952 : i64
  // CHECK: attn.require %{{.*}}, "mask.window: past {0} is not between -2^62 and 2^62"(%[[SIDE]])
  // CHECK-DAG: %[[ABOVE:.*]] = arith.cmpi sge, %[[OFFSET]], %[[LOW]] : i64
  // CHECK-DAG: %[[BELOW:.*]] = arith.cmpi sle, %[[OFFSET]], %[[HIGH]] : i64
  // CHECK-DAG: %[[WITHIN:.*]] = arith.andi %[[ABOVE]], %[[BELOW]]
  // CHECK: attn.require %[[WITHIN]], "mask.window: offset {0} is not between -2^61 and 2^61"(%{{.*}})
  // CHECK: %[[ALL:.*]] = scf.for
  // CHECK: tensor.extract %[[EACH]]
  // CHECK: attn.require %[[ALL]], "mask.window: an offset is not between -2^61 and 2^61"
  // CHECK-NOT: attn.require
  // CHECK: attn.attend
  %a = attn.mask.window past(%side) offset(%offset : i64)
  %b = attn.mask.window past = 9 offset(%each : tensor<8xi64>)
  %c = attn.mask.window past = 9 offset(%narrow : tensor<8xi32>)
  %d = attn.mask.window past(%side)
  %e = attn.mask.causal offset(%offset : i64)
  %m = attn.mask.and %a, %b, %c, %d, %e
  %o = attn.dot_product %q, %q, %q mask(%m) : tensor<8x8x64xf32>, tensor<8x8x64xf32>, tensor<8x8x64xf32> -> tensor<8x8x64xf32>
  return %o : tensor<8x8x64xf32>
}

// The types do not tell how many heads share keys; what states it is looked at.
// CHECK-LABEL: func @group(
func.func @group(%q: tensor<1x?x8x64xf32>, %k: tensor<1x?x8x64xf32>) -> tensor<1x?x8x64xf32> {
  // CHECK: %[[DUE:.*]] = arith.muli %[[KEYS:.*]], %c4
  // CHECK: %[[EQUAL:.*]] = arith.cmpi eq, %[[HEADS:.*]], %[[DUE]]
  // CHECK: attn.require %[[EQUAL]], "scaled_dot_product: query has {0} heads, key has {1}; attn.group states {2} times as many"(%[[HEADS]], %[[KEYS]], %c4
  // CHECK: attn.attend {{.*}}tensor<1x?x4x8x64xf32>
  %o = attn.scaled_dot_product %q, %k, %k {attn.group = 4 : index}
      : tensor<1x?x8x64xf32>, tensor<1x?x8x64xf32>, tensor<1x?x8x64xf32> -> tensor<1x?x8x64xf32>
  return %o : tensor<1x?x8x64xf32>
}

// CHECK-LABEL: func @bandwidth(
// CHECK-SAME: %[[WIDTHS:[a-z0-9]+]]: tensor<?xf32>
func.func @bandwidth(%q: tensor<1x2x8x64xf32>, %widths: tensor<?xf32>) -> tensor<1x2x8x64xf32> {
  // CHECK: attn.require %{{.*}}, "kernel_regression: bandwidth has entries per query head {0}, query has {1}; they must be equal"
  // CHECK: %[[POSITIVE:.*]] = scf.for
  // CHECK: tensor.extract %[[WIDTHS]]
  // CHECK: attn.require %[[POSITIVE]], "kernel_regression: a bandwidth is not finite and greater than 0"
  %o = attn.kernel_regression gaussian %q, %q, %q bandwidth(%widths : tensor<?xf32>)
      : tensor<1x2x8x64xf32>, tensor<1x2x8x64xf32>, tensor<1x2x8x64xf32> -> tensor<1x2x8x64xf32>
  return %o : tensor<1x2x8x64xf32>
}
