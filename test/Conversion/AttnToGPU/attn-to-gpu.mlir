// RUN: attnc compile %s --target=sm_80 --stop-after=optimize -o %t.mlir
// RUN: attn-opt %t.mlir -convert-attn-to-gpu=target=sm_80 -canonicalize -cse | FileCheck %s

// The kernel: copies of keys and values in flight, products by mma.sync, a loop
// over the tiles that the mask reaches.
// CHECK: module attributes {gpu.container_module}
// CHECK: gpu.module @attn_kernels
// CHECK: llvm.mlir.global external @attn_shared() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<0 x i8>
// CHECK: gpu.func @causal_attend0_split(
// CHECK: gpu.func @causal_attend0_merge(
// CHECK: gpu.func @causal_attend0_few(
// CHECK: gpu.func @causal_attend0(%{{.*}}: !llvm.ptr<1>
// CHECK-SAME: kernel attributes {known_block_size = array<i32: 256, 1, 1>, nvvm.minctasm = 1 : i32}
// CHECK: nvvm.cp.async.shared.global
// CHECK: nvvm.cp.async.commit.group
// CHECK: nvvm.cp.async.wait.group 1
// CHECK: nvvm.barrier0
// CHECK: nvvm.ldmatrix
// CHECK: scf.while
// CHECK: nvvm.cp.async.shared.global
// CHECK: nvvm.mma.sync {{.*}} shape = #nvvm.shape<m = 16, n = 8, k = 16>
// Only a tile that is not full runs the mask.
// CHECK: scf.if
// CHECK: llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz"
// CHECK: nvvm.cp.async.wait.group 1
// CHECK: nvvm.mma.sync

// The host requires, then launches one block per tile of 128 queries; few
// queries of all heads of a group are one tile, whose keys several blocks share
// where multiprocessors would have nothing to do.
// CHECK-LABEL: func.func @causal(
// CHECK-DAG: %[[ONE:.*]] = arith.constant 1 : index
// CHECK-DAG: %[[THREADS:.*]] = arith.constant 256 : index
// CHECK-DAG: %[[BYTES:.*]] = arith.constant 49152 : i32
// CHECK: attn.require %{{.*}}, "query starts {0} bytes after a multiple of 16; on a GPU it must start at one"
// CHECK: attn.require %{{.*}}, "key has a stride of {0} elements; on a GPU it must be a multiple of 8"
// CHECK: %[[PER_HEAD:.*]] = arith.ceildivsi
// CHECK: %[[PER_BATCH:.*]] = arith.muli %[[PER_HEAD]],
// CHECK: %[[FEW_BLOCKS:.*]] = arith.muli %[[PER_BATCH]],
// CHECK: %[[SOME:.*]] = arith.maxui %[[FEW_BLOCKS]], %[[ONE]] : index
// CHECK: %[[PLACES:.*]] = arith.divui %c108{{.*}}, %[[SOME]] : index
// CHECK: %[[WORTH:.*]] = arith.divui %{{.*}}, %c256{{.*}} : index
// CHECK: %[[SPLITS:.*]] = arith.minui %[[PLACES]], %[[WORTH]] : index
// CHECK: arith.cmpi ugt, %[[SPLITS]], %[[ONE]] : index
// CHECK: %[[SPLIT:.*]] = arith.andi
// CHECK: scf.if %[[SPLIT]] {
// CHECK: %[[SUMS:.*]] = gpu.alloc
// CHECK: %[[SHARES:.*]] = arith.muli {{.*}}%[[SPLITS]]
// CHECK: gpu.launch_func @attn_kernels::@causal_attend0_split blocks in (%[[SHARES]],
// CHECK: gpu.launch_func @attn_kernels::@causal_attend0_merge
// CHECK: gpu.dealloc %[[SUMS]]
// CHECK: } else {
// CHECK: %[[FEW:.*]] = arith.andi
// CHECK: scf.if %[[FEW]] {
// CHECK: gpu.launch_func @attn_kernels::@causal_attend0_few blocks in (%[[FEW_BLOCKS]],
// CHECK: } else {
// CHECK: %[[TILES:.*]] = arith.ceildivsi
// CHECK: %[[A:.*]] = arith.muli %[[TILES]],
// CHECK: %[[B:.*]] = arith.muli %[[A]],
// CHECK: %[[BLOCKS:.*]] = arith.muli %[[B]],
// CHECK: gpu.launch_func @attn_kernels::@causal_attend0 blocks in (%[[BLOCKS]], %[[ONE]], %[[ONE]]) threads in (%[[THREADS]], %[[ONE]], %[[ONE]])
// CHECK-SAME: dynamic_shared_memory_size %[[BYTES]]
// CHECK-NOT: bufferization.materialize_in_destination
// CHECK: return
func.func @causal(%q: tensor<?x?x?x64xf16>, %k: tensor<?x?x?x64xf16>, %v: tensor<?x?x?x64xf16>) -> tensor<?x?x?x64xf16> {
  %mask = attn.mask.causal
  %o = attn.scaled_dot_product %q, %k, %v mask(%mask)
       : tensor<?x?x?x64xf16>, tensor<?x?x?x64xf16>, tensor<?x?x?x64xf16> -> tensor<?x?x?x64xf16>
  return %o : tensor<?x?x?x64xf16>
}
