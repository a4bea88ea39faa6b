// RUN: attn-opt %s -split-input-file -verify-diagnostics

// discardable_c1, discardable_c2, discardable_c3

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

func.func @f(%q: tensor<4x8x16xf32>) -> tensor<4x8x16xf32> {
  // expected-error @below {{'attn.attend' op has the attribute 'attn.paln'; attn.plan, attn.score_bound are accepted here}}
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<4x8x16xf32>, tensor<4x8x16xf32>, tensor<4x8x16xf32>)
      outs(%q : tensor<4x8x16xf32>) indexing_maps = [#query, #key, #key, #output] scale = 0.25 {attn.paln = {}} -> tensor<4x8x16xf32>
  return %r : tensor<4x8x16xf32>
}

// -----

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

func.func @f(%q: tensor<4x8x16xf32>) -> tensor<4x8x16xf32> {
  // expected-error @below {{'attn.attend' op has the attribute 'attn.lazy'; attn.plan, attn.score_bound are accepted here}}
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<4x8x16xf32>, tensor<4x8x16xf32>, tensor<4x8x16xf32>)
      outs(%q : tensor<4x8x16xf32>) indexing_maps = [#query, #key, #key, #output] scale = 0.25 {attn.lazy} -> tensor<4x8x16xf32>
  return %r : tensor<4x8x16xf32>
}

// -----

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

func.func @f(%q: tensor<4x8x16xf32>) -> tensor<4x8x16xf32> {
  // expected-error @below {{'attn.attend' op has attn.score_bound = -1.000000e+00 : f64; a number of type f64, 0 or more, is accepted}}
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<4x8x16xf32>, tensor<4x8x16xf32>, tensor<4x8x16xf32>)
      outs(%q : tensor<4x8x16xf32>) indexing_maps = [#query, #key, #key, #output] scale = 0.25 {attn.score_bound = -1.0} -> tensor<4x8x16xf32>
  return %r : tensor<4x8x16xf32>
}

// -----

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

func.func @f(%q: tensor<4x8x16xf32>) -> tensor<4x8x16xf32> {
  // expected-error @below {{'attn.attend' op has attn.score_bound = 0x7FF8000000000000 : f64; a number of type f64, 0 or more, is accepted}}
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<4x8x16xf32>, tensor<4x8x16xf32>, tensor<4x8x16xf32>)
      outs(%q : tensor<4x8x16xf32>) indexing_maps = [#query, #key, #key, #output] scale = 0.25 {attn.score_bound = 0x7FF8000000000000 : f64} -> tensor<4x8x16xf32>
  return %r : tensor<4x8x16xf32>
}

// -----

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

func.func @f(%q: tensor<4x8x16xf32>) -> tensor<4x8x16xf32> {
  // expected-error @below {{'attn.attend' op has attn.plan = 3 : i64; a dictionary of the fields of a plan is accepted}}
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<4x8x16xf32>, tensor<4x8x16xf32>, tensor<4x8x16xf32>)
      outs(%q : tensor<4x8x16xf32>) indexing_maps = [#query, #key, #key, #output] scale = 0.25 {attn.plan = 3} -> tensor<4x8x16xf32>
  return %r : tensor<4x8x16xf32>
}

// -----

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

func.func @f(%q: tensor<4x8x16xf32>) -> tensor<4x8x16xf32> {
  // expected-error @below {{'attn.attend' op has attn.plan with keys = 0 : index; a number from 1 to 65536 is accepted}}
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<4x8x16xf32>, tensor<4x8x16xf32>, tensor<4x8x16xf32>)
      outs(%q : tensor<4x8x16xf32>) indexing_maps = [#query, #key, #key, #output] scale = 0.25 {attn.plan = {keys = 0 : index, queries = 8 : index}} -> tensor<4x8x16xf32>
  return %r : tensor<4x8x16xf32>
}

// -----

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

func.func @f(%q: tensor<4x8x16xf32>) -> tensor<4x8x16xf32> {
  // expected-error @below {{'attn.attend' op has attn.plan with queries = -4 : index; a number from 1 to 65536 is accepted}}
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<4x8x16xf32>, tensor<4x8x16xf32>, tensor<4x8x16xf32>)
      outs(%q : tensor<4x8x16xf32>) indexing_maps = [#query, #key, #key, #output] scale = 0.25 {attn.plan = {keys = 8 : index, queries = -4 : index}} -> tensor<4x8x16xf32>
  return %r : tensor<4x8x16xf32>
}

// -----

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

