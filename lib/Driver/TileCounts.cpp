//===- TileCounts.cpp - What a mask leaves of the tiles -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Driver/TileCounts.h"

#include "attn/Conversion/LinalgToAttn/LinalgToAttn.h"
#include "attn/Dialect/Attn/IR/RegionUtils.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"
#include "attn/Support/Png.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::attn;

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

double TileCounts::keptShare() const {
  double total = empty + partial + full;
  return total ? (full + 0.5 * partial) / total : 0;
}

double TileCounts::reachedShare(int64_t group) const {
  std::vector<bool> reached(planes / group * keyTiles);
  for (auto [position, kind] : llvm::enumerate(kinds)) {
    int64_t plane = position / (queryTiles * keyTiles);
    if (kind != TileKind::Empty)
      reached[plane / group * keyTiles + position % keyTiles] = true;
  }
  return reached.empty() ? 1
                         : double(llvm::count(reached, true)) / reached.size();
}

double TileCounts::countVisitedPairs(int64_t queries, int64_t keys,
                                     int64_t tileQueries,
                                     int64_t tileKeys) const {
  double pairs = 0;
  for (auto [position, kind] : llvm::enumerate(kinds)) {
    int64_t row = position / keyTiles % queryTiles,
            column = position % keyTiles;
    if (kind != TileKind::Empty)
      pairs += double(std::min(tileQueries, queries - row * tileQueries)) *
               std::min(tileKeys, keys - column * tileKeys);
  }
  return pairs;
}

std::string TileCounts::draw() const {
  static constexpr Colour colours[] = {
      {255, 255, 255}, {245, 150, 60}, {50, 90, 160}, {120, 120, 120}};
  constexpr int64_t maxPlanes = 16, maxWidth = 4096;
  constexpr uint8_t line = 3;
  int64_t shown = std::min(planes, maxPlanes);
  int64_t tiles = std::max<int64_t>(1, shown * keyTiles);
  int64_t scale = std::clamp<int64_t>(maxWidth / 4 / tiles, 1, 16);
  // Planes are framed by lines of one pixel.
  int64_t width = shown * (keyTiles * scale + 1) + 1;
  int64_t height = queryTiles * scale + 2;
  std::vector<uint8_t> pixels(width * height, line);
  for (int64_t plane = 0; plane < shown; ++plane)
    for (int64_t y = 0; y < queryTiles * scale; ++y)
      for (int64_t x = 0; x < keyTiles * scale; ++x)
        pixels[(y + 1) * width + plane * (keyTiles * scale + 1) + 1 + x] =
            static_cast<uint8_t>(
                kinds[(plane * queryTiles + y / scale) * keyTiles + x / scale]);
  return encodePng(width, height, pixels, colours);
}

/// The size of an iteration dimension of `op`, from an operand that has it.
static Value emitSize(OpBuilder &builder, AttendOp op, unsigned dim) {
  for (auto [operand, map] : {std::pair(op.getQuery(), op.getQueryMap()),
                              std::pair(op.getKey(), op.getKeyMap())})
    for (auto [position, result] : llvm::enumerate(map.getResults()))
      if (cast<AffineDimExpr>(result).getPosition() == dim)
        return emitDim(builder, op.getLoc(), operand, position);
  return arith::ConstantIndexOp::create(builder, op.getLoc(), 1);
}

/// A copy whose sizes are known before the loop that makes `map` has run.
static Value copyMap(OpBuilder &builder, Value map) {
  Location loc = map.getLoc();
  auto loop = map.getDefiningOp<scf::ForOp>();
  auto init = loop.getInits().front().getDefiningOp<tensor::EmptyOp>();
  Value empty = tensor::EmptyOp::create(builder, loc, init.getMixedSizes(),
                                        init.getType().getElementType());
  return linalg::CopyOp::create(builder, loc, map, empty).getResult(0);
}

/// Makes `function` return the tile map of `op` instead of its results.
static void returnTileMap(func::FuncOp function, AttendOp op,
                          int64_t tileQueries, int64_t tileKeys) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  if (op.getMask().empty()) {
    Region *region = &op.getMask();
    Block *all = builder.createBlock(region);
    all->addArguments(SmallVector<Type>(4, builder.getIndexType()),
                      SmallVector<Location>(4, loc));
    for (Value capture : op.getCaptures())
      all->addArgument(capture.getType(), loc);
    Value keep = arith::ConstantIntOp::create(builder, loc, 1, 1);
    YieldOp::create(builder, loc, keep);
    builder.setInsertionPoint(op);
  }
  Value keyHeads = emitSize(builder, op, AttendOp::Hkv);
  Value group = emitSize(builder, op, AttendOp::G);
  MaskDomain domain;
  domain.batches = emitSize(builder, op, AttendOp::B);
  domain.heads = builder.createOrFold<arith::MulIOp>(loc, keyHeads, group);
  domain.queries = emitSize(builder, op, AttendOp::I);
  domain.keys = emitSize(builder, op, AttendOp::J);
  domain.tileQueries = tileQueries;
  domain.tileKeys = tileKeys;
  TileClassifier classifier(op.getMask(), ShapedType::kDynamic,
                            ShapedType::kDynamic,
                            getCaptureFacts(op.getCaptures()));
  Value map = emitTileMap(builder, loc, classifier, domain, op.getCaptures());
  map = copyMap(builder, map);
  function.front().getTerminator()->setOperands(map);
  function.setType(
      builder.getFunctionType(function.getArgumentTypes(), map.getType()));
  function.removeResAttrsAttr();
  if (op->use_empty())
    op->erase();
}

