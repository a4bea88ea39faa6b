//===- ObjectCodeTest.cpp - Object files made of two parts ------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Driver/Compilation.h"

#include "llvm/Object/ObjectFile.h"

#include "gtest/gtest.h"

#include <map>
#include <sched.h>

using namespace mlir::attn;

namespace {
/// Attention of any length has several plans.
constexpr llvm::StringLiteral attention = R"(
!t = tensor<?x?x?x64xf32>
func.func @f(%q: !t, %k: !t, %v: !t) -> !t {
  %o = attn.scaled_dot_product %q, %k, %v : !t, !t, !t -> !t
  return %o : !t
}
)";
constexpr llvm::StringLiteral sum = R"(
func.func @f(%x: tensor<8xf32>) -> tensor<8xf32> {
  %y = arith.addf %x, %x : tensor<8xf32>
  return %y : tensor<8xf32>
}
)";

std::unique_ptr<Compilation> compile(llvm::StringRef source,
                                     llvm::StringRef target) {
  CompileOptions options;
  options.target = target.str();
  options.cache = "off";
  auto compilation = llvm::cantFail(Compilation::create(
      llvm::MemoryBuffer::getMemBuffer(source, "test.mlir"), options));
  llvm::cantFail(compilation->run());
  return compilation;
}

std::string emit(Compilation &compilation) {
  return llvm::cantFail(compilation.emitObject(RuntimeLinkage::Static));
}

std::unique_ptr<llvm::object::ObjectFile> open(llvm::StringRef bytes) {
  return llvm::cantFail(llvm::object::ObjectFile::createObjectFile(
      llvm::MemoryBufferRef(bytes, "test.o")));
}

/// How many sections there are of each name.
std::map<std::string, int> countSections(llvm::StringRef bytes) {
  std::map<std::string, int> counts;
  auto file = open(bytes);
  for (const llvm::object::SectionRef &section : file->sections())
    ++counts[llvm::cantFail(section.getName()).str()];
  return counts;
}

class ObjectCodeTest : public testing::TestWithParam<const char *> {};

TEST_P(ObjectCodeTest, BytesDoNotDependOnTheNumberOfCores) {
  auto compilation = compile(attention, GetParam());
  std::string bytes = emit(*compilation);
  EXPECT_EQ(countSections(bytes)[".text"], 2);
  cpu_set_t all, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  std::string alone = emit(*compilation);
  ASSERT_EQ(sched_setaffinity(0, sizeof(all), &all), 0);
  EXPECT_TRUE(bytes == alone);
}

TEST_P(ObjectCodeTest, PartsFindEachOther) {
  auto compilation = compile(attention, GetParam());
  std::string bytes = emit(*compilation);
  EXPECT_EQ(countSections(bytes)[".eh_frame"], 1);
  auto file = open(bytes);
  for (const llvm::object::SymbolRef &symbol : file->symbols()) {
    llvm::StringRef name = llvm::cantFail(symbol.getName());
    uint32_t flags = llvm::cantFail(symbol.getFlags());
    if (name.starts_with("f.") || name.starts_with("attn_rt_"))
      EXPECT_FALSE(flags & llvm::object::SymbolRef::SF_Undefined) << name.str();
    if (name.starts_with("f."))
      EXPECT_FALSE(flags & llvm::object::SymbolRef::SF_Global) << name.str();
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, ObjectCodeTest,
                         testing::Values("x86-64:x86-64-v3",
                                         "aarch64:neoverse-n1"));

TEST(ObjectCodeModuleTest, StaysAsItWas) {
  auto compilation = compile(attention, "x86-64:x86-64-v3");
  std::string before, after;
  llvm::raw_string_ostream(before) << compilation->getModule();
  emit(*compilation);
  llvm::raw_string_ostream(after) << compilation->getModule();
  EXPECT_TRUE(before == after);
}

TEST(ObjectCodeModuleTest, ShortOnesHaveOnePart) {
  auto compilation = compile(sum, "x86-64:x86-64-v3");
  EXPECT_EQ(countSections(emit(*compilation))[".text"], 1);
}
} // namespace
