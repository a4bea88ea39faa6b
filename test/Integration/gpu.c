// The entry of a function whose kernels run on a GPU: without a driver, and with
// one that says what it is asked for.
//
// RUN: attnc compile %S/Inputs/kernel.mlir --start-from=lower --target=sm_80 -o %t.so
// RUN: attnc compile %S/Inputs/kernel.mlir --start-from=lower --target=sm_90a -o %t.90a.so
// RUN: attnc compile %S/Inputs/kernel.mlir --start-from=lower --target=sm_80,sm_90a,sm_90 -o %t.many.so
// RUN: %host_cc -std=c11 -Wall -Werror -I%attn_src/include %s -o %t -ldl
// RUN: %t %t.so | FileCheck %s --check-prefix=NONE
//
// RUN: rm -rf %t.driver && mkdir -p %t.driver
// RUN: %host_cc -std=c11 -shared -fPIC %S/Inputs/cuda-mock.c -o %t.driver/libcuda.so.1
// RUN: env LD_LIBRARY_PATH=%t.driver %t %t.so | FileCheck %s --check-prefix=MOCK
// RUN: env LD_LIBRARY_PATH=%t.driver MOCK_CAPABILITY=75 %t %t.so \
// RUN:   | FileCheck %s --check-prefix=OLD
// RUN: env LD_LIBRARY_PATH=%t.driver MOCK_CAPABILITY=120 %t %t.so \
// RUN:   | FileCheck %s --check-prefix=NEW
// RUN: env LD_LIBRARY_PATH=%t.driver MOCK_CAPABILITY=100 %t %t.90a.so \
// RUN:   | FileCheck %s --check-prefix=EXACT
// RUN: env LD_LIBRARY_PATH=%t.driver MOCK_CAPABILITY=86 %t %t.many.so \
// RUN:   | FileCheck %s --check-prefix=MANY -DIMAGE=sm_80
// RUN: env LD_LIBRARY_PATH=%t.driver MOCK_CAPABILITY=90 %t %t.many.so \
// RUN:   | FileCheck %s --check-prefix=MANY -DIMAGE=sm_90a
// RUN: env LD_LIBRARY_PATH=%t.driver MOCK_CAPABILITY=100 %t %t.many.so \
// RUN:   | FileCheck %s --check-prefix=MANY -DIMAGE=sm_90
// RUN: env LD_LIBRARY_PATH=%t.driver MOCK_CAPABILITY=75 %t %t.many.so \
// RUN:   | FileCheck %s --check-prefix=NONEFITS
// RUN: env LD_LIBRARY_PATH=%t.driver MOCK_FAILS=cuLaunchKernel %t %t.so \
// RUN:   | FileCheck %s --check-prefix=LAUNCH
// RUN: env LD_LIBRARY_PATH=%t.driver MOCK_FAILS=cuMemAllocAsync %t %t.so \
// RUN:   | FileCheck %s --check-prefix=MEMORY
// RUN: env LD_LIBRARY_PATH=%t.driver MOCK_FAILS=cuInit %t %t.so \
// RUN:   | FileCheck %s --check-prefix=INIT

#include "attn-c/Runtime.h"

#include <dlfcn.h>
#include <stdio.h>

static float in[100], out[100];
static int64_t size = 100, limit = 1000;
static DLTensor tensors[3];
static const DLTensor *arguments[3] = {&tensors[0], &tensors[1], &tensors[2]};
static attn_context context = {.version = ATTN_CONTEXT_VERSION,
                               .stream = (void *)0x5eed};

static void call(void *library, attn_context *given) {
  attn_function twice = (attn_function)dlsym(library, "twice");
  const char *(*lastError)(void) =
      (const char *(*)(void))dlsym(library, "attn_last_error");
  int32_t status = twice(given, arguments, 3);
  if (status)
    printf("%d %s\n", status, lastError());
  else
    printf("ok %g %g\n", out[1], out[99]);
  fflush(stdout);
}

