//===- QueryTileResults.h - What results of a query tile share -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_TILING_QUERYTILERESULTS_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_TILING_QUERYTILERESULTS_H

#include "QueryTile.h"

namespace mlir::attn {

/// The first `queries` columns of a tile whose last dimension is queries.
Value sliceQueries(OpBuilder &b, Location loc, Value tile,
                   OpFoldResult queries);

/// Writes a 2-D or 1-D tensor over the whole of `init`, which has further
/// dimensions of size 1.
Value insertWhole(OpBuilder &b, Location loc, Value reduced, Value init);

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_TILING_QUERYTILERESULTS_H
