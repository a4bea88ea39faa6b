//===- AttnParallel.h - The loop that threads share -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_IR_ATTNPARALLEL_H
#define ATTN_DIALECT_ATTN_IR_ATTNPARALLEL_H

#include "attn/Dialect/Attn/IR/Attn.h"

#include "mlir/Dialect/LLVMIR/LLVMTypes.h"

#define GET_OP_CLASSES
#include "attn/Dialect/Attn/IR/AttnParallelOps.h.inc"

#endif // ATTN_DIALECT_ATTN_IR_ATTNPARALLEL_H
