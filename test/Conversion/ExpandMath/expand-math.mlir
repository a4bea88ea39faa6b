// RUN: attn-opt %s --attn-expand-math | FileCheck %s

// The power of two is a factor: added to the exponent bits it could make a
// number of a NaN.
// CHECK-LABEL: func @exp2
// CHECK-SAME: %[[X:.*]]: vector<8xf32>
// CHECK: %[[N:.*]] = math.floor
// CHECK: %[[BITS:.*]] = arith.shli %{{.*}} : vector<8xi32>
// CHECK: %[[POWER:.*]] = arith.bitcast %[[BITS]] : vector<8xi32> to vector<8xf32>
// CHECK: %[[R:.*]] = arith.mulf %{{.*}}, %[[POWER]]
// CHECK: return %[[R]]
func.func @exp2(%x: vector<8xf32>) -> vector<8xf32> {
  %r = math.exp2 %x : vector<8xf32>
  return %r : vector<8xf32>
}

// CHECK-LABEL: func @half
// CHECK: arith.extf %{{.*}} : f16 to f32
// CHECK-NOT: math.tanh
// CHECK: arith.truncf %{{.*}} : f32 to f16
func.func @half(%x: f16) -> f16 {
  %r = math.tanh %x : f16
  return %r : f16
}

// CHECK-LABEL: func @double
// CHECK: math.exp
func.func @double(%x: f64) -> f64 {
  %r = math.exp %x : f64
  return %r : f64
}

// CHECK-LABEL: func @floormod
// CHECK-SAME: %[[A:.*]]: index, %[[B:.*]]: index
// CHECK: %[[REST:.*]] = arith.remsi %[[A]], %[[B]]
// CHECK: %[[SUM:.*]] = arith.addi %[[REST]], %[[B]]
// CHECK: arith.select %{{.*}}, %[[SUM]], %[[REST]]
func.func @floormod(%a: index, %b: index) -> index {
  %r = attn.floormod %a, %b : index
  return %r : index
}

// CHECK-LABEL: func @load
// CHECK: scf.if
// CHECK: memref.load
// CHECK: else
func.func @load(%t: memref<?xf32>, %i: index, %g: i1) -> f32 {
  %r = attn.load %t[%i] if %g : memref<?xf32>
  return %r : f32
}
