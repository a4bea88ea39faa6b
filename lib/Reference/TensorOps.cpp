//===- TensorOps.cpp - Making, reading and reshaping tensors ----*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Interpreter.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::reference;

/// The sizes of a type whose dynamic ones are `dynamic`, in order.
static SmallVector<int64_t> sizesOf(Interpreter &state, Type type,
                                    ValueRange dynamic) {
  SmallVector<int64_t> sizes(cast<RankedTensorType>(type).getShape());
  for (int64_t &size : sizes)
    if (ShapedType::isDynamic(size)) {
      size = state.integer(dynamic.front());
      dynamic = dynamic.drop_front();
    }
  return sizes;
}

static SmallVector<int64_t> integersOf(Interpreter &state,
                                       ArrayRef<OpFoldResult> values) {
  SmallVector<int64_t> integers;
  for (OpFoldResult value : values)
    integers.push_back(isa<Attribute>(value)
                           ? *getConstantIntValue(value)
                           : state.integer(cast<Value>(value)));
  return integers;
}

/// A tensor whose elements `element` gives by position.
template <typename Element>
static llvm::Error setElements(Interpreter &state, Operation *op,
                               ArrayRef<int64_t> shape, Element element) {
  Type type = getElementTypeOrSelf(op->getResult(0).getType());
  llvm::Expected<ReferenceResult> result = makeTensor(op, type, shape);
  if (!result)
    return result.takeError();
  SmallVector<int64_t> position(shape.size());
  for (int64_t index = 0, size = result->value.size(); index < size; ++index) {
    setElement(*result, index, element(position));
    nextPosition(position, shape);
  }
  return state.setTensor(op->getResult(0), std::move(*result));
}

//===----------------------------------------------------------------------===//
// Making and reading
//===----------------------------------------------------------------------===//

static llvm::Error runEmpty(Interpreter &state, tensor::EmptyOp op) {
  SmallVector<int64_t> shape =
      sizesOf(state, op.getType(), op.getDynamicSizes());
  return setElements(state, op, shape, [](ArrayRef<int64_t>) {
    return Scalar();
  });
}

static llvm::Error runSplat(Interpreter &state, tensor::SplatOp op) {
  Scalar value = state.scalar(op.getInput());
  SmallVector<int64_t> shape =
      sizesOf(state, op.getType(), op.getDynamicSizes());
  return setElements(state, op, shape, [=](ArrayRef<int64_t>) {
    return value;
  });
}

static llvm::Error runFromElements(Interpreter &state,
                                   tensor::FromElementsOp op) {
  int64_t next = 0;
  return setElements(state, op, op.getType().getShape(), [&](ArrayRef<int64_t>) {
    return state.scalar(op.getElements()[next++]);
  });
}

static llvm::Error runDim(Interpreter &state, tensor::DimOp op) {
  ArrayRef<int64_t> shape = state.tensor(op.getSource())->value.getShape();
  int64_t dim = state.integer(op.getIndex());
  if (dim < 0 || dim >= static_cast<int64_t>(shape.size()))
    return opError(op, llvm::formatv("asks for dimension {0} of {1}", dim,
                                     shape.size()));
  state.set(op, Scalar::ofInteger(shape[dim]));
  return llvm::Error::success();
}

/// The position that `indices` name in a tensor of this shape.
static llvm::Expected<SmallVector<int64_t>>
positionOf(Interpreter &state, Operation *op, ValueRange indices,
           ArrayRef<int64_t> shape) {
  SmallVector<int64_t> position;
  for (auto [value, size] : llvm::zip_equal(indices, shape)) {
    position.push_back(state.integer(value));
    if (position.back() < 0 || position.back() >= size)
      return opError(op, llvm::formatv("has index {0} for size {1}",
                                       position.back(), size));
  }
  return position;
}

static llvm::Error runExtract(Interpreter &state, tensor::ExtractOp op) {
  const TensorRef &source = state.tensor(op.getTensor());
  llvm::Expected<SmallVector<int64_t>> position =
      positionOf(state, op, op.getIndices(), source->value.getShape());
  if (!position)
    return position.takeError();
  bool sure = llvm::all_of(op.getIndices(), [&](Value index) {
    return state.scalar(index).isExact();
  });
  Scalar element = loadElement(*source, *position);
  if (!sure)
    element.bound = std::numeric_limits<double>::infinity();
  state.set(op, element);
  return llvm::Error::success();
}

