//===- AttnToLLVMPasses.td - From bufferized functions to LLVM ----------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_ATTNTOLLVM_PASSES_TD
#define ATTN_CONVERSION_ATTNTOLLVM_PASSES_TD

include "mlir/Pass/PassBase.td"

def ShapeFunctionsPass : Pass<"attn-shape-functions", "::mlir::ModuleOp"> {
  let summary = "Adds F_shapes, the sizes of the outputs of F";
  let description = [{
    Accepts public functions of one block on tensors and scalars; those on
    memrefs stay as they are. `F_shapes` takes the inputs of `F` as memrefs and
    an array to which it writes the sizes of all outputs, after the same
    `attn.require`s.

    Refuses types that have no DLPack type (masks among them), control flow
    between blocks, sizes or conditions that need a side effect.

    ```mlir
    func.func @f(%a: tensor<?xf32>) -> tensor<?xf32>
    // gains
    func.func @f_shapes(%a: memref<?xf32>, %sizes: memref<?xindex>)
        attributes {attn.entry = "shapes"}
    ```
    See test/Conversion/AttnToLLVM/shape-functions.mlir.
  }];
  let dependentDialects = ["::mlir::attn::AttnDialect",
      "::mlir::bufferization::BufferizationDialect",
      "::mlir::affine::AffineDialect", "::mlir::memref::MemRefDialect",
      "::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect"];
}

