//===- BulkCopyHandlers.cpp - cp.async.bulk.tensor -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// TMA copies a box of a tensor of up to five dimensions, row after row, to
// shared memory, zeros where it reaches beyond the tensor. Rows are 128 bytes,
// whose chunks of 16 bytes are exchanged by bits 7 to 9 of their address.
//
//===----------------------------------------------------------------------===//

#include "Handlers.h"
#include "Machine.h"
#include "TensorMap.h"

using namespace mlir::attn::emulator;

constexpr unsigned chunkBytes = 16;

void BulkCopy::land() const {
  for (const BulkRow &row : rows) {
    char line[bulkRowBytes] = {};
    if (row.bytes)
      std::memcpy(line + row.first, row.source, row.bytes);
    auto exchange = reinterpret_cast<uintptr_t>(row.destination) >> 7 & 7;
    for (unsigned chunk = 0; chunk < bulkRowBytes / chunkBytes; ++chunk)
      std::memcpy(row.destination + (chunk ^ exchange) * chunkBytes,
                  line + chunk * chunkBytes, chunkBytes);
  }
}

//===----------------------------------------------------------------------===//
// Maps
//===----------------------------------------------------------------------===//

static llvm::Error refuse(const llvm::Twine &what) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                 "a tensor map " + what);
}

/// What cuTensorMapEncodeTiled wants of its arguments.
llvm::Error mlir::attn::emulator::encodeTensorMap(
    void *map, void *data, llvm::ArrayRef<int64_t> sizes,
    llvm::ArrayRef<int64_t> strides, llvm::ArrayRef<int64_t> box,
    unsigned elementBytes) {
  static_assert(sizeof(TensorMap) <= 128);
  if (reinterpret_cast<uintptr_t>(map) % 64)
    return refuse("lies at no multiple of 64 bytes");
  if (reinterpret_cast<uintptr_t>(data) % 16)
    return refuse("is for a tensor that starts at no multiple of 16 bytes");
  if (sizes.empty() || sizes.size() > TensorMap::maxRank ||
      box.size() != sizes.size() || strides.size() != sizes.size() - 1)
    return refuse("has " + llvm::Twine(sizes.size()) +
                  " dimensions; 1 to 5 are possible");
  if (box[0] * elementBytes != bulkRowBytes)
    return refuse("has rows of " + llvm::Twine(box[0] * elementBytes) +
                  " bytes; swizzled ones have 128");
  TensorMap result = {TensorMap::validMark, static_cast<char *>(data),
                      uint32_t(sizes.size()), elementBytes};
  for (auto [dim, size] : llvm::enumerate(sizes)) {
    if (size < 1 || size > int64_t(1) << 32 || box[dim] < 1 || box[dim] > 256)
      return refuse("takes " + llvm::Twine(box[dim]) + " of " +
                    llvm::Twine(size) + " elements of dimension " +
                    llvm::Twine(dim) + "; boxes have 1 to 256 of at most 2^32");
    result.sizes[dim] = uint32_t(size);
    result.box[dim] = uint32_t(box[dim]);
    result.strides[dim] = dim ? strides[dim - 1] : elementBytes;
    if (dim && (strides[dim - 1] <= 0 || strides[dim - 1] % 16 ||
                strides[dim - 1] >= int64_t(1) << 40))
      return refuse("has a stride of " + llvm::Twine(strides[dim - 1]) +
                    " bytes; it must be a multiple of 16 below 2^40");
  }
  std::memcpy(map, &result, sizeof(result));
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

/// The row of the box at `coordinates`, whose first counts elements.
static BulkRow makeRow(const TensorMap &map, const int64_t *coordinates,
                       char *destination) {
  BulkRow row = {destination, nullptr, 0, 0};
  int64_t offset = 0;
  for (unsigned dim = 1; dim < map.rank; ++dim) {
    if (coordinates[dim] < 0 || coordinates[dim] >= map.sizes[dim])
      return row;
    offset += coordinates[dim] * map.strides[dim];
  }
  int64_t first = std::max<int64_t>(coordinates[0], 0);
  int64_t end = std::min<int64_t>(coordinates[0] + map.box[0], map.sizes[0]);
  if (end <= first)
    return row;
  row.first = unsigned(first - coordinates[0]) * map.elementBytes;
  row.bytes = unsigned(end - first) * map.elementBytes;
  row.source = map.data + offset + first * map.elementBytes;
  return row;
}

static void readRow(const BulkRow &row, uint32_t site) {
  if (!row.bytes)
    return;
  Machine &machine = Machine::get();
  auto address = reinterpret_cast<uintptr_t>(row.source);
  MemoryRange &range =
      machine.locate(address, row.bytes, /*store=*/false, 16, site);
  machine.report(range.shadow.note(address, row.bytes, /*store=*/false,
                                   /*atomic=*/false, machine.thread().id,
                                   machine.getClocks()),
                 range, /*store=*/false, site);
  range.traffic.loadedBytes += row.bytes;
  machine.getTraffic().noteBulkLoad(address, row.bytes);
}

namespace {
template <unsigned rank>
struct BulkArguments {
  char *destination;
  uintptr_t barrier;
  const TensorMap *map;
  int32_t coordinates[rank];
};
} // namespace

template <unsigned rank>
static void copyBox(void *, void *arguments, uint32_t site) {
  const auto &given = as<BulkArguments<rank>>(arguments);
  const TensorMap &map = *given.map;
  Machine &machine = Machine::get();
  if (map.mark != TensorMap::validMark || map.rank != rank)
    machine.stop(Finding::Misaligned,
                 "copies by what is no tensor map of " + llvm::Twine(rank) +
                     " dimensions",
                 site);
  int64_t count = 1;
  for (unsigned dim = 1; dim < rank; ++dim)
    count *= map.box[dim];
  machine.locate(reinterpret_cast<uintptr_t>(given.destination),
                 count * bulkRowBytes, /*store=*/true, bulkRowBytes, site);
  BulkCopy copy;
  copy.barrier = given.barrier;
  for (int64_t number = 0; number < count; ++number) {
    int64_t coordinates[rank] = {given.coordinates[0]}, rest = number;
    for (unsigned dim = 1; dim < rank; ++dim) {
      coordinates[dim] = given.coordinates[dim] + rest % map.box[dim];
      rest /= map.box[dim];
    }
    copy.rows.push_back(
        makeRow(map, coordinates, given.destination + number * bulkRowBytes));
    readRow(copy.rows.back(), site);
  }
  machine.beginBulkCopy(std::move(copy), site);
}

llvm::ArrayRef<Handler> mlir::attn::emulator::getBulkCopyHandlers() {
  static const Handler handlers[] = {
      {"cp.async.bulk.tensor.g2s.tile.2d", copyBox<2>},
      {"cp.async.bulk.tensor.g2s.tile.5d", copyBox<5>},
  };
  return handlers;
}
