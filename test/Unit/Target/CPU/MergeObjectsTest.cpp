//===- MergeObjectsTest.cpp - One object file of several --------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/CPU/MergeObjects.h"
#include "attn/Target/CPU/ObjectEmission.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/SourceMgr.h"

#include "gmock/gmock.h"

using namespace mlir::attn;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

namespace {
std::string emit(llvm::StringRef source) {
  TargetSpec spec = llvm::cantFail(TargetSpec::parse("x86-64:x86-64-v3"));
  MachineCodeEmitter emitter = llvm::cantFail(MachineCodeEmitter::create(spec));
  llvm::LLVMContext context;
  llvm::SMDiagnostic error;
  auto module = llvm::parseAssemblyString(source, error, context);
  EXPECT_TRUE(module) << error.getMessage().str();
  emitter.prepare(*module, RuntimeLinkage::Other);
  auto bytes = emitter.emitObject(*module);
  return std::string(bytes.data(), bytes.size());
}

std::string merge(llvm::ArrayRef<llvm::StringRef> parts) {
  auto bytes = mergeObjects(parts);
  if (!bytes)
    return llvm::toString(bytes.takeError());
  return std::string(bytes->data(), bytes->size());
}

const std::string caller = emit(R"(
declare dso_local i32 @callee(i32)
declare i32 @elsewhere(i32)
define i32 @caller(i32 %x) uwtable {
  %y = call i32 @callee(i32 %x)
  %z = call i32 @elsewhere(i32 %y)
  ret i32 %z
}
)");
const std::string callee = emit(R"(
@table = internal constant [2 x i32] [i32 3, i32 5]
declare i32 @elsewhere(i32)
define internal i32 @callee(i32 %x) uwtable {
  %p = getelementptr i32, ptr @table, i32 %x
  %y = load i32, ptr %p
  %z = call i32 @elsewhere(i32 %y)
  ret i32 %z
}
)");

TEST(MergeObjectsTest, ResolvesWhatAnotherPartDefines) {
  std::string bytes = merge({caller, callee});
  auto file = llvm::cantFail(llvm::object::ObjectFile::createObjectFile(
      llvm::MemoryBufferRef(bytes, "merged.o")));
  std::vector<std::string> undefined, global;
  for (const llvm::object::SymbolRef &symbol : file->symbols()) {
    std::string name = llvm::cantFail(symbol.getName()).str();
    uint32_t flags = llvm::cantFail(symbol.getFlags());
    if (flags & llvm::object::SymbolRef::SF_Undefined)
      undefined.push_back(name);
    else if (flags & llvm::object::SymbolRef::SF_Global)
      global.push_back(name);
  }
  EXPECT_THAT(undefined, UnorderedElementsAre("elsewhere"));
  EXPECT_THAT(global, UnorderedElementsAre("caller"));
  std::vector<std::string> called, frames;
  for (const llvm::object::SectionRef &section : file->sections()) {
    auto relocated = llvm::cantFail(section.getRelocatedSection());
    if (relocated == file->section_end())
      continue;
    llvm::StringRef name = llvm::cantFail(relocated->getName());
    for (const llvm::object::RelocationRef &relocation :
         section.relocations()) {
      auto symbol = *relocation.getSymbol();
      if (name == ".text")
        called.push_back(llvm::cantFail(symbol.getName()).str());
      if (name == ".eh_frame")
        frames.push_back(
            std::to_string(llvm::cantFail(symbol.getSection())->getIndex()));
    }
  }
  EXPECT_THAT(called,
              testing::IsSupersetOf({"callee", "elsewhere", "elsewhere"}));
  // One frame for the code of each part.
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_NE(frames[0], frames[1]);
}

TEST(MergeObjectsTest, OrderOfPartsDoesNotMatterToThem) {
  std::string bytes = merge({callee, caller});
  EXPECT_EQ(merge({bytes}), bytes);
}

TEST(MergeObjectsTest, Refusals) {
  EXPECT_THAT(merge({caller, caller}), HasSubstr("'caller' is defined twice"));
  EXPECT_THAT(merge({caller, "text"}), HasSubstr("cannot merge objects: "));
}
} // namespace
