// What is measured, and that a mask halves the work that counts.
//
// RUN: attnc bench %s --entry causal --dim M=64 --dim N=64 --threads=1 | FileCheck %s --check-prefix=TEXT
// RUN: attnc bench %s --entry causal --dim M=64 --dim N=64 --threads=2 --json > %t.json
// RUN: FileCheck %s --check-prefix=JSON < %t.json
// RUN: attnc bench %s --entry negate --dim x.0=100 --json | FileCheck %s --check-prefix=PLAIN

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
