//===- RandomMask.cpp - Random predicates and captured data -----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RandomMask.h"

#include "attn/Dialect/Attn/IR/Attn.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::test;

namespace {
/// Types of captures, and whether each is a tensor and of which rank.
enum Capture { SortedIds, Wide, PerBatch, Scalar, Scalar32, Flags, Layout };
} // namespace

RandomMask::RandomMask(MLIRContext &context, uint64_t seed)
    : random(seed), b(UnknownLoc::get(&context), &context) {
  module = ModuleOp::create(b.getLoc());
  b.setInsertionPointToEnd(module->getBody());
  Type index = b.getIndexType(), i1 = b.getI1Type(), i32 = b.getI32Type(),
       i64 = b.getI64Type();
  constexpr int64_t any = ShapedType::kDynamic;
  SmallVector<Type> types(4, index);
  types.append({RankedTensorType::get({any}, i32),
                RankedTensorType::get({any}, i64),
                RankedTensorType::get({any, any}, i32), index, i32,
                RankedTensorType::get({any}, i1),
                RankedTensorType::get({any, any}, i1)});
  auto function =
      func::FuncOp::create(b, "predicate", b.getFunctionType(types, i1));
  entry = function.addEntryBlock();
  b.setInsertionPointToEnd(entry);
  sizes = {pick(1, 2),  pick(1, 2), pick(1, 24),
           pick(1, 24), pick(1, 8), pick(1, 8)};
  makeCaptures();
  func::ReturnOp::create(b, boolean(static_cast<unsigned>(pick(1, 4))));
}

int64_t RandomMask::pick(int64_t first, int64_t last) {
  return first + static_cast<int64_t>(random() % (last - first + 1));
}

//===----------------------------------------------------------------------===//
// Captures
//===----------------------------------------------------------------------===//

/// Mostly small; wild ones reach the ends of the type.
int64_t RandomMask::randomElement(Type element, bool wild) {
  if (element.isInteger(1))
    return pick(0, 1);
  if (!wild)
    return pick(-3, 26);
  unsigned width = element.isIndex() ? 64 : element.getIntOrFloatBitWidth();
  int64_t greatest = llvm::maxIntN(width);
  switch (pick(0, 3)) {
  case 0:
    return greatest - pick(0, 5);
  case 1:
    return -greatest - 1 + pick(0, 5);
  default:
    return pick(-30, 30);
  }
}

Datum RandomMask::randomTable(std::vector<int64_t> shape, Type element) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  bool wild = chance(15), sorted = chance(40);
  std::vector<int64_t> data;
  for (int64_t at = 0; at < count; ++at)
    data.push_back(randomElement(element, wild));
  if (sorted)
    llvm::sort(data);
  return makeTensor(std::move(shape), std::move(data));
}

