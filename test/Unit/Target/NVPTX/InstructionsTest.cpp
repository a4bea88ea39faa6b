//===- InstructionsTest.cpp - Device instructions, one by one -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EmulatorFixture.h"

#include "llvm/ADT/APFloat.h"

#include <cmath>
#include <cstring>

using namespace mlir::attn::emulator;

namespace {

TEST_F(EmulatorTest, RegistersSayWhereAThreadIs) {
  Report report = run(R"(
  %ntid32 = call i32 @llvm.nvvm.read.ptx.sreg.ntid.x()
  %ntid = zext i32 %ntid32 to i64
  %base = mul i64 %cta, %ntid
  %at = add i64 %base, %tid
  %lane = call i32 @llvm.nvvm.read.ptx.sreg.laneid()
)" + storeOut("%lane", "%at"),
                      /*blocks=*/3, /*threads=*/64);
  EXPECT_THAT(sentences(report), testing::IsEmpty());
  for (unsigned i = 0; i < 3 * 64; ++i)
    EXPECT_EQ(out[i], i % 32);
  EXPECT_EQ(report.counts.blocks, 3);
  EXPECT_EQ(report.counts.storedBytes, 3 * 64 * 4);
  EXPECT_EQ(report.counts.storedSectors, 3 * 64 * 4 / 32);
}

/// Shuffles %tid of the 32 lanes.
std::string shuffle(const char *kind, int operand, int clamp) {
  return "  %v = call i32 @llvm.nvvm.shfl.sync." + std::string(kind) +
         ".i32(i32 -1, i32 %tid32, i32 " + std::to_string(operand) + ", i32 " +
         std::to_string(clamp) + ")\n" + storeOut("%v");
}

TEST_F(EmulatorTest, Shuffles) {
  EXPECT_TRUE(run(shuffle("bfly", 5, 31)).isClean());
  for (unsigned i = 0; i < 32; ++i)
    EXPECT_EQ(out[i], i ^ 5);
  EXPECT_TRUE(run(shuffle("idx", 7, 31)).isClean());
  for (unsigned i = 0; i < 32; ++i)
    EXPECT_EQ(out[i], 7u);
  EXPECT_TRUE(run(shuffle("up", 3, 0)).isClean());
  for (unsigned i = 0; i < 32; ++i)
    EXPECT_EQ(out[i], i < 3 ? i : i - 3);
  EXPECT_TRUE(run(shuffle("down", 3, 31)).isClean());
  for (unsigned i = 0; i < 32; ++i)
    EXPECT_EQ(out[i], i > 28 ? i : i + 3);
  // Segments of 8 lanes: bits 8 to 12 of the clamp keep the upper lane bits.
  EXPECT_TRUE(run(shuffle("down", 2, 0x1807)).isClean());
  for (unsigned i = 0; i < 32; ++i)
    EXPECT_EQ(out[i], i % 8 > 5 ? i : i + 2);
}

TEST_F(EmulatorTest, VotesAndReductions) {
  Report report = run(R"(
  %odd = trunc i64 %tid to i1
  %b = call i32 @llvm.nvvm.vote.ballot.sync(i32 -1, i1 %odd)
  %s = call i32 @llvm.nvvm.redux.sync.add(i32 %tid32, i32 -1)
  %sum = add i32 %b, %s
)" + storeOut("%sum"));
  EXPECT_TRUE(report.isClean());
  EXPECT_EQ(out[3], 0xaaaaaaaau + 31 * 32 / 2);
}

TEST_F(EmulatorTest, ApproximationsFlushDenormals) {
  float values[] = {0, 1, -2.5, -150, 1e-40f};
  std::memcpy(in.data(), values, sizeof(values));
  Report report = run(R"(
  %slot = getelementptr float, ptr addrspace(1) %in, i64 %tid
  %x = load float, ptr addrspace(1) %slot, align 4
  %a = call float @llvm.nvvm.ex2.approx.ftz.f32(float %x)
  %b = call float asm "ex2.approx.ftz.f32 $0, $1;", "=f,f"(float %x)
  %d = fsub float %a, %b
  %r = fadd float %a, %d
)" + storeOut("%r", "%tid", "float"),
                      1, 5);
  EXPECT_THAT(sentences(report), testing::IsEmpty());
  float results[5];
  std::memcpy(results, out.data(), sizeof(results));
  EXPECT_EQ(results[0], 1);
  EXPECT_EQ(results[1], 2);
  EXPECT_FLOAT_EQ(results[2], std::exp2(-2.5f));
  EXPECT_EQ(results[3], 0); // 2^-150 is a denormal.
  EXPECT_EQ(results[4], 1);
}

//===----------------------------------------------------------------------===//
// ldmatrix, as section "Warp-level matrix load" of the PTX manual draws it
//===----------------------------------------------------------------------===//

