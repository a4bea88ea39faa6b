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

def Attn_ScoreBiasOp : Attn_SizedScoreOp<"bias"> {
  let summary = "score + bias[b, h, i, j]";
  let description = [{
    The tensor's shape is aligned right with (B, H, M, N); a dimension of static
    size 1 is broadcast.

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