int main(int argc, char **argv) {
  void *library = dlopen(argv[1], RTLD_NOW);
  for (int i = 0; i < 100; ++i)
    in[i] = i;
  for (int t = 0; t < 2; ++t)
    tensors[t] = (DLTensor){.data = t ? out : in,
                            .device = {kDLCUDA, 1},
                            .ndim = 1,
                            .dtype = {kDLFloat, 32, 1},
                            .shape = &size};
  tensors[2] = (DLTensor){.data = &limit,
                          .device = {kDLCPU, 0},
                          .dtype = {kDLInt, 64, 1}};
  call(library, &context);
  // NONE: 3 twice: this machine has no CUDA driver: libcuda.so.1
  // INIT: cuInit fails
  // INIT-NEXT: 3 twice: the CUDA driver does not start: error 700
  // OLD: 3 twice: was compiled for sm_80 and later; the device has compute capability 7.5
  // EXACT: 3 twice: was compiled for sm_90a; the device has compute capability 10.0
  // NONEFITS: 3 twice: was compiled for sm_80 and later, sm_90a, sm_90 and later; the device has compute capability 7.5
  // MANY: cuModuleLoadData(.target [[IMAGE]])
  // MANY: ok 2 198
  // NEW: cuModuleLoadData(.target sm_80)
  // NEW: ok 2 198
  // LAUNCH: 3 twice: the CUDA driver refused to launch 'double': CUDA_ERROR_ILLEGAL_ADDRESS (700)
  // MEMORY: 2 twice: the CUDA driver refused to give scratch memory to 'twice': CUDA_ERROR_OUT_OF_MEMORY (2)
  // MOCK: cuInit(0)
  // MOCK-NEXT: cuMemAllocAsync(100)
  // MOCK-NEXT: cuModuleLoadData(.target sm_80)
  // MOCK-NEXT: cuFuncSetAttribute(8, 65536)
  // MOCK-NEXT: cuLaunchKernel(2x1x1 blocks of 64x1x1, 65536 bytes, stream 0x5eed)
  // MOCK-NEXT: cuMemFreeAsync
  // MOCK-NEXT: ok 2 198

  // Kernels are loaded once for each device.
  call(library, NULL);
  // MOCK-NOT: cuModuleLoadData
  // MOCK: cuLaunchKernel({{.*}}, stream (nil))
  // MOCK: ok 2 198
  tensors[0].device.device_id = tensors[1].device.device_id = 2;
  call(library, NULL);
  // MOCK: cuModuleLoadData
  // MOCK: ok 2 198

  tensors[1].device.device_id = 0;
  call(library, NULL);
  // MOCK-NEXT: 1 twice: argument 1 'r' lies on CUDA device 0; expected 2, where the others are
  tensors[1].device.device_type = kDLCPU;
  call(library, NULL);
  // NONE: 1 twice: argument 1 'r' lies on the CPU; expected a CUDA device
  // MOCK-NEXT: 1 twice: argument 1 'r' lies on the CPU; expected a CUDA device
  tensors[1].device = tensors[0].device;
  tensors[2].device.device_type = kDLCUDA;
  call(library, NULL);
  // MOCK-NEXT: 1 twice: argument 2 'limit' lies on a device of type 2; expected the CPU
  tensors[2].device.device_type = kDLCPU;

  limit = 10;
  call(library, NULL);
  // MOCK-NEXT: 1 twice: a has 100 elements, too many
  limit = 1000;

  // No blocks, no launch.
  size = 0;
  call(library, NULL);
  // MOCK-NOT: cuLaunchKernel
  // MOCK: ok 2 198

  int (*mockOpen)(void) = (int (*)(void))dlsym(RTLD_DEFAULT, "mockOpen");
  void *driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  if (!mockOpen && driver)
    mockOpen = (int (*)(void))dlsym(driver, "mockOpen");
  printf("left open: %d\n", mockOpen ? mockOpen() : 0);
  // MOCK: left open: 0
  // LAUNCH: left open: 0
  // MEMORY: left open: 0
  return 0;
}
