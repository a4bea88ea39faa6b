//===- AttnAttrs.td - Enumerations of the attn dialect -*- tablegen -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ATTRS_TD
#define ATTN_ATTRS_TD

include "attn/Dialect/Attn/IR/AttnDialect.td"
include "mlir/IR/EnumAttr.td"

class Attn_I32Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::mlir::attn";
  let genSpecializedAttr = 0;
}

def Attn_Compatibility : Attn_I32Enum<"Compatibility",
    "How a query and a key give a score", [
      I32EnumAttrCase<"Dot", 0, "dot">,
      I32EnumAttrCase<"Additive", 1, "additive">,
      I32EnumAttrCase<"NegativeSquaredDistance", 2,
                      "negative_squared_distance">]>;
def Attn_CompatibilityAttr
    : EnumAttr<Attn_Dialect, Attn_Compatibility, "compatibility">;

def Attn_Normalizer : Attn_I32Enum<"Normalizer",
    "How scores become weights", [
      I32EnumAttrCase<"Softmax", 0, "softmax">,
      I32EnumAttrCase<"Sum", 1, "sum">,
      I32EnumAttrCase<"None", 2, "none">]>;
def Attn_NormalizerAttr
    : EnumAttr<Attn_Dialect, Attn_Normalizer, "normalizer">;

def Attn_RegressionKernel : Attn_I32Enum<"RegressionKernel",
    "The kernel of Nadaraya-Watson regression, of u = |q - k| / bandwidth", [
      I32EnumAttrCase<"Gaussian", 0, "gaussian">,
      I32EnumAttrCase<"Boxcar", 1, "boxcar">,
      I32EnumAttrCase<"Epanechnikov", 2, "epanechnikov">,
      I32EnumAttrCase<"Triangular", 3, "triangular">,
      I32EnumAttrCase<"Constant", 4, "constant">,
      I32EnumAttrCase<"Custom", 5, "custom">]>;
def Attn_RegressionKernelAttr
    : EnumAttr<Attn_Dialect, Attn_RegressionKernel, "regression_kernel">;

#endif // ATTN_ATTRS_TD
