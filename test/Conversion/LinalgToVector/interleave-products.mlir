// RUN: attn-opt %s --pass-pipeline='builtin.module(func.func(attn-interleave-products{target=x86-64:znver4},canonicalize))' | FileCheck %s
// RUN: attn-opt %s --pass-pipeline='builtin.module(func.func(attn-interleave-products{target=x86-64:x86-64-v4},canonicalize))' | FileCheck %s --check-prefix=APART

#key = affine_map<(j, i, d) -> (j, d)>
#query = affine_map<(j, i, d) -> (i, d)>
#score = affine_map<(j, i, d) -> (j, i)>
#value = affine_map<(i, e, j) -> (j, e)>
#weight = affine_map<(i, e, j) -> (j, i)>
#sum = affine_map<(i, e, j) -> (i, e)>

// Scores of the next tile take turns with the values of this one, 8 keys each. The
// first step has no tile, so what stands between the products runs from the second on.
// CHECK-LABEL: func @tiles
// CHECK-SAME: %[[K:.*]]: memref<?x64xf32>, %[[V:.*]]: memref<?x64xf32>, {{.*}} %[[N:.*]]: index
// CHECK: %[[END:.*]] = arith.addi %[[N]], %c128
// CHECK: scf.for %[[NEXT:.*]] = %c0 to %[[END]] step %c128 {
// CHECK: %[[THIS:.*]] = arith.subi %[[NEXT]], %c128
// CHECK-DAG: %[[KEYS:.*]] = memref.subview %[[K]][%[[NEXT]], 0]
// CHECK-DAG: %[[VALUES:.*]] = memref.subview %[[V]][%[[THIS]], 0]
// CHECK: %[[STARTED:.*]] = arith.cmpi ne, %[[NEXT]], %c0
// CHECK: scf.if %[[STARTED]] {
// CHECK: math.exp2
// CHECK: %[[ROWCOUNT:.*]] = arith.select %[[STARTED]],
// CHECK-NEXT: %[[MOST:.*]] = arith.maxsi %[[ROWCOUNT]],
// CHECK-NEXT: scf.for %[[CHUNK:.*]] = %c0 to %[[MOST]] step %c8 {
// CHECK: %[[ROWS:.*]] = memref.subview %[[VALUES]][%[[CHUNK]], 0]
// CHECK: linalg.generic {{.*}} "reduction"]} ins(%[[ROWS]],
// CHECK: %[[COLUMNS:.*]] = memref.subview %[[KEYS]][%[[CHUNK]], 0]
// CHECK: linalg.fill
// CHECK: linalg.generic {{.*}} "reduction"]} ins(%[[COLUMNS]],
// APART-LABEL: func @tiles
// APART: scf.for
// APART-NOT: scf.for
// APART-LABEL: func @pairs
func.func @tiles(%k: memref<?x64xf32>, %v: memref<?x64xf32>, %q: memref<4x64xf32>,
                 %s: memref<128x4xf32>, %o: memref<4x64xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c128 = arith.constant 128 : index
  %zero = arith.constant 0.0 : f32
  scf.for %t = %c0 to %n step %c128 {
    %size = affine.min affine_map<(d0)[s0] -> (s0 - d0, 128)>(%t)[%n]
    %keys = memref.subview %k[%t, 0] [%size, 64] [1, 1] : memref<?x64xf32> to memref<?x64xf32, strided<[64, 1], offset: ?>>
    %values = memref.subview %v[%t, 0] [%size, 64] [1, 1] : memref<?x64xf32> to memref<?x64xf32, strided<[64, 1], offset: ?>>
    %scores = memref.subview %s[0, 0] [%size, 4] [1, 1] : memref<128x4xf32> to memref<?x4xf32, strided<[4, 1]>>
    linalg.fill ins(%zero : f32) outs(%scores : memref<?x4xf32, strided<[4, 1]>>)
    linalg.generic {indexing_maps = [#key, #query, #score],
                    iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%keys, %q : memref<?x64xf32, strided<[64, 1], offset: ?>>, memref<4x64xf32>)
        outs(%scores : memref<?x4xf32, strided<[4, 1]>>) attrs = {attn.streamed = array<i64: 0>, attn.ahead = 32 : index} {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %m = arith.mulf %a, %b : f32
      %r = arith.addf %c, %m : f32
      linalg.yield %r : f32
    }
    linalg.generic {indexing_maps = [affine_map<(j, i) -> (j, i)>], iterator_types = ["parallel", "parallel"]}
        outs(%scores : memref<?x4xf32, strided<[4, 1]>>) {
    ^bb0(%a: f32):
      %r = math.exp2 %a : f32
      linalg.yield %r : f32
    }
    linalg.generic {indexing_maps = [#value, #weight, #sum],
                    iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%values, %scores : memref<?x64xf32, strided<[64, 1], offset: ?>>, memref<?x4xf32, strided<[4, 1]>>)
        outs(%o : memref<4x64xf32>) attrs = {attn.streamed = array<i64: 0>, attn.ahead = 32 : index} {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %m = arith.mulf %a, %b : f32
      %r = arith.addf %c, %m : f32
      linalg.yield %r : f32
    }
  }
  return
}

// Pairs of weights lie in memory of their own, a pair of keys in a row; bf16 of two
// queries take turns of 16 keys.
// CHECK-LABEL: func @pairs
// CHECK: scf.for {{.*}} step %c16 {
// CHECK: %[[PAIR:.*]] = arith.divui
// CHECK: memref.subview %{{.*}}[%[[PAIR]], 0, 0] [8, 2, 2]
func.func @pairs(%k: memref<?x64xbf16>, %v: memref<?x64xbf16>, %q: memref<2x64xbf16>,
                 %s: memref<128x2xf32>, %w: memref<64x2x2xbf16>, %o: memref<2x64xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c128 = arith.constant 128 : index
  %zero = arith.constant 0.0 : f32
  scf.for %t = %c0 to %n step %c128 {
    %size = affine.min affine_map<(d0)[s0] -> (s0 - d0, 128)>(%t)[%n]
    %keys = memref.subview %k[%t, 0] [%size, 64] [1, 1] : memref<?x64xbf16> to memref<?x64xbf16, strided<[64, 1], offset: ?>>
    %values = memref.subview %v[%t, 0] [%size, 64] [1, 1] : memref<?x64xbf16> to memref<?x64xbf16, strided<[64, 1], offset: ?>>
    %scores = memref.subview %s[0, 0] [%size, 2] [1, 1] : memref<128x2xf32> to memref<?x2xf32, strided<[2, 1]>>
    linalg.fill ins(%zero : f32) outs(%scores : memref<?x2xf32, strided<[2, 1]>>)
    linalg.generic {indexing_maps = [#key, #query, #score],
                    iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%keys, %q : memref<?x64xbf16, strided<[64, 1], offset: ?>>, memref<2x64xbf16>)
        outs(%scores : memref<?x2xf32, strided<[2, 1]>>) attrs = {attn.streamed = array<i64: 0>, attn.ahead = 32 : index} {
    ^bb0(%a: bf16, %b: bf16, %c: f32):
      %x = arith.extf %a : bf16 to f32
      %y = arith.extf %b : bf16 to f32
      %m = arith.mulf %x, %y : f32
      %r = arith.addf %c, %m : f32
      linalg.yield %r : f32
    }
    linalg.generic {indexing_maps = [affine_map<(j, i) -> (j, i)>, affine_map<(j, i) -> (j floordiv 2, i, j mod 2)>],
                    iterator_types = ["parallel", "parallel"]}
        ins(%s : memref<128x2xf32>) outs(%w : memref<64x2x2xbf16>) {
    ^bb0(%a: f32, %b: bf16):
      %r = arith.truncf %a : f32 to bf16
      linalg.yield %r : bf16
    }
    linalg.generic {indexing_maps = [#value, affine_map<(i, e, j) -> (j floordiv 2, i, j mod 2)>, #sum],
                    iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%values, %w : memref<?x64xbf16, strided<[64, 1], offset: ?>>, memref<64x2x2xbf16>)
        outs(%o : memref<2x64xf32>) attrs = {attn.streamed = array<i64: 0>, attn.ahead = 32 : index} {
    ^bb0(%a: bf16, %b: bf16, %c: f32):
      %x = arith.extf %a : bf16 to f32
      %y = arith.extf %b : bf16 to f32
      %m = arith.mulf %x, %y : f32
      %r = arith.addf %c, %m : f32
      linalg.yield %r : f32
    }
  }
  return
}

// More rows, which fetch ahead, take turns of 32 keys.
// CHECK-LABEL: func @eight
// CHECK: scf.for {{.*}} step %c32 {
func.func @eight(%k: memref<?x64xf32>, %v: memref<?x64xf32>, %q: memref<8x64xf32>,
                     %s: memref<128x8xf32>, %o: memref<8x64xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c128 = arith.constant 128 : index
  %zero = arith.constant 0.0 : f32
  scf.for %t = %c0 to %n step %c128 {
    %keys = memref.subview %k[%t, 0] [128, 64] [1, 1] : memref<?x64xf32> to memref<128x64xf32, strided<[64, 1], offset: ?>>
    %values = memref.subview %v[%t, 0] [128, 64] [1, 1] : memref<?x64xf32> to memref<128x64xf32, strided<[64, 1], offset: ?>>
    linalg.fill ins(%zero : f32) outs(%s : memref<128x8xf32>)
    linalg.generic {indexing_maps = [#key, #query, #score],
                    iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%keys, %q : memref<128x64xf32, strided<[64, 1], offset: ?>>, memref<8x64xf32>)
        outs(%s : memref<128x8xf32>) attrs = {attn.streamed = array<i64: 0>, attn.ahead = 32 : index} {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %m = arith.mulf %a, %b : f32
      %r = arith.addf %c, %m : f32
      linalg.yield %r : f32
    }
    linalg.generic {indexing_maps = [#value, #weight, #sum],
                    iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%values, %s : memref<128x64xf32, strided<[64, 1], offset: ?>>, memref<128x8xf32>)
        outs(%o : memref<8x64xf32>) attrs = {attn.streamed = array<i64: 0>, attn.ahead = 32 : index} {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %m = arith.mulf %a, %b : f32
      %r = arith.addf %c, %m : f32
      linalg.yield %r : f32
    }
  }
  return
}

// A mask leaves tiles empty: these take no part in either product.
// CHECK-LABEL: func @masked
// CHECK: scf.for %[[NEXT:.*]] = %c0 to
// CHECK-DAG: %[[THIS:.*]] = arith.subi %[[NEXT]], %c128
// CHECK-DAG: %[[KEEPSNEXT:.*]] = arith.cmpi slt, %[[NEXT]],
// CHECK-DAG: %[[KEEPSTHIS:.*]] = arith.cmpi slt, %[[THIS]],
// CHECK: %[[STARTED:.*]] = arith.cmpi ne, %[[NEXT]], %c0
// CHECK: %[[VISITED:.*]] = arith.andi %[[STARTED]], %[[KEEPSTHIS]]
// CHECK: arith.select %[[KEEPSNEXT]],
// CHECK: arith.select %[[VISITED]],
// CHECK: scf.for {{.*}} step %c8 {
func.func @masked(%k: memref<?x64xf32>, %v: memref<?x64xf32>, %q: memref<4x64xf32>,
                     %s: memref<128x4xf32>, %o: memref<4x64xf32>, %l: memref<1xi32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c128 = arith.constant 128 : index
  %zero = arith.constant 0.0 : f32
  scf.for %t = %c0 to %n step %c128 {
    %length = attn.load %l[%c0] : memref<1xi32>
    %last = arith.index_cast %length : i32 to index
    %some = arith.cmpi slt, %t, %last : index
    scf.if %some {
    %keys = memref.subview %k[%t, 0] [128, 64] [1, 1] : memref<?x64xf32> to memref<128x64xf32, strided<[64, 1], offset: ?>>
    %values = memref.subview %v[%t, 0] [128, 64] [1, 1] : memref<?x64xf32> to memref<128x64xf32, strided<[64, 1], offset: ?>>
    linalg.fill ins(%zero : f32) outs(%s : memref<128x4xf32>)
    linalg.generic {indexing_maps = [#key, #query, #score],
                    iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%keys, %q : memref<128x64xf32, strided<[64, 1], offset: ?>>, memref<4x64xf32>)
        outs(%s : memref<128x4xf32>) attrs = {attn.streamed = array<i64: 0>, attn.ahead = 32 : index} {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %m = arith.mulf %a, %b : f32
      %r = arith.addf %c, %m : f32
      linalg.yield %r : f32
    }
    linalg.generic {indexing_maps = [#value, #weight, #sum],
                    iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%values, %s : memref<128x64xf32, strided<[64, 1], offset: ?>>, memref<128x4xf32>)
        outs(%o : memref<4x64xf32>) attrs = {attn.streamed = array<i64: 0>, attn.ahead = 32 : index} {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %m = arith.mulf %a, %b : f32
      %r = arith.addf %c, %m : f32
      linalg.yield %r : f32
    }
    }
  }
  return
}

// A store to the queries would come too late for the next tile's scores.
// CHECK-LABEL: func @dependent
// CHECK: scf.for
// CHECK-NOT: scf.for
func.func @dependent(%k: memref<?x64xf32>, %v: memref<?x64xf32>, %q: memref<4x64xf32>,
                     %s: memref<128x4xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c128 = arith.constant 128 : index
  %zero = arith.constant 0.0 : f32
  scf.for %t = %c0 to %n step %c128 {
    %keys = memref.subview %k[%t, 0] [128, 64] [1, 1] : memref<?x64xf32> to memref<128x64xf32, strided<[64, 1], offset: ?>>
    %values = memref.subview %v[%t, 0] [128, 64] [1, 1] : memref<?x64xf32> to memref<128x64xf32, strided<[64, 1], offset: ?>>
    linalg.fill ins(%zero : f32) outs(%s : memref<128x4xf32>)
    linalg.generic {indexing_maps = [#key, #query, #score],
                    iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%keys, %q : memref<128x64xf32, strided<[64, 1], offset: ?>>, memref<4x64xf32>)
        outs(%s : memref<128x4xf32>) attrs = {attn.streamed = array<i64: 0>, attn.ahead = 32 : index} {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %m = arith.mulf %a, %b : f32
      %r = arith.addf %c, %m : f32
      linalg.yield %r : f32
    }
    linalg.generic {indexing_maps = [#value, #weight, #sum],
                    iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%values, %s : memref<128x64xf32, strided<[64, 1], offset: ?>>, memref<128x4xf32>)
        outs(%q : memref<4x64xf32>) attrs = {attn.streamed = array<i64: 0>, attn.ahead = 32 : index} {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %m = arith.mulf %a, %b : f32
      %r = arith.addf %c, %m : f32
      linalg.yield %r : f32
    }
  }
  return
}

// Keys and values that are known to come from caches take no turns.
// CHECK-LABEL: func @near
// CHECK: scf.for
// CHECK-NOT: scf.for
// CHECK-LABEL: func @far
// CHECK: scf.for {{.*}} step %c128
// CHECK: scf.for {{.*}} step %c8
func.func @near(%k: memref<8192x64xf32>, %v: memref<8192x64xf32>, %q: memref<4x64xf32>,
                     %s: memref<128x4xf32>, %o: memref<4x64xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c128 = arith.constant 128 : index
  %zero = arith.constant 0.0 : f32
  scf.for %t = %c0 to %n step %c128 {
    %keys = memref.subview %k[%t, 0] [128, 64] [1, 1] : memref<8192x64xf32> to memref<128x64xf32, strided<[64, 1], offset: ?>>
    %values = memref.subview %v[%t, 0] [128, 64] [1, 1] : memref<8192x64xf32> to memref<128x64xf32, strided<[64, 1], offset: ?>>
    linalg.fill ins(%zero : f32) outs(%s : memref<128x4xf32>)
    linalg.generic {indexing_maps = [#key, #query, #score],
                    iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%keys, %q : memref<128x64xf32, strided<[64, 1], offset: ?>>, memref<4x64xf32>)
        outs(%s : memref<128x4xf32>) attrs = {attn.streamed = array<i64: 0>, attn.ahead = 32 : index} {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %m = arith.mulf %a, %b : f32
      %r = arith.addf %c, %m : f32
      linalg.yield %r : f32
    }
    linalg.generic {indexing_maps = [#value, #weight, #sum],
                    iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%values, %s : memref<128x64xf32, strided<[64, 1], offset: ?>>, memref<128x4xf32>)
        outs(%o : memref<4x64xf32>) attrs = {attn.streamed = array<i64: 0>, attn.ahead = 32 : index} {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %m = arith.mulf %a, %b : f32
      %r = arith.addf %c, %m : f32
      linalg.yield %r : f32
    }
  }
  return
}
func.func @far(%k: memref<16384x64xf32>, %v: memref<16384x64xf32>, %q: memref<4x64xf32>,
                     %s: memref<128x4xf32>, %o: memref<4x64xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c128 = arith.constant 128 : index
  %zero = arith.constant 0.0 : f32
  scf.for %t = %c0 to %n step %c128 {
    %keys = memref.subview %k[%t, 0] [128, 64] [1, 1] : memref<16384x64xf32> to memref<128x64xf32, strided<[64, 1], offset: ?>>
    %values = memref.subview %v[%t, 0] [128, 64] [1, 1] : memref<16384x64xf32> to memref<128x64xf32, strided<[64, 1], offset: ?>>
    linalg.fill ins(%zero : f32) outs(%s : memref<128x4xf32>)
    linalg.generic {indexing_maps = [#key, #query, #score],
                    iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%keys, %q : memref<128x64xf32, strided<[64, 1], offset: ?>>, memref<4x64xf32>)
        outs(%s : memref<128x4xf32>) attrs = {attn.streamed = array<i64: 0>, attn.ahead = 32 : index} {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %m = arith.mulf %a, %b : f32
      %r = arith.addf %c, %m : f32
      linalg.yield %r : f32
    }
    linalg.generic {indexing_maps = [#value, #weight, #sum],
                    iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%values, %s : memref<128x64xf32, strided<[64, 1], offset: ?>>, memref<128x4xf32>)
        outs(%o : memref<4x64xf32>) attrs = {attn.streamed = array<i64: 0>, attn.ahead = 32 : index} {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %m = arith.mulf %a, %b : f32
      %r = arith.addf %c, %m : f32
      linalg.yield %r : f32
    }
  }
  return
}
