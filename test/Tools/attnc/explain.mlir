// The plan, and counts of tiles where sizes are known.
//
// RUN: attnc explain %s --entry window --target=x86-64-v3 | FileCheck %s --check-prefix=UNKNOWN
// RUN: attnc explain %s --entry window --target=x86-64-v3 --dim M=480 --dim N=480 | FileCheck %s --check-prefix=WINDOW
// RUN: attnc explain %s --entry window --target=x86-64-v3 --dim M=480 --dim N=480 --json | FileCheck %s --check-prefix=JSON
// RUN: attnc explain %s --entry plain --target=x86-64-v3 --dim q.0=100 --dim N=100 | FileCheck %s --check-prefix=PLAIN

// UNKNOWN: function window, for x86-64-v3
// UNKNOWN: attn.scaled_dot_product at
// UNKNOWN: sizes: B=1 H=1 Hkv=1 M=? N=? D=16 Dv=16
// UNKNOWN: tiles: 48 queries x 96 keys; empty ?, partial ?, full ?

// Ten rows of five tiles. A tile is kept where it meets the diagonal band.
// WINDOW: sizes: B=1 H=1 Hkv=1 M=480 N=480 D=16 Dv=16
// WINDOW: tiles: 48 queries x 96 keys; empty 40, partial 10, full 0
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
// JSON: "remarks": [

// PLAIN: tiles: 48 queries x 96 keys; empty 0, partial 4, full 2

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
