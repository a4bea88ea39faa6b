// RUN: attn-opt %s -split-input-file -verify-diagnostics

// mask_causal_c1
func.func @both(%n: index) {
  // expected-error @below {{'attn.mask.causal' op takes either 'offset' or 'bottom_right', not both}}
  %0 = attn.mask.causal offset(%n : index) bottom_right
  return
}

// -----

// types_c2
func.func @float_offset(%n: f32) {
  // expected-error @below {{'attn.mask.causal' op operand #0 must be integer or 1-D tensor of integers (one per batch), but got 'f32'}}
  %0 = "attn.mask.causal"(%n) : (f32) -> !attn.mask
  return
}

// -----

// mask_window_c1
func.func @past_twice(%n: index) {
  // expected-error @below {{'attn.mask.window' op takes 'past' as a constant or as a value, not both}}
  %0 = "attn.mask.window"(%n) <{past = 1 : i64, operandSegmentSizes = array<i32: 1, 0, 0>}> : (index) -> !attn.mask
  return
}

// -----

// mask_window_c2
func.func @future_twice(%n: index) {
  // expected-error @below {{'attn.mask.window' op takes 'future' as a constant or as a value, not both}}
  %0 = "attn.mask.window"(%n) <{future = 1 : i64, operandSegmentSizes = array<i32: 0, 1, 0>}> : (index) -> !attn.mask
  return
}

// -----

// mask_window_c3
func.func @negative() {
  // expected-error @below {{'attn.mask.window' op past -1 is not between 0 and 2^62; leave 'past' out for no bound}}
  %0 = attn.mask.window past = -1
  return
}

// -----

// mask_window_c3
func.func @overflow() {
  // expected-error @below {{'attn.mask.window' op future 9223372036854775807 is not between 0 and 2^62; leave 'future' out for no bound}}
  %0 = attn.mask.window future = 9223372036854775807
  return
}

// -----

// mask_window_c3
func.func @negative_value() {
  %n = arith.constant -4 : index
  // expected-error @below {{'attn.mask.window' op past -4 is not between 0 and 2^62; leave 'past' out for no bound}}
  %0 = attn.mask.window past(%n)
  return
}

// -----

// mask_padding_c1
func.func @padding_rank(%l: tensor<2x3x4xi32>) {
  // expected-error @below {{'attn.mask.padding' op operand #0 must be 1-D or 2-D (batch, length) tensor}}
  %0 = attn.mask.padding %l : tensor<2x3x4xi32>
  return
}

// -----

// mask_document_c1
func.func @document_types(%q: tensor<?xi32>, %k: tensor<?xi64>) {
  // expected-error @below {{'attn.mask.document' op ids of queries are 'i32', ids of keys are 'i64'; they must have one type}}
  %0 = attn.mask.document %q keys(%k : tensor<?xi64>) : tensor<?xi32>
  return
}

// -----

// types_c2
func.func @float_ids(%ids: tensor<?xf32>) {
  // expected-error @below {{'attn.mask.document' op operand #0 must be 1-D or 2-D (batch, length) tensor of 32-bit signless integer or 64-bit signless integer or index values, but got 'tensor<?xf32>'}}
  %0 = attn.mask.document %ids : tensor<?xf32>
  return
}

// -----

// mask_document_offsets_c2
func.func @no_offsets(%o: tensor<0xi32>) {
  // expected-error @below {{'attn.mask.document_offsets' op has 0 offsets; it takes one more than documents, at least 1}}
  %0 = attn.mask.document_offsets %o : tensor<0xi32>
  return
}

// -----

// mask_document_offsets_c2
func.func @offset_counts(%o: tensor<4xi32>, %k: tensor<5xi32>) {
  // expected-error @below {{'attn.mask.document_offsets' op has 4 offsets of queries and 5 of keys; they must be equal, one more than documents}}
  %0 = attn.mask.document_offsets %o keys(%k : tensor<5xi32>) : tensor<4xi32>
  return
}

// -----

// mask_dilated_c1
func.func @stride() {
  // expected-error @below {{'attn.mask.dilated' op attribute 'stride' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive}}
  %0 = attn.mask.dilated stride = 0
  return
}

// -----

// mask_block_sparse_c1
func.func @block_count(%l: tensor<?x?xi1>) {
  // expected-error @below {{'attn.mask.block_sparse' op block has 1 sizes; it takes two, of queries and keys}}
  %0 = attn.mask.block_sparse %l block [64] : tensor<?x?xi1>
  return
}

// -----

// mask_block_sparse_c2
func.func @block_size(%l: tensor<?x?xi1>) {
  // expected-error @below {{'attn.mask.block_sparse' op block size 0 is not at least 1}}
  %0 = attn.mask.block_sparse %l block [64, 0] : tensor<?x?xi1>
  return
}

// -----

// types_c2
func.func @layout_type(%l: tensor<?x?xi8>) {
  // expected-error @below {{'attn.mask.block_sparse' op operand #0 must be 2-D or 3-D tensor of 1-bit signless integer values, but got 'tensor<?x?xi8>'}}
  %0 = attn.mask.block_sparse %l block [64, 64] : tensor<?x?xi8>
  return
}

