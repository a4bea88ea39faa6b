//===- KernelLaunches.h - Which kernels an attend op runs -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOGPU_ATTEND_KERNELLAUNCHES_H
#define ATTN_LIB_CONVERSION_ATTNTOGPU_ATTEND_KERNELLAUNCHES_H

#include "../Arguments/AttendArguments.h"
#include "../Host/KernelModule.h"
#include "KernelPlan.h"

#include "attn/Dialect/Attn/Analysis/TileClassification.h"

namespace mlir::attn {

/// Makes the kernels of an attend op and host code that launches those that fit
/// the sizes.
class KernelLaunches {
public:
  /// `facts` are those of the op's captures.
  KernelLaunches(KernelModule &kernels, const GPUSpec &spec, AttendOp op,
                 const KernelPlan &plan, AttendArguments arguments,
                 ArrayRef<CaptureFacts> facts, std::string name)
      : kernels(kernels), spec(spec), op(op), plan(plan),
        arguments(std::move(arguments)), facts(facts), name(std::move(name)) {}

  /// Emits host code at the builder: the kernel for many queries; or, where one
  /// tile has place for more than a head's queries and a group has several
  /// heads, that for few; or, where few queries leave multiprocessors idle, one
  /// that splits keys, and a merge. Warpgroups leave what TMA cannot copy to
  /// one kernel without them. Fails, with the reason, where there is none.
  LogicalResult emit(OpBuilder &builder);

private:
  void emitTables();
  void emitVariants();
  void emitSplit(bool fold);
  void emitOne(const KernelPlan &variant, StringRef suffix);
  Value countBlocks(const KernelPlan &variant);
  Value countSplits(const KernelPlan &variant);
  gpu::GPUFuncOp emitKernel(const KernelPlan &variant, StringRef suffix);
  void emitMerge();
  void choose(Value condition, function_ref<void(bool)> emit);

  Value index(int64_t value);
  Value size(unsigned dim);
  Value times(Value lhs, Value rhs);
  Value compare(arith::CmpIPredicate predicate, Value lhs, int64_t rhs);

  KernelModule &kernels;
  const GPUSpec &spec;
  AttendOp op;
  KernelPlan plan;
  AttendArguments arguments;
  ArrayRef<CaptureFacts> facts;
  std::string name;
  /// Null without a mask.
  std::unique_ptr<TileClassifier> classifier;
  OpBuilder *host = nullptr;
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOGPU_ATTEND_KERNELLAUNCHES_H
