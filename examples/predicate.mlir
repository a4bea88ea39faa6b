// A mask of one's own: each query sees its row and column of an 8 x 8 image.
//
// attnc run examples/predicate.mlir --check

func.func @predicate(%q: tensor<2x64x16xf32>, %k: tensor<2x64x16xf32>,
                     %v: tensor<2x64x16xf32>) -> tensor<2x64x16xf32> {
  %mask = attn.mask.predicate {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %c8 = arith.constant 8 : index
    %qy = arith.divui %i, %c8 : index
    %ky = arith.divui %j, %c8 : index
    %qx = arith.remui %i, %c8 : index
    %kx = arith.remui %j, %c8 : index
    %row = arith.cmpi eq, %qy, %ky : index
    %column = arith.cmpi eq, %qx, %kx : index
    %keep = arith.ori %row, %column : i1
    attn.yield %keep : i1
  }
  %o = attn.scaled_dot_product %q, %k, %v mask(%mask)
       : tensor<2x64x16xf32>, tensor<2x64x16xf32>, tensor<2x64x16xf32>
       -> tensor<2x64x16xf32>
  return %o : tensor<2x64x16xf32>
}