static llvm::Error runInsert(Interpreter &state, tensor::InsertOp op) {
  ReferenceResult result = *state.tensor(op.getDest());
  ArrayRef<int64_t> shape = result.value.getShape();
  llvm::Expected<SmallVector<int64_t>> position =
      positionOf(state, op, op.getIndices(), shape);
  if (!position)
    return position.takeError();
  int64_t offset = 0;
  for (auto [index, stride] : llvm::zip_equal(*position, stridesOf(shape)))
    offset += index * stride;
  setElement(result, offset, state.scalar(op.getScalar()));
  return state.setTensor(op, std::move(result));
}

//===----------------------------------------------------------------------===//
// Slices
//===----------------------------------------------------------------------===//

namespace {
/// Offsets, sizes and strides of a slice of a tensor.
struct Slice {
  SmallVector<int64_t> offsets, sizes, strides;

  /// The element of the sliced tensor at a position of the slice.
  int64_t elementOf(ArrayRef<int64_t> position,
                    ArrayRef<int64_t> tensorStrides) const {
    int64_t element = 0;
    for (unsigned dim = 0; dim < position.size(); ++dim)
      element += (offsets[dim] + position[dim] * strides[dim]) *
                 tensorStrides[dim];
    return element;
  }
};
} // namespace

/// Reads a slice and checks that it lies within `shape`.
template <typename OpTy>
static llvm::Expected<Slice> sliceOf(Interpreter &state, OpTy op,
                                     ArrayRef<int64_t> shape) {
  Slice slice{integersOf(state, op.getMixedOffsets()),
              integersOf(state, op.getMixedSizes()),
              integersOf(state, op.getMixedStrides())};
  for (auto [offset, size, stride, extent] :
       llvm::zip_equal(slice.offsets, slice.sizes, slice.strides, shape)) {
    int64_t last = 0;
    bool fits = offset >= 0 && size >= 0 && offset <= extent;
    if (fits && size > 0)
      fits = !llvm::MulOverflow(size - 1, stride, last) &&
             !llvm::AddOverflow(offset, last, last) && last >= 0 &&
             last < extent;
    if (!fits)
      return opError(op, llvm::formatv("takes {0} elements from {1} by {2} of "
                                       "{3}",
                                       size, offset, stride, extent));
  }
  return slice;
}

static llvm::Error runExtractSlice(Interpreter &state,
                                   tensor::ExtractSliceOp op) {
  const TensorRef &source = state.tensor(op.getSource());
  ArrayRef<int64_t> shape = source->value.getShape();
  llvm::Expected<Slice> slice = sliceOf(state, op, shape);
  if (!slice)
    return slice.takeError();
  llvm::Expected<ReferenceResult> result =
      makeTensor(op, source->value.getElementType(), slice->sizes);
  if (!result)
    return result.takeError();
  SmallVector<int64_t> strides = stridesOf(shape), position(shape.size());
  for (int64_t index = 0, size = result->value.size(); index < size; ++index) {
    setElement(*result, index,
               elementAt(*source, slice->elementOf(position, strides)));
    nextPosition(position, slice->sizes);
  }
  llvm::SmallBitVector dropped = op.getDroppedDims();
  SmallVector<int64_t> kept;
  for (auto [dim, size] : llvm::enumerate(slice->sizes))
    if (!dropped.test(dim))
      kept.push_back(size);
  result->value.reshape(kept);
  return state.setTensor(op, std::move(*result));
}

static llvm::Error runInsertSlice(Interpreter &state, tensor::InsertSliceOp op) {
  const TensorRef &source = state.tensor(op.getSource());
  ReferenceResult result = *state.tensor(op.getDest());
  SmallVector<int64_t> shape(result.value.getShape());
  llvm::Expected<Slice> slice = sliceOf(state, op, shape);
  if (!slice)
    return slice.takeError();
  int64_t elements = 1;
  for (int64_t size : slice->sizes)
    elements *= size;
  if (elements != source->value.size())
    return opError(op, llvm::formatv("puts {0} elements in a slice of {1}",
                                     source->value.size(), elements));
  SmallVector<int64_t> strides = stridesOf(shape), position(shape.size());
  for (int64_t index = 0; index < elements; ++index) {
    setElement(result, slice->elementOf(position, strides),
               elementAt(*source, index));
    nextPosition(position, slice->sizes);
  }
  return state.setTensor(op, std::move(result));
}

