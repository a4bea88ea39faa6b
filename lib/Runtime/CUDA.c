//===- CUDA.c - Kernels through the CUDA driver -*- C -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The driver's library is opened at the first call, so that compiled functions
// load on machines without it; its interface is declared here, so that none of
// NVIDIA's headers is needed to build.
//
//===----------------------------------------------------------------------===//

#include "Runtime.h"

typedef int CUresult; ///< 0 for success.
typedef int CUdevice;
typedef struct CUctx_st *CUcontext;
typedef struct CUmod_st *CUmodule;
typedef struct CUfunc_st *CUfunction;
typedef struct CUstream_st *CUstream;
typedef unsigned long long CUdeviceptr;

enum {
  successCode = 0,
  outOfMemoryCode = 2,
  computeCapabilityMajor = 75,
  computeCapabilityMinor = 76,
  maxDynamicSharedBytes = 8,
  /// More dynamic shared memory has to be asked for.
  sharedBytesForAll = 48 << 10,
  resolveNow = 2, ///< RTLD_NOW.
};

//===----------------------------------------------------------------------===//
// The driver
//===----------------------------------------------------------------------===//

/// What is called of the driver: field, symbol, parameters.
#define ATTN_DRIVER_FUNCTIONS(X)                                               \
  X(init, "cuInit", (unsigned))                                                \
  X(getErrorName, "cuGetErrorName", (CUresult, const char **))                 \
  X(getDevice, "cuDeviceGet", (CUdevice *, int))                               \
  X(getAttribute, "cuDeviceGetAttribute", (int *, int, CUdevice))              \
  X(retainContext, "cuDevicePrimaryCtxRetain", (CUcontext *, CUdevice))        \
  X(pushContext, "cuCtxPushCurrent_v2", (CUcontext))                           \
  X(popContext, "cuCtxPopCurrent_v2", (CUcontext *))                           \
  X(loadModule, "cuModuleLoadData", (CUmodule *, const void *))                \
  X(unloadModule, "cuModuleUnload", (CUmodule))                                \
  X(getFunction, "cuModuleGetFunction",                                        \
    (CUfunction *, CUmodule, const char *))                                    \
  X(setAttribute, "cuFuncSetAttribute", (CUfunction, int, int))                \
  X(launch, "cuLaunchKernel",                                                  \
    (CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,   \
     unsigned, CUstream, void **, void **))                                    \
  X(allocate, "cuMemAllocAsync", (CUdeviceptr *, size_t, CUstream))            \
  X(release, "cuMemFreeAsync", (CUdeviceptr, CUstream))

#define ATTN_FIELD(field, symbol, parameters) CUresult(*field) parameters;
static struct {
  int32_t ready;
  void *library;
  ATTN_DRIVER_FUNCTIONS(ATTN_FIELD)
} driver;

/// Opens the driver. Racing threads find the same addresses.
static int32_t openDriver(attn_rt_frame *frame) {
  if (__atomic_load_n(&driver.ready, __ATOMIC_ACQUIRE))
    return ATTN_OK;
  void *library = driver.library = dlopen("libcuda.so.1", resolveNow);
  if (!library) {
    attn_rt_report(frame, "this machine has no CUDA driver: %s", dlerror());
    return ATTN_UNSUPPORTED;
  }
#define ATTN_LOOKUP(field, symbol, parameters)                                 \
  *(void **)&driver.field = dlsym(library, symbol);                            \
  if (!driver.field) {                                                         \
    attn_rt_report(frame, "the CUDA driver is too old: it lacks %s", symbol);  \
    return ATTN_UNSUPPORTED;                                                   \
  }
  ATTN_DRIVER_FUNCTIONS(ATTN_LOOKUP)
  CUresult result = driver.init(0);
  if (result) {
    attn_rt_report(frame, "the CUDA driver does not start: error %d", result);
    return ATTN_UNSUPPORTED;
  }
  __atomic_store_n(&driver.ready, 1, __ATOMIC_RELEASE);
  return ATTN_OK;
}

