//===- MergeParts.cpp - Results of parts of the keys, merged -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MergeParts.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

static constexpr double lowest = -std::numeric_limits<double>::infinity();

PartMerger::PartMerger(OpBuilder &builder, AttendOp op, Value outputs,
                       Value lse)
    : builder(builder), op(op), loc(op.getLoc()), outputs(outputs), lse(lse),
      accumulator(getElementTypeOrSelf(lse.getType())) {}

//===----------------------------------------------------------------------===//
// Pieces
//===----------------------------------------------------------------------===//

SmallVector<Value> PartMerger::loop(Dims loops, ValueRange inputs,
                                    ArrayRef<SmallVector<unsigned>> inputDims,
                                    ValueRange inits,
                                    ArrayRef<SmallVector<unsigned>> initDims,
                                    Body body) {
  SmallVector<AffineMap> maps;
  for (const SmallVector<unsigned> &dims :
       llvm::concat<const SmallVector<unsigned>>(inputDims, initDims)) {
    auto targets = llvm::map_to_vector(dims, [&](unsigned dim) -> unsigned {
      return llvm::find(loops, dim) - loops.begin();
    });
    maps.push_back(AffineMap::getMultiDimMapWithTargets(loops.size(), targets,
                                                        op.getContext()));
  }
  // A dimension that some result lacks is summed.
  auto iterators = llvm::map_to_vector(loops, [&](unsigned dim) {
    bool summed = llvm::any_of(initDims, [&](ArrayRef<unsigned> dims) {
      return !llvm::is_contained(dims, dim);
    });
    return summed ? utils::IteratorType::reduction
                  : utils::IteratorType::parallel;
  });
  auto generic = linalg::GenericOp::create(
      builder, loc, TypeRange(inits), inputs, inits, maps, iterators,
      [&](OpBuilder &b, Location loc, ValueRange args) {
        linalg::YieldOp::create(b, loc, body(b, args));
      });
  return SmallVector<Value>(generic.getResults());
}

SmallVector<unsigned> PartMerger::dimsOf(AffineMap map) {
  return llvm::map_to_vector(map.getResults(), [](AffineExpr result) {
    switch (cast<AffineDimExpr>(result).getPosition()) {
    case AttendOp::B:
      return unsigned(B);
    case AttendOp::Hkv:
      return unsigned(Hkv);
    case AttendOp::G:
      return unsigned(G);
    case AttendOp::I:
      return unsigned(I);
    default:
      return unsigned(E);
    }
  });
}

Value PartMerger::drop(Value tensor, SmallVector<unsigned> &dims, Dims kept) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, tensor);
  SmallVector<OpFoldResult> offsets(sizes.size(), builder.getIndexAttr(0)),
      strides(sizes.size(), builder.getIndexAttr(1));
  SmallVector<unsigned> left;
  SmallVector<int64_t> shape;
  auto type = cast<RankedTensorType>(tensor.getType());
  for (auto [dim, size] : llvm::zip_equal(dims, type.getShape())) {
    if (!llvm::is_contained(kept, dim))
      continue;
    left.push_back(dim);
    shape.push_back(size);
  }
  if (left.size() == dims.size())
    return tensor;
  dims = left;
  return tensor::ExtractSliceOp::create(
      builder, loc, RankedTensorType::get(shape, accumulator), tensor, offsets,
      sizes, strides);
}

/// A tensor of the given dimensions.
Value PartMerger::filled(Dims dims, double value) {
  static constexpr unsigned positions[] = {0, 1, 3, 4, 5, 2};
  auto sizes = llvm::map_to_vector(dims, [&](unsigned dim) {
    return tensor::getMixedSize(builder, loc, outputs, positions[dim]);
  });
  Value empty = tensor::EmptyOp::create(builder, loc, sizes, accumulator);
  return linalg::FillOp::create(builder, loc, constant(builder, value), empty)
      .getResult(0);
}

Value PartMerger::constant(OpBuilder &b, double value) {
  return arith::ConstantOp::create(b, loc, b.getFloatAttr(accumulator, value));
}

Value PartMerger::widen(OpBuilder &b, Value value) {
  return convertScalarToDtype(b, loc, value, accumulator,
                              /*isUnsignedCast=*/false);
}

/// e^(lse - maximum); 0 for an empty part, also where all parts are empty.
Value PartMerger::exponential(OpBuilder &b, Value lse, Value maximum) {
  Value none = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, maximum,
                                     constant(b, lowest));
  Value finite =
      arith::SelectOp::create(b, loc, none, constant(b, 0.0), maximum);
  Value difference = arith::SubFOp::create(b, loc, lse, finite);
  Value exponent = arith::MulFOp::create(b, loc, difference,
                                         constant(b, llvm::numbers::log2e));
  return math::Exp2Op::create(b, loc, exponent);
}

