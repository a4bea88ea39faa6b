//===- TilePlanAttribute.cpp - Plans as ops carry them ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/Transforms/TilePlan.h"

using namespace mlir;
using namespace mlir::attn;

static constexpr StringLiteral planName = "attn.plan";

std::optional<bool> PlanVariant::serves(int64_t queryCount,
                                        int64_t keyCount) const {
  bool few = !ShapedType::isDynamic(keys);
  if (ShapedType::isDynamic(queries) && !few)
    return true;
  auto takes = [&](int64_t count) {
    if (plan.filled)
      return count % plan.queries == 0;
    return few ? count <= queries : count == queries;
  };
  if (!ShapedType::isDynamic(queryCount)) {
    if (!takes(queryCount))
      return false;
    if (!few)
      return true;
  }
  if (few && !ShapedType::isDynamic(keyCount) && keyCount > keys)
    return false;
  if (ShapedType::isDynamic(queryCount) || ShapedType::isDynamic(keyCount))
    return std::nullopt;
  return true;
}

StringRef attn::stringifyLaneAxis(LaneAxis axis) {
  return axis == LaneAxis::Features ? "features" : "queries";
}

TilePlan TilePlan::get(const TargetSpec &target, AttendOp op) {
  auto dictionary = op->getAttrOfType<DictionaryAttr>(planName);
  if (!dictionary)
    return getPlanVariants(target, op).back().plan;
  auto number = [&](StringRef name, int64_t otherwise) {
    auto value = dictionary.getAs<IntegerAttr>(name);
    return value ? value.getInt() : otherwise;
  };
  auto lanes = dictionary.getAs<StringAttr>("lanes");
  return {number("queries", 1),
          number("keys", 1),
          number("group", 1),
          number("split", 0),
          lanes && lanes.getValue() == stringifyLaneAxis(LaneAxis::Features)
              ? LaneAxis::Features
              : LaneAxis::Queries,
          dictionary.contains("pairs"),
          dictionary.contains("tiles"),
          dictionary.contains("unpacked"),
          number("ahead", 0),
          number("band", 1),
          number("resident", 0),
          number("piece", 0),
          dictionary.contains("turned"),
          dictionary.contains("once"),
          dictionary.contains("filled"),
          dictionary.contains("spread"),
          dictionary.contains("compact")};
}

void TilePlan::attachTo(AttendOp op) const {
  Builder builder(op.getContext());
  auto number = [&](StringRef name, int64_t value) {
    return builder.getNamedAttr(name, builder.getIndexAttr(value));
  };
  SmallVector<NamedAttribute> entries{
      number("queries", queries),
      number("keys", keys),
      number("group", group),
      number("split", split),
      number("ahead", ahead),
      builder.getNamedAttr("lanes",
                           builder.getStringAttr(stringifyLaneAxis(lanes)))};
  if (resident)
    entries.append({number("band", band), number("resident", resident)});
  if (piece)
    entries.push_back(number("piece", piece));
  for (auto [name, isSet] : {std::pair("pairs", pairs),
                             {"tiles", tiles},
                             {"unpacked", unpacked},
                             {"turned", turned},
                             {"once", once},
                             {"filled", filled},
                             {"spread", spread},
                             {"compact", compact}})
    if (isSet)
      entries.push_back(builder.getNamedAttr(name, builder.getUnitAttr()));
  op->setAttr(planName, builder.getDictionaryAttr(entries));
}