func.func @f(%q: tensor<4x8x16xf32>) -> tensor<4x8x16xf32> {
  // expected-error @below {{'attn.attend' op has attn.plan with ahead = 2147483648 : i64; a number from 0 to 2147483647 is accepted}}
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<4x8x16xf32>, tensor<4x8x16xf32>, tensor<4x8x16xf32>)
      outs(%q : tensor<4x8x16xf32>) indexing_maps = [#query, #key, #key, #output] scale = 0.25 {attn.plan = {ahead = 2147483648, keys = 8, queries = 4}} -> tensor<4x8x16xf32>
  return %r : tensor<4x8x16xf32>
}

// -----

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

func.func @f(%q: tensor<4x8x16xf32>) -> tensor<4x8x16xf32> {
  // expected-error @below {{'attn.attend' op has attn.plan with band = true; a number from 1 to 2147483647 is accepted}}
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<4x8x16xf32>, tensor<4x8x16xf32>, tensor<4x8x16xf32>)
      outs(%q : tensor<4x8x16xf32>) indexing_maps = [#query, #key, #key, #output] scale = 0.25 {attn.plan = {band = true, keys = 8, queries = 4}} -> tensor<4x8x16xf32>
  return %r : tensor<4x8x16xf32>
}

// -----

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

func.func @f(%q: tensor<4x8x16xf32>) -> tensor<4x8x16xf32> {
  // expected-error @below {{'attn.attend' op has attn.plan with lanes = "keys"; "queries" or "features" is accepted}}
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<4x8x16xf32>, tensor<4x8x16xf32>, tensor<4x8x16xf32>)
      outs(%q : tensor<4x8x16xf32>) indexing_maps = [#query, #key, #key, #output] scale = 0.25 {attn.plan = {keys = 8, lanes = "keys", queries = 4}} -> tensor<4x8x16xf32>
  return %r : tensor<4x8x16xf32>
}

// -----

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

func.func @f(%q: tensor<4x8x16xf32>) -> tensor<4x8x16xf32> {
  // expected-error @below {{'attn.attend' op has attn.plan with pairs = false; the name without a value is accepted}}
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<4x8x16xf32>, tensor<4x8x16xf32>, tensor<4x8x16xf32>)
      outs(%q : tensor<4x8x16xf32>) indexing_maps = [#query, #key, #key, #output] scale = 0.25 {attn.plan = {keys = 8, pairs = false, queries = 4}} -> tensor<4x8x16xf32>
  return %r : tensor<4x8x16xf32>
}

// -----

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

func.func @f(%q: tensor<4x8x16xf32>) -> tensor<4x8x16xf32> {
  // expected-error @below {{'attn.attend' op has attn.plan with quieries = 4 : i64; queries, keys, group, split, ahead, band, resident, piece, interleave, pairs, tiles, unpacked, turned, once, filled, spread, compact, lanes are accepted}}
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<4x8x16xf32>, tensor<4x8x16xf32>, tensor<4x8x16xf32>)
      outs(%q : tensor<4x8x16xf32>) indexing_maps = [#query, #key, #key, #output] scale = 0.25 {attn.plan = {keys = 8, quieries = 4}} -> tensor<4x8x16xf32>
  return %r : tensor<4x8x16xf32>
}

// -----

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

func.func @f(%q: tensor<4x8x16xf32>) -> tensor<4x8x16xf32> {
  // expected-error @below {{'attn.attend' op has attn.plan without queries; it takes queries and keys}}
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<4x8x16xf32>, tensor<4x8x16xf32>, tensor<4x8x16xf32>)
      outs(%q : tensor<4x8x16xf32>) indexing_maps = [#query, #key, #key, #output] scale = 0.25 {attn.plan = {keys = 8}} -> tensor<4x8x16xf32>
  return %r : tensor<4x8x16xf32>
}

// -----

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

func.func @f(%q: tensor<4x8x16xf32>) -> tensor<4x8x16xf32> {
  // expected-error @below {{'attn.attend' op has attn.plan with split = 100; a multiple of keys, 8, is accepted}}
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<4x8x16xf32>, tensor<4x8x16xf32>, tensor<4x8x16xf32>)
      outs(%q : tensor<4x8x16xf32>) indexing_maps = [#query, #key, #key, #output] scale = 0.25 {attn.plan = {keys = 8, queries = 4, split = 100}} -> tensor<4x8x16xf32>
  return %r : tensor<4x8x16xf32>
}

// -----

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

