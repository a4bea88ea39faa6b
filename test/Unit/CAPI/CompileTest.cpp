//===- CompileTest.cpp - The compiler as a C library ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn-c/Attn.h"
#include "attn-c/dlpack.h"

#include "gmock/gmock.h"

#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

using testing::HasSubstr;

namespace {
constexpr char attention[] = R"(
func.func @attend(%query: tensor<?x4xf32>, %key: tensor<?x4xf32>,
                  %value: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %o = attn.scaled_dot_product %query, %key, %value
       : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x2xf32> -> tensor<?x2xf32>
  return %o : tensor<?x2xf32>
})";

struct Free {
  void operator()(attn_module *module) const { attn_module_free(module); }
  void operator()(char *string) const { attn_string_free(string); }
};
using Module = std::unique_ptr<attn_module, Free>;
using String = std::unique_ptr<char, Free>;

Module compile(const char *text, std::string &message,
               std::vector<attn_option> options = {}) {
  char *error = nullptr;
  Module module(attn_compile(text, std::strlen(text), options.data(),
                             options.size(), &error));
  String owned(error);
  message = error ? error : "";
  return module;
}

/// A compact matrix of floats.
struct Matrix {
  Matrix(int64_t rows, int64_t columns, float value)
      : data(rows * columns, value), shape{rows, columns} {
    tensor = {};
    tensor.data = data.data();
    tensor.device = {kDLCPU, 0};
    tensor.ndim = 2;
    tensor.dtype = {kDLFloat, 32, 1};
    tensor.shape = shape;
  }
  std::vector<float> data;
  int64_t shape[2];
  DLTensor tensor;
};
} // namespace

TEST(Compile, RunsAFunction) {
  std::string message;
  Module module = compile(attention, message);
  ASSERT_TRUE(module) << message;
  attn_function attend = attn_module_lookup(module.get(), "attend");
  ASSERT_TRUE(attend);

  Matrix query(3, 4, 0.5f), key(5, 4, 1.0f), value(5, 2, 7.0f), out(3, 2, 0.0f);
  const DLTensor *arguments[] = {&query.tensor, &key.tensor, &value.tensor,
                                 &out.tensor};
  ASSERT_EQ(attend(nullptr, arguments, 4), ATTN_OK);
  // Equal values have themselves as any mean.
  for (float element : out.data)
    EXPECT_NEAR(element, 7.0f, 1e-5);
}

TEST(Compile, TellsOutputSizes) {
  std::string message;
  Module module = compile(attention, message);
  ASSERT_TRUE(module) << message;
  attn_shapes_function shapes =
      attn_module_lookup_shapes(module.get(), "attend");
  ASSERT_TRUE(shapes);
  Matrix query(3, 4, 0), key(5, 4, 0), value(5, 2, 0);
  const DLTensor *inputs[] = {&query.tensor, &key.tensor, &value.tensor};
  int64_t sizes[2] = {};
  ASSERT_EQ(shapes(nullptr, inputs, 3, sizes), ATTN_OK);
  EXPECT_EQ(sizes[0], 3);
  EXPECT_EQ(sizes[1], 2);
}

TEST(Compile, TellsScratch) {
  std::string message;
  Module module = compile(attention, message);
  ASSERT_TRUE(module) << message;
  attn_workspace_function workspace =
      attn_module_lookup_workspace(module.get(), "attend");
  ASSERT_TRUE(workspace);
  Matrix query(3, 4, 0), key(5, 4, 0), value(5, 2, 0), out(3, 2, 0);
  const DLTensor *arguments[] = {&query.tensor, &key.tensor, &value.tensor,
                                 &out.tensor};
  // All that one head takes is on the stack.
  EXPECT_EQ(workspace(arguments, 4), 0u);
  EXPECT_FALSE(attn_module_lookup_workspace(module.get(), "other"));
}

TEST(Compile, RefusesWrongArguments) {
  std::string message;
  Module module = compile(attention, message);
  ASSERT_TRUE(module) << message;
  attn_function attend = attn_module_lookup(module.get(), "attend");
  Matrix query(3, 4, 0), key(5, 3, 0), value(5, 2, 0), out(3, 2, 0);
  const DLTensor *arguments[] = {&query.tensor, &key.tensor, &value.tensor,
                                 &out.tensor};
  char text[256];
  attn_context context = {};
  context.version = ATTN_CONTEXT_VERSION;
  context.error = text;
  context.error_bytes = sizeof(text);
  EXPECT_EQ(attend(&context, arguments, 4), ATTN_INVALID_ARGUMENT);
  EXPECT_THAT(text, HasSubstr("'key'"));
  EXPECT_EQ(attend(nullptr, arguments, 3), ATTN_INVALID_ARGUMENT);
}

TEST(Compile, DescribesFunctions) {
  std::string message;
  Module module = compile(attention, message);
  ASSERT_TRUE(module) << message;
  String signature(attn_module_signature(module.get()));
  EXPECT_THAT(signature.get(), HasSubstr(R"("name":"attend")"));
  EXPECT_THAT(signature.get(), HasSubstr(R"("name":"query")"));
  EXPECT_THAT(signature.get(), HasSubstr(R"("sizes":[-1,4])"));
  EXPECT_THAT(signature.get(), HasSubstr(R"("output":true)"));
  EXPECT_FALSE(attn_module_lookup(module.get(), "other"));
}

