// REQUIRES: ptxas
// RUN: sh -c 'for d in 64 128 256; do sed "s/HEAD/$d/g; s/ROWS/?/g" %s > %t.mlir; attnc compile %t.mlir --target=sm_80 -o %t.ptx && ptxas -v -arch=sm_80 %t.ptx -o %t.cubin; done' 2>&1 | FileCheck %s --check-prefix=HEADS
// RUN: sh -c 'for d in 64 128; do sed "s/HEAD/$d/g; s/f16/f32/g; s/ROWS/?/g" %s > %t.mlir; attnc compile %t.mlir --target=sm_80 -o %t.ptx && ptxas -v -arch=sm_80 %t.ptx -o %t.cubin; done' 2>&1 | FileCheck %s --check-prefix=F32
// RUN: sh -c 'for size in 80xf16 239xf16 202xf32; do sed "s/HEADxf16/$size/g; s/ROWS/1024/g" %s > %t.mlir; attnc compile %t.mlir --target=sm_80 -o %t.ptx && ptxas -v -arch=sm_80 %t.ptx -o %t.cubin; done' 2>&1 | FileCheck %s --check-prefix=SIZES

// Each of the four kernels assembles without a spill, for head sizes and f32.
// HEADS-COUNT-12: bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
// HEADS-NOT: spill
// F32-COUNT-8: bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
// F32-NOT: spill
// So does the kernel for many queries of rows that are copied in narrow pieces.
// SIZES-COUNT-3: bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
// SIZES-NOT: spill
func.func @attention(%q: tensor<?x?xROWSxHEADxf16>, %k: tensor<?x?x?xHEADxf16>, %v: tensor<?x?x?xHEADxf16>) -> tensor<?x?xROWSxHEADxf16> {
  %mask = attn.mask.causal
  %o = attn.scaled_dot_product %q, %k, %v mask(%mask)
       : tensor<?x?xROWSxHEADxf16>, tensor<?x?x?xHEADxf16>, tensor<?x?x?xHEADxf16> -> tensor<?x?xROWSxHEADxf16>
  return %o : tensor<?x?xROWSxHEADxf16>
}
