//===- Phases.h - The corridor: phases in order -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_PIPELINES_PHASES_H
#define ATTN_PIPELINES_PHASES_H

#include "attn/Target/CPU/TargetSpec.h"
#include "attn/Target/NVPTX/GPUSpec.h"

#include "mlir/Pass/PassManager.h"

#include <optional>

namespace mlir::attn {

/// The phases between a module as written and LLVM IR, in order.
enum class Phase {
  Raise,     ///< Linalg forms of attention become attn ops.
  Optimize,  ///< Graph ops become attend; masks become regions.
  Tile,      ///< Loops over batch, heads, query tiles and key tiles.
  Decompose, ///< Tiles become linalg on static blocks.
  Bufferize, ///< Tensors become memrefs.
  Vectorize, ///< Linalg becomes loops over native vectors.
  Lower,     ///< Everything becomes the LLVM dialect.
};

/// All phases, in order.
llvm::ArrayRef<Phase> getPhases();

/// The name on command lines and in file names, e.g. "raise".
llvm::StringRef getPhaseName(Phase phase);

/// The phase of that name, or nullopt.
std::optional<Phase> parsePhase(llvm::StringRef name);

/// What the phases need to know.
struct PhaseOptions {
  /// The CPU: for kernels on a GPU, the one of the host.
  TargetSpec target;
  /// Whether compiled functions may use threads.
  bool parallel = true;
  /// Threads at most when a caller names none; 0 for all.
  unsigned threads = 0;
  /// Whether each call looks at whether what attn.assume states is so.
  bool debugChecks = false;
  /// The GPU that attention runs on, if it does.
  std::optional<GPUSpec> gpu;
};

/// Sets CPU and GPU of `options` from the name of either; with a GPU, the CPU
/// is any of this machine's architecture. The error names what is unknown.
llvm::Error setTarget(PhaseOptions &options, llvm::StringRef target);

/// Adds the passes of one phase, of which some add nothing where attention runs
/// on a GPU. The pass manager runs on a module.
void buildPhase(Phase phase, OpPassManager &pm, const PhaseOptions &options);

/// Registers every phase as the pass pipeline `attn-phase-NAME` and all of
/// them as `attn-to-llvm`, for attn-opt and the plugin.
void registerPhasePipelines();

} // namespace mlir::attn

#endif // ATTN_PIPELINES_PHASES_H
