// What is measured, that a mask halves the work that counts, and that keys which
// no query reaches are not counted as read.
//
// RUN: attnc bench %s --entry causal --dim M=64 --dim N=64 --threads=1 | FileCheck %s --check-prefix=TEXT
// RUN: attnc bench %s --entry causal --dim M=64 --dim N=64 --threads=2 --json > %t.json
// RUN: FileCheck %s --check-prefix=JSON < %t.json
// RUN: attnc bench %s --entry negate --dim x.0=100 --json | FileCheck %s --check-prefix=PLAIN
// RUN: attnc bench %s --entry prefix --json > %t.prefix.json
// RUN: %python -c "import json, sys; r = json.load(open(sys.argv[1])); print(round(r['gb_per_s'] * r['min_ms'] * 1e6))" %t.prefix.json | FileCheck %s --check-prefix=BYTES

// TEXT: causal: min {{[0-9.]+}} ms, median {{[0-9.]+}} ms ({{[0-9]+}} calls), {{[0-9.]*[1-9][0-9.]*}} GFLOP/s, {{[0-9.]+}}% of the FMA peak of {{[0-9.]*[1-9][0-9.]*}}, {{[0-9.]+}} GB/s, {{[0-9.]+}}% of the {{[0-9.]*[1-9][0-9.]*}} of reading alone, compiled in {{[0-9]+}} ms
// JSON: "function": "causal"
// JSON: "threads": 2
// JSON: "calls": {{[1-9]}}
// JSON: "min_ms": {{[0-9.]+}}
// JSON: "median_ms": {{[0-9.]+}}
// JSON: "gflops": {{[0-9.]*[1-9]}}
// JSON: "peak_gflops": {{[0-9.]*[1-9]}}
// JSON: "percent_of_peak": {{[0-9.]+}}
// JSON: "gb_per_s": {{[0-9.]+}}
// JSON: "read_gb_per_s": {{[0-9.]*[1-9]}}
// JSON: "percent_of_read": {{[0-9.]+}}
// JSON: "percent_of_limit": {{[0-9.]*[1-9]}}
// JSON: "compile_ms": {{[0-9.]*[1-9]}}
// A query, a row of results, and 64 of 4096 keys and values, of 64 bytes each.
// BYTES: {{^}}8320{{$}}
// PLAIN: "gflops": 0
// PLAIN: "peak_gflops": {{[0-9.]*[1-9]}}

func.func @causal(%q: tensor<?x16xf32>, %k: tensor<?x16xf32>, %v: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %m = attn.mask.causal
  %o = attn.scaled_dot_product %q, %k, %v mask(%m)
       : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32> -> tensor<?x16xf32>
  return %o : tensor<?x16xf32>
}

func.func @negate(%x: tensor<?xf32>) -> tensor<?xf32> {
  %r = arith.negf %x : tensor<?xf32>
  return %r : tensor<?xf32>
}

func.func @prefix(%q: tensor<1x16xf32>, %k: tensor<4096x16xf32>, %v: tensor<4096x16xf32>) -> tensor<1x16xf32> {
  %m = attn.mask.window past = 0 future = 63
  %o = attn.scaled_dot_product %q, %k, %v mask(%m)
       : tensor<1x16xf32>, tensor<4096x16xf32>, tensor<4096x16xf32> -> tensor<1x16xf32>
  return %o : tensor<1x16xf32>
}
