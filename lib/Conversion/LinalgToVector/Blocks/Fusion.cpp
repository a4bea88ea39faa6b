//===- Fusion.cpp - Elementwise ops inside the blocks of another --------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fusion.h"

#include "attn/Dialect/Attn/IR/ABI.h"
#include "attn/Dialect/Attn/IR/ViewRoot.h"

#include "mlir/Analysis/AliasAnalysis.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Correspondence of loops
//===----------------------------------------------------------------------===//

/// Whether each element of the operand belongs to one value of `numDims` loops
/// and the other way round.
static bool isPermutation(AffineMap map, unsigned numDims) {
  return map.isProjectedPermutation() && map.getNumResults() == numDims;
}

/// `op` on the blocks of `host`: element for element of what `operand` and the
/// host's `output` both are.
static std::optional<FusedOp> fuse(linalg::GenericOp host,
                                   const BlockPlan &plan, OpOperand &output,
                                   linalg::GenericOp op, OpOperand &operand) {
  AffineMap hostMap = host.getMatchingIndexingMap(&output);
  AffineMap map = op.getMatchingIndexingMap(&operand);
  unsigned numLoops = op.getNumLoops();
  if (!isPermutation(hostMap, host.getNumParallelLoops()) ||
      !isPermutation(map, numLoops) || numLoops != hostMap.getNumResults())
    return std::nullopt;
  FusedOp fused{op, SmallVector<unsigned>(numLoops), {}};
  fused.plan.sizes.resize(numLoops);
  for (auto [hostExpr, expr] :
       llvm::zip_equal(hostMap.getResults(), map.getResults())) {
    unsigned hostDim = cast<AffineDimExpr>(hostExpr).getPosition();
    unsigned dim = cast<AffineDimExpr>(expr).getPosition();
    fused.hostDims[dim] = hostDim;
    fused.plan.sizes[dim] = plan.sizes[hostDim];
    if (plan.isRow(hostDim))
      fused.plan.rowDim = dim;
    else if (plan.isLane(hostDim))
      fused.plan.laneDim = dim;
    else
      fused.plan.outerDims.push_back(dim);
  }
  return fused;
}

/// Whether all operands can be accessed block by block; outputs must differ
/// from lane to lane.
static bool isBlockable(linalg::GenericOp op, const BlockPlan &plan) {
  std::string reason;
  if (!plan.laneDim || failed(BlockPlan::checkOperands(op, reason)))
    return false;
  return llvm::all_of(op.getDpsInitsMutable(), [&](OpOperand &output) {
    AffineMap map = op.getMatchingIndexingMap(&output);
    return map.isProjectedPermutation() && map.isFunctionOfDim(*plan.laneDim);
  });
}

//===----------------------------------------------------------------------===//
// Aliases
//===----------------------------------------------------------------------===//

namespace {
using MemRefs = SmallVector<Value>;
} // namespace

static MemRefs memrefsOf(ValueRange operands) {
  return MemRefs(llvm::make_filter_range(operands, [](Value operand) {
    return isa<MemRefType>(operand.getType());
  }));
}

/// Whether `memref` is a result of a public function: its entry refuses calls
/// in which one overlaps another argument.
static bool isResult(Value memref) {
  auto argument = dyn_cast<BlockArgument>(memref);
  if (!argument)
    return false;
  auto function =
      dyn_cast<FunctionOpInterface>(argument.getOwner()->getParentOp());
  return function && argument.getOwner()->isEntryBlock() &&
         function.getArgAttr(argument.getArgNumber(), abi::result);
}

static bool mayAlias(AliasAnalysis &aliases, Value memref, ValueRange others) {
  Value root = getViewRoot(memref);
  return llvm::any_of(others, [&](Value other) {
    Value otherRoot = getViewRoot(other);
    if (root != otherRoot && (isResult(root) || isResult(otherRoot)))
      return false;
    return !aliases.alias(memref, other).isNo();
  });
}

/// Captured tensors that the bodies read.
static void appendLoads(linalg::GenericOp op, MemRefs &memrefs) {
  op.getBody()->walk([&](Operation *inner) {
    llvm::append_range(memrefs, memrefsOf(inner->getOperands()));
  });
}

