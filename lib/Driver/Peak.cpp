//===- Peak.cpp - What this machine could do at best -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Driver/Peak.h"

#include <chrono>
#include <thread>

using namespace mlir;
using namespace mlir::attn;

/// Independent chains: enough to fill two pipes of latency four. Of tiles there
/// are four beside a factor.
static constexpr unsigned numChains = 12, numTileChains = 4;

namespace {
/// The instruction that bounds the speed of contractions.
struct PeakInstruction {
  std::string element; ///< Of accumulators.
  unsigned lanes;      ///< Of accumulators.
  bool isDot = false;  ///< Pairs of bf16.
  bool isTile = false; ///< Tiles of bf16.

  std::string accumulator() const {
    return "vector<" + std::to_string(lanes) + "x" + element + ">";
  }
  std::string factor() const {
    return isDot ? "vector<" + std::to_string(2 * lanes) + "xbf16>"
                 : accumulator();
  }
  /// Of one step of all chains.
  double flops() const {
    return isTile ? numTileChains * 2.0 * 16 * 16 * 32
                  : numChains * (isDot ? 4.0 : 2.0) * lanes;
  }
};
} // namespace

static unsigned countThreads(const CompileOptions &options) {
  return options.threads ? options.threads
                         : std::thread::hardware_concurrency();
}

