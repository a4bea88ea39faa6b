// RUN: attn-opt %s -attn-lower-to-attend -attn-tile-queries=target=x86-64-v3 -attn-tile-keys=target=x86-64-v3 \
// RUN:   -canonicalize -cse | FileCheck %s
// RUN: attn-opt %s -attn-lower-to-attend -attn-tile-queries=target=x86-64-v3 -attn-tile-keys=target=x86-64-v3 \
// RUN:   --remark-format=emitRemark --remarks-filter-missed=attn-tile-keys \
// RUN:   -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// Heads are so large that tiles of queries form no bands.

// An affine mask needs no table. Its last key bounds the loop, and two
// comparisons decide each tile: none of a key after the first query, one of a
// key after the last.

// CHECK-LABEL: func @causal(
// CHECK-NOT: scf.for
// CHECK: scf.forall (%[[FIRST:.*]]) = (0)
// CHECK-NOT: tensor<{{.*}}xi64>
// CHECK: %[[FIRST_QUERY:.*]] = arith.index_cast %[[FIRST]] : index to i64
// CHECK: %[[LAST_QUERY:.*]] = arith.subi %{{.*}}, %{{.*}} : i64
// CHECK: scf.for %[[KEY:.*]] = %{{.*}} to %{{.*}} step
// CHECK: %[[FIRST_KEY:.*]] = arith.index_cast %[[KEY]] : index to i64
// CHECK: %[[FURTHEST:.*]] = arith.subi %{{.*}}, %[[FIRST_QUERY]] : i64
// CHECK: arith.cmpi sge, %[[FURTHEST]], %{{.*}} : i64
// CHECK: %[[NEAREST:.*]] = arith.subi %[[LAST_QUERY]], %[[FIRST_KEY]] : i64
// CHECK: %[[MAY:.*]] = arith.cmpi sge, %[[NEAREST]], %{{.*}} : i64
// CHECK: scf.if %[[MAY]]
func.func @causal(%q: tensor<1x1x?x256xf32>, %k: tensor<1x1x?x256xf32>, %v: tensor<1x1x?x256xf32>) -> tensor<1x1x?x256xf32> {
  %m = attn.mask.causal
  %o = attn.scaled_dot_product %q, %k, %v mask(%m)
       : tensor<1x1x?x256xf32>, tensor<1x1x?x256xf32>, tensor<1x1x?x256xf32> -> tensor<1x1x?x256xf32>
  return %o : tensor<1x1x?x256xf32>
}

// Ids are tabled before the loops: least, greatest and hashes of each tile.
// Hashes without a common bit leave a tile empty.

// CHECK-LABEL: func @document(
// CHECK-SAME: %[[IDS:[a-z0-9]+]]: tensor<?xi32>
// CHECK: %[[QUERIES:.*]]:3 = scf.for
// CHECK:   scf.for
// CHECK:     %[[LOADED:.*]] = attn.load %[[IDS]]
// CHECK:     %[[ID:.*]] = arith.extsi %[[LOADED]] : i32 to i64
// CHECK-DAG: arith.minsi %{{.*}}, %[[ID]] : i64
// CHECK-DAG: arith.maxsi %{{.*}}, %[[ID]] : i64
// CHECK-DAG: arith.muli %[[ID]], %{{.*}} : i64
// CHECK: %[[KEYS:.*]]:3 = scf.for
// CHECK: scf.forall
// CHECK-DAG: %[[ONE:.*]] = tensor.extract %[[QUERIES]]#2
// CHECK-DAG: %[[OTHER:.*]] = tensor.extract %[[KEYS]]#2
// CHECK: %[[COMMON:.*]] = arith.andi %[[ONE]], %[[OTHER]] : i64
// CHECK: arith.cmpi ne, %[[COMMON]]
func.func @document(%q: tensor<1x1x?x256xf32>, %k: tensor<1x1x?x256xf32>, %v: tensor<1x1x?x256xf32>, %ids: tensor<?xi32>) -> tensor<1x1x?x256xf32> {
  %m = attn.mask.document %ids : tensor<?xi32>
  %o = attn.scaled_dot_product %q, %k, %v mask(%m)
       : tensor<1x1x?x256xf32>, tensor<1x1x?x256xf32>, tensor<1x1x?x256xf32> -> tensor<1x1x?x256xf32>
  return %o : tensor<1x1x?x256xf32>
}

// What cannot be analysed is partial, and says so.

// REMARK: mask-not-proved{{.*}}arith.xori{{.*}}no transfer function for it over both i and j
func.func @exclusive(%q: tensor<1x1x?x256xf32>, %k: tensor<1x1x?x256xf32>, %v: tensor<1x1x?x256xf32>) -> tensor<1x1x?x256xf32> {
  %m = attn.mask.predicate {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %five = arith.constant 5 : index
    %x = arith.xori %i, %j : index
    %keep = arith.cmpi sgt, %x, %five : index
    attn.yield %keep : i1
  }
  %o = attn.scaled_dot_product %q, %k, %v mask(%m)
       : tensor<1x1x?x256xf32>, tensor<1x1x?x256xf32>, tensor<1x1x?x256xf32> -> tensor<1x1x?x256xf32>
  return %o : tensor<1x1x?x256xf32>
}

// Where a table meets other conditions, intervals may leave open whether a tile
// is empty: then queries are tried one by one, until a pair is found.

// CHECK-LABEL: func @not_window(
// CHECK-SAME: %[[IDS:[a-z0-9]+]]: tensor<?xi32>
// CHECK: scf.for %{{.*}} = %{{.*}} iter_args(%[[FOUND:.*]] = %false) -> (i1) {
// CHECK-NEXT: scf.if %[[FOUND]] -> (i1) {
// CHECK-NEXT: scf.yield
// CHECK-NEXT: } else {
// CHECK: attn.load %[[IDS]]
// CHECK: attn.load %[[IDS]]
// CHECK: attn.load %[[IDS]]
// CHECK: attn.attend_tile
func.func @not_window(%q: tensor<1x1x?x256xf32>, %k: tensor<1x1x?x256xf32>, %v: tensor<1x1x?x256xf32>, %ids: tensor<?xi32>) -> tensor<1x1x?x256xf32> {
  %w = attn.mask.window past = 100 future = 100
  %n = attn.mask.not %w
  %d = attn.mask.document %ids : tensor<?xi32>
  %m = attn.mask.and %d, %n
  %o = attn.scaled_dot_product %q, %k, %v mask(%m)
       : tensor<1x1x?x256xf32>, tensor<1x1x?x256xf32>, tensor<1x1x?x256xf32> -> tensor<1x1x?x256xf32>
  return %o : tensor<1x1x?x256xf32>
}
