//===- WarpgroupTest.cpp - wgmma and mbarrier -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EmulatorFixture.h"

using namespace mlir::attn::emulator;
using testing::HasSubstr;

namespace {

/// Thread 32 stores a word, which thread 0 loads behind `between`; an mbarrier
/// at the start of shared memory waits for one arrival.
std::string handOver(llvm::StringRef arrive, llvm::StringRef wait) {
  return (R"(
  %bar = getelementptr i8, ptr addrspace(3) @s, i64 0
  %word = getelementptr i8, ptr addrspace(3) @s, i64 64
  %first = icmp eq i64 %tid, 0
  br i1 %first, label %init, label %ready
init:
  call void @llvm.nvvm.mbarrier.init.shared(ptr addrspace(3) %bar, i32 1)
  br label %ready
ready:
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  %producer = icmp eq i64 %tid, 32
  br i1 %producer, label %produce, label %other
produce:
  store i32 77, ptr addrspace(3) %word, align 4
)" + arrive +
          R"(
  ret void
other:
  br i1 %first, label %consume, label %done
consume:
)" + wait +
          R"(
  %v = load i32, ptr addrspace(3) %word, align 4
)")
             .str() +
         storeOut("%v") + "  br label %done\ndone:";
}

constexpr llvm::StringLiteral arrive =
    "  %state = call i64 @llvm.nvvm.mbarrier.arrive.shared(ptr addrspace(3) "
    "%bar)\n";
constexpr llvm::StringLiteral waitForFirst =
    "  call void asm sideeffect \"{ mbarrier.try_wait.parity.shared::cta.b64 "
    "p, [$0], $1; }\", \"l,r,~{memory}\"(ptr addrspace(3) %bar, i32 0)\n";

TEST_F(EmulatorTest, PhasesOfAnMBarrierOrder) {
  EXPECT_TRUE(run(handOver(arrive, waitForFirst), 1, 64).isClean());
  EXPECT_EQ(out[0], 77u);
  EXPECT_TRUE(run(handOver(arrive, ""), 1, 64).has(Finding::Race));
  EXPECT_TRUE(run(handOver("", waitForFirst), 1, 64).has(Finding::Deadlock));
}

TEST_F(EmulatorTest, WaitsForOddParityPassAtFirst) {
  std::string wait = waitForFirst.str();
  wait.replace(wait.find("i32 0"), 5, "i32 1");
  EXPECT_TRUE(run(handOver("", wait), 1, 64).has(Finding::Race));
}

TEST_F(EmulatorTest, FindsAnMBarrierThatIsNone) {
  Report report = run(R"(
  %bar = getelementptr i8, ptr addrspace(3) @s, i64 8
)" + arrive.str());
  EXPECT_THAT(sentences(report),
              testing::ElementsAre(HasSubstr("uses as an mbarrier what is "
                                             "none at shared memory + 8")));
}

/// 64 rows of ones by eight columns, of which the n-th is 16 times n / 8: rows
/// of 128 bytes, all elements of row n being n.
static std::string multiplyOnes(const llvm::Twine &wait) {
  return (R"(
  %row = lshr i32 %tid32, 4
  %float = uitofp i32 %row to half
  %bits = bitcast half %float to i16
  %low = zext i16 %bits to i64
  %pair = mul i64 %low, 65537
  %quad = mul i64 %pair, 4294967297
  %mine = getelementptr i64, ptr addrspace(3) @s, i64 %tid
  store i64 %quad, ptr addrspace(3) %mine, align 8
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  %full = ptrtoint ptr addrspace(3) @s to i64
  %offset = and i64 %full, 262143
  %place = lshr i64 %offset, 4
  %b = or i64 %place, 4611686293305294848
  %d = call {float, float, float, float} asm sideeffect "wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {$0, $1, $2, $3}, {$4, $5, $6, $7}, $8, 0, 1, 1, 0;", "=f,=f,=f,=f,r,r,r,r,l"(i32 1006648320, i32 1006648320, i32 1006648320, i32 1006648320, i64 %b)
  call void @llvm.nvvm.wgmma.commit_group.sync.aligned()
  %one = extractvalue {float, float, float, float} %d, 1
  %v = call float asm sideeffect "wgmma.wait_group.sync.aligned )" +
          wait + R"(;", "=f,0"(float %one)
  %small = fcmp olt float %v, 1.0e3
  %n = fptoui float %v to i32
  %shown = select i1 %small, i32 %n, i32 77
)" + storeOut("%shown"))
      .str();
}

TEST_F(EmulatorTest, MultipliesRegistersByColumnsInSharedMemory) {
  Report report = run(multiplyOnes("0"), 1, 128);
  EXPECT_THAT(sentences(report), testing::IsEmpty());
  for (unsigned i = 0; i < 128; ++i)
    EXPECT_EQ(out[i], 16 * (2 * (i % 4) + 1));
  EXPECT_EQ(report.counts.tensorFlops, 2 * 64 * 8 * 16);
}

/// Registers hold NaN until then.
TEST_F(EmulatorTest, ProductsHaveNoResultBeforeTheyAreWaitedFor) {
  run(multiplyOnes("1"), 1, 128);
  for (unsigned i = 0; i < 128; ++i)
    EXPECT_EQ(out[i], 77u);
}

} // namespace
