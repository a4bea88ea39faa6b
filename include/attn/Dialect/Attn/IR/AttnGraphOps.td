//===- AttnGraphOps.td - What a user writes -*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_GRAPH_OPS_TD
#define ATTN_GRAPH_OPS_TD

include "attn/Dialect/Attn/IR/AttnAttrs.td"
include "attn/Dialect/Attn/IR/AttnDialect.td"
include "attn/Dialect/Attn/IR/AttnInterfaces.td"
include "attn/Dialect/Attn/IR/AttnTypes.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

/// An op on tensors: pure, and the sizes of its results follow from those of
/// its operands.
class Attn_GraphOp<string mnemonic, list<Trait> traits = []>
    : Attn_Op<mnemonic, [Pure,
          DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
                                    ["reifyResultShapes"]>] # traits> {
  let hasVerifier = 1;
}

/// Query, key, value to output; on demand LSE, weights, and what can be said of
/// the weights without having them all. `score` modifiers apply in order, then the
/// mask, then the normaliser.
class Attn_AttentionOp<string mnemonic, list<Trait> traits = []>
    : Attn_GraphOp<mnemonic, traits # [AttrSizedOperandSegments,
                   AttrSizedResultSegments, AttentionOpInterface]> {
  let results = (outs Attn_FloatTensor:$output, Optional<Attn_FloatTensor>:$lse,
                      Optional<Attn_FloatTensor>:$weights,
                      Optional<Attn_FloatTensor>:$entropy,
                      Optional<Attn_FloatTensor>:$received,
                      Optional<Attn_FloatTensor>:$top_weights,
                      Optional<Attn_KeyTensor>:$top_keys);
  let extraClassDeclaration = [{
    ::mlir::ValueRange getScoreModifiers() { return getScore(); }
  }];
}

def Attn_ScaledDotProductOp : Attn_AttentionOp<"scaled_dot_product"> {
  let summary = "softmax(score_mods(scale * q k^T) under mask) v";
  let description = [{
    `query` is (B, H, M, D), `key` (B, Hkv, N, D), `value` (B, Hkv, N, Dv); the
    output is (B, H, M, Dv), LSE (B, H, M), weights (B, H, M, N). H is a multiple
    of Hkv. `scale` defaults to 1/sqrt(D). `layout` names the dimensions of the
    four tensors in order: any permutation of letters with m (queries, keys) and
    d last or not, h heads; other letters are batch. It defaults to `md`, `bmd`,
    `bhmd` by rank; further leading dimensions are batch. `sink` is one logit per
    head that joins the normaliser and carries no value.

    `normalizer` is `softmax`, `sum` (weights are scores over their sum) or `none`
    (weights are scores, as sigmoid attention has them).

    Further results look inside without weights of size M x N: `entropy` of each
    row (B, H, M), `received` by each key over all queries (B, H, N), and the `top`
    k weights of each row with their keys (B, H, M, k).

    ```mlir
    %o = attn.scaled_dot_product %q, %k, %v mask(%causal) score(%softcap)
         : tensor<2x8x?x64xf32>, tensor<2x2x?x64xf32>, tensor<2x2x?x64xf32>
         -> tensor<2x8x?x64xf32>
    %p, %lse = attn.scaled_dot_product %query, %key, %value scale = 0.5
         : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32>
         -> tensor<8x32xf32> lse(tensor<8xf32>)
    %out, %entropy, %top, %keys = attn.scaled_dot_product %query, %key, %value
         : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32>
         -> tensor<8x32xf32> entropy(tensor<8xf32>)
            top(tensor<8x4xf32>, tensor<8x4xi32>)
    ```
  }];
  let arguments = (ins Attn_FloatTensor:$query, Attn_FloatTensor:$key,
                       Attn_FloatTensor:$value, Optional<Attn_MaskType>:$mask,
                       Variadic<Attn_ScoreModType>:$score,
                       Optional<Attn_FloatVector>:$sink,
                       OptionalAttr<F64Attr>:$scale,
                       OptionalAttr<StrAttr>:$layout,
                       DefaultValuedAttr<Attn_NormalizerAttr,
                           "::mlir::attn::Normalizer::Softmax">:$normalizer);
  let assemblyFormat = [{
    $query `,` $key `,` $value (`mask` `(` $mask^ `)`)?
    (`score` `(` $score^ `)`)? (`sink` `(` $sink^ `:` type($sink) `)`)?
    (`scale` `=` $scale^)? (`layout` `=` $layout^)?
    (`normalizer` `=` $normalizer^)? attr-dict
    `:` type($query) `,` type($key) `,` type($value) `->` type($output)
    (`lse` `(` type($lse)^ `)`)? (`weights` `(` type($weights)^ `)`)?
    (`entropy` `(` type($entropy)^ `)`)? (`received` `(` type($received)^ `)`)?
    (`top` `(` type($top_weights)^ `,` type($top_keys) `)`)?
  }];
}

