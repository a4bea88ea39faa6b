// Arguments from files, seeds and values; results to files; the check.
//
// RUN: attnc run %s --entry affine --arg s=3 --dim x.0=5 --arg x=random:7 --out %t.npy --check | FileCheck %s --check-prefix=SCALED
// RUN: attnc run %s --entry affine --arg 0=%t.npy --arg 1=0 --check | FileCheck %s --check-prefix=ZERO
// RUN: attnc run %s --entry affine --arg s=3 --dim x.0=5 --arg x=random:7 --threads=2 --out %t.again.npy && cmp %t.npy %t.again.npy
// RUN: attnc run %s --entry affine --dim rows=0 --check | FileCheck %s --check-prefix=EMPTY
// RUN: attnc run %s --entry types --check | FileCheck %s --check-prefix=TYPES
// RUN: attnc run %s --entry split --dim M=3 --check | FileCheck %s --check-prefix=SPLIT
// RUN: attnc run %s --entry affine --dim x.0=11 --out %t.keys.npy
// RUN: attnc run %s --entry split --dim M=3 --arg k1=%t.keys.npy --check | FileCheck %s --check-prefix=SPLIT

// SCALED: square: tensor<5x2xf32> [
// SCALED: twice: f32 [6]
// SCALED: check square: {{.*}}passed
// SCALED: check twice: {{.*}}passed
// ZERO: square: tensor<5x2xf32> [
// ZERO: twice: f32 [0]
// ZERO: check square: {{.*}}passed
// EMPTY: square: tensor<0x2xf32> []
// TYPES: result0: bf16 [
// TYPES: result1: tensor<2xi1> [
// TYPES: result2: tensor<3xi32> [
// TYPES: result3: tensor<2xf64> [
// TYPES: check result0: {{.*}}passed
// TYPES: check result1: {{.*}}passed
// TYPES: check result2: {{.*}}passed
// TYPES: check result3: {{.*}}passed
// SPLIT: check {{.*}}passed

// Keys of two attention ops are of different lengths, though both are called N.
func.func @split(%q: tensor<?x2xf32>, %k0: tensor<7x2xf32>, %v0: tensor<7x2xf32>,
                 %k1: tensor<?x2xf32>, %v1: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %o0 = attn.dot_product %q, %k0, %v0 : tensor<?x2xf32>, tensor<7x2xf32>, tensor<7x2xf32> -> tensor<?x2xf32>
  %o1 = attn.dot_product %q, %k1, %v1 : tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32> -> tensor<?x2xf32>
  %o = arith.addf %o0, %o1 : tensor<?x2xf32>
  return %o : tensor<?x2xf32>
}

func.func @affine(%x: tensor<?x2xf32> {attn.dims = ["rows", "columns"]}, %s: f32)
    -> (tensor<?x2xf32> {attn.name = "square"}, f32 {attn.name = "twice"}) {
  %r = arith.mulf %x, %x : tensor<?x2xf32>
  %t = arith.addf %s, %s : f32
  return %r, %t : tensor<?x2xf32>, f32
}

func.func @types(%a: bf16, %b: tensor<2xi1>, %c: tensor<3xi32>, %d: tensor<2xf64>)
    -> (bf16, tensor<2xi1>, tensor<3xi32>, tensor<2xf64>) {
  %0 = arith.addf %a, %a : bf16
  %1 = arith.xori %b, %b : tensor<2xi1>
  %2 = arith.addi %c, %c : tensor<3xi32>
  %3 = arith.mulf %d, %d : tensor<2xf64>
  return %0, %1, %2, %3 : bf16, tensor<2xi1>, tensor<3xi32>, tensor<2xf64>
}