/// Fills shared memory from `in` with 16 bytes for each thread, then loads four
/// matrices whose row r of matrix m lies at (8 m + r) * 16.
std::string loadMatrices(const char *transposed) {
  std::string body = R"(
  %byte = mul i64 %tid, 16
  %from = getelementptr i8, ptr addrspace(1) %in, i64 %byte
  %row = getelementptr i8, ptr addrspace(3) @s, i64 %byte
  %data = load <4 x i32>, ptr addrspace(1) %from, align 16
  store <4 x i32> %data, ptr addrspace(3) %row, align 16
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  %m = call {i32, i32, i32, i32} @llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.)";
  body += transposed;
  body += "b16.p3(ptr addrspace(3) %row)\n  %to = mul i64 %tid, 4\n";
  for (int i = 0; i < 4; ++i) {
    std::string n = std::to_string(i);
    body += "  %m" + n + " = extractvalue {i32, i32, i32, i32} %m, " + n +
            "\n  %to" + n + " = add i64 %to, " + n + "\n" +
            storeOut("%m" + n, "%to" + n);
  }
  return body;
}

/// Element (row, column) of matrix m as it lies in memory: its own index.
uint16_t matrixElement(unsigned m, unsigned row, unsigned column) {
  return 64 * m + 8 * row + column;
}

TEST_F(EmulatorTest, LoadMatrix) {
  auto *elements = reinterpret_cast<uint16_t *>(in.data());
  for (unsigned i = 0; i < 256; ++i)
    elements[i] = i;
  ASSERT_THAT(sentences(run(loadMatrices(""))), testing::IsEmpty());
  const auto *fragments = reinterpret_cast<const uint16_t *>(out.data());
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned m = 0; m < 4; ++m)
      for (unsigned e = 0; e < 2; ++e)
        EXPECT_EQ(fragments[8 * lane + 2 * m + e],
                  matrixElement(m, lane / 4, 2 * (lane % 4) + e));
  ASSERT_THAT(sentences(run(loadMatrices("trans."))), testing::IsEmpty());
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned m = 0; m < 4; ++m)
      for (unsigned e = 0; e < 2; ++e)
        EXPECT_EQ(fragments[8 * lane + 2 * m + e],
                  matrixElement(m, 2 * (lane % 4) + e, lane / 4));
}

//===----------------------------------------------------------------------===//
// mma.sync, as section "Matrix fragments for mma" of the PTX manual draws it
//===----------------------------------------------------------------------===//

/// A kernel that loads the registers of a fragment, four bytes each, one lane
/// after the other, multiplies and stores the four registers of D.
std::string multiply(const char *name, const char *type, unsigned registers) {
  unsigned total = registers + 4;
  std::string body = "  %first = mul i64 %tid, " + std::to_string(total) + "\n";
  std::string arguments;
  for (unsigned i = 0; i < total; ++i) {
    std::string n = std::to_string(i), t = i < registers ? type : "float";
    body += "  %i" + n + " = add i64 %first, " + n + "\n  %p" + n +
            " = getelementptr i32, ptr addrspace(1) %in, i64 %i" + n +
            "\n  %r" + n + " = load " + t + ", ptr addrspace(1) %p" + n +
            ", align 4\n";
    arguments += (i ? ", " : "") + t + " %r" + n;
  }
  body += "  %d = call {float, float, float, float} @llvm.nvvm.mma." +
          std::string(name) + "(" + arguments + ")\n  %to = mul i64 %tid, 4\n";
  for (unsigned i = 0; i < 4; ++i) {
    std::string n = std::to_string(i);
    body += "  %d" + n + " = extractvalue {float, float, float, float} %d, " +
            n + "\n  %to" + n + " = add i64 %to, " + n + "\n" +
            storeOut("%d" + n, "%to" + n, "float");
  }
  return body;
}

/// Small integers, exact in every type.
float valueA(unsigned row, unsigned k) { return int(row * 3 + k * 5) % 7 - 3; }
float valueB(unsigned k, unsigned column) {
  return int(k * 2 + column) % 5 - 2;
}
float valueC(unsigned row, unsigned column) { return float(row) - column; }

uint32_t encode(float value, llvm::StringRef type) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  if (type == "tf32")
    return bits;
  if (type == "bf16")
    return bits >> 16;
  llvm::APFloat number(value);
  bool lost;
  number.convert(llvm::APFloat::IEEEhalf(), llvm::APFloat::rmNearestTiesToEven,
                 &lost);
  return number.bitcastToAPInt().getZExtValue();
}

struct MultiplyCase {
  const char *name, *registerType, *type;
  unsigned k;
};

class MultiplyTest : public EmulatorTest,
                     public testing::WithParamInterface<MultiplyCase> {};

