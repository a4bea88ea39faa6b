//===- TilePlan.cpp - Plans as attn.attend carries them ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/TilePlan.h"

#include "attn/Dialect/Attn/IR/AttributeNames.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

std::optional<int64_t> attn::getCount(Attribute attribute) {
  auto number = dyn_cast_or_null<IntegerAttr>(attribute);
  if (number &&
      (number.getType().isIndex() || number.getType().isSignlessInteger(64)))
    return number.getInt();
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Fields
//===----------------------------------------------------------------------===//

namespace {
struct NumberField {
  StringRef name;
  int64_t TilePlan::*member;
  int64_t least;
  int64_t most = maxCount;
  bool isShort = false; ///< Left out where it is the default.
};

struct FlagField {
  StringRef name;
  bool TilePlan::*member;
};
} // namespace

/// Sides of a tile; products of any three are in range.
static constexpr int64_t largestSide = 1 << 16;

static constexpr NumberField numberFields[] = {
    {"queries", &TilePlan::queries, 1, largestSide},
    {"keys", &TilePlan::keys, 1, largestSide},
    {"group", &TilePlan::group, 1, largestSide},
    {"split", &TilePlan::split, 0},
    {"ahead", &TilePlan::ahead, 0},
    {"band", &TilePlan::band, 1, maxCount, true},
    {"resident", &TilePlan::resident, 0, maxCount, true},
    {"piece", &TilePlan::piece, 0, maxCount, true},
    {"interleave", &TilePlan::interleave, 1, TilePlan::mostInterleaved, true}};

static constexpr FlagField flagFields[] = {
    {"pairs", &TilePlan::pairs},       {"tiles", &TilePlan::tiles},
    {"unpacked", &TilePlan::unpacked}, {"turned", &TilePlan::turned},
    {"once", &TilePlan::once},         {"filled", &TilePlan::filled},
    {"spread", &TilePlan::spread},     {"compact", &TilePlan::compact}};

static constexpr StringLiteral lanesField = "lanes";

StringRef attn::stringifyLaneAxis(LaneAxis axis) {
  return axis == LaneAxis::Features ? "features" : "queries";
}

static std::optional<LaneAxis> getLaneAxis(Attribute attribute) {
  auto name = dyn_cast_or_null<StringAttr>(attribute);
  for (LaneAxis axis : {LaneAxis::Queries, LaneAxis::Features})
    if (name && name == stringifyLaneAxis(axis))
      return axis;
  return std::nullopt;
}

/// The plan that a dictionary states, which need not be verified.
static TilePlan read(DictionaryAttr dictionary) {
  TilePlan plan{};
  for (const NumberField &field : numberFields)
    plan.*field.member =
        getCount(dictionary.get(field.name)).value_or(plan.*field.member);
  for (const FlagField &field : flagFields)
    plan.*field.member = dictionary.contains(field.name);
  plan.lanes = getLaneAxis(dictionary.get(lanesField)).value_or(plan.lanes);
  return plan;
}

std::optional<TilePlan> TilePlan::get(AttendOp op) {
  auto dictionary = op->getAttrOfType<DictionaryAttr>(planAttr);
  return dictionary ? std::optional(read(dictionary)) : std::nullopt;
}

void TilePlan::attachTo(AttendOp op) const {
  Builder builder(op.getContext());
  SmallVector<NamedAttribute> entries{builder.getNamedAttr(
      lanesField, builder.getStringAttr(stringifyLaneAxis(lanes)))};
  const TilePlan otherwise{};
  for (const NumberField &field : numberFields)
    if (int64_t value = this->*field.member;
        !field.isShort || value != otherwise.*field.member)
      entries.push_back(
          builder.getNamedAttr(field.name, builder.getIndexAttr(value)));
  for (const FlagField &field : flagFields)
    if (this->*field.member)
      entries.push_back(
          builder.getNamedAttr(field.name, builder.getUnitAttr()));
  op->setAttr(planAttr, builder.getDictionaryAttr(entries));
}

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

/// What would be accepted in place of one entry; empty where it is accepted.
static std::string acceptedInstead(NamedAttribute entry) {
  StringRef name = entry.getName();
  for (const NumberField &field : numberFields)
    if (field.name == name) {
      std::optional<int64_t> count = getCount(entry.getValue());
      if (count && *count >= field.least && *count <= field.most)
        return "";
      return llvm::formatv("a number from {0} to {1} is", field.least,
                           field.most);
    }
  for (const FlagField &field : flagFields)
    if (field.name == name)
      return isa<UnitAttr>(entry.getValue()) ? ""
                                             : "the name without a value is";
  if (name == lanesField)
    return getLaneAxis(entry.getValue()) ? ""
                                         : "\"queries\" or \"features\" is";
  std::string names;
  for (const NumberField &field : numberFields)
    names += field.name.str() + ", ";
  for (const FlagField &field : flagFields)
    names += field.name.str() + ", ";
  return names + lanesField.str() + " are";
}

LogicalResult TilePlan::verify(Operation *op, DictionaryAttr dictionary) {
  for (NamedAttribute entry : dictionary)
    if (std::string accepted = acceptedInstead(entry); !accepted.empty())
      return op->emitOpError("has ")
             << planAttr << " with " << entry.getName().getValue() << " = "
             << entry.getValue() << "; " << accepted << " accepted";
  for (StringRef name : {"queries", "keys"})
    if (!dictionary.contains(name))
      return op->emitOpError("has ") << planAttr << " without " << name
                                     << "; it takes queries and keys";
  TilePlan plan = read(dictionary);
  for (auto [name, count] :
       {std::pair("split", plan.split), {"resident", plan.resident}})
    if (count % plan.keys != 0)
      return op->emitOpError("has ")
             << planAttr << " with " << name << " = " << count
             << "; a multiple of keys, " << plan.keys << ", is accepted";
  return success();
}

//===----------------------------------------------------------------------===//
// Packing
//===----------------------------------------------------------------------===//

static OpFoldResult alignFeatures(OpFoldResult features, int64_t multiple) {
  int64_t count = *getConstantIntValue(features);
  MLIRContext *context = cast<Attribute>(features).getContext();
  return Builder(context).getIndexAttr(llvm::alignTo(count, multiple));
}

OpFoldResult TilePlan::packedFeatures(OpFoldResult features) const {
  return tiles ? alignFeatures(features, registerColumns) : features;
}

OpFoldResult TilePlan::packedValueFeatures(OpFoldResult features) const {
  return tiles ? alignFeatures(features, registerRows) : features;
}
