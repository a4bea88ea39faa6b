//===- TableBuilder.h - Tables of batches, heads and entries ----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_DIALECT_ATTN_ANALYSIS_TABLEBUILDER_H
#define ATTN_LIB_DIALECT_ATTN_ANALYSIS_TABLEBUILDER_H

#include "LeafEmission.h"
#include "ScalarBuilder.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::attn {

/// Builds the loops that fill tables of a leaf: i64 tensors of batches x heads
/// x entries, of which the leaf has one where it does not depend on them.
struct TableBuilder : ScalarBuilder {
  Value batches, heads;

  TableBuilder(OpBuilder &builder, Location loc, const Leaf &leaf,
               const TableSizes &sizes)
      : ScalarBuilder{builder, loc} {
    batches = leaf.dependence & Dependence::Batch ? sizes.batches : index(1);
    heads = leaf.dependence & Dependence::Head ? sizes.heads : index(1);
  }

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(builder, loc, value);
  }
  Value ceilDiv(Value lhs, Value rhs) {
    return builder.createOrFold<arith::CeilDivUIOp>(loc, lhs, rhs);
  }
  Value makeEmpty(Value entries) {
    return tensor::EmptyOp::create(
        builder, loc, ArrayRef<OpFoldResult>{batches, heads, entries},
        builder.getI64Type());
  }

  SmallVector<Value>
  loop(Value lower, Value upper, ValueRange carried,
       function_ref<SmallVector<Value>(Value, ValueRange)> body) {
    auto loop = scf::ForOp::create(
        builder, loc, lower, upper, index(1), carried,
        [&](OpBuilder &, Location loc, Value position, ValueRange arguments) {
          scf::YieldOp::create(builder, loc, body(position, arguments));
        });
    return loop.getResults();
  }

  /// Fills `tensors` at every batch, head and entry with what `compute` gives.
  SmallVector<Value>
  fill(Value entries, ValueRange tensors,
       function_ref<SmallVector<Value>(ValueRange)> compute) {
    Value zero = index(0);
    return loop(zero, batches, tensors, [&](Value batch, ValueRange outer) {
      return loop(zero, heads, outer, [&](Value head, ValueRange middle) {
        return loop(zero, entries, middle, [&](Value entry, ValueRange inner) {
          SmallVector<Value> at{batch, head, entry}, results;
          for (auto [value, tensor] : llvm::zip_equal(compute(at), inner))
            results.push_back(
                tensor::InsertOp::create(builder, loc, value, tensor, at));
          return results;
        });
      });
    });
  }
};

} // namespace mlir::attn

#endif // ATTN_LIB_DIALECT_ATTN_ANALYSIS_TABLEBUILDER_H
