//===- KernelLaunches.cpp - Which kernels an attend op runs -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelLaunches.h"

#include "AttendKernel.h"
#include "MaskTables.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Host code
//===----------------------------------------------------------------------===//

Value KernelLaunches::index(int64_t value) {
  return arith::ConstantIndexOp::create(*host, op.getLoc(), value);
}

Value KernelLaunches::size(unsigned dim) {
  return host->createOrFold<arith::IndexCastOp>(
      op.getLoc(), host->getIndexType(), arguments.sizes[dim]);
}

Value KernelLaunches::times(Value lhs, Value rhs) {
  return host->createOrFold<arith::MulIOp>(op.getLoc(), lhs, rhs);
}

Value KernelLaunches::compare(arith::CmpIPredicate predicate, Value lhs,
                              int64_t rhs) {
  return host->createOrFold<arith::CmpIOp>(op.getLoc(), predicate, lhs,
                                           index(rhs));
}

/// Emits what is to be done where the condition holds and where not, as far as
/// that is not known.
void KernelLaunches::choose(Value condition, function_ref<void(bool)> emit) {
  if (std::optional<int64_t> known = getConstantIntValue(condition))
    return emit(*known != 0);
  auto choice = scf::IfOp::create(*host, op.getLoc(), condition,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard restore(*host);
  host->setInsertionPoint(choice.thenYield());
  emit(true);
  host->setInsertionPoint(choice.elseYield());
  emit(false);
}

/// One for each tile of queries of each head, or of each key head, and part of
/// its columns.
Value KernelLaunches::countBlocks(const KernelPlan &variant) {
  Value rows = size(AttendOp::I);
  if (variant.foldHeads)
    rows = times(rows, size(AttendOp::G));
  Value blocks = host->createOrFold<arith::CeilDivSIOp>(op.getLoc(), rows,
                                                        index(variant.queries));
  if (!variant.foldHeads)
    blocks = times(blocks, size(AttendOp::G));
  blocks = times(times(blocks, size(AttendOp::Hkv)), size(AttendOp::B));
  return times(blocks, index(variant.parts));
}

/// In how many parts blocks take the keys: as many as multiprocessors have
/// place for, but none too small.
Value KernelLaunches::countSplits(const KernelPlan &variant) {
  Location loc = op.getLoc();
  Value blocks =
      host->createOrFold<arith::MaxUIOp>(loc, countBlocks(variant), index(1));
  Value places = host->createOrFold<arith::DivUIOp>(
      loc, index(spec.multiprocessors), blocks);
  Value worth = host->createOrFold<arith::DivUIOp>(
      loc, size(AttendOp::J), index(variant.keys * variant.splitTiles()));
  return host->createOrFold<arith::MinUIOp>(loc, places, worth);
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

gpu::GPUFuncOp KernelLaunches::emitKernel(const KernelPlan &variant,
                                          StringRef suffix) {
  OpBuilder b(op.getContext());
  AttendArguments bound = arguments;
  gpu::GPUFuncOp kernel =
      kernels.create(b, op.getLoc(), name + suffix.str(),
                     arguments.getLaunchOperands(), variant.threads());
  // Without it registers cannot move between warpgroups.
  if (variant.warpgroups)
    kernel->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                    b.getI32IntegerAttr(1));
  bound.bind(b, kernel.getBody().front().getArguments());
  AttendKernel(b, op, std::move(bound), variant, classifier.get()).emit();
  kernels.finish(b, kernel);
  return kernel;
}

void KernelLaunches::emitOne(const KernelPlan &variant, StringRef suffix) {
  Value blocks = countBlocks(variant);
  if (variant.splitKeys)
    blocks =
        times(blocks, host->createOrFold<arith::IndexCastOp>(
                          op.getLoc(), host->getIndexType(), arguments.splits));
  if (variant.warpgroups)
    blocks = host->createOrFold<arith::MinUIOp>(op.getLoc(), blocks,
                                                index(spec.multiprocessors));
  kernels.launch(*host, emitKernel(variant, suffix),
                 {blocks, variant.threads(), variant.sharedBytes()},
                 arguments.getLaunchOperands());
}

void KernelLaunches::emitMerge() {
  OpBuilder b(op.getContext());
  AttendArguments given;
  given.output = arguments.output;
  given.lse = arguments.lse;
  given.sizes = arguments.sizes;
  given.splits = arguments.splits;
  given.partials = arguments.partials;
  SmallVector<Value> operands = given.getLaunchOperands();
  gpu::GPUFuncOp kernel = kernels.create(b, op.getLoc(), name + "_merge",
                                         operands, MergeKernel::threads);
  given.bind(b, kernel.getBody().front().getArguments());
  MergeKernel(b, op, std::move(given), plan.sumColumns()).emit();
  kernels.finish(b, kernel);
  Value rows = index(1);
  for (unsigned dim : {AttendOp::B, AttendOp::Hkv, AttendOp::G, AttendOp::I})
    rows = times(rows, size(dim));
  Value blocks = host->createOrFold<arith::CeilDivSIOp>(
      op.getLoc(), rows, index(MergeKernel::rowsPerBlock));
  kernels.launch(*host, kernel, {blocks, MergeKernel::threads, 0}, operands);
}

/// Sums of the splits are in scratch until they are merged.
void KernelLaunches::emitSplit(bool fold) {
  Location loc = op.getLoc();
  KernelPlan variant = plan;
  variant.foldHeads = fold;
  variant.splitKeys = true;
  Value splits = countSplits(variant);
  constexpr int64_t statistics = 2, bytesPerSum = 4;
  Value bytes =
      times(splits, index((variant.sumColumns() + statistics) * bytesPerSum));
  for (unsigned dim : {AttendOp::B, AttendOp::Hkv, AttendOp::G, AttendOp::I})
    bytes = times(bytes, size(dim));
  auto type = MemRefType::get({ShapedType::kDynamic}, host->getIntegerType(8));
  Value memory = gpu::AllocOp::create(*host, loc, type, Type(), ValueRange(),
                                      bytes, ValueRange())
                     .getResult(0);
  arguments.partials = describeMemory(*host, loc, memory).pointer;
  arguments.splits =
      host->createOrFold<arith::IndexCastOp>(loc, host->getI64Type(), splits);
  emitOne(variant, "_split");
  emitMerge();
  arguments.partials = arguments.splits = Value();
}

/// Tables of what the mask says of queries alone and of keys alone.
void KernelLaunches::emitTables() {
  if (op.getMask().empty())
    return;
  auto known = [&](unsigned dim) {
    return getConstantIntValue(size(dim)).value_or(ShapedType::kDynamic);
  };
  classifier = std::make_unique<TileClassifier>(
      op.getMask(), known(AttendOp::I), known(AttendOp::J), facts);
  Value heads = times(size(AttendOp::Hkv), size(AttendOp::G));
  MaskDomain domain{size(AttendOp::B), heads,        size(AttendOp::I),
                    size(AttendOp::J), plan.queries, plan.keys};
  arguments.tables = MaskTables(*host, op, arguments.captures, kernels, name)
                         .emit(*classifier, domain);
  classifier->remarkNotes("attn-to-gpu");
}

/// Whether heads of a group can make one tile: they share keys and values, and
/// the mask does not tell them apart.
static bool canFoldHeads(AttendOp op) {
  if (KernelPlan::hasKeysPerHead(op))
    return false;
  return op.getMask().empty() || op.getMask().getArgument(1).use_empty();
}

LogicalResult KernelLaunches::emit(OpBuilder &builder) {
  host = &builder;
  if (!plan.warpgroups) {
    emitTables();
    emitVariants();
    return success();
  }
  KernelPlan other = KernelPlan::get(spec, op, /*mayMap=*/false);
  auto mappable = [&](const AttendOperand &operand) {
    return isMappable(*host, op.getLoc(), operand, plan.key.elementBytes);
  };
  Value both = host->createOrFold<arith::AndIOp>(
      op.getLoc(), mappable(arguments.key), mappable(arguments.value));
  choose(both, [&](bool can) {
    if (!can) {
      plan = other;
      name += "_unmapped";
      emitTables();
      return emitOne(plan, "");
    }
    emitTables();
    arguments.key.map = createMap(*host, op, op.getKey(), arguments.key,
                                  arguments.sizes, plan.key);
    arguments.value.map = createMap(*host, op, op.getValue(), arguments.value,
                                    arguments.sizes, plan.value);
    emitVariants();
    arguments.key.map = arguments.value.map = Value();
  });
  return success();
}

/// For many queries, for few, for few and many keys.
void KernelLaunches::emitVariants() {
  bool canFold = canFoldHeads(op);
  auto both = [&](Value lhs, Value rhs) {
    return host->createOrFold<arith::AndIOp>(op.getLoc(), lhs, rhs);
  };
  Value few =
      compare(arith::CmpIPredicate::slt, size(AttendOp::I), plan.queries);
  KernelPlan folded = plan;
  folded.foldHeads = canFold;
  Value splits = compare(arith::CmpIPredicate::ugt, countSplits(folded), 1);
  Value wanted =
      arith::ConstantIntOp::create(*host, op.getLoc(), plan.canSplit, 1);
  choose(both(both(few, splits), wanted), [&](bool split) {
    if (split)
      return emitSplit(canFold);
    Value fold =
        canFold ? both(few,
                       compare(arith::CmpIPredicate::sgt, size(AttendOp::G), 1))
                : arith::ConstantIntOp::create(*host, op.getLoc(), 0, 1);
    choose(fold, [&](bool fold) {
      KernelPlan variant = plan;
      variant.foldHeads = fold;
      emitOne(variant, fold ? "_few" : "");
    });
  });
}
