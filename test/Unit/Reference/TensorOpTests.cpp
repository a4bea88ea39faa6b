//===- TensorOpTests.cpp - Tensor code around attention ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReferenceTest.h"

using namespace mlir;
using namespace mlir::attn::reference;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {
class TensorOpTest : public ReferenceTest {};

TEST_F(TensorOpTest, elementwise) {
  StringRef text = R"(
    func.func @f(%x: tensor<?xf32>, %c: i1) -> tensor<?xf32> {
      %y = arith.mulf %x, %x : tensor<?xf32>
      %z = math.sqrt %y : tensor<?xf32>
      %s = arith.select %c, %z, %x : tensor<?xf32>
      return %s : tensor<?xf32>
    })";
  EXPECT_THAT(values(text, {floats({2}, {-2, 3}), integers(1, {}, {1})}),
              ElementsAre(2, 3));
  EXPECT_THAT(values(text, {floats({2}, {-2, 3}), integers(1, {}, {0})}),
              ElementsAre(-2, 3));
}

TEST_F(TensorOpTest, integersWrap) {
  StringRef text = R"(
    func.func @f(%x: tensor<1xi32>) -> tensor<1xi32> {
      %y = arith.addi %x, %x : tensor<1xi32>
      return %y : tensor<1xi32>
    })";
  auto results = run(text, {integers(32, {1}, {0x7fffffff})});
  ASSERT_EQ(error, "");
  EXPECT_THAT(results[0].value.integers, ElementsAre(-2));
}

TEST_F(TensorOpTest, matmulAndItsBound) {
  StringRef text = R"(
    func.func @f(%a: tensor<?x?xf32>, %b: tensor<?x?xf32>, %c: tensor<?x?xf32>)
        -> tensor<?x?xf32> {
      %r = linalg.matmul ins(%a, %b : tensor<?x?xf32>, tensor<?x?xf32>)
                         outs(%c : tensor<?x?xf32>) -> tensor<?x?xf32>
      return %r : tensor<?x?xf32>
    })";
  auto results = run(text, {floats({1, 3}, {1, 100, -100}),
                            floats({3, 1}, {1, 1, 1}), floats({1, 1}, {0.5})});
  ASSERT_EQ(error, "");
  EXPECT_THAT(results[0].value.floats, ElementsAre(1.5));
  // Some order of summation rounds at 101.
  EXPECT_GT(results[0].boundAt(0), std::ldexp(101, -24));
  EXPECT_LT(results[0].boundAt(0), std::ldexp(2000, -24));
  run(text, {floats({1, 3}, {1, 2, 3}), floats({2, 1}, {1, 1}),
             floats({1, 1}, {0})});
  EXPECT_EQ(error, "'linalg.matmul' has operands of sizes 3 and 2 along one loop; "
                   "they must be equal");
}

TEST_F(TensorOpTest, genericWithIndex) {
  StringRef text = R"(
    #id = affine_map<(i, j) -> (i, j)>
    #transposed = affine_map<(i, j) -> (j, i)>
    func.func @f(%a: tensor<2x3xi64>, %o: tensor<3x2xi64>) -> tensor<3x2xi64> {
      %r = linalg.generic {indexing_maps = [#id, #transposed],
                           iterator_types = ["parallel", "parallel"]}
           ins(%a : tensor<2x3xi64>) outs(%o : tensor<3x2xi64>) {
      ^bb0(%x: i64, %y: i64):
        %j = linalg.index 1 : index
        %n = arith.index_cast %j : index to i64
        %s = arith.addi %x, %n : i64
        linalg.yield %s : i64
      } -> tensor<3x2xi64>
      return %r : tensor<3x2xi64>
    })";
  auto results = run(text, {integers(64, {2, 3}, {10, 20, 30, 40, 50, 60}),
                            integers(64, {3, 2}, {0, 0, 0, 0, 0, 0})});
  ASSERT_EQ(error, "");
  EXPECT_THAT(results[0].value.integers, ElementsAre(10, 40, 21, 51, 32, 62));
}

