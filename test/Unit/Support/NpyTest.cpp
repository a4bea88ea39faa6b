//===- NpyTest.cpp - Arrays in .npy files -----------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Support/Npy.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::attn;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {
/// A version 1 file with the given dictionary and elements.
std::string file(StringRef dictionary, StringRef elements) {
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes.push_back(static_cast<char>(dictionary.size()));
  bytes.push_back(0);
  return bytes + dictionary.str() + elements.str();
}

std::string errorOf(StringRef bytes) {
  llvm::Expected<NpyArray> array = parseNpy(bytes, "x.npy");
  return array ? "" : llvm::toString(array.takeError());
}

class NpyFileTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("attn-npy", directory));
  }
  void TearDown() override { llvm::sys::fs::remove_directories(directory); }

  std::string path(StringRef name) {
    SmallString<128> result = directory;
    llvm::sys::path::append(result, name);
    return result.str().str();
  }

  SmallString<128> directory;
};

TEST_F(NpyFileTest, everyTypeComesBack) {
  for (NpyType type :
       {NpyType::Bool, NpyType::Int8, NpyType::Int16, NpyType::Int32,
        NpyType::Int64, NpyType::UInt8, NpyType::UInt16, NpyType::UInt32,
        NpyType::UInt64, NpyType::Float16, NpyType::BFloat16, NpyType::Float32,
        NpyType::Float64}) {
    NpyArray array{type, {2, 3}, {}};
    for (int64_t byte = 0; byte < 6 * getNpyElementBytes(type); ++byte)
      array.data.push_back(static_cast<char>(byte % 2));
    std::string at = path("a.npy");
    ASSERT_EQ(llvm::toString(writeNpy(at, array)), "");
    llvm::Expected<NpyArray> back = readNpy(at);
    ASSERT_TRUE(bool(back)) << llvm::toString(back.takeError());
    EXPECT_EQ(back->type, type);
    EXPECT_EQ(back->shape, array.shape);
    EXPECT_EQ(back->data, array.data);
  }
}

TEST_F(NpyFileTest, scalarsAndEmptyArraysComeBack) {
  for (const SmallVector<int64_t> &shape :
       {SmallVector<int64_t>{}, SmallVector<int64_t>{0, 5}}) {
    NpyArray array{NpyType::Float32, shape, {}};
    array.data.resize(array.size() * 4);
    ASSERT_EQ(llvm::toString(writeNpy(path("a.npy"), array)), "");
    llvm::Expected<NpyArray> back = readNpy(path("a.npy"));
    ASSERT_TRUE(bool(back)) << llvm::toString(back.takeError());
    EXPECT_EQ(back->shape, shape);
  }
}

TEST_F(NpyFileTest, failuresNameTheFile) {
  llvm::Expected<NpyArray> missing = readNpy(path("none.npy"));
  ASSERT_FALSE(bool(missing));
  EXPECT_THAT(llvm::toString(missing.takeError()),
              HasSubstr("cannot read '" + path("none.npy") + "'"));
  EXPECT_THAT(llvm::toString(writeNpy(path("no/where.npy"), NpyArray{})),
              HasSubstr("cannot write '" + path("no/where.npy") + "'"));
}

TEST(NpyTest, readsWhatNumpyWrites) {
  llvm::Expected<NpyArray> array = parseNpy(
      file("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }   \n",
           StringRef("\0\0\x80\x3f\0\0\0\x40", 8)),
      "x.npy");
  ASSERT_TRUE(bool(array)) << llvm::toString(array.takeError());
  EXPECT_EQ(array->type, NpyType::Float32);
  EXPECT_THAT(array->shape, ElementsAre(2, 1));
  EXPECT_THAT(array->data, ElementsAre(0, 0, '\x80', 0x3f, 0, 0, 0, 0x40));
}

