//===- Compilation.cpp - A module on its way through the phases -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Driver/Compilation.h"

#include "attn/Dialect/Attn/IR/ABI.h"
#include "attn/Driver/Files.h"

#include "ArgumentNames.h"
#include "Dialects.h"
#include "HostCode.h"
#include "PassThreads.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/AsmParser/AsmParserState.h"
#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace mlir::attn;

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

/// What a remark says, without the names of passes: `missed: ` before what a
/// pass could not do.
static std::string getRemarkText(const std::string &printed) {
  StringRef text = printed;
  auto [before, quoted] = text.split("Remark=\"");
  if (quoted.empty())
    return printed;
  auto [what, rest] = quoted.split('"');
  std::string result = text.starts_with("[Missed]") ? "missed: " : "";
  result += what;
  if (rest.consume_front(" | Reason:"))
    result += ": " + rest.trim(" \"").str();
  return result;
}

/// Writes errors with their source lines to a string and keeps remarks apart.
class Compilation::DiagnosticCollector : public SourceMgrDiagnosticHandler {
public:
  DiagnosticCollector(Compilation &owner)
      : SourceMgrDiagnosticHandler(*owner.sources, &owner.context,
                                   owner.errorStream),
        owner(owner) {
    setHandler([this](Diagnostic &diagnostic) { collect(diagnostic); });
  }

private:
  void collect(Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      return emitDiagnostic(diagnostic);
    std::string location;
    llvm::raw_string_ostream(location) << diagnostic.getLocation();
    if (diagnostic.getSeverity() == DiagnosticSeverity::Remark)
      owner.remarks.push_back({location, getRemarkText(diagnostic.str())});
  }

  Compilation &owner;
};

Compilation::Compilation(const CompileOptions &options,
                         const PhaseOptions &phaseOptions)
    : options(options), phaseOptions(phaseOptions),
      sources(std::make_unique<llvm::SourceMgr>()),
      context(getCompilerDialects(), MLIRContext::Threading::DISABLED) {
  context.printOpOnDiagnostic(false);
  diagnostics = std::make_unique<DiagnosticCollector>(*this);
}

Compilation::~Compilation() = default;

llvm::Error Compilation::takeError(StringRef fallback) {
  std::string sentence = std::move(errors);
  errors.clear();
  if (sentence.empty())
    return makeError(fallback);
  return makeError(StringRef(sentence).rtrim());
}

llvm::Expected<std::unique_ptr<Compilation>>
Compilation::create(std::unique_ptr<llvm::MemoryBuffer> source,
                    const CompileOptions &options) {
  PhaseOptions phaseOptions;
  phaseOptions.parallel = options.threads != 1;
  phaseOptions.threads = options.threads;
  phaseOptions.debugChecks = options.debugChecks;
  if (llvm::Error error = setTarget(phaseOptions, options.target))
    return error;
  std::unique_ptr<Compilation> compilation(
      new Compilation(options, phaseOptions));
  if (llvm::Error error = compilation->parse(std::move(source)))
    return error;
  return compilation;
}

llvm::Error Compilation::parse(std::unique_ptr<llvm::MemoryBuffer> buffer) {
  std::string name = buffer->getBufferIdentifier().str();
  bool text = !isBytecode(*buffer);
  sources->AddNewSourceBuffer(std::move(buffer), SMLoc());
  ParserConfig config(&context);
  if (text) {
    Block block;
    AsmParserState state;
    if (failed(parseAsmSourceFile(*sources, &block, config, &state)))
      return takeError(name + ": no MLIR module");
    source = mlir::detail::constructContainerOpForParserIfNecessary<ModuleOp>(
        &block, &context, FileLineColLoc::get(&context, name, 1, 1));
    nameArguments(*source, state);
  } else if (!readBytecode(config)) {
    return makeError(name + ": damaged MLIR bytecode");
  }
  // A module constructed around several operations is still unverified.
  if (!source || failed(verify(*source)))
    return takeError(name + ": no MLIR module");
  module = source->clone();
  return llvm::Error::success();
}

/// MLIR's reader trusts some fields of bytecode: what it trips over is damage.
bool Compilation::readBytecode(const ParserConfig &config) {
  llvm::CrashRecoveryContext::Enable();
  bool survived = llvm::CrashRecoveryContext().RunSafely(
      [&] { source = parseSourceFile<ModuleOp>(*sources, config); });
  llvm::CrashRecoveryContext::Disable();
  return survived;
}

StringRef Compilation::getSourceText() const {
  return sources->getMemoryBuffer(sources->getMainFileID())->getBuffer();
}

llvm::Error Compilation::dump(Phase phase) {
  if (options.dumpDirectory.empty())
    return llvm::Error::success();
  std::string text;
  llvm::raw_string_ostream(text) << *module;
  return writeFileIn(options.dumpDirectory,
                     (getPhaseName(phase) + ".mlir").str(), text);
}

llvm::Error Compilation::keepOnly(StringRef function) {
  for (auto other : module->getOps<FunctionOpInterface>())
    if (other.getName() != function)
      other.setPrivate();
  PassManager passes(&context, ModuleOp::getOperationName());
  passes.addPass(createSymbolDCEPass());
  if (failed(passes.run(*module)))
    return takeError("functions that are not needed do not go");
  return llvm::Error::success();
}

llvm::Error Compilation::runPhase(Phase phase) {
  PassManager passes(&context, ModuleOp::getOperationName());
  buildPhase(phase, passes, phaseOptions);
  // After each pass, it would be a fifth of the phases' time.
  passes.enableVerifier(false);
  if (failed(passes.run(*module)))
    return takeError("the phase " + getPhaseName(phase).str() + " failed");
  return dump(phase);
}

llvm::Error Compilation::runUntil(Phase last) {
  std::optional<PassThreads> threads;
  for (Phase phase : getPhases()) {
    if (phase < options.startFrom || phase > last ||
        (lastRun && phase <= *lastRun))
      continue;
    // Before, there is little to do.
    if (phase >= Phase::Vectorize && !threads)
      threads.emplace(context);
    if (llvm::Error error = runPhase(phase))
      return error;
    lastRun = phase;
  }
  if (failed(verify(*module)))
    return takeError("the phases produced a module that is not valid");
  return llvm::Error::success();
}

llvm::Error Compilation::run() {
  return runUntil(options.stopAfter.value_or(Phase::Lower));
}

llvm::Expected<std::unique_ptr<llvm::Module>>
Compilation::translatePart(ModuleOp part, llvm::LLVMContext &llvmContext) {
  std::unique_ptr<llvm::Module> result =
      translateModuleToLLVMIR(part, llvmContext, "attn");
  if (!result)
    return makeError("the module does not translate to LLVM IR");
  return result;
}

llvm::Expected<std::unique_ptr<llvm::Module>>
Compilation::translate(llvm::LLVMContext &llvmContext,
                       MachineCodeEmitter &emitter, RuntimeLinkage runtime) {
  auto result = getGPU() ? translateHostCode(*module, phaseOptions,
                                             KernelRunner::CUDA, llvmContext)
                         : translatePart(*module, llvmContext);
  if (!result)
    return takeError(toString(result.takeError()));
  emitter.prepare(**result, runtime);
  return result;
}
