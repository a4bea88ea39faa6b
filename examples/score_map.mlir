// Score modifiers: a cap on scores, then ALiBi written as a region.
//
// attnc run examples/score_map.mlir --check

func.func @score_map(%q: tensor<1x4x60x32xf32>, %k: tensor<1x4x60x32xf32>,
                     %v: tensor<1x4x60x32xf32>, %slopes: tensor<4xf32>)
    -> tensor<1x4x60x32xf32> {
  %limit = arith.constant 20.0 : f32
  %cap = attn.score.softcap %limit : f32
  %alibi = attn.score.map(%slopes : tensor<4xf32>) {
  ^bb0(%score: f32, %b: index, %h: index, %i: index, %j: index, %s: tensor<4xf32>):
    %slope = attn.load %s[%h] : tensor<4xf32>
    %distance = arith.subi %j, %i : index
    %integer = arith.index_cast %distance : index to i32
    %float = arith.sitofp %integer : i32 to f32
    %bias = arith.mulf %slope, %float : f32
    %biased = arith.addf %score, %bias : f32
    attn.yield %biased : f32
  }
  %mask = attn.mask.causal
  %o = attn.scaled_dot_product %q, %k, %v mask(%mask) score(%cap, %alibi)
       : tensor<1x4x60x32xf32>, tensor<1x4x60x32xf32>, tensor<1x4x60x32xf32>
       -> tensor<1x4x60x32xf32>
  return %o : tensor<1x4x60x32xf32>
}
