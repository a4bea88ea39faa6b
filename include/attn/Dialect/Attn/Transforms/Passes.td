//===- Passes.td - Passes from attn to attn -*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_TRANSFORMS_PASSES_TD
#define ATTN_DIALECT_ATTN_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def ExpandGraphOpsPass : Pass<"attn-expand-graph-ops"> {
  let summary = "Expand composite graph ops into linalg and core attention";
  let description = [{
    Accepts attn.multi_head, attn.masked_softmax, attn.sinusoid, attn.rotary and
    attn.merge. Projections become contractions
    with the transposed weight that start from the bias, heads dimensions by
    reshapes alone, and attention `attn.scaled_dot_product` in the layout bmhd.
    Sums are in the accumulator type; projected tensors have the element type.
    Angles of tables are computed and reduced in f64. Remarks say why projections
    and rotations are not parts of the tiles of attention.

    Guarantees that of the graph ops only those that `attn-lower-to-attend` takes
    are left. Sizes that must agree and are not static are checked by
    `attn.require`.

    Example: test/Dialect/Attn/Transforms/expand-graph-ops.mlir.
  }];
  let dependentDialects = ["arith::ArithDialect", "math::MathDialect",
                           "linalg::LinalgDialect", "scf::SCFDialect",
                           "tensor::TensorDialect"];
}

def VerifyCompileTimeValuesPass
    : Pass<"attn-verify-compile-time-values", "ModuleOp"> {
  let summary = "Refuse masks and score modifiers that cannot become regions";
  let description = [{
    Masks and score modifiers are compile-time values: attn ops and direct calls
    of private functions give them, and such functions are inlined. Refuses them
    in public signatures, in selects, loops and branches, inside other types, and
    in functions that have no body, are no_inline, or call themselves.

    Changes nothing. Example:
    test/Dialect/Attn/Transforms/verify-compile-time-values-errors.mlir.
  }];
}

def CheckAssumptionsPass : Pass<"attn-check-assumptions"> {
  let summary = "Require that what is stated of captures holds";
  let description = [{
    Part of compilation with debug checks. For each `attn.assume`, unless the
    compiler proved it, and for each `attn.mask.document` that is `sorted`, emits
    `attn.require` ops that look at the whole value: a call to which a fact does
    not apply is refused.

    Example: test/Dialect/Attn/Transforms/check-assumptions.mlir.
  }];
  let dependentDialects = ["arith::ArithDialect", "scf::SCFDialect",
                           "tensor::TensorDialect"];
}

def LowerToAttendPass : Pass<"attn-lower-to-attend"> {
  let summary = "Reduce graph ops to attn.attend, masks to its regions";
  let description = [{
    Accepts attention ops whose masks and score modifiers are built in the same
    function (inline private functions first). Each becomes one `attn.attend`;
    masks and modifiers become its regions, the tensors they read its captures.
    Sizes that must agree and are not static are checked by `attn.require`.

    Guarantees that no value of type `!attn.mask` or `!attn.score_mod` is used
    any more. Fails on an op whose layout has batch dimensions apart from each
    other.

    Example: test/Dialect/Attn/Transforms/lower-to-attend.mlir.
  }];
  let dependentDialects = ["arith::ArithDialect", "math::MathDialect",
                           "scf::SCFDialect", "tensor::TensorDialect",
                           "linalg::LinalgDialect"];
}

def SimplifyMasksPass : Pass<"attn-simplify-masks"> {
  let summary = "Drop masks that keep every pair, fold those that keep none";
  let description = [{
    Looks at the mask region of each `attn.attend` as a whole, at the static sizes
    that it has. A mask that keeps every pair for every input is erased; where it
    keeps none, the results are zeros, an LSE of -inf and keys of -1. Captures that
    no region reads any more go with the next canonicalisation.

    Example: test/Dialect/Attn/Transforms/simplify-masks.mlir.
  }];
  let dependentDialects = ["arith::ArithDialect", "linalg::LinalgDialect"];
}

