//===- Peak.cpp - What this machine could do at best -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Driver/Peak.h"

#include "attn/Driver/Call.h"

#include <chrono>
#include <thread>

using namespace mlir;
using namespace mlir::attn;

/// Independent chains: enough to fill two pipes of latency four.
static constexpr unsigned numChains = 12;

namespace {
/// The instruction that bounds the speed of contractions.
struct PeakInstruction {
  std::string element; ///< Of accumulators.
  unsigned lanes;      ///< Of accumulators.
  bool isDot = false;  ///< Pairs of bf16.

  std::string accumulator() const {
    return "vector<" + std::to_string(lanes) + "x" + element + ">";
  }
  std::string factor() const {
    return isDot ? "vector<" + std::to_string(2 * lanes) + "xbf16>"
                 : accumulator();
  }
  double flops() const { return (isDot ? 4.0 : 2.0) * lanes; }
};
} // namespace

static PeakInstruction getInstruction(const TargetSpec &target, Type type) {
  if (type.isF64())
    return {"f64", target.lanes(64)};
  return {"f32", target.lanes(32),
          type.isBF16() && target.hasBF16Dot && target.vectorBits == 512};
}

/// One step of chain `i`.
static void printStep(llvm::raw_ostream &os, const PeakInstruction &instruction,
                      unsigned i) {
  os << "      %y" << i << " = ";
  if (instruction.isDot)
    os << "x86vector.avx512.dot %x" << i << ", %a, %a : "
       << instruction.factor() << " -> " << instruction.accumulator() << "\n";
  else
    os << "vector.fma %a, %a, %x" << i << " : " << instruction.accumulator()
       << "\n";
}

/// A function that repeats the instructions %n times on each of %threads
/// threads. Chains start apart, or LLVM would see that they are one.
static std::string getText(const PeakInstruction &instruction) {
  std::string text, vector = instruction.accumulator();
  const std::string &element = instruction.element;
  llvm::raw_string_ostream os(text);
  os << "func.func @peak(%n: index, %threads: index, %f: " << element
     << ", %out: memref<?x" << element << "> {attn.result}) {\n"
     << "  %c0 = arith.constant 0 : index\n  %c1 = arith.constant 1 : index\n"
     << "  scf.forall (%t) in (%threads) {\n";
  if (instruction.isDot)
    os << "    %g = arith.truncf %f : f32 to bf16\n    %a = vector.broadcast "
          "%g : bf16 to " << instruction.factor() << "\n";
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
                                         Type elementType) {
  CompileOptions peakOptions;
  peakOptions.target = options.target;
  peakOptions.threads = options.threads;
  peakOptions.startFrom = Phase::Lower;
  auto target = TargetSpec::parse(options.target);
  if (!target)
    return target.takeError();
  PeakInstruction instruction = getInstruction(*target, elementType);
  auto compilation = Compilation::create(
      llvm::MemoryBuffer::getMemBufferCopy(getText(instruction), "peak.mlir"),
      peakOptions);
  if (!compilation)
    return compilation.takeError();
  auto loaded = compileForHost(**compilation);
  if (!loaded)
    return loaded.takeError();
  auto peak = (*loaded)->lookup("peak");
  if (!peak)
    return peak.takeError();
  unsigned threads = options.threads ? options.threads
                                     : std::thread::hardware_concurrency();
  MLIRContext *context = (*compilation)->getSource().getContext();
  Type type = instruction.element == "f64" ? Type(Float64Type::get(context))
                                           : Float32Type::get(context);
  constexpr int64_t repetitions = 2'000'000;
  double best = 0;
  for (int run = 0; run < 5; ++run) {
    auto seconds = measure(*peak, repetitions, threads, type, context);
    if (!seconds)
      return seconds.takeError();
    best = std::max(best, instruction.flops() * numChains * repetitions *
                              threads / *seconds / 1e9);
  }
  return best;
}
