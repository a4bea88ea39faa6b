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
  if (strncmp(function, "double(", 7)) {
    printParameters(function, parameters);
    return answer("cuLaunchKernel");
  }
  const float *in = *(float **)parameters[0];
  float *out = *(float **)parameters[1];
  for (long long i = 0; i < *(long long *)parameters[2]; ++i)
    out[i] = 2 * in[i];
  return answer("cuLaunchKernel");
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
