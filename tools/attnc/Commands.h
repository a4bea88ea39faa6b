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

/// The compile options of the command line; false after a report.
bool getCompileOptions(CompileOptions &options);

/// The arguments and sizes of the command line; false after a report.
bool getCallArguments(CallArguments &arguments);

/// The function of --entry, or the only public one; null after a report.
func::FuncOp findEntry(Compilation &compilation);

/// --threads, 0 for all.
unsigned getThreads();

/// Whether --json was given.
bool wantsJSON();

} // namespace mlir::attn::tool

#endif // ATTN_TOOLS_ATTNC_COMMANDS_H
