//===- ChecksTest.cpp - What the emulator finds and counts -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EmulatorFixture.h"

using namespace mlir::attn::emulator;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace {

//===----------------------------------------------------------------------===//
// Bounds
//===----------------------------------------------------------------------===//

TEST_F(EmulatorTest, FindsAStoreBehindABuffer) {
  out.count = 40;
  Report report = run(R"(
  %at = add i64 %tid, 10
)" + storeOut("%tid32", "%at"));
  EXPECT_TRUE(report.has(Finding::OutOfBounds));
  EXPECT_THAT(sentences(report),
              ElementsAre(AllOf(HasSubstr("kernel 'k', block (0, 0, 0), thread "
                                          "30 stores 4 bytes at 'out' + 160 of "
                                          "160 bytes"),
                                HasSubstr("outside of all buffers"))));
}

TEST_F(EmulatorTest, FindsALoadInFrontOfABufferAndFarFromAll) {
  Report before = run(R"(
  %at = sub i64 %tid, 1
  %slot = getelementptr i32, ptr addrspace(1) %in, i64 %at
  %v = load i32, ptr addrspace(1) %slot, align 4
)" + storeOut("%v"));
  EXPECT_THAT(sentences(before), ElementsAre(HasSubstr("'in' - 4 of 2048")));
  Report far = run(R"(
  %wild = inttoptr i64 64 to ptr addrspace(1)
  store i32 0, ptr addrspace(1) %wild, align 4
)");
  EXPECT_THAT(sentences(far), ElementsAre(HasSubstr("far from every buffer")));
}

TEST_F(EmulatorTest, FindsAccessesToReleasedMemory) {
  released = out.data();
  Report report = run(storeOut("%tid32"));
  EXPECT_THAT(sentences(report),
              ElementsAre(HasSubstr("at 'out' + 0 of 2048 bytes, which were "
                                    "released, outside of all buffers")));
}

TEST_F(EmulatorTest, FindsAccessesBehindSharedMemory) {
  Report report = run(R"(
  %at = getelementptr i8, ptr addrspace(3) @s, i64 8192
  %v = load i32, ptr addrspace(3) %at, align 4
)" + storeOut("%v"));
  EXPECT_THAT(sentences(report),
              ElementsAre(HasSubstr("shared memory + 8192 of 8192 bytes")));
}

TEST_F(EmulatorTest, FindsMisalignedAccessesAndStoresToInputs) {
  Report misaligned = run(R"(
  %v = load <4 x i32>, ptr addrspace(1) %in, align 16
  %at = getelementptr i8, ptr addrspace(3) @s, i64 8
  store <4 x i32> %v, ptr addrspace(3) %at, align 16
)");
  EXPECT_TRUE(misaligned.has(Finding::Misaligned));
  Report readOnly = run("  store i32 0, ptr addrspace(1) %in, align 4\n");
  EXPECT_TRUE(readOnly.has(Finding::ReadOnly));
}

//===----------------------------------------------------------------------===//
// Races
//===----------------------------------------------------------------------===//

/// Each of 64 threads stores to shared memory and loads what its neighbour of
/// the other warp stored.
std::string exchange(llvm::StringRef between, llvm::StringRef distance) {
  return (R"(
  %mine = getelementptr i32, ptr addrspace(3) @s, i64 %tid
  store i32 %tid32, ptr addrspace(3) %mine, align 4
)" + between +
          R"(
  %other = xor i64 %tid, )" +
          distance + R"(
  %theirs = getelementptr i32, ptr addrspace(3) @s, i64 %other
  %v = load i32, ptr addrspace(3) %theirs, align 4
)")
             .str() +
         storeOut("%v");
}

TEST_F(EmulatorTest, BarriersOrder) {
  EXPECT_TRUE(
      run(exchange("call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)",
                   "32"),
          1, 64)
          .isClean());
  for (unsigned i = 0; i < 64; ++i)
    EXPECT_EQ(out[i], i ^ 32);
  EXPECT_TRUE(
      run(exchange("call void @llvm.nvvm.barrier.cta.sync.aligned.count(i32 1, "
                   "i32 64)",
                   "32"),
          1, 64)
          .isClean());
  EXPECT_TRUE(
      run(exchange("call void @llvm.nvvm.bar.warp.sync(i32 -1)", "1"), 1, 64)
          .isClean());
}

