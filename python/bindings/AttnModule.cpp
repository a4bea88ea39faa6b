//===- AttnModule.cpp - The compiler and compiled functions in Python -----===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The extension module attn._attn: a thin layer over the C API. What it raises
// is ValueError, TypeError or RuntimeError, with the sentence of the compiler.
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"

#include "attn-c/Attn.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstdlib>
#include <deque>
#include <memory>

namespace nb = nanobind;
using namespace attn::python;

//===----------------------------------------------------------------------===//
// Strings of the C API
//===----------------------------------------------------------------------===//

namespace {
struct FreeString {
  void operator()(char *string) const { attn_string_free(string); }
};
using OwnedString = std::unique_ptr<char, FreeString>;

/// Receives the sentence of a failing C function.
class Failure {
public:
  ~Failure() { attn_string_free(text); }
  char **slot() { return &text; }
  [[noreturn]] void raise() const {
    throw nb::value_error(text ? text : "the compiler failed without a reason");
  }

private:
  char *text = nullptr;
};

std::string take(char *string, const Failure &failure) {
  if (!string)
    failure.raise();
  return OwnedString(string).get();
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

using ModulePointer = std::shared_ptr<attn_module>;

/// A compiled function; it keeps its module alive.
class Function {
public:
  Function(ModulePointer module, const std::string &name,
           std::vector<ArgumentType> arguments)
      : module(std::move(module)), arguments(std::move(arguments)) {
    function = attn_module_lookup(this->module.get(), name.c_str());
    shapes = attn_module_lookup_shapes(this->module.get(), name.c_str());
    workspace = attn_module_lookup_workspace(this->module.get(), name.c_str());
    if (!function || !shapes || !workspace)
      throw nb::value_error(("the module has no function " + name).c_str());
  }

  /// Calls the function, with a CUDA stream or 0. Returns -1, or the position
  /// of an input that has to be made contiguous before.
  int64_t call(nb::list values, uintptr_t stream) const;

  /// The shapes of the outputs for these inputs; or, as in `call`, the position
  /// of an input to be made contiguous.
  nb::object outputShapes(nb::list inputs) const;

private:
  using Arguments = std::vector<Argument>;
  int64_t read(nb::list values, Arguments &views,
               std::vector<const DLTensor *> &tensors) const;

  ModulePointer module;
  std::vector<ArgumentType> arguments;
  attn_function function;
  attn_shapes_function shapes;
  attn_workspace_function workspace;
};

/// Scratch that a thread keeps from call to call: fresh memory would be cleared
/// by the system for each.
class Workspace {
public:
  /// Gives `context` `bytes`, unless they are too many to keep.
  void give(attn_context &context, size_t bytes) {
    if (bytes == 0 || bytes > most)
      return;
    if (bytes > size) {
      memory.reset();
      memory.reset(std::aligned_alloc(alignment, bytes));
      size = memory ? bytes : 0;
    }
    context.workspace = memory.get();
    context.workspace_bytes = size;
  }

private:
  struct Free {
    void operator()(void *pointer) const { std::free(pointer); }
  };
  static constexpr size_t alignment = 64, most = size_t(64) << 20;
  std::unique_ptr<void, Free> memory;
  size_t size = 0;
};

class Context : public attn_context {
public:
  Context() : attn_context{} {
    version = ATTN_CONTEXT_VERSION;
    error = text;
    error_bytes = sizeof(text);
  }

  void check(int32_t status) const {
    if (status == ATTN_OK)
      return;
    if (status == ATTN_INVALID_ARGUMENT)
      throw nb::value_error(text);
    throw std::runtime_error(text);
  }

private:
  char text[512] = "the call failed without a reason";
};
} // namespace

int64_t Function::read(nb::list values, Arguments &views,
                       std::vector<const DLTensor *> &tensors) const {
  size_t count = views.size();
  if (values.size() != count)
    throw nb::type_error((std::to_string(values.size()) +
                          " arguments were given; the function takes " +
                          std::to_string(count))
                             .c_str());
  tensors.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    Argument &argument = views[i];
    if (!argument.read(nb::handle(values[i]).ptr(), arguments[i]))
      throw nb::python_error();
    if (!arguments[i].output && !argument.isAddressable())
      return static_cast<int64_t>(i);
    tensors.push_back(argument.tensor());
  }
  return -1;
}

int64_t Function::call(nb::list values, uintptr_t stream) const {
  Arguments views(arguments.size());
  std::vector<const DLTensor *> tensors;
  int64_t strided = read(values, views, tensors);
  if (strided >= 0)
    return strided;
  Context context;
  context.stream = reinterpret_cast<void *>(stream);
  auto count = static_cast<int32_t>(tensors.size());
  static thread_local Workspace scratch;
  scratch.give(context, workspace(tensors.data(), count));
  int32_t status;
  {
    nb::gil_scoped_release released;
    status = function(&context, tensors.data(), count);
  }
  context.check(status);
  return -1;
}

