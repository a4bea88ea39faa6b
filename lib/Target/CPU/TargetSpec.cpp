//===- TargetSpec.cpp - What a CPU offers to compiled functions -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/CPU/TargetSpec.h"

#include "LookupTarget.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

#include <fstream>
#include <mutex>
#include <unistd.h>

using namespace mlir::attn;

static llvm::Error makeError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

/// The runtime's: whether this process may use tile registers.
extern "C" int attn_rt_may_use_tiles(void);

/// Splits "arch:cpu,+f,-g" into triple, CPU and features.
static TargetSpec split(llvm::StringRef target) {
  TargetSpec spec;
  spec.name = target.str();
  spec.triple = llvm::sys::getProcessTriple();
  auto [cpuAndArch, features] = target.split(',');
  if (cpuAndArch.contains(':')) {
    auto [arch, cpu] = cpuAndArch.split(':');
    llvm::Triple triple(arch == "x86-64" ? "x86_64-linux-gnu"
                                         : arch.str() + "-linux-gnu");
    spec.triple = triple.str();
    spec.cpu = cpu.str();
  } else {
    spec.cpu = cpuAndArch.str();
  }
  if (spec.cpu == "native") {
    spec.cpu = llvm::sys::getHostCPUName().str();
    for (auto &feature : llvm::sys::getHostCPUFeatures()) {
      spec.features += feature.getValue() ? "+" : "-";
      spec.features += (feature.getKey() + ",").str();
    }
    if (!attn_rt_may_use_tiles())
      spec.features += "-amx-tile,";
  }
  // Last, so that they override what the machine has.
  spec.features += features;
  spec.features = llvm::StringRef(spec.features).rtrim(',').str();
  return spec;
}

/// Leaves the features alone that the CPU has not by its name. LLVM looks up
/// all of them for each subtarget that it makes.
static void dropImpliedFeatures(TargetSpec &spec, const llvm::Target &target,
                                const llvm::MCSubtargetInfo &subtarget) {
  llvm::Triple triple(spec.triple);
  auto make = [&](llvm::StringRef features) {
    return std::unique_ptr<llvm::MCSubtargetInfo>(
        target.createMCSubtargetInfo(triple, spec.cpu, features));
  };
  auto named = make("");
  std::string features;
  llvm::SmallVector<llvm::StringRef> all;
  llvm::StringRef(spec.features).split(all, ',', -1, /*KeepEmpty=*/false);
  for (llvm::StringRef feature : all)
    if (!named->checkFeatures(feature))
      features += (feature + ",").str();
  features = llvm::StringRef(features).rtrim(',').str();
  // One that is left out may have been what brought others along or took them
  // back.
  if (make(features)->getFeatureBits() == subtarget.getFeatureBits())
    spec.features = features;
}

/// Whether the CPU multiplies pairs of bf16 no faster than it multiplies f32:
/// on these vdpbf16ps takes four times as long as a fused multiply-add.
static bool hasSlowBF16Dot(llvm::StringRef cpu) {
  return llvm::is_contained(
      {"sapphirerapids", "emeraldrapids", "graniterapids", "graniterapids-d"},
      cpu);
}

/// Fills in vector sizes from what the subtarget has.
static void describe(TargetSpec &spec, const llvm::MCSubtargetInfo &subtarget) {
  auto has = [&](llvm::StringRef feature) {
    return subtarget.checkFeatures(("+" + feature).str());
  };
  if (llvm::Triple(spec.triple).isAArch64()) {
    spec.vectorBits = 128;
    spec.vectorRegisters = 32;
    // Of four rows, lest sums move or go to the stack.
    spec.scalarRegisters = 4;
    spec.hasFMA = true;
    return;
  }
  bool avx512 = has("avx512f") && has("avx512vl") && has("avx512bw");
  spec.vectorBits = avx512 ? 512 : has("avx2") ? 256 : 128;
  spec.vectorRegisters = avx512 ? 32 : 16;
  spec.hasFMA = has("fma");
  spec.hasBF16Convert = avx512 && has("avx512bf16");
  spec.hasBF16Dot = spec.hasBF16Convert && !hasSlowBF16Dot(spec.cpu);
  spec.hasBF16Tiles = avx512 && has("amx-tile") && has("amx-bf16");
  // All CPUs that have them so far.
  if (spec.hasBF16Tiles) {
    spec.l1Bytes = 48 * 1024;
    spec.l2Bytes = 2 * 1024 * 1024;
  }
  spec.hasScale = avx512 && has("avx512dq");
  // Measured there alone. LLVM knows no distance for any x86.
  spec.followsReads = spec.cpu == "znver4";
}

