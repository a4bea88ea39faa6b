//===- AttnScoreOps.td - Score modifiers -*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_SCORE_OPS_TD
#define ATTN_SCORE_OPS_TD

include "attn/Dialect/Attn/IR/AttnDialect.td"
include "attn/Dialect/Attn/IR/AttnInterfaces.td"
include "attn/Dialect/Attn/IR/AttnTypes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Attn_ScoreOp<string mnemonic, list<Trait> traits = [],
                   list<string> overrides = []>
    : Attn_Op<"score." # mnemonic,
              traits # [Pure, DeclareOpInterfaceMethods<ScoreModOpInterface,
                                                        overrides>]> {
  let results = (outs Attn_ScoreModType:$result);
}

/// A modifier whose captures have sizes that depend on those of the attention.
class Attn_SizedScoreOp<string mnemonic, list<Trait> traits = []>
    : Attn_ScoreOp<mnemonic, traits, ["getSizeRules"]>;

def Attn_ScoreSoftcapOp : Attn_ScoreOp<"softcap"> {
  let summary = "cap * tanh(score / cap)";
  let description = [{
    `cap` is finite and greater than 0.

    ```mlir
    %s = attn.score.softcap %cap : f32
    ```
  }];
  let arguments = (ins Attn_Float:$cap);
  let assemblyFormat = "$cap attr-dict `:` type($cap)";
  let hasVerifier = 1;
}

def Attn_ScoreAlibiOp : Attn_SizedScoreOp<"alibi"> {
  let summary = "score - slopes[h] * |i - j|";
  let description = [{
    ```mlir
    %s = attn.score.alibi %slopes : tensor<?xf32>
    ```
  }];
  let arguments = (ins Attn_FloatVector:$slopes);
  let assemblyFormat = "$slopes attr-dict `:` type($slopes)";
}

def Attn_ScoreRelativeBiasOp : Attn_SizedScoreOp<"relative_bias"> {
  let summary = "score + table[h, clamp(j - i, -R, R) + R]";
  let description = [{
    `table` is (H, L) or (L), L = 2R + 1.

    ```mlir
    %s = attn.score.relative_bias %table : tensor<8x255xf32>
    ```
  }];
  let arguments = (ins Attn_TensorOf<[Attn_Float], [1, 2], "1-D or 2-D tensor">:$table);
  let assemblyFormat = "$table attr-dict `:` type($table)";
  let hasVerifier = 1;
}

def Attn_ScoreBucketedBiasOp : Attn_SizedScoreOp<"bucketed_bias"> {
  let summary = "score + table[h, bucket(j - i)], the relative bias of T5";
  let description = [{
    `table` is (H, buckets) or (buckets). Half of the buckets, or all of them where
    `causal`, are for one sign of the distance: the first half of those holds
    distances 0, 1, 2, ... one by one, the rest grows by a constant factor up to
    `max_distance`; farther pairs share the last bucket. Without `causal` keys after
    the query use the second half of the table; with it they count as distance 0.

    ```mlir
    %s = attn.score.bucketed_bias %buckets max_distance = 128 : tensor<8x32xf32>
    ```
  }];
  let arguments = (ins Attn_TensorOf<[Attn_Float], [1, 2], "1-D or 2-D tensor">:$table,
                       ConfinedAttr<I64Attr, [IntPositive]>:$max_distance,
                       UnitAttr:$causal);
  let assemblyFormat = [{
    $table `max_distance` `=` $max_distance (`causal` $causal^)? attr-dict
    `:` type($table)
  }];
  let hasVerifier = 1;
}

def Attn_ScoreImageBiasOp : Attn_SizedScoreOp<"image_bias"> {
  let summary = "score + table[h, y_j - y_i, x_j - x_i] of pixels in rows of `width`";
  let description = [{
    Position p is the pixel (p floordiv width, p mod width). `table` is (H, 2R + 1,
    2S + 1) or (2R + 1, 2S + 1); differences are clamped to [-R, R] and [-S, S].

    ```mlir
    %s = attn.score.image_bias %pixels width = 14 : tensor<8x27x27xf32>
    ```
  }];
  let arguments = (ins Attn_TensorOf<[Attn_Float], [2, 3], "2-D or 3-D tensor">:$table,
                       ConfinedAttr<I64Attr, [IntPositive]>:$width);
  let assemblyFormat = [{
    $table `width` `=` $width attr-dict `:` type($table)
  }];
  let hasVerifier = 1;
}

def Attn_ScoreSigmoidOp : Attn_ScoreOp<"sigmoid"> {
  let summary = "1 / (1 + exp(-score))";
  let description = [{
    With the `none` normaliser, sigmoid attention.

    ```mlir
    %s = attn.score.sigmoid
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def Attn_ScoreReluOp : Attn_ScoreOp<"relu"> {
  let summary = "max(score, 0)";
  let description = [{
    With the `sum` or the `none` normaliser, ReLU attention.

    ```mlir
    %s = attn.score.relu
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def Attn_ScoreBiasOp : Attn_SizedScoreOp<"bias"> {
  let summary = "score + bias[b, h, i, j]";
  let description = [{
    The tensor's shape is aligned right with (B, H, M, N); a dimension of static
    size 1 is broadcast. Rank 3 is (B, M, N) where the inputs have no heads.

    ```mlir
    %s = attn.score.bias %bias : tensor<1x8x?x?xf32>
    ```
  }];
  let arguments = (ins Attn_TensorOf<[Attn_Float], [1, 2, 3, 4],
                           "1-D to 4-D tensor">:$bias);
  let assemblyFormat = "$bias attr-dict `:` type($bias)";
}

def Attn_ScoreMapOp : Attn_ScoreOp<"map", [IsolatedFromAbove,
    SingleBlockImplicitTerminator<"::mlir::attn::YieldOp">]> {
  let summary = "A region from score and indices to a score";
  let description = [{
    The region's arguments are the score (in the accumulator type: f32, or f64
    for f64 inputs), b, h, i, j and then the captured values.

    ```mlir
    %s = attn.score.map {
    ^bb0(%score: f32, %b: index, %h: index, %i: index, %j: index):
      %t = math.tanh %score : f32
      attn.yield %t : f32
    }
    ```
  }];
  let arguments = (ins Variadic<Attn_Capture>:$captured);
  let regions = (region SizedRegion<1>:$map);
  let assemblyFormat = [{
    (`(` $captured^ `:` type($captured) `)`)? attr-dict-with-keyword $map
  }];
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::Block *getBody() { return &getMap().front(); }
  }];
}

#endif // ATTN_SCORE_OPS_TD