TEST_F(TensorOpTest, shapes) {
  StringRef text = R"(
    func.func @f(%x: tensor<2x4xf32>) -> tensor<?xf32> {
      %e = tensor.expand_shape %x [[0], [1, 2]] output_shape [2, 2, 2]
           : tensor<2x4xf32> into tensor<2x2x2xf32>
      %s = tensor.extract_slice %e[0, 1, 0] [2, 1, 2] [1, 1, 1]
           : tensor<2x2x2xf32> to tensor<2x2xf32>
      %z = arith.constant 0.0 : f32
      %p = tensor.pad %s low[1, 0] high[0, 0] {
      ^bb0(%i: index, %j: index):
        tensor.yield %z : f32
      } : tensor<2x2xf32> to tensor<3x2xf32>
      %i = tensor.insert_slice %s into %p[1, 0] [2, 2] [1, 1]
           : tensor<2x2xf32> into tensor<3x2xf32>
      %c = tensor.collapse_shape %i [[0, 1]] : tensor<3x2xf32> into tensor<6xf32>
      %r = tensor.concat dim(0) %c, %c : (tensor<6xf32>, tensor<6xf32>)
           -> tensor<12xf32>
      %d = tensor.cast %r : tensor<12xf32> to tensor<?xf32>
      return %d : tensor<?xf32>
    })";
  EXPECT_THAT(values(text, {floats({2, 4}, {0, 1, 2, 3, 4, 5, 6, 7})}),
              ElementsAre(0, 0, 2, 3, 6, 7, 0, 0, 2, 3, 6, 7));
}

TEST_F(TensorOpTest, loopsBranchesAndCalls) {
  StringRef text = R"(
    func.func private @double(%x: index) -> index {
      %y = arith.addi %x, %x : index
      return %y : index
    }
    func.func @f(%n: index) -> index {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c3 = arith.constant 3 : index
      %r = scf.for %i = %c0 to %n step %c1 iter_args(%s = %c1) -> index {
        %odd = arith.cmpi slt, %i, %c3 : index
        %t = scf.if %odd -> index {
          %d = func.call @double(%s) : (index) -> index
          scf.yield %d : index
        } else {
          scf.yield %s : index
        }
        scf.yield %t : index
      }
      return %r : index
    })";
  auto results = run(text, {index(5)});
  ASSERT_EQ(error, "");
  EXPECT_THAT(results[0].value.integers, ElementsAre(8));
}

TEST_F(TensorOpTest, masksGoThroughPrivateCalls) {
  StringRef text = R"(
    func.func private @both(%m: !attn.mask) -> !attn.mask {
      %d = attn.mask.dilated stride = 2
      %a = attn.mask.and %m, %d
      return %a : !attn.mask
    }
    func.func @f(%x: tensor<3x3xf32>) -> tensor<3x3xf32> {
      %c = attn.mask.causal
      %m = func.call @both(%c) : (!attn.mask) -> !attn.mask
      %w = attn.masked_softmax %x mask(%m) : tensor<3x3xf32> -> tensor<3x3xf32>
      return %w : tensor<3x3xf32>
    })";
  EXPECT_THAT(values(text, {floats({3, 3}, std::vector<double>(9))}),
              nearAll({1, 0, 0, 0, 1, 0, 0.5, 0, 0.5}));
}

TEST_F(TensorOpTest, require_m1) {
  StringRef text = R"(
    func.func @f(%n: index) {
      %c = arith.constant 2 : index
      %ok = arith.cmpi eq, %n, %c : index
      attn.require %ok, "size {0} differs from {1}" (%n, %c)
      return
    })";
  run(text, {index(2)});
  EXPECT_EQ(error, "");
  run(text, {index(3)});
  EXPECT_EQ(error, "'attn.require' size 3 differs from 2");
}

TEST_F(TensorOpTest, whatIsNotSupportedIsNamed) {
  run("func.func @f(%x: vector<4xf32>) { return }", {floats({4}, {1, 2, 3, 4})});
  EXPECT_THAT(error, HasSubstr("takes vector<4xf32> as argument 0"));
  run(R"(func.func @f(%x: f32) {
        %v = vector.broadcast %x : f32 to vector<4xf32>
        return
      })",
      {floats({}, {1})});
  EXPECT_THAT(error, HasSubstr("'vector.broadcast' has a value of type "
                               "vector<4xf32>"));
  run(R"(func.func @f(%x: index) -> tensor<?xf32> {
        %c = arith.constant 1.0 : f32
        %t = tensor.splat %c[%x] : tensor<?xf32>
        return %t : tensor<?xf32>
      })",
      {index(int64_t(1) << 40)});
  EXPECT_THAT(error, HasSubstr("'tensor.splat' makes a tensor of sizes "
                               "1099511627776"));
  run(R"(func.func @f(%x: index) -> index {
        %r = func.call @f(%x) : (index) -> index
        return %r : index
      })",
      {index(1)});
  EXPECT_THAT(error, HasSubstr("calls deep"));
  run("func.func private @f(%x: index)", {index(1)});
  EXPECT_EQ(error, "'func.func' @f has no body");
}
} // namespace