def WorkspaceFunctionsPass
    : Pass<"attn-workspace-functions", "::mlir::ModuleOp"> {
  let summary = "Adds F_workspace, the bytes of scratch that F takes";
  let description = [{
    Sums the sizes of the `memref.alloc`s in the outermost block of every public
    function, whose sizes depend on argument sizes alone. Others are taken from
    the heap in any case and do not count.

    See test/Conversion/AttnToLLVM/workspace-functions.mlir.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def ForallToParallelPass : Pass<"attn-forall-to-parallel", "::mlir::ModuleOp"> {
  let summary = "Turns scf.forall on memrefs into attn.parallel or scf.for";
  let description = [{
    An outermost `scf.forall` becomes one `attn.parallel` over its linearised
    iterations, the last dimension fastest; those inside it, and all without
    `parallel`, become `scf.for`. With `several`, loops of which steps are still
    to be interleaved (`attn.interleave`) stay.

    See test/Conversion/AttnToLLVM/forall-to-parallel.mlir.
  }];
  let options = [Option<"parallel", "parallel", "bool", "true",
                        "Use threads in compiled functions">,
                 Option<"several", "several", "bool", "false",
                        "Leave all loops unless two or more become parallel">];
  let dependentDialects = ["::mlir::attn::AttnDialect",
      "::mlir::affine::AffineDialect", "::mlir::scf::SCFDialect",
      "::mlir::arith::ArithDialect"];
}

def IsolateParallelPass : Pass<"attn-isolate-parallel", "::mlir::ModuleOp"> {
  let summary = "Moves the bodies of attn.parallel to functions that they call";
  let description = [{
    Passes on functions then run on several threads. `attn-outline-parallel` puts
    the bodies back once they are in the LLVM dialect, and knows which parts of
    memrefs they use. Bodies that take scratch or check something stay: they need
    the call frame of the function around them. So do bodies that only call what
    the pass has made of them. Results of the function around, which overlap no
    other memory, are marked as such in the body, too.

    ```mlir
    attn.parallel %count : index {
    ^bb0(%begin: index, %end: index):
      func.call @f.parallel.0(%begin, %end, %m) : (index, index, memref<?xf32>) -> ()
      attn.yield
    }
    func.func private @f.parallel.0(index, index, memref<?xf32>)
        attributes {attn.body}
    ```
    The last body comes first in the module: it is the longest most often, and
    started first, leaves the shorter ones to the other threads.

    See test/Conversion/AttnToLLVM/isolate-parallel.mlir.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect"];
}

def HoistStackBuffersPass : Pass<"attn-hoist-stack-buffers"> {
  let summary = "Moves memref.alloca of static size out of loops";
  let description = [{
    To the start of the `attn.parallel` or function around it: LLVM frees the
    stack at the end of a function, not of a loop.

    See test/Conversion/AttnToLLVM/hoist-stack-buffers.mlir.
  }];
}

def LinalgToLoopsPass : Pass<"attn-linalg-to-loops"> {
  let summary = "Turns linalg on memrefs into loops over scalars";
  let description = [{
    As upstream's convert-linalg-to-loops, but looks at linalg ops alone, of which
    vectorization leaves few or none, and folds nothing.

    See test/Conversion/AttnToLLVM/linalg-to-loops.mlir.
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect",
      "::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect",
      "::mlir::scf::SCFDialect"];
}

def ExpandViewsPass : Pass<"attn-expand-views"> {
  let summary = "Computes the offsets, sizes and strides of views";
  let description = [{
    Each `memref.expand_shape` becomes a `memref.reinterpret_cast`, the strides of
    a group computed from its sizes. Upstream's expand-strided-metadata does so for
    groups of one dynamic size only, and crashes on heads that are split in two of
    them. Upstream's patterns take the other views, here from a driver that looks
    at no other ops.

    See test/Conversion/AttnToLLVM/expand-views.mlir.
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect",
      "::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"];
}

def LowerSignaturesPass : Pass<"attn-lower-signatures", "::mlir::ModuleOp"> {
  let summary = "Gives public functions a call frame and a status";
  let description = [{
    Accepts functions whose control flow is between blocks. The frame, a pointer
    of the runtime's, becomes the first argument, the status the only result, and
    every `attn.require` a branch that returns a failure. The function's
    arguments are described in `attn.spec` and `attn.names`, from which
    `attn-emit-entries` makes the C function.

    Refuses arguments that have no DLPack type and `attn.require` inside
    `attn.parallel`.

    See test/Conversion/AttnToLLVM/lower-signatures.mlir.
  }];
  let options = [
    Option<"features", "features", "int64_t", "0",
           "Bits of CPU features that the code needs, those of tile registers "
           "where it uses them">,
    Option<"threads", "threads", "int64_t", "0",
           "Threads at most when the caller names none; 0 for all">];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect",
      "::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect"];
}

def ConvertAttnToLLVMPass : Pass<"convert-attn-to-llvm", "::mlir::ModuleOp"> {
  let summary = "Converts all but attn.parallel and attn.closure to LLVM";
  let description = [{
    As upstream's convert-to-llvm, but scratch comes from the runtime, which
    takes it from the caller's workspace and reports when there is none, and
    functions are converted side by side where the context has threads.
    `attn.recompute` becomes a call of the runtime, its region an `attn.closure`.

    Refuses what has no lowering, naming the op.

    See test/Conversion/AttnToLLVM/attn-to-llvm.mlir and recompute.mlir.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def OutlineParallelPass : Pass<"attn-outline-parallel", "::mlir::ModuleOp"> {
  let summary = "Makes the bodies of attn.parallel and attn.closure functions";
  let description = [{
    Captured values travel in a struct on the caller's stack; the runtime calls
    the body with a pointer to it and a range, or a closure's arguments. A body
    that only calls what `attn-isolate-parallel` made of it becomes that again;
    constants that it takes as arguments stay captured values.

    See test/Conversion/AttnToLLVM/outline-parallel.mlir and recompute.mlir.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def EmitEntriesPass : Pass<"attn-emit-entries", "::mlir::ModuleOp"> {
  let summary = "Adds the C functions of the ABI";
  let description = [{
    `F` becomes the private `F.body`, which a new `F` of the type `attn_function`
    calls once the runtime has checked the arguments. See docs/ABI.md and
    test/Conversion/AttnToLLVM/emit-entries.mlir.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // ATTN_CONVERSION_ATTNTOLLVM_PASSES_TD
