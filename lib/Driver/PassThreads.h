//===- PassThreads.h - Functions lowered side by side -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DRIVER_PASSTHREADS_H
#define ATTN_LIB_DRIVER_PASSTHREADS_H

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/Threading.h"

namespace mlir::attn {

/// How many threads this process may run at once.
inline unsigned getNumCores() {
  return llvm::hardware_concurrency().compute_thread_count();
}

/// While it lives, MLIR may use a context on several threads, which makes every
/// use a little slower. The threads end with it: contexts live as long as
/// compiled functions do.
class PassThreads {
public:
  explicit PassThreads(MLIRContext &context) : context(context) {
    if (getNumCores() > 1)
      context.enableMultithreading();
  }
  ~PassThreads() { context.disableMultithreading(); }
  PassThreads(const PassThreads &) = delete;
  PassThreads &operator=(const PassThreads &) = delete;

private:
  MLIRContext &context;
};

} // namespace mlir::attn

#endif // ATTN_LIB_DRIVER_PASSTHREADS_H