//===----------------------------------------------------------------------===//
// Merging
//===----------------------------------------------------------------------===//

/// The largest LSE of any part, and of the sink.
Value PartMerger::emitMaximum() {
  SmallVector<unsigned> row{B, Hkv, G, I};
  Value init = filled(row, lowest);
  if (op.getSink())
    init = loop(row, op.getSink(), {{Hkv, G}}, init, {row},
                [&](OpBuilder &b, ValueRange args) {
                  return SmallVector<Value>{widen(b, args[0])};
                })[0];
  return loop({B, Hkv, G, I, Part}, lse, {{B, Hkv, Part, G, I}}, init, {row},
              [&](OpBuilder &b, ValueRange args) {
                Value larger = arith::CmpFOp::create(
                    b, loc, arith::CmpFPredicate::OGT, args[0], args[1]);
                return SmallVector<Value>{
                    arith::SelectOp::create(b, loc, larger, args[0], args[1])};
              })[0];
}

/// The weight of each part and their sum.
std::pair<Value, Value> PartMerger::emitWeights(Value maximum) {
  SmallVector<unsigned> row{B, Hkv, G, I}, parts{B, Hkv, Part, G, I};
  Value sum = filled(row, 0.0);
  if (op.getSink())
    sum = loop(row, {op.getSink(), maximum}, {{Hkv, G}, row}, sum, {row},
               [&](OpBuilder &b, ValueRange args) {
                 return SmallVector<Value>{
                     exponential(b, widen(b, args[0]), args[1])};
               })[0];
  SmallVector<Value> results =
      loop({B, Hkv, Part, G, I}, maximum, {row}, {lse, sum}, {parts, row},
           [&](OpBuilder &b, ValueRange args) {
             Value weight = exponential(b, args[1], args[0]);
             Value total = arith::AddFOp::create(b, loc, args[2], weight);
             return SmallVector<Value>{weight, total};
           });
  return {results[0], results[1]};
}

Value PartMerger::emitOutput(Value weights, Value sum) {
  SmallVector<unsigned> row{B, Hkv, G, I}, all{B, Hkv, G, I, E};
  Value merged = loop(
      {B, Hkv, G, I, E, Part}, {outputs, weights},
      {{B, Hkv, Part, G, I, E}, {B, Hkv, Part, G, I}}, filled(all, 0.0), {all},
      [&](OpBuilder &b, ValueRange args) {
        Value term = arith::MulFOp::create(b, loc, args[0], args[1]);
        return SmallVector<Value>{arith::AddFOp::create(b, loc, args[2], term)};
      })[0];
  SmallVector<unsigned> layout = dimsOf(op.getOutputMap());
  Value init = op.getOutputInit();
  merged = drop(merged, all, layout);
  sum = drop(sum, row, layout);
  return loop(
      layout, {merged, sum}, {all, row}, init, {layout},
      [&](OpBuilder &b, ValueRange args) {
        Value zero = constant(b, 0.0);
        Value empty = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ,
                                            args[1], zero);
        Value quotient = arith::DivFOp::create(b, loc, args[0], args[1]);
        Value output = arith::SelectOp::create(b, loc, empty, zero, quotient);
        return SmallVector<Value>{convertScalarToDtype(
            b, loc, output, getElementTypeOrSelf(init.getType()),
            /*isUnsignedCast=*/false)};
      })[0];
}

Value PartMerger::emitLse(Value maximum, Value sum) {
  SmallVector<unsigned> row{B, Hkv, G, I}, layout = dimsOf(op.getMap(4));
  Value init = op.getLseInit();
  SmallVector<unsigned> kept = row;
  maximum = drop(maximum, kept, layout);
  sum = drop(sum, row, layout);
  return loop(layout, {maximum, sum}, {row, row}, init, {layout},
              [&](OpBuilder &b, ValueRange args) {
                Value log = math::LogOp::create(b, loc, args[1]);
                Value total = arith::AddFOp::create(b, loc, args[0], log);
                return SmallVector<Value>{convertScalarToDtype(
                    b, loc, total, getElementTypeOrSelf(init.getType()),
                    /*isUnsignedCast=*/false)};
              })[0];
}

SmallVector<Value> PartMerger::run() {
  Value maximum = emitMaximum();
  auto [weights, sum] = emitWeights(maximum);
  SmallVector<Value> results{emitOutput(weights, sum)};
  if (op.getLse())
    results.push_back(emitLse(maximum, sum));
  return results;
}
