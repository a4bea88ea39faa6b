//===- MaskTables.h - What a mask says of one index, on the device ------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_ATTNTOGPU_ATTEND_MASKTABLES_H
#define ATTN_LIB_CONVERSION_ATTNTOGPU_ATTEND_MASKTABLES_H

#include "../Arguments/AttendArguments.h"
#include "../Host/KernelModule.h"

#include "attn/Dialect/Attn/Analysis/TileClassification.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::attn {

/// Has the device compute the tables of a tile classifier: each pass of
/// emitPrepass, a nest of loops that fills tensors element by element, becomes
/// a kernel whose threads take an element each, or whose warps do where
/// elements are reduced from many.
class MaskTables {
public:
  /// `captures` describe those of `op`; `name` begins the kernels' names.
  MaskTables(OpBuilder &host, AttendOp op, ArrayRef<DeviceValue> captures,
             KernelModule &kernels, StringRef name);

  /// Emits the launches in host code at the builder. What kernels know
  /// getPrepassValues by.
  SmallVector<DeviceValue> emit(TileClassifier &classifier,
                                const MaskDomain &domain);

private:
  static constexpr int64_t threads = 64;

  DeviceValue describe(Value value);
  void emitPass(scf::ForOp loop);
  void emitElement(OpBuilder &builder, ArrayRef<scf::ForOp> nest,
                   ArrayRef<DeviceValue> results, ArrayRef<Value> used,
                   ArrayRef<DeviceValue> described);

  OpBuilder &host;
  AttendOp op;
  KernelModule &kernels;
  std::string name;
  unsigned count = 0;
  DenseMap<Value, DeviceTensor> memory; ///< Of captures and tables.
};

} // namespace mlir::attn

#endif // ATTN_LIB_CONVERSION_ATTNTOGPU_ATTEND_MASKTABLES_H
