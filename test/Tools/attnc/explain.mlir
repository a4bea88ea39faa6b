// The plan, and counts of tiles where sizes are known.
//
// RUN: attnc explain %s --entry window --target=x86-64-v3 | FileCheck %s --check-prefix=UNKNOWN
// RUN: attnc explain %s --entry window --target=x86-64-v3 --dim M=480 --dim N=480 | FileCheck %s --check-prefix=WINDOW
// RUN: attnc explain %s --entry window --target=x86-64-v3 --dim M=480 --dim N=480 --json | FileCheck %s --check-prefix=JSON
// RUN: attnc explain %s --entry plain --target=x86-64-v3 --dim q.0=100 --dim N=100 | FileCheck %s --check-prefix=PLAIN

// Names are those of the source; what cannot be proved is said, with its place.
// RUN: attnc explain %s --entry ids --target=x86-64-v3 | FileCheck %s --check-prefix=IDS
// IDS: keeps: ids[j] == ids[i] and j <= i
// IDS: remark: {{.*}}blocks of 16 tiles
// RUN: attnc explain %s --entry opaque --target=x86-64-v3 | FileCheck %s --check-prefix=OPAQUE
// Other functions of the file are not spoken of.
// OPAQUE: keeps: ? >= 5
// OPAQUE-NOT: projections
// OPAQUE: remark: {{.*}}arith.xori: no transfer function for it over both i and j{{.*}}explain.mlir
// RUN: attnc explain %s --entry capped --target=x86-64-v3 | FileCheck %s --check-prefix=CAPPED
// CAPPED: remark: {{.*}}scores stay within 30.0: no running maximum, no rescaling

// On a GPU the tiles are those of a block, with what they take.
// RUN: attnc explain %s --entry window --target=sm_80 --dim M=480 --dim N=480 | FileCheck %s --check-prefix=GPU
// GPU: function window, for sm_80
// GPU: tiles: 128 queries x 64 keys; empty 24, partial 8, full 0
// GPU: remark: {{.*}}tiles of 128 queries and 64 keys for 8 warps: about {{[0-9]+}} of 255 registers per thread, queries read from shared memory each time; {{[0-9]+}} of 166912 bytes of shared memory; fewer than 128 queries on less than half of 108 multiprocessors split their keys, 4 tiles or more for a block
// RUN: attnc explain %s --entry opaque --target=sm_80 | FileCheck %s --check-prefix=OPAQUE

// Compound masks are told in lines; ids that come from offsets by the name of these.
// RUN: attnc explain %s --entry compound --target=x86-64-v3 | FileCheck %s --check-prefix=COMPOUND --strict-whitespace
// RUN: attnc explain %s --entry compound --target=x86-64-v3 --json | FileCheck %s --check-prefix=COMPOUNDJSON
// COMPOUND:    keeps: any of
// COMPOUND-NEXT:{{^}}             j <= i and document(ends)[j] == document(ends)[i]
// COMPOUND-NEXT:{{^}}             all of
// COMPOUND-NEXT:{{^}}               j <= lengths[b] - 1
// COMPOUND-NEXT:{{^}}               j <= i - 101 or j >= i + 21
// COMPOUND-NEXT:{{^}}               document(ends)[j] != document(ends)[i]
// COMPOUNDJSON: "keeps": "(j <= i and document(ends)[j] == document(ends)[i]) or (j <= lengths[b] - 1 and (j <= i - 101 or j >= i + 21) and document(ends)[j] != document(ends)[i])"

// The picture: a square per tile; nothing is drawn where sizes are not known.
// RUN: attnc explain %s --entry window --target=x86-64-v3 --dim M=480 --dim N=480 --mask-image=%t.png
// RUN: od -An -tx1 -N24 %t.png | FileCheck %s --check-prefix=PNG
// PNG: 89 50 4e 47 0d 0a 1a 0a 00 00 00 0d 49 48 44 52
// PNG: 00 00 00 52 00 00 00 a2
// RUN: not attnc explain %s --entry window --mask-image=%t.none.png 2>&1 | FileCheck %s --check-prefix=IMAGE
// IMAGE: --mask-image needs a function with a mask, and all sizes

