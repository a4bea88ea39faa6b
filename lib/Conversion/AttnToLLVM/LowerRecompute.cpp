//===- LowerRecompute.cpp - Calls that compute rows again -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LowerRecompute.h"

#include "RuntimeCalls.h"
#include "attn/Dialect/Attn/Analysis/ScoreRange.h"
#include "attn/Dialect/Attn/IR/AttnParallel.h"
#include "attn/Dialect/Attn/IR/AttnRecompute.h"
#include "attn/Runtime/Layout.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace mlir::attn;

namespace {
/// A memref whose dimensions are known as those of the op.
class Operand {
public:
  Operand(OpBuilder &b, Location loc, const LLVMTypeConverter &converter,
          Value memref, Value descriptor, AffineMap map)
      : b(b), loc(loc), converter(converter),
        type(cast<MemRefType>(memref.getType())), descriptor(descriptor),
        map(map) {}

  /// The address of the first element.
  Value address() {
    MemRefDescriptor fields(descriptor);
    return fields.bufferPtr(b, loc, converter, type);
  }
  /// Of dimension `dim`: a size of 1 and a stride of 0 where there is none.
  Value size(unsigned dim) {
    std::optional<unsigned> position = find(dim);
    if (!position)
      return constant(1);
    int64_t size = type.getDimSize(*position);
    return ShapedType::isDynamic(size)
               ? MemRefDescriptor(descriptor).size(b, loc, *position)
               : constant(size);
  }
  Value stride(unsigned dim) {
    std::optional<unsigned> position = find(dim);
    if (!position)
      return constant(0);
    int64_t stride = type.getStridesAndOffset().first[*position];
    return ShapedType::isDynamic(stride)
               ? MemRefDescriptor(descriptor).stride(b, loc, *position)
               : constant(stride);
  }
  /// ATTN_RT_F32, ...
  Value kind() {
    Type element = type.getElementType();
    return constant(element.isF32()    ? ATTN_RT_F32
                    : element.isBF16() ? ATTN_RT_BF16
                    : element.isF16()  ? ATTN_RT_F16
                                       : ATTN_RT_F64);
  }

private:
  std::optional<unsigned> find(unsigned dim) {
    return map.getResultPosition(getAffineDimExpr(dim, map.getContext()));
  }
  Value constant(int64_t value) {
    return LLVM::ConstantOp::create(b, loc, b.getI64Type(),
                                    b.getI64IntegerAttr(value));
  }

  OpBuilder &b;
  Location loc;
  const LLVMTypeConverter &converter;
  MemRefType type;
  Value descriptor;
  AffineMap map;
};

/// Makes calls of an op.
struct LowerRecompute : public ConvertOpToLLVMPattern<RecomputeOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  using Rewriter = ConversionPatternRewriter;

  LogicalResult matchAndRewrite(RecomputeOp op, OpAdaptor adaptor,
                                Rewriter &rewriter) const override;

private:
  Operand operand(RecomputeOp op, Rewriter &rewriter, Value memref,
                  Value descriptor, unsigned index) const {
    return Operand(rewriter, op.getLoc(), *getTypeConverter(), memref,
                   descriptor, op.getMap(index));
  }
  Value constant(Rewriter &rewriter, Location loc, int64_t value) const {
    return LLVM::ConstantOp::create(rewriter, loc, rewriter.getI64Type(),
                                    rewriter.getI64IntegerAttr(value));
  }
  Value emitScratch(RecomputeOp op, Rewriter &rewriter, Type type) const;
  LogicalResult emitRun(RecomputeOp op, OpAdaptor adaptor,
                        Rewriter &rewriter) const;
  LogicalResult appendClosure(RecomputeOp op, Rewriter &rewriter,
                              SmallVectorImpl<Value> &fields) const;
};
} // namespace

static bool hasF64Sums(RecomputeOp op) {
  return getElementTypeOrSelf(op.getQuery()).isF64();
}

