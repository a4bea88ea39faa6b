//===- Emulation.cpp - Compiled functions on an emulated GPU -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Driver/Emulation.h"

#include "HostCode.h"

#include "attn/Target/NVPTX/Emission.h"

#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"

#include <cstring>

using namespace mlir;
using namespace mlir::attn;

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

extern "C" {
int32_t attn_rt_launch(void *, void *, const char *, int64_t, int64_t, int64_t,
                       void **);
int32_t attn_rt_capability(void *);
int32_t attn_rt_tensor_map(void *, void *, const int64_t *, int64_t,
                           const int64_t *);
void *attn_rt_device_alloc(void *, int64_t);
void attn_rt_device_free(void *, void *);
}

/// The module whose function runs on this thread.
static thread_local EmulatedModule *active = nullptr;

EmulatedModule::~EmulatedModule() = default;

/// The first, or, as the runtime chooses, what is made for its capability
/// alone.
static const GPUChip &getEmulatedChip(const GPUSpec &spec) {
  const GPUChip &first = spec.chips.front();
  for (const GPUChip &chip : spec.chips)
    if (chip.isExact() && chip.getCapability() == first.getCapability())
      return chip;
  return first;
}

llvm::Expected<std::unique_ptr<EmulatedModule>>
EmulatedModule::compile(Compilation &compilation) {
  if (!compilation.getGPU())
    return makeError("target '" + compilation.getOptions().target +
                     "' is no GPU to emulate; give --target=sm_80");
  if (llvm::Error error = compilation.run())
    return error;
  std::unique_ptr<EmulatedModule> module(new EmulatedModule());
  llvm::LLVMContext deviceContext;
  const GPUChip &chip = getEmulatedChip(*compilation.getGPU());
  module->capability = chip.getCapability();
  auto kernels = translateKernels(compilation.getModule(), chip, deviceContext);
  if (!kernels)
    return kernels.takeError();
  if (llvm::Error error = optimizeKernels(**kernels, chip))
    return error;
  auto device = emulator::Emulator::create(**kernels);
  if (!device)
    return device.takeError();
  module->device = std::move(*device);

  auto emitter = MachineCodeEmitter::create(compilation.getTarget());
  if (!emitter)
    return emitter.takeError();
  PhaseOptions options;
  options.target = compilation.getTarget();
  options.gpu = compilation.getGPU();
  llvm::LLVMContext hostContext;
  auto code = translateHostCode(compilation.getModule(), options,
                                KernelRunner::Emulator, hostContext);
  if (!code)
    return code.takeError();
  emitter->prepare(**code, RuntimeLinkage::Host);
  SmallVector<char, 0> object = emitter->emitObject(**code);
  auto host = LoadedModule::load(StringRef(object.data(), object.size()));
  if (!host)
    return host.takeError();
  module->host = std::move(*host);
  return module;
}

//===----------------------------------------------------------------------===//
// In place of the driver
//===----------------------------------------------------------------------===//

int32_t EmulatedModule::launch(void *frame, void *kernels, const char *kernel,
                               int64_t blocks, int64_t threads, int64_t shared,
                               void **parameters) {
  if (!active)
    return attn_rt_launch(frame, kernels, kernel, blocks, threads, shared,
                          parameters);
  if (blocks == 0)
    return ATTN_OK;
  emulator::Launch launch;
  launch.kernel = kernel;
  launch.grid.x = blocks;
  launch.block.x = threads;
  launch.sharedBytes = shared;
  launch.schedule = active->schedule;
  auto report = active->device->launch(launch, parameters);
  if (!report) {
    active->failure = toString(report.takeError());
    return ATTN_UNSUPPORTED;
  }
  active->launches.push_back({std::move(launch), std::move(*report)});
  return ATTN_OK;
}

int32_t EmulatedModule::getCapability(void *frame) {
  return active ? int32_t(active->capability) : attn_rt_capability(frame);
}

