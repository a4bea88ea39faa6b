//===- AttnParallelOps.td - The loop that threads share -*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PARALLEL_OPS_TD
#define ATTN_PARALLEL_OPS_TD

include "attn/Dialect/Attn/IR/AttnDialect.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Attn_ParallelOp : Attn_Op<"parallel", [AutomaticAllocationScope,
    RecursiveMemoryEffects]> {
  let summary = "Runs its body over ranges that cover [0, count), in any order";
  let description = [{
    The body's arguments are the begin and end of a range; it ends in
    `attn.yield`. Ranges are disjoint and may run at the same time. Made from
    `scf.forall` inside the lower phase; it stays a region until everything in it
    is in the LLVM dialect, and is then outlined.

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

#endif // ATTN_PARALLEL_OPS_TD
