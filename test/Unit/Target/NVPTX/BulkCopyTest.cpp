//===- BulkCopyTest.cpp - Boxes by TMA -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EmulatorFixture.h"

using namespace mlir::attn::emulator;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

/// What a kernel does with the box.
struct Wish {
  unsigned bytes = 1024; ///< That the barrier expects.
  int row = 3;           ///< Where the box begins.
  unsigned offset = 0;   ///< In shared memory.
  bool waits = true, reads = true;
};

/// Boxes of 8 rows of 128 bytes.
class BulkCopyTest : public EmulatorTest {
protected:
  BulkCopyTest() {
    for (size_t i = 0; i < in.size(); ++i)
      in[i] = i + 1;
  }

  /// Of a tensor of rows of 64 elements.
  llvm::Error makeMap(int64_t rows, llvm::ArrayRef<int64_t> box = {64, 8},
                      int64_t stride = 128) {
    return encodeTensorMap(map, in.data(), {64, rows}, {stride}, box, 2);
  }

  /// Thread 0 copies a box, of which each of 256 threads stores a word.
  Report copy(const Wish &wish, CopySchedule schedule = CopySchedule::Eager) {
    std::string body =
        (llvm::Twine(R"(
  %bar = getelementptr i8, ptr addrspace(3) @s, i64 8184
  %first = icmp eq i64 %tid, 0
  br i1 %first, label %init, label %ready
init:
  call void @llvm.nvvm.mbarrier.init.shared(ptr addrspace(3) %bar, i32 1)
  call void @llvm.nvvm.fence.mbarrier_init.release.cluster()
  %state = call i64 @llvm.nvvm.mbarrier.arrive.expect.tx.scope.cta.space.cta(ptr addrspace(3) %bar, i32 )") +
         llvm::Twine(wish.bytes) + R"()
  %at = getelementptr i8, ptr addrspace(3) @s, i64 )" +
         llvm::Twine(wish.offset) + R"(
  %to = addrspacecast ptr addrspace(3) %at to ptr addrspace(7)
  call void @llvm.nvvm.cp.async.bulk.tensor.g2s.tile.2d(ptr addrspace(7) %to, ptr addrspace(3) %bar, ptr %map, i32 0, i32 )" +
         llvm::Twine(wish.row) + R"(, i16 0, i64 0, i1 0, i1 0, i32 0)
  br label %ready
ready:
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
)")
            .str();
    if (wish.waits)
      body += "  call void asm sideeffect \"{ "
              "mbarrier.try_wait.parity.shared::cta.b64 p, [$0], $1; }\", "
              "\"l,r,~{memory}\"(ptr addrspace(3) %bar, i32 0)\n";
    if (wish.reads)
      body += "  %word = getelementptr i32, ptr addrspace(3) @s, i64 %tid\n"
              "  %v = load i32, ptr addrspace(3) %word, align 4\n" +
              storeOut("%v");
    return run(body, 1, 256, schedule);
  }
};

TEST_F(BulkCopyTest, RowsAreSwizzledAndFilledWithZeros) {
  cantFail(makeMap(10));
  for (CopySchedule schedule : getCopySchedules()) {
    Report report = copy({}, schedule);
    EXPECT_THAT(sentences(report), testing::IsEmpty());
    for (unsigned i = 0; i < 256; ++i) {
      unsigned row = i / 32, chunk = i / 4 % 8 ^ row;
      EXPECT_EQ(out[i], row < 7 ? (row + 3) * 32 + chunk * 4 + i % 4 + 1 : 0u);
    }
    EXPECT_EQ(report.counts.loadedBytes, 7 * 128);
    EXPECT_EQ(report.counts.loadedSectors, 7 * 4);
  }
}

TEST_F(BulkCopyTest, RowsBeforeTheFirstAreZeros) {
  cantFail(makeMap(10));
  Report report = copy({1024, -1});
  EXPECT_TRUE(report.isClean());
  EXPECT_EQ(out[0], 0u);
  EXPECT_EQ(out[32 + 4], 1u);
}

TEST_F(BulkCopyTest, FindsAWrongNumberOfBytes) {
  cantFail(makeMap(16));
  for (CopySchedule schedule : getCopySchedules()) {
    EXPECT_TRUE(copy({1040}, schedule).has(Finding::Deadlock));
    EXPECT_TRUE(copy({512}, schedule).has(Finding::Deadlock));
  }
  // Nothing is expected: the phase has ended before the copy arrives.
  EXPECT_TRUE(copy({0}, CopySchedule::Lazy).has(Finding::Pending));
}

TEST_F(BulkCopyTest, FindsAMissingWait) {
  cantFail(makeMap(16));
  Wish wish;
  wish.waits = false;
  EXPECT_TRUE(copy(wish, CopySchedule::Lazy).has(Finding::Pending));
  EXPECT_TRUE(copy(wish, CopySchedule::LazyReversed).has(Finding::Pending));
  wish.reads = false;
  EXPECT_THAT(sentences(copy(wish, CopySchedule::Lazy)),
              ElementsAre(HasSubstr("ends while copies")));
}

TEST_F(BulkCopyTest, FindsABoxBeyondMemory) {
  cantFail(makeMap(16));
  EXPECT_TRUE(copy({1024, 0, 7296}).has(Finding::OutOfBounds));
  EXPECT_TRUE(copy({1024, 0, 64}).has(Finding::Misaligned));
  // `in` has 16 rows.
  cantFail(makeMap(17));
  EXPECT_TRUE(copy({1024, 9}).has(Finding::OutOfBounds));
  cantFail(makeMap(16, {64, 9}));
  EXPECT_TRUE(copy({}).has(Finding::Deadlock));
}

TEST_F(BulkCopyTest, FindsWhatIsNoMap) {
  EXPECT_THAT(sentences(copy({})),
              ElementsAre(HasSubstr("no tensor map of 2 dimensions")));
}

TEST_F(BulkCopyTest, MapsAreCheckedAsTheDriverDoes) {
  EXPECT_EQ(toString(makeMap(16, {32, 8})),
            "a tensor map has rows of 64 bytes; swizzled ones have 128");
  EXPECT_THAT(toString(makeMap(16, {64, 257})), HasSubstr("takes 257 of 16"));
  EXPECT_THAT(toString(makeMap(0)), HasSubstr("takes 8 of 0"));
  EXPECT_THAT(toString(makeMap(16, {64, 8}, 136)),
              HasSubstr("a stride of 136 bytes"));
  EXPECT_THAT(toString(makeMap(16, {64, 8}, 0)), HasSubstr("a stride of 0"));
  EXPECT_THAT(toString(encodeTensorMap(map, reinterpret_cast<char *>(&in) + 8,
                                       {64, 2}, {128}, {64, 8}, 2)),
              HasSubstr("multiple of 16 bytes"));
  EXPECT_THAT(
      toString(encodeTensorMap(map + 8, in.data(), {64, 2}, {128}, {64, 8}, 2)),
      HasSubstr("multiple of 64 bytes"));
}

} // namespace
