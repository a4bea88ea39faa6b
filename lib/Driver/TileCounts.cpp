//===- TileCounts.cpp - What a mask leaves of the tiles -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Driver/TileCounts.h"

#include "attn/Dialect/Attn/Analysis/TileMap.h"
#include "attn/Dialect/Attn/IR/RegionUtils.h"
#include "attn/Dialect/Attn/Transforms/Passes.h"

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

/// The size of an iteration dimension of `op`, from an operand that has it.
static Value emitSize(OpBuilder &builder, AttendOp op, unsigned dim) {
  for (auto [operand, map] : {std::pair(op.getQuery(), op.getQueryMap()),
                              std::pair(op.getKey(), op.getKeyMap())})
    for (auto [position, result] : llvm::enumerate(map.getResults()))
      if (cast<AffineDimExpr>(result).getPosition() == dim)
        return emitDim(builder, op.getLoc(), operand, position);
  return arith::ConstantIndexOp::create(builder, op.getLoc(), 1);
}

/// Makes `function` return the tile map of `op` instead of its results.
static void returnTileMap(func::FuncOp function, AttendOp op,
                          int64_t tileQueries, int64_t tileKeys) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  Value keyHeads = emitSize(builder, op, AttendOp::Hkv);
  Value group = emitSize(builder, op, AttendOp::G);
  MaskDomain domain;
  domain.batches = emitSize(builder, op, AttendOp::B);
  domain.heads = arith::MulIOp::create(builder, loc, keyHeads, group);
  domain.queries = emitSize(builder, op, AttendOp::I);
  domain.keys = emitSize(builder, op, AttendOp::J);
  domain.tileQueries = tileQueries;
  domain.tileKeys = tileKeys;
  TileClassifier classifier(op.getMask());
  Value map =
      emitTileMap(builder, loc, classifier, domain, op.getCaptures());
  // A copy into an empty tensor tells its sizes without the loops.
  auto countTiles = [&](Value length, int64_t size) -> Value {
    Value step = arith::ConstantIndexOp::create(builder, loc, size);
    return arith::CeilDivUIOp::create(builder, loc, length, step);
  };
  auto type = RankedTensorType::get(SmallVector<int64_t>(4, ShapedType::kDynamic),
                                    builder.getI8Type());
  Value empty = tensor::EmptyOp::create(
      builder, loc, type,
      ValueRange{domain.batches, domain.heads,
                 countTiles(domain.queries, tileQueries),
                 countTiles(domain.keys, tileKeys)});
  map = linalg::CopyOp::create(builder, loc, map, empty).getResult(0);
  function.front().getTerminator()->setOperands(map);
  function.setType(
      builder.getFunctionType(function.getArgumentTypes(), type));
  function.setResAttrsAttr({});
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

/// Replaces the module of `classifying` by one function that makes the map.
static llvm::Error prepare(Compilation &classifying, StringRef name,
                           unsigned index, int64_t tileQueries,
                           int64_t tileKeys) {
  ModuleOp module = classifying.getModule();
  for (func::FuncOp other :
       llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
    if (other.getName() != name && other.isPublic())
      other.erase();
  PassManager passes(module.getContext(), ModuleOp::getOperationName());
  passes.addPass(createInlinerPass());
  passes.addPass(createCanonicalizerPass());
  passes.addNestedPass<func::FuncOp>(createLowerToAttendPass());
  auto function = module.lookupSymbol<func::FuncOp>(name);
  if (!function || failed(passes.run(module)))
    return makeError("function '" + name + "' cannot be classified");
  AttendOp op = findAttend(function, index);
  if (!op || op.getMask().empty())
    return makeError("function '" + name + "' has no masked attention " +
                     Twine(index));
  returnTileMap(function, op, tileQueries, tileKeys);
  return llvm::Error::success();
}

llvm::Expected<TileCounts>
attn::countTiles(Compilation &compilation, const FunctionSignature &function,
                 unsigned index, int64_t tileQueries, int64_t tileKeys,
                 std::vector<HostTensor> &inputs) {
  std::string text;
  llvm::raw_string_ostream(text) << compilation.getSource();
  CompileOptions options;
  options.target = compilation.getOptions().target;
  options.threads = 1;
  auto classifying = Compilation::create(
      llvm::MemoryBuffer::getMemBufferCopy(text, "classifier.mlir"), options);
  if (!classifying)
    return classifying.takeError();
  if (llvm::Error error = prepare(**classifying, function.name, index,
                                  tileQueries, tileKeys))
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
  TileCounts counts;
  for (char kind : outputs->front().getBytes()) {
    counts.empty += kind == static_cast<char>(TileKind::Empty);
    counts.partial += kind == static_cast<char>(TileKind::Partial);
    counts.full += kind == static_cast<char>(TileKind::Full);
  }
  return counts;
}
