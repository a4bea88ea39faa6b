//===- KernelSupport.h - Pairs that a kernel can reach -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_KERNELSUPPORT_H
#define ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_KERNELSUPPORT_H

#include "CanonicalLayout.h"

namespace mlir::attn {

/// Whether the kernel is 0 from u = 1 on and features are scalars: then keys in
/// ascending order leave most tiles empty.
bool hasScalarSupport(KernelRegressionOp op);

/// A mask that keeps every pair to which the kernel of such an op gives weight,
/// or whose feature is NaN; where the keys ascend, it drops nearly all others.
/// It compares integers that are in the order of the features, so that tiles
/// are classified, and keys searched, as for masks of ids.
Value emitKernelSupport(OpBuilder &builder, KernelRegressionOp op,
                        const CanonicalLayout &layout);

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_TRANSFORMS_GRAPHOPS_KERNELSUPPORT_H
