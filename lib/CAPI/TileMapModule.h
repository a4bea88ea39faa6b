//===- TileMapModule.h - Attention functions that classify tiles -*- C++
//-*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CAPI_TILEMAPMODULE_H
#define ATTN_LIB_CAPI_TILEMAPMODULE_H

#include "mlir/IR/BuiltinOps.h"

namespace mlir::attn {

/// Makes each public function of a module as written return, in place of its
/// results, the classes of the tiles of its attention op: a tensor of i8
/// (batch, head, query tile, key tile), each a TileKind. Emits an error where a
/// function has no attention op.
LogicalResult returnTileMaps(ModuleOp module, int64_t tileQueries,
                             int64_t tileKeys);

} // namespace mlir::attn

#endif // ATTN_LIB_CAPI_TILEMAPMODULE_H