TEST_F(EmulatorTest, FindsARemovedBarrier) {
  Report report = run(exchange("", "32"), 1, 64);
  EXPECT_TRUE(report.has(Finding::Race));
  EXPECT_THAT(sentences(report)[0], HasSubstr("nothing orders the two"));
  // A barrier of the warp does not order two warps, nor does one with others.
  EXPECT_TRUE(
      run(exchange("call void @llvm.nvvm.bar.warp.sync(i32 -1)", "32"), 1, 64)
          .has(Finding::Race));
  EXPECT_TRUE(run(exchange(R"(
  %warp = lshr i32 %tid32, 5
  %id = add i32 %warp, 1
  call void @llvm.nvvm.barrier.cta.sync.aligned.count(i32 %id, i32 32)
)",
                           "32"),
                  1, 64)
                  .has(Finding::Race));
}

TEST_F(EmulatorTest, FindsAStoreAfterALoadWithoutABarrier) {
  Report report =
      run(exchange("call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)",
                   "32") +
              "  store i32 0, ptr addrspace(3) %mine, align 4\n",
          1, 64);
  EXPECT_THAT(sentences(report),
              Contains(HasSubstr(" loaded and nothing orders the two")));
}

TEST_F(EmulatorTest, NamedBarriersOrderProducersAndConsumers) {
  // Threads 0 to 31 produce and only arrive; the others wait.
  constexpr llvm::StringLiteral body = R"(
  %isFirst = icmp ult i64 %tid, 32
  br i1 %isFirst, label %produce, label %consume
produce:
  %mine = getelementptr i32, ptr addrspace(3) @s, i64 %tid
  store i32 %tid32, ptr addrspace(3) %mine, align 4
  call void @llvm.nvvm.barrier.cta.arrive.aligned.count(i32 1, i32 64)
  ret void
consume:
  SYNC
  %other = sub i64 %tid, 32
  %theirs = getelementptr i32, ptr addrspace(3) @s, i64 %other
  %v = load i32, ptr addrspace(3) %theirs, align 4
)";
  std::string text = body.str();
  size_t at = text.find("SYNC");
  std::string ordered = text, free = text;
  ordered.replace(
      at, 4,
      "call void @llvm.nvvm.barrier.cta.sync.aligned.count(i32 1, i32 64)");
  EXPECT_THAT(sentences(run(ordered + storeOut("%v"), 1, 64)), IsEmpty());
  EXPECT_EQ(out[63], 31u);
  free.replace(at, 4, "");
  EXPECT_TRUE(run(free + storeOut("%v"), 1, 64).has(Finding::Race));
}

TEST_F(EmulatorTest, FindsStoresOfTwoBlocksToOnePlace) {
  Report report = run(storeOut("%cta32"), /*blocks=*/2);
  ASSERT_TRUE(report.has(Finding::Race));
  EXPECT_THAT(sentences(report)[0],
              AllOf(HasSubstr("block (1, 0, 0)"), HasSubstr("'out' + 0")));
  Report atomic = run(R"(
  %old = atomicrmw add ptr addrspace(1) %out, i32 1 monotonic
)",
                      2);
  EXPECT_THAT(sentences(atomic), IsEmpty());
}

//===----------------------------------------------------------------------===//
// Threads that do not meet
//===----------------------------------------------------------------------===//

TEST_F(EmulatorTest, FindsADivergentShuffle) {
  Report report = run(R"(
  %low = icmp ult i64 %tid, 16
  br i1 %low, label %a, label %b
a:
  %x = call i32 @llvm.nvvm.shfl.sync.bfly.i32(i32 -1, i32 1, i32 1, i32 31)
  ret void
b:
  %y = call i32 @llvm.nvvm.shfl.sync.bfly.i32(i32 -1, i32 2, i32 1, i32 31)
)");
  EXPECT_TRUE(report.has(Finding::Divergence));
}

TEST_F(EmulatorTest, FindsADeadlock) {
  Report report = run(R"(
  %low = icmp ult i64 %tid, 16
  br i1 %low, label %a, label %b
a:
  %x = call i32 @llvm.nvvm.shfl.sync.bfly.i32(i32 -1, i32 1, i32 1, i32 31)
  ret void
b:
)");
  ASSERT_TRUE(report.has(Finding::Deadlock));
  EXPECT_THAT(sentences(report)[0], AllOf(HasSubstr("thread 0 waits for ever"),
                                          HasSubstr("16 threads have ended")));
}

