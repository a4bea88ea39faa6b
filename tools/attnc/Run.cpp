//===- Run.cpp - attnc run -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Commands.h"

#include "attn/Driver/Emulation.h"
#include "attn/Reference/Evaluator.h"
#include "attn/Support/Npy.h"

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::tool;

static llvm::cl::list<std::string>
    outFiles("out", llvm::cl::value_desc("FILE.npy"),
             llvm::cl::desc("Where to write a result; repeated, in order"),
             llvm::cl::sub(runCommand()));
static llvm::cl::opt<bool>
    check("check", llvm::cl::desc("Compare with the fp64 reference"),
          llvm::cl::sub(runCommand()));
static llvm::cl::opt<bool>
    emulate("emulate",
            llvm::cl::desc(
                "Run the kernels of a GPU target on the CPU, check what they "
                "access and count it"),
            llvm::cl::sub(runCommand()));

/// A tensor as the reference has it.
static reference::Tensor toReference(HostTensor &tensor) {
  return llvm::cantFail(reference::Tensor::fromBytes(
      tensor.getElementType(), tensor.getShape(), tensor.getBytes()));
}

/// Prints the first elements.
static void printSummary(const SignatureValue &output, HostTensor &tensor) {
  int64_t shown = std::min<int64_t>(tensor.getNumElements(), 8);
  int64_t bytes = shown * getElementBytes(tensor.getElementType());
  reference::Tensor values = llvm::cantFail(reference::Tensor::fromBytes(
      tensor.getElementType(), shown, tensor.getBytes().take_front(bytes)));
  SmallVector<double> numbers(values.floats.begin(), values.floats.end());
  numbers.append(values.integers.begin(), values.integers.end());
  SignatureValue actual = output;
  actual.sizes.assign(tensor.getShape().begin(), tensor.getShape().end());
  llvm::outs() << output.name << ": " << describe(actual) << " [";
  llvm::interleaveComma(numbers, llvm::outs(), [](double number) {
    llvm::outs() << llvm::format("%.6g", number);
  });
  llvm::outs() << (shown < tensor.getNumElements() ? ", ...]\n" : "]\n");
}

static llvm::Error writeResult(StringRef path, HostTensor &tensor) {
  NpyArray array;
  array.type = *getNpyType(tensor.getElementType());
  array.shape.assign(tensor.getShape().begin(), tensor.getShape().end());
  ArrayRef<char> bytes = tensor.getBytes();
  array.data.assign(bytes.begin(), bytes.end());
  return writeNpy(path, array);
}

/// Refuses a file that two results share, or that is an input; false after a
/// report.
static bool checkOutFiles(const CallArguments &arguments) {
  for (unsigned index = 0; index < outFiles.size(); ++index) {
    const std::string &path = outFiles[index];
    for (unsigned before = 0; before < index; ++before)
      if (isSameFile(path, outFiles[before]))
        return report("--out: '" + path + "' is given twice", Usage), false;
    bool taken = isInput(path);
    for (auto &[name, value] : arguments.values)
      taken |= isSameFile(path, value);
    if (taken)
      return report("--out: '" + path + "' is an input; give another name",
                    Usage),
             false;
  }
  return true;
}

/// Compares all results with the reference; the exit code says how that went.
static int checkResults(const EntryPoint &entry, PreparedCall &call) {
  SmallVector<reference::Tensor> arguments;
  for (HostTensor &input : call.inputs)
    arguments.push_back(toReference(input));
  auto expected = reference::evaluate(entry.function, arguments);
  if (!expected)
    return report(expected.takeError());
  bool passed = true;
  for (auto [index, result] : llvm::enumerate(*expected)) {
    auto comparison =
        reference::compare(result, toReference(call.outputs[index]));
    if (!comparison)
      return report(comparison.takeError());
    (wantsJSON() ? llvm::errs() : llvm::outs())
        << "check " << entry.signature.outputs[index].name << ": "
        << comparison->describe() << '\n';
    passed &= comparison->passed();
  }
  llvm::outs().flush();
  if (passed)
    return Good;
  return report("--check: results of '" + entry.signature.name +
                    "' lie outside of the bound",
                WrongInput);
}

/// Shows, writes and checks the results.
static int finish(const EntryPoint &entry, PreparedCall &call) {
  if (!wantsJSON())
    for (auto [value, tensor] :
         llvm::zip_equal(entry.signature.outputs, call.outputs))
      printSummary(value, tensor);
  for (auto [path, tensor] : llvm::zip(outFiles, call.outputs))
    if (llvm::Error error = writeResult(path, tensor))
      return report(std::move(error));
  return check ? checkResults(entry, call) : Good;
}

/// Runs the function on the emulated GPU; the exit code says how that went.
static int runEmulated(EntryPoint &entry) {
  auto module = EmulatedModule::compile(*entry.compilation);
  if (!module)
    return report(module.takeError());
  auto inputs = makeInputs(entry.signature, entry.arguments);
  if (!inputs)
    return report(inputs.takeError());
  PreparedCall call;
  call.context.version = ATTN_CONTEXT_VERSION;
  call.inputs = std::move(*inputs);
  auto outputs = makeOutputs((*module)->getHost(), entry.signature, call.inputs,
                             call.context);
  if (!outputs)
    return report(outputs.takeError());
  call.outputs = std::move(*outputs);
  auto emulation = (*module)->call(entry.signature, call.inputs, call.outputs);
  if (!emulation)
    return report(emulation.takeError());
  llvm::outs() << (wantsJSON() ? emulation->getJSON() : emulation->getText());
  int code = finish(entry, call);
  for (const std::string &finding : emulation->findings)
    code = report(finding, WrongInput);
  return code;
}

int tool::run() {
  int code;
  std::optional<EntryPoint> entry = openEntryPoint(code);
  if (!entry)
    return code;
  ArrayRef<SignatureValue> results = entry->signature.outputs;
  if (outFiles.size() > results.size())
    return report("--out was given " + Twine(outFiles.size()) + " times; '" +
                      entry->signature.name + "' has " + Twine(results.size()) +
                      " results",
                  Usage);
  if (!checkOutFiles(entry->arguments))
    return Usage;
  if (emulate)
    return runEmulated(*entry);
  if (const std::optional<GPUSpec> &gpu = entry->compilation->getGPU())
    return report("target '" + gpu->name +
                      "' is a GPU, whose functions take tensors in its memory; "
                      "give --emulate to run its kernels on the CPU",
                  Usage);
  if (wantsJSON())
    return report("--json: prints what --emulate counts; give that too", Usage);
  auto call = loadFunction(*entry);
  if (!call)
    return report(call.takeError());
  if (llvm::Error error = makeTensors(*entry, *call))
    return report(std::move(error));
  if (llvm::Error error = callFunction(call->function, call->context,
                                       call->inputs, call->outputs))
    return report(std::move(error));
  return finish(*entry, *call);
}
