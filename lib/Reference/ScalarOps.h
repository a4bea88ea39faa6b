//===- ScalarOps.h - The table of scalar operations -------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_REFERENCE_SCALAROPS_H
#define ATTN_LIB_REFERENCE_SCALAROPS_H

#include "Scalar.h"
#include "mlir/IR/Operation.h"
#include "mlir/IR/TypeUtilities.h"

namespace mlir::attn::reference {

/// One operation on scalars.
struct ScalarCall {
  Operation *op;
  ArrayRef<Scalar> operands;
  Arithmetic arithmetic;

  const Scalar &operator[](unsigned index) const { return operands[index]; }
  Type operandType(unsigned index) const {
    return getElementTypeOrSelf(op->getOperand(index).getType());
  }
  Type resultType() const {
    return getElementTypeOrSelf(op->getResult(0).getType());
  }
};

/// From kind of op to its evaluation.
class ScalarTable {
public:
  using Total = Scalar (*)(const ScalarCall &);
  using Partial = llvm::Expected<Scalar> (*)(const ScalarCall &);
  struct Entry {
    Total total = nullptr;
    Partial partial = nullptr; ///< Where `total` is null.
  };

  template <typename... OpTy>
  void add(Total total) {
    (entries.try_emplace(TypeID::get<OpTy>(), Entry{total, nullptr}), ...);
  }
  template <typename... OpTy>
  void addPartial(Partial partial) {
    (entries.try_emplace(TypeID::get<OpTy>(), Entry{nullptr, partial}), ...);
  }
  const Entry *lookup(Operation *op) const {
    auto it = entries.find(op->getName().getTypeID());
    return it == entries.end() ? nullptr : &it->second;
  }

private:
  DenseMap<TypeID, Entry> entries;
};

void addFloatOps(ScalarTable &table);
void addIntegerOps(ScalarTable &table);

} // namespace mlir::attn::reference

#endif // ATTN_LIB_REFERENCE_SCALAROPS_H
