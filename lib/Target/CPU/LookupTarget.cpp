//===- LookupTarget.cpp - LLVM's code generators for CPUs -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LookupTarget.h"

#include "llvm-c/Target.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/TargetParser/Triple.h"

// Only what the triple needs: all of LLVM's targets would be most of a compiler
// that is linked to its archives.
const llvm::Target *mlir::attn::lookupTarget(const llvm::Triple &triple) {
  if (triple.isX86()) {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser(); // The runtime is assembly.
  } else if (triple.isAArch64()) {
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
    LLVMInitializeAArch64AsmParser();
  } else {
    return nullptr;
  }
  std::string error;
  return llvm::TargetRegistry::lookupTarget(triple, error);
}
