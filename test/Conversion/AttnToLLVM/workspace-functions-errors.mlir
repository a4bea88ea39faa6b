// RUN: attn-opt %s -attn-workspace-functions -split-input-file -verify-diagnostics

// expected-error @below {{needs the name 'f_workspace', which is taken; rename either function}}
func.func @f() {
  return
}
func.func private @f_workspace()