TEST(Compile, ShowsPhases) {
  std::string message;
  Module module = compile(attention, message);
  ASSERT_TRUE(module) << message;
  char *error = nullptr;
  String text(attn_module_ir(module.get(), "optimize", &error));
  ASSERT_TRUE(text) << error;
  EXPECT_THAT(text.get(), HasSubstr("attn.attend"));
  EXPECT_FALSE(attn_module_ir(module.get(), "finish", &error));
  String owned(error);
  EXPECT_THAT(error, HasSubstr("'finish' is unknown"));
}

TEST(Compile, Explains) {
  std::string message;
  Module module = compile(attention, message);
  ASSERT_TRUE(module) << message;
  char *error = nullptr;
  String text(attn_module_explain(module.get(), "attend", /*json=*/1, &error));
  ASSERT_TRUE(text) << error;
  EXPECT_THAT(text.get(), HasSubstr("attend"));
  EXPECT_FALSE(attn_module_explain(module.get(), "other", /*json=*/0, &error));
  String owned(error);
  EXPECT_THAT(error, HasSubstr("'other'"));
}

TEST(Compile, ClassifiesTiles) {
  char *error = nullptr;
  Module module(
      attn_compile_tile_map(attention, std::strlen(attention), 2, 4, &error));
  ASSERT_TRUE(module) << error;
  String signature(attn_module_signature(module.get()));
  EXPECT_THAT(signature.get(), HasSubstr(R"("type":"i8","sizes":[1,1,-1,-1])"));
  attn_shapes_function shapes =
      attn_module_lookup_shapes(module.get(), "attend");
  ASSERT_TRUE(shapes);
  Matrix query(3, 4, 0), key(5, 4, 0), value(5, 2, 0);
  const DLTensor *inputs[] = {&query.tensor, &key.tensor, &value.tensor};
  int64_t sizes[4] = {};
  ASSERT_EQ(shapes(nullptr, inputs, 3, sizes), ATTN_OK);
  EXPECT_THAT(sizes, testing::ElementsAre(1, 1, 2, 2));

  EXPECT_FALSE(
      attn_compile_tile_map(attention, std::strlen(attention), 0, 4, &error));
  String owned(error);
  EXPECT_THAT(error, HasSubstr("at least 1 by 1"));
}

TEST(Compile, ReportsErrors) {
  std::string message;
  EXPECT_FALSE(compile("func.func @f() { nonsense }", message));
  EXPECT_THAT(message, HasSubstr("nonsense"));
  EXPECT_FALSE(compile(attention, message, {{"colour", "blue"}}));
  EXPECT_THAT(message, HasSubstr("option 'colour' is unknown"));
  EXPECT_FALSE(compile(attention, message, {{"target", "nocpu"}}));
  EXPECT_THAT(message, HasSubstr("nocpu"));
  EXPECT_FALSE(compile(attention, message, {{"threads", "-1"}}));
  EXPECT_THAT(message, HasSubstr("option 'threads' is '-1'"));
}

TEST(Compile, RefusesNull) {
  char *error = nullptr;
  auto takeMessage = [&] {
    String owned(error);
    std::string message = error ? error : "";
    error = nullptr;
    return message;
  };
  EXPECT_EQ(attn_compile(nullptr, 3, nullptr, 0, &error), nullptr);
  EXPECT_EQ(takeMessage(), "the text is null");
  EXPECT_EQ(attn_compile("", 0, nullptr, 1, &error), nullptr);
  EXPECT_EQ(takeMessage(), "the options are null");
  attn_option option = {"target", nullptr};
  EXPECT_EQ(attn_compile("", 0, &option, 1, &error), nullptr);
  EXPECT_EQ(takeMessage(), "the key or the value of an option is null");
  EXPECT_EQ(attn_compile(nullptr, 3, nullptr, 0, nullptr), nullptr);
  EXPECT_EQ(attn_compile_tile_map(nullptr, 3, 8, 8, &error), nullptr);
  EXPECT_EQ(takeMessage(), "the text is null");
  EXPECT_EQ(attn_module_ir(nullptr, "tile", &error), nullptr);
  EXPECT_EQ(takeMessage(), "the module is null");
  EXPECT_EQ(attn_module_explain(nullptr, "f", 0, &error), nullptr);
  EXPECT_EQ(takeMessage(), "the module is null");
  EXPECT_EQ(attn_module_save(nullptr, "f.so", &error), ATTN_INVALID_ARGUMENT);
  EXPECT_EQ(takeMessage(), "the module is null");
  EXPECT_EQ(attn_module_signature(nullptr), nullptr);
  EXPECT_EQ(attn_module_lookup(nullptr, "f"), nullptr);
  EXPECT_EQ(attn_module_lookup_shapes(nullptr, "f"), nullptr);
  attn_module_free(nullptr);

  std::string message;
  Module module = compile(attention, message);
  ASSERT_TRUE(module) << message;
  EXPECT_EQ(attn_module_ir(module.get(), nullptr, &error), nullptr);
  EXPECT_EQ(takeMessage(), "the phase is null");
  EXPECT_EQ(attn_module_explain(module.get(), nullptr, 0, &error), nullptr);
  EXPECT_EQ(takeMessage(), "the function's name is null");
  EXPECT_EQ(attn_module_save(module.get(), nullptr, &error),
            ATTN_INVALID_ARGUMENT);
  EXPECT_EQ(takeMessage(), "the path is null");
  EXPECT_EQ(attn_module_lookup(module.get(), nullptr), nullptr);
}
