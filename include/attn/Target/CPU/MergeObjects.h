//===- MergeObjects.h - One object file of several -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_CPU_MERGEOBJECTS_H
#define ATTN_TARGET_CPU_MERGEOBJECTS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

namespace mlir::attn {

/// Makes one relocatable object file of the parts of one module, ELF files of
/// 64 bits that LLVM emitted for one target. A symbol that a part lacks is that
/// of the same name in another, also where it is local there. Sections stand
/// side by side: a linker joins those of one name.
llvm::Expected<llvm::SmallVector<char, 0>>
mergeObjects(llvm::ArrayRef<llvm::StringRef> parts);

} // namespace mlir::attn

#endif // ATTN_TARGET_CPU_MERGEOBJECTS_H