// Entropy is computed apart; the next attention is still told by its own mask.
// RUN: attnc explain %s --entry inspected --target=x86-64-v3 | FileCheck %s --check-prefix=INSPECTED
// INSPECTED: keeps: j <= i
// INSPECTED: attn.scaled_dot_product at
// INSPECTED-NOT: keeps: j <= i
// INSPECTED: keeps: j >= i - 5 and j <= i + 5

// Multi-head attention is attention, and says why projections are not fused.
// RUN: attnc explain %s --entry heads --target=x86-64-v3 --dim x.1=96 | FileCheck %s --check-prefix=HEADS
// HEADS: attn.multi_head at
// HEADS: sizes: B=1 H=4 Hkv=2 M=96 N=96 D=8 Dv=8
// HEADS: tiles: 24 queries x 96 keys; empty 0, partial 16, full 0
// HEADS: projections apart: inside of tiles those of queries would save 24.0 KiB of traffic and read 16.0 KiB of weights, those of keys and values take 1.4 MFLOP more
// HEADS: keeps: j <= i
// HEADS: remark: {{.*}}projections are products of their own

// UNKNOWN: function window, for x86-64-v3
// UNKNOWN: attn.scaled_dot_product at
// UNKNOWN: sizes: B=1 H=1 Hkv=1 M=? N=? D=16 Dv=16
// UNKNOWN: tiles: 48 queries x 96 keys; empty ?, partial ?, full ?
// UNKNOWN: plan for M = 1: 1 queries x 1 heads x 128 keys, keys in parts of 1024 merged by LSE; features along lanes: 5 vector operations per key for 1 rows, against 32 with queries along lanes
// UNKNOWN: plan: 48 queries x 1 heads x 96 keys, 4 tiles of queries share 960 keys at a time in the second-level cache, 8 rows at a time of tiles with fewer queries; queries along lanes: any number of them

// Ten rows of five tiles. A tile is kept where it meets the diagonal band.
// WINDOW: sizes: B=1 H=1 Hkv=1 M=480 N=480 D=16 Dv=16
// WINDOW: tiles: 48 queries x 96 keys; empty 40, partial 10, full 0
// WINDOW: keeps: j == i
// WINDOW: work: 0.00295 GFLOP in tiles that are not empty, 20.0% of 0.0147 for all pairs
// WINDOW: plan: 48 queries x 1 heads x 96 keys, 4 tiles of queries share 960 keys
// JSON: "function": "window"
// JSON: "target": "x86-64-v3"
// JSON: "attention": [
// JSON: "sizes": {
// JSON: "M": 480
// JSON: "tiles": {
// JSON: "m": 48
// JSON: "n": 96
// JSON: "empty": 40
// JSON: "partial": 10
// JSON: "full": 0
// JSON: "plans": [
// JSON: "for_queries": 1,
// JSON: "lanes": "features",
// JSON: "split": 1024,
// JSON: "band": 1,
// JSON: "followed": false,
// JSON: "for_queries": -1,
// JSON: "followed": true,
// JSON: "reason": "queries along lanes: any number of them"
// JSON: "keeps": "j == i"
// JSON: "dense_flops": 14745600
// JSON: "visited_flops": 2949120
// JSON: "remarks": [

// PLAIN: tiles: 48 queries x 96 keys; empty 0, partial 0, full 6

// RUN: attnc explain %s --entry=cached --dim q.0=3 --dim k.0=9 --dim v.0=9 | FileCheck %s --check-prefix=CACHED
// CACHED: keeps: j <= i + N - M
// CACHED: remark: scores stay within 20.2: no running maximum, no rescaling

func.func @window(%q: tensor<?x16xf32>, %k: tensor<?x16xf32>, %v: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %m = attn.mask.window past = 0 future = 0
  %o = attn.scaled_dot_product %q, %k, %v mask(%m)
       : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32> -> tensor<?x16xf32>
  return %o : tensor<?x16xf32>
}

func.func @plain(%q: tensor<?x16xf32>, %k: tensor<?x16xf32>, %v: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %o = attn.scaled_dot_product %q, %k, %v
       : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32> -> tensor<?x16xf32>
  return %o : tensor<?x16xf32>
}