def Attn_DotProductOp : Attn_AttentionOp<"dot_product"> {
  let summary = "Scaled dot-product attention at scale 1";
  let description = [{
    ```mlir
    %o = attn.dot_product %query, %key, %value mask(%causal)
         : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32>
         -> tensor<8x32xf32>
    ```
  }];
  let arguments = (ins Attn_FloatTensor:$query, Attn_FloatTensor:$key,
                       Attn_FloatTensor:$value, Optional<Attn_MaskType>:$mask,
                       Variadic<Attn_ScoreModType>:$score,
                       Optional<Attn_FloatVector>:$sink,
                       OptionalAttr<StrAttr>:$layout);
  let assemblyFormat = [{
    $query `,` $key `,` $value (`mask` `(` $mask^ `)`)?
    (`score` `(` $score^ `)`)? (`sink` `(` $sink^ `:` type($sink) `)`)?
    (`layout` `=` $layout^)? attr-dict
    `:` type($query) `,` type($key) `,` type($value) `->` type($output)
    (`lse` `(` type($lse)^ `)`)? (`weights` `(` type($weights)^ `)`)?
    (`entropy` `(` type($entropy)^ `)`)? (`received` `(` type($received)^ `)`)?
    (`top` `(` type($top_weights)^ `,` type($top_keys) `)`)?
  }];
  let hasCanonicalizeMethod = 1;
}

def Attn_CosineOp : Attn_AttentionOp<"cosine"> {
  let summary = "Attention by cosines: score = scale * q . k / (|q| |k|)";
  let description = [{
    `scale` defaults to 1. The cosine with a vector of zeros is 0.

    ```mlir
    %o = attn.cosine %query, %key, %value scale = 10.0
         : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32>
         -> tensor<8x32xf32>
    ```
  }];
  let arguments = (ins Attn_FloatTensor:$query, Attn_FloatTensor:$key,
                       Attn_FloatTensor:$value, Optional<Attn_MaskType>:$mask,
                       Variadic<Attn_ScoreModType>:$score,
                       OptionalAttr<F64Attr>:$scale,
                       OptionalAttr<StrAttr>:$layout);
  let assemblyFormat = [{
    $query `,` $key `,` $value (`mask` `(` $mask^ `)`)?
    (`score` `(` $score^ `)`)? (`scale` `=` $scale^)?
    (`layout` `=` $layout^)? attr-dict
    `:` type($query) `,` type($key) `,` type($value) `->` type($output)
    (`lse` `(` type($lse)^ `)`)? (`weights` `(` type($weights)^ `)`)?
    (`entropy` `(` type($entropy)^ `)`)? (`received` `(` type($received)^ `)`)?
    (`top` `(` type($top_weights)^ `,` type($top_keys) `)`)?
  }];
}

def Attn_GeneralOp : Attn_AttentionOp<"general"> {
  let summary = "Attention by a bilinear form: score = scale * k . W q (Luong)";
  let description = [{
    `weight` is (Dk, Dq), as torch.nn.Linear has it; `scale` defaults to 1.

    ```mlir
    %o = attn.general %query, %key, %value, %w_q
         : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32>, tensor<64x64xf32>
         -> tensor<8x32xf32>
    ```
  }];
  let arguments = (ins Attn_FloatTensor:$query, Attn_FloatTensor:$key,
                       Attn_FloatTensor:$value, Attn_FloatTensor:$weight,
                       Optional<Attn_MaskType>:$mask,
                       Variadic<Attn_ScoreModType>:$score,
                       OptionalAttr<F64Attr>:$scale,
                       OptionalAttr<StrAttr>:$layout);
  let assemblyFormat = [{
    $query `,` $key `,` $value `,` $weight (`mask` `(` $mask^ `)`)?
    (`score` `(` $score^ `)`)? (`scale` `=` $scale^)?
    (`layout` `=` $layout^)? attr-dict
    `:` type($query) `,` type($key) `,` type($value) `,` type($weight)
    `->` type($output)
    (`lse` `(` type($lse)^ `)`)? (`weights` `(` type($weights)^ `)`)?
    (`entropy` `(` type($entropy)^ `)`)? (`received` `(` type($received)^ `)`)?
    (`top` `(` type($top_weights)^ `,` type($top_keys) `)`)?
  }];
}