//===----------------------------------------------------------------------===//
// Counts
//===----------------------------------------------------------------------===//

/// Stores 4 bytes at `stride` times the thread's number.
std::string storeShared(unsigned stride) {
  return "  %byte = mul i64 %tid, " + std::to_string(stride) + R"(
  %at = getelementptr i8, ptr addrspace(3) @s, i64 %byte
  store i32 0, ptr addrspace(3) %at, align 4
)";
}

TEST_F(EmulatorTest, CountsBankConflictsOfStores) {
  EXPECT_EQ(run(storeShared(4)).counts.bankConflicts, 0);
  EXPECT_EQ(run(storeShared(8)).counts.bankConflicts, 1);
  Report column = run(storeShared(128));
  EXPECT_EQ(column.counts.bankConflicts, 31);
  EXPECT_EQ(column.counts.sharedWavefronts, 32);
  ASSERT_EQ(column.shared.size(), 1u);
  EXPECT_THAT(column.shared[0].instruction, HasSubstr("store i32 0"));
}

TEST_F(EmulatorTest, CountsBankConflictsOfMatrices) {
  // Rows of 128 bytes, unless the chunk of 16 bytes is exchanged with the row.
  constexpr llvm::StringLiteral body = R"(
  %row = and i64 %tid, 7
  %start = mul i64 %row, 128
  %chunk = mul i64 CHUNK, 16
  %byte = add i64 %start, %chunk
  %at = getelementptr i8, ptr addrspace(3) @s, i64 %byte
  %m = call i32 @llvm.nvvm.ldmatrix.sync.aligned.m8n8.x1.b16.p3(ptr addrspace(3) %at)
)";
  std::string text = body.str(), plain = text, swizzled = text;
  size_t at = text.find("CHUNK");
  EXPECT_EQ(run(plain.replace(at, 5, "0")).counts.bankConflicts, 7);
  EXPECT_EQ(run(swizzled.replace(at, 5, "%row")).counts.bankConflicts, 0);
}

TEST_F(EmulatorTest, CountsSectors) {
  Report report = run(R"(
  %at = mul i64 %tid, 8
)" + storeOut("%tid32", "%at"));
  EXPECT_EQ(report.counts.storedBytes, 32 * 4);
  EXPECT_EQ(report.counts.storedSectors, 32);
  ASSERT_EQ(report.buffers.size(), 2u);
  EXPECT_EQ(report.buffers[0].name, "in");
  EXPECT_EQ(report.buffers[1].storedBytes, 32 * 4);
}

//===----------------------------------------------------------------------===//
// Refusals
//===----------------------------------------------------------------------===//

TEST_F(EmulatorTest, RefusesWhatItDoesNotKnow) {
  auto unknown = create(
      makeKernel("  call void asm sideeffect \"nanosleep.u32 20;\", \"\"()\n"));
  ASSERT_FALSE(bool(unknown));
  EXPECT_THAT(toString(unknown.takeError()),
              HasSubstr("lacks the inline assembly 'nanosleep.u32 20;'"));
  auto intrinsic =
      create(makeKernel("  %c = call i32 @llvm.nvvm.read.ptx.sreg.clock()\n"));
  ASSERT_FALSE(bool(intrinsic));
  EXPECT_THAT(toString(intrinsic.takeError()),
              HasSubstr("lacks 'llvm.nvvm.read.ptx.sreg.clock'"));
  auto host = create("target triple = \"x86_64-linux-gnu\"\n");
  ASSERT_FALSE(bool(host));
  EXPECT_THAT(toString(host.takeError()), HasSubstr("x86_64"));
}

TEST_F(EmulatorTest, RefusesWrongLaunches) {
  auto emulator = create(makeKernel(""));
  ASSERT_TRUE(bool(emulator));
  auto expectError = [&](const Launch &launch, llvm::StringRef sentence) {
    auto report = (*emulator)->launch(launch, nullptr);
    ASSERT_FALSE(bool(report));
    EXPECT_THAT(toString(report.takeError()), HasSubstr(sentence.str()));
  };
  expectError({"f", {}, {}}, "no kernel 'f'");
  expectError({"k", {}, {2048}}, "a block of 2048 threads");
  expectError({"k", {0}, {}}, "a grid of no blocks");
  expectError({"k", {}, {}, 230000}, "238192 bytes of shared memory");
}

} // namespace
