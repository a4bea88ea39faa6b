//===- LinalgToAttn.h - Raise linalg to attn -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_LINALGTOATTN_LINALGTOATTN_H
#define ATTN_CONVERSION_LINALGTOATTN_LINALGTOATTN_H

#include "attn/Dialect/Attn/IR/Attn.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/Pass.h"

namespace mlir::attn {

#define GEN_PASS_DECL
#include "attn/Conversion/LinalgToAttn/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "attn/Conversion/LinalgToAttn/Passes.h.inc"

} // namespace mlir::attn

#endif // ATTN_CONVERSION_LINALGTOATTN_LINALGTOATTN_H
