//===- AttnRecomputeOps.td - Rows that are computed again -*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RECOMPUTE_OPS_TD
#define ATTN_RECOMPUTE_OPS_TD

include "attn/Dialect/Attn/IR/AttnAttrs.td"
include "attn/Dialect/Attn/IR/AttnDialect.td"
include "attn/Dialect/Attn/IR/AttnTypes.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

/// A tensor, or what it becomes.
class Attn_Buffer<list<int> ranks = []> : AnyTypeOf<
    [Attn_TensorOf<[F32, BF16, F16, F64], ranks, "ranked tensor of floats">,
     !if(!empty(ranks), MemRefOf<[F32, BF16, F16, F64]>,
         MemRefRankOf<[F32, BF16, F16, F64], ranks>)]>;

def Attn_RecomputeOp : Attn_Op<"recompute", [AttrSizedOperandSegments,
    DestinationStyleOpInterface,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Attention of one tile again, where it is needed";
  let description = [{
    Iterates over (i, g, j, d, e): query, head of a group, key, feature, value
    feature. `indexing_maps` are projected permutations for query, key, value
    and output. The state, maximum and sum, is there where it is needed later. It
    has an entry per row, query i of head g being row i * G + g, and may have more.

    Where `when` holds, outputs and state are those of the keys [begin, end), key
    by key: a pair without weight adds nothing whatever its value holds. Else they
    stay as they are. With `binary`, scores are exponents of 2.

    A score is scale * compatibility(q, k), and then what the region `pairs` makes
    of it, which is given query, head and key, counted from the operands' first,
    and the score: -inf, or 0 without softmax, for a pair that a mask leaves out.

    The lower phase makes it a call of the runtime, which is compiled once for all
    functions, and of the region a function that the runtime calls.

    ```mlir
    %r:3 = attn.recompute dot softmax
         ins(%query, %key, %value : tensor<8x64xf32>, tensor<9x64xf32>,
                                    tensor<9x32xf32>) keys(%i, %j) when(%guard)
         outs(%init : tensor<8x32xf32>)
         state(%max, %sum : tensor<8xf32>, tensor<8xf32>)
         indexing_maps = [affine_map<(i, g, j, d, e) -> (i, d)>,
                          affine_map<(i, g, j, d, e) -> (j, d)>,
                          affine_map<(i, g, j, d, e) -> (j, e)>,
                          affine_map<(i, g, j, d, e) -> (i, e)>]
         scale = 0.125 pairs {
    ^bb0(%query_at: index, %head_at: index, %key_at: index, %score: f32):
      attn.yield %score : f32
    } -> tensor<8x32xf32>, tensor<8xf32>, tensor<8xf32>
    ```
  }];
  let arguments = (ins Attn_CompatibilityAttr:$compatibility,
                       Attn_NormalizerAttr:$normalizer,
                       Attn_Buffer<>:$query, Attn_Buffer<>:$key,
                       Attn_Buffer<>:$value,
                       Optional<Attn_Buffer<[1]>>:$feature_weight,
                       Optional<Attn_Buffer<[0, 1]>>:$sink,
                       Index:$begin, Index:$end, I1:$when,
                       Attn_Buffer<>:$output,
                       Optional<Attn_Buffer<[1]>>:$maximum,
                       Optional<Attn_Buffer<[1]>>:$sum,
                       AffineMapArrayAttr:$indexing_maps, F64Attr:$scale,
                       UnitAttr:$binary);
  let results = (outs Variadic<Attn_FloatTensor>:$results);
  let regions = (region MinSizedRegion<1>:$pairs);
  let assemblyFormat = [{
    $compatibility $normalizer
    `ins` `(` $query `,` $key `,` $value `:` type($query) `,` type($key) `,`
    type($value) `)`
    (`feature_weight` `(` $feature_weight^ `:` type($feature_weight) `)`)?
    (`sink` `(` $sink^ `:` type($sink) `)`)?
    `keys` `(` $begin `,` $end `)` `when` `(` $when `)`
    `outs` `(` $output `:` type($output) `)`
    (`state` `(` $maximum^ `,` $sum `:` type($maximum) `,` type($sum) `)`)?
    `indexing_maps` `=` $indexing_maps `scale` `=` $scale (`binary` $binary^)?
    attr-dict
    `pairs` $pairs (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable();
    ::mlir::AffineMap getMap(unsigned index) {
      return ::llvm::cast<::mlir::AffineMapAttr>(getIndexingMaps()[index])
          .getValue();
    }
    /// Dimensions of the iteration space.
    enum Dim { I, G, J, D, E, NumDims };
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

#endif // ATTN_RECOMPUTE_OPS_TD
