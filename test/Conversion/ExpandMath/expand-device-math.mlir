// RUN: attn-opt %s --attn-expand-device-math | FileCheck %s

// CHECK-LABEL: func @magnitude
// CHECK-SAME: %[[X:.*]]: f32
// CHECK: %[[R:.*]] = llvm.call_intrinsic "llvm.fabs"(%[[X]]) : (f32) -> f32
// CHECK: return %[[R]]
func.func @magnitude(%x: f32) -> f32 {
  %r = math.absf %x : f32
  return %r : f32
}

// Numbers of 16 bits are rounded as f32.
// CHECK-LABEL: func @half
// CHECK-SAME: %[[X:.*]]: bf16
// CHECK: %[[W:.*]] = arith.extf %[[X]] : bf16 to f32
// CHECK: %[[F:.*]] = llvm.call_intrinsic "llvm.floor"(%[[W]]) : (f32) -> f32
// CHECK: arith.truncf %[[F]] : f32 to bf16
func.func @half(%x: bf16) -> bf16 {
  %r = math.floor %x : bf16
  return %r : bf16
}

// CHECK-LABEL: func @larger
// CHECK-SAME: %[[X:[^ ]*]]: f32, %[[Y:[^ ]*]]: f32
// CHECK: llvm.call_intrinsic "llvm.maxnum"(%[[X]], %[[Y]]) : (f32, f32) -> f32
func.func @larger(%x: f32, %y: f32) -> f32 {
  %r = arith.maxnumf %x, %y : f32
  return %r : f32
}

// CHECK-LABEL: func @divide
// CHECK-NOT: ceildivsi
// CHECK: arith.divsi
func.func @divide(%x: i32, %y: i32) -> i32 {
  %r = arith.ceildivsi %x, %y : i32
  return %r : i32
}

// CHECK-LABEL: func @root
// CHECK-SAME: %[[X:.*]]: f64
// CHECK: %[[S:.*]] = llvm.call_intrinsic "llvm.sqrt"(%[[X]]) : (f64) -> f64
// CHECK: arith.divf %{{.*}}, %[[S]] : f64
func.func @root(%x: f64) -> f64 {
  %r = math.rsqrt %x : f64
  return %r : f64
}

// CHECK-LABEL: func @test
// CHECK-SAME: %[[X:.*]]: f32
// CHECK: %[[INF:.*]] = arith.constant 0x7F800000 : f32
// CHECK: %[[M:.*]] = llvm.call_intrinsic "llvm.fabs"(%[[X]])
// CHECK: arith.cmpf olt, %[[M]], %[[INF]] : f32
func.func @test(%x: f32) -> i1 {
  %r = math.isfinite %x : f32
  return %r : i1
}

// CHECK-LABEL: func @rest
// CHECK: arith.extf %{{.*}} : f32 to f64
// CHECK: scf.while
// CHECK: arith.truncf %{{.*}} : f64 to f32
func.func @rest(%x: f32, %y: f32) -> f32 {
  %r = arith.remf %x, %y : f32
  return %r : f32
}

// No function is called.
// CHECK-LABEL: func @functions
// CHECK-NOT: math.{{[^f]}}
// CHECK: return
func.func @functions(%x: f32, %y: f32) -> f32 {
  %0 = math.sin %x : f32
  %1 = math.erf %0 : f32
  %2 = math.powf %1, %y : f32
  %3 = math.atan2 %2, %y : f32
  %4 = math.log1p %3 : f32
  return %4 : f32
}

// CHECK-LABEL: func @double
// CHECK: math.sin
func.func @double(%x: f64) -> f64 {
  %r = math.sin %x : f64
  return %r : f64
}