/// Sets the fields of `call`: constants by a copy of them all, then the others.
static void storeFields(OpBuilder &b, Location loc, ArrayRef<Value> fields,
                        Value call) {
  Type i64 = b.getI64Type();
  SmallVector<int64_t> constants;
  SmallVector<std::pair<int32_t, Value>> others;
  for (auto [index, field] : llvm::enumerate(fields)) {
    TypedAttr value;
    bool isKnown = matchPattern(field, m_Constant(&value));
    if (auto integer = dyn_cast_if_present<IntegerAttr>(value))
      constants.push_back(integer.getInt());
    else if (auto real = dyn_cast_if_present<FloatAttr>(value))
      constants.push_back(real.getValue().bitcastToAPInt().getSExtValue());
    else
      constants.push_back(0);
    if (!isKnown && !field.getDefiningOp<LLVM::ZeroOp>())
      others.push_back({index, field});
  }
  auto module = call.getDefiningOp()->getParentOfType<ModuleOp>();
  auto type = LLVM::LLVMArrayType::get(i64, constants.size());
  // By the function: several may be converted apart, side by side.
  auto func = call.getDefiningOp()->getParentOfType<FunctionOpInterface>();
  std::string name;
  for (int number = 0; name.empty() || module.lookupSymbol(name); ++number)
    name = (func.getName() + ".rows." + Twine(number)).str();
  LLVM::GlobalOp global;
  {
    OpBuilder::InsertionGuard restore(b);
    b.setInsertionPointToStart(module.getBody());
    global = LLVM::GlobalOp::create(b, loc, type, /*isConstant=*/true,
                                    LLVM::Linkage::Internal, name,
                                    b.getI64TensorAttr(constants));
  }
  Value bytes = LLVM::ConstantOp::create(
      b, loc, i64, b.getI64IntegerAttr(8 * constants.size()));
  LLVM::MemcpyOp::create(b, loc, call,
                         LLVM::AddressOfOp::create(b, loc, global), bytes,
                         /*isVolatile=*/false);
  for (auto [index, field] : others) {
    Value at = LLVM::GEPOp::create(b, loc, call.getType(), i64, call,
                                   ArrayRef<LLVM::GEPArg>{index});
    LLVM::StoreOp::create(b, loc, field, at);
  }
}

/// Room for one `type`, in the entry of the function or of the body of the
/// parallel loop: the stack would grow with each run.
Value LowerRecompute::emitScratch(RecomputeOp op, Rewriter &rewriter,
                                  Type type) const {
  Operation *scope = op->getParentOp();
  while (!isa<ParallelOp, FunctionOpInterface>(scope))
    scope = scope->getParentOp();
  OpBuilder::InsertionGuard restore(rewriter);
  rewriter.setInsertionPointToStart(&scope->getRegion(0).front());
  Value one = constant(rewriter, op.getLoc(), 1);
  return LLVM::AllocaOp::create(rewriter, op.getLoc(),
                                LLVM::LLVMPointerType::get(getContext()), type,
                                one, /*alignment=*/8);
}

LogicalResult
LowerRecompute::appendClosure(RecomputeOp op, Rewriter &rewriter,
                              SmallVectorImpl<Value> &fields) const {
  auto pointer = LLVM::LLVMPointerType::get(getContext());
  Block &pairs = op.getPairs().front();
  auto yield = dyn_cast<YieldOp>(pairs.front());
  if (yield && yield.getOperand(0) == pairs.getArgument(3)) {
    Value null = LLVM::ZeroOp::create(rewriter, op.getLoc(), pointer);
    fields.append({null, null});
    return success();
  }
  auto closure =
      ClosureOp::create(rewriter, op.getLoc(), TypeRange{pointer, pointer});
  rewriter.inlineRegionBefore(op.getPairs(), closure.getBody(),
                              closure.getBody().end());
  if (failed(
          rewriter.convertRegionTypes(&closure.getBody(), *getTypeConverter())))
    return failure();
  fields.append({closure.getFunction(), closure.getData()});
  return success();
}

