//===- Options.cpp - Options that commands share -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Commands.h"

#include "attn/Driver/Files.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/WithColor.h"

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::tool;

//===----------------------------------------------------------------------===//
// Commands
//===----------------------------------------------------------------------===//

llvm::cl::SubCommand &tool::compileCommand() {
  static llvm::cl::SubCommand command("compile", "Compile a module to a file");
  return command;
}

llvm::cl::SubCommand &tool::runCommand() {
  static llvm::cl::SubCommand command("run",
                                      "Compile a module and call a function");
  return command;
}

llvm::cl::SubCommand &tool::benchCommand() {
  static llvm::cl::SubCommand command("bench", "Measure a function");
  return command;
}

llvm::cl::SubCommand &tool::explainCommand() {
  static llvm::cl::SubCommand command("explain",
                                      "Say what the compiler does and why");
  return command;
}

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

#define ALL_COMMANDS                                                           \
  llvm::cl::sub(compileCommand()), llvm::cl::sub(runCommand()),                \
      llvm::cl::sub(benchCommand()), llvm::cl::sub(explainCommand())
#define CALLING_COMMANDS                                                       \
  llvm::cl::sub(runCommand()), llvm::cl::sub(benchCommand()),                  \
      llvm::cl::sub(explainCommand())

static llvm::cl::opt<std::string>
    input(llvm::cl::Positional, llvm::cl::Required,
          llvm::cl::desc("IN.mlir (text or bytecode; - for standard input)"),
          ALL_COMMANDS);
static llvm::cl::opt<std::string>
    target("target", llvm::cl::init("native"), llvm::cl::value_desc("target"),
           llvm::cl::desc("native, CPU[,+feature...], x86-64:CPU, "
                          "aarch64:CPU or a GPU, such as sm_80"),
           ALL_COMMANDS);
static llvm::cl::opt<unsigned>
    threads("threads", llvm::cl::init(0), llvm::cl::value_desc("count"),
            llvm::cl::desc("Threads at most; 0 for all, 1 for code without"),
            ALL_COMMANDS);
static llvm::cl::opt<bool>
    debugChecks("debug-checks",
                llvm::cl::desc("Refuse calls to which a fact that attn.assume "
                               "states does not apply"),
                ALL_COMMANDS);
static llvm::cl::opt<std::string>
    startFrom("start-from", llvm::cl::value_desc("phase"),
              llvm::cl::desc("First phase to run; the input is the result of "
                             "the one before"),
              ALL_COMMANDS);
static llvm::cl::opt<std::string> stopAfter("stop-after",
                                            llvm::cl::value_desc("phase"),
                                            llvm::cl::desc("Last phase to run"),
                                            llvm::cl::sub(compileCommand()));
static llvm::cl::opt<std::string>
    dumpPhases("dump-phases", llvm::cl::value_desc("directory"),
               llvm::cl::desc("Write the IR after each phase as PHASE.mlir"),
               ALL_COMMANDS);
static llvm::cl::opt<std::string>
    cache("cache", llvm::cl::value_desc("directory|off"),
          llvm::cl::desc("Where compiled code is kept; XDG_CACHE_HOME/attn by "
                         "default"),
          ALL_COMMANDS);
static llvm::cl::opt<std::string>
    entry("entry", llvm::cl::value_desc("function"),
          llvm::cl::desc("The function; needed where several are public"),
          CALLING_COMMANDS);
static llvm::cl::list<std::string>
    argumentValues("arg",
                   llvm::cl::value_desc("N=FILE.npy|random[:SEED]|VALUE"),
                   llvm::cl::desc("An argument, by position or name; random "
                                  "when not given"),
                   CALLING_COMMANDS);
static llvm::cl::list<std::string>
    dimValues("dim", llvm::cl::value_desc("NAME=SIZE"),
              llvm::cl::desc("A dynamic size: B, H, Hkv, M, N, D, Dv, or "
                             "ARGUMENT.POSITION"),
              CALLING_COMMANDS);
static llvm::cl::opt<bool> json("json", llvm::cl::desc("Print JSON"),
                                llvm::cl::sub(runCommand()),
                                llvm::cl::sub(benchCommand()),
                                llvm::cl::sub(explainCommand()));

static llvm::cl::opt<std::string>
    maskImage("mask-image", llvm::cl::value_desc("F.png"),
              llvm::cl::desc("Draw the tiles of the first masked attention: "
                             "empty white, partial orange, full blue"),
              llvm::cl::sub(explainCommand()));

//===----------------------------------------------------------------------===//
// Reading them
//===----------------------------------------------------------------------===//

bool tool::wantsJSON() { return json; }
StringRef tool::getMaskImage() { return maskImage; }

int tool::report(const Twine &sentence, ExitCode code) {
  std::string text = sentence.str();
  // MLIR's diagnostics already say where and that they are errors.
  if (StringRef(text).contains("error: "))
    llvm::errs() << text << '\n';
  else
    llvm::WithColor::error(llvm::errs(), "attnc") << text << '\n';
  return code;
}

int tool::report(llvm::Error error, ExitCode code) {
  return report(toString(std::move(error)), code);
}

