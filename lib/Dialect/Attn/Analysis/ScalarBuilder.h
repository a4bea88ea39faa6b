//===- ScalarBuilder.h - i64 and i1 arithmetic at one place -----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_ANALYSIS_SCALARBUILDER_H
#define ATTN_LIB_DIALECT_ATTN_ANALYSIS_SCALARBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"

namespace mlir::attn {

/// Builds folded i64 and i1 arithmetic.
struct ScalarBuilder {
  OpBuilder &builder;
  Location loc;

  Value integer(int64_t value) {
    return arith::ConstantIntOp::create(builder, loc, value, 64);
  }
  Value boolean(bool value) {
    return arith::ConstantIntOp::create(builder, loc, value, 1);
  }
  Value toInteger(Value value) {
    Type i64 = builder.getI64Type();
    if (value.getType() == i64)
      return value;
    if (value.getType().isIndex())
      return builder.createOrFold<arith::IndexCastOp>(loc, i64, value);
    if (value.getType().isInteger(1))
      return builder.createOrFold<arith::ExtUIOp>(loc, i64, value);
    return builder.createOrFold<arith::ExtSIOp>(loc, i64, value);
  }
  Value toIndex(Value value) {
    return builder.createOrFold<arith::IndexCastOp>(loc, builder.getIndexType(),
                                                    value);
  }
  Value add(Value lhs, Value rhs) {
    return builder.createOrFold<arith::AddIOp>(loc, lhs, rhs);
  }
  Value sub(Value lhs, Value rhs) {
    return builder.createOrFold<arith::SubIOp>(loc, lhs, rhs);
  }
  Value mul(Value lhs, Value rhs) {
    return builder.createOrFold<arith::MulIOp>(loc, lhs, rhs);
  }
  Value min(Value lhs, Value rhs) {
    return builder.createOrFold<arith::MinSIOp>(loc, lhs, rhs);
  }
  Value max(Value lhs, Value rhs) {
    return builder.createOrFold<arith::MaxSIOp>(loc, lhs, rhs);
  }
  /// Floor division by `rhs`, which is at least 1.
  Value floorDiv(Value lhs, Value rhs) {
    APInt divisor;
    if (matchPattern(rhs, m_ConstantInt(&divisor)) && divisor.isPowerOf2())
      return builder.createOrFold<arith::ShRSIOp>(loc, lhs,
                                                  integer(divisor.logBase2()));
    return builder.createOrFold<arith::FloorDivSIOp>(loc, lhs, rhs);
  }
  Value compare(arith::CmpIPredicate predicate, Value lhs, Value rhs) {
    return builder.createOrFold<arith::CmpIOp>(loc, predicate, lhs, rhs);
  }
  Value atMost(Value lhs, Value rhs) {
    return compare(arith::CmpIPredicate::sle, lhs, rhs);
  }
  Value both(Value lhs, Value rhs) {
    return builder.createOrFold<arith::AndIOp>(loc, lhs, rhs);
  }
  Value either(Value lhs, Value rhs) {
    return builder.createOrFold<arith::OrIOp>(loc, lhs, rhs);
  }
  Value negate(Value value) {
    return builder.createOrFold<arith::XOrIOp>(loc, value, boolean(true));
  }
  Value select(Value condition, Value lhs, Value rhs) {
    return builder.createOrFold<arith::SelectOp>(loc, condition, lhs, rhs);
  }
};

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_ANALYSIS_SCALARBUILDER_H
