// Facts that attn.assume states: relied on, checked by --debug-checks and by the
// reference, explained.
// RUN: attnc run %s --arg n=20 --check --debug-checks | FileCheck %s --check-prefix=HOLDS
// HOLDS: check result: passed
// RUN: not attnc run %s --arg n=101 --debug-checks 2>&1 | FileCheck %s --check-prefix=CHECKED
// CHECKED: assume: 'n' is 101; it is stated to be at least 0 and at most 100
// RUN: not attnc run %s --arg n=101 --check 2>&1 | FileCheck %s --check-prefix=REFERENCE
// REFERENCE: states bounds; 101 lies outside of them
// RUN: attnc run %s --arg n=101
// RUN: attnc explain %s --arg n=20 | FileCheck %s --check-prefix=EXPLAIN
// EXPLAIN: tiles: {{.*}} empty
// EXPLAIN: remark: a capture is stated to ascend; the keys of a tile of queries are one range
// EXPLAIN: remark: n is stated to be at least 0 and at most 100; {{[1-9][0-9]*}} conditions less are checked per tile
// RUN: not attnc explain %s --arg n=101 --debug-checks 2>&1 | FileCheck %s --check-prefix=CHECKED

// RUN: sed -e 's/, 6, 7\]/, 6, 5]/' %s > %t.falls.mlir
// RUN: not attnc run %t.falls.mlir --arg n=20 --debug-checks 2>&1 | FileCheck %s --check-prefix=FALLS
// FALLS: assume: 'a value' falls along its last dimension; it is stated to ascend
// RUN: not attnc run %t.falls.mlir --arg n=20 --check 2>&1 | FileCheck %s --check-prefix=FALLSREF
// FALLSREF: states of a tensor that it ascends; 5 follows 6

// RUN: not attnc compile %s --debug-checks=7 -o %t.o 2>&1 | FileCheck %s --check-prefix=OPTION
// OPTION: debug-checks

func.func @f(%q: tensor<8x16xf32>, %k: tensor<8x16xf32>, %v: tensor<8x16xf32>, %n: index) -> tensor<8x16xf32> {
  %ids = arith.constant dense<[1, 1, 2, 4, 4, 4, 6, 7]> : tensor<8xi32>
  %sorted = attn.assume %ids ascending : tensor<8xi32>
  %d = attn.mask.document %sorted : tensor<8xi32>
  %reach = attn.assume %n at_least = 0 at_most = 100 : index
  %w = attn.mask.predicate(%reach : index) {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %r: index):
    %last = arith.addi %i, %r : index
    %keep = arith.cmpi sle, %j, %last : index
    attn.yield %keep : i1
  }
  %m = attn.mask.and %d, %w
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : tensor<8x16xf32>, tensor<8x16xf32>, tensor<8x16xf32> -> tensor<8x16xf32>
  return %o : tensor<8x16xf32>
}
