//===- Passes.h - Passes from linalg to vector -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_LINALGTOVECTOR_PASSES_H
#define ATTN_CONVERSION_LINALGTOVECTOR_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir {
namespace amx {
class AMXDialect;
} // namespace amx
namespace LLVM {
class LLVMDialect;
} // namespace LLVM
namespace affine {
class AffineDialect;
} // namespace affine
namespace arith {
class ArithDialect;
} // namespace arith
namespace linalg {
class LinalgDialect;
} // namespace linalg
namespace math {
class MathDialect;
} // namespace math
namespace memref {
class MemRefDialect;
} // namespace memref
namespace scf {
class SCFDialect;
} // namespace scf
namespace vector {
class VectorDialect;
} // namespace vector
namespace x86vector {
class X86VectorDialect;
} // namespace x86vector
} // namespace mlir

namespace mlir::attn {

#define GEN_PASS_DECL
#include "attn/Conversion/LinalgToVector/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "attn/Conversion/LinalgToVector/Passes.h.inc"

} // namespace mlir::attn

#endif // ATTN_CONVERSION_LINALGTOVECTOR_PASSES_H
