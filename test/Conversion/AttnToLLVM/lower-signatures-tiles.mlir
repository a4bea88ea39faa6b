// RUN: attn-opt %s -attn-lower-signatures="features=196613" | FileCheck %s

// Features of tile registers, bits 16 and 17, are those of functions that use them.

// CHECK-LABEL: func @tiles(
// CHECK-SAME: attn.spec = array<i64: 196613, 0, 1,
func.func @tiles(%m: memref<16x16xf32> {attn.name = "m"}) {
  %c0 = arith.constant 0 : index
  %zero = amx.tile_zero : !amx.tile<16x16xf32>
  amx.tile_store %m[%c0, %c0], %zero : memref<16x16xf32>, !amx.tile<16x16xf32>
  return
}

// CHECK-LABEL: func @vectors(
// CHECK-SAME: attn.spec = array<i64: 5, 0, 1,
func.func @vectors(%m: memref<16x16xf32> {attn.name = "m"}) {
  return
}

// A body that became a function is code of the function that calls it.
func.func private @inside.body(%begin: index, %end: index) attributes {attn.body} {
  %zero = amx.tile_zero : !amx.tile<16x16xf32>
  return
}

// CHECK-LABEL: func @inside(
// CHECK-SAME: attn.spec = array<i64: 196613, 0, 1,
func.func @inside(%n: index) {
  attn.parallel %n : index {
  ^bb0(%begin: index, %end: index):
    func.call @inside.body(%begin, %end) : (index, index) -> ()
    attn.yield
  }
  return
}
