//===- AttributeVerification.cpp - Discardable attributes -------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Dialect/Attn/IR/AttributeNames.h"
#include "attn/Dialect/Attn/IR/TilePlan.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

#include <cmath>

using namespace mlir;
using namespace mlir::attn;

namespace {
/// An attribute and what it may be, as in "... is accepted".
struct Rule {
  StringRef name, accepted;
  bool (*accepts)(Attribute);
};
} // namespace

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

template <typename AttrTy>
static bool isOf(Attribute attribute) {
  return isa<AttrTy>(attribute);
}

template <int64_t least, int64_t most = maxCount>
static bool isCount(Attribute attribute) {
  std::optional<int64_t> count = getCount(attribute);
  return count && *count >= least && *count <= most;
}

/// Not NaN, either.
static bool isMagnitude(Attribute attribute) {
  auto number = dyn_cast<FloatAttr>(attribute);
  return number && number.getType().isF64() && number.getValueAsDouble() >= 0;
}

static bool isDeviation(Attribute attribute) {
  auto number = dyn_cast<FloatAttr>(attribute);
  return number && number.getValueAsDouble() >= 0 &&
         std::isfinite(number.getValueAsDouble());
}

static bool areNumbers(Attribute attribute) {
  auto numbers = dyn_cast<DenseI64ArrayAttr>(attribute);
  return numbers && llvm::all_of(numbers.asArrayRef(),
                                 [](int64_t number) { return number >= 0; });
}

static bool areStrings(Attribute attribute) {
  auto array = dyn_cast<ArrayAttr>(attribute);
  return array && llvm::all_of(array, llvm::IsaPred<StringAttr>);
}

static bool isEntry(Attribute attribute) {
  auto string = dyn_cast<StringAttr>(attribute);
  return string && (string == "shapes" || string == "workspace");
}

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

static constexpr StringLiteral positive = "a number from 1 to 2147483647",
                               notNegative = "a number from 0 to 2147483647",
                               flag = "the name without a value",
                               string = "a string";

static constexpr Rule attentionRules[] = {
    {groupSizeAttr, positive, isCount<1>}};
static constexpr Rule attendRules[] = {
    {planAttr, "a dictionary of the fields of a plan", isOf<DictionaryAttr>},
    {scoreBoundAttr, "a number of type f64, 0 or more,", isMagnitude}};
static constexpr Rule attendTileRules[] = {
    {boundedScoresAttr, flag, isOf<UnitAttr>},
    {lazyMaximumAttr, flag, isOf<UnitAttr>},
    {rowsAheadAttr, notNegative, isCount<0>},
    {spreadAttr, flag, isOf<UnitAttr>},
    {unpackedAttr, flag, isOf<UnitAttr>}};
static constexpr Rule linalgRules[] = {
    {streamedAttr, "an array of i64, numbers of inputs,", areNumbers},
    {rowsAheadAttr, notNegative, isCount<0>}};
static constexpr Rule parallelRules[] = {
    {interleaveAttr, "a number from 1 to 16",
     isCount<1, TilePlan::mostInterleaved>}};
static constexpr Rule exponentialRules[] = {
    {nonPositiveAttr, flag, isOf<UnitAttr>}};
static constexpr Rule moduleRules[] = {{emulatedAttr, flag, isOf<UnitAttr>},
                                       {targetAttr, string, isOf<StringAttr>}};
static constexpr Rule functionRules[] = {
    {abi::entry, "\"shapes\" or \"workspace\"", isEntry},
    {abi::body, flag, isOf<UnitAttr>},
    {abi::spec, "an array of i64", isOf<DenseI64ArrayAttr>},
    {abi::names, string, isOf<StringAttr>},
    {kernelChipsAttr, "an array of strings", areStrings}};
static constexpr Rule argumentRules[] = {
    {abi::name, string, isOf<StringAttr>},
    {abi::result, flag, isOf<UnitAttr>},
    {abi::dims, "an array of strings", areStrings},
    {abi::spread, "a finite float of 0 or more", isDeviation}};
static constexpr Rule resultRules[] = {{abi::name, string, isOf<StringAttr>}};

/// Those of the attributes that `op` may have.
static ArrayRef<Rule> rulesFor(Operation *op) {
  if (isa<AttentionOpInterface>(op))
    return attentionRules;
  if (isa<AttendOp>(op))
    return attendRules;
  if (isa<AttendTileOp>(op))
    return attendTileRules;
  if (isa<ModuleOp>(op))
    return moduleRules;
  if (isa<FunctionOpInterface>(op))
    return functionRules;
  if (op->getName().getDialectNamespace() == "linalg")
    return linalgRules;
  if (op->getName().getStringRef() == "scf.forall")
    return parallelRules;
  if (op->getName().getStringRef() == "math.exp2")
    return exponentialRules;
  return {};
}

/// Verifies an attribute of what errors call `place`.
static LogicalResult verify(Operation *op, const Twine &place,
                            ArrayRef<Rule> rules, NamedAttribute attribute) {
  StringRef name = attribute.getName();
  const Rule *rule =
      llvm::find_if(rules, [&](const Rule &rule) { return rule.name == name; });
  if (rule == rules.end()) {
    InFlightDiagnostic error =
        op->emitOpError() << place << "has the attribute '" << name << "'; ";
    if (rules.empty())
      return error << "none of attn is accepted here";
    llvm::interleaveComma(rules, error,
                          [&](const Rule &rule) { error << rule.name; });
    return error << (rules.size() == 1 ? " is" : " are") << " accepted here";
  }
  if (!rule->accepts(attribute.getValue()))
    return op->emitOpError()
           << place << "has " << name << " = " << attribute.getValue() << "; "
           << rule->accepted << " is accepted";
  return success();
}

//===----------------------------------------------------------------------===//
// Hooks
//===----------------------------------------------------------------------===//

LogicalResult AttnDialect::verifyOperationAttribute(Operation *op,
                                                    NamedAttribute attribute) {
  if (failed(verify(op, "", rulesFor(op), attribute)))
    return failure();
  if (attribute.getName() == planAttr)
    return TilePlan::verify(op, cast<DictionaryAttr>(attribute.getValue()));
  return success();
}

LogicalResult AttnDialect::verifyRegionArgAttribute(Operation *op, unsigned,
                                                    unsigned index,
                                                    NamedAttribute attribute) {
  std::string place = "argument " + std::to_string(index) + " ";
  if (failed(verify(op, place, argumentRules, attribute)))
    return failure();
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function || attribute.getName() != abi::dims)
    return success();
  auto type = dyn_cast<ShapedType>(function.getArgumentTypes()[index]);
  auto names = cast<ArrayAttr>(attribute.getValue());
  if (type && type.getRank() != static_cast<int64_t>(names.size()))
    return op->emitOpError()
           << place << "has " << names.size() << " names in " << abi::dims
           << "; one for each dimension of " << type << " is accepted";
  return success();
}

LogicalResult AttnDialect::verifyRegionResultAttribute(
    Operation *op, unsigned, unsigned index, NamedAttribute attribute) {
  std::string place = "result " + std::to_string(index) + " ";
  return verify(op, place, resultRules, attribute);
}
