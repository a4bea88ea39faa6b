//===- PlanPasses.td - Passes that plan attend ops -*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_TRANSFORMS_PLANPASSES_TD
#define ATTN_DIALECT_ATTN_TRANSFORMS_PLANPASSES_TD

include "mlir/Pass/PassBase.td"

def ChoosePlansPass : Pass<"attn-choose-plans"> {
  let summary = "Decide how each attend op is computed";
  let description = [{
    Attaches `attn.plan` to each `attn.attend`, by a model of the vector operations
    per key: `queries` and `keys` of a tile, the `group` of heads that share it,
    the keys of each part where they are `split` (0: not), and what `lanes` hold,
    "queries" or "features". Where the number of queries is not known, an op is
    repeated under `scf.if`, once for every plan that some number asks for.

    Example: test/Dialect/Attn/Transforms/choose-plans.mlir.
  }];
  let options = [
    Option<"target", "target", "std::string", "\"native\"", "CPU to plan for">];
  let dependentDialects = ["arith::ArithDialect", "scf::SCFDialect",
                           "tensor::TensorDialect"];
}

def SplitKeysPass : Pass<"attn-split-keys"> {
  let summary = "Cut keys into parts that are computed apart and merged";
  let description = [{
    Replaces each `attn.attend` whose plan splits keys by a `scf.forall` over
    batch, heads and parts of the keys, with an `attn.attend` on each part, and
    merges the parts through their LSE. The keys that the mask can reach from a
    head are cut into parts of equal length, at most that of the plan; where
    parts begin never depends on threads.

    Example: test/Dialect/Attn/Transforms/split-keys.mlir.
  }];
  let options = [
    Option<"target", "target", "std::string", "\"native\"", "CPU to plan for">];
  let dependentDialects = ["affine::AffineDialect", "arith::ArithDialect",
                           "linalg::LinalgDialect", "math::MathDialect",
                           "scf::SCFDialect", "tensor::TensorDialect"];
}

def SpecializeRowsPass : Pass<"attn-specialize-rows"> {
  let summary = "Give calls whose keys lie in order a version of their own";
  let description = [{
    Repeats each `attn.attend` whose plan says `compact` under `scf.if`: where the
    rows of its keys and values follow each other as in a compact tensor, their
    distance is a constant in the layout that one copy reads; the other copy serves
    all other strides. Results are the same, bit for bit.

    Example: test/Dialect/Attn/Transforms/specialize-rows.mlir.
  }];
  let options = [
    Option<"target", "target", "std::string", "\"native\"", "CPU to plan for">];
  let dependentDialects = ["arith::ArithDialect",
                           "bufferization::BufferizationDialect",
                           "memref::MemRefDialect", "scf::SCFDialect"];
}

#endif // ATTN_DIALECT_ATTN_TRANSFORMS_PLANPASSES_TD
