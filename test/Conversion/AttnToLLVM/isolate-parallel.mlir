// RUN: attn-opt %s -attn-isolate-parallel -split-input-file | FileCheck %s

// The last body comes first; constants are repeated in it, other values are
// arguments.

// CHECK: func.func private @f.parallel.1(%[[BEGIN:.*]]: index, %[[END:.*]]: index, %[[OUT:.*]]: memref<?xf32>) attributes {attn.body}
// CHECK-DAG: %[[ONE:.*]] = arith.constant 1 : index
// CHECK-DAG: %[[X:.*]] = arith.constant 2.000000e+00 : f32
// CHECK: scf.for %[[I:.*]] = %[[BEGIN]] to %[[END]] step %[[ONE]]
// CHECK: memref.store %[[X]], %[[OUT]][%[[I]]]
// CHECK: return
// CHECK: func.func private @f.parallel.0(%[[BEGIN:.*]]: index, %{{.*}}: index, %[[VALUE:.*]]: f32, %[[OUT:.*]]: memref<?xf32>)
// CHECK: memref.store %[[VALUE]], %[[OUT]][%[[BEGIN]]]
// CHECK: func.func @f(%[[OUT:.*]]: memref<?xf32>, %[[N:.*]]: index, %[[VALUE:.*]]: f32)
// CHECK: attn.parallel %[[N]] : index {
// CHECK: ^bb0(%[[BEGIN:.*]]: index, %[[END:.*]]: index):
// CHECK-NEXT: func.call @f.parallel.0(%[[BEGIN]], %[[END]], %[[VALUE]], %[[OUT]])
// CHECK-NEXT: attn.yield
// CHECK: attn.parallel %[[N]] : index {
// CHECK: ^bb0(%[[BEGIN:.*]]: index, %[[END:.*]]: index):
// CHECK-NEXT: func.call @f.parallel.1(%[[BEGIN]], %[[END]], %[[OUT]])
// CHECK-NEXT: attn.yield
func.func @f(%out: memref<?xf32>, %n: index, %value: f32) {
  %c1 = arith.constant 1 : index
  %x = arith.constant 2.0 : f32
  attn.parallel %n : index {
  ^bb0(%begin: index, %end: index):
    memref.store %value, %out[%begin] : memref<?xf32>
    attn.yield
  }
  attn.parallel %n : index {
  ^bb0(%begin: index, %end: index):
    scf.for %i = %begin to %end step %c1 {
      memref.store %x, %out[%i] : memref<?xf32>
    }
    attn.yield
  }
  return
}

// -----

// Scratch comes from the call frame of the function.

// CHECK-NOT: func.func private
// CHECK-LABEL: func.func @scratch(
// CHECK: attn.parallel
// CHECK: memref.alloc
func.func @scratch(%n: index, %value: f32) {
  %c0 = arith.constant 0 : index
  attn.parallel %n : index {
  ^bb0(%begin: index, %end: index):
    %m = memref.alloc(%end) : memref<?xf32>
    memref.store %value, %m[%c0] : memref<?xf32>
    memref.dealloc %m : memref<?xf32>
    attn.yield
  }
  return
}

// -----

// A body that is a function already stays as it is.

// CHECK: func.func private @again.parallel.0(
// CHECK-NEXT: memref.store
// CHECK-NOT: func.func private
// CHECK-LABEL: func.func @again(
// CHECK: func.call @again.parallel.0
func.func private @again.parallel.0(%begin: index, %value: f32, %out: memref<?xf32>) attributes {attn.body} {
  memref.store %value, %out[%begin] : memref<?xf32>
  return
}
func.func @again(%out: memref<?xf32>, %n: index, %value: f32) {
  attn.parallel %n : index {
  ^bb0(%begin: index, %end: index):
    func.call @again.parallel.0(%begin, %value, %out) : (index, f32, memref<?xf32>) -> ()
    attn.yield
  }
  return
}

// -----

// A result overlaps nothing else, but two views of it may overlap each other.

// CHECK: func.func private @results.parallel.0(%{{.*}}: index, %{{.*}}: index, %{{.*}}: memref<?xf32>, %{{.*}}: memref<?xf32> {attn.result}, %{{.*}}: memref<1xf32, strided<[1], offset: ?>>, %{{.*}}: memref<1xf32, strided<[1], offset: ?>>)
func.func @results(%in: memref<?xf32>, %out: memref<?xf32> {attn.result}, %halves: memref<?xf32> {attn.result}, %n: index) {
  %c0 = arith.constant 0 : index
  %left = memref.subview %halves[%c0] [1] [1] : memref<?xf32> to memref<1xf32, strided<[1], offset: ?>>
  %right = memref.subview %halves[%n] [1] [1] : memref<?xf32> to memref<1xf32, strided<[1], offset: ?>>
  attn.parallel %n : index {
  ^bb0(%begin: index, %end: index):
    %zero = arith.constant 0 : index
    %x = memref.load %in[%begin] : memref<?xf32>
    memref.store %x, %out[%begin] : memref<?xf32>
    memref.store %x, %left[%zero] : memref<1xf32, strided<[1], offset: ?>>
    memref.store %x, %right[%zero] : memref<1xf32, strided<[1], offset: ?>>
    attn.yield
  }
  return
}
