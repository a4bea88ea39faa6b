// RUN: attn-opt %s -attn-lower-signatures -convert-attn-to-llvm -split-input-file -verify-diagnostics

func.func @unknown() {
  // expected-error @below {{'gpu.barrier' op has no lowering to the LLVM dialect; convert-attn-to-llvm takes ops of arith, cf, func, math, memref, vector and others that implement ConvertToLLVMPatternInterface: lower it to these first}}
  gpu.barrier
  return
}

// -----

// Launches stand in the order in which they run.
module attributes {gpu.container_module} {
  gpu.module @attn_kernels {
    gpu.func @k() kernel {
      gpu.return
    }
  }
  func.func @cluster() {
    %c1 = arith.constant 1 : index
    // expected-error @below {{'gpu.launch_func' op has tokens or clusters; launches run in order, without either}}
    // expected-error @below {{failed to legalize operation 'gpu.launch_func'}}
    gpu.launch_func @attn_kernels::@k clusters in (%c1, %c1, %c1) blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1)
    return
  }
}

// -----

func.func @token() {
  // expected-error @below {{'gpu.alloc' op has tokens, symbols or a layout; scratch on a device is plain and taken in order}}
  // expected-error @below {{failed to legalize operation 'gpu.alloc'}}
  %m, %t = gpu.alloc async () : memref<8xf32, 1>
  return
}
