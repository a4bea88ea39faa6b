//===- Inputs.cpp - Files, values and random numbers ------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Driver/Call.h"

#include "attn/Support/Npy.h"

#include "llvm/ADT/APFloat.h"

#include <cstring>
#include <random>

using namespace mlir;
using namespace mlir::attn;

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

namespace {
/// Makes the inputs of one call.
class InputBuilder {
public:
  InputBuilder(const FunctionSignature &signature,
               const CallArguments &arguments)
      : signature(signature), given(arguments.dims) {
    values.resize(signature.inputs.size());
    for (auto &[key, value] : arguments.values)
      assign(key, value);
    // A size of one argument is that of others whose dimension has its name.
    for (const SignatureValue &input : signature.inputs)
      for (auto [dim, size] : llvm::enumerate(input.sizes)) {
        auto own = given.find(input.name + "." + std::to_string(dim));
        if (own != given.end())
          learned[input.dims[dim]] = own->second;
        else if (size >= 0)
          learned.try_emplace(input.dims[dim], size);
      }
  }

  llvm::Expected<std::vector<HostTensor>> build();
  /// Refuses names that the function does not have, and sizes that do not fit.
  llvm::Error check();
  /// The size of a dimension as far as it is known, or -1.
  int64_t getKnownSize(unsigned index, unsigned dim);
  /// Learns sizes from the files among the values.
  llvm::Error learnFromFiles();

private:
  void assign(const std::string &key, const std::string &value);
  llvm::Expected<HostTensor> makeInput(unsigned index);
  llvm::Expected<HostTensor> readFile(unsigned index);
  llvm::Expected<SmallVector<int64_t>> getShape(unsigned index);
  llvm::Error checkDim(StringRef name, int64_t size);
  llvm::Error learnSize(unsigned index, unsigned dim, int64_t size);
  bool isFile(unsigned index) const {
    return StringRef(values[index]).ends_with(".npy");
  }
  std::string place(unsigned index) const {
    return "argument " + std::to_string(index) + " '" +
           signature.inputs[index].name + "'";
  }

  const FunctionSignature &signature;
  /// Sizes by name: what the user said, and what one argument tells of others.
  std::map<std::string, int64_t> given, learned;
  std::vector<std::string> values;
  std::string unknown;
};
} // namespace

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

static void storeBits(HostTensor &tensor, int64_t index, uint64_t bits) {
  int64_t bytes = getElementBytes(tensor.getElementType());
  // Little-endian, as all targets are.
  std::memcpy(tensor.getData() + index * bytes, &bits, bytes);
}

/// `value`, rounded.
static uint64_t floatBits(FloatType type, double value) {
  llvm::APFloat number(value);
  bool losesInfo;
  number.convert(type.getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven,
                 &losesInfo);
  return number.bitcastToAPInt().getZExtValue();
}

/// Floats: normal; the usual spread exercises the whole range of scores.
/// Integers: small, which suits ids, lengths and offsets. Booleans: even odds.
static void fillRandom(HostTensor &tensor, uint64_t seed, double spread) {
  std::mt19937_64 generator(seed);
  std::normal_distribution<double> normal(0.0, spread);
  Type type = tensor.getElementType();
  auto floatType = dyn_cast<FloatType>(type);
  for (int64_t i = 0, e = tensor.getNumElements(); i < e; ++i)
    storeBits(tensor, i,
              floatType ? floatBits(floatType, normal(generator))
                        : generator() % (type.isInteger(1) ? 2 : 8));
}

/// The number that `text` gives a scalar of `type`; nullopt where it is none,
/// or the type does not hold it.
static std::optional<uint64_t> parseScalar(Type type, StringRef text) {
  if (auto floatType = dyn_cast<FloatType>(type)) {
    double number;
    if (text.getAsDouble(number))
      return std::nullopt;
    return floatBits(floatType, number);
  }
  int64_t number;
  if (text.getAsInteger(10, number))
    return std::nullopt;
  unsigned width = type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
  bool fits =
      width == 1 ? number == 0 || number == 1 : llvm::isIntN(width, number);
  return fits ? std::optional<uint64_t>(number) : std::nullopt;
}

