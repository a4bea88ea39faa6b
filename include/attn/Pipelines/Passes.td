//===- Passes.td - Passes of the corridor itself -----------*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PIPELINES_PASSES_TD
#define ATTN_PIPELINES_PASSES_TD

include "mlir/Pass/PassBase.td"

def VerifyPhaseInputPass : Pass<"attn-verify-phase-input", "::mlir::ModuleOp"> {
  let summary = "Refuse ops that a phase does not take";
  let description = [{
    Stands at the start of each phase. A phase takes what it lowers and what a
    later one does, so that a module may be ahead of the phase that it enters.
    Refuses, with what would be taken, the ops of other dialects; ops that an
    earlier phase lowers, naming the last that takes them; and tensors where
    there are only memrefs. Passes by ops that nothing uses.

    From `tile` on, phases choose for a target, which `attn.target` of the module
    tells later ones: they refuse another one. Nothing else changes.

    Example: test/Pipelines/verify-phase-input.mlir.
  }];
  let options = [
    Option<"phase", "phase", "std::string", "\"raise\"", "The phase's name">,
    Option<"gpu", "gpu", "bool", "false", "Whether attention runs on a GPU">,
    Option<"target", "target", "std::string", "\"\"",
           "What the phase compiles for; empty for anything">];
}

#endif // ATTN_PIPELINES_PASSES_TD
