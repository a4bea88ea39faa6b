//===- Enter.c - Checks the arguments of a call -*- C -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Runtime.h"

/// One argument as it is checked.
typedef struct {
  attn_rt_frame *frame;
  int32_t position;
  const DLTensor *tensor;
  const int64_t *header, *sizes, *strides; ///< What is expected.
  int64_t *descriptor;                     ///< What is handed on.
} Argument;

static int64_t rankOf(const Argument *argument) {
  return argument->header[ATTN_RT_ARGUMENT_RANK];
}

static int hasFlag(const Argument *argument, int64_t flag) {
  return (argument->header[ATTN_RT_ARGUMENT_FLAGS] & flag) != 0;
}

/// Names follow that of the function. Only a call that is refused looks for
/// one.
static const char *nameOf(const Argument *argument) {
  const char *name = argument->frame->function;
  for (int32_t i = 0; i <= argument->position; ++i)
    while (*name++)
      ;
  return name;
}

#define REFUSE(argument, format, ...)                                          \
  (attn_rt_report((argument)->frame, "argument %d '%s' " format,               \
                  (argument)->position, nameOf(argument), ##__VA_ARGS__),      \
   ATTN_INVALID_ARGUMENT)

static const char *codeName(int64_t code) {
  switch (code) {
  case kDLInt:
    return "int";
  case kDLUInt:
    return "uint";
  case kDLFloat:
    return "float";
  case kDLBfloat:
    return "bfloat";
  case kDLComplex:
    return "complex";
  case kDLBool:
    return "bool";
  default:
    return "type-code-";
  }
}

static int32_t checkType(const Argument *argument) {
  DLDataType type = argument->tensor->dtype;
  int64_t code = argument->header[ATTN_RT_ARGUMENT_CODE];
  int64_t bits = argument->header[ATTN_RT_ARGUMENT_BITS];
  if (type.lanes != 1)
    return REFUSE(argument, "has elements of %d lanes; expected 1", type.lanes);
  if (type.code != code || type.bits != bits)
    return REFUSE(argument, "has element type %s%d; expected %s%d",
                  codeName(type.code), type.bits, codeName(code), (int)bits);
  return ATTN_OK;
}

/// Refuses sizes whose product, empty dimensions aside, no address reaches.
static int32_t checkCount(const Argument *argument) {
  int64_t bytes = (argument->header[ATTN_RT_ARGUMENT_BITS] + 7) / 8;
  for (int64_t d = 0; d < rankOf(argument); ++d) {
    int64_t size = argument->tensor->shape[d];
    if (size && __builtin_mul_overflow(bytes, size, &bytes))
      return REFUSE(argument, "has more elements than memory has room for");
  }
  return ATTN_OK;
}

static int32_t checkShape(const Argument *argument) {
  const DLTensor *tensor = argument->tensor;
  int64_t rank = rankOf(argument);
  if (tensor->ndim != rank)
    return REFUSE(argument, "has rank %d; expected %d", tensor->ndim,
                  (int)rank);
  if (rank && !tensor->shape)
    return REFUSE(argument, "of rank %d has no shape", (int)rank);
  for (int64_t d = 0; d < rank; ++d) {
    if (argument->sizes[d] >= 0 && tensor->shape[d] != argument->sizes[d])
      return REFUSE(argument, "has size %lld in dimension %d; expected %lld",
                    (long long)tensor->shape[d], (int)d,
                    (long long)argument->sizes[d]);
    if (tensor->shape[d] < 0)
      return REFUSE(argument, "has size %lld in dimension %d",
                    (long long)tensor->shape[d], (int)d);
  }
  return checkCount(argument);
}

/// The number of elements.
static int64_t countOf(const Argument *argument) {
  int64_t count = 1;
  for (int64_t d = 0; d < rankOf(argument); ++d)
    count *= argument->tensor->shape[d];
  return count;
}

/// Checks strides and writes them, compact ones where none are given.
static int32_t checkStrides(const Argument *argument, int64_t *strides) {
  const DLTensor *tensor = argument->tensor;
  int empty = countOf(argument) == 0;
  int64_t compact = 1;
  for (int64_t d = rankOf(argument) - 1; d >= 0; --d) {
    int64_t size = tensor->shape[d];
    int64_t stride = tensor->strides ? tensor->strides[d] : compact;
    int64_t expected = argument->strides[d];
    int single = size <= 1 || empty;
    if (expected >= 0 && stride != expected && !single)
      return REFUSE(argument, "has stride %lld in dimension %d; expected %lld",
                    (long long)stride, (int)d, (long long)expected);
    if (hasFlag(argument, ATTN_RT_OUTPUT) && stride == 0 && !single)
      return REFUSE(argument,
                    "has stride 0 in dimension %d; an output's elements must "
                    "be distinct",
                    (int)d);
    // A dimension of one element may have any stride; the code relies on the
    // expected one.
    strides[d] = expected >= 0 ? expected : stride;
    compact *= size;
  }
  return ATTN_OK;
}

/// All tensors of a GPU's function lie on the same device.
static int32_t checkDevice(const Argument *argument) {
  DLDevice device = argument->tensor->device;
  if (!hasFlag(argument, ATTN_RT_ON_GPU)) {
    if (device.device_type != kDLCPU && device.device_type != kDLCUDAHost &&
        device.device_type != kDLROCMHost)
      return REFUSE(argument, "lies on a device of type %d; expected the CPU",
                    (int)device.device_type);
    return ATTN_OK;
  }
  if (device.device_type == kDLCPU)
    return REFUSE(argument, "lies on the CPU; expected a CUDA device");
  if (device.device_type != kDLCUDA && device.device_type != kDLCUDAManaged)
    return REFUSE(argument,
                  "lies on a device of type %d; expected a CUDA device",
                  (int)device.device_type);
  attn_rt_frame *frame = argument->frame;
  if (frame->device >= 0 && frame->device != device.device_id)
    return REFUSE(argument,
                  "lies on CUDA device %d; expected %d, where the others are",
                  (int)device.device_id, (int)frame->device);
  frame->device = device.device_id;
  return ATTN_OK;
}

static int32_t checkData(const Argument *argument, int64_t *pointer) {
  const DLTensor *tensor = argument->tensor;
  int32_t status = checkDevice(argument);
  if (status)
    return status;
  uintptr_t address = (uintptr_t)tensor->data + tensor->byte_offset;
  uintptr_t bytes = (uintptr_t)argument->header[ATTN_RT_ARGUMENT_BITS] / 8;
  *pointer = (int64_t)address;
  if (countOf(argument) == 0)
    return ATTN_OK;
  if (!tensor->data)
    return REFUSE(argument, "has no data");
  if (address % bytes)
    return REFUSE(argument, "lies at an address that is not a multiple of %d",
                  (int)bytes);
  return ATTN_OK;
}

static int32_t checkArgument(const Argument *argument) {
  if (!argument->tensor)
    return REFUSE(argument, "is null");
  int64_t rank = rankOf(argument), *descriptor = argument->descriptor;
  int32_t status = checkShape(argument);
  if (!status)
    status = checkType(argument);
  if (!status)
    status = checkData(argument, &descriptor[0]);
  if (status)
    return status;
  descriptor[1] = descriptor[0];
  descriptor[2] = 0;
  for (int64_t d = 0; d < rank; ++d)
    descriptor[3 + d] = argument->tensor->shape[d];
  return checkStrides(argument, descriptor + 3 + rank);
}

/// The bytes that an argument spans, [*begin, *end).
static void extentOf(const Argument *argument, int64_t *begin, int64_t *end) {
  int64_t rank = rankOf(argument);
  int64_t bytes = argument->header[ATTN_RT_ARGUMENT_BITS] / 8;
  const int64_t *sizes = argument->descriptor + 3, *strides = sizes + rank;
  *begin = argument->descriptor[0];
  *end = *begin + bytes;
  for (int64_t d = 0; d < rank; ++d) {
    int64_t span = (sizes[d] - 1) * strides[d] * bytes;
    *(span < 0 ? begin : end) += span;
  }
  if (countOf(argument) == 0)
    *end = *begin;
}

static int overlap(const Argument *lhs, const Argument *rhs) {
  int64_t begin, end, otherBegin, otherEnd;
  extentOf(lhs, &begin, &end);
  extentOf(rhs, &otherBegin, &otherEnd);
  return begin < end && otherBegin < otherEnd && begin < otherEnd &&
         otherBegin < end;
}

/// Steps from one argument of the specification to the next.
static void advance(Argument *argument) {
  int64_t rank = rankOf(argument);
  argument->position += 1;
  argument->header = argument->strides + rank;
  argument->sizes = argument->header + ATTN_RT_ARGUMENT_HEADER;
  argument->strides = argument->sizes + rankOf(argument);
  argument->descriptor += 3 + 2 * rank;
}

static Argument firstArgument(attn_rt_frame *frame, const int64_t *spec,
                              int64_t *descriptors) {
  Argument argument = {.frame = frame};
  argument.header = spec + ATTN_RT_SPEC_HEADER;
  argument.sizes = argument.header + ATTN_RT_ARGUMENT_HEADER;
  argument.strides = argument.sizes + rankOf(&argument);
  argument.descriptor = descriptors;
  return argument;
}

/// Reading an input after a write to an output that shares its memory gives
/// neither the old nor a meaningful new value.
static int32_t checkOverlap(Argument first, const DLTensor *const *arguments,
                            int32_t count) {
  Argument output = first;
  for (int32_t i = 0; i < count; ++i) {
    if (i)
      advance(&output);
    output.tensor = arguments[i];
    if (!hasFlag(&output, ATTN_RT_OUTPUT))
      continue;
    Argument other = first;
    for (int32_t j = 0; j < i; ++j, advance(&other)) {
      other.tensor = arguments[j];
      if (overlap(&output, &other))
        return REFUSE(&output, "is an output that overlaps argument %d '%s'",
                      other.position, nameOf(&other));
    }
  }
  return ATTN_OK;
}

static int32_t checkContext(attn_rt_frame *frame, attn_context *context) {
  if (!context)
    return ATTN_OK;
  if (context->version != ATTN_CONTEXT_VERSION) {
    attn_rt_report(frame, "the context has version %u; expected %d",
                   context->version, ATTN_CONTEXT_VERSION);
    return ATTN_INVALID_ARGUMENT;
  }
  frame->context = context;
  if (!context->workspace)
    return ATTN_OK;
  if ((uintptr_t)context->workspace % ATTN_RT_ALIGNMENT) {
    attn_rt_report(frame,
                   "the workspace lies at an address that is not a "
                   "multiple of %d",
                   ATTN_RT_ALIGNMENT);
    return ATTN_INVALID_ARGUMENT;
  }
  frame->cursor = context->workspace;
  frame->limit = frame->cursor + context->workspace_bytes;
  return ATTN_OK;
}

static int32_t checkMachine(attn_rt_frame *frame, const int64_t *spec) {
  int64_t features = spec[ATTN_RT_SPEC_FEATURES];
  const char *feature = attn_rt_missing_feature(features);
  if (feature) {
    attn_rt_report(frame,
                   "was compiled for a CPU with %s, which this machine's "
                   "CPU lacks",
                   feature);
    return ATTN_UNSUPPORTED;
  }
  if ((features & ATTN_RT_X86_TILES) && !attn_rt_may_use_tiles()) {
    attn_rt_report(frame,
                   "was compiled for tile registers (amx-tile), which the "
                   "operating system does not let this process use");
    return ATTN_UNSUPPORTED;
  }
  return ATTN_OK;
}

int32_t attn_rt_enter(attn_rt_frame *frame, attn_context *context,
                      const DLTensor *const *arguments, int32_t count,
                      const int64_t *spec, const char *names,
                      int64_t *descriptors) {
  *frame = (attn_rt_frame){.function = names,
                           .threads = (int32_t)spec[ATTN_RT_SPEC_THREADS],
                           .device = -1};
  int32_t status = checkContext(frame, context);
  if (!status)
    status = checkMachine(frame, spec);
  if (status)
    return status;
  if (count != spec[ATTN_RT_SPEC_COUNT] || (count && !arguments)) {
    attn_rt_report(frame,
                   "%d arguments were given; expected %d, inputs then "
                   "outputs",
                   arguments ? count : 0, (int)spec[ATTN_RT_SPEC_COUNT]);
    return ATTN_INVALID_ARGUMENT;
  }
  if (!count)
    return ATTN_OK;
  Argument first = firstArgument(frame, spec, descriptors), argument = first;
  for (int32_t i = 0; i < count && !status; ++i) {
    if (i)
      advance(&argument);
    argument.tensor = arguments[i];
    status = checkArgument(&argument);
  }
  return status ? status : checkOverlap(first, arguments, count);
}
