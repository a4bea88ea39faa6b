// RUN: attn-opt %s -canonicalize="test-convergence" | FileCheck %s

#query = affine_map<(b, hkv, g, i, j, d, e) -> (i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (j, d)>
#value = affine_map<(b, hkv, g, i, j, d, e) -> (j, e)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (i, e)>

// CHECK-LABEL: func @dot_product(
func.func @dot_product(%q: tensor<8x64xf32>, %sink: tensor<1xf32>) -> (tensor<8x64xf32>, tensor<8xf32>) {
  // CHECK-DAG: %[[M:.*]] = attn.mask.causal
  %m = attn.mask.causal
  // CHECK: %[[O:.*]], %[[L:.*]] = attn.scaled_dot_product %[[Q:.*]], %[[Q]], %[[Q]] mask(%[[M]]) sink(%{{.*}} : tensor<1xf32>) scale = 1.000000e+00 layout = "md" : {{.*}} lse(tensor<8xf32>)
  %o, %l = attn.dot_product %q, %q, %q mask(%m) sink(%sink : tensor<1xf32>) layout = "md"
      : tensor<8x64xf32>, tensor<8x64xf32>, tensor<8x64xf32> -> tensor<8x64xf32> lse(tensor<8xf32>)
  // CHECK: return %[[O]], %[[L]]
  return %o, %l : tensor<8x64xf32>, tensor<8xf32>
}

// CHECK-LABEL: func @trivial_regions(
func.func @trivial_regions(%q: tensor<8x4xf32>, %o: tensor<8x4xf32>, %t: tensor<?xf32>) -> tensor<8x4xf32> {
  // CHECK: attn.attend
  // CHECK-NOT: captures
  // CHECK-NOT: score {
  // CHECK-NOT: mask {
  // CHECK: return
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<8x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>) captures(%t : tensor<?xf32>)
      outs(%o : tensor<8x4xf32>) indexing_maps = [#query, #key, #value, #output] scale = 1.0 score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %x: tensor<?xf32>):
    attn.yield %s : f32
  } mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %x: tensor<?xf32>):
    %keep = arith.cmpi eq, %i, %i : index
    attn.yield %keep : i1
  } -> tensor<8x4xf32>
  return %r : tensor<8x4xf32>
}

// CHECK-LABEL: func @captures(
// CHECK-SAME: %[[T:[a-z0-9]+]]: tensor<?xf32>, %[[U:[a-z0-9]+]]: tensor<?xf32>
func.func @captures(%q: tensor<8x4xf32>, %o: tensor<8x4xf32>, %t: tensor<?xf32>, %u: tensor<?xf32>, %unused: index) -> tensor<8x4xf32> {
  // CHECK: attn.attend {{.*}} captures(%[[T]], %[[U]] : tensor<?xf32>, tensor<?xf32>)
  // CHECK: ^bb0(%[[S:.*]]: f32, %{{.*}}: index, %{{.*}}: index, %[[I:.*]]: index, %[[J:.*]]: index, %[[A:.*]]: tensor<?xf32>, %[[C:.*]]: tensor<?xf32>):
  // CHECK-DAG: attn.load %[[A]][%[[I]]]
  // CHECK-DAG: attn.load %[[C]][%[[I]]]
  // CHECK-DAG: attn.load %[[A]][%[[J]]]
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<8x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>)
      captures(%t, %unused, %u, %t : tensor<?xf32>, index, tensor<?xf32>, tensor<?xf32>)
      outs(%o : tensor<8x4xf32>) indexing_maps = [#query, #key, #value, #output] scale = 1.0 score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %a: tensor<?xf32>, %n: index, %c: tensor<?xf32>, %again: tensor<?xf32>):
    %x = attn.load %a[%i] : tensor<?xf32>
    %y = attn.load %c[%i] : tensor<?xf32>
    %z = attn.load %again[%j] : tensor<?xf32>
    %sum = arith.addf %x, %y : f32
    %sum2 = arith.addf %sum, %z : f32
    attn.yield %sum2 : f32
  } -> tensor<8x4xf32>
  return %r : tensor<8x4xf32>
}

// An attend without users goes.
// CHECK-LABEL: func @dead(
// CHECK-NEXT: return
func.func @dead(%q: tensor<8x4xf32>, %o: tensor<8x4xf32>) {
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<8x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>)
      outs(%o : tensor<8x4xf32>) indexing_maps = [#query, #key, #value, #output] scale = 1.0 mask {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %keep = arith.cmpi sge, %i, %j : index
    attn.yield %keep : i1
  } -> tensor<8x4xf32>
  return
}

// A capture takes the more static type, and so do the regions that read it.
// CHECK-LABEL: func @captured_cast(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<8x4xf32>, %{{.*}}: tensor<8x4xf32>, %[[T:[a-z0-9]+]]: tensor<1xf32>
func.func @captured_cast(%q: tensor<8x4xf32>, %o: tensor<8x4xf32>, %t: tensor<1xf32>) -> tensor<8x4xf32> {
  // CHECK-NOT: tensor.cast
  // CHECK: attn.attend {{.*}} captures(%[[T]] : tensor<1xf32>)
  // CHECK: %[[A:[a-z0-9]+]]: tensor<1xf32>):
  // CHECK: attn.load %[[A]]
  %c = tensor.cast %t : tensor<1xf32> to tensor<?xf32>
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<8x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>)
      captures(%c : tensor<?xf32>)
      outs(%o : tensor<8x4xf32>) indexing_maps = [#query, #key, #value, #output] scale = 1.0 score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index, %a: tensor<?xf32>):
    %x = attn.load %a[%b] : tensor<?xf32>
    %y = arith.addf %s, %x : f32
    attn.yield %y : f32
  } -> tensor<8x4xf32>
  return %r : tensor<8x4xf32>
}
