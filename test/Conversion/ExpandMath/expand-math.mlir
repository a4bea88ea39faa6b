// RUN: attn-opt %s --attn-expand-math=target=x86-64:x86-64-v3 | FileCheck %s
// RUN: attn-opt %s --attn-expand-math=target=x86-64:x86-64-v4 | FileCheck %s --check-prefix=V4

// The power of two is a factor: added to the exponent bits it could make a
// number of a NaN.
// CHECK-LABEL: func @exp2
// CHECK-SAME: %[[X:.*]]: vector<8xf32>
// CHECK: %[[BITS:.*]] = arith.shli %{{.*}} : vector<8xi32>
// CHECK: %[[POWER:.*]] = arith.bitcast %[[BITS]] : vector<8xi32> to vector<8xf32>
// CHECK: %[[R:.*]] = arith.mulf %{{.*}}, %[[POWER]]
// CHECK: return %[[R]]
func.func @exp2(%x: vector<8xf32>) -> vector<8xf32> {
  %r = math.exp2 %x : vector<8xf32>
  return %r : vector<8xf32>
}

// What is not above 0 needs no bound above.
// CHECK-LABEL: func @nonpositive
// CHECK-COUNT-1: arith.select
// CHECK-NOT: arith.select
// CHECK: return
func.func @nonpositive(%x: vector<8xf32>) -> vector<8xf32> {
  %r = math.exp2 %x {attn.nonpositive} : vector<8xf32>
  return %r : vector<8xf32>
}

// AVX-512 splits and scales whole vectors, others by arithmetic.
// V4-LABEL: func @whole
// V4-SAME: %[[X:.*]]: vector<16xf32>
// V4: %[[F:.*]] = llvm.call_intrinsic "llvm.x86.avx512.mask.reduce.ps.512"(%[[X]], %{{.*}}, %[[X]],
// V4: arith.mulf %{{.*}}, %[[F]]
// V4: %[[R:.*]] = llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"(%[[P:[0-9]+]], %[[X]], %[[P]],
// V4: return %[[R]]
// CHECK-LABEL: func @whole
// CHECK-NOT: llvm.call_intrinsic
func.func @whole(%x: vector<16xf32>) -> vector<16xf32> {
  %r = math.exp2 %x : vector<16xf32>
  return %r : vector<16xf32>
}

// Half of them likewise; those take no rounding.
// V4-LABEL: func @eight
// V4-SAME: %[[X:.*]]: vector<8xf32>
// V4: %[[F:.*]] = llvm.call_intrinsic "llvm.x86.avx512.mask.reduce.ps.256"(%[[X]], %{{.*}}, %[[X]], %{{.*}}) : (vector<8xf32>, i32, vector<8xf32>, i8)
// V4: %[[R:.*]] = llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.256"(%[[P:[0-9]+]], %[[X]], %[[P]], %{{.*}}) : (vector<8xf32>, vector<8xf32>, vector<8xf32>, i8)
// V4: return %[[R]]
func.func @eight(%x: vector<8xf32>) -> vector<8xf32> {
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
