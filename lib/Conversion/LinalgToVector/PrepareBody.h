//===- PrepareBody.h - Rewrites of a linalg body before blocking --------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_LINALGTOVECTOR_PREPAREBODY_H
#define ATTN_LIB_CONVERSION_LINALGTOVECTOR_PREPAREBODY_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::attn {

/// Makes math.fma of a product that is added to an accumulator, and of products
/// and sums that may be contracted.
void formMultiplyAdds(RewriterBase &rewriter, linalg::GenericOp op);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_LINALGTOVECTOR_PREPAREBODY_H
