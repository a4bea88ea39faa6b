//===- MaskDescription.h - A mask in words of its pairs ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_ANALYSIS_MASKDESCRIPTION_H
#define ATTN_LIB_DIALECT_ATTN_ANALYSIS_MASKDESCRIPTION_H

#include "Disjunction.h"

#include <string>

namespace mlir::attn {

/// `disjunction` as text over b, h, i, j and the captures, solved for j where
/// that is possible: "j <= i and i - 64 <= j or j < 4".
std::string describeMask(const MaskModel &model, const Disjunction &disjunction,
                         ArrayRef<std::string> captureNames);

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_ANALYSIS_MASKDESCRIPTION_H
