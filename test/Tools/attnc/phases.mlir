// Each phase's IR is written, and the rest of the way can start from it.
//
// RUN: rm -rf %t && attnc compile %s --dump-phases=%t -o %t.mlir
// RUN: ls %t | FileCheck %s --check-prefix=FILES
// RUN: attnc compile %t/raise.mlir --start-from=optimize | diff - %t.mlir
// RUN: attnc compile %t/optimize.mlir --start-from=tile | diff - %t.mlir
// RUN: attnc compile %t/tile.mlir --start-from=decompose | diff - %t.mlir
// RUN: attnc compile %t/decompose.mlir --start-from=bufferize | diff - %t.mlir
// RUN: attnc compile %t/bufferize.mlir --start-from=vectorize | diff - %t.mlir
// RUN: attnc compile %t/vectorize.mlir --start-from=lower | diff - %t.mlir
// RUN: attnc compile %s --stop-after=bufferize | diff - %t/bufferize.mlir
// RUN: attnc run %t/vectorize.mlir --start-from=lower --dim x.0=3 --arg x=random:1 | FileCheck %s

// FILES: bufferize.mlir
// FILES: decompose.mlir
// FILES: lower.mlir
// FILES: optimize.mlir
// FILES: raise.mlir
// FILES: tile.mlir
// FILES: vectorize.mlir
// CHECK: result: tensor<3xf32> [

func.func @negate(%x: tensor<?xf32>) -> tensor<?xf32> {
  %r = arith.negf %x : tensor<?xf32>
  return %r : tensor<?xf32>
}
