//===- CanonicalLayout.cpp - Operands in the form that attn.attend takes ===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CanonicalLayout.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::attn;

static OpFoldResult sizeOf(OpBuilder &builder, Location loc, Value tensor,
                           int64_t dim) {
  return tensor::getMixedSize(builder, loc, tensor, dim);
}

/// H / Hkv; a division by an empty Hkv gives an empty loop, not a trap.
static OpFoldResult groupSize(OpBuilder &builder, Operation *op,
                              OpFoldResult heads, OpFoldResult keyHeads) {
  Location loc = op->getLoc();
  std::optional<int64_t> h = getConstantIntValue(heads);
  std::optional<int64_t> hkv = getConstantIntValue(keyHeads);
  if (h && hkv)
    return builder.getIndexAttr(*h / std::max<int64_t>(*hkv, 1));
  if (auto stated = op->getAttrOfType<IntegerAttr>(groupSizeAttr))
    return builder.getIndexAttr(stated.getInt());
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value divisor = arith::MaxSIOp::create(
      builder, loc, getValueOrCreateConstantIndexOp(builder, loc, keyHeads),
      one);
  return arith::DivSIOp::create(
             builder, loc, getValueOrCreateConstantIndexOp(builder, loc, heads),
             divisor)
      .getResult();
}

FailureOr<CanonicalLayout> CanonicalLayout::get(OpBuilder &builder,
                                                AttentionOpInterface op) {
  Location loc = op.getLoc();
  CanonicalLayout result(loc);
  result.layout = AttentionLayout::get(op);
  const AttentionLayout &layout = result.layout;
  for (size_t at = 1; at < layout.batch.size(); ++at)
    if (layout.batch[at] != layout.batch[at - 1] + 1)
      return op->emitOpError("has batch dimensions ")
             << layout.batch[at - 1] << " and " << layout.batch[at]
             << " apart from each other; transpose them together";

  auto asValue = [&](OpFoldResult size) {
    return getValueOrCreateConstantIndexOp(builder, loc, size);
  };
  Value batch = arith::ConstantIndexOp::create(builder, loc, 1);
  for (int64_t dim : layout.batch) {
    result.batchSizes.push_back(sizeOf(builder, loc, op.getQuery(), dim));
    batch = builder.createOrFold<arith::MulIOp>(
        loc, batch, asValue(result.batchSizes.back()));
  }
  OpFoldResult *sizes = result.dimSizes;
  sizes[AttendOp::B] = getAsOpFoldResult(batch);
  OpFoldResult heads = builder.getIndexAttr(1);
  sizes[AttendOp::Hkv] = sizes[AttendOp::G] = heads;
  if (layout.head) {
    heads = sizeOf(builder, loc, op.getQuery(), *layout.head);
    sizes[AttendOp::Hkv] = sizeOf(builder, loc, op.getKey(), *layout.head);
    sizes[AttendOp::G] = groupSize(builder, op, heads, sizes[AttendOp::Hkv]);
    bool same = getConstantIntValue(heads) && heads == sizes[AttendOp::Hkv];
    result.splitHeads = !same && getConstantIntValue(sizes[AttendOp::G]) != 1;
  }
  sizes[AttendOp::I] = sizeOf(builder, loc, op.getQuery(), layout.length);
  sizes[AttendOp::J] = sizeOf(builder, loc, op.getKey(), layout.length);
  sizes[AttendOp::D] = sizeOf(builder, loc, op.getQuery(), layout.feature);
  sizes[AttendOp::E] = sizeOf(builder, loc, op.getValue(), layout.feature);
  result.sizes = {batch, asValue(heads), asValue(sizes[AttendOp::I]),
                  asValue(sizes[AttendOp::J]), layout.head.has_value()};
  return result;
}

//===----------------------------------------------------------------------===//
// Kinds of dimensions
//===----------------------------------------------------------------------===//

CanonicalLayout::Kinds CanonicalLayout::kindsOf(unsigned length,
                                                unsigned feature,
                                                unsigned head) const {
  Kinds kinds(layout.rank, AttendOp::B);
  if (layout.head)
    kinds[*layout.head] = head;
  kinds[layout.length] = length;
  kinds[layout.feature] = feature;
  return kinds;
}

/// Batch, query head, query: the dimensions of LSE.
CanonicalLayout::Kinds CanonicalLayout::rowKinds() const {
  Kinds kinds(layout.batch.size(), AttendOp::B);
  if (layout.head)
    kinds.push_back(Head);
  kinds.push_back(AttendOp::I);
  return kinds;
}

CanonicalLayout::Kinds
CanonicalLayout::canonicalKinds(ArrayRef<unsigned> kinds) const {
  Kinds canonical;
  for (unsigned kind : kinds) {
    if (kind == AttendOp::B && llvm::is_contained(canonical, kind))
      continue;
    if (kind != Head) {
      canonical.push_back(kind);
      continue;
    }
    canonical.push_back(AttendOp::Hkv);
    if (splitHeads)
      canonical.push_back(AttendOp::G);
  }
  return canonical;
}

