// Every kind of output.
//
// RUN: attnc compile %s -o %t.o && llvm-nm %t.o | FileCheck %s --check-prefix=NM
// RUN: llvm-nm --extern-only --defined-only %t.o | FileCheck %s --check-prefix=EXTERN
// RUN: attnc compile %s --threads=1 -o %t.a && llvm-nm %t.a | FileCheck %s --check-prefix=SINGLE
// RUN: attnc compile %s -o %t.s && FileCheck %s --check-prefix=ASM < %t.s
// RUN: attnc compile %s -o %t.ll && FileCheck %s --check-prefix=LL < %t.ll
// RUN: attnc compile %s -o %t.so --header=%t.h && llvm-nm -D --defined-only %t.so | FileCheck %s --check-prefix=SO
// RUN: FileCheck %s --check-prefix=HEADER < %t.h
// RUN: attnc compile %s --target=aarch64:cortex-a76 -o %t.aarch64.s && FileCheck %s --check-prefix=AARCH64 < %t.aarch64.s
// RUN: attnc compile - -o - < %s | FileCheck %s --check-prefix=MLIR
// RUN: attn-opt %s --emit-bytecode -o %t.bc && attnc compile %t.bc | FileCheck %s --check-prefix=MLIR

// Nothing is left beside the outputs.
// RUN: not ls %t.o.tmp* %t.so.tmp* 2>&1 | FileCheck %s --check-prefix=LEFT
// LEFT: No such file
// LEFT: No such file

// NM-DAG: T double_it{{$}}
// NM-DAG: T double_it_shapes
// NM-DAG: T double_it_workspace
// NM-DAG: U __kmpc_fork_call
// Two objects can be linked into one program.
// EXTERN-NOT: {{[A-VX-Z]}} {{attn_|__trunc}}
// SINGLE-NOT: kmp
// SINGLE-NOT: omp_
// ASM: double_it:
// LL: define i32 @double_it(ptr
// SO: T double_it{{$}}
// SO-NOT: attn_rt
// HEADER: #include "attn-c/Runtime.h"
// HEADER: 0 x: tensor<?xf32>
// HEADER: 1 result: tensor<?xf32>, output
// HEADER: int32_t double_it(attn_context
// HEADER: int32_t double_it_shapes(
// HEADER: size_t double_it_workspace(
// AARCH64: double_it:
// AARCH64: ret
// MLIR: llvm.func @double_it(

func.func @double_it(%x: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %r = scf.forall (%i) in (%n) shared_outs(%o = %e) -> tensor<?xf32> {
    %a = tensor.extract %x[%i] : tensor<?xf32>
    %b = arith.addf %a, %a : f32
    %s = tensor.from_elements %b : tensor<1xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %s into %o[%i] [1] [1] : tensor<1xf32> into tensor<?xf32>
    }
  }
  return %r : tensor<?xf32>
}
