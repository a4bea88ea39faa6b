//===- AttnAttendOps.td - The canonical op, its tile, and region ops ----===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ATTEND_OPS_TD
#define ATTN_ATTEND_OPS_TD

include "attn/Dialect/Attn/IR/AttnAttrs.td"
include "attn/Dialect/Attn/IR/AttnDialect.td"
include "attn/Dialect/Attn/IR/AttnTypes.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/TilingInterface.td"

def Attn_YieldOp : Attn_Op<"yield", [Pure, ReturnLike, Terminator]> {
  let summary = "Ends a mask or score region";
  let description = [{
    Gives what the region computes: an i1 for a mask, the new score for a score
    modifier.

    ```mlir
    %keep = attn.mask.predicate {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %before = arith.cmpi ult, %j, %i : index
      attn.yield %before : i1
    }
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let builders = [OpBuilder<(ins), [{ build($_builder, $_state, ::mlir::ValueRange()); }]>];
  let hasVerifier = 1;
}

def Attn_LoadOp : Attn_Op<"load", [AttrSizedOperandSegments, AlwaysSpeculatable,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
    TypesMatchWith<"result type is the element type", "source", "result",
                   "::llvm::cast<::mlir::ShapedType>($_self).getElementType()">]> {
  let summary = "Reads a captured tensor, under a guard";
  let description = [{
    The element at the indices; zero where the guard is false or an index lies
    outside of the tensor: total, so that it may be moved like arithmetic. The
    read itself is a masked load and never made where the guard is false.

    ```mlir
    %id = attn.load %ids[%j] if %guard : tensor<?xi32>
    ```
  }];
  let arguments = (ins AnyTypeOf<[AnyRankedTensor, AnyMemRef]>:$source,
                       Variadic<Index>:$indices, Optional<I1>:$guard);
  let results = (outs AnyType:$result);
  let assemblyFormat = [{
    $source `[` $indices `]` (`if` $guard^)? attr-dict `:` type($source)
  }];
  let hasFolder = 1;
  let hasVerifier = 1;
}

def Attn_FloorModOp : Attn_Op<"floormod", [Pure, SameOperandsAndResultType]
    # ElementwiseMappable.traits> {
  let summary = "Remainder with the sign of the divisor";
  let description = [{
    a - b * floor(a / b), the `%` of Python; b is not 0 for a pair that counts.
    One op, so that analysis sees its range; `arith.floordivsi` is the matching
    quotient.

    ```mlir
    %r = attn.floormod %i, %n : index
    ```
  }];
  let arguments = (ins SignlessIntegerOrIndexLike:$lhs,
                       SignlessIntegerOrIndexLike:$rhs);
  let results = (outs SignlessIntegerOrIndexLike:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
  let hasFolder = 1;
}

def Attn_RequireOp : Attn_Op<"require", [MemoryEffects<[MemWrite]>]> {
  let summary = "Refuses the call with a sentence unless a condition holds";
  let description = [{
    In the message, `{0}`, `{1}`, ... stand for the values. The compiled function
    returns a status and leaves its outputs unwritten.

    ```mlir
    attn.require %guard, "key head size {0} differs from query head size {1}"
        (%i, %j)
    ```
  }];
  let arguments = (ins I1:$condition, StrAttr:$message,
                       Variadic<Index>:$values);
  let assemblyFormat = "$condition `,` $message (`(` $values^ `)`)? attr-dict";
  let hasCanonicalizeMethod = 1;
  let hasVerifier = 1;
}

/// An op on destinations whose effects are those of its regions: none.
class Attn_PairRegionOp<string mnemonic, list<Trait> traits = []>
    : Attn_Op<mnemonic, [AttrSizedOperandSegments, IsolatedFromAbove,
          DestinationStyleOpInterface, RecursiveMemoryEffects,
          RecursivelySpeculatable] # traits> {
  let regions = (region AnyRegion:$score, AnyRegion:$mask);
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizer = 1;
}

def Attn_AttendOp : Attn_PairRegionOp<"attend", [AttrSizedResultSegments,
    DeclareOpInterfaceMethods<TilingInterface, ["getIterationDomain",
        "getLoopIteratorTypes", "getTiledImplementation",
        "getResultTilePosition"]>]> {
  let summary = "Attention in canonical form: what every graph op reduces to";
  let description = [{
    Iterates over (b, hkv, g, i, j, d, e): batch, key/value head, query head in
    its group, query, key, query/key feature, value feature. `indexing_maps` are
    projected permutations for query, key, value, output, then LSE, weights, top
    weights and top keys where they exist. Query head h = hkv * G + g. Top weights
    and keys, the largest of each row, have a last dimension that no map names,
    how many are kept.

    score = scale * compatibility(q, k), then the score region, then the mask
    region, then the normaliser. Either region may be empty. Region arguments are
    (score,) b, h, i, j and the captures; indices are global: `offsets` (b, hkv,
    g, i, j) say where this piece lies in the whole, whose sizes are `whole` (B,
    Hkv, G, M, N). Captures are never sliced.

    `feature_weight` is the vector w of additive scoring. `sink` (hkv, g) is a
    logit that joins the normaliser.

    ```mlir
    %r = attn.attend dot softmax
         ins(%query, %key, %value : tensor<8x64xf32>, tensor<9x64xf32>,
                                    tensor<9x32xf32>)
         outs(%init : tensor<8x32xf32>)
         indexing_maps = [affine_map<(b, hkv, g, i, j, d, e) -> (i, d)>,
                          affine_map<(b, hkv, g, i, j, d, e) -> (j, d)>,
                          affine_map<(b, hkv, g, i, j, d, e) -> (j, e)>,
                          affine_map<(b, hkv, g, i, j, d, e) -> (i, e)>]
         scale = 0.125 mask {
    ^bb0(%b: index, %h: index, %i: index, %j: index):
      %keep = arith.cmpi sge, %i, %j : index
      attn.yield %keep : i1
    } -> tensor<8x32xf32>
    ```
  }];
  let arguments = (ins Attn_CompatibilityAttr:$compatibility,
                       Attn_NormalizerAttr:$normalizer,
                       Attn_FloatTensor:$query, Attn_FloatTensor:$key,
                       Attn_FloatTensor:$value,
                       Optional<Attn_FloatVector>:$feature_weight,
                       Optional<Attn_TensorOf<[Attn_Float], [2],
                                              "2-D tensor">>:$sink,
                       Variadic<Attn_Capture>:$captures,
                       Variadic<Index>:$offsets, Variadic<Index>:$whole,
                       Attn_FloatTensor:$output_init,
                       Optional<Attn_FloatTensor>:$lse_init,
                       Optional<Attn_FloatTensor>:$weights_init,
                       Optional<Attn_FloatTensor>:$top_weights_init,
                       Optional<Attn_KeyTensor>:$top_keys_init,
                       AffineMapArrayAttr:$indexing_maps, F64Attr:$scale);
  let results = (outs Attn_FloatTensor:$output, Optional<Attn_FloatTensor>:$lse,
                      Optional<Attn_FloatTensor>:$weights,
                      Optional<Attn_FloatTensor>:$top_weights,
                      Optional<Attn_KeyTensor>:$top_keys);
  let assemblyFormat = [{
    $compatibility $normalizer
    `ins` `(` $query `,` $key `,` $value `:` type($query) `,` type($key) `,`
    type($value) `)`
    (`feature_weight` `(` $feature_weight^ `:` type($feature_weight) `)`)?
    (`sink` `(` $sink^ `:` type($sink) `)`)?
    (`captures` `(` $captures^ `:` type($captures) `)`)?
    (`offsets` `(` $offsets^ `)` `whole` `(` $whole `)`)?
    `outs` `(` $output_init `:` type($output_init) `)`
    (`lse` `(` $lse_init^ `:` type($lse_init) `)`)?
    (`weights` `(` $weights_init^ `:` type($weights_init) `)`)?
    (`top` `(` $top_weights_init^ `,` $top_keys_init `:`
    type($top_weights_init) `,` type($top_keys_init) `)`)?
    `indexing_maps` `=` $indexing_maps `scale` `=` $scale attr-dict
    (`score` $score^)? (`mask` $mask^)? `->` type($output)
    (`lse` `(` type($lse)^ `)`)? (`weights` `(` type($weights)^ `)`)?
    (`top` `(` type($top_weights)^ `,` type($top_keys) `)`)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable();
    ::mlir::AffineMap getQueryMap() { return getMap(0); }
    ::mlir::AffineMap getKeyMap() { return getMap(1); }
    ::mlir::AffineMap getValueMap() { return getMap(2); }
    ::mlir::AffineMap getOutputMap() { return getMap(3); }
    ::mlir::AffineMap getMap(unsigned index) {
      return ::llvm::cast<::mlir::AffineMapAttr>(getIndexingMaps()[index])
          .getValue();
    }
    /// Dimensions of the iteration space.
    enum Dim { B, Hkv, G, I, J, D, E, NumDims };
    /// How many weights of each row the top results keep; 0 without them.
    int64_t getTopCount() {
      return getTopKeys() ? getTopKeys().getType().getShape().back() : 0;
    }
    /// The largest count that is accepted.
    static constexpr int64_t maxTopCount = 64;
  }];
}

def Attn_AttendTileOp : Attn_PairRegionOp<"attend_tile", [
    DeclareOpInterfaceMethods<TilingInterface, ["getIterationDomain",
        "getLoopIteratorTypes", "getTiledImplementation",
        "getResultTilePosition"]>]> {
  let summary = "One tile of queries against one tile of keys";
  let description = [{
    Iterates over (i, j, d, e) of one (b, h). Takes in the running maximum and
    sum per query and the unnormalised accumulator, gives them with the keys of
    this tile added: associative over keys. `indexing_maps` are for query, key,
    value, accumulator. Queries are already in the accumulator type; `scale` still
    applies. Scores and maximum are in natural units, with `binary` exponents of 2.

    The mask runs only where `partial` holds (always without it): elsewhere it is
    known to keep every pair.

    `existing_rows` says how many of the rows are queries: accumulators of the
    others have no meaning. `padded_keys` promises that key and value, where they
    are slices, are the first of so many keys of which the others are zero.

    Tiled over keys, `j` moves on and the running values pass from tile to tile.

    ```mlir
    %a:3 = attn.attend_tile dot softmax
         ins(%query, %key, %value : tensor<8x64xf32>, tensor<9x64xf32>,
                                    tensor<9x32xf32>) at(%i, %i, %i, %j)
         outs(%init, %max, %sum : tensor<8x32xf32>, tensor<8xf32>, tensor<8xf32>)
         indexing_maps = [affine_map<(i, j, d, e) -> (i, d)>,
                          affine_map<(i, j, d, e) -> (j, d)>,
                          affine_map<(i, j, d, e) -> (j, e)>,
                          affine_map<(i, j, d, e) -> (i, e)>]
         scale = 0.125 -> tensor<8x32xf32>, tensor<8xf32>, tensor<8xf32>
    ```
  }];
  let arguments = (ins Attn_CompatibilityAttr:$compatibility,
                       Attn_NormalizerAttr:$normalizer,
                       Attn_FloatTensor:$query, Attn_FloatTensor:$key,
                       Attn_FloatTensor:$value,
                       Optional<Attn_FloatVector>:$feature_weight,
                       Variadic<Attn_Capture>:$captures,
                       Index:$b, Index:$h, Index:$i, Index:$j,
                       Optional<I1>:$partial,
                       Attn_FloatTensor:$accumulator, Attn_FloatVector:$maximum,
                       Attn_FloatVector:$sum,
                       AffineMapArrayAttr:$indexing_maps, F64Attr:$scale,
                       UnitAttr:$binary,
                       OptionalAttr<ConfinedAttr<I64Attr, [IntPositive]>>:$existing_rows,
                       OptionalAttr<ConfinedAttr<I64Attr, [IntPositive]>>:$padded_keys);
  let results = (outs Attn_FloatTensor:$accumulator_result,
                      Attn_FloatVector:$maximum_result,
                      Attn_FloatVector:$sum_result);
  let assemblyFormat = [{
    $compatibility $normalizer
    `ins` `(` $query `,` $key `,` $value `:` type($query) `,` type($key) `,`
    type($value) `)`
    (`feature_weight` `(` $feature_weight^ `:` type($feature_weight) `)`)?
    (`captures` `(` $captures^ `:` type($captures) `)`)?
    `at` `(` $b `,` $h `,` $i `,` $j `)` (`partial` `(` $partial^ `)`)?
    `outs` `(` $accumulator `,` $maximum `,` $sum `:` type($accumulator) `,`
    type($maximum) `,` type($sum) `)`
    `indexing_maps` `=` $indexing_maps `scale` `=` $scale (`binary` $binary^)?
    (`existing_rows` `=` $existing_rows^)? (`padded_keys` `=` $padded_keys^)?
    attr-dict (`score` $score^)? (`mask` $mask^)?
    `->` type($accumulator_result) `,` type($maximum_result) `,`
    type($sum_result)
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable();
    ::mlir::AffineMap getMap(unsigned index) {
      return ::llvm::cast<::mlir::AffineMapAttr>(getIndexingMaps()[index])
          .getValue();
    }
    /// Dimensions of the iteration space.
    enum Dim { I, J, D, E, NumDims };
  }];
}

def Attn_ScoreTileOp : Attn_PairRegionOp<"score_tile"> {
  let summary = "The scores of one tile of queries against one tile of keys";
  let description = [{
    As `attn.attend_tile`, without values: gives the scaled, modified scores,
    -inf where the mask is false under softmax, else 0. `indexing_maps` are for
    query, key, scores. Weights are made from it.

    ```mlir
    %t = attn.score_tile dot softmax
         ins(%query, %key : tensor<8x64xf32>, tensor<9x64xf32>)
         at(%i, %i, %i, %j) outs(%pairs : tensor<8x9xf32>)
         indexing_maps = [affine_map<(i, j, d, e) -> (i, d)>,
                          affine_map<(i, j, d, e) -> (j, d)>,
                          affine_map<(i, j, d, e) -> (i, j)>]
         scale = 0.125 -> tensor<8x9xf32>
    ```
  }];
  let arguments = (ins Attn_CompatibilityAttr:$compatibility,
                       Attn_NormalizerAttr:$normalizer,
                       Attn_FloatTensor:$query, Attn_FloatTensor:$key,
                       Optional<Attn_FloatVector>:$feature_weight,
                       Variadic<Attn_Capture>:$captures,
                       Index:$b, Index:$h, Index:$i, Index:$j,
                       Attn_FloatTensor:$scores,
                       AffineMapArrayAttr:$indexing_maps, F64Attr:$scale);
  let results = (outs Attn_FloatTensor:$result);
  let assemblyFormat = [{
    $compatibility $normalizer
    `ins` `(` $query `,` $key `:` type($query) `,` type($key) `)`
    (`feature_weight` `(` $feature_weight^ `:` type($feature_weight) `)`)?
    (`captures` `(` $captures^ `:` type($captures) `)`)?
    `at` `(` $b `,` $h `,` $i `,` $j `)`
    `outs` `(` $scores `:` type($scores) `)`
    `indexing_maps` `=` $indexing_maps `scale` `=` $scale attr-dict
    (`score` $score^)? (`mask` $mask^)? `->` type($result)
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() {
      return getScoresMutable();
    }
  }];
}

#endif // ATTN_ATTEND_OPS_TD