//===----------------------------------------------------------------------===//
// InputBuilder
//===----------------------------------------------------------------------===//

void InputBuilder::assign(const std::string &key, const std::string &value) {
  for (auto [index, input] : llvm::enumerate(signature.inputs))
    if (input.name == key || std::to_string(index) == key) {
      values[index] = value;
      return;
    }
  unknown = key;
}

/// Refuses a size that no argument has, or only arguments of another static
/// size.
llvm::Error InputBuilder::checkDim(StringRef name, int64_t size) {
  std::optional<int64_t> other;
  bool fits = false;
  for (const SignatureValue &input : signature.inputs)
    for (size_t d = 0; d < input.sizes.size(); ++d) {
      if (name != input.dims[d] && name != input.name + "." + std::to_string(d))
        continue;
      if (input.sizes[d] < 0 || input.sizes[d] == size)
        fits = true;
      else
        other = input.sizes[d];
    }
  if (size < 0)
    return makeError("--dim " + name + ": " + Twine(size) +
                     " is not a size; give 0 or more");
  if (fits)
    return llvm::Error::success();
  if (other)
    return makeError("--dim " + name + ": " + Twine(size) +
                     " does not fit function '" + signature.name +
                     "', where it is " + Twine(*other));
  return makeError("--dim " + name + ": function '" + signature.name +
                   "' has no size of that name");
}

llvm::Error InputBuilder::check() {
  if (!unknown.empty())
    return makeError("--arg " + unknown + ": function '" + signature.name +
                     "' has no argument of that name or position");
  for (auto &[name, size] : given)
    if (llvm::Error error = checkDim(name, size))
      return error;
  return llvm::Error::success();
}

/// Notes that a dimension of a file has `size`, which must be what its type and
/// the user say. Sizes of one name may differ: attention ops share names.
llvm::Error InputBuilder::learnSize(unsigned index, unsigned dim,
                                    int64_t size) {
  auto fail = [&](const Twine &rest) {
    return makeError(place(index) + " has size " + Twine(size) +
                     " in dimension " + Twine(dim) + "; " + rest);
  };
  const SignatureValue &input = signature.inputs[index];
  int64_t expected = input.sizes[dim];
  if (expected >= 0 && expected != size)
    return fail("expected " + Twine(expected));
  if (expected < 0)
    for (const std::string &name :
         {input.name + "." + std::to_string(dim), input.dims[dim]})
      if (auto found = given.find(name);
          found != given.end() && found->second != size)
        return fail("--dim " + name + " is " + Twine(found->second));
  learned[input.dims[dim]] = size;
  return llvm::Error::success();
}

llvm::Expected<HostTensor> InputBuilder::readFile(unsigned index) {
  const SignatureValue &input = signature.inputs[index];
  auto array = readNpy(values[index]);
  if (!array)
    return makeError(place(index) + ": " + toString(array.takeError()));
  if (!holdsElements(array->type, input.elementType))
    return makeError(place(index) + ": '" + values[index] + "' holds " +
                     array->describe() + "; expected " + describe(input));
  if (array->shape.size() != input.sizes.size())
    return makeError(place(index) + ": '" + values[index] + "' has rank " +
                     Twine(array->shape.size()) + "; expected " +
                     Twine(input.sizes.size()));
  for (auto [dim, size] : llvm::enumerate(array->shape))
    if (llvm::Error error = learnSize(index, dim, size))
      return error;
  auto tensor =
      HostTensor::create(input.elementType, array->shape, place(index));
  if (tensor)
    std::memcpy(tensor->getData(), array->data.data(), array->data.size());
  return tensor;
}

