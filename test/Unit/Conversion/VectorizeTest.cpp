//===- VectorizeTest.cpp - Vector against scalar loops ----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostCode.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace mlir::attn;

namespace {
/// Sizes of the three loops j, i, d of every case.
struct Sizes {
  int64_t j, i, d;
};

constexpr Sizes allSizes[] = {{96, 48, 64}, {13, 29, 7}, {10, 64, 5},
                              {7, 8, 33},   {3, 17, 2},  {1, 1, 1},
                              {5, 0, 3},    {0, 8, 4},   {4, 5, 0}};

/// A linalg op on a (j, d), b (d, i), c (j, i) and row (1, i).
struct Case {
  const char *name;
  const char *maps;      ///< Of inputs and outputs.
  const char *iterators; ///< p and r.
  const char *inputs;
  const char *outputs;
  const char *body; ///< From the block's arguments to the yield.
};

/// A case that sums over d what `body` makes of a row of a and a column of b.
constexpr Case sumOfPairs(const char *name, const char *body) {
  return {name,
          "affine_map<(j, i, d) -> (j, d)>, affine_map<(j, i, d) -> (d, i)>, "
          "affine_map<(j, i, d) -> (j, i)>",
          "ppr",
          "%a, %b",
          "%c",
          body};
}

constexpr Case cases[] = {
    sumOfPairs("contraction",
               R"(^bb0(%x: f32, %y: f32, %s: f32):
        %m = arith.mulf %x, %y : f32
        %r = arith.addf %s, %m : f32
        linalg.yield %r : f32)"),
    {"transposed_contraction",
     "affine_map<(d, i, j) -> (j, d)>, affine_map<(d, i, j) -> (j, i)>, "
     "affine_map<(d, i, j) -> (d, i)>",
     "ppr", "%a, %c", "%b",
     R"(^bb0(%x: f32, %y: f32, %s: f32):
        %m = arith.mulf %x, %y : f32
        %r = arith.addf %m, %s : f32
        linalg.yield %r : f32)"},
    sumOfPairs("distance",
               R"(^bb0(%x: f32, %y: f32, %s: f32):
        %d = arith.subf %x, %y : f32
        %m = arith.mulf %d, %d : f32
        %r = arith.addf %s, %m : f32
        linalg.yield %r : f32)"),
    sumOfPairs("additive",
               R"(^bb0(%x: f32, %y: f32, %s: f32):
        %d = arith.addf %x, %y : f32
        %h = math.tanh %d : f32
        %m = arith.mulf %x, %h : f32
        %r = arith.addf %s, %m : f32
        linalg.yield %r : f32)"),
    {"maximum", "affine_map<(j, i) -> (j, i)>, affine_map<(j, i) -> (0, i)>",
     "rp", "%c", "%row",
     R"(^bb0(%x: f32, %s: f32):
        %g = arith.cmpf ogt, %x, %s : f32
        %r = arith.select %g, %x, %s : f32
        linalg.yield %r : f32)"},
    {"weights_and_sum",
     "affine_map<(j, i) -> (j, i)>, affine_map<(j, i) -> (0, i)>", "rp", "",
     "%c, %row",
     R"(^bb0(%x: f32, %s: f32):
        %e = math.exp2 %x : f32
        %r = arith.addf %s, %e : f32
        linalg.yield %e, %r : f32, f32)"},
    {"transpose_and_scale",
     "affine_map<(d, j) -> (j, d)>, affine_map<(d, j) -> (d, j)>", "pp", "%a",
     "%t",
     R"(^bb0(%x: f32, %s: f32):
        %r = arith.addf %x, %x : f32
        linalg.yield %r : f32)"},
    {"sum_of_rows",
     "affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (j, 0)>", "rp", "%c",
     "%column",
     R"(^bb0(%x: f32, %s: f32):
        %r = arith.addf %x, %s : f32
        linalg.yield %r : f32)"},
    {"mask_with_loads", "affine_map<(j, i) -> (j, i)>", "pp", "", "%c",
     R"(^bb0(%s: f32):
        %j = linalg.index 0 : index
        %i = linalg.index 1 : index
        %next = arith.addi %i, %j : index
        %causal = arith.cmpi sge, %i, %j : index
        %uniform = attn.load %a[%j, %j] : memref<?x?xf32, strided<[?, 1], offset: ?>>
        %lanes = attn.load %b[%j, %next] if %causal : memref<?x?xf32, strided<[?, 1], offset: ?>>
        %gathered = attn.load %a[%i, %j] if %causal : memref<?x?xf32, strided<[?, 1], offset: ?>>
        %three = arith.constant 3 : index
        %rest = attn.floormod %next, %three : index
        %word = arith.index_cast %rest : index to i32
        %float = arith.sitofp %word : i32 to f32
        %r1 = arith.addf %uniform, %lanes : f32
        %r0 = arith.addf %r1, %gathered : f32
        %r2 = arith.addf %r0, %float : f32
        %r3 = arith.select %causal, %r2, %uniform : f32
        linalg.yield %r3 : f32)"},
    {"branch_in_body", "affine_map<(j, i) -> (j, i)>", "pp", "", "%c",
     R"(^bb0(%s: f32):
        %zero = arith.constant 0.0 : f32
        %g = arith.cmpf ogt, %s, %zero : f32
        %r = scf.if %g -> f32 {
          %q = math.sqrt %s : f32
          scf.yield %q : f32
        } else {
          scf.yield %zero : f32
        }
        linalg.yield %r : f32)"},
};

std::string repeat(const std::string &text, size_t count) {
  std::string all;
  for (size_t i = 0; i < count; ++i)
    all += (i ? ", " : "") + text;
  return all;
}

std::string moduleOf(const Case &test) {
  const std::string type = "memref<?x?xf32, strided<[?, 1], offset: ?>>";
  auto typed = [&](const std::string &values) {
    size_t count = std::count(values.begin(), values.end(), '%');
    return "(" + values + " : " + repeat(type, count) + ")";
  };
  std::string iterators;
  for (const char *c = test.iterators; *c; ++c)
    iterators += std::string(iterators.empty() ? "" : ", ") +
                 (*c == 'p' ? "\"parallel\"" : "\"reduction\"");
  std::string source = "func.func @f(";
  const char *separator = "";
  for (const char *name : {"%a", "%b", "%c", "%t", "%row", "%column"}) {
    source += separator + std::string(name) + ": " + type;
    separator = ", ";
  }
  source += ") attributes {llvm.emit_c_interface} {\n"
            "linalg.generic {indexing_maps = [" +
            std::string(test.maps) + "], iterator_types = [" + iterators +
            "]} ";
  if (*test.inputs)
    source += "ins" + typed(test.inputs);
  return source + " outs" + typed(test.outputs) + " {\n" + test.body +
         "\n}\nreturn\n}";
}

/// The six matrices with the same contents each time.
struct Arguments {
  explicit Arguments(Sizes s)
      : matrices{{s.j, s.d}, {s.d, s.i}, {s.j, s.i},
                 {s.d, s.j}, {1, s.i},   {s.j, 1}} {
    unsigned state = 1;
    for (Matrix &matrix : matrices)
      for (int64_t row = 0; row < matrix.rows; ++row)
        for (int64_t column = 0; column < matrix.columns; ++column) {
          state = state * 1664525u + 1013904223u;
          matrix.at(row, column) = float(state >> 8) / float(1 << 23) - 1.0f;
        }
  }