/// Reports what the driver refused and returns the status.
static int32_t refused(const attn_rt_frame *frame, const char *what,
                       const char *name, CUresult result) {
  const char *error = 0;
  if (driver.getErrorName(result, &error) || !error)
    error = "an unknown error";
  attn_rt_report(frame, "the CUDA driver refused to %s '%s': %s (%d)", what,
                 name, error, result);
  return result == outOfMemoryCode ? ATTN_OUT_OF_MEMORY : ATTN_UNSUPPORTED;
}

static CUstream streamOf(const attn_rt_frame *frame) {
  return frame->context ? (CUstream)frame->context->stream : 0;
}

//===----------------------------------------------------------------------===//
// Devices
//===----------------------------------------------------------------------===//

/// Makes the primary context of the frame's device current, until leaveDevice.
static int32_t enterDevice(attn_rt_frame *frame, CUdevice *device,
                           CUcontext *context) {
  int32_t status = openDriver(frame);
  if (status)
    return status;
  int ordinal = frame->device < 0 ? 0 : frame->device;
  CUresult result = driver.getDevice(device, ordinal);
  // Retained for the life of the process, as the kernels loaded into it are.
  if (!result)
    result = driver.retainContext(context, *device);
  if (!result)
    result = driver.pushContext(*context);
  return result ? refused(frame, "use a device for", frame->function, result)
                : ATTN_OK;
}

