//===- LinalgOps.cpp - Structured ops through their regions -----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Interpreter.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::reference;

namespace {
/// An operand with its indexing map.
struct MappedOperand {
  AffineMap map;
  TensorRef tensor; ///< Null for a scalar.
  Scalar scalar;
  BlockArgument argument;
};

/// An output, and what its sums add up: a compiled function may add in another
/// order, in which other partial sums are rounded.
struct MappedResult {
  AffineMap map;
  ReferenceResult tensor;
  BlockArgument argument;
  Value summand; ///< What the region adds to it; null where it does otherwise.
  std::vector<double> magnitude, inherited, terms;
};

/// Runs one structured op.
class StructuredOp {
public:
  StructuredOp(Interpreter &state, linalg::LinalgOp op)
      : state(state), op(op) {}
  llvm::Error run();

private:
  llvm::Error readOperands();
  llvm::Error readExtents(AffineMap map, ArrayRef<int64_t> shape);
  llvm::Error runPoint();
  void boundSums(MappedResult &result);
  /// The element that a map names at the current point.
  llvm::Expected<int64_t> elementAt(AffineMap map, ArrayRef<int64_t> shape);

  Interpreter &state;
  linalg::LinalgOp op;
  SmallVector<MappedOperand> inputs;
  SmallVector<MappedResult> results;
  SmallVector<int64_t> extents, point;
};
} // namespace

/// Takes the sizes of loops from an operand.
llvm::Error StructuredOp::readExtents(AffineMap map, ArrayRef<int64_t> shape) {
  for (auto [expression, size] : llvm::zip_equal(map.getResults(), shape)) {
    auto dim = dyn_cast<AffineDimExpr>(expression);
    if (!dim)
      continue;
    int64_t &extent = extents[dim.getPosition()];
    if (extent >= 0 && extent != size)
      return opError(op,
                     llvm::formatv("has operands of sizes {0} and {1} along "
                                   "one loop; they must be equal",
                                   extent, size));
    extent = size;
  }
  return llvm::Error::success();
}

llvm::Error StructuredOp::readOperands() {
  extents.assign(op.getNumLoops(), -1);
  Block *body = op.getBlock();
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    BlockArgument argument = body->getArgument(operand.getOperandNumber());
    bool isTensor = isa<RankedTensorType>(operand.get().getType());
    if (isTensor)
      if (llvm::Error error =
              readExtents(map, state.tensor(operand.get())->value.getShape()))
        return error;
    if (op.isDpsInit(&operand)) {
      results.push_back(
          {map, *state.tensor(operand.get()), argument, {}, {}, {}, {}});
      continue;
    }
    MappedOperand input{map, nullptr, {}, argument};
    if (isTensor)
      input.tensor = state.tensor(operand.get());
    else
      input.scalar = state.scalar(operand.get());
    inputs.push_back(input);
  }
  for (auto [loop, extent] : llvm::enumerate(extents))
    if (extent < 0)
      return opError(op, llvm::formatv("has loop {0}, whose size no operand "
                                       "gives",
                                       loop));
  return llvm::Error::success();
}

llvm::Expected<int64_t> StructuredOp::elementAt(AffineMap map,
                                                ArrayRef<int64_t> shape) {
  int64_t element = 0;
  for (auto [index, size] : llvm::zip_equal(map.compose(point), shape)) {
    if (index < 0 || index >= size)
      return opError(op,
                     llvm::formatv("reads index {0} of size {1}", index, size));
    element = element * size + index;
  }
  return element;
}

/// By how much a product of f16 or bf16 changes where what is subnormal in f32
/// counts as zero.
static double flushingOf(Interpreter &state, Value summand) {
  auto product = summand.getDefiningOp<arith::MulFOp>();
  auto isNarrow = [](Value factor) {
    auto wide = factor.getDefiningOp<arith::ExtFOp>();
    return wide && wide.getIn().getType().getIntOrFloatBitWidth() == 16;
  };
  if (!product || !isNarrow(product.getLhs()) || !isNarrow(product.getRhs()))
    return 0;
  return flushingError(state.scalar(product.getLhs()).real,
                       state.scalar(product.getRhs()).real);
}