int32_t EmulatedModule::encodeTensorMap(void *frame, void *map,
                                        const int64_t *memref, int64_t rank,
                                        const int64_t *box) {
  if (!active)
    return attn_rt_tensor_map(frame, map, memref, rank, box);
  constexpr int64_t elementBytes = 2;
  const int64_t *lengths = memref + 3, *distances = lengths + rank;
  SmallVector<int64_t> sizes, strides, boxes;
  for (int64_t dim = rank - 1; dim >= 0; --dim) {
    if (!lengths[dim])
      return ATTN_OK;
    sizes.push_back(lengths[dim]);
    boxes.push_back(box[dim]);
    if (sizes.size() > 1)
      strides.push_back(lengths[dim] == 1 ? 16 : distances[dim] * elementBytes);
  }
  auto *data = reinterpret_cast<char *>(memref[1]) + memref[2] * elementBytes;
  if (llvm::Error error = emulator::encodeTensorMap(map, data, sizes, strides,
                                                    boxes, elementBytes)) {
    active->failure = toString(std::move(error));
    return ATTN_UNSUPPORTED;
  }
  return ATTN_OK;
}

void *EmulatedModule::allocate(void *frame, int64_t bytes) {
  if (!active)
    return attn_rt_device_alloc(frame, bytes);
  // Aligned as the driver's, so that sectors are counted as on a device.
  constexpr int64_t alignment = 256;
  active->scratch.emplace_back(new char[bytes + alignment]);
  auto *data = reinterpret_cast<char *>(llvm::alignTo(
      reinterpret_cast<uintptr_t>(active->scratch.back().get()), alignment));
  // NaN, as far as nobody writes it.
  std::memset(data, 0xff, bytes);
  active->device->addBuffer(
      "scratch " + std::to_string(active->scratch.size() - 1), data, bytes,
      /*writable=*/true);
  return data;
}

