//===- attnc.cpp - Compiles, runs, measures and explains attention ------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Commands.h"

#include "llvm/Support/InitLLVM.h"

#include <cstdlib>
#include <malloc.h>

using namespace mlir::attn;

static int runTool(int argc, char **argv) {
  const char *overview =
      "attn compiler: attnc compile|run|bench|explain IN.mlir [options]\n";
  if (!llvm::cl::ParseCommandLineOptions(argc, argv, overview, &llvm::errs()))
    return tool::Usage;
  if (tool::compileCommand())
    return tool::compile();
  if (tool::runCommand())
    return tool::run();
  if (tool::benchCommand())
    return tool::bench();
  if (tool::explainCommand())
    return tool::explain();
  return tool::report("give a command: compile, run, bench or explain; --help "
                      "lists their options",
                      tool::Usage);
}

int main(int argc, char **argv) {
  // Memory grows in few steps, for which the threads of a compilation would
  // wait.
  mallopt(M_TOP_PAD, 32 << 20);
  llvm::InitLLVM init(argc, argv);
  int code = runTool(argc, argv);
  llvm::outs().flush();
  llvm::errs().flush();
  // Without the destructors of the libraries' globals.
  std::_Exit(code);
}
