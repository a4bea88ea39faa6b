// RUN: not attn-opt %s -attn-tile-queries="target=pentium99" 2>&1 | FileCheck %s
// RUN: not attn-opt %s -attn-tile-keys="target=pentium99" 2>&1 | FileCheck %s
// RUN: not attn-opt %s -attn-tile-contractions="target=pentium99" 2>&1 | FileCheck %s

// CHECK: error: {{.*}}pentium99
func.func @nothing() {
  return
}
