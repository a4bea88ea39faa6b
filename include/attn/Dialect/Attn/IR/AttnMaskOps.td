//===- AttnMaskOps.td - Masks: predicates over (b, h, i, j) -------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_MASK_OPS_TD
#define ATTN_MASK_OPS_TD

include "attn/Dialect/Attn/IR/AttnDialect.td"
include "attn/Dialect/Attn/IR/AttnInterfaces.td"
include "attn/Dialect/Attn/IR/AttnTypes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Attn_MaskOp<string mnemonic, list<Trait> traits = [],
                  list<string> overrides = []>
    : Attn_Op<"mask." # mnemonic,
              traits # [Pure, DeclareOpInterfaceMethods<MaskOpInterface,
                                                        overrides>]> {
  let results = (outs Attn_MaskType:$result);
}

/// A mask whose captures have sizes that depend on those of the attention.
class Attn_SizedMaskOp<string mnemonic, list<Trait> traits = []>
    : Attn_MaskOp<mnemonic, traits, ["getSizeRules"]>;

def Attn_MaskConstantOp : Attn_MaskOp<"constant", [ConstantLike]> {
  let summary = "Keeps every pair, or none";
  let description = [{
    ```mlir
    %all = attn.mask.constant true
    ```
  }];
  let arguments = (ins BoolAttr:$value);
  let assemblyFormat = "$value attr-dict";
  let hasFolder = 1;
}

def Attn_MaskCausalOp : Attn_SizedMaskOp<"causal"> {
  let summary = "Keeps keys at or before the query: j <= i + offset";
  let description = [{
    The offset defaults to 0. `offset(%o)` gives it as an integer or as one
    integer per batch (key caches); `bottom_right` sets it to N - M.

    ```mlir
    %c = attn.mask.causal
    %d = attn.mask.causal offset(%past : index)
    %e = attn.mask.causal bottom_right
    ```
  }];
  let arguments = (ins Optional<Attn_PerBatchInteger>:$offset,
                       UnitAttr:$bottom_right);
  let assemblyFormat = [{
    (`offset` `(` $offset^ `:` type($offset) `)`)?
    (`bottom_right` $bottom_right^)? attr-dict
  }];
  let hasCanonicalizeMethod = 1;
  let hasVerifier = 1;
}

def Attn_MaskWindowOp : Attn_SizedMaskOp<"window", [AttrSizedOperandSegments]> {
  let summary = "Keeps i + offset - past <= j <= i + offset + future";
  let description = [{
    Both sides are inclusive; a side left out is unbounded. A side is a constant
    of at least 0 (`past = 4096`) or an index (`past(%n)`). The offset is as that
    of `attn.mask.causal`.

    ```mlir
    %w = attn.mask.window past = 4096 future = 0
    %u = attn.mask.window past(%past) offset(%n : index)
    ```
  }];
  let arguments = (ins OptionalAttr<I64Attr>:$past,
                       OptionalAttr<I64Attr>:$future,
                       Optional<Index>:$dynamic_past,
                       Optional<Index>:$dynamic_future,
                       Optional<Attn_PerBatchInteger>:$offset);
  let assemblyFormat = [{
    custom<WindowSides>($past, $dynamic_past, $future, $dynamic_future)
    (`offset` `(` $offset^ `:` type($offset) `)`)? attr-dict
  }];
  let hasFolder = 1;
  let hasVerifier = 1;
}

def Attn_MaskPrefixOp : Attn_SizedMaskOp<"prefix"> {
  let summary = "Keeps the first keys: j < length";
  let description = [{
    A prefix language model is `attn.mask.or %prefix, %causal`.

    ```mlir
    %p = attn.mask.prefix %length : index
    ```
  }];
  let arguments = (ins Attn_PerBatchInteger:$length);
  let assemblyFormat = "$length attr-dict `:` type($length)";
}

def Attn_MaskPaddingOp : Attn_SizedMaskOp<"padding"> {
  let summary = "Keeps the valid keys: j < lengths[b] or lengths[b, i]";
  let description = [{
    ```mlir
    %p = attn.mask.padding %lengths : tensor<?xi32>
    ```
  }];
  let arguments = (ins Attn_IdTensor:$lengths);
  let assemblyFormat = "$lengths attr-dict `:` type($lengths)";
}

def Attn_MaskDocumentOp : Attn_SizedMaskOp<"document"> {
  let summary = "Keeps pairs of one document: ids[i] == key_ids[j]";
  let description = [{
    `ids` has one entry per query, or (batch, query). `keys(%k)` gives ids of
    the keys where they differ from those of the queries. `sorted` states that
    ids do not decrease.

    ```mlir
    %d = attn.mask.document %ids : tensor<?xi32>
    ```
  }];
  let arguments = (ins Attn_IdTensor:$ids, Optional<Attn_IdTensor>:$key_ids,
                       UnitAttr:$sorted);
  let assemblyFormat = [{
    $ids (`keys` `(` $key_ids^ `:` type($key_ids) `)`)? (`sorted` $sorted^)?
    attr-dict `:` type($ids)
  }];
  let hasVerifier = 1;
}