static void leaveDevice(void) {
  CUcontext context;
  driver.popContext(&context);
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// Kernels in a context; the list only grows.
typedef struct attn_rt_loaded {
  struct attn_rt_loaded *next;
  CUcontext context;
  CUmodule module;
} attn_rt_loaded;

/// The image for a compute capability: that which is made for it, or the latest
/// that runs there. Null if there is none.
static const attn_rt_image *chooseImage(const attn_rt_kernels *kernels,
                                        int capability) {
  const attn_rt_image *best = 0;
  for (int64_t i = 0; i < kernels->count; ++i) {
    const attn_rt_image *image = &kernels->images[i];
    if (image->exact ? image->capability != capability
                     : image->capability > capability)
      continue;
    if (!best || image->capability > best->capability ||
        (image->capability == best->capability && image->exact))
      best = image;
  }
  return best;
}

/// Writes what the images are for: "sm_80 and later, sm_90a".
static void listImages(const attn_rt_kernels *kernels, char *text,
                       size_t bytes) {
  size_t used = 0;
  for (int64_t i = 0; i < kernels->count && used < bytes; ++i)
    used += (size_t)snprintf(text + used, bytes - used, "%ssm_%d%s",
                             i ? ", " : "", kernels->images[i].capability,
                             kernels->images[i].exact ? "a" : " and later");
}

/// The compute capability of a device, times ten.
static int32_t findCapability(attn_rt_frame *frame, CUdevice device,
                              int *capability) {
  int major = 0, minor = 0;
  CUresult result = driver.getAttribute(&major, computeCapabilityMajor, device);
  if (!result)
    result = driver.getAttribute(&minor, computeCapabilityMinor, device);
  *capability = 10 * major + minor;
  return result
             ? refused(frame, "describe the device of", frame->function, result)
             : ATTN_OK;
}

int32_t attn_rt_capability(attn_rt_frame *frame) {
  CUdevice device;
  CUcontext context;
  int capability = 0;
  frame->status = enterDevice(frame, &device, &context);
  if (frame->status)
    return 0;
  frame->status = findCapability(frame, device, &capability);
  leaveDevice();
  return frame->status ? 0 : capability;
}

static int32_t loadKernels(attn_rt_frame *frame, const attn_rt_kernels *kernels,
                           CUdevice device, CUmodule *module) {
  int capability;
  int32_t status = findCapability(frame, device, &capability);
  if (status)
    return status;
  const attn_rt_image *image = chooseImage(kernels, capability);
  if (!image) {
    char names[128];
    listImages(kernels, names, sizeof(names));
    attn_rt_report(frame,
                   "was compiled for %s; the device has compute capability "
                   "%d.%d",
                   names, capability / 10, capability % 10);
    return ATTN_UNSUPPORTED;
  }
  CUresult result = driver.loadModule(module, image->ptx);
  return result ? refused(frame, "load the kernels of", frame->function, result)
                : ATTN_OK;
}

/// The kernels in `context`, loaded at the first call there.
static int32_t findKernels(attn_rt_frame *frame, attn_rt_kernels *kernels,
                           CUdevice device, CUcontext context,
                           CUmodule *module) {
  attn_rt_loaded *first = __atomic_load_n(&kernels->loaded, __ATOMIC_ACQUIRE);
  for (attn_rt_loaded *entry = first; entry; entry = entry->next)
    if (entry->context == context) {
      *module = entry->module;
      return ATTN_OK;
    }
  int32_t status = loadKernels(frame, kernels, device, module);
  if (status)
    return status;
  attn_rt_loaded *entry = aligned_alloc(ATTN_RT_ALIGNMENT, ATTN_RT_ALIGNMENT);
  if (!entry) {
    driver.unloadModule(*module);
    attn_rt_report(frame, "out of memory: %d bytes are not to be had",
                   ATTN_RT_ALIGNMENT);
    return ATTN_OUT_OF_MEMORY;
  }
  // Threads that race load twice; either copy serves.
  *entry = (attn_rt_loaded){first, context, *module};
  while (!__atomic_compare_exchange_n(&kernels->loaded, &entry->next, entry, 0,
                                      __ATOMIC_RELEASE, __ATOMIC_RELAXED))
    ;
  return ATTN_OK;
}

static int32_t launch(attn_rt_frame *frame, CUmodule module, const char *kernel,
                      int64_t blocks, int64_t threads, int64_t shared,
                      void **parameters) {
  CUfunction function;
  CUresult result = driver.getFunction(&function, module, kernel);
  if (!result && shared > sharedBytesForAll)
    result = driver.setAttribute(function, maxDynamicSharedBytes, (int)shared);
  if (!result)
    result =
        driver.launch(function, (unsigned)blocks, 1, 1, (unsigned)threads, 1, 1,
                      (unsigned)shared, streamOf(frame), parameters, 0);
  return result ? refused(frame, "launch", kernel, result) : ATTN_OK;
}

int32_t attn_rt_launch(attn_rt_frame *frame, attn_rt_kernels *kernels,
                       const char *kernel, int64_t blocks, int64_t threads,
                       int64_t shared, void **parameters) {
  if (blocks <= 0)
    return ATTN_OK;
  if (blocks > INT32_MAX) {
    attn_rt_report(frame,
                   "'%s' would need %lld blocks; a launch has at most %d",
                   kernel, (long long)blocks, INT32_MAX);
    return ATTN_INVALID_ARGUMENT;
  }
  CUdevice device;
  CUcontext context;
  CUmodule module;
  int32_t status = enterDevice(frame, &device, &context);
  if (status)
    return status;
  status = findKernels(frame, kernels, device, context, &module);
  if (!status)
    status = launch(frame, module, kernel, blocks, threads, shared, parameters);
  leaveDevice();
  return status;
}

//===----------------------------------------------------------------------===//
// Tensor maps
//===----------------------------------------------------------------------===//

enum {
  maxRank = 5,
  elementBytes = 2,
  // Of cuTensorMapEncodeTiled.
  elementsOf16Bits = 1,
  noInterleave = 0,
  swizzle128Bytes = 3,
  fetch256Bytes = 3, ///< Into the second-level cache.
  fillWithZeros = 0,
};

/// Drivers before CUDA 12 lack it, and serve chips that have no use for it.
typedef CUresult (*encode_function)(void *, int, unsigned, void *,
                                    const unsigned long long *,
                                    const unsigned long long *,
                                    const unsigned *, const unsigned *, int,
                                    int, int, int);

int32_t attn_rt_tensor_map(attn_rt_frame *frame, void *map,
                           const int64_t *memref, int64_t rank,
                           const int64_t *box) {
  // The driver counts dimensions from the innermost, whose stride is 1.
  const int64_t *sizes = memref + 3, *strides = sizes + rank;
  unsigned long long lengths[maxRank], distances[maxRank];
  unsigned boxes[maxRank], steps[maxRank];
  for (int64_t dim = 0; dim < rank; ++dim) {
    int64_t from = rank - 1 - dim;
    if (!sizes[from])
      return ATTN_OK;
    lengths[dim] = (unsigned long long)sizes[from];
    boxes[dim] = (unsigned)box[from];
    steps[dim] = 1;
    if (dim)
      distances[dim - 1] =
          sizes[from] == 1 ? 16
                           : (unsigned long long)strides[from] * elementBytes;
  }
  CUdevice device;
  CUcontext context;
  int32_t status = enterDevice(frame, &device, &context);
  if (status)
    return status;
  encode_function encode =
      (encode_function)dlsym(driver.library, "cuTensorMapEncodeTiled");
  if (!encode) {
    attn_rt_report(frame, "the CUDA driver is too old: it lacks %s",
                   "cuTensorMapEncodeTiled");
    status = ATTN_UNSUPPORTED;
  } else {
    char *data = (char *)memref[1] + memref[2] * elementBytes;
    CUresult result = encode(map, elementsOf16Bits, (unsigned)rank, data,
                             lengths, distances, boxes, steps, noInterleave,
                             swizzle128Bytes, fetch256Bytes, fillWithZeros);
    if (result)
      status = refused(frame, "map a tensor of", frame->function, result);
  }
  leaveDevice();
  return status;
}

//===----------------------------------------------------------------------===//
// Scratch
//===----------------------------------------------------------------------===//

typedef struct attn_rt_device_block {
  struct attn_rt_device_block *next;
  CUdeviceptr pointer;
} attn_rt_device_block;

/// Frees what a call left on the device.
static void releaseAll(attn_rt_frame *frame) {
  while (frame->device_blocks)
    attn_rt_device_free(frame, (void *)frame->device_blocks->pointer);
}

void *attn_rt_device_alloc(attn_rt_frame *frame, int64_t bytes) {
  CUdevice device;
  CUcontext context;
  frame->status = enterDevice(frame, &device, &context);
  if (frame->status)
    return 0;
  attn_rt_device_block *block =
      aligned_alloc(ATTN_RT_ALIGNMENT, ATTN_RT_ALIGNMENT);
  CUresult result = outOfMemoryCode;
  if (block)
    result = driver.allocate(&block->pointer, bytes > 0 ? (size_t)bytes : 1,
                             streamOf(frame));
  leaveDevice();
  if (result) {
    free(block);
    frame->status =
        refused(frame, "give scratch memory to", frame->function, result);
    return 0;
  }
  block->next = frame->device_blocks;
  frame->device_blocks = block;
  frame->release_device = releaseAll;
  return (void *)block->pointer;
}

void attn_rt_device_free(attn_rt_frame *frame, void *pointer) {
  CUdevice device;
  CUcontext context;
  attn_rt_device_block **link = &frame->device_blocks;
  while (*link && (*link)->pointer != (CUdeviceptr)pointer)
    link = &(*link)->next;
  attn_rt_device_block *block = *link;
  if (!block)
    return;
  *link = block->next;
  if (enterDevice(frame, &device, &context) == ATTN_OK) {
    driver.release(block->pointer, streamOf(frame));
    leaveDevice();
  }
  free(block);
}
