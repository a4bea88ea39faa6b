//===- CopyHandlers.cpp - cp.async -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Handlers.h"
#include "Machine.h"

using namespace mlir::attn::emulator;

void AsyncCopy::land() const {
  std::memcpy(destination, source, sourceBytes);
  std::memset(destination + sourceBytes, 0, bytes - sourceBytes);
}

namespace {
struct CopyArguments {
  char *destination;
  const char *source;
  uint32_t sourceBytes; ///< Where the instruction says it.
};
} // namespace

template <unsigned bytes, bool withSize>
static void copy(void *, void *arguments, uint32_t site) {
  const auto &given = as<CopyArguments>(arguments);
  Machine &machine = Machine::get();
  unsigned sourceBytes = withSize ? std::min(given.sourceBytes, bytes) : bytes;
  if (sourceBytes)
    machine.access(reinterpret_cast<uintptr_t>(given.source), sourceBytes,
                   /*store=*/false, /*atomic=*/false, bytes, site);
  machine.beginCopy(reinterpret_cast<uintptr_t>(given.destination), bytes,
                    bytes, site);
  AsyncCopy copy = {given.destination, given.source, bytes, sourceBytes};
  if (!machine.isLazy())
    copy.land();
  machine.thread().openCopies.push_back(copy);
}

static void commit(void *, void *, uint32_t) {
  Thread &self = Machine::get().thread();
  self.copyGroups.push_back(std::move(self.openCopies));
  self.openCopies.clear();
}

/// Lands the `count` oldest groups.
static void finishGroups(size_t count) {
  Machine &machine = Machine::get();
  Thread &self = machine.thread();
  std::vector<AsyncCopy> copies;
  for (; count; --count) {
    copies.insert(copies.end(), self.copyGroups.front().begin(),
                  self.copyGroups.front().end());
    self.copyGroups.pop_front();
  }
  if (machine.isReversed())
    std::reverse(copies.begin(), copies.end());
  Stamp now = machine.getClocks().now(self.id);
  for (const AsyncCopy &copy : copies) {
    if (machine.isLazy())
      copy.land();
    machine.getMemory().getShared().shadow.finishCopy(
        reinterpret_cast<uintptr_t>(copy.destination), copy.bytes, now);
  }
}

static void waitGroup(void *, void *arguments, uint32_t) {
  size_t pending = as<uint32_t>(arguments);
  size_t groups = Machine::get().thread().copyGroups.size();
  if (groups > pending)
    finishGroups(groups - pending);
}

static void waitAll(void *result, void *arguments, uint32_t site) {
  commit(result, arguments, site);
  finishGroups(Machine::get().thread().copyGroups.size());
}

llvm::ArrayRef<Handler> mlir::attn::emulator::getCopyHandlers() {
  static const Handler handlers[] = {
      {"cp.async.ca.shared.global.4", copy<4, false>},
      {"cp.async.ca.shared.global.8", copy<8, false>},
      {"cp.async.ca.shared.global.16", copy<16, false>},
      {"cp.async.cg.shared.global.16", copy<16, false>},
      {"cp.async.ca.shared.global.4.s", copy<4, true>},
      {"cp.async.ca.shared.global.8.s", copy<8, true>},
      {"cp.async.ca.shared.global.16.s", copy<16, true>},
      {"cp.async.cg.shared.global.16.s", copy<16, true>},
      {"cp.async.commit.group", commit},
      {"cp.async.wait.group", waitGroup},
      {"cp.async.wait.all", waitAll},
  };
  return handlers;
}
