//===- WarpgroupHandlers.cpp - wgmma, mbarrier, setmaxnreg -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// wgmma multiplies 64 rows, 16 of each warp of a warpgroup, so that a warp is
// computed by itself. Results are there once the product is waited for; shared
// memory counts as read both at once and then, so that it must neither arrive
// late nor be written early.
//
// Operands in shared memory are described by 64 bits, of which bits 0 to 13 are
// the address, 16 to 29 the distance of columns of 128 bytes where rows are the
// depth, 32 to 45 the distance of eight rows, all in units of 16 bytes, and 62
// and 63 the swizzle: 1 for 128 bytes.
//
//===----------------------------------------------------------------------===//

#include "FloatBits.h"
#include "Handlers.h"
#include "Machine.h"

using namespace mlir::attn::emulator;

constexpr uint32_t allLanes = 0xffffffff;
constexpr unsigned depth = 16, rowsOfWarp = 16, maxColumns = 256;

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

namespace {
/// A matrix of 16-bit elements in shared memory.
class SharedMatrix {
public:
  SharedMatrix(uint64_t descriptor, bool rowsAreDepth)
      : address((descriptor & 0x3fff) << 4),
        columnDistance((descriptor >> 16 & 0x3fff) << 4),
        rowDistance((descriptor >> 32 & 0x3fff) << 4),
        swizzle(descriptor >> 62), rowsAreDepth(rowsAreDepth) {}

  bool isSupported() const { return swizzle == 1; }

  /// The offset in shared memory of element `inner` of row `outer`; rows are
  /// 128 bytes or, where they are the depth, several times that.
  size_t offsetOf(unsigned outer, unsigned inner) const {
    size_t offset = address + outer / 8 * rowDistance + outer % 8 * 128;
    if (rowsAreDepth)
      offset += inner / 64 * columnDistance + inner % 64 * 2;
    else
      offset += inner * 2;
    return offset ^ (offset >> 7 & 7) << 4;
  }

private:
  size_t address, columnDistance, rowDistance;
  unsigned swizzle;
  bool rowsAreDepth;
};

/// The argument struct of a product.
struct Product {
  const char *rest;
  ProductForm form;

  explicit Product(const void *arguments)
      : rest(static_cast<const char *>(arguments) + sizeof(uint64_t)),
        form(ProductForm::decode(as<uint64_t>(arguments))) {}

  /// Registers of A, or its descriptor, then that of B.
  const uint32_t *leftRegisters() const {
    return reinterpret_cast<const uint32_t *>(rest);
  }
  uint64_t leftDescriptor() const { return as<uint64_t>(rest); }
  uint64_t rightDescriptor() const {
    return as<uint64_t>(rest + (form.leftInRegisters ? 16 : 8));
  }
  const float *sums() const {
    return reinterpret_cast<const float *>(rest +
                                           (form.leftInRegisters ? 24 : 16));
  }
};
} // namespace

static float toFloat(uint16_t bits, bool isBF16) {
  return isBF16 ? fromBF16(bits) : fromF16(bits);
}

