//===- ExpandGraphOpsMerge.cpp - Attention over the union of key ranges -===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExpandGraphOps.h"
#include "SizeChecks.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::attn;

static constexpr double infinity = std::numeric_limits<double>::infinity();

/// The merged LSE of one row, and the weight of each part.
static SmallVector<Value> emitWeights(OpBuilder &b, Location loc,
                                      ValueRange lses) {
  Type type = lses[0].getType();
  auto constant = [&](double value) -> Value {
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(type, value));
  };
  auto equals = [&](Value value, Value other) -> Value {
    return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, value,
                                 other);
  };
  Value zero = constant(0.0), none = constant(-infinity);
  Value maximum = none;
  for (Value lse : lses)
    maximum = arith::MaximumFOp::create(b, loc, maximum, lse);
  // Rows that are empty in all parts subtract 0, not -inf.
  Value empty = equals(maximum, none);
  maximum = arith::SelectOp::create(b, loc, empty, zero, maximum);
  SmallVector<Value> weights;
  Value sum = zero;
  for (Value lse : lses) {
    weights.push_back(math::ExpOp::create(
        b, loc, arith::SubFOp::create(b, loc, lse, maximum)));
    sum = arith::AddFOp::create(b, loc, sum, weights.back());
  }
  Value divisor = arith::SelectOp::create(b, loc, empty, constant(1.0), sum);
  Value logarithm = math::LogOp::create(b, loc, divisor);
  Value lse = arith::AddFOp::create(b, loc, maximum, logarithm);
  SmallVector<Value> results{
      arith::SelectOp::create(b, loc, empty, none, lse)};
  for (Value weight : weights)
    results.push_back(arith::DivFOp::create(b, loc, weight, divisor));
  return results;
}

/// The weighted sum of the parts of one element. What has no weight adds
/// nothing, whatever it holds.
static Value emitSum(LinalgBuilder &linalg, OpBuilder &b, Location loc,
                     ValueRange parts, ValueRange weights) {
  Type type = weights[0].getType();
  Value zero = arith::ConstantOp::create(b, loc, b.getFloatAttr(type, 0.0));
  Value sum = zero;
  for (auto [part, weight] : llvm::zip_equal(parts, weights)) {
    Value product = arith::MulFOp::create(
        b, loc, weight, linalg.convertScalar(b, part, type));
    Value absent = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ,
                                         weight, zero);
    sum = arith::AddFOp::create(
        b, loc, sum, arith::SelectOp::create(b, loc, absent, zero, product));
  }
  return sum;
}

static void checkSizes(OpBuilder &builder, MergeOp op) {
  SizeChecks checks(builder, op);
  Value first = op.getOutputs()[0];
  int64_t rank = cast<ShapedType>(first.getType()).getRank();
  for (auto [index, output, lse] :
       llvm::enumerate(op.getOutputs(), op.getLses())) {
    std::string number = std::to_string(index);
    for (int64_t dim = 0; dim < rank; ++dim) {
      std::string what = "in dimension " + std::to_string(dim) + " size";
      SizeChecks::Named expected = checks.of("output 0", first, dim);
      if (index != 0)
        checks.same(what, checks.of("output " + number, output, dim), expected);
      if (dim != rank - 1)
        checks.same(what, checks.of("lse " + number, lse, dim), expected);
    }
  }
}

FailureOr<SmallVector<Value>> attn::expand(OpBuilder &builder, MergeOp op) {
  checkSizes(builder, op);
  LinalgBuilder linalg(builder, op.getLoc());
  size_t count = op.getOutputs().size();
  Type elementType = getElementTypeOrSelf(op.getOutput());
  Type accumulator = getElementTypeOrSelf(op.getLse());
  unsigned rank = cast<ShapedType>(op.getOutput().getType()).getRank();
  LinalgBuilder::Dims all = LinalgBuilder::identity(rank);
  LinalgBuilder::Dims row = LinalgBuilder::identity(rank - 1);

  SmallVector<OpFoldResult> sizes = linalg.sizesOf(op.getOutputs()[0]);
  SmallVector<Value> inits;
  for (size_t index = 0; index <= count; ++index)
    inits.push_back(
        linalg.empty(ArrayRef(sizes).drop_back(), accumulator));
  SmallVector<Value> rows = linalg.parallel(
      op.getLses(), inits, SmallVector<LinalgBuilder::Dims>(count, row),
      [&](OpBuilder &b, Location loc, ValueRange args) {
        return emitWeights(b, loc, args.take_front(count));
      });

  SmallVector<Value> inputs(op.getOutputs());
  inputs.append(rows.begin() + 1, rows.end());
  SmallVector<LinalgBuilder::Dims> dims(count, all);
  dims.append(count, row);
  Value output = linalg.parallel(
      inputs, linalg.empty(sizes, elementType), dims,
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Value sum = emitSum(linalg, b, loc, args.take_front(count),
                            args.slice(count, count));
        return SmallVector<Value>{linalg.convertScalar(b, sum, elementType)};
      })[0];
  return SmallVector<Value>{output, rows[0]};
}