def Attn_AdditiveOp : Attn_AttentionOp<"additive"> {
  let summary = "score = w . tanh(W_q q + W_k k) (Bahdanau)";
  let description = [{
    `weight` is (D). `query_projection` (D, Dq) and `key_projection` (D, Dk) are
    optional: without one, the queries or keys are already projected to D.

    ```mlir
    %o = attn.additive %query, %key, %value, %w
         project_query(%wq : tensor<16x64xf32>)
         project_key(%wk : tensor<16x64xf32>) mask(%causal)
         : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32>, tensor<16xf32>
         -> tensor<8x32xf32>
    ```
  }];
  let arguments = (ins Attn_FloatTensor:$query, Attn_FloatTensor:$key,
                       Attn_FloatTensor:$value, Attn_FloatTensor:$weight,
                       Optional<Attn_FloatTensor>:$query_projection,
                       Optional<Attn_FloatTensor>:$key_projection,
                       Optional<Attn_MaskType>:$mask,
                       Variadic<Attn_ScoreModType>:$score,
                       OptionalAttr<StrAttr>:$layout);
  let assemblyFormat = [{
    $query `,` $key `,` $value `,` $weight
    (`project_query` `(` $query_projection^ `:` type($query_projection) `)`)?
    (`project_key` `(` $key_projection^ `:` type($key_projection) `)`)?
    (`mask` `(` $mask^ `)`)? (`score` `(` $score^ `)`)?
    (`layout` `=` $layout^)? attr-dict
    `:` type($query) `,` type($key) `,` type($value) `,` type($weight)
    `->` type($output)
    (`lse` `(` type($lse)^ `)`)? (`weights` `(` type($weights)^ `)`)?
    (`entropy` `(` type($entropy)^ `)`)? (`received` `(` type($received)^ `)`)?
    (`top` `(` type($top_weights)^ `,` type($top_keys) `)`)?
  }];
}

def Attn_KernelRegressionOp : Attn_AttentionOp<"kernel_regression"> {
  let summary = "Nadaraya-Watson pooling: sum K(u) v / sum K(u)";
  let description = [{
    u = |q - k| / bandwidth. gaussian exp(-u^2/2), boxcar (u < 1), epanechnikov
    max(0, 1 - u^2), triangular max(0, 1 - u), constant 1, custom what the score
    modifiers make of u. `bandwidth` defaults to 1; a float, or one per head. Score
    modifiers apply to log weights for gaussian and are refused for the others.

    ```mlir
    %o = attn.kernel_regression gaussian %query, %key, %value
         bandwidth(%bandwidth : f32)
         : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32>
         -> tensor<8x32xf32>

    %laplace = attn.score.map {
    ^bb0(%u: f32, %b: index, %h: index, %i: index, %j: index):
      %n = arith.negf %u : f32
      %w = math.exp %n : f32
      attn.yield %w : f32
    }
    %p = attn.kernel_regression custom %query, %key, %value score(%laplace)
         : tensor<8x64xf32>, tensor<9x64xf32>, tensor<9x32xf32>
         -> tensor<8x32xf32>
    ```
  }];
  let arguments = (ins Attn_RegressionKernelAttr:$kernel,
                       Attn_FloatTensor:$query, Attn_FloatTensor:$key,
                       Attn_FloatTensor:$value,
                       Optional<Attn_FloatOrPerHead>:$bandwidth,
                       Optional<Attn_MaskType>:$mask,
                       Variadic<Attn_ScoreModType>:$score,
                       OptionalAttr<StrAttr>:$layout);
  let assemblyFormat = [{
    $kernel $query `,` $key `,` $value
    (`bandwidth` `(` $bandwidth^ `:` type($bandwidth) `)`)?
    (`mask` `(` $mask^ `)`)? (`score` `(` $score^ `)`)?
    (`layout` `=` $layout^)? attr-dict
    `:` type($query) `,` type($key) `,` type($value) `->` type($output)
    (`lse` `(` type($lse)^ `)`)? (`weights` `(` type($weights)^ `)`)?
    (`entropy` `(` type($entropy)^ `)`)? (`received` `(` type($received)^ `)`)?
    (`top` `(` type($top_weights)^ `,` type($top_keys) `)`)?
  }];
}

