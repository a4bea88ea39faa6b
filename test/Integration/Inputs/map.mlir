// A module after the phase lower for a GPU whose kernel takes a tensor map: of a
// tensor of rows of 64 elements, as include/attn/Target/NVPTX/Launch.h has it.
!map = !nvgpu.tensormap.descriptor<tensor = memref<8x64xf16, 3>, swizzle = swizzle_128b, l2promo = l2promo_256b, oob = zero, interleave = none>
module attributes {gpu.container_module} {
  gpu.module @attn_kernels {
    llvm.func @nothing(%map: !llvm.ptr) attributes {gpu.kernel, nvvm.kernel} {
      llvm.return
    }
  }

  func.func @read(%a: memref<?x64xf16, strided<[?, 1], offset: ?>>) {
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %c64 = arith.constant 64 : index
    %bytes = arith.constant 1024 : i32
    %any = memref.cast %a : memref<?x64xf16, strided<[?, 1], offset: ?>> to memref<*xf16>
    %map = nvgpu.tma.create.descriptor %any box[%c8, %c64] : memref<*xf16> -> !map
    %pointer = builtin.unrealized_conversion_cast %map : !map to !llvm.ptr
    gpu.launch_func @attn_kernels::@nothing
        blocks in (%c1, %c1, %c1) threads in (%c64, %c1, %c1)
        dynamic_shared_memory_size %bytes args(%pointer : !llvm.ptr)
    return
  }
}
