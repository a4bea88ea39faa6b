//===- Npy.cpp - Arrays in .npy files ---------------------------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The format is that of numpy.lib.format: magic, version, header length, a
// Python dictionary literal padded with spaces, the elements.
//
//===----------------------------------------------------------------------===//

#include "attn/Support/Npy.h"

#include "mlir/IR/Builders.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

namespace {
struct TypeRow {
  NpyType type;
  StringLiteral name, descr;
  int64_t bytes;
};
} // namespace

static constexpr TypeRow typeRows[] = {
    {NpyType::Bool, "bool", "b1", 1},
    {NpyType::Int8, "int8", "i1", 1},
    {NpyType::Int16, "int16", "i2", 2},
    {NpyType::Int32, "int32", "i4", 4},
    {NpyType::Int64, "int64", "i8", 8},
    {NpyType::UInt8, "uint8", "u1", 1},
    {NpyType::UInt16, "uint16", "u2", 2},
    {NpyType::UInt32, "uint32", "u4", 4},
    {NpyType::UInt64, "uint64", "u8", 8},
    {NpyType::Float16, "float16", "f2", 2},
    {NpyType::BFloat16, "bfloat16", "V2", 2},
    {NpyType::Float32, "float32", "f4", 4},
    {NpyType::Float64, "float64", "f8", 8},
};

static const TypeRow &rowOf(NpyType type) {
  return typeRows[static_cast<unsigned>(type)];
}

int64_t attn::getNpyElementBytes(NpyType type) { return rowOf(type).bytes; }

StringRef attn::getNpyTypeName(NpyType type) { return rowOf(type).name; }

Type attn::getElementType(MLIRContext *context, NpyType type) {
  Builder builder(context);
  switch (type) {
  case NpyType::Bool:
    return builder.getI1Type();
  case NpyType::Float16:
    return builder.getF16Type();
  case NpyType::BFloat16:
    return builder.getBF16Type();
  case NpyType::Float32:
    return builder.getF32Type();
  case NpyType::Float64:
    return builder.getF64Type();
  default:
    return builder.getIntegerType(8 * getNpyElementBytes(type));
  }
}

std::optional<NpyType> attn::getNpyType(Type elementType) {
  if (elementType.isIndex())
    return NpyType::Int64;
  for (const TypeRow &row : typeRows)
    if (getElementType(elementType.getContext(), row.type) == elementType)
      return row.type;
  return std::nullopt;
}

bool attn::holdsElements(NpyType type, Type elementType) {
  if (elementType.isIndex())
    return type == NpyType::Int64 || type == NpyType::UInt64;
  if (elementType.isBF16() && type == NpyType::UInt16)
    return true;
  return getElementType(elementType.getContext(), type) == elementType;
}

//===----------------------------------------------------------------------===//
// Arrays
//===----------------------------------------------------------------------===//

