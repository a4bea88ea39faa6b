// RUN: attn-opt %s -loop-invariant-code-motion -split-input-file | FileCheck %s

// A load is total: it may leave the loop, a guard and all.
// CHECK-LABEL: func @load(
// CHECK: attn.load
// CHECK: scf.for
// CHECK: memref.store
func.func @load(%t: tensor<?xf32>, %i: index, %c: i1, %n: index, %m: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %k = %c0 to %n step %c1 {
    %x = attn.load %t[%i] if %c : tensor<?xf32>
    memref.store %x, %m[%k] : memref<?xf32>
  }
  return
}

// -----

// A load of memory that the loop writes stays.
// CHECK-LABEL: func @memory(
// CHECK: scf.for
// CHECK: attn.load
// CHECK: memref.store
func.func @memory(%t: memref<?xf32>, %i: index, %c: i1, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %k = %c0 to %n step %c1 {
    %x = attn.load %t[%i] if %c : memref<?xf32>
    memref.store %x, %t[%k] : memref<?xf32>
  }
  return
}

// -----

#query = affine_map<(b, hkv, g, i, j, d, e) -> (i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (j, d)>
#value = affine_map<(b, hkv, g, i, j, d, e) -> (j, e)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (i, e)>

// A region that divides by what may be 0 is not speculated; one that does not is.
// CHECK-LABEL: func @attend(
// CHECK: attn.attend {{.*}} scale = 1.0
// CHECK: scf.for
// CHECK: attn.attend {{.*}} scale = 2.0
func.func @attend(%q: tensor<8x4xf32>, %o: tensor<8x4xf32>, %n: index) -> tensor<8x4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.for %k = %c0 to %n step %c1 iter_args(%acc = %o) -> tensor<8x4xf32> {
    %plain = attn.attend dot softmax ins(%q, %q, %q : tensor<8x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>)
        outs(%o : tensor<8x4xf32>) indexing_maps = [#query, #key, #value, #output] scale = 1.0 mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %keep = arith.cmpi sge, %i, %j : index
      attn.yield %keep : i1
    } -> tensor<8x4xf32>
    %divides = attn.attend dot softmax ins(%q, %q, %q : tensor<8x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>)
        captures(%n : index) outs(%o : tensor<8x4xf32>) indexing_maps = [#query, #key, #value, #output] scale = 2.0 mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index, %d: index):
      %x = arith.divsi %i, %d : index
      %keep = arith.cmpi sge, %x, %j : index
      attn.yield %keep : i1
    } -> tensor<8x4xf32>
    %sum = linalg.add ins(%plain, %divides : tensor<8x4xf32>, tensor<8x4xf32>) outs(%acc : tensor<8x4xf32>) -> tensor<8x4xf32>
    scf.yield %sum : tensor<8x4xf32>
  }
  return %r : tensor<8x4xf32>
}
