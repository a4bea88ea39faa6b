// Keys of several blocks of 16 tiles, of which the mask skips most: ids that are
// sorted, which are searched, and the same masks on ids that are not (random).

// RUN: attnc run %s --entry documents --dim M=200 --dim N=5000 --arg ids=random:3 --check | FileCheck %s
// RUN: attnc run %s --entry sinks --dim M=700 --dim N=4000 --check | FileCheck %s
// CHECK: check {{.*}}passed

!t = tensor<?x16xf32>

func.func @documents(%q: !t, %k: !t, %v: !t, %ids: tensor<5000xi32>) -> !t {
  %m = attn.mask.predicate(%ids : tensor<5000xi32>) {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %t: tensor<5000xi32>):
    %thousand = arith.constant 1000 : index
    %hundred = arith.constant 100 : i32
    %x = arith.floordivsi %j, %thousand : index
    %y = attn.load %t[%i] : tensor<5000xi32>
    %z = arith.remsi %y, %hundred : i32
    %w = arith.index_cast %z : i32 to index
    %five = arith.constant 5 : index
    %u = attn.floormod %w, %five : index
    %keep = arith.cmpi eq, %x, %u : index
    attn.yield %keep : i1
  }
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : !t, !t, !t -> !t
  return %o : !t
}

func.func @sinks(%q: !t, %k: !t, %v: !t) -> !t {
  %m = attn.mask.predicate {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %shift = arith.constant 3300 : index
    %width = arith.constant 64 : index
    %four = arith.constant 4 : index
    %own = arith.addi %i, %shift : index
    %past = arith.subi %own, %j : index
    %near = arith.cmpi sle, %past, %width : index
    %before = arith.cmpi sle, %j, %own : index
    %sink = arith.cmpi slt, %j, %four : index
    %window = arith.andi %near, %before : i1
    %keep = arith.ori %window, %sink : i1
    attn.yield %keep : i1
  }
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : !t, !t, !t -> !t
  return %o : !t
}