def BindDestinationsPass : Pass<"attn-bind-destinations", "ModuleOp"> {
  let summary = "Give public functions memrefs: inputs, then destinations";
  let description = [{
    Every public function on tensors takes strided memrefs with innermost stride
    1: its inputs, which are only read, then one destination per result, which
    the producing op writes in place where it can. Sizes of destinations are
    checked by `attn.require`, and all requirements move to the function's top,
    so that a refused call has written nothing.

    Example: test/Dialect/Attn/Transforms/bind-destinations.mlir.
  }];
  let dependentDialects = ["arith::ArithDialect", "memref::MemRefDialect",
                           "tensor::TensorDialect",
                           "bufferization::BufferizationDialect"];
}

def TileQueriesPass : Pass<"attn-tile-queries"> {
  let summary = "Loop over batch, heads and query tiles";
  let description = [{
    Tiles each `attn.attend` by one batch, one head and a tile of queries into a
    `scf.forall`, through the op's TilingInterface. The tile size comes from the
    plan. A plan with a band takes as many tiles at a time where there are more than
    2 * resident keys.

    Example: test/Dialect/Attn/Transforms/tile-queries.mlir.
  }];
  let options = [
    Option<"target", "target", "std::string", "\"native\"", "CPU to tile for">];
  let dependentDialects = ["affine::AffineDialect", "arith::ArithDialect",
                           "scf::SCFDialect", "tensor::TensorDialect"];
}

def TileKeysPass : Pass<"attn-tile-keys"> {
  let summary = "Loop over key tiles, with running maximum and sum";
  let description = [{
    Accepts `attn.attend` on one batch and head and at most one tile of queries, or
    the plan's band of them. Packs the queries transposed, loops over key tiles with
    `attn.attend_tile`, then normalises. The tiles of a band visit the plan's
    resident keys together before the next. A tile whose outputs are not finite, as a
    value that is not finite makes them, is computed again by `attn.recompute`.

    Example: test/Dialect/Attn/Transforms/tile-keys.mlir.
  }];
  let options = [
    Option<"target", "target", "std::string", "\"native\"", "CPU to tile for">];
  let dependentDialects = ["affine::AffineDialect", "arith::ArithDialect",
                           "bufferization::BufferizationDialect",
                           "linalg::LinalgDialect", "math::MathDialect",
                           "memref::MemRefDialect", "scf::SCFDialect",
                           "tensor::TensorDialect"];
}

def TileContractionsPass : Pass<"attn-tile-contractions"> {
  let summary = "Cache tiles and packed panels for matrix products";
  let description = [{
    Tiles each product of two matrices of floats, whatever the order of their
    dimensions and with any batch dimensions, into a `scf.forall` over tiles of
    rows and panels of columns. The elementwise ops around the product run on each
    tile: a bias that it starts from, what alone uses its result. Inside, a loop
    over the reduction packs a panel of one input, which stays in the second-level
    cache while the rows of the other stream past it, and adds to sums in scratch.
    Sums of f16 and bf16 are f32.

    Products whose operands all fit into the first-level cache and those inside of
    other loops stay.

    Example: test/Dialect/Attn/Transforms/tile-contractions.mlir.
  }];
  let options = [
    Option<"target", "target", "std::string", "\"native\"", "CPU to tile for">];
  let dependentDialects = ["affine::AffineDialect", "arith::ArithDialect",
                           "bufferization::BufferizationDialect",
                           "linalg::LinalgDialect", "scf::SCFDialect",
                           "tensor::TensorDialect"];
}

def BufferizePass : Pass<"attn-bufferize", "ModuleOp"> {
  let summary = "Turn tensors into memrefs by one-shot bufferization";
  let description = [{
    One-shot bufferization of function bodies. Scratch of static size inside a
    `scf.forall` becomes stack memory at the top of its body. Each `memref.subview`
    of which MLIR would drop the wrong dimension of size 1 (it tells them apart by
    strides, which may not be known) keeps its rank, and a `memref.collapse_shape`
    drops the right one.

    Refuses ops on tensors that have no bufferization, naming them.

    Example: test/Dialect/Attn/Transforms/bufferize.mlir.
  }];
  let dependentDialects = ["bufferization::BufferizationDialect",
                           "memref::MemRefDialect", "linalg::LinalgDialect"];
}

#endif // ATTN_DIALECT_ATTN_TRANSFORMS_PASSES_TD
