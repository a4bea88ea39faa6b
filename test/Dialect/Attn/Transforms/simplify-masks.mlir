// RUN: attn-opt %s -attn-lower-to-attend -attn-simplify-masks -canonicalize | FileCheck %s
// RUN: attn-opt %s -attn-lower-to-attend -attn-simplify-masks \
// RUN:   --remark-format=emitRemark --remarks-filter-passed=attn-simplify-masks \
// RUN:   -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

!t = tensor<1x1x100x16xf32>

// A window as wide as the keys keeps every pair.
// CHECK-LABEL: func @wide(
// CHECK: attn.attend
// CHECK-NOT: mask
// CHECK: return
// REMARK: the mask keeps every pair: dropped
func.func @wide(%q: !t, %k: !t, %v: !t) -> !t {
  %m = attn.mask.window past = 99
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : !t, !t, !t -> !t
  return %o : !t
}

// One key fewer, and there is a pair that it drops.
// CHECK-LABEL: func @narrow(
// CHECK: attn.attend
// CHECK: mask
func.func @narrow(%q: !t, %k: !t, %v: !t) -> !t {
  %m = attn.mask.window past = 98
  %o = attn.scaled_dot_product %q, %k, %v mask(%m) : !t, !t, !t -> !t
  return %o : !t
}

// Of no pair, the output is zero and the LSE -inf.
// CHECK-LABEL: func @none(
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-DAG: %[[LOWEST:.*]] = arith.constant 0xFF800000 : f32
// CHECK-NOT: attn.attend
// CHECK-DAG: linalg.fill ins(%[[ZERO]] : f32) outs(%{{.*}} : tensor<1x1x100x16xf32>)
// CHECK-DAG: linalg.fill ins(%[[LOWEST]] : f32) outs(%{{.*}} : tensor<1x1x100xf32>)
// REMARK: the mask keeps no pair: the result is zeros
func.func @none(%q: !t, %k: !t, %v: !t) -> (!t, tensor<1x1x100xf32>) {
  %c = attn.mask.causal
  %n = attn.mask.not %c
  %m = attn.mask.and %c, %n
  %o, %l = attn.scaled_dot_product %q, %k, %v mask(%m) : !t, !t, !t -> !t lse(tensor<1x1x100xf32>)
  return %o, %l : !t, tensor<1x1x100xf32>
}

// The LSE of an empty row is that of its sink, and a sink may make it NaN.
// CHECK-LABEL: func @none_with_sink(
// CHECK-COUNT-2: attn.attend
func.func @none_with_sink(%q: !t, %k: !t, %v: !t, %s: tensor<1xf32>) -> (!t, tensor<1x1x100xf32>) {
  %m = attn.mask.constant false
  %o, %l = attn.scaled_dot_product %q, %k, %v mask(%m) sink(%s : tensor<1xf32>) : !t, !t, !t -> !t lse(tensor<1x1x100xf32>)
  %p = attn.scaled_dot_product %o, %k, %v mask(%m) sink(%s : tensor<1xf32>) : !t, !t, !t -> !t
  return %p, %l : !t, tensor<1x1x100xf32>
}

// CHECK-LABEL: func @none_of_the_largest(
// CHECK-DAG: %[[NONE:.*]] = arith.constant -1 : i32
// CHECK-NOT: attn.attend
// CHECK: linalg.fill ins(%[[NONE]] : i32)
func.func @none_of_the_largest(%q: !t, %k: !t, %v: !t) -> (!t, tensor<1x1x100x2xf32>, tensor<1x1x100x2xi32>) {
  %m = attn.mask.constant false
  %o, %w, %j = attn.scaled_dot_product %q, %k, %v mask(%m) : !t, !t, !t -> !t top(tensor<1x1x100x2xf32>, tensor<1x1x100x2xi32>)
  return %o, %w, %j : !t, tensor<1x1x100x2xf32>, tensor<1x1x100x2xi32>
}