llvm::Error StructuredOp::runPoint() {
  state.setLoopPosition(point);
  for (const MappedOperand &input : inputs) {
    Scalar value = input.scalar;
    if (input.tensor) {
      auto element = elementAt(input.map, input.tensor->value.getShape());
      if (!element)
        return element.takeError();
      value = reference::elementAt(*input.tensor, *element);
    }
    state.set(input.argument, value);
  }
  SmallVector<int64_t> elements;
  for (MappedResult &result : results) {
    auto element = elementAt(result.map, result.tensor.value.getShape());
    if (!element)
      return element.takeError();
    elements.push_back(*element);
    state.set(result.argument, reference::elementAt(result.tensor, *element));
  }
  if (llvm::Error error = state.runBody(*op.getBlock()))
    return error;
  Operation *yield = op.getBlock()->getTerminator();
  for (auto [result, element, value] :
       llvm::zip_equal(results, elements, yield->getOperands())) {
    setElement(result.tensor, element, state.scalar(value));
    if (!result.summand)
      continue;
    const Scalar &summand = state.scalar(result.summand);
    result.magnitude[element] += std::fabs(summand.real);
    result.inherited[element] +=
        summand.bound + flushingOf(state, result.summand);
    result.terms[element] += 1;
  }
  return llvm::Error::success();
}

/// The summand where the region adds floats to an output over reduction loops.
static Value summandOf(linalg::LinalgOp op, const MappedResult &result) {
  if (op.getNumReductionLoops() == 0 || !result.tensor.value.isFloat())
    return {};
  unsigned index =
      result.argument.getArgNumber() - op.getRegionInputArgs().size();
  Value yielded = op.getBlock()->getTerminator()->getOperand(index);
  auto add = yielded.getDefiningOp<arith::AddFOp>();
  if (!add || !result.argument.hasOneUse())
    return {};
  if (add.getLhs() == result.argument)
    return add.getRhs();
  return add.getRhs() == result.argument ? add.getLhs() : Value();
}

void StructuredOp::boundSums(MappedResult &result) {
  Type type = result.tensor.value.getElementType();
  double unit = FloatFormat::get(type).unit;
  result.tensor.bound.resize(result.tensor.value.size());
  for (int64_t index = 0; index < result.tensor.value.size(); ++index) {
    Scalar sum =
        boundedReal(type, result.tensor.value.floats[index],
                    result.inherited[index] +
                        result.terms[index] * unit * result.magnitude[index]);
    if (result.terms[index] > 0)
      result.tensor.bound[index] = sum.bound;
  }
}

llvm::Error StructuredOp::run() {
  if (!op.hasPureTensorSemantics())
    return opError(op,
                   "works on buffers, which the reference does not support");
  if (llvm::Error error = readOperands())
    return error;
  for (MappedResult &result : results) {
    result.summand = summandOf(op, result);
    if (!result.summand)
      continue;
    for (double value : result.tensor.value.floats)
      result.magnitude.push_back(std::fabs(value));
    result.inherited = result.tensor.bound;
    result.inherited.resize(result.magnitude.size());
    result.terms.resize(result.magnitude.size());
  }
  point.assign(extents.size(), 0);
  if (!llvm::is_contained(extents, 0))
    do {
      if (llvm::Error error = runPoint())
        return error;
    } while (nextPosition(point, extents));
  for (auto [result, value] : llvm::zip_equal(results, op->getResults())) {
    if (result.summand)
      boundSums(result);
    if (llvm::Error error = state.setTensor(value, std::move(result.tensor)))
      return error;
  }
  return llvm::Error::success();
}

std::optional<llvm::Error> reference::runLinalgOp(Interpreter &state,
                                                  Operation *op) {
  if (auto index = dyn_cast<linalg::IndexOp>(op)) {
    state.set(index,
              Scalar::ofInteger(state.getLoopPosition()[index.getDim()]));
    return llvm::Error::success();
  }
  if (auto structured = dyn_cast<linalg::LinalgOp>(op))
    return StructuredOp(state, structured).run();
  return std::nullopt;
}
