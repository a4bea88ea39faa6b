// REQUIRES: ptxas
// RUN: sh -c 'sed "s/HEAD/128/g; s/ROWS/1024/g" %s > %t.mlir; for chip in sm_86 sm_89 sm_100a sm_120; do attnc compile %t.mlir --target=$chip -o %t.ptx && ptxas -v -arch=$chip %t.ptx -o %t.cubin; done' 2>&1 | FileCheck %s --check-prefix=CHIPS
// RUN: sh -c 'for d in 64 128 256; do sed "s/HEAD/$d/g; s/ROWS/?/g" %s > %t.mlir; attnc compile %t.mlir --target=sm_90a -o %t.ptx && ptxas -v -arch=sm_90a %t.ptx -o %t.cubin; done' 2>&1 | FileCheck %s --check-prefix=WARPGROUPS

// The kernel for many queries assembles without a spill for every chip.
// CHIPS-COUNT-4: bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
// CHIPS-NOT: spill

// Warpgroups wait for products where the code says so, not after each of them, in
// each of the five kernels.
// WARPGROUPS-NOT: C75
// WARPGROUPS-COUNT-15: bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
// WARPGROUPS-NOT: {{spill|C75}}
func.func @attention(%q: tensor<?x?xROWSxHEADxf16>, %k: tensor<?x?x?xHEADxf16>, %v: tensor<?x?x?xHEADxf16>) -> tensor<?x?xROWSxHEADxf16> {
  %mask = attn.mask.causal
  %o = attn.scaled_dot_product %q, %k, %v mask(%mask)
       : tensor<?x?xROWSxHEADxf16>, tensor<?x?x?xHEADxf16>, tensor<?x?x?xHEADxf16> -> tensor<?x?xROWSxHEADxf16>
  return %o : tensor<?x?xROWSxHEADxf16>
}