/// Reads the phase that an option names; false after a report.
static bool readPhase(StringRef option, StringRef name,
                      std::optional<Phase> &phase) {
  if (name.empty())
    return true;
  phase = parsePhase(name);
  if (phase)
    return true;
  std::string known;
  for (Phase each : getPhases())
    known += (known.empty() ? "" : ", ") + getPhaseName(each).str();
  report("--" + option + ": unknown phase '" + name + "'; the phases are " +
             known,
         Usage);
  return false;
}

/// The compile options of the command line; false after a report.
static bool getCompileOptions(CompileOptions &options) {
  std::optional<Phase> first;
  if (!readPhase("start-from", startFrom, first) ||
      !readPhase("stop-after", stopAfter, options.stopAfter))
    return false;
  options.startFrom = first.value_or(Phase::Raise);
  if (options.stopAfter && *options.stopAfter < options.startFrom) {
    report("--stop-after: the phase '" + getPhaseName(*options.stopAfter) +
               "' lies before that of --start-from, '" +
               getPhaseName(options.startFrom) + "'",
           Usage);
    return false;
  }
  options.target = target;
  options.threads = threads;
  options.debugChecks = debugChecks;
  options.dumpDirectory = dumpPhases;
  options.cache = cache;
  return true;
}

/// The arguments and sizes of the command line; false after a report.
static bool getCallArguments(CallArguments &arguments) {
  llvm::StringSet<> given;
  for (StringRef text : argumentValues) {
    auto [name, value] = text.split('=');
    if (name.empty() || value.empty())
      return report("--arg: '" + text +
                        "' is not of the form N=FILE.npy, N=random[:SEED] or "
                        "N=VALUE",
                    Usage),
             false;
    if (!given.insert(("--arg " + name).str()).second)
      return report("--arg " + name + " is given twice", Usage), false;
    arguments.values.push_back({name.str(), value.str()});
  }
  for (StringRef text : dimValues) {
    auto [name, value] = text.split('=');
    int64_t size;
    if (name.empty() || value.getAsInteger(10, size))
      return report("--dim: '" + text +
                        "' is not of the form NAME=SIZE, SIZE "
                        "being a whole number below 2^63",
                    Usage),
             false;
    if (!given.insert(("--dim " + name).str()).second)
      return report("--dim " + name + " is given twice", Usage), false;
    arguments.dims[name.str()] = size;
  }
  return true;
}

bool tool::isSameFile(StringRef left, StringRef right) {
  return left != "-" && right != "-" &&
         (left == right || llvm::sys::fs::equivalent(left, right));
}

bool tool::isInput(StringRef path) { return isSameFile(path, input); }

std::unique_ptr<Compilation> tool::openInput(int &code) {
  CompileOptions options;
  code = Usage;
  if (!getCompileOptions(options))
    return nullptr;
  code = WrongInput;
  auto buffer = readInput(input);
  if (!buffer) {
    report(buffer.takeError());
    return nullptr;
  }
  auto compilation = Compilation::create(std::move(*buffer), options);
  if (!compilation) {
    report(compilation.takeError());
    return nullptr;
  }
  return std::move(*compilation);
}

/// The function of --entry, or the only public one; null after a report.
static func::FuncOp findEntry(Compilation &compilation) {
  SmallVector<func::FuncOp> functions =
      getPublicFunctions(compilation.getSource());
  std::string known;
  for (func::FuncOp function : functions) {
    if (function.getName() == entry)
      return function;
    known += (known.empty() ? "" : ", ") + function.getName().str();
  }
  if (entry.empty() && functions.size() == 1)
    return functions.front();
  if (functions.empty())
    report("'" + input + "' has no public function", WrongInput);
  else if (entry.empty())
    report("'" + input +
               "' has several public functions; give --entry: " + known,
           WrongInput);
  else
    report("--entry: '" + input + "' has no public function '" + entry +
               "'; it has " + known,
           WrongInput);
  return {};
}

std::optional<EntryPoint> tool::openEntryPoint(int &code) {
  EntryPoint result;
  code = Usage;
  if (!getCallArguments(result.arguments))
    return std::nullopt;
  result.compilation = openInput(code);
  if (!result.compilation)
    return std::nullopt;
  code = WrongInput;
  result.function = findEntry(*result.compilation);
  if (!result.function)
    return std::nullopt;
  result.signature = getSignature(result.function);
  return result;
}

llvm::Expected<PreparedCall> tool::loadFunction(EntryPoint &entry) {
  auto loaded = compileForHost(*entry.compilation);
  if (!loaded)
    return loaded.takeError();
  auto function = (*loaded)->lookup(entry.signature.name);
  if (!function)
    return function.takeError();
  PreparedCall call;
  call.loaded = std::move(*loaded);
  call.function = *function;
  call.context.version = ATTN_CONTEXT_VERSION;
  call.context.threads = threads;
  return std::move(call);
}

llvm::Error tool::makeTensors(const EntryPoint &entry, PreparedCall &call) {
  auto inputs = makeInputs(entry.signature, entry.arguments);
  if (!inputs)
    return inputs.takeError();
  call.inputs = std::move(*inputs);
  auto outputs =
      makeOutputs(*call.loaded, entry.signature, call.inputs, call.context);
  if (!outputs)
    return outputs.takeError();
  call.outputs = std::move(*outputs);
  return llvm::Error::success();
}
