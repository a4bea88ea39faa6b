//===- Commands.h - The subcommands of attnc -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_ATTNC_COMMANDS_H
#define ATTN_TOOLS_ATTNC_COMMANDS_H

#include "attn/Driver/Call.h"
#include "attn/Driver/Compilation.h"

#include "llvm/Support/CommandLine.h"

namespace mlir::attn::tool {

/// Exit codes.
enum ExitCode { Good = 0, WrongInput = 1, Usage = 2 };

/// Functions, since options in other files register with them before main.
llvm::cl::SubCommand &compileCommand();
llvm::cl::SubCommand &runCommand();
llvm::cl::SubCommand &benchCommand();
llvm::cl::SubCommand &explainCommand();

int compile();
int run();
int bench();
int explain();

/// Prints a sentence on standard error.
int report(llvm::Error error, ExitCode code = WrongInput);
int report(const Twine &sentence, ExitCode code);

/// Reads and parses the input; null after a report, whose exit code is in
/// `code`.
std::unique_ptr<Compilation> openInput(int &code);

/// Whether two paths name one file. `-` names none.
bool isSameFile(StringRef left, StringRef right);

/// Whether `path` is that of the input.
bool isInput(StringRef path);

/// A function of the input and what the command line says of its arguments.
struct EntryPoint {
  CallArguments arguments;
  std::unique_ptr<Compilation> compilation;
  /// The function of --entry, or the only public one.
  func::FuncOp function;
  FunctionSignature signature;
};

/// Opens the input and finds the function; nothing after a report, whose exit
/// code is in `code`.
std::optional<EntryPoint> openEntryPoint(int &code);

/// A compiled function, ready to be called.
struct PreparedCall {
  std::unique_ptr<LoadedModule> loaded;
  attn_function function;
  attn_context context = {};
  std::vector<HostTensor> inputs, outputs;
};

/// Compiles and loads the function.
llvm::Expected<PreparedCall> loadFunction(EntryPoint &entry);

/// Makes the inputs and outputs of a loaded function.
llvm::Error makeTensors(const EntryPoint &entry, PreparedCall &call);

/// --mask-image, empty for none.
StringRef getMaskImage();

/// Whether --json was given.
bool wantsJSON();

} // namespace mlir::attn::tool

#endif // ATTN_TOOLS_ATTNC_COMMANDS_H