/// The data caches of this machine, where the system knows them.
static void describeHostCaches(TargetSpec &spec) {
  auto ask = [](int name, unsigned &bytes) {
    if (long size = sysconf(name); size > 0)
      bytes = size;
  };
  ask(_SC_LEVEL1_DCACHE_SIZE, spec.l1Bytes);
  ask(_SC_LEVEL2_CACHE_SIZE, spec.l2Bytes);
  // Of an AMD package sysconf adds up what groups of cores have each.
  std::ifstream lastLevel("/sys/devices/system/cpu/cpu0/cache/index3/size");
  unsigned kilobytes = 0;
  if (lastLevel >> kilobytes && kilobytes > 0)
    spec.l3Bytes = kilobytes * 1024;
}

/// LLVM itself only warns about a feature that it does not know.
static llvm::Error checkFeatures(llvm::StringRef target,
                                 const llvm::MCSubtargetInfo &subtarget) {
  llvm::SmallVector<llvm::StringRef> features;
  target.split(features, ',');
  for (llvm::StringRef feature : llvm::drop_begin(features)) {
    llvm::StringRef name = feature;
    bool known = name.consume_front("+") || name.consume_front("-");
    known &=
        llvm::is_contained(llvm::map_range(subtarget.getAllProcessorFeatures(),
                                           [](const auto &entry) {
                                             return llvm::StringRef(entry.Key);
                                           }),
                           name);
    if (!known)
      return makeError("target '" + target + "' names an unknown feature '" +
                       feature +
                       "'; use +NAME or -NAME with a name of LLVM's, "
                       "such as +avx2");
  }
  return llvm::Error::success();
}

static llvm::Expected<TargetSpec> parseUncached(llvm::StringRef target) {
  TargetSpec spec = split(target);
  llvm::Triple triple(spec.triple);
  const llvm::Target *llvmTarget = lookupTarget(triple);
  if (!llvmTarget)
    return makeError("target '" + target +
                     "' names an unknown architecture; "
                     "x86-64 and aarch64 are known");
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget(
      llvmTarget->createMCSubtargetInfo(triple, /*CPU=*/"", /*Features=*/""));
  if (!subtarget || !subtarget->isCPUStringValid(spec.cpu))
    return makeError("target '" + target + "' names an unknown CPU '" +
                     spec.cpu +
                     "'; use native, a name of LLVM's, such as "
                     "x86-64-v3, or ARCHITECTURE:CPU, such as aarch64:generic");
  if (llvm::Error error = checkFeatures(target, *subtarget))
    return std::move(error);
  subtarget.reset(
      llvmTarget->createMCSubtargetInfo(triple, spec.cpu, spec.features));
  dropImpliedFeatures(spec, *llvmTarget, *subtarget);
  describe(spec, *subtarget);
  if (target == "native" || target.starts_with("native,"))
    describeHostCaches(spec);
  return spec;
}

llvm::Expected<TargetSpec> TargetSpec::parse(llvm::StringRef target) {
  // Every pass with a target asks, and each answer takes a millisecond.
  static std::mutex mutex;
  static llvm::StringMap<TargetSpec> parsed;
  std::lock_guard<std::mutex> lock(mutex);
  auto known = parsed.find(target);
  if (known != parsed.end())
    return known->second;
  llvm::Expected<TargetSpec> spec = parseUncached(target);
  if (spec)
    parsed[target] = *spec;
  return spec;
}