func.func @f(%q: tensor<4x8x16xf32>) -> tensor<4x8x16xf32> {
  // expected-error @below {{'attn.attend' op has attn.plan with resident = 12; a multiple of keys, 8, is accepted}}
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<4x8x16xf32>, tensor<4x8x16xf32>, tensor<4x8x16xf32>)
      outs(%q : tensor<4x8x16xf32>) indexing_maps = [#query, #key, #key, #output] scale = 0.25 {attn.plan = {keys = 8, queries = 4, resident = 12}} -> tensor<4x8x16xf32>
  return %r : tensor<4x8x16xf32>
}

// -----

func.func @f(%q: tensor<1x8x4x16xf32>, %k: tensor<1x4x6x16xf32>) -> tensor<1x8x4x16xf32> {
  // expected-error @below {{'attn.scaled_dot_product' op has the attribute 'attn.grup'; attn.group is accepted here}}
  %r = attn.scaled_dot_product %q, %k, %k {attn.grup = 2 : index} : tensor<1x8x4x16xf32>, tensor<1x4x6x16xf32>, tensor<1x4x6x16xf32> -> tensor<1x8x4x16xf32>
  return %r : tensor<1x8x4x16xf32>
}

// -----

func.func @f(%q: tensor<1x8x4x16xf32>, %k: tensor<1x4x6x16xf32>) -> tensor<1x8x4x16xf32> {
  // expected-error @below {{'attn.scaled_dot_product' op has attn.group = "x"; a number from 1 to 2147483647 is accepted}}
  %r = attn.scaled_dot_product %q, %k, %k {attn.group = "x"} : tensor<1x8x4x16xf32>, tensor<1x4x6x16xf32>, tensor<1x4x6x16xf32> -> tensor<1x8x4x16xf32>
  return %r : tensor<1x8x4x16xf32>
}

// -----

func.func @f(%q: tensor<1x8x4x16xf32>, %k: tensor<1x4x6x16xf32>) -> tensor<1x8x4x16xf32> {
  // expected-error @below {{'attn.scaled_dot_product' op has attn.group = 0 : index; a number from 1 to 2147483647 is accepted}}
  %r = attn.scaled_dot_product %q, %k, %k {attn.group = 0 : index} : tensor<1x8x4x16xf32>, tensor<1x4x6x16xf32>, tensor<1x4x6x16xf32> -> tensor<1x8x4x16xf32>
  return %r : tensor<1x8x4x16xf32>
}

// -----

func.func @f(%q: tensor<1x8x4x16xf32>, %k: tensor<1x4x6x16xf32>) -> tensor<1x8x4x16xf32> {
  // expected-error @below {{'attn.scaled_dot_product' op query has 8 heads, key has 4; attn.group states 4 times as many}}
  %r = attn.scaled_dot_product %q, %k, %k {attn.group = 4 : index} : tensor<1x8x4x16xf32>, tensor<1x4x6x16xf32>, tensor<1x4x6x16xf32> -> tensor<1x8x4x16xf32>
  return %r : tensor<1x8x4x16xf32>
}

// -----

func.func @f(%q: tensor<1x8x4x16xf32>, %k: tensor<1x?x6x16xf32>) -> tensor<1x8x4x16xf32> {
  // expected-error @below {{'attn.scaled_dot_product' op query has 8 heads, key has any number; attn.group states 3 times as many}}
  %r = attn.scaled_dot_product %q, %k, %k {attn.group = 3 : index} : tensor<1x8x4x16xf32>, tensor<1x?x6x16xf32>, tensor<1x?x6x16xf32> -> tensor<1x8x4x16xf32>
  return %r : tensor<1x8x4x16xf32>
}

// -----

func.func @f(%q: tensor<4x16xf32>, %k: tensor<6x16xf32>) -> tensor<4x16xf32> {
  // expected-error @below {{'attn.scaled_dot_product' op query has 1 heads, key has 1; attn.group states 2 times as many}}
  %r = attn.scaled_dot_product %q, %k, %k {attn.group = 2 : index} : tensor<4x16xf32>, tensor<6x16xf32>, tensor<6x16xf32> -> tensor<4x16xf32>
  return %r : tensor<4x16xf32>
}

// -----

// expected-error @below {{'func.func' op argument 0 has the attribute 'attn.nmae'; attn.name, attn.result, attn.dims, attn.spread are accepted here}}
func.func @f(%x: tensor<?x4xf32> {attn.nmae = "x"}) {
  return
}

// -----

// expected-error @below {{'func.func' op argument 0 has attn.name = 3 : i64; a string is accepted}}
func.func @f(%x: tensor<?x4xf32> {attn.name = 3}) {
  return
}

// -----

// expected-error @below {{'func.func' op argument 0 has attn.result = true; the name without a value is accepted}}
func.func @f(%x: tensor<?x4xf32> {attn.result = true}) {
  return
}

// -----

