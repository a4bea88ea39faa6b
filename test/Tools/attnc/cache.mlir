// Compiled code is kept between processes.
//
// A hit needs no compiler: the library of its threads is not loaded. Those of
// MLIR and LLVM never are.
// RUN: rm -rf %t.cache %t.xdg
// RUN: attnc compile %s --cache=%t.cache -o %t.o
// RUN: env LD_DEBUG=files attnc compile %s --cache=%t.cache -o %t.again.o 2>&1 | FileCheck %s --check-prefix=HIT --allow-empty
// RUN: cmp %t.o %t.again.o
// HIT-NOT: libomp

// Another target, another source, another kind of output are others.
// RUN: env LD_DEBUG=files attnc compile %s --cache=%t.cache --target=x86-64:x86-64-v3 -o %t.v3.o 2>&1 | FileCheck %s --check-prefix=MISS
// RUN: sed s/@double_it/@twice/ %s > %t.twice.mlir
// RUN: env LD_DEBUG=files attnc compile %t.twice.mlir --cache=%t.cache -o %t.twice.o 2>&1 | FileCheck %s --check-prefix=MISS
// RUN: llvm-nm %t.twice.o | FileCheck %s --check-prefix=TWICE
// RUN: env LD_DEBUG=files attnc compile %s --cache=%t.cache -o %t.s 2>&1 | FileCheck %s --check-prefix=MISS
// MISS: libomp
// MISS-NOT: libMLIR
// TWICE: T twice

// A library is executable also when it comes from the cache, and a header is
// written beside it.
// RUN: attnc compile %s --cache=%t.cache -o %t.so
// RUN: rm %t.so && attnc compile %s --cache=%t.cache -o %t.so && test -x %t.so
// RUN: attnc compile %s --cache=%t.cache -o %t.so --header=%t.h && FileCheck %s --check-prefix=HEADER < %t.h
// HEADER: int32_t double_it(

// What is damaged is built again.
// RUN: find %t.cache -name 'llvmcache-*' -exec truncate -s 100 {} +
// RUN: env LD_DEBUG=files attnc compile %s --cache=%t.cache -o %t.rebuilt.o 2>&1 | FileCheck %s --check-prefix=MISS
// RUN: cmp %t.o %t.rebuilt.o
// RUN: env LD_DEBUG=files attnc compile %s --cache=%t.cache -o %t.rebuilt.o 2>&1 | FileCheck %s --check-prefix=HIT --allow-empty

// Functions that run in the compiler's process are kept too.
// RUN: attnc bench %s --cache=%t.cache --dim x.0=8 --json | FileCheck %s --check-prefix=COLD
// RUN: attnc bench %s --cache=%t.cache --dim x.0=8 --json | FileCheck %s --check-prefix=WARM
// RUN: attnc run %s --cache=%t.cache --dim x.0=8 --check | FileCheck %s --check-prefix=CHECK-OK
// COLD: "cached": false
// WARM: "cached": true
// CHECK-OK: check result: passed

// An error is not kept, and phases are dumped also where the result is there.
// RUN: not attnc compile %s --cache=%t.cache --target=nosuch -o %t.no.o 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not attnc compile %s --cache=%t.cache --target=nosuch -o %t.no.o 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: attnc compile %s --cache=%t.cache -o %t.o --dump-phases=%t.dump && ls %t.dump | FileCheck %s --check-prefix=DUMP
// UNKNOWN: unknown CPU 'nosuch'
// DUMP: tile.mlir

// Where it is, and where it is not.
// RUN: env ATTN_CACHE= XDG_CACHE_HOME=%t.xdg attnc compile %s -o %t.o && ls %t.xdg/attn | FileCheck %s --check-prefix=ENTRY
// RUN: rm -r %t.xdg && env ATTN_CACHE=off XDG_CACHE_HOME=%t.xdg attnc compile %s -o %t.o && not ls %t.xdg
// RUN: env ATTN_CACHE= XDG_CACHE_HOME=%t.xdg attnc compile %s --cache=off -o %t.o && not ls %t.xdg
// RUN: env ATTN_CACHE=%t.xdg attnc compile %s -o %t.o && ls %t.xdg | FileCheck %s --check-prefix=ENTRY
// RUN: rm -r %t.xdg && env ATTN_CACHE= XDG_CACHE_HOME=%t.xdg attnc compile %s --cache= -o %t.o && ls %t.xdg/attn | FileCheck %s --check-prefix=ENTRY
// ENTRY: llvmcache-

// A place that a user names and that is none is warned of; what is written is good.
// RUN: echo > %t.file
// RUN: attnc compile %s --cache=%t.file -o %t.warned.o 2>&1 | FileCheck %s --check-prefix=PLACE
// RUN: env ATTN_CACHE=%t.file/under attnc compile %s -o %t.warned.o 2>&1 | FileCheck %s --check-prefix=PLACE
// RUN: cmp %t.o %t.warned.o
// RUN: env ATTN_CACHE= XDG_CACHE_HOME=%t.file attnc compile %s -o %t.o 2>&1 | FileCheck %s --check-prefix=SILENT --allow-empty
// PLACE: attn: warning: the cache '{{.*}}' is no directory that can be written to; nothing is kept
// SILENT-NOT: warning

func.func @double_it(%x: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %init = tensor.empty(%n) : tensor<?xf32>
  %r = linalg.add ins(%x, %x : tensor<?xf32>, tensor<?xf32>)
                  outs(%init : tensor<?xf32>) -> tensor<?xf32>
  return %r : tensor<?xf32>
}
