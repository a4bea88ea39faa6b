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
static constexpr Chip knownChips[] = {
    {"sm_80", 80, 163},   {"sm_86", 80, 99},   {"sm_89", 80, 99},
    {"sm_90", 80, 227},   {"sm_90a", 80, 227}, {"sm_100", 86, 227},
    {"sm_100a", 86, 227}, {"sm_120", 87, 99},
};

bool GPUSpec::isGPU(llvm::StringRef target) {
  return target.starts_with("sm_");
}

static llvm::Error makeError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

llvm::Expected<GPUSpec> GPUSpec::parse(llvm::StringRef target) {
  GPUSpec spec;
  spec.name = target.str();
  spec.sharedBytes = ~0u;
  for (llvm::StringRef name : llvm::split(target, ',')) {
    const Chip *chip = llvm::find_if(
        knownChips, [&](const Chip &chip) { return chip.name == name; });
    if (chip == std::end(knownChips))
      return makeError("unknown GPU '" + name + "'; known are " +
                       llvm::join(llvm::map_range(knownChips,
                                                  [](const Chip &chip) {
                                                    return chip.name;
                                                  }),
                                  ", "));
    if (llvm::any_of(spec.chips,
                     [&](const GPUChip &other) { return other.name == name; }))
      return makeError("target '" + target + "' names '" + name + "' twice");
    spec.chips.push_back({name.str(), chip->ptxVersion});
    spec.sharedBytes = std::min(spec.sharedBytes, chip->sharedKiB * 1024);
  }
  return spec;
}