nb::object Function::outputShapes(nb::list inputs) const {
  size_t numInputs = 0, numSizes = 0;
  for (const ArgumentType &argument : arguments) {
    numInputs += !argument.output;
    numSizes += argument.output ? argument.sizes.size() : 0;
  }
  Arguments views(numInputs);
  std::vector<const DLTensor *> tensors;
  int64_t strided = read(inputs, views, tensors);
  if (strided >= 0)
    return nb::cast(strided);
  std::vector<int64_t> sizes(numSizes + 1);
  Context context;
  context.check(shapes(&context, tensors.data(),
                       static_cast<int32_t>(numInputs), sizes.data()));
  nb::list result;
  const int64_t *next = sizes.data();
  for (const ArgumentType &argument : arguments) {
    if (!argument.output)
      continue;
    nb::list shape;
    for (size_t d = 0; d < argument.sizes.size(); ++d)
      shape.append(*next++);
    result.append(nb::tuple(shape));
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

namespace {
class Module {
public:
  explicit Module(ModulePointer module) : module(std::move(module)) {}

  Module(nb::bytes text, nb::dict given) {
    std::deque<std::string> strings;
    std::vector<attn_option> options;
    for (auto [key, value] : given) {
      const std::string &k = strings.emplace_back(nb::str(key).c_str());
      const std::string &v = strings.emplace_back(nb::str(value).c_str());
      options.push_back({k.c_str(), v.c_str()});
    }
    Failure failure;
    attn_module *compiled;
    const char *data = text.c_str();
    size_t size = text.size();
    {
      nb::gil_scoped_release released;
      compiled = attn_compile(data, size, options.data(), options.size(),
                              failure.slot());
    }
    if (!compiled)
      failure.raise();
    module = ModulePointer(compiled, attn_module_free);
  }

  /// The functions of `text` with the classes of their tiles as results.
  static Module tileMap(nb::bytes text, int64_t queries, int64_t keys) {
    Failure failure;
    attn_module *compiled = attn_compile_tile_map(
        text.c_str(), text.size(), queries, keys, failure.slot());
    if (!compiled)
      failure.raise();
    return Module(ModulePointer(compiled, attn_module_free));
  }

  std::string signature() const {
    return OwnedString(attn_module_signature(module.get())).get();
  }
  std::string ir(const std::string &phase) const {
    Failure failure;
    return take(attn_module_ir(module.get(), phase.c_str(), failure.slot()),
                failure);
  }
  std::string explain(const std::string &function, bool json) const {
    Failure failure;
    return take(attn_module_explain(module.get(), function.c_str(), json,
                                    failure.slot()),
                failure);
  }
  void save(const std::string &path) const {
    Failure failure;
    if (attn_module_save(module.get(), path.c_str(), failure.slot()) != ATTN_OK)
      failure.raise();
  }

  /// Arguments are (name, DLPack type code, bits, sizes, whether an output).
  using Described = std::vector<
      std::tuple<std::string, int, int, std::vector<int64_t>, bool>>;
  Function function(const std::string &name, const Described &described) const {
    std::vector<ArgumentType> arguments;
    for (const auto &[argument, code, bits, sizes, output] : described) {
      DLDataType type{static_cast<uint8_t>(code), static_cast<uint8_t>(bits),
                      1};
      arguments.push_back({argument, type, sizes, output});
    }
    return Function(module, name, std::move(arguments));
  }

private:
  ModulePointer module;
};
} // namespace

NB_MODULE(_attn, m) {
  m.doc() =
      "The attn compiler: modules of MLIR text, compiled in this process.";
  nb::class_<Module>(m, "Module")
      .def(nb::init<nb::bytes, nb::dict>(), nb::arg("text"), nb::arg("options"))
      .def_static("tile_map", &Module::tileMap, nb::arg("text"),
                  nb::arg("queries"), nb::arg("keys"))
      .def("signature", &Module::signature)
      .def("ir", &Module::ir, nb::arg("phase"))
      .def("explain", &Module::explain, nb::arg("function"), nb::arg("json"))
      .def("save", &Module::save, nb::arg("path"))
      .def("function", &Module::function, nb::arg("name"),
           nb::arg("arguments"));
  nb::class_<Function>(m, "Function")
      .def("__call__", &Function::call, nb::arg("values"),
           nb::arg("stream") = 0)
      .def("output_shapes", &Function::outputShapes, nb::arg("inputs"));
}