int64_t InputBuilder::getKnownSize(unsigned index, unsigned dim) {
  const SignatureValue &input = signature.inputs[index];
  if (input.sizes[dim] >= 0)
    return input.sizes[dim];
  const std::string &name = input.dims[dim];
  if (auto own = given.find(input.name + "." + std::to_string(dim));
      own != given.end())
    return own->second;
  if (auto said = given.find(name); said != given.end())
    return said->second;
  auto found = learned.find(name);
  return name.empty() || found == learned.end() ? -1 : found->second;
}

llvm::Expected<SmallVector<int64_t>> InputBuilder::getShape(unsigned index) {
  const SignatureValue &input = signature.inputs[index];
  SmallVector<int64_t> shape;
  for (unsigned dim = 0; dim < input.sizes.size(); ++dim) {
    shape.push_back(getKnownSize(index, dim));
    if (shape.back() < 0)
      return makeError(place(index) + " has a dynamic size in dimension " +
                       Twine(dim) + "; give --dim " +
                       (input.dims[dim].empty()
                            ? input.name + "." + std::to_string(dim)
                            : input.dims[dim]) +
                       "=SIZE");
  }
  return shape;
}

llvm::Expected<HostTensor> InputBuilder::makeInput(unsigned index) {
  const SignatureValue &input = signature.inputs[index];
  StringRef value = values[index];
  bool random =
      value.empty() || value == "random" || value.starts_with("random:");
  uint64_t seed = index;
  if (value.consume_front("random:") && value.getAsInteger(10, seed))
    return makeError(place(index) + ": 'random:" + value +
                     "' has no number for a seed");
  std::optional<uint64_t> number;
  if (input.sizes.empty() && !random)
    number = parseScalar(input.elementType, value);
  if (!random && !number)
    return makeError(place(index) + ": '" + value +
                     "' is neither a .npy file nor random[:SEED]" +
                     (input.sizes.empty()
                          ? " nor a number of type " + describe(input)
                          : ""));
  auto shape = getShape(index);
  if (!shape)
    return shape.takeError();
  auto tensor = HostTensor::create(input.elementType, *shape, place(index));
  if (!tensor)
    return tensor.takeError();
  if (random)
    fillRandom(*tensor, seed, input.spread);
  else
    storeBits(*tensor, 0, *number);
  return tensor;
}

llvm::Error InputBuilder::learnFromFiles() {
  for (unsigned index = 0; index < values.size(); ++index)
    if (isFile(index))
      if (auto tensor = readFile(index); !tensor)
        return tensor.takeError();
  return llvm::Error::success();
}

llvm::Expected<std::vector<HostTensor>> InputBuilder::build() {
  std::vector<std::optional<HostTensor>> tensors(signature.inputs.size());
  // Files first: their sizes are those of the arguments without one.
  for (bool files : {true, false})
    for (unsigned index = 0; index < tensors.size(); ++index) {
      if (isFile(index) != files)
        continue;
      auto tensor = files ? readFile(index) : makeInput(index);
      if (!tensor)
        return tensor.takeError();
      tensors[index] = std::move(*tensor);
    }
  std::vector<HostTensor> result;
  for (std::optional<HostTensor> &tensor : tensors)
    result.push_back(std::move(*tensor));
  return result;
}

llvm::Expected<std::vector<HostTensor>>
attn::makeInputs(const FunctionSignature &signature,
                 const CallArguments &arguments) {
  InputBuilder builder(signature, arguments);
  if (llvm::Error error = builder.check())
    return error;
  return builder.build();
}

llvm::Expected<SmallVector<SmallVector<int64_t>>>
attn::getKnownShapes(const FunctionSignature &signature,
                     const CallArguments &arguments) {
  InputBuilder builder(signature, arguments);
  if (llvm::Error error = builder.check())
    return error;
  if (llvm::Error error = builder.learnFromFiles())
    return error;
  SmallVector<SmallVector<int64_t>> shapes;
  for (unsigned index = 0; index < signature.inputs.size(); ++index) {
    shapes.emplace_back();
    for (unsigned dim = 0; dim < signature.inputs[index].sizes.size(); ++dim)
      shapes.back().push_back(builder.getKnownSize(index, dim));
  }
  return shapes;
}