/// The attend op number `index`; its function's graph ops have been reduced.
static AttendOp findAttend(func::FuncOp function, unsigned index) {
  AttendOp found;
  unsigned seen = 0;
  function.walk([&](AttendOp op) {
    if (seen++ == index)
      found = op;
  });
  return found;
}

llvm::Error attn::returnTileMaps(ModuleOp module, unsigned index,
                                 int64_t tileQueries, int64_t tileKeys) {
  PassManager passes(module.getContext(), ModuleOp::getOperationName());
  passes.addNestedPass<func::FuncOp>(createConvertLinalgToAttnPass());
  passes.addPass(createInlinerPass());
  passes.addPass(createCanonicalizerPass());
  passes.addNestedPass<func::FuncOp>(createExpandGraphOpsPass());
  passes.addNestedPass<func::FuncOp>(createLowerToAttendPass());
  passes.addPass(createCSEPass());
  if (failed(passes.run(module)))
    return makeError("the module's attention cannot be classified");
  for (func::FuncOp function : getPublicFunctions(module)) {
    AttendOp op = findAttend(function, index);
    if (!op)
      return makeError("function '" + function.getName() +
                       "' has no attention op number " + Twine(index) +
                       ", whose tiles could be classified");
    returnTileMap(function, op, tileQueries, tileKeys);
  }
  return llvm::Error::success();
}

static void eraseOtherFunctions(ModuleOp module, StringRef name) {
  for (func::FuncOp other :
       llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
    if (other.getName() != name && other.isPublic())
      other.erase();
}

/// The counts that the bytes of a tile map hold.
static TileCounts count(const HostTensor &map) {
  TileCounts counts;
  ArrayRef<int64_t> shape = map.getShape();
  counts.planes = shape[0] * shape[1];
  counts.queryTiles = shape[2];
  counts.keyTiles = shape[3];
  for (auto [position, byte] : llvm::enumerate(map.getBytes())) {
    TileKind kind = static_cast<TileKind>(byte);
    counts.kinds.push_back(kind);
    counts.empty += kind == TileKind::Empty;
    counts.partial += kind == TileKind::Partial;
    counts.full += kind == TileKind::Full;
  }
  return counts;
}

llvm::Expected<TileCounts> attn::countTiles(Compilation &compilation,
                                            const FunctionSignature &function,
                                            unsigned index, int64_t tileQueries,
                                            int64_t tileKeys,
                                            std::vector<HostTensor> &inputs) {
  std::string text;
  llvm::raw_string_ostream(text) << compilation.getSource();
  CompileOptions options;
  // What the classifier finds does not depend on where attention runs.
  if (!compilation.getGPU())
    options.target = compilation.getOptions().target;
  options.threads = 1;
  options.debugChecks = compilation.getOptions().debugChecks;
  // The module is rewritten before it is compiled.
  options.cache = "off";
  auto classifying = Compilation::create(
      llvm::MemoryBuffer::getMemBufferCopy(text, "classifier.mlir"), options);
  if (!classifying)
    return classifying.takeError();
  ModuleOp module = (*classifying)->getModule();
  eraseOtherFunctions(module, function.name);
  if (llvm::Error error = returnTileMaps(module, index, tileQueries, tileKeys))
    return error;
  auto loaded = compileForHost(**classifying);
  if (!loaded)
    return loaded.takeError();

  FunctionSignature signature = function;
  SignatureValue map;
  map.elementType = IntegerType::get(compilation.getSource().getContext(), 8);
  map.sizes.assign(4, -1);
  signature.outputs = {map};
  attn_context context = {};
  context.version = ATTN_CONTEXT_VERSION;
  auto outputs = makeOutputs(**loaded, signature, inputs, context);
  if (!outputs)
    return outputs.takeError();
  auto compiled = (*loaded)->lookup(function.name);
  if (!compiled)
    return compiled.takeError();
  if (llvm::Error error = callFunction(*compiled, context, inputs, *outputs))
    return error;
  return count(outputs->front());
}
