//===- Explain.cpp - attnc explain -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Commands.h"

#include "attn/Driver/Explain.h"
#include "attn/Driver/Files.h"

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::tool;

/// Writes --mask-image.
static llvm::Error drawMask(const Explanation &explanation) {
  for (const AttentionPlan &plan : explanation.plans)
    if (!plan.picture.empty())
      return writeOutput(getMaskImage(), plan.picture);
  return llvm::createStringError(
      "--mask-image needs a function with a mask, and all sizes (--dim)");
}

int tool::explain() {
  int code;
  std::optional<EntryPoint> entry = openEntryPoint(code);
  if (!entry)
    return code;
  auto explanation =
      attn::explain(*entry->compilation, entry->function, entry->arguments);
  if (!explanation)
    return report(explanation.takeError());
  if (!getMaskImage().empty())
    if (llvm::Error error = drawMask(*explanation))
      return report(std::move(error));
  if (wantsJSON())
    llvm::outs() << explanation->getJSON() << '\n';
  else
    llvm::outs() << explanation->getText();
  return Good;
}
