//===- Png.cpp - Pictures of a few colours --------------------------------===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Support/Png.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/CRC.h"
#include "llvm/Support/Endian.h"
#include <cassert>

using namespace mlir::attn;

static void appendBig(std::string &bytes, uint32_t value) {
  char data[4];
  llvm::support::endian::write32be(data, value);
  bytes.append(data, 4);
}

static void appendChunk(std::string &file, llvm::StringRef type,
                        llvm::StringRef data) {
  appendBig(file, data.size());
  std::string checked = (type + data).str();
  file += checked;
  appendBig(file, llvm::crc32(llvm::arrayRefFromStringRef(checked)));
}

static uint32_t adler32(llvm::StringRef data) {
  uint32_t low = 1, high = 0;
  for (unsigned char byte : data) {
    low = (low + byte) % 65521;
    high = (high + low) % 65521;
  }
  return high << 16 | low;
}

/// A zlib stream of stored blocks: four pixels a byte are small enough.
static std::string store(llvm::StringRef data) {
  std::string stream("\x78\x01", 2);
  constexpr size_t limit = 65535;
  do {
    llvm::StringRef block = data.take_front(limit);
    data = data.drop_front(block.size());
    stream += data.empty() ? '\1' : '\0';
    uint16_t size = block.size(), inverse = ~size;
    for (uint16_t number : {size, inverse}) {
      stream += static_cast<char>(number & 0xff);
      stream += static_cast<char>(number >> 8);
    }
    stream += block;
  } while (!data.empty());
  return stream;
}

std::string mlir::attn::encodePng(uint32_t width, uint32_t height,
                                  llvm::ArrayRef<uint8_t> pixels,
                                  llvm::ArrayRef<Colour> palette) {
  assert(pixels.size() == size_t(width) * height && palette.size() <= 4);
  std::string header;
  appendBig(header, width);
  appendBig(header, height);
  // Two bits a pixel, a palette; the standard compression, filters, no
  // interlace.
  header += std::string("\2\3\0\0\0", 5);
  std::string colours;
  for (const Colour &colour : palette)
    colours.append(colour.begin(), colour.end());
  std::string rows;
  for (uint32_t y = 0; y < height; ++y) {
    rows += '\0';
    for (uint32_t x = 0; x < width; x += 4) {
      unsigned byte = 0;
      for (uint32_t at = 0; at < 4 && x + at < width; ++at)
        byte |= pixels[size_t(y) * width + x + at] << (6 - 2 * at);
      rows += static_cast<char>(byte);
    }
  }
  std::string data = store(rows);
  appendBig(data, adler32(rows));
  std::string file("\x89PNG\r\n\x1a\n", 8);
  appendChunk(file, "IHDR", header);
  appendChunk(file, "PLTE", colours);
  appendChunk(file, "IDAT", data);
  appendChunk(file, "IEND", "");
  return file;
}