void EmulatedModule::release(void *frame, void *pointer) {
  if (!active)
    return attn_rt_device_free(frame, pointer);
  active->device->releaseBuffer(pointer);
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

void EmulatedModule::registerBuffers(const FunctionSignature &signature,
                                     std::vector<HostTensor> &inputs,
                                     std::vector<HostTensor> &outputs) {
  device->removeBuffers();
  scratch.clear();
  auto add = [&](ArrayRef<SignatureValue> values,
                 std::vector<HostTensor> &tensors, bool writable) {
    for (auto [value, tensor] : llvm::zip_equal(values, tensors)) {
      device->addBuffer(value.name, tensor.getData(), tensor.getNumBytes(),
                        writable);
      if (writable)
        std::memset(tensor.getData(), 0xff, tensor.getNumBytes());
    }
  };
  add(signature.inputs, inputs, /*writable=*/false);
  add(signature.outputs, outputs, /*writable=*/true);
}

llvm::Error EmulatedModule::callOnce(const FunctionSignature &signature,
                                     std::vector<HostTensor> &inputs,
                                     std::vector<HostTensor> &outputs,
                                     emulator::CopySchedule given,
                                     EmulationReport &report) {
  auto function = host->lookup(signature.name);
  if (!function)
    return function.takeError();
  registerBuffers(signature, inputs, outputs);
  schedule = given;
  launches.clear();
  failure.clear();
  attn_context context = {};
  context.version = ATTN_CONTEXT_VERSION;
  EmulatedModule *outer = std::exchange(active, this);
  llvm::Error error = callFunction(*function, context, inputs, outputs);
  active = outer;
  if (!failure.empty()) {
    llvm::consumeError(std::move(error));
    return makeError(failure);
  }
  if (error)
    return error;
  for (const EmulatedLaunch &launch : launches)
    for (const emulator::Finding &finding : launch.report.findings)
      report.findings.push_back(finding.sentence + " (copies " +
                                emulator::getName(given).str() + ")");
  if (report.launches.empty())
    report.launches = launches;
  return llvm::Error::success();
}

llvm::Expected<EmulationReport>
EmulatedModule::call(const FunctionSignature &signature,
                     std::vector<HostTensor> &inputs,
                     std::vector<HostTensor> &outputs) {
  EmulationReport report;
  report.function = signature.name;
  std::vector<std::vector<char>> first;
  for (emulator::CopySchedule schedule : emulator::getCopySchedules()) {
    if (llvm::Error error =
            callOnce(signature, inputs, outputs, schedule, report))
      return error;
    for (auto [index, output] : llvm::enumerate(outputs)) {
      ArrayRef<char> bytes = output.getBytes();
      if (first.size() < outputs.size())
        first.emplace_back(bytes.begin(), bytes.end());
      else if (ArrayRef<char>(first[index]) != bytes)
        report.findings.push_back(
            "function '" + signature.name + "': result '" +
            signature.outputs[index].name +
            "' depends on when copies arrive: it differs under the schedule " +
            emulator::getName(schedule).str());
    }
  }
  return report;
}

//===----------------------------------------------------------------------===//
// Reports
//===----------------------------------------------------------------------===//

std::string EmulationReport::getText() const {
  std::string text;
  llvm::raw_string_ostream stream(text);
  for (const EmulatedLaunch &run : launches) {
    const emulator::Counts &counts = run.report.counts;
    stream << llvm::format(
        "emulated %s: %u blocks of %u threads, %u bytes of shared memory; "
        "%lld barriers, %.3f MFLOP on tensor cores; global memory: %lld bytes "
        "loaded in %lld sectors, %lld stored in %lld; shared memory: %lld "
        "wavefronts, %lld of them bank conflicts\n",
        run.launch.kernel.c_str(), run.launch.grid.x, run.launch.block.x,
        run.launch.sharedBytes, (long long)counts.barriers,
        counts.tensorFlops / 1e6, (long long)counts.loadedBytes,
        (long long)counts.loadedSectors, (long long)counts.storedBytes,
        (long long)counts.storedSectors, (long long)counts.sharedWavefronts,
        (long long)counts.bankConflicts);
    for (const emulator::SharedAccess &access : run.report.shared)
      if (access.conflicts)
        stream << llvm::format("  %lld bank conflicts by %lld warps in ",
                               (long long)access.conflicts,
                               (long long)access.warps)
               << access.instruction << '\n';
  }
  return text;
}

static void writeLaunch(llvm::json::OStream &json, const EmulatedLaunch &run) {
  const emulator::Counts &counts = run.report.counts;
  json.object([&] {
    json.attribute("kernel", run.launch.kernel);
    json.attribute("blocks", run.launch.grid.x);
    json.attribute("threads", run.launch.block.x);
    json.attribute("shared_bytes", run.launch.sharedBytes);
    json.attribute("barriers", counts.barriers);
    json.attribute("tensor_flops", counts.tensorFlops);
    json.attributeArray("block_tensor_flops", [&] {
      for (int64_t flops : run.report.blockFlops)
        json.value(flops);
    });
    json.attribute("loaded_bytes", counts.loadedBytes);
    json.attribute("loaded_sectors", counts.loadedSectors);
    json.attribute("stored_bytes", counts.storedBytes);
    json.attribute("stored_sectors", counts.storedSectors);
    json.attribute("shared_wavefronts", counts.sharedWavefronts);
    json.attribute("bank_conflicts", counts.bankConflicts);
    json.attributeArray("buffers", [&] {
      for (const emulator::BufferTraffic &buffer : run.report.buffers)
        json.object([&] {
          json.attribute("name", buffer.name);
          json.attribute("loaded_bytes", buffer.loadedBytes);
          json.attribute("stored_bytes", buffer.storedBytes);
        });
    });
    json.attributeArray("conflicts", [&] {
      for (const emulator::SharedAccess &access : run.report.shared)
        if (access.conflicts)
          json.object([&] {
            json.attribute("instruction", access.instruction);
            json.attribute("warps", access.warps);
            json.attribute("conflicts", access.conflicts);
          });
    });
  });
}

std::string EmulationReport::getJSON() const {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream json(stream, 2);
  json.object([&] {
    json.attribute("function", function);
    json.attributeArray("findings", [&] {
      for (const std::string &finding : findings)
        json.value(finding);
    });
    json.attributeArray("kernels", [&] {
      for (const EmulatedLaunch &run : launches)
        writeLaunch(json, run);
    });
  });
  stream << '\n';
  return text;
}
