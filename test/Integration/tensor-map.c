// Tensor maps are made by the driver and passed to kernels by value.
//
// RUN: attnc compile %S/Inputs/map.mlir --start-from=lower --target=sm_90a -o %t.so
// RUN: %host_cc -std=c11 -Wall -Werror -I%attn_src/include %s -o %t -ldl
// RUN: rm -rf %t.driver && mkdir -p %t.driver
// RUN: %host_cc -std=c11 -shared -fPIC %S/Inputs/cuda-mock.c -o %t.driver/libcuda.so.1
// RUN: env LD_LIBRARY_PATH=%t.driver MOCK_CAPABILITY=90 %t %t.so | FileCheck %s
// RUN: env LD_LIBRARY_PATH=%t.driver MOCK_CAPABILITY=90 \
// RUN:   MOCK_FAILS=cuTensorMapEncodeTiled %t %t.so | FileCheck %s --check-prefix=FAILS
//
// RUN: attnc compile %S/Inputs/map.mlir --start-from=lower --target=sm_90a -o %t.ptx
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx
// PTX: .param .align 64 .b8 nothing_param_0[128]

#include "attn-c/Runtime.h"

#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv) {
  void *library = dlopen(argv[1], RTLD_NOW);
  attn_function read = (attn_function)dlsym(library, "read");
  const char *(*lastError)(void) =
      (const char *(*)(void))dlsym(library, "attn_last_error");
  int64_t shape[2] = {100, 64}, strides[2] = {72, 1};
  DLTensor tensor = {.data = (void *)0x10000,
                     .device = {kDLCUDA, 0},
                     .ndim = 2,
                     .dtype = {kDLFloat, 16, 1},
                     .shape = shape,
                     .strides = strides,
                     .byte_offset = 32};
  const DLTensor *arguments[] = {&tensor};
  for (int i = 0; i < 4; ++i) {
    if (read(0, arguments, 1))
      printf("%s\n", lastError());
    fflush(stdout);
    // The stride of a single row means nothing; of no rows there is no map.
    if (i < 2)
      shape[0] = 1 - i;
    strides[0] = i == 2 ? 68 : 0;
    if (i == 2)
      shape[0] = 100;
  }
  // CHECK: cuTensorMapEncodeTiled(type 1, 64 of 64 8 of 100, strides 144, 0 3 3 0)
  // CHECK: cuLaunchKernel(1x1x1 blocks of 64x1x1, 1024 bytes
  // CHECK-NEXT: by the map of 0x10020
  // CHECK: cuTensorMapEncodeTiled(type 1, 64 of 64 8 of 1, strides 16, 0 3 3 0)
  // CHECK: by the map of 0x10020
  // CHECK-NOT: cuTensorMapEncodeTiled
  // CHECK: cuLaunchKernel
  // CHECK: cuTensorMapEncodeTiled(type 1, 64 of 64 8 of 100, strides 136
  // CHECK-NEXT: read: the CUDA driver refused to map a tensor of 'read': CUDA_ERROR_ILLEGAL_ADDRESS (1)
  // FAILS: cuTensorMapEncodeTiled fails
  // FAILS: read: the CUDA driver refused to map a tensor of 'read': CUDA_ERROR_ILLEGAL_ADDRESS (700)
  return 0;
}