//===----------------------------------------------------------------------===//
// Initial values
//===----------------------------------------------------------------------===//

/// Whether the op reads and writes each element of `output` once, and through
/// no other operand.
static bool ownsOutput(linalg::GenericOp op, OpOperand &output,
                       AliasAnalysis &aliases) {
  AffineMap map = op.getMatchingIndexingMap(&output);
  SmallVector<unsigned> reductionDims;
  op.getReductionDims(reductionDims);
  bool carried = llvm::none_of(
      reductionDims, [&](unsigned dim) { return map.isFunctionOfDim(dim); });
  if (reductionDims.empty() || !carried || !map.isProjectedPermutation())
    return false;
  auto conflicts = [&](OpOperand &other) {
    return &other != &output && isa<MemRefType>(other.get().getType()) &&
           mayAlias(aliases, other.get(), output.get());
  };
  return llvm::none_of(op->getOpOperands(), conflicts);
}

/// `producer` as the op that computes the initial elements of `output`, if that
/// is all it writes. `between` are memrefs of the ops up to `op`.
static std::optional<FusedOp>
asInitializer(linalg::GenericOp op, const BlockPlan &plan, OpOperand &output,
              linalg::GenericOp producer, MemRefs between,
              AliasAnalysis &aliases) {
  if (producer.getNumDpsInits() != 1 ||
      producer.getNumParallelLoops() != producer.getNumLoops())
    return std::nullopt;
  OpOperand &written = *producer.getDpsInitOperand(0);
  if (written.get() != output.get())
    return std::nullopt;
  std::optional<FusedOp> fused = fuse(op, plan, output, producer, written);
  // What it reads must still be the same when the block starts.
  MemRefs read = memrefsOf(producer.getInputs());
  appendLoads(producer, read);
  llvm::append_range(between, memrefsOf(op.getOutputs()));
  if (!fused || !isBlockable(producer, fused->plan) ||
      llvm::any_of(read, [&](Value memref) {
        return mayAlias(aliases, memref, between);
      }))
    return std::nullopt;
  return fused;
}

/// What gives `output` its contents as `op` finds them. `between` are memrefs
/// that ops behind `op` write which run before or with it.
static Initializer findInitializer(RewriterBase &rewriter, linalg::GenericOp op,
                                   const BlockPlan &plan, OpOperand &output,
                                   AliasAnalysis &aliases,
                                   const DenseSet<Operation *> &claimed,
                                   MemRefs between) {
  for (Operation *before = op->getPrevNode(); before;
       before = before->getPrevNode()) {
    if (isMemoryEffectFree(before))
      continue;
    if (!isa<linalg::LinalgOp>(before))
      return {};
    auto fill = dyn_cast<linalg::FillOp>(before);
    if (fill && fill.getOutputs().front() == output.get()) {
      Value value = fill.getInputs().front();
      rewriter.eraseOp(fill);
      return {value, std::nullopt};
    }
    MemRefs operands = memrefsOf(before->getOperands());
    if (mayAlias(aliases, output.get(), operands)) {
      auto producer = dyn_cast<linalg::GenericOp>(before);
      if (!producer || claimed.contains(before))
        return {};
      return {Value(),
              asInitializer(op, plan, output, producer, between, aliases)};
    }
    llvm::append_range(between, operands);
  }
  return {};
}

std::vector<Initializer>
attn::absorbInitializers(RewriterBase &rewriter, linalg::GenericOp op,
                         const BlockPlan &plan, ArrayRef<Value> written,
                         const DenseSet<Operation *> &claimed) {
  AliasAnalysis aliases(op->getParentOp());
  std::vector<Initializer> initializers;
  for (OpOperand &output : op.getDpsInitsMutable()) {
    Initializer initializer;
    if (!plan.isRowReduced(op) && ownsOutput(op, output, aliases))
      initializer = findInitializer(rewriter, op, plan, output, aliases,
                                    claimed, MemRefs(written));
    initializers.push_back(std::move(initializer));
  }
  return initializers;
}

//===----------------------------------------------------------------------===//
// Epilogues
//===----------------------------------------------------------------------===//