// -----

// types_c2
func.func @dense_rank(%l: tensor<1x2x3x4x5xi1>) {
  // expected-error @below {{'attn.mask.dense' op operand #0 must be 1-D to 4-D tensor of 1-bit signless integer values}}
  %0 = attn.mask.dense %l : tensor<1x2x3x4x5xi1>
  return
}

// -----

// types_c3
func.func @encoded(%l: tensor<4x4xi1, "sparse">) {
  // expected-error @below {{'attn.mask.dense' op operand #0 must be 1-D to 4-D tensor of 1-bit signless integer values, but got 'tensor<4x4xi1, "sparse">'}}
  %0 = attn.mask.dense %l : tensor<4x4xi1, "sparse">
  return
}

// -----

// mask_predicate_c1
func.func @argument_count() {
  // expected-error @below {{'attn.mask.predicate' op region has 3 arguments; it takes 4: b, h, i, j and 0 captures}}
  %0 = attn.mask.predicate {
  ^bb0(%b: index, %h: index, %i: index):
    %keep = arith.constant true
    attn.yield %keep : i1
  }
  return
}

// -----

// mask_predicate_c1
func.func @argument_type(%t: tensor<?xi32>) {
  // expected-error @below {{'attn.mask.predicate' op region argument 4 is 'tensor<4xi32>'; it must be 'tensor<?xi32>'}}
  %0 = attn.mask.predicate(%t : tensor<?xi32>) {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %s: tensor<4xi32>):
    %keep = arith.constant true
    attn.yield %keep : i1
  }
  return
}

// -----

// mask_predicate_c2
func.func @yield_type() {
  // expected-error @below {{'attn.mask.predicate' op region must end by attn.yield of one 'i1'}}
  %0 = attn.mask.predicate {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    attn.yield %j : index
  }
  return
}

// -----

// mask_predicate_c2
func.func @yield_nothing() {
  // expected-error @below {{'attn.mask.predicate' op region must end by attn.yield of one 'i1'}}
  %0 = attn.mask.predicate {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
  }
  return
}

// -----

// types_c3
func.func @capture_type(%m: memref<4xi32>) {
  // expected-error @below {{'attn.mask.predicate' op operand #0 must be variadic of integer, float, or ranked tensor of these, but got 'memref<4xi32>'}}
  %0 = attn.mask.predicate(%m : memref<4xi32>) {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %s: memref<4xi32>):
    %keep = arith.constant true
    attn.yield %keep : i1
  }
  return
}

// -----

// types_c3
func.func @capture_width(%n: i128) {
  // expected-error @below {{'attn.mask.predicate' op operand #0 must be variadic of integer, float, or ranked tensor of these, but got 'i128'}}
  %0 = attn.mask.predicate(%n : i128) {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %s: i128):
    %keep = arith.constant true
    attn.yield %keep : i1
  }
  return
}

// -----

// region_c1
func.func @nested_region() {
  // expected-error @below {{'attn.mask.predicate' op region holds 'scf.if'; it takes ops without regions and without effects, and attn.load}}
  %0 = attn.mask.predicate {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %c = arith.cmpi eq, %i, %j : index
    %keep = scf.if %c -> i1 {
      scf.yield %c : i1
    } else {
      scf.yield %c : i1
    }
    attn.yield %keep : i1
  }
  return
}

// -----

// region_c1
func.func private @callee(index) -> i1

func.func @call() {
  // expected-error @below {{'attn.mask.predicate' op region holds 'func.call'; it takes ops without regions and without effects, and attn.load}}
  %0 = attn.mask.predicate {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %keep = func.call @callee(%i) : (index) -> i1
    attn.yield %keep : i1
  }
  return
}

// -----

// region_c2
func.func @extract(%t: tensor<?xi1>) {
  // expected-error @below {{'attn.mask.predicate' op region holds 'tensor.extract' on values that are no scalars; tensors are captured and read by attn.load}}
  %0 = attn.mask.predicate(%t : tensor<?xi1>) {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %s: tensor<?xi1>):
    %keep = tensor.extract %s[%j] : tensor<?xi1>
    attn.yield %keep : i1
  }
  return
}

// -----

// mask_and_c1
func.func @and_nothing() {
  // expected-error @below {{'attn.mask.and' op has no operands; it takes at least one mask}}
  %0 = attn.mask.and
  return
}

// -----

// mask_or_c1
func.func @or_nothing() {
  // expected-error @below {{'attn.mask.or' op has no operands; it takes at least one mask}}
  %0 = attn.mask.or
  return
}

// -----

// types_c1
func.func @not_a_mask(%s: i1) {
  // expected-error @below {{'attn.mask.not' op operand #0 must be mask, a predicate over (b, h, i, j), but got 'i1'}}
  %0 = "attn.mask.not"(%s) : (i1) -> !attn.mask
  return
}