/// Reads 8 elements of row `outer` for the first lane of the running warp.
static void readChunk(const SharedMatrix &matrix, unsigned outer,
                      unsigned inner, uint16_t *elements, uint32_t site) {
  Machine &machine = Machine::get();
  uintptr_t address =
      reinterpret_cast<uintptr_t>(machine.getMemory().getSharedBase()) +
      matrix.offsetOf(outer, inner);
  MemoryRange &range = machine.locate(address, 16, /*store=*/false, 16, site);
  Thread &lead = machine.leader();
  machine.report(range.shadow.note(address, 16, /*store=*/false,
                                   /*atomic=*/false, lead.id,
                                   machine.getClocks()),
                 range, /*store=*/false, site);
  lead.openReads.push_back(address);
  std::memcpy(elements, reinterpret_cast<const void *>(address), 16);
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

/// Signalling NaNs, which no instruction gives.
constexpr uint32_t firstMark = 0x7f800001, endMark = 0x7fc00000;

float ProductResults::begin(float value) {
  // What has been waited for is in registers.
  if (ends.empty() && done == first + values.size()) {
    first = done;
    values.clear();
  }
  values.push_back(value);
  uint64_t number = first + values.size() - 1;
  return llvm::bit_cast<float>(
      uint32_t(firstMark + number % (endMark - firstMark)));
}

std::optional<uint64_t> ProductResults::numberOf(float held) const {
  auto bits = llvm::bit_cast<uint32_t>(held);
  if (bits < firstMark || bits >= endMark)
    return std::nullopt;
  constexpr uint64_t marks = endMark - firstMark;
  uint64_t number = first + (bits - firstMark + marks - first % marks) % marks;
  if (number >= first + values.size())
    return std::nullopt;
  return number;
}

float ProductResults::valueOf(float held) const {
  std::optional<uint64_t> number = numberOf(held);
  return number ? values[*number - first] : held;
}

void ProductResults::await(size_t pending) {
  for (; ends.size() > pending; ends.pop_front())
    done = ends.front();
}

float ProductResults::settle(float held) const {
  std::optional<uint64_t> number = numberOf(held);
  return number && *number < done ? values[*number - first] : held;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// The 16 rows of the running warp.
static void loadLeft(void **arguments, float (&a)[rowsOfWarp][depth],
                     uint32_t site) {
  Product first(arguments[0]);
  bool isBF16 = first.form.isBF16;
  if (!first.form.leftInRegisters) {
    SharedMatrix matrix(first.leftDescriptor(), /*rowsAreDepth=*/false);
    unsigned warp = Machine::get().thread().warp % 4;
    for (unsigned row = 0; row < rowsOfWarp; ++row)
      for (unsigned column = 0; column < depth; column += 8) {
        uint16_t chunk[8];
        readChunk(matrix, rowsOfWarp * warp + row, column, chunk, site);
        for (unsigned i = 0; i < 8; ++i)
          a[row][column + i] = toFloat(chunk[i], isBF16);
      }
    return;
  }
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    const uint32_t *registers = Product(arguments[lane]).leftRegisters();
    for (unsigned i = 0; i < 4; ++i)
      for (unsigned e = 0; e < 2; ++e)
        a[lane / 4 + 8 * (i % 2)][2 * (lane % 4) + 8 * (i / 2) + e] =
            toFloat(registers[i] >> 16 * e & 0xffff, isBF16);
  }
}

static void loadRight(const Product &product, float (&b)[depth][maxColumns],
                      uint32_t site) {
  bool rowsAreDepth = product.form.rightRowsAreDepth;
  unsigned columns = product.form.columns;
  SharedMatrix matrix(product.rightDescriptor(), rowsAreDepth);
  unsigned outers = rowsAreDepth ? depth : columns;
  unsigned inners = rowsAreDepth ? columns : depth;
  for (unsigned outer = 0; outer < outers; ++outer)
    for (unsigned inner = 0; inner < inners; inner += 8) {
      uint16_t chunk[8];
      readChunk(matrix, outer, inner, chunk, site);
      for (unsigned i = 0; i < 8; ++i)
        (rowsAreDepth ? b[outer][inner + i] : b[inner + i][outer]) =
            toFloat(chunk[i], product.form.isBF16);
    }
}

static void multiplyRows(void **results, void **arguments, uint32_t site) {
  Product product(arguments[0]);
  Machine &machine = Machine::get();
  if (!SharedMatrix(product.rightDescriptor(), false).isSupported() ||
      (!product.form.leftInRegisters &&
       !SharedMatrix(product.leftDescriptor(), false).isSupported()))
    machine.stop(Finding::Misaligned,
                 "multiplies a matrix without a swizzle of 128 bytes", site);
  float a[rowsOfWarp][depth];
  static thread_local float b[depth][maxColumns];
  loadLeft(arguments, a, site);
  loadRight(product, b, site);
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    Product mine(arguments[lane]);
    for (unsigned i = 0; i < mine.form.columns / 2; ++i) {
      unsigned row = lane / 4 + 8 * (i / 2 % 2);
      unsigned column = i / 4 * 8 + 2 * (lane % 4) + i % 2;
      float sum = 0;
      for (unsigned k = 0; k < depth; ++k)
        sum += a[row][k] * b[k][column];
      ProductResults &products = machine.laneOf(lane).products;
      if (mine.form.accumulates)
        sum += products.valueOf(mine.sums()[i]);
      static_cast<float *>(results[lane])[i] = products.begin(sum);
    }
  }
  machine.getTraffic().counts.tensorFlops +=
      2 * rowsOfWarp * depth * product.form.columns;
}

