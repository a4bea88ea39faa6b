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
  explicit Matcher(linalg::SoftmaxOp softmax) : softmax(softmax) {}

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

  linalg::SoftmaxOp softmax;
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
static bool isBatchThen(AffineMap map, const linalg::ContractionDimensions &dims,
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

/// The factor of an elementwise product with one constant.
static std::optional<double> constantFactor(Operation *op, Value &scaled) {
  FloatAttr factor;
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!generic || generic.getNumDpsInputs() != 1 ||
      generic.getNumReductionLoops() != 0 ||
      !llvm::all_of(generic.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isIdentity(); }))
    return std::nullopt;
  Block *body = generic.getBody();
  auto product = body->getTerminator()
                     ->getOperand(0)
                     .getDefiningOp<arith::MulFOp>();
  if (!product || product->getBlock() != body)
    return std::nullopt;
  for (auto [value, other] :
       {std::pair(product.getLhs(), product.getRhs()),
        std::pair(product.getRhs(), product.getLhs())})
    if (value == body->getArgument(0) &&
        matchPattern(other, m_Constant(&factor))) {
      scaled = generic.getDpsInputs()[0];
      return factor.getValueAsDouble();
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
  Value weights = softmax->getResult(0);
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
  auto type = cast<ShapedType>(softmax.getInput().getType());
  if (softmax.getDimension() + 1 != static_cast<uint64_t>(type.getRank()))
    return fail("softmax is not over the last dimension");
  if (!isa<Float32Type, Float64Type>(type.getElementType()))
    return fail("scores are narrower than the accumulator");
  DecomposedAttention result;
  FailureOr<Value> scores = matchScale(softmax.getInput(), result.scale);
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
  Value empty = tensor::EmptyOp::create(
      builder, loc, sizes, getElementTypeOrSelf(key.getType()));
  return linalg::TransposeOp::create(builder, loc, key, empty, permutation)
      ->getResult(0);
}

static void raise(const DecomposedAttention &attention,
                  linalg::LinalgOp output) {
  OpBuilder builder(output);
  Location loc = output.getLoc();
  Value key = attention.key;
  if (attention.keyTransposed)
    key = transposeKeys(builder, loc, key);
  auto op = ScaledDotProductOp::create(
      builder, loc, output->getResult(0).getType(), /*lse=*/Type(),
      /*weights=*/Type(), /*entropy=*/Type(), /*received=*/Type(),
      /*top_weights=*/Type(), /*top_keys=*/Type(), attention.query, key, attention.value,
      /*mask=*/Value(), /*score=*/ValueRange(), /*sink=*/Value(),
      builder.getF64FloatAttr(attention.scale), /*layout=*/StringAttr());
  output->getResult(0).replaceAllUsesWith(op.getOutput());
}

namespace {
struct ConvertLinalgToAttn
    : public attn::impl::ConvertLinalgToAttnPassBase<ConvertLinalgToAttn> {
  void runOnOperation() override {
    SmallVector<linalg::SoftmaxOp> softmaxes;
    getOperation()->walk(
        [&](linalg::SoftmaxOp op) { softmaxes.push_back(op); });
    for (linalg::SoftmaxOp softmax : softmaxes) {
      Matcher matcher(softmax);
      FailureOr<DecomposedAttention> attention = matcher.match();
      if (failed(attention)) {
        remark::missed(softmax.getLoc(), remark::RemarkOpts::name("not-raised")
                                             .category("attention"))
            << remark::reason("{0}", matcher.reason);
        continue;
      }
      raise(*attention, matcher.output);
    }
  }
};
} // namespace
