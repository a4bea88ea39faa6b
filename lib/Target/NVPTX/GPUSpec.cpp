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
  unsigned multiprocessors;
};
} // namespace

/// Shared memory per block by opt-in, from the CUDA C++ Programming Guide,
/// "Technical Specifications per Compute Capability". Multiprocessors of A100,
/// A40, L40S, H100, B200 and RTX 5090, from their data sheets.
static constexpr Chip knownChips[] = {
    {"sm_80", 80, 163, 108},   {"sm_86", 80, 99, 84},
    {"sm_89", 80, 99, 142},    {"sm_90", 80, 227, 132},
    {"sm_90a", 80, 227, 132},  {"sm_100", 86, 227, 148},
    {"sm_100a", 86, 227, 148}, {"sm_120", 87, 99, 170},
};

unsigned GPUChip::getCapability() const {
  llvm::StringRef digits = name;
  digits.consume_front("sm_");
  unsigned capability = 0;
  digits.consumeInteger(10, capability);
  return capability;
}

bool GPUChip::isExact() const { return llvm::isAlpha(name.back()); }

bool GPUSpec::isGPU(llvm::StringRef target) {
  return target.starts_with("sm_");
}

static llvm::Error makeError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

llvm::Expected<GPUSpec> GPUSpec::parse(llvm::StringRef target) {
  GPUSpec spec;
  spec.name = target.str();
  spec.sharedBytes = spec.multiprocessors = ~0u;
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
    spec.multiprocessors =
        std::min(spec.multiprocessors, chip->multiprocessors);
  }
  return spec;
}