  std::vector<Matrix *> pointers() {
    std::vector<Matrix *> all;
    for (Matrix &matrix : matrices)
      all.push_back(&matrix);
    return all;
  }

  Matrix matrices[6];
};

void expectEqual(Matrix &actual, Matrix &expected) {
  EXPECT_TRUE(actual.isBorderIntact());
  for (int64_t row = 0; row < actual.rows; ++row)
    for (int64_t column = 0; column < actual.columns; ++column)
      ASSERT_NEAR(actual.at(row, column), expected.at(row, column),
                  2e-6 * (8 + std::fabs(expected.at(row, column))))
          << "at " << row << ", " << column;
}

class VectorizeTest : public testing::TestWithParam<Case> {};

TEST_P(VectorizeTest, AgreesWithLoops) {
  std::string source = moduleOf(GetParam());
  auto vectors = HostCode::compile(source, Lowering::Vectors);
  auto loops = HostCode::compile(source, Lowering::Loops);
  ASSERT_TRUE(vectors && loops);
  for (Sizes sizes : allSizes) {
    SCOPED_TRACE(testing::Message()
                 << "sizes " << sizes.j << ", " << sizes.i << ", " << sizes.d);
    Arguments actual(sizes), expected(sizes);
    vectors->call("f", actual.pointers());
    loops->call("f", expected.pointers());
    for (size_t i = 0; i < 6; ++i)
      expectEqual(actual.matrices[i], expected.matrices[i]);
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, VectorizeTest, testing::ValuesIn(cases),
                         [](const testing::TestParamInfo<Case> &info) {
                           return std::string(info.param.name);
                         });
} // namespace