TEST(NpyTest, readsVersion2AndBFloat16) {
  std::string dictionary =
      "{'descr': '<V2', 'fortran_order': False, 'shape': (1,), }";
  std::string bytes("\x93NUMPY\x02\x00", 8);
  bytes += std::string{static_cast<char>(dictionary.size()), 0, 0, 0};
  llvm::Expected<NpyArray> array =
      parseNpy(bytes + dictionary + std::string("\x80\x3f"), "x.npy");
  ASSERT_TRUE(bool(array)) << llvm::toString(array.takeError());
  EXPECT_EQ(array->type, NpyType::BFloat16);
  EXPECT_EQ(array->describe(), "bfloat16 (1,)");
}

TEST(NpyTest, badFilesAreRefused) {
  EXPECT_EQ(errorOf("PK"), "'x.npy' is no .npy file");
  EXPECT_EQ(errorOf(StringRef("\x93NUMPY\x09\x00", 8)),
            "'x.npy' has .npy version 9; supported are 1, 2 and 3");
  EXPECT_EQ(errorOf(StringRef("\x93NUMPY\x01\x00\x40\x00{", 11)),
            "'x.npy' ends within its header");
  EXPECT_THAT(errorOf(file("{'fortran_order': False, 'shape': ()}", "")),
              HasSubstr("has no element type that is a plain number"));
  EXPECT_THAT(
      errorOf(file("{'descr': '<c8', 'fortran_order': False, 'shape': ()}", "")),
      HasSubstr("holds '<c8'; supported are"));
  EXPECT_THAT(
      errorOf(file("{'descr': '>f4', 'fortran_order': False, 'shape': ()}", "")),
      HasSubstr("big-endian"));
  EXPECT_THAT(
      errorOf(file("{'descr': '<f4', 'fortran_order': True, 'shape': ()}", "")),
      HasSubstr("is in Fortran order"));
  EXPECT_THAT(errorOf(file("{'descr': '<f4', 'fortran_order': False}", "")),
              HasSubstr("does not say its 'shape'"));
  for (StringRef shape : {"(-1,)", "(2 3)", "(a)", "(2,"})
    EXPECT_THAT(errorOf(file(("{'descr': '<f4', 'fortran_order': False, 'shape': " +
                              shape + "}")
                                 .str(),
                             "")),
                HasSubstr("shape that is no tuple of sizes"));
  EXPECT_THAT(errorOf(file("{'descr': '<f4', 'fortran_order': False, 'shape': "
                           "(4294967296, 4294967296)}",
                           "")),
              HasSubstr("more elements than memory holds"));
  EXPECT_EQ(errorOf(file("{'descr': '<f4', 'fortran_order': False, 'shape': "
                         "(2,)}",
                         "1234")),
            "'x.npy' holds 4 bytes of elements; float32 (2,) takes 8");
}

TEST(NpyTest, typesOfMlir) {
  MLIRContext context;
  Builder b(&context);
  EXPECT_EQ(getNpyType(b.getI1Type()), NpyType::Bool);
  EXPECT_EQ(getNpyType(b.getI32Type()), NpyType::Int32);
  EXPECT_EQ(getNpyType(b.getIndexType()), NpyType::Int64);
  EXPECT_EQ(getNpyType(b.getBF16Type()), NpyType::BFloat16);
  EXPECT_EQ(getNpyType(b.getIntegerType(3)), std::nullopt);
  EXPECT_TRUE(holdsElements(NpyType::UInt8, b.getI8Type()));
  EXPECT_TRUE(holdsElements(NpyType::UInt16, b.getBF16Type()));
  EXPECT_TRUE(holdsElements(NpyType::Int64, b.getIndexType()));
  EXPECT_FALSE(holdsElements(NpyType::Float64, b.getF32Type()));
  EXPECT_FALSE(holdsElements(NpyType::Int32, b.getF32Type()));
  EXPECT_FALSE(holdsElements(NpyType::UInt8, b.getI1Type()));
}
} // namespace
