// RUN: attn-opt %s -attn-lower-signatures -split-input-file -verify-diagnostics

// expected-error @below {{is public; its argument 0 'x' has type 'memref<2xf32, 3>', which callers cannot pass}}
func.func @space(%x: memref<2xf32, 3> {attn.name = "x"}) {
  return
}

// -----

// expected-error @below {{is public and has results on memrefs or scalars; write to arguments instead}}
func.func @results() -> i32 {
  %c = arith.constant 0 : i32
  return %c : i32
}

// -----

func.func @inside(%n: index, %ok: i1) {
  attn.parallel %n : index {
  ^bb0(%begin: index, %end: index):
    // expected-error @below {{inside of another operation; conditions are decided at the top of a function}}
    attn.require %ok, "no"
    attn.yield
  }
  return
}