static void multiply(void *result, void *arguments, uint32_t site) {
  Machine::get().meetWarp(
      allLanes, site, result, arguments,
      [&](void **results, void **all) { multiplyRows(results, all, site); });
}

static void commitProducts(void *, void *, uint32_t) {
  Thread &self = Machine::get().thread();
  self.readGroups.push_back(std::move(self.openReads));
  self.openReads.clear();
  self.products.commit();
}

namespace {
struct ProductWait {
  uint32_t pending, count;
  float registers[1]; ///< As many as `count` says.
};
} // namespace

/// What the groups read was read until now; registers get what they stand for.
static void waitProducts(void *result, void *arguments, uint32_t site) {
  Machine &machine = Machine::get();
  Thread &self = machine.thread();
  const auto &given = as<ProductWait>(arguments);
  size_t pending = given.pending;
  self.products.await(pending);
  for (uint32_t i = 0; i < given.count; ++i)
    static_cast<float *>(result)[i] = self.products.settle(given.registers[i]);
  MemoryRange &range = machine.getMemory().getShared();
  for (; self.readGroups.size() > pending; self.readGroups.pop_front())
    for (uintptr_t address : self.readGroups.front())
      machine.report(range.shadow.note(address, 16, /*store=*/false,
                                       /*atomic=*/false, self.id,
                                       machine.getClocks()),
                     range, /*store=*/false, site);
}

//===----------------------------------------------------------------------===//
// Barriers in shared memory
//===----------------------------------------------------------------------===//

namespace {
struct BarrierInit {
  uintptr_t address;
  uint32_t count;
};
struct BarrierWait {
  uintptr_t address;
  uint32_t parity;
};
} // namespace

static void initBarrier(void *, void *arguments, uint32_t site) {
  const auto &given = as<BarrierInit>(arguments);
  Machine::get().initPhases(given.address, given.count, site);
}

/// The state that the instruction returns has no use here.
static void arrive(void *result, void *arguments, uint32_t site) {
  resultAs<uint64_t>(result) = 0;
  Machine::get().arriveAtPhase(as<uintptr_t>(arguments), site);
}

namespace {
struct ExpectArguments {
  uintptr_t address;
  uint32_t bytes;
};
} // namespace

static void arriveExpecting(void *result, void *arguments, uint32_t site) {
  const auto &given = as<ExpectArguments>(arguments);
  Machine::get().expectBytes(given.address, given.bytes, site);
  arrive(result, arguments, site);
}

static void waitForPhase(void *, void *arguments, uint32_t site) {
  const auto &given = as<BarrierWait>(arguments);
  Machine::get().waitForPhase(given.address, given.parity, site);
}

static void ignore(void *, void *, uint32_t) {}

llvm::ArrayRef<Handler> mlir::attn::emulator::getWarpgroupHandlers() {
  static const Handler handlers[] = {
      {"asm wgmma.mma_async", multiply},
      {"asm wgmma.wait_group", waitProducts},
      {"wgmma.commit_group.sync.aligned", commitProducts},
      {"wgmma.fence.sync.aligned", ignore},
      {"setmaxnreg.inc.sync.aligned.u32", ignore},
      {"setmaxnreg.dec.sync.aligned.u32", ignore},
      {"asm fence.proxy.async", ignore},
      {"mbarrier.init.shared", initBarrier},
      {"mbarrier.arrive.shared", arrive},
      {"mbarrier.arrive.expect.tx.scope.cta.space.cta", arriveExpecting},
      {"fence.mbarrier_init.release.cluster", ignore},
      {"asm mbarrier.try_wait.parity", waitForPhase},
  };
  return handlers;
}
