//===- CacheKey.cpp - What compiled code depends on -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Cache/DiskCache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace mlir::attn;

/// The lines of /proc/cpuinfo about the first CPU that name it and its
/// features.
static std::string describeHost() {
  char buffer[8192];
  int file = ::open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
  ssize_t size = file < 0 ? 0 : ::read(file, buffer, sizeof(buffer));
  if (file >= 0)
    ::close(file);
  std::string_view text(buffer, size > 0 ? size : 0);
  text = text.substr(0, text.find("\n\n"));
  std::string description;
  while (!text.empty()) {
    size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    for (std::string_view name :
         {"vendor_id", "cpu family", "model\t", "stepping", "flags",
          "CPU implementer", "CPU variant", "CPU part", "Features"})
      if (line.substr(0, name.size()) == name)
        description.append(line) += '\n';
  }
  return description;
}

/// Whether LLVM asks this machine what the target is: "native", "native,+f".
static bool isHost(std::string_view target) {
  std::string_view cpu = target.substr(0, target.find(','));
  size_t colon = cpu.find(':');
  return (colon == cpu.npos ? cpu : cpu.substr(colon + 1)) == "native";
}

std::string CacheKey::str() const {
  std::string all;
  auto add = [&](std::string_view field) {
    all += std::to_string(field.size());
    all += ':';
    all += field;
  };
  add(compiler);
  add(target);
  add(isHost(target) ? describeHost() : "");
  add(std::to_string(threads));
  add(debugChecks ? "debug-checks" : "");
  add(firstPhase);
  add(lastPhase);
  add(kind);
  add(source);
  return all;
}

std::string mlir::attn::getCompilerIdentity(const std::string &compiler) {
  std::string identity = ATTN_VERSION;
  for (const std::string &path :
       {compiler, std::string(ATTN_LLVM_LIBRARIES "/libMLIR.so"),
        std::string(ATTN_LLVM_LIBRARIES "/libLLVM.so")}) {
    struct stat status;
    if (::stat(path.c_str(), &status))
      return {};
    identity += ' ' + std::to_string(status.st_size) + ' ' +
                std::to_string(status.st_mtim.tv_sec) + '.' +
                std::to_string(status.st_mtim.tv_nsec);
  }
  return identity;
}
