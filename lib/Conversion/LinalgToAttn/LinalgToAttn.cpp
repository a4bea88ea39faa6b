//===- LinalgToAttn.cpp - Raise linalg to attn -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/LinalgToAttn/LinalgToAttn.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/IR/LinalgInterfaces.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"

namespace mlir::attn {
#define GEN_PASS_DEF_CONVERTLINALGTOATTNPASS
#include "attn/Conversion/LinalgToAttn/Passes.h.inc"
} // namespace mlir::attn

using namespace mlir;
using namespace mlir::attn;

namespace {
/// The operands of attention in decomposed form.
struct DecomposedAttention {
  Value query, key, value;
  double scale = 1.0;
  /// Keys lie as (..., D, N).
  bool keyTransposed = false;
};

/// Recognises the form that ends in `softmax`; `reason` says what did not fit.
class Matcher {
public:
  explicit Matcher(MaskedSoftmaxOp softmax) : softmax(softmax) {}

  FailureOr<DecomposedAttention> match();

  linalg::LinalgOp output;
  std::string reason;

private:
  FailureOr<Value> matchScale(Value scores, double &scale);
  LogicalResult matchScores(Value scores, DecomposedAttention &result);
  LogicalResult matchOutput(DecomposedAttention &result);
  LogicalResult fail(StringRef why) {
    reason = why.str();
    return failure();
  }

  MaskedSoftmaxOp softmax;
};
} // namespace

/// A contraction of two inputs onto zeros.
static linalg::LinalgOp asContraction(Operation *op) {
  auto linalgOp = dyn_cast_or_null<linalg::LinalgOp>(op);
  if (!linalgOp || !linalg::isaContractionOpInterface(linalgOp) ||
      linalgOp.getNumDpsInputs() != 2)
    return {};
  auto fill = linalgOp.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
  if (!fill || !matchPattern(fill.getInputs()[0], m_AnyZeroFloat()))
    return {};
  return linalgOp;
}

/// The results of `map` are the batch dimensions of `dims` in order, then
/// `rest`.
static bool isBatchThen(AffineMap map,
                        const linalg::ContractionDimensions &dims,
                        ArrayRef<unsigned> rest) {
  SmallVector<unsigned> expected(dims.batch.begin(), dims.batch.end());
  llvm::append_range(expected, rest);
  return map == AffineMap::getMultiDimMapWithTargets(map.getNumDims(), expected,
                                                     map.getContext());
}

static bool hasSingleDims(const linalg::ContractionDimensions &dims) {
  return dims.batch.size() <= 1 && dims.m.size() == 1 && dims.n.size() == 1 &&
         dims.k.size() == 1;
}

/// The number that `value`, or every element of it, is.
static std::optional<double> constantOf(Value value) {
  FloatAttr scalar;
  if (matchPattern(value, m_Constant(&scalar)))
    return scalar.getValueAsDouble();
  SplatElementsAttr splat;
  if (matchPattern(value, m_Constant(&splat)) &&
      isa<FloatType>(splat.getElementType()))
    return splat.getSplatValue<APFloat>().convertToDouble();
  return std::nullopt;
}

/// The product that `op` forms of every element alike.
static arith::MulFOp elementwiseProduct(Operation *op) {
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!generic)
    return dyn_cast<arith::MulFOp>(op);
  if (generic.getNumDpsInputs() != 1 || generic.getNumReductionLoops() != 0 ||
      !llvm::all_of(generic.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isIdentity(); }))
    return {};
  Block *body = generic.getBody();
  auto product =
      body->getTerminator()->getOperand(0).getDefiningOp<arith::MulFOp>();
  return product && product->getBlock() == body ? product : arith::MulFOp();
}

/// The factor of an elementwise product with one constant.
static std::optional<double> constantFactor(Operation *op, Value &scaled) {
  arith::MulFOp product = elementwiseProduct(op);
  if (!product)
    return std::nullopt;
  auto generic = dyn_cast<linalg::GenericOp>(op);
  for (auto [value, other] : {std::pair(product.getLhs(), product.getRhs()),
                              std::pair(product.getRhs(), product.getLhs())}) {
    std::optional<double> factor = constantOf(other);
    if (!factor || (generic && value != generic.getBody()->getArgument(0)))
      continue;
    scaled = generic ? generic.getDpsInputs()[0] : value;
    return factor;
  }
  return std::nullopt;
}

FailureOr<Value> Matcher::matchScale(Value scores, double &scale) {
  Operation *op = scores.getDefiningOp();
  if (!op || !scores.hasOneUse())
    return fail("scores are used elsewhere, or come from outside");
  Value scaled;
  if (std::optional<double> factor = constantFactor(op, scaled)) {
    scale = *factor;
    return scaled;
  }
  return scores;
}

LogicalResult Matcher::matchScores(Value scores, DecomposedAttention &result) {
  linalg::LinalgOp op = asContraction(scores.getDefiningOp());
  if (!op || !scores.hasOneUse())
    return fail("scores are not a contraction of queries and keys onto zeros");
  FailureOr<linalg::ContractionDimensions> dims =
      linalg::inferContractionDims(op);
  if (failed(dims) || !hasSingleDims(*dims))
    return fail("scores contract other than one dimension");
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  unsigned i = dims->m[0], j = dims->n[0], d = dims->k[0];
  result.keyTransposed = isBatchThen(maps[1], *dims, {d, j});
  if (!isBatchThen(maps[0], *dims, {i, d}) ||
      !isBatchThen(maps[2], *dims, {i, j}) ||
      !(result.keyTransposed || isBatchThen(maps[1], *dims, {j, d})))
    return fail("dimensions of queries, keys or scores are in another order");
  result.query = op.getDpsInputs()[0];
  result.key = op.getDpsInputs()[1];
  return success();
}

