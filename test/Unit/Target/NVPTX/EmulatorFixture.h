//===- EmulatorFixture.h - Small kernels to emulate -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TEST_UNIT_TARGET_NVPTX_EMULATORFIXTURE_H
#define ATTN_TEST_UNIT_TARGET_NVPTX_EMULATORFIXTURE_H

#include "attn/Target/NVPTX/Emulator/Emulator.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mlir::attn::emulator {

/// What all kernels here begin with: names for the thread's place, in i64.
constexpr llvm::StringLiteral place = R"(
  %tid32 = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %tid = zext i32 %tid32 to i64
  %cta32 = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
  %cta = zext i32 %cta32 to i64
)";

/// Words that begin with a sector of 32 bytes, so that counts are certain.
struct Words {
  uint32_t *data() { return words; }
  size_t size() const { return count; }
  uint32_t &operator[](size_t i) { return words[i]; }

  alignas(128) uint32_t words[512] = {};
  size_t count = 512;
};

class EmulatorTest : public ::testing::Test {
protected:
  /// The module of one kernel `k(ptr addrspace(1) %in, ptr addrspace(1) %out,
  /// ptr byval(...) %map)` with 8192 bytes of shared memory, `@s`.
  static std::string makeKernel(llvm::StringRef body) {
    return (llvm::Twine("target triple = \"nvptx64-nvidia-cuda\"\n"
                        "@s = internal addrspace(3) global [8192 x i8] undef, "
                        "align 1024\n"
                        "define ptx_kernel void @k(ptr addrspace(1) %in, "
                        "ptr addrspace(1) %out, ptr byval([128 x i8]) "
                        "align 64 %map) {\n") +
            place + body + "\n  ret void\n}\n")
        .str();
  }

  llvm::Expected<std::unique_ptr<Emulator>> create(llvm::StringRef text) {
    llvm::SMDiagnostic diagnostic;
    module = llvm::parseAssemblyString(text, diagnostic, context);
    if (!module)
      diagnostic.print("kernel", llvm::errs());
    return Emulator::create(*module);
  }

  /// Runs a kernel over `in` and `out`.
  Report run(llvm::StringRef body, unsigned blocks = 1, unsigned threads = 32,
             CopySchedule schedule = CopySchedule::Eager) {
    auto emulator = create(makeKernel(body));
    if (!emulator) {
      ADD_FAILURE() << toString(emulator.takeError());
      return {};
    }
    (*emulator)->addBuffer("in", in.data(), in.size() * 4, /*writable=*/false);
    (*emulator)->addBuffer("out", out.data(), out.size() * 4,
                           /*writable=*/true);
    if (released)
      (*emulator)->releaseBuffer(released);
    void *input = in.data(), *output = out.data();
    void *parameters[] = {&input, &output, map};
    Launch launch = {"k", {blocks}, {threads}, 0, schedule};
    auto report = (*emulator)->launch(launch, parameters);
    if (!report) {
      ADD_FAILURE() << toString(report.takeError());
      return {};
    }
    return *report;
  }

  /// The sentences of all findings.
  static std::vector<std::string> sentences(const Report &report) {
    std::vector<std::string> all;
    for (const Finding &finding : report.findings)
      all.push_back(finding.sentence);
    return all;
  }

  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module;
  Words in, out;
  const void *released = nullptr; ///< One of them, before the launch.
  alignas(64) char map[128] = {};
};

/// Stores `value` at index `at` of out.
inline std::string storeOut(llvm::StringRef value, llvm::StringRef at = "%tid",
                            llvm::StringRef type = "i32") {
  static int count = 0;
  std::string slot = "%slot" + std::to_string(count++);
  return ("  " + slot + " = getelementptr i32, ptr addrspace(1) %out, i64 " +
          at + "\n  store " + type + " " + value + ", ptr addrspace(1) " +
          slot + ", align 4\n")
      .str();
}

} // namespace mlir::attn::emulator

#endif // ATTN_TEST_UNIT_TARGET_NVPTX_EMULATORFIXTURE_H
