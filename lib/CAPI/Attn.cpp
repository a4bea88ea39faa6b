//===- Attn.cpp - The compiler as a C library -------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn-c/Attn.h"

#include "attn/Driver/Artifact.h"
#include "attn/Driver/Compilation.h"
#include "attn/Driver/Explain.h"
#include "attn/Driver/JIT.h"
#include "attn/Driver/Signature.h"
#include "attn/Driver/TileCounts.h"

#include "llvm/ADT/StringExtras.h"

#include <cstdlib>
#include <cstring>
#include <string>

using namespace mlir;
using namespace mlir::attn;

struct attn_module {
  std::string text;
  CompileOptions options;
  std::unique_ptr<Compilation> compilation;
  std::unique_ptr<LoadedModule> loaded;

  /// The module before any phase, for looks at it that leave the loaded code
  /// be.
  llvm::Expected<std::unique_ptr<Compilation>> restart() const {
    return Compilation::create(
        llvm::MemoryBuffer::getMemBufferCopy(text, "module"), options);
  }
};

//===----------------------------------------------------------------------===//
// Strings and errors
//===----------------------------------------------------------------------===//

static char *copyString(StringRef text) {
  auto *copy = static_cast<char *>(std::malloc(text.size() + 1));
  if (!copy)
    return nullptr;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  return copy;
}

static void report(llvm::Error failure, char **error) {
  std::string text = llvm::toString(std::move(failure));
  if (error)
    *error = copyString(StringRef(text).rtrim());
}

static char *giveText(llvm::Expected<std::string> text, char **error) {
  if (text)
    return copyString(*text);
  report(text.takeError(), error);
  return nullptr;
}

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

/// A C string that a caller must give.
static llvm::Expected<StringRef> given(const char *string, StringRef name) {
  if (string)
    return StringRef(string);
  return makeError(name + " is null");
}

/// Whether `module` was given, which a null result of attn_compile was not.
static bool isGiven(const attn_module *module, char **error) {
  if (!module)
    report(makeError("the module is null"), error);
  return module;
}

void attn_string_free(char *string) { std::free(string); }

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

static llvm::Error setOption(CompileOptions &options,
                             const attn_option &option) {
  if (!option.key || !option.value)
    return makeError("the key or the value of an option is null");
  StringRef key = option.key, value = option.value;
  if (key == "target") {
    options.target = value.str();
    return llvm::Error::success();
  }
  if (key == "threads") {
    if (value.getAsInteger(10, options.threads))
      return makeError("option 'threads' is '" + value +
                       "'; an integer of at least 0 is accepted");
    return llvm::Error::success();
  }
  if (key == "debug-checks") {
    if (value != "true" && value != "false")
      return makeError("option 'debug-checks' is '" + value +
                       "'; true and false are accepted");
    options.debugChecks = value == "true";
    return llvm::Error::success();
  }
  if (key == "cache") {
    options.cache = value.str();
    return llvm::Error::success();
  }
  return makeError("option '" + key +
                   "' is unknown; target, threads, debug-checks and "
                   "cache are accepted");
}

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

static llvm::Expected<std::unique_ptr<attn_module>>
compile(StringRef text, ArrayRef<attn_option> options) {
  auto module = std::make_unique<attn_module>();
  module->text = text.str();
  for (const attn_option &option : options)
    if (llvm::Error failure = setOption(module->options, option))
      return failure;
  auto compilation = module->restart();
  if (!compilation)
    return compilation.takeError();
  module->compilation = std::move(*compilation);
  auto loaded = compileForHost(*module->compilation);
  if (!loaded)
    return loaded.takeError();
  module->loaded = std::move(*loaded);
  return module;
}

attn_module *attn_compile(const char *text, size_t length,
                          const attn_option *options, size_t num_options,
                          char **error) {
  if ((!text && length) || (!options && num_options)) {
    report(makeError(text ? "the options are null" : "the text is null"),
           error);
    return nullptr;
  }
  auto module =
      compile(StringRef(text, length), ArrayRef(options, num_options));
  if (module)
    return module->release();
  report(module.takeError(), error);
  return nullptr;
}