def Attn_MultiHeadOp : Attn_GraphOp<"multi_head", [AttrSizedOperandSegments]> {
  let summary = "Projections, attention per head, output projection";
  let description = [{
    `query` is (B, M, E), `key` and `value` (B, N, E'), weights are (out, in) and
    biases (out), as torch.nn.Linear has them: q = query w_q^T + b_q. The H =
    `num_heads` heads split the output of the query projection evenly,
    `num_kv_heads` (default `num_heads`) those of key and value. Weights result:
    (B, H, M, N).

    Two weights are packed: the first holds the rows of w_q, w_k and w_v in this
    order, and `bias_packed` their biases; query, key and value then have equal
    features, and all heads one size.

    ```mlir
    %o = attn.multi_head %x, %x, %x weights(%w_q, %w_k, %w_v, %w_o
           : tensor<64x64xf32>, tensor<64x64xf32>, tensor<64x64xf32>,
             tensor<64x64xf32>)
         bias_query(%b_q : tensor<64xf32>) heads = 4 mask(%causal)
         : tensor<1x?x64xf32>, tensor<1x?x64xf32>, tensor<1x?x64xf32>
         -> tensor<1x?x64xf32>

    %p = attn.multi_head %x, %x, %x
         weights(%w_in, %w_o : tensor<192x64xf32>, tensor<64x64xf32>)
         bias_packed(%b_in : tensor<192xf32>) heads = 4
         : tensor<1x?x64xf32>, tensor<1x?x64xf32>, tensor<1x?x64xf32>
         -> tensor<1x?x64xf32>
    ```
  }];
  let arguments = (ins Attn_FloatTensor:$query, Attn_FloatTensor:$key,
                       Attn_FloatTensor:$value,
                       Optional<Attn_FloatTensor>:$w_q,
                       Optional<Attn_FloatTensor>:$w_k,
                       Optional<Attn_FloatTensor>:$w_v,
                       Optional<Attn_FloatTensor>:$w_packed,
                       Attn_FloatTensor:$w_o,
                       Optional<Attn_FloatTensor>:$b_packed,
                       Optional<Attn_FloatTensor>:$b_q,
                       Optional<Attn_FloatTensor>:$b_k,
                       Optional<Attn_FloatTensor>:$b_v,
                       Optional<Attn_FloatTensor>:$b_o,
                       Optional<Attn_MaskType>:$mask,
                       Variadic<Attn_ScoreModType>:$score,
                       ConfinedAttr<I64Attr, [IntPositive]>:$num_heads,
                       OptionalAttr<ConfinedAttr<I64Attr, [IntPositive]>>:$num_kv_heads,
                       OptionalAttr<F64Attr>:$scale);
  let results = (outs Attn_FloatTensor:$output,
                      Optional<Attn_FloatTensor>:$weights);
  let assemblyFormat = [{
    $query `,` $key `,` $value
    `weights` `(` custom<HeadWeights>($w_q, $w_k, $w_v, $w_packed, $w_o,
    type($w_q), type($w_k), type($w_v), type($w_packed), type($w_o)) `)`
    (`bias_packed` `(` $b_packed^ `:` type($b_packed) `)`)?
    (`bias_query` `(` $b_q^ `:` type($b_q) `)`)?
    (`bias_key` `(` $b_k^ `:` type($b_k) `)`)?
    (`bias_value` `(` $b_v^ `:` type($b_v) `)`)?
    (`bias_output` `(` $b_o^ `:` type($b_o) `)`)?
    `heads` `=` $num_heads (`kv_heads` `=` $num_kv_heads^)?
    (`mask` `(` $mask^ `)`)? (`score` `(` $score^ `)`)?
    (`scale` `=` $scale^)? attr-dict
    `:` type($query) `,` type($key) `,` type($value) `->` type($output)
    (`weights` `(` type($weights)^ `)`)?
  }];
}

def Attn_MaskedSoftmaxOp : Attn_GraphOp<"masked_softmax"> {
  let summary = "Softmax over the last dimension, under a mask";
  let description = [{
    `scores` is (M, N), (B, M, N), (B, H, M, N) or has further leading batch
    dimensions. A row that keeps nothing is 0.

    ```mlir
    %p = attn.masked_softmax %scores mask(%causal)
         : tensor<2x8x?x?xf32> -> tensor<2x8x?x?xf32>
    ```
  }];
  let arguments = (ins Attn_FloatTensor:$scores, Optional<Attn_MaskType>:$mask);
  let results = (outs Attn_FloatTensor:$result);
  let assemblyFormat = [{
    $scores (`mask` `(` $mask^ `)`)? attr-dict `:` type($scores)
    `->` type($result)
  }];
}

def Attn_SinusoidOp : Attn_GraphOp<"sinusoid"> {
  let summary = "The sinusoidal position table (length, dim)";
  let description = [{
    table[p, 2t] = sin(p / base^(2t/dim)), table[p, 2t+1] = cos of the same
    (Vaswani et al. 2017). `length` is given where the type leaves it dynamic.

    ```mlir
    %t = attn.sinusoid : tensor<128x64xf32>
    %u = attn.sinusoid length(%n) : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Optional<Index>:$length,
                       DefaultValuedAttr<F64Attr, "10000.0">:$base);
  let results = (outs Attn_FloatTensor:$result);
  let assemblyFormat = [{
    (`length` `(` $length^ `)`)? (`base` `=` $base^)? attr-dict `:` type($result)
  }];
}

def Attn_RotaryOp : Attn_GraphOp<"rotary", [AttrSizedOperandSegments]> {
  let summary = "Rotary position embedding";
  let description = [{
    Rotates pairs of features of `input`, whose last two dimensions are
    (position, D), D even, by the angle p / base^(2t/D) for pair t. Pairs are
    (t, t + D/2), or (2t, 2t+1) where `interleaved`. `positions(%p)` gives p per
    position, or per (batch, position); it defaults to 0, 1, 2, ...

    `frequencies(%f)` gives the angle per position of each pair in place of
    base^(-2t/D): every scaled variant (linear, NTK, YaRN, Llama 3) is a vector of
    these. `magnitude` multiplies the result, as YaRN has it.

    ```mlir
    %r = attn.rotary %q positions(%positions : tensor<?xi32>)
         : tensor<2x8x?x64xf32> -> tensor<2x8x?x64xf32>
    ```
  }];
  let arguments = (ins Attn_FloatTensor:$input,
                       Optional<Attn_IdTensor>:$positions,
                       Optional<Attn_FloatVector>:$frequencies,
                       UnitAttr:$interleaved,
                       DefaultValuedAttr<F64Attr, "10000.0">:$base,
                       DefaultValuedAttr<F64Attr, "1.0">:$magnitude);
  let results = (outs Attn_FloatTensor:$result);
  let assemblyFormat = [{
    $input (`positions` `(` $positions^ `:` type($positions) `)`)?
    (`frequencies` `(` $frequencies^ `:` type($frequencies) `)`)?
    (`interleaved` $interleaved^)? (`base` `=` $base^)?
    (`magnitude` `=` $magnitude^)? attr-dict
    `:` type($input) `->` type($result)
  }];
}

def Attn_MergeOp : Attn_GraphOp<"merge", [SameVariadicOperandSize]> {
  let summary = "Combines (output, LSE) pairs of disjoint key ranges";
  let description = [{
    Outputs (..., M, Dv) and LSEs (..., M): the result is what attention over the
    union of the key ranges gives. Merging LSEs of -inf gives 0 and -inf.

    ```mlir
    %o, %lse = attn.merge %o0, %o1 lse(%lse0, %lse1)
             : tensor<8x64xf32>, tensor<8xf32>
    ```
  }];
  let arguments = (ins Variadic<Attn_FloatTensor>:$outputs,
                       Variadic<Attn_FloatTensor>:$lses);
  let results = (outs Attn_FloatTensor:$output, Attn_FloatTensor:$lse);
  let hasCustomAssemblyFormat = 1;
}

#endif // ATTN_GRAPH_OPS_TD
