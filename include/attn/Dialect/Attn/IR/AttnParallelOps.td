//===- AttnParallelOps.td - The loop that threads share -*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PARALLEL_OPS_TD
#define ATTN_PARALLEL_OPS_TD

include "attn/Dialect/Attn/IR/AttnDialect.td"
include "mlir/Dialect/LLVMIR/LLVMOpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Attn_ParallelOp : Attn_Op<"parallel", [AutomaticAllocationScope,
    RecursiveMemoryEffects]> {
  let summary = "Runs its body over ranges that cover [0, count), in any order";
  let description = [{
    The body's arguments are the begin and end of a range; it ends in
    `attn.yield`. Ranges are disjoint and may run at the same time. Made from
    `scf.forall` inside the lower phase, where its region may only call a function
    with the body meanwhile; what is in the LLVM dialect is outlined.

    ```mlir
    attn.parallel %count : index {
    ^bb0(%begin: index, %end: index):
      scf.for %x = %begin to %end step %c1 {
        memref.store %zero, %m[%x] : memref<?xf32>
      }
      attn.yield
    }
    ```
  }];
  let arguments = (ins AnyTypeOf<[Index, I64]>:$count);
  let regions = (region AnyRegion:$body);
  let assemblyFormat = "$count `:` type($count) $body attr-dict";
}

def Attn_ClosureOp : Attn_Op<"closure", [RecursiveMemoryEffects]> {
  let summary = "Its region as a function of C, with what it captures";
  let description = [{
    Gives a function whose first argument is the pointer `data` and whose others
    are those of the region; it returns what the region yields. `data` is good
    until the function around the op returns. It stays a region until everything
    in it is in the LLVM dialect, and is then outlined.

    ```mlir
    %function, %data = attn.closure : !llvm.ptr, !llvm.ptr {
    ^bb0(%key: i64, %score: f32):
      attn.yield %score : f32
    }
    ```
  }];
  let results = (outs LLVM_AnyPointer:$function, LLVM_AnyPointer:$data);
  let regions = (region AnyRegion:$body);
  let assemblyFormat = [{
    `:` type($function) `,` type($data) $body attr-dict
  }];
}

#endif // ATTN_PARALLEL_OPS_TD
