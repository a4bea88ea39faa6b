// RUN: attn-opt %s -inline | FileCheck %s

func.func private @window(%ids: tensor<?xi32>, %past: index) -> !attn.mask {
  %c = attn.mask.causal
  %w = attn.mask.window past(%past)
  %d = attn.mask.document %ids : tensor<?xi32>
  %m = attn.mask.and %c, %w, %d
  return %m : !attn.mask
}

func.func private @cap(%s: f32) -> !attn.score_mod {
  %0 = attn.score.softcap %s : f32
  return %0 : !attn.score_mod
}

func.func private @attention(%q: tensor<?x64xf32>, %m: !attn.mask, %s: !attn.score_mod) -> tensor<?x64xf32> {
  %o = attn.dot_product %q, %q, %q mask(%m) score(%s)
      : tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32> -> tensor<?x64xf32>
  return %o : tensor<?x64xf32>
}

// CHECK-LABEL: func @main(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<?x64xf32>, %[[IDS:[a-z0-9]+]]: tensor<?xi32>, %[[PAST:[a-z0-9]+]]: index, %[[S:[a-z0-9]+]]: f32
func.func @main(%q: tensor<?x64xf32>, %ids: tensor<?xi32>, %past: index, %s: f32) -> tensor<?x64xf32> {
  // CHECK-DAG: %[[C:.*]] = attn.mask.causal
  // CHECK-DAG: %[[W:.*]] = attn.mask.window past(%[[PAST]])
  // CHECK-DAG: %[[D:.*]] = attn.mask.document %[[IDS]]
  // CHECK-DAG: %[[M:.*]] = attn.mask.and %[[C]], %[[W]], %[[D]]
  // CHECK-DAG: %[[CAP:.*]] = attn.score.softcap %[[S]]
  // CHECK: %[[O:.*]] = attn.scaled_dot_product %[[Q]], %[[Q]], %[[Q]] mask(%[[M]]) score(%[[CAP]]) scale = 1.0
  // CHECK-NOT: call
  // CHECK: return %[[O]]
  %m = call @window(%ids, %past) : (tensor<?xi32>, index) -> !attn.mask
  %cap = call @cap(%s) : (f32) -> !attn.score_mod
  %o = call @attention(%q, %m, %cap) : (tensor<?x64xf32>, !attn.mask, !attn.score_mod) -> tensor<?x64xf32>
  return %o : tensor<?x64xf32>
}
