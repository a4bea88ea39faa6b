// RUN: attn-opt %s -attn-shape-functions -split-input-file -verify-diagnostics

// expected-error @below {{is public; its argument 0 'arg0' has type '!attn.mask', which callers cannot pass}}
func.func @mask(%m: !attn.mask, %x: tensor<2xf32>) {
  return
}

// -----

// expected-error @below {{is public; its result 0 has type 'i3', which callers cannot receive}}
func.func @result() -> i3 {
  %c = arith.constant 1 : i3
  return %c : i3
}

// -----

func.func @effect(%x: tensor<2xf32>, %n: index) {
  %m = memref.alloc(%n) : memref<?xi1>
  %c0 = arith.constant 0 : index
  // expected-note @below {{'memref.load' has a side effect}}
  %ok = memref.load %m[%c0] : memref<?xi1>
  // expected-error @below {{must be decided before the function does anything else}}
  attn.require %ok, "no"
  return
}

// -----

// expected-error @below {{is public and needs the name 'f_shapes', which is taken; rename either function}}
func.func @f(%x: tensor<2xf32>) {
  return
}
func.func private @f_shapes()

// -----

// expected-error @below {{is public and has control flow between blocks; use scf.if and scf.for}}
func.func @blocks(%x: tensor<2xf32>) {
  cf.br ^end
^end:
  return
}
