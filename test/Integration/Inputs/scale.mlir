// (a + b) * s over rows, in parallel; a second result is a scalar.
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @scale(%a: tensor<?x4xf32>, %b: tensor<?x4xf32>, %s: f32)
    -> (tensor<?x4xf32>, index) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %a, %c0 : tensor<?x4xf32>
  %m = tensor.dim %b, %c0 : tensor<?x4xf32>
  %ok = arith.cmpi eq, %n, %m : index
  attn.require %ok, "a has {0} rows, b has {1}" (%n, %m)
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %o = scf.forall (%i) in (%n) shared_outs(%x = %e) -> tensor<?x4xf32> {
    %sa = tensor.extract_slice %a[%i, 0] [1, 4] [1, 1] : tensor<?x4xf32> to tensor<1x4xf32>
    %sb = tensor.extract_slice %b[%i, 0] [1, 4] [1, 1] : tensor<?x4xf32> to tensor<1x4xf32>
    %so = tensor.extract_slice %x[%i, 0] [1, 4] [1, 1] : tensor<?x4xf32> to tensor<1x4xf32>
    %r = linalg.generic {indexing_maps = [#id, #id, #id],
                         iterator_types = ["parallel", "parallel"]}
        ins(%sa, %sb : tensor<1x4xf32>, tensor<1x4xf32>)
        outs(%so : tensor<1x4xf32>) {
    ^bb0(%p: f32, %q: f32, %out: f32):
      %t = arith.addf %p, %q : f32
      %u = arith.mulf %t, %s : f32
      linalg.yield %u : f32
    } -> tensor<1x4xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %r into %x[%i, 0] [1, 4] [1, 1]
          : tensor<1x4xf32> into tensor<?x4xf32>
    }
  }
  return %o, %n : tensor<?x4xf32>, index
}
