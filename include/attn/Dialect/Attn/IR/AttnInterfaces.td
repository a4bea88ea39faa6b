//===- AttnInterfaces.td - Of masks, score modifiers and attention ops ------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_INTERFACES_TD
#define ATTN_INTERFACES_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/Interfaces.td"

def MaskOpInterface : OpInterface<"MaskOpInterface"> {
  let description = [{
    A leaf or combination of the mask algebra. A new kind of mask is one op with
    this interface; nothing downstream changes.
  }];
  let cppNamespace = "::mlir::attn";
  let methods = [
    InterfaceMethod<[{
        The tensors and scalars that the predicate reads, in the order in which
        `emitPredicate` expects them. Masks among the operands are not captures.
      }], "::mlir::SmallVector<::mlir::Value>", "getCaptures">,
    InterfaceMethod<[{
        Emits this op's own predicate and returns an i1. `captures` stand for
        the values of `getCaptures`; `emitOperand` emits the predicate of the
        op's mask operand of that number.
      }], "::mlir::Value", "emitPredicate",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "const ::mlir::attn::PairIndices &":$indices,
           "::mlir::ValueRange":$captures,
           "::llvm::function_ref<::mlir::Value(unsigned)>":$emitOperand)>,
    InterfaceMethod<[{
        What the sizes of captures must be for the attention that uses this op:
        verified where types show them, else required when the function is called.
      }], "::mlir::SmallVector<::mlir::attn::SizeRule>", "getSizeRules", (ins),
      "", [{ return {}; }]>,
  ];
}

def ScoreModOpInterface : OpInterface<"ScoreModOpInterface"> {
  let description = [{
    A score modifier: a function of a score and the pair's indices.
  }];
  let cppNamespace = "::mlir::attn";
  let methods = [
    InterfaceMethod<[{
        The tensors and scalars that the modifier reads, in the order in which
        `emitScore` expects them.
      }], "::mlir::SmallVector<::mlir::Value>", "getCaptures">,
    InterfaceMethod<[{
        Emits the modified score, of the same float type as `score`.
      }], "::mlir::Value", "emitScore",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::Value":$score,
           "const ::mlir::attn::PairIndices &":$indices,
           "::mlir::ValueRange":$captures)>,
    InterfaceMethod<[{
        What the sizes of captures must be for the attention that uses this op:
        verified where types show them, else required when the function is called.
      }], "::mlir::SmallVector<::mlir::attn::SizeRule>", "getSizeRules", (ins),
      "", [{ return {}; }]>,
  ];
}

def AttentionOpInterface : OpInterface<"AttentionOpInterface"> {
  let description = [{
    A graph op in which queries attend to keys and values: it has a mask, score
    modifiers, a layout, and gives an output, on demand LSE and weights.
  }];
  let cppNamespace = "::mlir::attn";
  let methods = [
    InterfaceMethod<"Queries.", "::mlir::Value", "getQuery">,
    InterfaceMethod<"Keys.", "::mlir::Value", "getKey">,
    InterfaceMethod<"Values.", "::mlir::Value", "getValue">,
    InterfaceMethod<"The mask, or null.", "::mlir::Value", "getMask">,
    InterfaceMethod<"Score modifiers, in order of application.",
                    "::mlir::ValueRange", "getScoreModifiers">,
    InterfaceMethod<"The layout string, or nullopt for the rank's default.",
                    "::std::optional<::llvm::StringRef>", "getLayout">,
    InterfaceMethod<"The output.", "::mlir::Value", "getOutput">,
    InterfaceMethod<"The log-sum-exp result, or null.", "::mlir::Value",
                    "getLse">,
    InterfaceMethod<"The weights result, or null.", "::mlir::Value",
                    "getWeights">,
    InterfaceMethod<"The entropy of each row, or null.", "::mlir::Value",
                    "getEntropy">,
    InterfaceMethod<"The attention that each key receives, or null.",
                    "::mlir::Value", "getReceived">,
    InterfaceMethod<"The largest weights of each row, or null.",
                    "::mlir::Value", "getTopWeights">,
    InterfaceMethod<"The keys of the largest weights, or null.",
                    "::mlir::Value", "getTopKeys">,
  ];
}

#endif // ATTN_INTERFACES_TD
