// A module after the phase lower for a GPU, as attn/Target/NVPTX/Launch.h
// describes it: out = 2 in, after a look at its scratch.
module attributes {gpu.container_module} {
  gpu.module @attn_kernels {
    llvm.func @double(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>, %n: i64,
                      %scratch: !llvm.ptr<1>)
        attributes {gpu.kernel, nvvm.kernel} {
      %tid = nvvm.read.ptx.sreg.tid.x : i32
      %cta = nvvm.read.ptx.sreg.ctaid.x : i32
      %threads = llvm.mlir.constant(64 : i32) : i32
      %base = llvm.mul %cta, %threads : i32
      %at32 = llvm.add %base, %tid : i32
      %at = llvm.zext %at32 : i32 to i64
      %inside = llvm.icmp "ult" %at, %n : i64
      llvm.cond_br %inside, ^store, ^end
    ^store:
      %from = llvm.getelementptr %in[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %to = llvm.getelementptr %out[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
      %value = llvm.load %from : !llvm.ptr<1> -> f32
      %twice = llvm.fadd %value, %value : f32
      llvm.store %twice, %to : f32, !llvm.ptr<1>
      llvm.br ^end
    ^end:
      llvm.return
    }
  }

  func.func @twice(%a: memref<?xf32>, %r: memref<?xf32> {attn.result},
                   %limit: i64) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c64 = arith.constant 64 : index
    %bytes = arith.constant 65536 : i32
    %n = memref.dim %a, %c0 : memref<?xf32>
    %n64 = arith.index_cast %n : index to i64
    %ok = arith.cmpi sle, %n64, %limit : i64
    attn.require %ok, "a has {0} elements, too many" (%n)
    %in = memref.extract_aligned_pointer_as_index %a : memref<?xf32> -> index
    %in64 = arith.index_cast %in : index to i64
    %inPtr = llvm.inttoptr %in64 : i64 to !llvm.ptr<1>
    %out = memref.extract_aligned_pointer_as_index %r : memref<?xf32> -> index
    %out64 = arith.index_cast %out : index to i64
    %outPtr = llvm.inttoptr %out64 : i64 to !llvm.ptr<1>
    %scratch = gpu.alloc (%n) : memref<?xi8>
    %s = memref.extract_aligned_pointer_as_index %scratch : memref<?xi8> -> index
    %s64 = arith.index_cast %s : index to i64
    %sPtr = llvm.inttoptr %s64 : i64 to !llvm.ptr<1>
    %blocks = arith.ceildivsi %n, %c64 : index
    gpu.launch_func @attn_kernels::@double
        blocks in (%blocks, %c1, %c1) threads in (%c64, %c1, %c1)
        dynamic_shared_memory_size %bytes
        args(%inPtr : !llvm.ptr<1>, %outPtr : !llvm.ptr<1>, %n64 : i64, %sPtr : !llvm.ptr<1>)
    gpu.dealloc %scratch : memref<?xi8>
    return
  }
}