/// Fills in attn_rt_rows and calls the runtime. Maximum and sum come back
/// through scratch, so that the address of those that hot loops update stays
/// unknown to others.
LogicalResult LowerRecompute::emitRun(RecomputeOp op, OpAdaptor adaptor,
                                      Rewriter &rewriter) const {
  using Op = RecomputeOp;
  Location loc = op.getLoc();
  int64_t form = 0;
  if (op.getCompatibility() == Compatibility::Additive)
    form |= ATTN_RT_ADDITIVE;
  if (op.getCompatibility() == Compatibility::NegativeSquaredDistance)
    form |= ATTN_RT_DISTANCE;
  if (op.getNormalizer() == Normalizer::Sum)
    form |= ATTN_RT_SUM;
  if (op.getNormalizer() == Normalizer::None)
    form |= ATTN_RT_NONE;
  if (op.getBinary())
    form |= ATTN_RT_BINARY;
  Operand query = operand(op, rewriter, op.getQuery(), adaptor.getQuery(), 0);
  Operand key = operand(op, rewriter, op.getKey(), adaptor.getKey(), 1);
  Operand value = operand(op, rewriter, op.getValue(), adaptor.getValue(), 2);
  Operand output =
      operand(op, rewriter, op.getOutput(), adaptor.getOutput(), 3);
  Value scale = LLVM::ConstantOp::create(
      rewriter, loc, rewriter.getF64Type(),
      rewriter.getF64FloatAttr(op.getScale().convertToDouble()));
  // In the order of attn_rt_rows.
  SmallVector<Value> fields{constant(rewriter, loc, form),
                            scale,
                            adaptor.getBegin(),
                            adaptor.getEnd(),
                            query.size(Op::I),
                            output.size(Op::G),
                            query.size(Op::D),
                            output.size(Op::E),
                            query.address(),
                            query.kind(),
                            query.stride(Op::I),
                            query.stride(Op::G),
                            query.stride(Op::D),
                            key.address(),
                            key.kind(),
                            key.stride(Op::J),
                            key.stride(Op::D),
                            value.address(),
                            value.kind(),
                            value.stride(Op::J),
                            value.stride(Op::E),
                            output.address(),
                            output.kind(),
                            output.stride(Op::I),
                            output.stride(Op::G),
                            output.stride(Op::E)};
  auto appendVector = [&](Value memref, Value descriptor) {
    if (!memref) {
      Value null = LLVM::ZeroOp::create(
          rewriter, loc, LLVM::LLVMPointerType::get(getContext()));
      Value zero = constant(rewriter, loc, 0);
      return fields.append({null, zero, zero});
    }
    unsigned rank = cast<MemRefType>(memref.getType()).getRank();
    Operand vector(rewriter, loc, *getTypeConverter(), memref, descriptor,
                   AffineMap::getMultiDimIdentityMap(rank, getContext()));
    fields.append({vector.address(), vector.kind(),
                   rank ? vector.stride(0) : constant(rewriter, loc, 0)});
  };
  appendVector(op.getFeatureWeight(), adaptor.getFeatureWeight());
  appendVector(op.getSink(), adaptor.getSink());
  // Maximum and sum.
  SmallVector<std::pair<Value, Value>> copies;
  int64_t bytes = 0;
  for (auto [memref, descriptor] :
       {std::pair{op.getMaximum(), adaptor.getMaximum()},
        std::pair{op.getSum(), adaptor.getSum()}}) {
    if (!memref) {
      fields.push_back(LLVM::ZeroOp::create(
          rewriter, loc, LLVM::LLVMPointerType::get(getContext())));
      continue;
    }
    auto type = cast<MemRefType>(memref.getType());
    if (!type.hasStaticShape() || type.getStridesAndOffset().first[0] != 1)
      return rewriter.notifyMatchFailure(op, "the state is no static row");
    fields.push_back(
        emitScratch(op, rewriter,
                    LLVM::LLVMArrayType::get(type.getElementType(),
                                             type.getNumElements())));
    bytes = type.getNumElements() * type.getElementTypeBitWidth() / 8;
    copies.push_back({MemRefDescriptor(descriptor)
                          .bufferPtr(rewriter, loc, *getTypeConverter(), type),
                      fields.back()});
  }
  if (failed(appendClosure(op, rewriter, fields)))
    return failure();
  assert(fields.size() == ATTN_RT_ROWS_FIELDS && "as attn_rt_rows has");
  Value call = emitScratch(
      op, rewriter,
      LLVM::LLVMArrayType::get(rewriter.getI64Type(), fields.size()));
  storeFields(rewriter, loc, fields, call);
  emitRuntimeCall(rewriter, loc,
                  hasF64Sums(op) ? RuntimeFunction::RecomputeF64
                                 : RuntimeFunction::RecomputeF32,
                  call);
  for (auto [target, result] : copies)
    LLVM::MemcpyOp::create(rewriter, loc, target, result,
                           constant(rewriter, loc, bytes),
                           /*isVolatile=*/false);
  return success();
}

LogicalResult LowerRecompute::matchAndRewrite(RecomputeOp op, OpAdaptor adaptor,
                                              Rewriter &rewriter) const {
  if (!isa<MemRefType>(op.getOutput().getType()))
    return rewriter.notifyMatchFailure(op, "on tensors");
  Location loc = op.getLoc();
  Block *before = rewriter.getInsertionBlock();
  Block *after = rewriter.splitBlock(before, rewriter.getInsertionPoint());
  Block *run = rewriter.createBlock(after);
  if (failed(emitRun(op, adaptor, rewriter)))
    return failure();
  LLVM::BrOp::create(rewriter, loc, after);
  rewriter.setInsertionPointToEnd(before);
  LLVM::CondBrOp::create(rewriter, loc, adaptor.getWhen(), run, ValueRange(),
                         after, ValueRange(),
                         std::pair<uint32_t, uint32_t>(1, 2000));
  rewriter.eraseOp(op);
  return success();
}

void attn::populateRecomputePatterns(const LLVMTypeConverter &converter,
                                     RewritePatternSet &patterns) {
  patterns.add<LowerRecompute>(converter);
}
