//===- LookupTarget.h - LLVM's code generators for CPUs -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TARGET_CPU_LOOKUPTARGET_H
#define ATTN_LIB_TARGET_CPU_LOOKUPTARGET_H

namespace llvm {
class Target;
class Triple;
} // namespace llvm

namespace mlir::attn {

/// The code generator for `triple`, initialised; null where it is neither of
/// x86-64 nor of AArch64, or where this LLVM lacks it.
const llvm::Target *lookupTarget(const llvm::Triple &triple);

} // namespace mlir::attn

#endif // ATTN_LIB_TARGET_CPU_LOOKUPTARGET_H