static llvm::Expected<std::string>
writeTileMaps(StringRef text, int64_t tileQueries, int64_t tileKeys) {
  if (tileQueries < 1 || tileKeys < 1)
    return makeError("tiles of " + Twine(tileQueries) + " by " +
                     Twine(tileKeys) + " pairs; at least 1 by 1 is accepted");
  auto compilation = Compilation::create(
      llvm::MemoryBuffer::getMemBufferCopy(text, "module"), CompileOptions());
  if (!compilation)
    return compilation.takeError();
  ModuleOp source = (*compilation)->getSource();
  if (llvm::Error error =
          returnTileMaps(source, /*index=*/0, tileQueries, tileKeys))
    return error;
  std::string result;
  llvm::raw_string_ostream(result) << source;
  return result;
}

attn_module *attn_compile_tile_map(const char *text, size_t length,
                                   int64_t tile_queries, int64_t tile_keys,
                                   char **error) {
  if (!text && length) {
    report(makeError("the text is null"), error);
    return nullptr;
  }
  llvm::Expected<std::string> maps =
      writeTileMaps(StringRef(text, length), tile_queries, tile_keys);
  if (maps)
    return attn_compile(maps->data(), maps->size(), /*options=*/nullptr,
                        /*num_options=*/0, error);
  report(maps.takeError(), error);
  return nullptr;
}

void attn_module_free(attn_module *module) { delete module; }

char *attn_module_signature(const attn_module *module) {
  if (!module)
    return nullptr;
  return copyString(getSignatureJSON(module->compilation->getSource()));
}

template <typename Function>
static Function orNull(llvm::Expected<Function> function) {
  if (function)
    return *function;
  llvm::consumeError(function.takeError());
  return nullptr;
}

attn_function attn_module_lookup(const attn_module *module, const char *name) {
  return module && name ? orNull(module->loaded->lookup(name)) : nullptr;
}

attn_shapes_function attn_module_lookup_shapes(const attn_module *module,
                                               const char *name) {
  return module && name ? orNull(module->loaded->lookupShapes(name)) : nullptr;
}

attn_workspace_function attn_module_lookup_workspace(const attn_module *module,
                                                     const char *name) {
  return orNull(module->loaded->lookupWorkspace(name));
}

//===----------------------------------------------------------------------===//
// Looking inside
//===----------------------------------------------------------------------===//

static llvm::Expected<std::string> printPhase(const attn_module &module,
                                              const char *phaseName) {
  llvm::Expected<StringRef> name = given(phaseName, "the phase");
  if (!name)
    return name.takeError();
  std::optional<Phase> phase = parsePhase(*name);
  if (!phase)
    return makeError(
        "phase '" + *name + "' is unknown; accepted are " +
        llvm::join(llvm::map_range(getPhases(), getPhaseName), ", "));
  auto compilation = module.restart();
  if (!compilation)
    return compilation.takeError();
  if (llvm::Error failure = (*compilation)->runUntil(*phase))
    return failure;
  std::string text;
  llvm::raw_string_ostream stream(text);
  (*compilation)->getModule()->print(stream);
  return text;
}

char *attn_module_ir(attn_module *module, const char *phase, char **error) {
  if (!isGiven(module, error))
    return nullptr;
  return giveText(printPhase(*module, phase), error);
}

static llvm::Expected<std::string>
explain(const attn_module &module, const char *functionName, bool json) {
  llvm::Expected<StringRef> name = given(functionName, "the function's name");
  if (!name)
    return name.takeError();
  auto compilation = module.restart();
  if (!compilation)
    return compilation.takeError();
  auto function = (*compilation)->getSource().lookupSymbol<func::FuncOp>(*name);
  if (!function)
    return makeError("the module has no function '" + *name + "'");
  auto explanation = attn::explain(**compilation, function, CallArguments());
  if (!explanation)
    return explanation.takeError();
  return json ? explanation->getJSON() : explanation->getText();
}

char *attn_module_explain(attn_module *module, const char *function, int json,
                          char **error) {
  if (!isGiven(module, error))
    return nullptr;
  return giveText(explain(*module, function, json), error);
}

static llvm::Error save(const attn_module &module, const char *file) {
  llvm::Expected<StringRef> path = given(file, "the path");
  if (!path)
    return path.takeError();
  llvm::Expected<ArtifactKind> kind = getArtifactKind(*path);
  if (!kind)
    return kind.takeError();
  auto compilation = module.restart();
  if (!compilation)
    return compilation.takeError();
  return emitArtifact(**compilation, *kind, *path);
}

int32_t attn_module_save(attn_module *module, const char *path, char **error) {
  if (!isGiven(module, error))
    return ATTN_INVALID_ARGUMENT;
  llvm::Error failure = save(*module, path);
  if (!failure)
    return ATTN_OK;
  report(std::move(failure), error);
  return ATTN_INVALID_ARGUMENT;
}
