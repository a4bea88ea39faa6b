// RUN: attn-opt %s -attn-verify-compile-time-values -split-input-file -verify-diagnostics
// RUN: attn-opt %s -attn-phase-optimize -split-input-file -verify-diagnostics

// types_c1
// expected-error @below {{'func.func' op @argument is public and has the type '(!attn.mask) -> ()'; masks and score modifiers are compile-time values, which only private functions take and give}}
func.func @argument(%m: !attn.mask) {
  return
}

// -----

// types_c1
// expected-error @below {{'func.func' op @result is public and has the type '(f32) -> !attn.score_mod'; masks and score modifiers are compile-time values, which only private functions take and give}}
func.func @result(%cap: f32) -> !attn.score_mod {
  %s = attn.score.softcap %cap : f32
  return %s : !attn.score_mod
}

// -----

// types_c1
// expected-error @below {{'func.func' op @outside has no body; a function that takes or gives a mask or score modifier is inlined}}
func.func private @outside() -> !attn.mask

// -----

// types_c1
// expected-error @below {{'func.func' op @kept is no_inline; a function that takes or gives a mask or score modifier is inlined}}
func.func private @kept() -> !attn.mask attributes {no_inline} {
  %m = attn.mask.causal
  return %m : !attn.mask
}

// -----

// types_c1
// expected-error @below {{'func.func' op @again calls itself; a function that takes or gives a mask or score modifier is inlined}}
func.func private @again(%n: index) -> !attn.mask {
  %m = func.call @again(%n) : (index) -> !attn.mask
  return %m : !attn.mask
}

func.func @main(%n: index) {
  %m = func.call @again(%n) : (index) -> !attn.mask
  return
}

// -----

// types_c1
func.func @select(%c: i1) {
  %x = attn.mask.causal
  %y = attn.mask.dilated stride = 2
  // expected-error @below {{'arith.select' op gives '!attn.mask'; masks and score modifiers are compile-time values, which only attn ops and direct calls of private functions give}}
  %m = arith.select %c, %x, %y : !attn.mask
  return
}

// -----

// types_c1
func.func @loop(%n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %x = attn.mask.causal
  // expected-error @below {{'scf.for' op gives '!attn.mask'; masks and score modifiers are compile-time values, which only attn ops and direct calls of private functions give}}
  // expected-error @below {{'scf.for' op carries '!attn.mask' into a block; masks and score modifiers are compile-time values, which no loop or branch carries}}
  %m = scf.for %i = %c0 to %n step %c1 iter_args(%acc = %x) -> !attn.mask {
    %next = attn.mask.not %acc
    scf.yield %next : !attn.mask
  }
  return
}

// -----

// types_c1
// expected-error @below {{'func.func' op carries '!attn.mask' into a block; masks and score modifiers are compile-time values, which no loop or branch carries}}
func.func @branch(%c: i1) {
  %x = attn.mask.causal
  %y = attn.mask.dilated stride = 2
  cf.cond_br %c, ^bb1(%x : !attn.mask), ^bb1(%y : !attn.mask)
^bb1(%m: !attn.mask):
  return
}

// -----

// types_c1
func.func @container(%n: index) {
  %x = attn.mask.causal
  // expected-error @below {{'tensor.from_elements' op gives 'tensor<1x!attn.mask>'; masks and score modifiers are compile-time values, which only attn ops and direct calls of private functions give}}
  %t = tensor.from_elements %x : tensor<1x!attn.mask>
  return
}

// -----

// types_c1
func.func private @mask() -> !attn.mask {
  %m = attn.mask.causal
  return %m : !attn.mask
}

func.func @indirect() {
  // expected-error @below {{'func.constant' op gives '() -> !attn.mask'; masks and score modifiers are compile-time values, which only attn ops and direct calls of private functions give}}
  %f = func.constant @mask : () -> !attn.mask
  // expected-error @below {{'func.call_indirect' op gives '!attn.mask'; masks and score modifiers are compile-time values, which only attn ops and direct calls of private functions give}}
  %m = func.call_indirect %f() : () -> !attn.mask
  return
}
