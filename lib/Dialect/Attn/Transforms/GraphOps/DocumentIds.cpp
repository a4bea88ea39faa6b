//===- DocumentIds.cpp - Document ids from offsets -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DocumentIds.h"

#include "attn/Dialect/Attn/IR/AttnFacts.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

/// offsets[position] as an index within [0, length].
static Value clampedOffset(OpBuilder &b, Location loc, Value offsets,
                           Value position, Value length) {
  Value offset = tensor::ExtractOp::create(b, loc, offsets, position);
  if (!offset.getType().isIndex())
    offset = arith::IndexCastOp::create(b, loc, b.getIndexType(), offset);
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  offset = arith::MaxSIOp::create(b, loc, offset, zero);
  return arith::MinSIOp::create(b, loc, offset, length);
}

Value attn::emitDocumentIds(OpBuilder &builder, Location loc, Value offsets,
                            Value length, int64_t outside) {
  Type i64 = builder.getI64Type();
  Value empty =
      tensor::EmptyOp::create(builder, loc, {OpFoldResult(length)}, i64);
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value count = arith::SubIOp::create(
      builder, loc, tensor::DimOp::create(builder, loc, offsets, zero), one);
  auto integer = [&](int64_t value) -> Value {
    return arith::ConstantIntOp::create(builder, loc, i64, value);
  };
  Value behind = arith::AddIOp::create(
      builder, loc, arith::IndexCastOp::create(builder, loc, i64, count),
      integer(outside - 1));
  Value ids = linalg::FillOp::create(builder, loc, behind, empty).getResult(0);
  auto fill = [&](OpBuilder &b, Value ids, Value first, Value last, Value id) {
    auto loop = scf::ForOp::create(
        b, loc, first, last, one, ids,
        [&](OpBuilder &b, Location, Value position, ValueRange inner) {
          Value inserted =
              tensor::InsertOp::create(b, loc, id, inner[0], position);
          scf::YieldOp::create(b, loc, inserted);
        });
    return loop.getResult(0);
  };
  ids = fill(builder, ids, zero,
             clampedOffset(builder, loc, offsets, zero, length),
             integer(-outside));
  auto documents = scf::ForOp::create(
      builder, loc, zero, count, one, ids,
      [&](OpBuilder &b, Location, Value document, ValueRange outer) {
        Value next = arith::AddIOp::create(b, loc, document, one);
        Value first = clampedOffset(b, loc, offsets, document, length);
        Value last = clampedOffset(b, loc, offsets, next, length);
        Value id = arith::IndexCastOp::create(b, loc, i64, document);
        scf::YieldOp::create(b, loc, fill(b, outer[0], first, last, id));
      });
  ids = documents.getResult(0);
  std::string name = "document(" + getSourceName(offsets, "offsets") + ")";
  auto named = NameLoc::get(builder.getStringAttr(name), loc);
  return AssumeOp::create(builder, named, ids.getType(), ids, /*proved=*/true,
                          /*ascending=*/true, IntegerAttr(), IntegerAttr());
}