LogicalResult Matcher::matchOutput(DecomposedAttention &result) {
  Value weights = softmax.getResult();
  if (!weights.hasOneUse())
    return fail("weights are used elsewhere");
  output = asContraction(*weights.getUsers().begin());
  if (!output || output.getDpsInputs()[0] != weights)
    return fail("weights do not meet values in a contraction onto zeros");
  FailureOr<linalg::ContractionDimensions> dims =
      linalg::inferContractionDims(output);
  if (failed(dims) || !hasSingleDims(*dims))
    return fail("the output contracts other than one dimension");
  SmallVector<AffineMap> maps = output.getIndexingMapsArray();
  unsigned i = dims->m[0], e = dims->n[0], j = dims->k[0];
  if (!isBatchThen(maps[0], *dims, {i, j}) ||
      !isBatchThen(maps[1], *dims, {j, e}) ||
      !isBatchThen(maps[2], *dims, {i, e}))
    return fail("dimensions of values or output are in another order");
  result.value = output.getDpsInputs()[1];
  return success();
}

FailureOr<DecomposedAttention> Matcher::match() {
  auto type = cast<ShapedType>(softmax.getScores().getType());
  if (!isa<Float32Type, Float64Type>(type.getElementType()))
    return fail("scores are narrower than the accumulator");
  DecomposedAttention result;
  FailureOr<Value> scores = matchScale(softmax.getScores(), result.scale);
  if (failed(scores) || failed(matchScores(*scores, result)) ||
      failed(matchOutput(result)))
    return failure();
  for (Value operand : {result.query, result.key, result.value})
    if (getElementTypeOrSelf(operand.getType()) != type.getElementType())
      return fail("queries, keys and values have several types");
  return result;
}

//===----------------------------------------------------------------------===//
// Pass
//===----------------------------------------------------------------------===//

/// Keys as (..., N, D).
static Value transposeKeys(OpBuilder &builder, Location loc, Value key) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, key);
  SmallVector<int64_t> permutation =
      llvm::to_vector(llvm::seq<int64_t>(0, sizes.size()));
  std::swap(sizes[sizes.size() - 1], sizes[sizes.size() - 2]);
  std::swap(permutation[permutation.size() - 1],
            permutation[permutation.size() - 2]);
  Value empty = tensor::EmptyOp::create(builder, loc, sizes,
                                        getElementTypeOrSelf(key.getType()));
  return linalg::TransposeOp::create(builder, loc, key, empty, permutation)
      ->getResult(0);
}

static void raise(const DecomposedAttention &attention, Value mask,
                  linalg::LinalgOp output) {
  OpBuilder builder(output);
  Location loc = output.getLoc();
  Value key = attention.key;
  if (attention.keyTransposed)
    key = transposeKeys(builder, loc, key);
  auto op = ScaledDotProductOp::create(
      builder, loc, output->getResult(0).getType(), /*lse=*/Type(),
      /*weights=*/Type(), /*entropy=*/Type(), /*received=*/Type(),
      /*top_weights=*/Type(), /*top_keys=*/Type(), attention.query, key,
      attention.value, mask, /*score=*/ValueRange(), /*sink=*/Value(),
      builder.getF64FloatAttr(attention.scale), /*layout=*/StringAttr());
  output->getResult(0).replaceAllUsesWith(op.getOutput());
}

/// Says that the op stays, and why.
static void remarkMissed(Operation *op, StringRef reason) {
  remark::missed(op->getLoc(),
                 remark::RemarkOpts::name("not-raised").category("attention"))
      << remark::reason("{0}", reason);
}

/// The softmax of rows is one under no mask.
static void raiseSoftmax(linalg::SoftmaxOp op) {
  auto type = dyn_cast<RankedTensorType>(op.getInput().getType());
  if (!type || op->getNumResults() != 1 || op->getResult(0).getType() != type)
    return remarkMissed(op, "softmax is not on tensors of one type");
  if (type.getRank() < 2)
    return remarkMissed(op, "softmax of one row alone");
  if (op.getDimension() + 1 != static_cast<uint64_t>(type.getRank()))
    return remarkMissed(op, "softmax is not over the last dimension");
  OpBuilder builder(op);
  auto rows = MaskedSoftmaxOp::create(builder, op.getLoc(), type, op.getInput(),
                                      /*mask=*/Value());
  op->getResult(0).replaceAllUsesWith(rows.getResult());
  op.erase();
}

namespace {
struct ConvertLinalgToAttn
    : public attn::impl::ConvertLinalgToAttnPassBase<ConvertLinalgToAttn> {
  void runOnOperation() override {
    getOperation()->walk(raiseSoftmax);
    SmallVector<MaskedSoftmaxOp> softmaxes;
    getOperation()->walk([&](MaskedSoftmaxOp op) { softmaxes.push_back(op); });
    for (MaskedSoftmaxOp softmax : softmaxes) {
      Matcher matcher(softmax);
      FailureOr<DecomposedAttention> attention = matcher.match();
      if (failed(attention))
        remarkMissed(softmax, matcher.reason);
      else
        raise(*attention, softmax.getMask(), matcher.output);
    }
  }
};
} // namespace