int64_t NpyArray::size() const {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

/// The shape as Python writes a tuple.
static std::string tupleText(ArrayRef<int64_t> shape) {
  std::string text = "(";
  for (auto [dim, extent] : llvm::enumerate(shape))
    text += (dim ? ", " : "") + std::to_string(extent);
  return text + (shape.size() == 1 ? ",)" : ")");
}

std::string NpyArray::describe() const {
  return (getNpyTypeName(type) + " " + tupleText(shape)).str();
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

static constexpr StringLiteral magic = "\x93NUMPY";

static llvm::Error fileError(StringRef name, const llvm::Twine &message) {
  return llvm::createStringError("'" + name + "' " + message);
}

namespace {
/// Reads one file's header.
class HeaderParser {
public:
  HeaderParser(StringRef text, StringRef name) : text(text), name(name) {}

  /// Sets type and shape.
  llvm::Error parse(NpyArray &array);

private:
  /// What follows `'key':`, or nullopt.
  std::optional<StringRef> valueOf(StringRef key) const;
  llvm::Error parseType(NpyType &type) const;
  llvm::Error parseOrder() const;
  llvm::Error parseShape(SmallVectorImpl<int64_t> &shape) const;

  StringRef text, name;
};
} // namespace

std::optional<StringRef> HeaderParser::valueOf(StringRef key) const {
  std::string quoted = ("'" + key + "'").str();
  size_t at = text.find(quoted);
  if (at == StringRef::npos)
    return std::nullopt;
  StringRef rest = text.drop_front(at + quoted.size()).ltrim();
  if (!rest.consume_front(":"))
    return std::nullopt;
  return rest.ltrim();
}

llvm::Error HeaderParser::parseType(NpyType &type) const {
  std::optional<StringRef> value = valueOf("descr");
  if (!value || !value->consume_front("'"))
    return fileError(name, "has no element type that is a plain number; "
                           "structured types are not supported");
  StringRef descr = value->take_until([](char c) { return c == '\''; });
  StringRef plain = descr.size() == 3 ? descr.drop_front() : descr;
  for (const TypeRow &row : typeRows) {
    if (plain != row.descr && descr != row.name)
      continue;
    if (descr.starts_with(">") && row.bytes > 1)
      return fileError(name, "holds '" + descr +
                                 "', which is big-endian; "
                                 "little-endian is supported");
    type = row.type;
    return llvm::Error::success();
  }
  return fileError(name,
                   "holds '" + descr +
                       "'; supported are bool, (u)int8 to "
                       "(u)int64, float16, bfloat16 (V2), float32 and float64");
}

llvm::Error HeaderParser::parseOrder() const {
  std::optional<StringRef> value = valueOf("fortran_order");
  if (value && value->starts_with("False"))
    return llvm::Error::success();
  if (value && value->starts_with("True"))
    return fileError(name, "is in Fortran order; save it in C order "
                           "(numpy.ascontiguousarray)");
  return fileError(name, "does not say its 'fortran_order'");
}

llvm::Error HeaderParser::parseShape(SmallVectorImpl<int64_t> &shape) const {
  std::optional<StringRef> value = valueOf("shape");
  if (!value || !value->consume_front("("))
    return fileError(name, "does not say its 'shape'");
  int64_t elements = 1;
  while (true) {
    *value = value->ltrim();
    if (value->consume_front(")"))
      return llvm::Error::success();
    int64_t extent;
    if (value->consumeInteger(10, extent) || extent < 0)
      return fileError(name, "has a shape that is no tuple of sizes");
    if (extent != 0 && llvm::MulOverflow(elements, extent, elements))
      return fileError(name, "has a shape of more elements than memory holds");
    shape.push_back(extent);
    *value = value->ltrim();
    if (!value->consume_front(",") && !value->starts_with(")"))
      return fileError(name, "has a shape that is no tuple of sizes");
  }
}

llvm::Error HeaderParser::parse(NpyArray &array) {
  if (llvm::Error error = parseType(array.type))
    return error;
  if (llvm::Error error = parseOrder())
    return error;
  return parseShape(array.shape);
}

llvm::Expected<NpyArray> attn::parseNpy(StringRef bytes, StringRef name) {
  if (!bytes.consume_front(magic) || bytes.size() < 2)
    return fileError(name, "is no .npy file");
  unsigned version = static_cast<unsigned char>(bytes[0]);
  bytes = bytes.drop_front(2);
  if (version < 1 || version > 3)
    return fileError(name, "has .npy version " + llvm::Twine(version) +
                               "; supported are 1, 2 and 3");
  size_t lengthBytes = version == 1 ? 2 : 4;
  if (bytes.size() < lengthBytes)
    return fileError(name, "ends within its header");
  size_t length = version == 1 ? llvm::support::endian::read16le(bytes.data())
                               : llvm::support::endian::read32le(bytes.data());
  bytes = bytes.drop_front(lengthBytes);
  if (bytes.size() < length)
    return fileError(name, "ends within its header");
  NpyArray array;
  if (llvm::Error error =
          HeaderParser(bytes.take_front(length), name).parse(array))
    return std::move(error);
  bytes = bytes.drop_front(length);
  int64_t expected;
  if (llvm::MulOverflow(array.size(), getNpyElementBytes(array.type), expected))
    return fileError(name, "has a shape of more elements than memory holds");
  if (static_cast<int64_t>(bytes.size()) != expected)
    return fileError(name,
                     llvm::formatv("holds {0} bytes of elements; {1} takes {2}",
                                   bytes.size(), array.describe(), expected));
  array.data.assign(bytes.begin(), bytes.end());
  return array;
}

llvm::Expected<NpyArray> attn::readNpy(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return llvm::createStringError("cannot read '" + path +
                                   "': " + buffer.getError().message());
  return parseNpy((*buffer)->getBuffer(), path);
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

llvm::Error attn::writeNpy(StringRef path, const NpyArray &array) {
  const TypeRow &row = rowOf(array.type);
  std::string header =
      ("{'descr': '" + StringRef(row.bytes == 1 ? "|" : "<") + row.descr +
       "', 'fortran_order': False, 'shape': " + tupleText(array.shape) + ", }")
          .str();
  // Elements begin at a multiple of 64 bytes, after a newline.
  constexpr size_t prefix = 10;
  header.resize(llvm::alignTo(prefix + header.size() + 1, 64) - prefix - 1,
                ' ');
  header += '\n';
  llvm::Error error =
      llvm::writeToOutput(path, [&](llvm::raw_ostream &output) -> llvm::Error {
        // What writeToOutput hands over is always a file.
        auto &stream = static_cast<llvm::raw_fd_ostream &>(output);
        char length[2];
        llvm::support::endian::write16le(length, header.size());
        stream << magic << '\x01' << '\x00' << StringRef(length, 2) << header;
        stream.write(array.data.data(), array.data.size());
        stream.flush();
        if (!stream.has_error())
          return llvm::Error::success();
        std::error_code code = stream.error();
        stream.clear_error();
        return llvm::errorCodeToError(code);
      });
  if (!error)
    return error;
  return llvm::createStringError("cannot write '" + path +
                                 "': " + llvm::toString(std::move(error)));
}
