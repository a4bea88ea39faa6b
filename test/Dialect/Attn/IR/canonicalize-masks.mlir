// RUN: attn-opt %s -canonicalize="test-convergence" | FileCheck %s

func.func private @use(!attn.mask)

// CHECK-LABEL: func @and_of_constants(
func.func @and_of_constants() {
  // CHECK-DAG: %[[FALSE:.*]] = attn.mask.constant false
  // CHECK-DAG: %[[TRUE:.*]] = attn.mask.constant true
  %true = attn.mask.constant true
  %false = attn.mask.constant false
  %c = attn.mask.causal
  %0 = attn.mask.and %true, %true
  %1 = attn.mask.and %c, %false
  // CHECK: call @use(%[[TRUE]])
  // CHECK: call @use(%[[FALSE]])
  call @use(%0) : (!attn.mask) -> ()
  call @use(%1) : (!attn.mask) -> ()
  return
}

// CHECK-LABEL: func @or_of_constants(
func.func @or_of_constants() {
  // CHECK-DAG: %[[FALSE:.*]] = attn.mask.constant false
  // CHECK-DAG: %[[TRUE:.*]] = attn.mask.constant true
  %true = attn.mask.constant true
  %false = attn.mask.constant false
  %c = attn.mask.causal
  %0 = attn.mask.or %false, %false
  %1 = attn.mask.or %c, %true
  // CHECK: call @use(%[[FALSE]])
  // CHECK: call @use(%[[TRUE]])
  call @use(%0) : (!attn.mask) -> ()
  call @use(%1) : (!attn.mask) -> ()
  return
}

// CHECK-LABEL: func @neutral(
func.func @neutral() {
  // CHECK-DAG: %[[C:.*]] = attn.mask.causal
  // CHECK-DAG: %[[D:.*]] = attn.mask.dilated
  %true = attn.mask.constant true
  %false = attn.mask.constant false
  %c = attn.mask.causal
  %d = attn.mask.dilated stride = 2
  %0 = attn.mask.and %c, %true
  %1 = attn.mask.or %false, %d, %c
  // CHECK: %[[OR:.*]] = attn.mask.or %[[D]], %[[C]]
  // CHECK: call @use(%[[C]])
  // CHECK: call @use(%[[OR]])
  call @use(%0) : (!attn.mask) -> ()
  call @use(%1) : (!attn.mask) -> ()
  return
}

// Operands keep their order: what comes first guards the loads of what follows.
// CHECK-LABEL: func @flatten(
func.func @flatten(%t: tensor<?xi32>) {
  // CHECK-DAG: %[[C:.*]] = attn.mask.causal
  // CHECK-DAG: %[[W:.*]] = attn.mask.window
  // CHECK-DAG: %[[D:.*]] = attn.mask.document
  %c = attn.mask.causal
  %w = attn.mask.window past = 4
  %d = attn.mask.document %t : tensor<?xi32>
  %0 = attn.mask.and %w, %c
  // CHECK: %[[AND:.*]] = attn.mask.and %[[W]], %[[C]], %[[D]]
  %1 = attn.mask.and %0, %d, %w
  // CHECK: %[[OR:.*]] = attn.mask.or %[[AND]], %[[D]]
  %2 = attn.mask.or %1, %d
  // CHECK: call @use(%[[OR]])
  call @use(%2) : (!attn.mask) -> ()
  return
}

// CHECK-LABEL: func @not(
func.func @not() {
  // CHECK-DAG: %[[C:.*]] = attn.mask.causal
  // CHECK-DAG: %[[FALSE:.*]] = attn.mask.constant false
  %c = attn.mask.causal
  %true = attn.mask.constant true
  %0 = attn.mask.not %true
  %1 = attn.mask.not %c
  %2 = attn.mask.not %1
  // CHECK: call @use(%[[FALSE]])
  // CHECK: call @use(%[[C]])
  call @use(%0) : (!attn.mask) -> ()
  call @use(%2) : (!attn.mask) -> ()
  return
}

// CHECK-LABEL: func @unbounded(
func.func @unbounded(%n: index) {
  // CHECK: %[[TRUE:.*]] = attn.mask.constant true
  %0 = attn.mask.window
  %1 = attn.mask.window offset(%n : index)
  %2 = attn.mask.dilated stride = 1
  // CHECK-NEXT: call @use(%[[TRUE]])
  // CHECK-NEXT: call @use(%[[TRUE]])
  // CHECK-NEXT: call @use(%[[TRUE]])
  call @use(%0) : (!attn.mask) -> ()
  call @use(%1) : (!attn.mask) -> ()
  call @use(%2) : (!attn.mask) -> ()
  return
}

// CHECK-LABEL: func @offset_zero(
func.func @offset_zero() {
  %zero = arith.constant 0 : index
  // CHECK: attn.mask.causal{{$}}
  %0 = attn.mask.causal offset(%zero : index)
  call @use(%0) : (!attn.mask) -> ()
  return
}

// CHECK-LABEL: func @load(
// CHECK-SAME: %[[T:.*]]: tensor<?xf32>, %[[I:.*]]: index
func.func @load(%t: tensor<?xf32>, %i: index) -> (f32, f32) {
  %true = arith.constant true
  %false = arith.constant false
  // CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.0
  // CHECK-DAG: %[[X:.*]] = attn.load %[[T]][%[[I]]] : tensor<?xf32>
  %0 = attn.load %t[%i] if %true : tensor<?xf32>
  %1 = attn.load %t[%i] if %false : tensor<?xf32>
  // CHECK: return %[[X]], %[[ZERO]]
  return %0, %1 : f32, f32
}

// CHECK-LABEL: func @floormod(
func.func @floormod(%n: index) -> (index, index, index, index) {
  %three = arith.constant 3 : index
  %minus = arith.constant -7 : index
  %one = arith.constant 1 : index
  %zero = arith.constant 0 : index
  // CHECK-DAG: %[[TWO:.*]] = arith.constant 2 : index
  // CHECK-DAG: %[[NEGATIVE:.*]] = arith.constant -4 : index
  // CHECK-DAG: %[[ZERO:.*]] = arith.constant 0 : index
  %0 = attn.floormod %minus, %three : index
  %1 = attn.floormod %three, %minus : index
  %2 = attn.floormod %n, %one : index
  // CHECK-DAG: %[[KEPT:.*]] = attn.floormod %{{.*}}, %[[ZERO]]
  %3 = attn.floormod %n, %zero : index
  // CHECK: return %[[TWO]], %[[NEGATIVE]], %[[ZERO]], %[[KEPT]]
  return %0, %1, %2, %3 : index, index, index, index
}

// CHECK-LABEL: func @require(
func.func @require(%c: i1) {
  %true = arith.constant true
  // CHECK-NEXT: attn.require %{{.*}}, "kept"
  // CHECK-NEXT: return
  attn.require %c, "kept"
  attn.require %true, "dropped"
  return
}
