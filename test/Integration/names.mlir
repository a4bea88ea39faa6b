// Functions may have names that the compiler would give to parts of others.

// RUN: attnc run %s --entry f --check | FileCheck %s
// RUN: attnc run %s --entry f.parallel.0 --check | FileCheck %s
// RUN: attnc run %s --entry f.parallel.0.rows.0 --check | FileCheck %s
// CHECK: check {{.*}}passed

!t = tensor<1x2x70x32xf32>
func.func @"f.parallel.0"(%q: !t, %k: !t) -> !t {
  %o = attn.scaled_dot_product %q, %k, %k : !t, !t, !t -> !t
  return %o : !t
}
func.func @f(%q: !t, %k: !t, %v: !t) -> !t {
  %o = attn.scaled_dot_product %q, %k, %v scale = 3.0 : !t, !t, !t -> !t
  return %o : !t
}
func.func @"f.parallel.0.rows.0"(%q: !t) -> !t {
  %o = attn.scaled_dot_product %q, %q, %q : !t, !t, !t -> !t
  return %o : !t
}
