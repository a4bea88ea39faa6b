//===- GPUSpecTest.cpp - Reading the names of GPUs --------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/NVPTX/GPUSpec.h"

#include "gmock/gmock.h"

using namespace mlir::attn;
using testing::AllOf;
using testing::HasSubstr;

namespace {
TEST(GPUSpecTest, SharedMemoryIsWhatOneBlockCanHave) {
  EXPECT_EQ(llvm::cantFail(GPUSpec::parse("sm_80")).sharedBytes, 163u * 1024);
  EXPECT_EQ(llvm::cantFail(GPUSpec::parse("sm_86")).sharedBytes, 99u * 1024);
  EXPECT_EQ(llvm::cantFail(GPUSpec::parse("sm_90a")).sharedBytes, 227u * 1024);
}

TEST(GPUSpecTest, GPUsAreToldFromCPUs) {
  EXPECT_TRUE(GPUSpec::isGPU("sm_80"));
  EXPECT_FALSE(GPUSpec::isGPU("native"));
  EXPECT_FALSE(GPUSpec::isGPU("x86-64-v4"));
}

TEST(GPUSpecTest, SeveralChipsOfferWhatAllHave) {
  GPUSpec spec = llvm::cantFail(GPUSpec::parse("sm_90,sm_86"));
  EXPECT_EQ(spec.sharedBytes, 99u * 1024);
  EXPECT_EQ(spec.multiprocessors, 84u);
  ASSERT_EQ(spec.chips.size(), 2u);
  EXPECT_EQ(spec.chips[1].name, "sm_86");
  EXPECT_THAT(llvm::toString(GPUSpec::parse("sm_80,sm_80").takeError()),
              HasSubstr("target 'sm_80,sm_80' names 'sm_80' twice"));
  EXPECT_THAT(llvm::toString(GPUSpec::parse("sm_80,").takeError()),
              HasSubstr("unknown GPU ''"));
}

TEST(GPUSpecTest, RefusalsNameTheChipAndThoseKnown) {
  EXPECT_THAT(llvm::toString(GPUSpec::parse("sm_75").takeError()),
              AllOf(HasSubstr("'sm_75'"), HasSubstr("sm_80, sm_86")));
}
} // namespace
