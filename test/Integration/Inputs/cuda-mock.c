// A CUDA driver that says what it is asked for. It runs the kernel `double` of
// kernel.mlir; of others it says the parameters. MOCK_CAPABILITY is the compute
// capability of its devices, times ten; MOCK_FAILS names a function that fails.

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int CUresult;

static CUresult answer(const char *function) {
  const char *failing = getenv("MOCK_FAILS");
  if (failing && !strcmp(failing, function)) {
    printf("  %s fails\n", function);
    return strstr(function, "Alloc") ? 2 : 700;
  }
  return 0;
}

CUresult cuInit(unsigned flags) {
  printf("  cuInit(%u)\n", flags);
  return answer("cuInit");
}

CUresult cuGetErrorName(CUresult error, const char **name) {
  *name =
      error == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_ILLEGAL_ADDRESS";
  return 0;
}

CUresult cuDeviceGet(int *device, int ordinal) {
  *device = ordinal;
  return answer("cuDeviceGet");
}

CUresult cuDeviceGetAttribute(int *value, int attribute, int device) {
  const char *text = getenv("MOCK_CAPABILITY");
  int capability = text ? atoi(text) : 80;
  *value = attribute == 75 ? capability / 10 : capability % 10;
  return answer("cuDeviceGetAttribute");
}

static int contexts[4], depth;

CUresult cuDevicePrimaryCtxRetain(void **context, int device) {
  *context = &contexts[device];
  return answer("cuDevicePrimaryCtxRetain");
}

CUresult cuCtxPushCurrent_v2(void *context) {
  ++depth;
  return answer("cuCtxPushCurrent");
}

CUresult cuCtxPopCurrent_v2(void **context) {
  --depth;
  return 0;
}

CUresult cuModuleLoadData(void **module, const void *image) {
  const char *target = strstr(image, ".target ");
  printf("  cuModuleLoadData(%.*s)\n", (int)strcspn(target, ",\n"), target);
  *module = (void *)image;
  return answer("cuModuleLoadData");
}

CUresult cuModuleUnload(void *module) { return 0; }

CUresult cuModuleGetFunction(void **function, void *module, const char *name) {
  char entry[128];
  snprintf(entry, sizeof(entry), ".entry %s(", name);
  char *found = strstr(module, entry);
  if (!found)
    return 500;
  *function = found + strlen(".entry ");
  return answer("cuModuleGetFunction");
}

/// Of a function's text in PTX.
static void printParameters(const char *function, void **parameters) {
  const char *end = strchr(function, ')');
  printf("  %.*s:", (int)strcspn(function, "("), function);
  const char *next = function;
  for (int i = 0; (next = strstr(next, ".param .")) && next < end; ++i) {
    next += strlen(".param .");
    int bits = atoi(next + 1);
    long long value = 0;
    memcpy(&value, parameters[i], bits / 8);
    printf(" %lld", value);
  }
  printf("\n");
}

CUresult cuFuncSetAttribute(void *function, int attribute, int value) {
  printf("  cuFuncSetAttribute(%d, %d)\n", attribute, value);
  return answer("cuFuncSetAttribute");
}

CUresult cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz,
                        unsigned bx, unsigned by, unsigned bz, unsigned shared,
                        void *stream, void **parameters, void **extra) {
  printf("  cuLaunchKernel(%ux%ux%u blocks of %ux%ux%u, %u bytes, stream %p)\n",
         gx, gy, gz, bx, by, bz, shared, stream);
  // The kernel of Inputs/map.mlir: its only parameter is a tensor map.
  if (!strncmp(function, "nothing(", 8)) {
    printf("  by the map of %p\n", *(void **)parameters[0]);
    return answer("cuLaunchKernel");
  }
  if (strncmp(function, "double(", 7)) {
    printParameters(function, parameters);
    return answer("cuLaunchKernel");
  }
  // The kernel of Inputs/kernel.mlir.
  const float *in = *(float **)parameters[0];
  float *out = *(float **)parameters[1];
  for (long long i = 0; i < *(long long *)parameters[2]; ++i)
    out[i] = 2 * in[i];
  return answer("cuLaunchKernel");
}

/// The map that the kernel gets is where the tensor begins.
CUresult cuTensorMapEncodeTiled(void *map, int type, unsigned rank, void *data,
                                const unsigned long long *sizes,
                                const unsigned long long *strides,
                                const unsigned *box, const unsigned *steps,
                                int interleave, int swizzle, int promotion,
                                int fill) {
  printf("  cuTensorMapEncodeTiled(type %d,", type);
  for (unsigned i = 0; i < rank; ++i)
    printf(" %u of %llu", box[i], sizes[i]);
  printf(", strides");
  for (unsigned i = 0; i + 1 < rank; ++i)
    printf(" %llu", strides[i]);
  printf(", %d %d %d %d)\n", interleave, swizzle, promotion, fill);
  // What the driver says it refuses.
  if ((size_t)map % 64 || (size_t)data % 16 || rank < 1 || rank > 5)
    return 1;
  for (unsigned i = 0; i < rank; ++i)
    if (!sizes[i] || sizes[i] > 1ull << 32 || !box[i] || box[i] > 256 ||
        steps[i] != 1 ||
        (i && (strides[i - 1] % 16 || strides[i - 1] >= 1ull << 40)))
      return 1;
  if (swizzle == 3 && box[0] * 2 > 128)
    return 1;
  memset(map, 0, 128);
  *(void **)map = data;
  return answer("cuTensorMapEncodeTiled");
}

static int live;

CUresult cuMemAllocAsync(unsigned long long *pointer, size_t bytes,
                         void *stream) {
  CUresult result = answer("cuMemAllocAsync");
  if (result)
    return result;
  printf("  cuMemAllocAsync(%zu)\n", bytes);
  *pointer = (unsigned long long)(size_t)malloc(bytes);
  ++live;
  return 0;
}

CUresult cuMemFreeAsync(unsigned long long pointer, void *stream) {
  printf("  cuMemFreeAsync\n");
  free((void *)(size_t)pointer);
  --live;
  return 0;
}

/// For the test: what is left open.
int mockOpen(void) { return depth * 100 + live; }
