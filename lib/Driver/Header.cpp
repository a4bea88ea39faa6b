//===- Header.cpp - The C header of a module -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Driver/Artifact.h"
#include "attn/Driver/Signature.h"

#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mlir::attn;

/// `path` as an identifier.
static std::string getGuard(StringRef path) {
  std::string guard = llvm::sys::path::filename(path).upper();
  for (char &c : guard)
    if (!llvm::isAlnum(c))
      c = '_';
  return "ATTN_GENERATED_" + guard;
}

static void printValue(llvm::raw_ostream &stream, unsigned position,
                       const SignatureValue &value, bool output) {
  stream << "///   " << position << " " << value.name << ": "
         << describe(value);
  if (!llvm::all_of(value.dims, [](const std::string &d) { return d.empty(); })) {
    stream << " (";
    llvm::interleaveComma(value.dims, stream, [&](const std::string &dim) {
      stream << (dim.empty() ? "?" : dim);
    });
    stream << ")";
  }
  stream << (output ? ", output\n" : "\n");
}

static void printFunction(llvm::raw_ostream &stream,
                          const FunctionSignature &signature) {
  unsigned position = 0;
  stream << "/// Arguments, each a DLPack tensor on the CPU:\n";
  for (const SignatureValue &value : signature.inputs)
    printValue(stream, position++, value, false);
  for (const SignatureValue &value : signature.outputs)
    printValue(stream, position++, value, true);
  const std::string &name = signature.name;
  stream << "int32_t " << name
         << "(attn_context *context, const DLTensor *const *arguments,\n"
         << "    int32_t count);\n"
         << "int32_t " << name
         << "_shapes(attn_context *context, const DLTensor *const *inputs,\n"
         << "    int32_t count, int64_t *sizes);\n"
         << "size_t " << name
         << "_workspace(const DLTensor *const *arguments, int32_t count);\n\n";
}

std::string attn::getHeader(Compilation &compilation, StringRef path) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  std::string guard = getGuard(path);
  stream << "// Made by attnc. See attn-c/Runtime.h for the types.\n\n"
         << "#ifndef " << guard << "\n#define " << guard
         << "\n\n#include \"attn-c/Runtime.h\"\n\n"
         << "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";
  for (func::FuncOp func : getPublicFunctions(compilation.getSource()))
    printFunction(stream, getSignature(func));
  stream << "#ifdef __cplusplus\n}\n#endif\n\n#endif // " << guard << "\n";
  return text;
}
