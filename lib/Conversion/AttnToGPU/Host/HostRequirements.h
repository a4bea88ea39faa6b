//===- HostRequirements.h - What launches require ---------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOGPU_HOST_HOSTREQUIREMENTS_H
#define ATTN_LIB_CONVERSION_ATTNTOGPU_HOST_HOSTREQUIREMENTS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::attn {

/// Drops requirements on what tensors hold, which only the device can read.
void dropUnreadableRequirements(func::FuncOp function);

/// Moves requirements, and what their conditions are made of, before all
/// launches.
void moveRequirementsUp(func::FuncOp function);

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOGPU_HOST_HOSTREQUIREMENTS_H
