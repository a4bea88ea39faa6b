//===- GPUSpec.cpp - What a GPU offers to kernels -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/NVPTX/GPUSpec.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir::attn;

namespace {
struct Chip {
  llvm::StringLiteral name;
  unsigned ptxVersion;
  unsigned sharedKiB;
};
} // namespace

/// Shared memory per block by opt-in, from the CUDA C++ Programming Guide,
/// "Technical Specifications per Compute Capability".
static constexpr Chip chips[] = {
    {"sm_80", 80, 163},   {"sm_86", 80, 99},   {"sm_89", 80, 99},
    {"sm_90", 80, 227},   {"sm_90a", 80, 227}, {"sm_100", 86, 227},
    {"sm_100a", 86, 227}, {"sm_120", 87, 99},
};

bool GPUSpec::isGPU(llvm::StringRef target) {
  return target.starts_with("sm_");
}

llvm::Expected<GPUSpec> GPUSpec::parse(llvm::StringRef target) {
  const Chip *chip = llvm::find_if(
      chips, [&](const Chip &chip) { return chip.name == target; });
  if (chip == std::end(chips))
    return llvm::createStringError(
        llvm::inconvertibleErrorCode(),
        "unknown GPU '" + target + "'; known are " +
            llvm::join(llvm::map_range(
                           chips, [](const Chip &chip) { return chip.name; }),
                       ", "));
  GPUSpec spec;
  spec.chip = chip->name.str();
  spec.ptxVersion = chip->ptxVersion;
  spec.sharedBytes = chip->sharedKiB * 1024;
  return spec;
}