TEST_P(MultiplyTest, FragmentsLieAsDocumented) {
  const MultiplyCase &given = GetParam();
  bool wide = llvm::StringRef(given.type) == "tf32";
  unsigned perRegister = wide ? 1 : 2;
  unsigned countB = given.k / (4 * perRegister), countA = 2 * countB;
  unsigned total = countA + countB + 4;
  in = {};
  for (unsigned lane = 0; lane < 32; ++lane) {
    unsigned group = lane >> 2, inGroup = lane % 4;
    uint32_t *registers = &in[lane * total];
    for (unsigned i = 0; i < countA; ++i)
      for (unsigned e = 0; e < perRegister; ++e) {
        unsigned row = i % 2 == 0 ? group : group + 8;
        unsigned column = inGroup * perRegister + e + (i < 2 ? 0 : given.k / 2);
        registers[i] |= encode(valueA(row, column), given.type) << 16 * e;
      }
    for (unsigned i = 0; i < countB; ++i)
      for (unsigned e = 0; e < perRegister; ++e) {
        unsigned row = inGroup * perRegister + e + (i == 0 ? 0 : given.k / 2);
        registers[countA + i] |= encode(valueB(row, group), given.type)
                                 << 16 * e;
      }
    for (unsigned i = 0; i < 4; ++i) {
      float c = valueC(i < 2 ? group : group + 8, inGroup * 2 + (i & 1));
      std::memcpy(&registers[countA + countB + i], &c, 4);
    }
  }
  Report report =
      run(multiply(given.name, given.registerType, countA + countB));
  ASSERT_THAT(sentences(report), testing::IsEmpty());
  EXPECT_EQ(report.counts.tensorFlops, 2 * 16 * 8 * given.k);
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < 4; ++i) {
      unsigned row = (i < 2 ? 0 : 8) + (lane >> 2);
      unsigned column = (lane % 4) * 2 + (i & 1);
      float expected = valueC(row, column), result;
      for (unsigned k = 0; k < given.k; ++k)
        expected += valueA(row, k) * valueB(k, column);
      std::memcpy(&result, &out[4 * lane + i], 4);
      EXPECT_EQ(result, expected) << "row " << row << ", column " << column;
    }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, MultiplyTest,
    testing::Values(
        MultiplyCase{"m16n8k16.row.col.bf16", "i32", "bf16", 16},
        MultiplyCase{"m16n8k8.row.col.bf16", "i32", "bf16", 8},
        MultiplyCase{"m16n8k16.row.col.f32.f32", "<2 x half>", "f16", 16},
        MultiplyCase{"m16n8k8.row.col.f32.f32", "<2 x half>", "f16", 8},
        MultiplyCase{"m16n8k8.row.col.tf32", "i32", "tf32", 8},
        MultiplyCase{"m16n8k4.row.col.tf32", "i32", "tf32", 4}));

//===----------------------------------------------------------------------===//
// cp.async
//===----------------------------------------------------------------------===//

/// Each thread copies 4 of 16 bytes to its place, zeros behind, and reads them
/// back.
constexpr llvm::StringLiteral copyAndRead = R"(
  %byte = mul i64 %tid, 16
  %from = getelementptr i8, ptr addrspace(1) %in, i64 %byte
  %to = getelementptr i8, ptr addrspace(3) @s, i64 %byte
  call void @llvm.nvvm.cp.async.cg.shared.global.16.s(ptr addrspace(3) %to, ptr addrspace(1) %from, i32 4)
  call void @llvm.nvvm.cp.async.commit.group()
  WAIT
  %data = load <4 x i32>, ptr addrspace(3) %to, align 16
  %word = shl i64 %tid, 2
  %slot = getelementptr i32, ptr addrspace(1) %out, i64 %word
  store <4 x i32> %data, ptr addrspace(1) %slot, align 16
)";

std::string copyWith(llvm::StringRef wait) {
  std::string body = copyAndRead.str();
  return body.replace(body.find("WAIT"), 4, wait.str());
}

TEST_F(EmulatorTest, CopiesFillWithZerosUnderAllSchedules) {
  for (unsigned i = 0; i < 128; ++i)
    in[i] = i + 1;
  for (CopySchedule schedule : getCopySchedules()) {
    std::fill_n(out.data(), out.size(), 7);
    Report report =
        run(copyWith("call void @llvm.nvvm.cp.async.wait.group(i32 0)"), 1, 32,
            schedule);
    EXPECT_THAT(sentences(report), testing::IsEmpty())
        << getName(schedule).str();
    for (unsigned i = 0; i < 128; ++i)
      EXPECT_EQ(out[i], i % 4 ? 0 : i + 1);
    EXPECT_EQ(report.counts.loadedBytes, 32 * 4);
  }
}

TEST_F(EmulatorTest, CopyWithoutWaitIsFound) {
  // A group may stay under way where 1 is waited for.
  for (const char *wait :
       {"", "call void @llvm.nvvm.cp.async.wait.group(i32 1)"}) {
    Report report = run(copyWith(wait), 1, 32, CopySchedule::Lazy);
    EXPECT_TRUE(report.has(Finding::Pending));
    EXPECT_EQ(out[0], 0xffffffffu) << "shared memory begins as NaN";
    EXPECT_TRUE(run(copyWith(wait)).has(Finding::Pending));
  }
}

} // namespace
