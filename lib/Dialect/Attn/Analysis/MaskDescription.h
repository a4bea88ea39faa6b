//===- MaskDescription.h - A mask in words of its pairs ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_ANALYSIS_MASKDESCRIPTION_H
#define ATTN_LIB_DIALECT_ATTN_ANALYSIS_MASKDESCRIPTION_H

#include "MaskModel.h"

#include <string>

namespace mlir::attn {

/// What the mask keeps, as text over b, h, i, j and the captures, solved for j
/// where that is possible: "j <= i and ids[j] == ids[i]". What is longer than
/// `width` is broken into lines, a part on each.
std::string describeMask(const MaskModel &model,
                         ArrayRef<std::string> captureNames, size_t width);

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_ANALYSIS_MASKDESCRIPTION_H
