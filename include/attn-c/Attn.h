//===- Attn.h - The compiler as a C library -*- C -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_C_ATTN_H
#define ATTN_C_ATTN_H

#include "attn-c/Runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/// A null pointer where something is needed is answered as any other failure: by
/// null or a status, and a sentence in `*error`, unless `error` is null.

/// A module compiled for this process.
typedef struct attn_module attn_module;

/// One key and value of compile options, as `attnc compile --key=value` takes
/// them: `target`, `threads`, `debug-checks`, `cache`.
typedef struct attn_option {
  const char *key;
  const char *value;
} attn_option;

/// Compiles `text` (MLIR text or bytecode of `length` bytes). Returns null on
/// failure and puts a sentence, to be freed by attn_string_free, in `*error`.
attn_module *attn_compile(const char *text, size_t length,
                          const attn_option *options, size_t num_options,
                          char **error);

/// Compiles, in place of the attention functions of `text`, functions of the
/// same inputs that return the classes of its tiles, as the compiler decides
/// them: i8 (batch, head, query tile, key tile); 0 empty, 1 partial, 2 full.
/// Tiles have `tile_queries` by `tile_keys` pairs, at least 1 each. Null and
/// `*error` on failure.
attn_module *attn_compile_tile_map(const char *text, size_t length,
                                   int64_t tile_queries, int64_t tile_keys,
                                   char **error);

void attn_module_free(attn_module *module);

/// The public functions of a module, as a JSON array of objects: `name`, and
/// `arguments`, inputs then outputs, each with `name`, `type` (of the elements,
/// as MLIR spells it), `sizes` (-1 for dynamic ones, none for scalars) and
/// `output`.
char *attn_module_signature(const attn_module *module);

/// The compiled function `name`, or null. Lives as long as the module.
attn_function attn_module_lookup(const attn_module *module, const char *name);

/// The function that tells the output sizes of the compiled function `name`, or
/// null. Lives as long as the module.
attn_shapes_function attn_module_lookup_shapes(const attn_module *module,
                                               const char *name);

/// The function that tells the scratch of the compiled function `name`, or null.
/// Lives as long as the module.
attn_workspace_function attn_module_lookup_workspace(const attn_module *module,
                                                     const char *name);

/// The IR after `phase`, as text; null and `*error` for an unknown phase.
char *attn_module_ir(attn_module *module, const char *phase, char **error);

/// The plan of a function as `attnc explain` prints it (`json` nonzero for
/// --json); null and `*error` on failure.
char *attn_module_explain(attn_module *module, const char *function, int json,
                          char **error);

/// Writes an artefact as `attnc compile -o path` does. Returns a status.
int32_t attn_module_save(attn_module *module, const char *path, char **error);

void attn_string_free(char *string);

#ifdef __cplusplus
}
#endif

#endif // ATTN_C_ATTN_H