// expected-error @below {{'func.func' op argument 0 has attn.dims = "M"; an array of strings is accepted}}
func.func @f(%x: tensor<?x4xf32> {attn.dims = "M"}) {
  return
}

// -----

// expected-error @below {{'func.func' op argument 0 has attn.dims = ["M", 3]; an array of strings is accepted}}
func.func @f(%x: tensor<?x4xf32> {attn.dims = ["M", 3]}) {
  return
}

// -----

// expected-error @below {{'func.func' op argument 0 has 1 names in attn.dims; one for each dimension of 'tensor<?x4xf32>' is accepted}}
func.func @f(%x: tensor<?x4xf32> {attn.dims = ["M"]}) {
  return
}

// -----

// expected-error @below {{'func.func' op argument 0 has attn.spread = -1.000000e+00 : f64; a finite float of 0 or more is accepted}}
func.func @f(%x: tensor<?x4xf32> {attn.spread = -1.0}) {
  return
}

// -----

// expected-error @below {{'func.func' op argument 0 has attn.spread = 0x7F800000 : f32; a finite float of 0 or more is accepted}}
func.func @f(%x: tensor<?x4xf32> {attn.spread = 0x7F800000 : f32}) {
  return
}

// -----

// expected-error @below {{'func.func' op argument 0 has attn.spread = 1 : i64; a finite float of 0 or more is accepted}}
func.func @f(%x: tensor<?x4xf32> {attn.spread = 1}) {
  return
}

// -----

// expected-error @below {{'func.func' op result 0 has the attribute 'attn.result'; attn.name is accepted here}}
func.func @f(%x: f32) -> (f32 {attn.result}) {
  return %x : f32
}

// -----

// expected-error @below {{'func.func' op has attn.entry = "shape"; "shapes" or "workspace" is accepted}}
func.func private @f() attributes {attn.entry = "shape"}

// -----

// expected-error @below {{'func.func' op has attn.spec = [1, 2]; an array of i64 is accepted}}
func.func private @f() attributes {attn.spec = [1, 2]}

// -----

// expected-error @below {{'func.func' op has attn.chips = "sm_80"; an array of strings is accepted}}
func.func private @f() attributes {attn.chips = "sm_80"}

// -----

// expected-error @below {{'builtin.module' op has attn.emulated = false; the name without a value is accepted}}
module attributes {attn.emulated = false} {}

// -----

func.func @f(%x: f32) {
  // expected-error @below {{'arith.negf' op has the attribute 'attn.ahead'; none of attn is accepted here}}
  %y = arith.negf %x {attn.ahead = 1 : index} : f32
  return
}

// -----

func.func @f(%x: f32, %t: memref<4xf32>) {
  // expected-error @below {{'linalg.fill' op has attn.streamed = array<i64: -1>; an array of i64, numbers of inputs, is accepted}}
  linalg.fill {attn.streamed = array<i64: -1>} ins(%x : f32) outs(%t : memref<4xf32>)
  return
}

// -----

#query = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, d)>
#key = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, d)>
#value = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, j, e)>
#output = affine_map<(b, hkv, g, i, j, d, e) -> (hkv, i, e)>

func.func @f(%q: tensor<4x8x?xf32>) -> tensor<4x8x?xf32> {
  // expected-error @below {{'attn.attend' op has attn.plan with tiles; static head sizes are accepted}}
  %r = attn.attend dot softmax ins(%q, %q, %q : tensor<4x8x?xf32>, tensor<4x8x?xf32>, tensor<4x8x?xf32>)
      outs(%q : tensor<4x8x?xf32>) indexing_maps = [#query, #key, #value, #output] scale = 0.25 {attn.plan = {keys = 8, queries = 4, tiles}} -> tensor<4x8x?xf32>
  return %r : tensor<4x8x?xf32>
}

// -----

func.func @f(%x: f32) -> f32 {
  // expected-error @below {{'math.exp2' op has attn.nonpositive = 1 : i64; the name without a value is accepted}}
  %r = math.exp2 %x {attn.nonpositive = 1 : i64} : f32
  return %r : f32
}

// -----

func.func @f(%x: f32) -> f32 {
  // expected-error @below {{'math.exp' op has the attribute 'attn.nonpositive'; none of attn is accepted here}}
  %r = math.exp %x {attn.nonpositive} : f32
  return %r : f32
}

// -----

func.func @too_many_steps_side_by_side() {
  // expected-error @below {{'scf.forall' op has attn.interleave = 17 : index; a number from 1 to 16 is accepted}}
  scf.forall (%i) in (34) {
  } {attn.interleave = 17 : index}
  return
}
