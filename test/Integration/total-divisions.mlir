// Divisions in a mask that are by 0 or overflow do not trap, neither where the
// compiled function evaluates the mask on pairs nor where it tables a
// subexpression of j alone: by 0 the result is any, the overflow wraps.

// RUN: attnc run %s --entry overflow --arg d=-1 --check | FileCheck %s
// RUN: attnc run %s --entry overflow --arg d=3 --check | FileCheck %s
// RUN: attnc run %s --entry overflow --arg d=0
// RUN: attnc run %s --entry zero --arg d=0
// RUN: attnc run %s --entry zero --arg d=-1
// CHECK: passed

func.func @overflow(%q: tensor<1x1x70x16xf32>, %k: tensor<1x1x130x16xf32>, %v: tensor<1x1x130x16xf32>, %d: i32) -> tensor<1x1x70x16xf32> {
  %m = attn.mask.predicate(%d : i32) {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %by: i32):
    %least = arith.constant -2147483648 : i32
    %j32 = arith.index_cast %j : index to i32
    %i32 = arith.index_cast %i : index to i32
    %x = arith.addi %j32, %least : i32
    %a = arith.divsi %x, %by : i32
    %r = arith.remsi %x, %by : i32
    %c = arith.floordivsi %x, %by : i32
    %e = arith.ceildivsi %x, %by : i32
    %f = attn.floormod %x, %by : i32
    %s0 = arith.xori %a, %r : i32
    %s1 = arith.xori %c, %e : i32
    %s2 = arith.xori %s0, %s1 : i32
    %s3 = arith.xori %s2, %f : i32
    // Once of j alone, once of pairs.
    %five = arith.constant 5 : i32
    %zero = arith.constant 0 : i32
    %one = arith.cmpi ne, %s3, %zero : i32
    %y = arith.addi %x, %i32 : i32
    %p = arith.divsi %y, %by : i32
    %two = arith.cmpi ne, %p, %five : i32
    %keep = arith.andi %one, %two : i1
    attn.yield %keep : i1
  }
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : tensor<1x1x70x16xf32>, tensor<1x1x130x16xf32>, tensor<1x1x130x16xf32> -> tensor<1x1x70x16xf32>
  return %o : tensor<1x1x70x16xf32>
}

func.func @zero(%q: tensor<1x1x70x16xf32>, %k: tensor<1x1x130x16xf32>, %v: tensor<1x1x130x16xf32>, %d: i32) -> tensor<1x1x70x16xf32> {
  %m = attn.mask.predicate(%d : i32) {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %by: i32):
    %distance = arith.subi %i, %j : index
    %x = arith.divsi %i, %distance : index
    %y = arith.remui %j, %distance : index
    %by64 = arith.index_cast %by : i32 to index
    %z = arith.divui %j, %by64 : index
    %xy = arith.addi %x, %y : index
    %keep = arith.cmpi slt, %xy, %z : index
    attn.yield %keep : i1
  }
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : tensor<1x1x70x16xf32>, tensor<1x1x130x16xf32>, tensor<1x1x130x16xf32> -> tensor<1x1x70x16xf32>
  return %o : tensor<1x1x70x16xf32>
}