//===----------------------------------------------------------------------===//
// Reshapes
//===----------------------------------------------------------------------===//

/// Groups of `kinds` that become one dimension each, and the reverse: batch
/// dimensions of `merged`, the head of `split`.
static SmallVector<ReassociationIndices> groupsOf(ArrayRef<unsigned> kinds) {
  SmallVector<ReassociationIndices> groups;
  for (auto [dim, kind] : llvm::enumerate(kinds)) {
    bool continues =
        dim > 0 && kind == AttendOp::B && kinds[dim - 1] == AttendOp::B;
    if (!continues)
      groups.emplace_back();
    groups.back().push_back(dim);
  }
  return groups;
}

static SmallVector<ReassociationIndices> splitGroups(ArrayRef<unsigned> kinds) {
  SmallVector<ReassociationIndices> groups;
  for (auto [dim, kind] : llvm::enumerate(kinds)) {
    if (kind != AttendOp::G)
      groups.emplace_back();
    groups.back().push_back(dim);
  }
  return groups;
}

static RankedTensorType typeOf(ArrayRef<OpFoldResult> sizes, Type element) {
  SmallVector<int64_t> shape =
      llvm::map_to_vector(sizes, [](OpFoldResult size) {
        return getConstantIntValue(size).value_or(ShapedType::kDynamic);
      });
  return RankedTensorType::get(shape, element);
}

CanonicalLayout::Operand
CanonicalLayout::canonicalize(OpBuilder &builder, Value value,
                              ArrayRef<unsigned> kinds) const {
  Type element = cast<ShapedType>(value.getType()).getElementType();
  SmallVector<ReassociationIndices> batch = groupsOf(kinds);
  if (batch.size() != kinds.size())
    value = tensor::CollapseShapeOp::create(builder, loc, value, batch);
  Kinds canonical = canonicalKinds(kinds);
  SmallVector<ReassociationIndices> heads = splitGroups(canonical);
  if (heads.size() != canonical.size()) {
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(builder, loc, value);
    SmallVector<OpFoldResult> expanded;
    for (auto [size, group] : llvm::zip_equal(sizes, heads)) {
      if (group.size() == 1) {
        expanded.push_back(size);
        continue;
      }
      std::optional<int64_t> hkv = getConstantIntValue(dimSizes[AttendOp::Hkv]),
                             g = getConstantIntValue(dimSizes[AttendOp::G]);
      expanded.append({dimSizes[AttendOp::Hkv], dimSizes[AttendOp::G]});
      // Others may know the number of heads where this operand does not.
      if (hkv && g)
        size = builder.getIndexAttr(*hkv * *g);
    }
    if (RankedTensorType known = typeOf(sizes, element);
        known != value.getType())
      value = tensor::CastOp::create(builder, loc, known, value);
    value = tensor::ExpandShapeOp::create(
        builder, loc, typeOf(expanded, element), value, heads, expanded);
  }
  return {value, AffineMap::getMultiDimMapWithTargets(
                     AttendOp::NumDims, canonical, builder.getContext())};
}

CanonicalLayout::Operand CanonicalLayout::init(OpBuilder &builder,
                                               Type elementType,
                                               ArrayRef<unsigned> kinds) const {
  Kinds canonical = canonicalKinds(kinds);
  SmallVector<OpFoldResult> sizes = llvm::map_to_vector(
      canonical, [&](unsigned kind) { return dimSizes[kind]; });
  Value empty = tensor::EmptyOp::create(builder, loc, sizes, elementType);
  return {empty, AffineMap::getMultiDimMapWithTargets(
                     AttendOp::NumDims, canonical, builder.getContext())};
}

Value CanonicalLayout::restore(OpBuilder &builder, Value value, Type type,
                               ArrayRef<unsigned> kinds) const {
  Kinds canonical = canonicalKinds(kinds);
  SmallVector<ReassociationIndices> heads = splitGroups(canonical);
  if (heads.size() != canonical.size())
    value = tensor::CollapseShapeOp::create(builder, loc, value, heads);
  SmallVector<ReassociationIndices> batch = groupsOf(kinds);
  if (batch.size() != kinds.size()) {
    SmallVector<OpFoldResult> sizes;
    SmallVector<OpFoldResult> merged =
        tensor::getMixedSizes(builder, loc, value);
    for (auto [size, group] : llvm::zip_equal(merged, batch)) {
      if (group.size() == 1)
        sizes.push_back(size);
      else
        sizes.append(batchSizes.begin(), batchSizes.end());
    }
    Type element = cast<ShapedType>(type).getElementType();
    value = tensor::ExpandShapeOp::create(builder, loc, typeOf(sizes, element),
                                          value, batch, sizes);
  }
  if (value.getType() != type)
    value = tensor::CastOp::create(builder, loc, type, value);
  return value;
}

//===----------------------------------------------------------------------===//
// Operands and results
//===----------------------------------------------------------------------===//

