//===- InspectWeights.h - Sums over weights that are never stored -------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_INSPECTWEIGHTS_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_INSPECTWEIGHTS_H

#include "CanonicalLayout.h"
#include "Scoring.h"

namespace mlir::attn {

/// Whether results of `op` are made from the LSE of its rows.
bool needsLse(AttentionOpInterface op, const Scoring &scoring);

/// Replaces the entropy and received results of `op`, which `attend` computes,
/// by further attention without normaliser: its scores are made from the
/// weights, exp(score - LSE), its values are 1. What keys receive is attention
/// of keys to queries.
void inspectWeights(OpBuilder &builder, AttentionOpInterface op,
                    AttendOp attend, const CanonicalLayout &layout,
                    const RegionBuilder &regions, const Scoring &scoring);

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_INSPECTWEIGHTS_H