func.func @ids(%q: tensor<?x16xf32>, %k: tensor<?x16xf32>, %v: tensor<?x16xf32>, %ids: tensor<?xi32>) -> tensor<?x16xf32> {
  %d = attn.mask.document %ids : tensor<?xi32>
  %c = attn.mask.causal
  %m = attn.mask.and %d, %c
  %o = attn.scaled_dot_product %q, %k, %v mask(%m)
       : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32> -> tensor<?x16xf32>
  return %o : tensor<?x16xf32>
}

func.func @compound(%q: tensor<2x4x?x16xf32>, %k: tensor<2x4x?x16xf32>, %ends: tensor<?xi64>, %lengths: tensor<2xi64>) -> tensor<2x4x?x16xf32> {
  %c = attn.mask.causal
  %d = attn.mask.document_offsets %ends : tensor<?xi64>
  %p = attn.mask.padding %lengths : tensor<2xi64>
  %w = attn.mask.window past = 100 future = 20
  %packed = attn.mask.and %c, %d
  %either = attn.mask.or %w, %d
  %neither = attn.mask.not %either
  %far = attn.mask.and %p, %neither
  %m = attn.mask.or %packed, %far
  %o = attn.scaled_dot_product %q, %k, %k mask(%m)
       : tensor<2x4x?x16xf32>, tensor<2x4x?x16xf32>, tensor<2x4x?x16xf32> -> tensor<2x4x?x16xf32>
  return %o : tensor<2x4x?x16xf32>
}

func.func @opaque(%q: tensor<?x16xf32>, %k: tensor<?x16xf32>, %v: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %m = attn.mask.predicate {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %five = arith.constant 5 : i32
    %x = arith.index_cast %i : index to i32
    %y = arith.index_cast %j : index to i32
    %z = arith.xori %x, %y : i32
    %keep = arith.cmpi sge, %z, %five : i32
    attn.yield %keep : i1
  }
  %o = attn.scaled_dot_product %q, %k, %v mask(%m)
       : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32> -> tensor<?x16xf32>
  return %o : tensor<?x16xf32>
}

func.func @capped(%q: tensor<?x16xf32>, %k: tensor<?x16xf32>, %v: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %cap = arith.constant 30.0 : f32
  %s = attn.score.softcap %cap : f32
  %o = attn.scaled_dot_product %q, %k, %v score(%s)
       : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32> -> tensor<?x16xf32>
  return %o : tensor<?x16xf32>
}

func.func @heads(%x: tensor<1x?x32xf32>, %w: tensor<64x32xf32>, %wo: tensor<32x32xf32>) -> tensor<1x?x32xf32> {
  %m = attn.mask.causal
  %o = attn.multi_head %x, %x, %x weights(%w, %wo : tensor<64x32xf32>, tensor<32x32xf32>)
       heads = 4 kv_heads = 2 mask(%m)
       : tensor<1x?x32xf32>, tensor<1x?x32xf32>, tensor<1x?x32xf32> -> tensor<1x?x32xf32>
  return %o : tensor<1x?x32xf32>
}

func.func @inspected(%q: tensor<40x16xf32>, %k: tensor<40x16xf32>, %v: tensor<40x16xf32>)
    -> (tensor<40x16xf32>, tensor<40xf32>) {
  %causal = attn.mask.causal
  %o, %entropy = attn.scaled_dot_product %q, %k, %v mask(%causal)
    : tensor<40x16xf32>, tensor<40x16xf32>, tensor<40x16xf32> -> tensor<40x16xf32>
      entropy(tensor<40xf32>)
  %near = attn.mask.window past = 5 future = 5
  %again = attn.scaled_dot_product %o, %k, %v mask(%near)
    : tensor<40x16xf32>, tensor<40x16xf32>, tensor<40x16xf32> -> tensor<40x16xf32>
  return %again, %entropy : tensor<40x16xf32>, tensor<40xf32>
}

func.func @cached(%q: tensor<?x16xf32>, %k: tensor<?x16xf32>, %v: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %m = attn.mask.causal bottom_right
  %o = attn.cosine %q, %k, %v mask(%m) scale = 20.0
       : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32> -> tensor<?x16xf32>
  return %o : tensor<?x16xf32>
}
