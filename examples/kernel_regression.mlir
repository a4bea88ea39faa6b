// Nadaraya-Watson regression of scattered points by a gaussian kernel.
//
// attnc run examples/kernel_regression.mlir --check

func.func @kernel_regression(%at: tensor<50x2xf64>, %points: tensor<201x2xf64>,
                             %values: tensor<201x1xf64>) -> tensor<50x1xf64> {
  %bandwidth = arith.constant 0.3 : f64
  %o = attn.kernel_regression gaussian %at, %points, %values
       bandwidth(%bandwidth : f64)
       : tensor<50x2xf64>, tensor<201x2xf64>, tensor<201x1xf64>
       -> tensor<50x1xf64>
  return %o : tensor<50x1xf64>
}