static llvm::Error runPad(Interpreter &state, tensor::PadOp op) {
  const TensorRef &source = state.tensor(op.getSource());
  SmallVector<int64_t> low = integersOf(state, op.getMixedLowPad());
  SmallVector<int64_t> high = integersOf(state, op.getMixedHighPad());
  Value padding = op.getConstantPaddingValue();
  if (!padding)
    return opError(op, "pads with a value that depends on the position, which "
                       "is not supported by the reference");
  if (padding.getParentBlock() == &op.getRegion().front())
    if (llvm::Error error = state.runBody(op.getRegion().front()))
      return error;
  Scalar value = state.scalar(padding);
  SmallVector<int64_t> shape;
  for (auto [size, before, after] :
       llvm::zip_equal(source->value.getShape(), low, high))
    shape.push_back(size + before + after);
  return setElements(state, op, shape, [&](ArrayRef<int64_t> position) {
    SmallVector<int64_t> at;
    bool inside = true;
    for (auto [index, before, size] :
         llvm::zip_equal(position, low, source->value.getShape())) {
      at.push_back(index - before);
      inside &= at.back() >= 0 && at.back() < size;
    }
    return inside ? loadElement(*source, at) : value;
  });
}

static llvm::Error runConcat(Interpreter &state, tensor::ConcatOp op) {
  uint64_t dim = op.getDim();
  SmallVector<int64_t> shape(
      state.tensor(op.getInputs()[0])->value.getShape());
  shape[dim] = 0;
  for (Value input : op.getInputs()) {
    SmallVector<int64_t> part(state.tensor(input)->value.getShape());
    shape[dim] += std::exchange(part[dim], shape[dim]);
    part[dim] = shape[dim];
    if (part != shape)
      return opError(op, llvm::formatv("joins sizes {0} with {1}",
                                       shapeText(part), shapeText(shape)));
  }
  return setElements(state, op, shape, [&](ArrayRef<int64_t> position) {
    SmallVector<int64_t> at(position);
    for (Value input : op.getInputs()) {
      const TensorRef &part = state.tensor(input);
      int64_t size = part->value.getShape()[dim];
      if (at[dim] < size)
        return loadElement(*part, at);
      at[dim] -= size;
    }
    return Scalar();
  });
}

//===----------------------------------------------------------------------===//
// Reshapes
//===----------------------------------------------------------------------===//

static llvm::Error setReshaped(Interpreter &state, Operation *op, Value source,
                               ArrayRef<int64_t> shape) {
  ReferenceResult result = *state.tensor(source);
  int64_t elements = 1;
  bool negative = false;
  for (int64_t size : shape) {
    negative |= size < 0 || llvm::MulOverflow(elements, size, elements);
  }
  if (negative || elements != result.value.size())
    return opError(op, llvm::formatv("gives {0} elements the sizes {1}",
                                     result.value.size(), shapeText(shape)));
  result.value.reshape(shape);
  return state.setTensor(op->getResult(0), std::move(result));
}

static llvm::Error runCast(Interpreter &state, tensor::CastOp op) {
  return state.setTensor(op, state.tensor(op.getSource()));
}

static llvm::Error runExpandShape(Interpreter &state, tensor::ExpandShapeOp op) {
  return setReshaped(state, op, op.getSrc(),
                     integersOf(state, op.getMixedOutputShape()));
}

static llvm::Error runCollapseShape(Interpreter &state,
                                    tensor::CollapseShapeOp op) {
  ArrayRef<int64_t> sizes = state.tensor(op.getSrc())->value.getShape();
  SmallVector<int64_t> shape;
  for (const ReassociationIndices &group : op.getReassociationIndices()) {
    shape.push_back(1);
    for (int64_t dim : group)
      shape.back() *= sizes[dim];
  }
  return setReshaped(state, op, op.getSrc(), shape);
}

static llvm::Error runReshape(Interpreter &state, tensor::ReshapeOp op) {
  return setReshaped(state, op, op.getSource(),
                     state.tensor(op.getShape())->value.integers);
}

void reference::addTensorHandlers(HandlerTable &table) {
  table.add<tensor::EmptyOp, runEmpty>();
  table.add<tensor::SplatOp, runSplat>();
  table.add<tensor::FromElementsOp, runFromElements>();
  table.add<tensor::DimOp, runDim>();
  table.add<tensor::ExtractOp, runExtract>();
  table.add<tensor::InsertOp, runInsert>();
  table.add<tensor::ExtractSliceOp, runExtractSlice>();
  table.add<tensor::InsertSliceOp, runInsertSlice>();
  table.add<tensor::PadOp, runPad>();
  table.add<tensor::ConcatOp, runConcat>();
  table.add<tensor::CastOp, runCast>();
  table.add<tensor::ExpandShapeOp, runExpandShape>();
  table.add<tensor::CollapseShapeOp, runCollapseShape>();
  table.add<tensor::ReshapeOp, runReshape>();
}