CanonicalLayout::Operand CanonicalLayout::query(OpBuilder &builder,
                                                Value value) const {
  return canonicalize(builder, value, kindsOf(AttendOp::I, AttendOp::D, Head));
}

CanonicalLayout::Operand CanonicalLayout::key(OpBuilder &builder,
                                              Value value) const {
  return canonicalize(builder, value,
                      kindsOf(AttendOp::J, AttendOp::D, AttendOp::Hkv));
}

CanonicalLayout::Operand CanonicalLayout::value(OpBuilder &builder,
                                                Value value) const {
  return canonicalize(builder, value,
                      kindsOf(AttendOp::J, AttendOp::E, AttendOp::Hkv));
}

Value CanonicalLayout::perHead(OpBuilder &builder, Value value) const {
  Value split = canonicalize(builder, value, {unsigned(Head)}).value;
  if (cast<ShapedType>(split.getType()).getRank() == 2)
    return split;
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, split);
  sizes.push_back(builder.getIndexAttr(1));
  Type element = cast<ShapedType>(split.getType()).getElementType();
  SmallVector<ReassociationIndices> groups{{0, 1}};
  return tensor::ExpandShapeOp::create(builder, loc, typeOf(sizes, element),
                                       split, groups, sizes);
}

CanonicalLayout::Operand CanonicalLayout::outputInit(OpBuilder &builder,
                                                     Type elementType) const {
  return init(builder, elementType, kindsOf(AttendOp::I, AttendOp::E, Head));
}

CanonicalLayout::Operand CanonicalLayout::lseInit(OpBuilder &builder,
                                                  Type elementType) const {
  return init(builder, elementType, rowKinds());
}

CanonicalLayout::Operand CanonicalLayout::weightsInit(OpBuilder &builder,
                                                      Type elementType) const {
  Kinds kinds = rowKinds();
  kinds.push_back(AttendOp::J);
  return init(builder, elementType, kinds);
}

CanonicalLayout::Operand CanonicalLayout::topInit(OpBuilder &builder,
                                                  Type elementType,
                                                  int64_t count) const {
  Operand rows = init(builder, elementType, rowKinds());
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(builder, loc, rows.value);
  sizes.push_back(builder.getIndexAttr(count));
  rows.value = tensor::EmptyOp::create(builder, loc, sizes, elementType);
  return rows;
}

CanonicalLayout::Operand CanonicalLayout::rowInit(OpBuilder &builder,
                                                  Type elementType,
                                                  bool perKey) const {
  Kinds canonical = canonicalKinds(rowKinds());
  canonical.push_back(AttendOp::E);
  SmallVector<OpFoldResult> sizes =
      llvm::map_to_vector(canonical, [&](unsigned kind) {
        return dimSizes[kind == AttendOp::I && perKey ? AttendOp::J : kind];
      });
  sizes.back() = builder.getIndexAttr(1);
  Value empty = tensor::EmptyOp::create(builder, loc, sizes, elementType);
  return {empty, AffineMap::getMultiDimMapWithTargets(
                     AttendOp::NumDims, canonical, builder.getContext())};
}

Value CanonicalLayout::perRow(OpBuilder &builder, Value lse) const {
  Kinds canonical = canonicalKinds(rowKinds());
  SmallVector<ReassociationIndices> heads = splitGroups(canonical);
  if (heads.size() == canonical.size())
    return lse;
  return tensor::CollapseShapeOp::create(builder, loc, lse, heads);
}

SmallVector<Value>
CanonicalLayout::rowIndices(const PairIndices &indices) const {
  SmallVector<Value> row;
  if (!layout.batch.empty())
    row.push_back(indices.b);
  if (layout.head)
    row.push_back(indices.h);
  row.push_back(indices.i);
  return row;
}

Value CanonicalLayout::restoreOutput(OpBuilder &builder, Value value,
                                     Type type) const {
  return restore(builder, value, type, kindsOf(AttendOp::I, AttendOp::E, Head));
}

Value CanonicalLayout::restoreLse(OpBuilder &builder, Value value,
                                  Type type) const {
  return restore(builder, value, type, rowKinds());
}

Value CanonicalLayout::restoreWeights(OpBuilder &builder, Value value,
                                      Type type) const {
  Kinds kinds = rowKinds();
  kinds.push_back(AttendOp::J);
  return restore(builder, value, type, kinds);
}

Value CanonicalLayout::restoreTop(OpBuilder &builder, Value value,
                                  Type type) const {
  Kinds kinds = rowKinds();
  kinds.push_back(Rank);
  return restore(builder, value, type, kinds);
}

Value CanonicalLayout::restoreRows(OpBuilder &builder, Value value,
                                   Type type) const {
  SmallVector<ReassociationIndices> groups;
  int64_t rank = cast<ShapedType>(value.getType()).getRank();
  for (int64_t dim = 0; dim + 1 < rank; ++dim)
    groups.push_back({dim});
  groups.back().push_back(rank - 1);
  Value rows = tensor::CollapseShapeOp::create(builder, loc, value, groups);
  return restoreLse(builder, rows, type);
}
