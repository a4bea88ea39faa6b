// RUN: attnc compile %s --target=sm_80 -o %t.ptx
// RUN: FileCheck %s --implicit-check-not=setp.nan < %t.ptx
// RUN: attnc compile %s --target=sm_90a -o %t.90a.ptx
// RUN: FileCheck %s --check-prefix=HOPPER --implicit-check-not=setp.nan < %t.90a.ptx

// CHECK: .version 8.0
// CHECK: .target sm_80
// CHECK: .extern .shared .align 1024 .b8 attn_shared[];
// CHECK: .visible .entry attention_attend0_few(
// CHECK: .visible .entry attention_attend0(
// CHECK: .maxntid 256, 1, 1
// CHECK: cp.async.cg.shared.global [%{{.*}}], [%{{.*}}], 16, %{{.*}};
// CHECK: cp.async.commit_group;
// CHECK: cp.async.wait_group 1;
// CHECK: bar.sync 0;
// CHECK-DAG: ldmatrix.sync.aligned.m8n8.x4.shared.b16
// CHECK-DAG: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// Maxima and roundings are an instruction each.
// CHECK-DAG: max.f32
// CHECK-DAG: ex2.approx.ftz.f32
// CHECK-DAG: cvt.rn.bf16x2.f32
// CHECK-DAG: ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16
// Results leave in 16 bytes each.
// CHECK: st.global.v4.b32
// No function of a library is called.
// CHECK-NOT: call
// HOPPER: .target sm_90a
// HOPPER: .visible .entry attention_attend0(
// HOPPER: .param .align 64 .b8 {{.*}}[128]
// HOPPER: .maxntid 384, 1, 1
// Maps are read where they are.
// HOPPER-NOT: .local
// HOPPER-DAG: setmaxnreg.inc.sync.aligned.u32 208;
// HOPPER-DAG: setmaxnreg.dec.sync.aligned.u32 88;
// HOPPER-DAG: mbarrier.arrive.expect_tx.shared.b64
// HOPPER-DAG: cp.async.bulk.tensor.5d.shared::cluster.global.tile.mbarrier::complete_tx::bytes
// HOPPER-DAG: max.f32
// HOPPER-DAG: cvt.rn.bf16x2.f32
// HOPPER-DAG: wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16
func.func @attention(%q: tensor<?x?x?x64xbf16>, %k: tensor<?x?x?x64xbf16>, %v: tensor<?x?x?x64xbf16>) -> tensor<?x?x?x64xbf16> {
  %mask = attn.mask.causal
  %o = attn.scaled_dot_product %q, %k, %v mask(%mask)
       : tensor<?x?x?x64xbf16>, tensor<?x?x?x64xbf16>, tensor<?x?x?x64xbf16> -> tensor<?x?x?x64xbf16>
  return %o : tensor<?x?x?x64xbf16>
}
