//===- TargetSpecTest.cpp - Reading the names of CPUs -----------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/CPU/TargetSpec.h"

#include "gmock/gmock.h"

using namespace mlir::attn;
using testing::HasSubstr;

namespace {
TargetSpec parse(llvm::StringRef target) {
  return llvm::cantFail(TargetSpec::parse(target));
}

std::string parseError(llvm::StringRef target) {
  return llvm::toString(TargetSpec::parse(target).takeError());
}

TEST(TargetSpecTest, BaselineX86) {
  TargetSpec spec = parse("x86-64:x86-64");
  EXPECT_EQ(spec.vectorBits, 128u);
  EXPECT_EQ(spec.vectorRegisters, 16u);
  EXPECT_FALSE(spec.hasFMA);
  EXPECT_EQ(spec.lanes(32), 4u);
}

TEST(TargetSpecTest, AVX2) {
  TargetSpec spec = parse("x86-64:x86-64-v3");
  EXPECT_EQ(spec.vectorBits, 256u);
  EXPECT_EQ(spec.vectorRegisters, 16u);
  EXPECT_TRUE(spec.hasFMA);
}

TEST(TargetSpecTest, AVX512HasNoBF16DotUnlessAsked) {
  TargetSpec spec = parse("x86-64:x86-64-v4");
  EXPECT_EQ(spec.vectorBits, 512u);
  EXPECT_EQ(spec.vectorRegisters, 32u);
  EXPECT_FALSE(spec.hasBF16Dot);
  EXPECT_TRUE(parse("x86-64:x86-64-v4,+avx512bf16").hasBF16Dot);
  EXPECT_TRUE(parse("x86-64:znver4").hasBF16Dot);
  EXPECT_FALSE(parse("x86-64:sapphirerapids").hasBF16Dot);
  EXPECT_TRUE(spec.hasScale);
  EXPECT_FALSE(parse("x86-64:x86-64-v3").hasScale);
}

TEST(TargetSpecTest, FollowsReads) {
  EXPECT_TRUE(parse("x86-64:znver4").followsReads);
  EXPECT_FALSE(parse("x86-64:sapphirerapids").followsReads);
  EXPECT_FALSE(parse("x86-64:x86-64-v4").followsReads);
}

TEST(TargetSpecTest, FeaturesThatTheCPUHasAnyway) {
  EXPECT_EQ(parse("x86-64:x86-64-v3,+avx2,+avx512f,-amx-tile").features,
            "+avx512f");
  // Alone, the first would take AVX2 away.
  EXPECT_EQ(parse("x86-64:x86-64-v3,-avx,+avx2").features, "-avx,+avx2");
}

TEST(TargetSpecTest, TileRegisters) {
  EXPECT_TRUE(parse("x86-64:sapphirerapids").hasBF16Tiles);
  EXPECT_TRUE(parse("x86-64:sapphirerapids").hasBF16Convert);
  EXPECT_FALSE(parse("x86-64:sapphirerapids,-amx-tile").hasBF16Tiles);
  EXPECT_FALSE(parse("x86-64:sapphirerapids,-amx-bf16").hasBF16Tiles);
  EXPECT_FALSE(parse("x86-64:znver4").hasBF16Tiles);
  EXPECT_TRUE(parse("x86-64:x86-64-v4,+amx-bf16").hasBF16Tiles);
  EXPECT_EQ(parse("x86-64:sapphirerapids").l1Bytes, 48u * 1024);
  EXPECT_EQ(parse("x86-64:x86-64-v4").l1Bytes, 32u * 1024);
  // Weights between both products are in vectors of 16.
  EXPECT_FALSE(parse("x86-64:x86-64-v3,+amx-bf16").hasBF16Tiles);
}

TEST(TargetSpecTest, AArch64) {
  TargetSpec spec = parse("aarch64:neoverse-n1");
  EXPECT_EQ(spec.vectorBits, 128u);
  EXPECT_EQ(spec.vectorRegisters, 32u);
  EXPECT_TRUE(spec.hasFMA);
  EXPECT_FALSE(spec.hasBF16Dot);
}

TEST(TargetSpecTest, NativeNamesTheHost) {
  TargetSpec spec = parse("native");
  EXPECT_FALSE(spec.cpu.empty());
  EXPECT_NE(spec.cpu, "native");
  EXPECT_GE(spec.l2Bytes, spec.l1Bytes);
  EXPECT_EQ(parse("native,-avx512f").vectorBits <= 256, true);
}

TEST(TargetSpecTest, RefusalsNameTheValue) {
  EXPECT_THAT(parseError("x86-64:pentium-9"), HasSubstr("'pentium-9'"));
  EXPECT_THAT(parseError("native,+nosuch"), HasSubstr("'+nosuch'"));
  EXPECT_THAT(parseError("x86-64:x86-64-v3,avx2"), HasSubstr("'avx2'"));
  EXPECT_THAT(parseError("aarch64:neoverse-n1,+avx2"), HasSubstr("'+avx2'"));
  EXPECT_THAT(parseError("abacus:wood"), HasSubstr("unknown architecture"));
  EXPECT_THAT(parseError("aarch64"), HasSubstr("such as aarch64:generic"));
}
} // namespace