/// `op` as an epilogue of `host`. `read` and `written` are the memrefs of the
/// host and of the epilogues before.
static std::optional<FusedOp>
asEpilogue(linalg::GenericOp host, const BlockPlan &plan, linalg::GenericOp op,
           ArrayRef<Value> read, ArrayRef<Value> written,
           AliasAnalysis &aliases) {
  std::optional<FusedOp> fused;
  for (OpOperand &operand : op->getOpOperands())
    for (OpOperand &output : host.getDpsInitsMutable())
      if (!fused && operand.get() == output.get())
        fused = fuse(host, plan, output, op, operand);
  if (!fused || !isBlockable(op, fused->plan))
    return std::nullopt;
  auto isShared = [&](OpOperand &operand) {
    return llvm::any_of(host.getDpsInitsMutable(), [&](OpOperand &output) {
      std::optional<FusedOp> same;
      if (operand.get() == output.get())
        same = fuse(host, plan, output, op, operand);
      return same && same->hostDims == fused->hostDims;
    });
  };
  MemRefs loads;
  appendLoads(op, loads);
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()) || isShared(operand))
      continue;
    loads.push_back(operand.get());
    if (op.isDpsInit(&operand) && mayAlias(aliases, operand.get(), read))
      return std::nullopt;
  }
  for (Value memref : loads)
    if (mayAlias(aliases, memref, written))
      return std::nullopt;
  return fused;
}

/// Whether `op` may as well run before ops that read and write `touched`, of
/// which they write `written`.
static bool isIndependent(linalg::LinalgOp op, ArrayRef<Value> touched,
                          ArrayRef<Value> written, AliasAnalysis &aliases) {
  MemRefs inputs = memrefsOf(op.getDpsInputs());
  if (auto generic = dyn_cast<linalg::GenericOp>(op.getOperation()))
    appendLoads(generic, inputs);
  auto conflicts = [&](ValueRange memrefs, ArrayRef<Value> with) {
    return llvm::any_of(
        memrefs, [&](Value memref) { return mayAlias(aliases, memref, with); });
  };
  return !conflicts(memrefsOf(op.getDpsInits()), touched) &&
         !conflicts(inputs, written);
}

/// Whether `op` would become so much code in each block that passing once more
/// over what a host stored takes no longer.
static bool isTooLong(linalg::GenericOp op, const BlockPlan &plan) {
  constexpr int64_t longest = 1000;
  return estimateInstructions(op) * plan.getBlockSize() > longest;
}

std::vector<FusedOp> attn::findEpilogues(linalg::GenericOp host,
                                         const BlockPlan &plan,
                                         const DenseSet<Operation *> &claimed) {
  std::vector<FusedOp> epilogues;
  if (!plan.laneDim || plan.isRowReduced(host))
    return epilogues;
  AliasAnalysis aliases(host->getParentOp());
  MemRefs written = memrefsOf(host.getOutputs());
  MemRefs touched = memrefsOf(host->getOperands());
  appendLoads(host, touched);
  for (Operation *next = host->getNextNode(); next;
       next = next->getNextNode()) {
    if (isMemoryEffectFree(next))
      continue;
    auto linalgOp = dyn_cast<linalg::LinalgOp>(next);
    if (!linalgOp || claimed.contains(next))
      break;
    auto op = dyn_cast<linalg::GenericOp>(next);
    std::optional<FusedOp> fused;
    if (op && !isTooLong(op, plan))
      fused = asEpilogue(host, plan, op, touched, written, aliases);
    // Others run before the host, which stands where its last epilogue does.
    if (!fused && isIndependent(linalgOp, touched, written, aliases))
      continue;
    if (!fused)
      break;
    llvm::append_range(written, memrefsOf(op.getOutputs()));
    llvm::append_range(touched, memrefsOf(op->getOperands()));
    appendLoads(op, touched);
    epilogues.push_back(std::move(*fused));
  }
  return epilogues;
}

SmallVector<Value> attn::findWrites(linalg::GenericOp host,
                                    ArrayRef<FusedOp> epilogues) {
  MemRefs written;
  if (epilogues.empty())
    return written;
  Operation *last = epilogues.back().op;
  for (Operation *op = host; op != last;) {
    op = op->getNextNode();
    if (auto between = dyn_cast<linalg::LinalgOp>(op))
      llvm::append_range(written, memrefsOf(between.getDpsInits()));
  }
  return written;
}