def Attn_MaskDocumentOffsetsOp : Attn_MaskOp<"document_offsets"> {
  let summary = "Keeps pairs of one segment of packed sequences (cu_seqlens)";
  let description = [{
    Document t is the range [offsets[t], offsets[t+1]). `offsets` increases.
    `keys(%k)` gives offsets of the keys where they differ. A query or key
    outside every range belongs to no document and keeps nothing.

    ```mlir
    %d = attn.mask.document_offsets %offsets : tensor<?xi32>
    ```
  }];
  let arguments = (ins Attn_IndexVector:$offsets,
                       Optional<Attn_IndexVector>:$key_offsets);
  let assemblyFormat = [{
    $offsets (`keys` `(` $key_offsets^ `:` type($key_offsets) `)`)?
    attr-dict `:` type($offsets)
  }];
  let hasVerifier = 1;
}

def Attn_MaskDilatedOp : Attn_MaskOp<"dilated"> {
  let summary = "Keeps every stride-th distance: (i - j) mod stride == 0";
  let description = [{
    ```mlir
    %d = attn.mask.dilated stride = 4
    ```
  }];
  let arguments = (ins ConfinedAttr<I64Attr, [IntPositive]>:$stride);
  let assemblyFormat = "`stride` `=` $stride attr-dict";
  let hasFolder = 1;
}

def Attn_MaskBlockSparseOp : Attn_SizedMaskOp<"block_sparse"> {
  let summary = "Keeps whole blocks: layout[i / block_m, j / block_n]";
  let description = [{
    `layout` is (query blocks, key blocks) or (heads, query blocks, key blocks).

    ```mlir
    %s = attn.mask.block_sparse %layout block [64, 64] : tensor<?x?xi1>
    ```
  }];
  let arguments = (ins Attn_TensorOf<[I1], [2, 3], "2-D or 3-D tensor">:$layout,
                       DenseI64ArrayAttr:$block);
  let assemblyFormat = "$layout `block` $block attr-dict `:` type($layout)";
  let hasVerifier = 1;
}

def Attn_MaskDenseOp : Attn_SizedMaskOp<"dense"> {
  let summary = "Keeps the pairs that a tensor of booleans names";
  let description = [{
    The tensor's shape is aligned right with (B, H, M, N); a dimension of static
    size 1 is broadcast. Rank 3 is (B, M, N) where the inputs have no heads.

    ```mlir
    %d = attn.mask.dense %keep : tensor<?x?xi1>
    ```
  }];
  let arguments = (ins Attn_TensorOf<[I1], [1, 2, 3, 4], "1-D to 4-D tensor">:$keep);
  let assemblyFormat = "$keep attr-dict `:` type($keep)";
}

def Attn_MaskPredicateOp : Attn_MaskOp<"predicate", [IsolatedFromAbove,
    SingleBlockImplicitTerminator<"::mlir::attn::YieldOp">]> {
  let summary = "Keeps the pairs for which a region yields true";
  let description = [{
    The region's arguments are b, h, i, j and then the captured values.
    Captured tensors are read by `attn.load`.

    ```mlir
    %p = attn.mask.predicate(%starts : tensor<?xi32>) {
    ^bb0(%b: index, %h: index, %i: index, %j: index, %s: tensor<?xi32>):
      %start = attn.load %s[%i] : tensor<?xi32>
      %first = arith.index_cast %start : i32 to index
      %keep = arith.cmpi sge, %j, %first : index
      attn.yield %keep : i1
    }
    ```
  }];
  let arguments = (ins Variadic<Attn_Capture>:$captured);
  let regions = (region SizedRegion<1>:$predicate);
  let assemblyFormat = [{
    (`(` $captured^ `:` type($captured) `)`)? attr-dict-with-keyword $predicate
  }];
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::Block *getBody() { return &getPredicate().front(); }
  }];
}

class Attn_MaskCombinationOp<string mnemonic>
    : Attn_MaskOp<mnemonic> {
  let arguments = (ins Variadic<Attn_MaskType>:$operands);
  let assemblyFormat = "$operands attr-dict";
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
  let hasVerifier = 1;
}

def Attn_MaskAndOp : Attn_MaskCombinationOp<"and"> {
  let summary = "Keeps what all of its masks keep";
  let description = [{
    Evaluated left to right: a mask's loads run only where those before it hold.

    ```mlir
    %m = attn.mask.and %causal, %window, %document
    ```
  }];
}

def Attn_MaskOrOp : Attn_MaskCombinationOp<"or"> {
  let summary = "Keeps what any of its masks keeps";
  let description = [{
    Evaluated left to right: a mask's loads run only where those before it do
    not hold.

    ```mlir
    %m = attn.mask.or %prefix, %causal
    ```
  }];
}

def Attn_MaskNotOp : Attn_MaskOp<"not"> {
  let summary = "Keeps what its mask does not";
  let description = [{
    ```mlir
    %m = attn.mask.not %window
    ```
  }];
  let arguments = (ins Attn_MaskType:$operand);
  let assemblyFormat = "$operand attr-dict";
  let hasFolder = 1;
}

#endif // ATTN_MASK_OPS_TD