/// The module `text`, whose functions are already loops over vectors.
static llvm::Expected<std::unique_ptr<LoadedModule>>
loadLoops(const CompileOptions &options, StringRef text) {
  CompileOptions loopOptions;
  loopOptions.target = options.target;
  loopOptions.threads = options.threads;
  loopOptions.startFrom = Phase::Lower;
  auto compilation = Compilation::create(
      llvm::MemoryBuffer::getMemBufferCopy(text, "peak.mlir"), loopOptions);
  if (!compilation)
    return compilation.takeError();
  return compileForHost(**compilation);
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

static PeakInstruction getInstruction(const TargetSpec &target, Type type,
                                      bool manyRows) {
  if (type.isF64())
    return {"f64", target.lanes(64)};
  return {"f32", target.lanes(32),
          type.isBF16() && target.hasBF16Dot && target.vectorBits == 512,
          type.isBF16() && target.hasBF16Tiles && manyRows};
}

/// A function as getText's whose instructions multiply tiles.
static std::string getTileText() {
  std::string text;
  llvm::raw_string_ostream os(text);
  StringRef sum = "!amx.tile<16x16xf32>", factor = "!amx.tile<16x32xbf16>";
  auto forEachChain = [&](llvm::function_ref<void(unsigned)> print,
                          StringRef separator = "") {
    for (unsigned i = 0; i < numTileChains; ++i) {
      os << (i ? separator : "");
      print(i);
    }
  };
  os << "func.func @peak(%n: index, %threads: index, %f: f32, %out: "
        "memref<?xf32> {attn.result}) {\n"
        "  %c0 = arith.constant 0 : index\n  %c1 = arith.constant 1 : index\n"
        "  scf.forall (%t) in (%threads) {\n"
        "    %a = amx.tile_zero : "
     << factor
     // Both factors in one register would be no instruction.
     << "\n    %other = memref.alloca() : memref<16x32xbf16>\n"
        "    %b = amx.tile_load %other[%c0, %c0] : memref<16x32xbf16> into "
     << factor << "\n";
  forEachChain([&](unsigned i) {
    os << "    %s" << i << " = amx.tile_zero : " << sum << "\n";
  });
  os << "    %r:" << numTileChains
     << " = scf.for %i = %c0 to %n step %c1 iter_args(";
  forEachChain([&](unsigned i) { os << "%x" << i << " = %s" << i; }, ", ");
  os << ") -> (";
  forEachChain([&](unsigned) { os << sum; }, ", ");
  os << ") {\n";
  forEachChain([&](unsigned i) {
    os << "      %y" << i << " = amx.tile_mulf %a, %b, %x" << i << " : "
       << factor << ", " << factor << ", " << sum << "\n";
  });
  os << "      scf.yield ";
  forEachChain([&](unsigned i) { os << "%y" << i; }, ", ");
  os << " : ";
  forEachChain([&](unsigned) { os << sum; }, ", ");
  os << "\n    }\n    %buffer = memref.alloca() : memref<16x16xf32>\n";
  forEachChain([&](unsigned i) {
    os << "    amx.tile_store %buffer[%c0, %c0], %r#" << i
       << " : memref<16x16xf32>, " << sum << "\n    %z" << i
       << " = memref.load %buffer[%c0, %c0] : memref<16x16xf32>\n"
       << "    memref.store %z" << i << ", %out[%t] : memref<?xf32>\n";
  });
  os << "  }\n  return\n}\n";
  return text;
}

/// One step of chain `i`.
static void printStep(llvm::raw_ostream &os, const PeakInstruction &instruction,
                      unsigned i) {
  os << "      %y" << i << " = ";
  if (instruction.isDot)
    os << "x86vector.avx512.dot %x" << i
       << ", %a, %a : " << instruction.factor() << " -> "
       << instruction.accumulator() << "\n";
  else
    os << "vector.fma %a, %a, %x" << i << " : " << instruction.accumulator()
       << "\n";
}

/// A function that repeats the instructions %n times on each of %threads
/// threads. Chains start apart, or LLVM would see that they are one.
static std::string getText(const PeakInstruction &instruction) {
  if (instruction.isTile)
    return getTileText();
  std::string text, vector = instruction.accumulator();
  const std::string &element = instruction.element;
  llvm::raw_string_ostream os(text);
  os << "func.func @peak(%n: index, %threads: index, %f: " << element
     << ", %out: memref<?x" << element << "> {attn.result}) {\n"
     << "  %c0 = arith.constant 0 : index\n  %c1 = arith.constant 1 : index\n"
     << "  scf.forall (%t) in (%threads) {\n";
  if (instruction.isDot)
    os << "    %g = arith.truncf %f : f32 to bf16\n    %a = vector.broadcast "
          "%g : bf16 to "
       << instruction.factor() << "\n";
  else
    os << "    %a = vector.broadcast %f : " << element << " to " << vector
       << "\n";
  for (unsigned i = 0; i < numChains; ++i)
    os << "    %k" << i << " = arith.constant " << i + 1 << ".0 : " << element
       << "\n    %m" << i << " = arith.mulf %k" << i << ", %f : " << element
       << "\n    %s" << i << " = vector.broadcast %m" << i << " : " << element
       << " to " << vector << "\n";
  auto list = [&](StringRef left, StringRef right) {
    for (unsigned i = 0; i < numChains; ++i) {
      os << (i ? ", " : "") << left << i;
      if (!right.empty())
        os << " = " << right << i;
    }
  };
  auto types = [&] {
    for (unsigned i = 0; i < numChains; ++i)
      os << (i ? ", " : "") << vector;
  };
  os << "    %r:" << numChains << " = scf.for %i = %c0 to %n step %c1 "
     << "iter_args(";
  list("%x", "%s");
  os << ") -> (";
  types();
  os << ") {\n";
  for (unsigned i = 0; i < numChains; ++i)
    printStep(os, instruction, i);
  os << "      scf.yield ";
  list("%y", "");
  os << " : ";
  types();
  os << "\n    }\n";
  for (unsigned i = 0; i < numChains; ++i) {
    os << "    %z" << i << " = "
       << (i ? "arith.addf %z" + std::to_string(i - 1) + ", " : "arith.negf ")
       << "%r#" << i << " : " << vector << "\n";
  }
  os << "    %sum = vector.reduction <add>, %z" << numChains - 1 << " : "
     << vector << " into " << element << "\n    memref.store %sum, %out[%t] : "
     << "memref<?x" << element << ">\n  }\n  return\n}\n";
  return text;
}

/// Seconds of one call with `count` repetitions.
static llvm::Expected<double> measure(attn_function function, int64_t count,
                                      unsigned threads, Type type,
                                      MLIRContext *context) {
  attn_context call = {};
  call.version = ATTN_CONTEXT_VERSION;
  call.threads = threads;
  std::vector<HostTensor> inputs, outputs;
  Type index = IndexType::get(context);
  for (Type scalar : {index, index, type})
    inputs.push_back(cantFail(HostTensor::create(scalar, {}, "peak")));
  *reinterpret_cast<int64_t *>(inputs[0].getData()) = count;
  *reinterpret_cast<int64_t *>(inputs[1].getData()) = threads;
  // All bits clear is 0.0: sums stay finite.
  std::fill_n(inputs[2].getData(), inputs[2].getNumBytes(), 0);
  outputs.push_back(cantFail(HostTensor::create(type, threads, "peak")));
  auto start = std::chrono::steady_clock::now();
  if (llvm::Error error = callFunction(function, call, inputs, outputs))
    return error;
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
      .count();
}

llvm::Expected<double> attn::measurePeak(const CompileOptions &options,
                                         Type elementType, bool manyRows) {
  auto target = TargetSpec::parse(options.target);
  if (!target)
    return target.takeError();
  PeakInstruction instruction = getInstruction(*target, elementType, manyRows);
  auto loaded = loadLoops(options, getText(instruction));
  if (!loaded)
    return loaded.takeError();
  auto peak = (*loaded)->lookup("peak");
  if (!peak)
    return peak.takeError();
  unsigned threads = countThreads(options);
  MLIRContext *context = elementType.getContext();
  Type type = instruction.element == "f64" ? Type(Float64Type::get(context))
                                           : Float32Type::get(context);
  constexpr int64_t repetitions = 2'000'000;
  double best = 0;
  for (int run = 0; run < 5; ++run) {
    auto seconds = measure(*peak, repetitions, threads, type, context);
    if (!seconds)
      return seconds.takeError();
    best = std::max(best, instruction.flops() * repetitions * threads /
                              *seconds / 1e9);
  }
  return best;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// A function that sums 32-bit words, each of %threads threads its part.
/// Integers know no slow values.
static std::string getReadingText(const TargetSpec &target) {
  constexpr unsigned numSums = 8;
  std::string text,
      vector = "vector<" + std::to_string(target.lanes(32)) + "xi32>";
  llvm::raw_string_ostream os(text);
  int64_t step = numSums * target.lanes(32);
  os << "func.func @read(%x: memref<?xi32>, %threads: index, %out: "
        "memref<?xi32>"
        " {attn.result}) {\n"
     << "  %c0 = arith.constant 0 : index\n  %step = arith.constant " << step
     << " : index\n  %n = memref.dim %x, %c0 : memref<?xi32>\n"
     << "  %steps = arith.divui %n, %step : index\n"
     << "  %share = arith.ceildivui %steps, %threads : index\n"
     << "  %words = arith.muli %share, %step : index\n"
     << "  %whole = arith.muli %steps, %step : index\n"
     << "  %z = arith.constant dense<0> : " << vector << "\n"
     << "  scf.forall (%t) in (%threads) {\n"
     << "    %from = arith.muli %t, %words : index\n"
     << "    %last = arith.addi %from, %words : index\n"
     << "    %to = arith.minui %last, %whole : index\n    %r:" << numSums
     << " = scf.for %i = %from to %to step %step iter_args(";
  auto list = [&](StringRef prefix, StringRef suffix) {
    for (unsigned i = 0; i < numSums; ++i)
      os << (i ? ", " : "") << prefix
         << (prefix == vector ? "" : std::to_string(i)) << suffix;
  };
  list("%s", " = %z");
  os << ") -> (";
  list(vector, "");
  os << ") {\n";
  for (unsigned i = 0; i < numSums; ++i)
    os << "      %o" << i << " = arith.constant " << i * target.lanes(32)
       << " : index\n      %p" << i << " = arith.addi %i, %o" << i
       << " : index\n      %v" << i << " = vector.load %x[%p" << i
       << "] : memref<?xi32>, " << vector << "\n      %a" << i
       << " = arith.addi %s" << i << ", %v" << i << " : " << vector << "\n";
  os << "      scf.yield ";
  list("%a", "");
  os << " : ";
  list(vector, "");
  os << "\n    }\n";
  for (unsigned i = 1; i < numSums; ++i)
    os << "    %y" << i << " = arith.addi "
       << (i == 1 ? "%r#0" : "%y" + std::to_string(i - 1)) << ", %r#" << i
       << " : " << vector << "\n";
  os << "    %sum = vector.reduction <add>, %y" << numSums - 1 << " : "
     << vector << " into i32\n    memref.store %sum, %out[%t] : memref<?xi32>\n"
     << "  }\n  return\n}\n";
  return text;
}

llvm::Expected<double>
attn::measureReading(const CompileOptions &options,
                     MutableArrayRef<HostTensor> tensors) {
  auto target = TargetSpec::parse(options.target);
  if (!target)
    return target.takeError();
  auto loaded = loadLoops(options, getReadingText(*target));
  if (!loaded)
    return loaded.takeError();
  auto read = (*loaded)->lookup("read");
  if (!read)
    return read.takeError();
  int64_t threads = countThreads(options), bytes = 0;
  std::vector<int32_t> sums(threads);
  attn_context call = {};
  call.version = ATTN_CONTEXT_VERSION;
  call.threads = threads;
  double best = 0;
  for (int run = 0; run < 7; ++run) {
    bytes = 0;
    auto start = std::chrono::steady_clock::now();
    for (HostTensor &tensor : tensors) {
      int64_t words = tensor.getNumBytes() / 4;
      DLTensor view = tensor.getDLTensor(), count = view, out = view;
      view.dtype = out.dtype = {kDLInt, 32, 1};
      view.ndim = out.ndim = 1;
      view.shape = &words;
      count.ndim = 0;
      count.dtype = {kDLInt, 64, 1};
      count.data = &threads;
      out.data = sums.data();
      out.shape = &threads;
      const DLTensor *arguments[] = {&view, &count, &out};
      [[maybe_unused]] int32_t status = (*read)(&call, arguments, 3);
      assert(status == ATTN_OK && "a tensor can be read as words");
      bytes += words * 4;
    }
    double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
            .count();
    best = std::max(best, bytes / seconds / 1e9);
  }
  return best;
}