void RandomMask::makeCaptures() {
  int64_t length = std::max(sizes.queries, sizes.keys) + pick(-2, 2);
  length = std::max<int64_t>(length, 1);
  bool wild = chance(10);
  captures = {randomTable({length}, b.getI32Type()),
              randomTable({length}, b.getI64Type()),
              randomTable({sizes.batches, length}, b.getI32Type()),
              makeInteger(randomElement(b.getIndexType(), wild)),
              makeInteger(randomElement(b.getI32Type(), wild)),
              randomTable({length}, b.getI1Type()),
              randomTable({4, 5}, b.getI1Type())};
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

Type RandomMask::anyType() {
  Type types[] = {b.getIndexType(), b.getIndexType(), b.getI64Type(),
                  b.getI32Type()};
  return types[pick(0, 3)];
}

Value RandomMask::constant(Type type, int64_t value) {
  return arith::ConstantOp::create(b, b.getIntegerAttr(type, value));
}

Value RandomMask::convert(Value value, Type type) {
  Type from = value.getType();
  if (from == type)
    return value;
  if (from.isIndex() || type.isIndex()) {
    if (!from.isIndex() && chance(10))
      return arith::IndexCastUIOp::create(b, type, value);
    return arith::IndexCastOp::create(b, type, value);
  }
  if (from.getIntOrFloatBitWidth() > type.getIntOrFloatBitWidth())
    return arith::TruncIOp::create(b, type, value);
  if (chance(10))
    return arith::ExtUIOp::create(b, type, value);
  return arith::ExtSIOp::create(b, type, value);
}

Value RandomMask::integerLeaf(Type type) {
  int64_t kind = pick(0, 9);
  if (kind <= 6)
    return convert(entry->getArgument(kind <= 2   ? 2
                                      : kind <= 5 ? 3
                                                  : pick(0, 1)),
                   type);
  if (kind == 7)
    return convert(entry->getArgument(4 + (chance(50) ? Scalar : Scalar32)),
                   type);
  return constant(type, pick(-6, 20));
}

Value RandomMask::load(Type type, unsigned depth) {
  auto capture = [&](Capture which) { return entry->getArgument(4 + which); };
  auto index = [&] { return integer(b.getIndexType(), depth - 1); };
  Value guard = chance(30) ? boolean(depth - 1) : Value();
  switch (pick(0, 2)) {
  case 0:
    return convert(LoadOp::create(b, capture(SortedIds), index(), guard), type);
  case 1:
    return convert(LoadOp::create(b, capture(Wide), index(), guard), type);
  default:
    return convert(LoadOp::create(b, capture(PerBatch),
                                  ValueRange{entry->getArgument(0), index()},
                                  guard),
                   type);
  }
}

Value RandomMask::divide(Type type, unsigned depth) {
  Value lhs = integer(type, depth - 1);
  const int64_t divisors[] = {2, 3, 4, 5, 7, 8, -2, -3};
  Value rhs = constant(type, divisors[pick(0, 7)]);
  if (chance(15))
    rhs = arith::MaxSIOp::create(b, integer(type, depth - 1),
                                 constant(type, pick(1, 3)));
  switch (pick(0, 8)) {
  case 0:
    return arith::CeilDivSIOp::create(b, lhs, rhs);
  case 1:
    return arith::DivSIOp::create(b, lhs, rhs);
  case 2:
    return arith::RemSIOp::create(b, lhs, rhs);
  case 3:
    return arith::DivUIOp::create(b, lhs, rhs);
  case 4:
    return arith::RemUIOp::create(b, lhs, rhs);
  case 5:
  case 6:
    return FloorModOp::create(b, type, lhs, rhs);
  default:
    return arith::FloorDivSIOp::create(b, lhs, rhs);
  }
}

Value RandomMask::integerOp(Type type, unsigned depth) {
  auto next = [&] { return integer(type, depth - 1); };
  switch (pick(0, 17)) {
  case 0:
  case 1:
    return arith::AddIOp::create(b, next(), next());
  case 2:
  case 3:
  case 4:
    return arith::SubIOp::create(b, next(), next());
  case 5:
    return arith::MulIOp::create(b, next(), constant(type, pick(-4, 5)));
  case 6:
    return arith::MulIOp::create(b, next(), next());
  case 7:
  case 8:
    return divide(type, depth);
  case 9:
    return chance(70) ? Value(arith::MaxSIOp::create(b, next(), next()))
                      : Value(arith::MaxUIOp::create(b, next(), next()));
  case 10:
    return chance(70) ? Value(arith::MinSIOp::create(b, next(), next()))
                      : Value(arith::MinUIOp::create(b, next(), next()));
  case 11:
    return math::AbsIOp::create(b, next());
  case 12:
    return arith::SelectOp::create(b, boolean(depth - 1), next(), next());
  case 13:
    return chance(50)
               ? Value(arith::ShRSIOp::create(b, next(),
                                              constant(type, pick(0, 4))))
               : Value(arith::ShRUIOp::create(b, next(),
                                              constant(type, pick(0, 4))));
  case 14:
    return arith::ShLIOp::create(b, next(), constant(type, pick(0, 4)));
  case 15:
    return chance(70) ? Value(arith::AndIOp::create(
                            b, next(), constant(type, (1 << pick(0, 4)) - 1)))
                      : Value(arith::XOrIOp::create(b, next(), next()));
  case 16: {
    Value flag = boolean(depth - 1);
    if (type.isIndex())
      return arith::IndexCastOp::create(b, type, flag);
    return chance(50) ? Value(arith::ExtUIOp::create(b, type, flag))
                      : Value(arith::ExtSIOp::create(b, type, flag));
  }
  default:
    return load(type, depth);
  }
}

Value RandomMask::integer(Type type, unsigned depth) {
  if (depth == 0 || chance(25))
    return integerLeaf(type);
  if (chance(15))
    return convert(integer(anyType(), depth - 1), type);
  if (chance(10))
    return load(type, depth);
  return integerOp(type, depth);
}

//===----------------------------------------------------------------------===//
// Booleans
//===----------------------------------------------------------------------===//

Value RandomMask::booleanOp(unsigned depth) {
  auto next = [&] { return boolean(depth - 1); };
  switch (pick(0, 8)) {
  case 0:
  case 1:
  case 2:
    return arith::AndIOp::create(b, next(), next());
  case 3:
  case 4:
    return arith::OrIOp::create(b, next(), next());
  case 5:
    return arith::XOrIOp::create(b, next(), next());
  case 6:
    return arith::XOrIOp::create(b, next(), constant(b.getI1Type(), 1));
  case 7:
    return arith::SelectOp::create(b, next(), next(), next());
  default:
    return arith::CmpIOp::create(
        b, static_cast<arith::CmpIPredicate>(pick(0, 9)), next(), next());
  }
}

Value RandomMask::boolean(unsigned depth) {
  if (depth > 0 && chance(45))
    return booleanOp(depth);
  unsigned below = depth > 0 ? depth - 1 : 0;
  auto index = [&] { return integer(b.getIndexType(), below); };
  int64_t kind = pick(0, 19);
  if (kind == 0)
    return LoadOp::create(b, entry->getArgument(4 + Flags), index(),
                          depth > 0 && chance(30) ? boolean(below) : Value());
  if (kind == 1)
    return LoadOp::create(b, entry->getArgument(4 + Layout),
                          ValueRange{index(), index()}, Value());
  if (kind == 2)
    return arith::TruncIOp::create(b, b.getI1Type(),
                                   integer(b.getI32Type(), below));
  Type type = anyType();
  return arith::CmpIOp::create(b, static_cast<arith::CmpIPredicate>(pick(0, 9)),
                               integer(type, below), integer(type, below));
}
