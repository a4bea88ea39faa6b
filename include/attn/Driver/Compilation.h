//===- Compilation.h - A module on its way through the phases -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DRIVER_COMPILATION_H
#define ATTN_DRIVER_COMPILATION_H

#include "attn/Pipelines/Phases.h"
#include "attn/Target/CPU/ObjectEmission.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

namespace llvm {
class LLVMContext;
class SourceMgr;
} // namespace llvm

namespace mlir {
class ParserConfig;
} // namespace mlir

namespace mlir::attn {

/// How to compile.
struct CompileOptions {
  /// A CPU as TargetSpec::parse reads it, or a GPU as GPUSpec::parse does.
  std::string target = "native";
  /// Threads at most when a caller names none: 0 for all, 1 for code without
  /// threads.
  unsigned threads = 0;
  /// Whether calls to which a stated fact does not apply are refused.
  bool debugChecks = false;
  /// The module is the result of the phase before this one.
  Phase startFrom = Phase::Raise;
  /// The last phase to run; all of them when absent.
  std::optional<Phase> stopAfter;
  /// Directory that receives the IR after each phase as PHASE.mlir; none if
  /// empty.
  std::string dumpDirectory;
  /// Where results are kept, as DiskCache::open reads it.
  std::string cache;
};

/// A remark of a pass.
struct CompileRemark {
  std::string location;
  std::string message;

  bool operator==(const CompileRemark &other) const {
    return location == other.location && message == other.message;
  }
};

/// One module: as written, and as far as it has been compiled. Errors hold
/// sentences as MLIR prints them, with the source line.
class Compilation {
public:
  /// Parses and verifies MLIR text or bytecode. Public functions learn the
  /// names of their arguments (`attn.name`) from the text.
  static llvm::Expected<std::unique_ptr<Compilation>>
  create(std::unique_ptr<llvm::MemoryBuffer> source,
         const CompileOptions &options);
  ~Compilation();

  /// The input's bytes.
  StringRef getSourceText() const;
  /// The module as written.
  ModuleOp getSource() { return *source; }
  /// The module after the phases that ran.
  ModuleOp getModule() { return *module; }
  const TargetSpec &getTarget() const { return phaseOptions.target; }
  /// The GPU to compile for, if it is one.
  const std::optional<GPUSpec> &getGPU() const { return phaseOptions.gpu; }
  const CompileOptions &getOptions() const { return options; }
  ArrayRef<CompileRemark> getRemarks() const { return remarks; }

  /// Leaves out of the module what `function` does not need, before any phase.
  llvm::Error keepOnly(StringRef function);
  /// Runs the phases that the options ask for and that have not run.
  llvm::Error run();
  /// Runs those up to `last`, for a look at the IR.
  llvm::Error runUntil(Phase last);

  /// The module, which is in the LLVM dialect, as LLVM IR, optimised.
  llvm::Expected<std::unique_ptr<llvm::Module>>
  translate(llvm::LLVMContext &context, MachineCodeEmitter &emitter,
            RuntimeLinkage runtime);
  /// The module, which is in the LLVM dialect, as an object file. Large modules
  /// are optimised and emitted in two parts, side by side where the machine has
  /// more than one core; the bytes do not depend on that.
  llvm::Expected<std::string> emitObject(RuntimeLinkage runtime);

private:
  class DiagnosticCollector;

  Compilation(const CompileOptions &options, const PhaseOptions &phaseOptions);
  llvm::Error parse(std::unique_ptr<llvm::MemoryBuffer> buffer);
  bool readBytecode(const ParserConfig &config);
  llvm::Error runPhase(Phase phase);
  llvm::Error dump(Phase phase);
  static llvm::Expected<std::unique_ptr<llvm::Module>>
  translatePart(ModuleOp part, llvm::LLVMContext &context);
  static llvm::Expected<llvm::SmallVector<char, 0>>
  emitPart(ModuleOp part, const TargetSpec &target, RuntimeLinkage runtime);
  llvm::Expected<std::string> emitWhole(RuntimeLinkage runtime);
  /// What was diagnosed since the last call, or `fallback`.
  llvm::Error takeError(StringRef fallback);

  CompileOptions options;
  PhaseOptions phaseOptions;
  std::unique_ptr<llvm::SourceMgr> sources;
  MLIRContext context;
  std::string errors;
  llvm::raw_string_ostream errorStream{errors};
  std::vector<CompileRemark> remarks;
  std::unique_ptr<DiagnosticCollector> diagnostics;
  OwningOpRef<ModuleOp> source, module;
  std::optional<Phase> lastRun;
};

} // namespace mlir::attn

#endif // ATTN_DRIVER_COMPILATION_H
