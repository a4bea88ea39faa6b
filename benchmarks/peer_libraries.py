# ===- peer_libraries.py - how each library computes attention ----------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One class per library: `prepare(problem, q, k, v)` gives a function without
arguments that computes the output from the same tensors of torch, or raises
Unsupported. What a library needs once (compilation, masks, copies into its own
arrays) happens in `prepare`."""

import dataclasses
import math

import numpy as np
import torch


class Unsupported(Exception):
    """The library has no such attention."""


@dataclasses.dataclass(frozen=True)
class Problem:
    """One attention: sizes as in attn's documentation."""

    name: str
    heads: int
    key_heads: int
    queries: int
    keys: int
    head_size: int
    causal: bool = False
    window: int | None = None  # keys that a causal query sees, itself included
    dtype: str = "float32"

    @property
    def kept_pairs(self) -> int:
        """Pairs of one head that the mask keeps."""
        if not self.causal:
            return self.queries * self.keys
        rows = np.arange(self.queries) + 1
        return int(np.minimum(rows, self.window or self.keys).sum())

    @property
    def flops(self) -> float:
        return 4.0 * self.heads * self.kept_pairs * self.head_size

    @property
    def bytes(self) -> float:
        """What has to be read and written at least."""
        rows = 2 * self.heads * self.queries + 2 * self.key_heads * self.keys
        return float(rows * self.head_size * torch.tensor([], dtype=self.type).itemsize)

    @property
    def type(self) -> torch.dtype:
        return getattr(torch, self.dtype)

    def tensors(self):
        generator = torch.Generator().manual_seed(0)
        shapes = [(self.heads, self.queries)] + 2 * [(self.key_heads, self.keys)]
        return [
            torch.randn(1, h, n, self.head_size, generator=generator).to(self.type)
            for h, n in shapes
        ]


class Attn:
    name = "attn"

    def prepare(self, problem, q, k, v):
        import attn

        mask = attn.mask.causal() if problem.causal else None
        if problem.window:
            mask = mask & attn.mask.window(past=problem.window - 1)
        return lambda: attn.scaled_dot_product(q, k, v, mask=mask)


class PyTorch:
    name = "PyTorch SDPA"

    def prepare(self, problem, q, k, v):
        mask = None
        if problem.window:
            i, j = torch.arange(problem.queries)[:, None], torch.arange(problem.keys)
            mask = (j <= i) & (i - j < problem.window)
        return lambda: torch.nn.functional.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=mask,
            is_causal=problem.causal and mask is None,
            enable_gqa=problem.heads != problem.key_heads,
        )


class Flex:
    name = "FlexAttention"

    def prepare(self, problem, q, k, v):
        from torch.nn.attention.flex_attention import create_block_mask, flex_attention

        window = problem.window or problem.keys
        block_mask = None
        if problem.causal:
            block_mask = create_block_mask(
                lambda b, h, i, j: (i >= j) & (i - j < window),
                None,
                None,
                problem.queries,
                problem.keys,
                device="cpu",
            )
        torch._dynamo.reset()
        compiled = torch.compile(flex_attention, dynamic=False)
        gqa = problem.heads != problem.key_heads
        return lambda: compiled(q, k, v, block_mask=block_mask, enable_gqa=gqa)


class OnnxRuntime:
    name = "ONNX Runtime"

    def __init__(self):
        import onnx
        import onnxruntime

        self.onnx, self.runtime = onnx, onnxruntime

    def prepare(self, problem, q, k, v):
        if problem.dtype != "float32" or problem.window:
            raise Unsupported("f32, with or without causal, is measured")
        helper, float32 = self.onnx.helper, self.onnx.TensorProto.FLOAT
        arrays = dict(zip("QKV", (t.numpy() for t in (q, k, v))))
        inputs = [
            helper.make_tensor_value_info(name, float32, array.shape)
            for name, array in arrays.items()
        ]
        output = helper.make_tensor_value_info("O", float32, arrays["Q"].shape)
        node = helper.make_node(
            "Attention", list("QKV"), ["O"], is_causal=int(problem.causal)
        )
        graph = helper.make_graph([node], "attention", inputs, [output])
        opset = [helper.make_opsetid("", 23)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=10)
        options = self.runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        session = self.runtime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        return lambda: session.run(None, arrays)[0]


class OpenVINO:
    name = "OpenVINO"

    def __init__(self):
        import openvino
        import openvino.opset13

        self.openvino = openvino

    def prepare(self, problem, q, k, v):
        if problem.window or problem.heads != problem.key_heads:
            raise Unsupported("one head per key head, no window, is measured")
        if problem.dtype not in ("float32", "bfloat16"):
            raise Unsupported("f32 and bf16 are measured")
        ops = self.openvino.opset13
        arrays = [t.float().numpy() for t in (q, k, v)]
        inputs = [ops.parameter(a.shape, np.float32) for a in arrays]
        result = ops.scaled_dot_product_attention(*inputs, causal=problem.causal)
        precision = "f32" if problem.dtype == "float32" else "bf16"
        compiled = self.openvino.Core().compile_model(
            self.openvino.Model([result], inputs),
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": precision,
                "INFERENCE_NUM_THREADS": torch.get_num_threads(),
                "PERFORMANCE_HINT": "LATENCY",
            },
        )
        request = compiled.create_infer_request()
        return lambda: request.infer(arrays, share_inputs=True, share_outputs=True)[0]


class IREE:
    name = "IREE"

    def __init__(self):
        import iree.compiler
        import iree.runtime

        self.compiler, self.runtime = iree.compiler, iree.runtime

    def prepare(self, problem, q, k, v):
        plain = problem.heads == problem.key_heads and not problem.causal
        if problem.dtype != "float32" or not plain:
            raise Unsupported("f32 without a mask, one head per key head, is measured")
        if problem.keys > 1024:
            raise Unsupported("calls take seconds: up to 1024 keys are measured")
        b, m, n, d = problem.heads, problem.queries, problem.keys, problem.head_size
        rows, columns = f"tensor<{b}x{m}x{d}xf32>", f"tensor<{b}x{n}x{d}xf32>"
        dims = "affine_map<(b, m, n, k1, k2) -> "
        maps = ["(b, m, k1)>", "(b, k2, k1)>", "(b, k2, n)>", "()>", "(b, m, n)>"]
        source = f"""
func.func @main(%q: {rows}, %k: {columns}, %v: {columns}) -> {rows} {{
  %s = arith.constant {1 / math.sqrt(d):.8e} : f32
  %e = tensor.empty() : {rows}
  %o = iree_linalg_ext.attention <{{indexing_maps = [{", ".join(dims + x for x in maps)}]}}>
    ins(%q, %k, %v, %s : {rows}, {columns}, {columns}, f32) outs(%e : {rows}) {{
    ^bb0(%x: f32): iree_linalg_ext.yield %x : f32
  }} -> {rows}
  return %o : {rows}
}}"""
        binary = self.compiler.compile_str(
            source,
            target_backends=["llvm-cpu"],
            extra_args=["--iree-llvmcpu-target-cpu=host", "--iree-opt-level=O3"],
        )
        single = torch.get_num_threads() == 1
        config = self.runtime.Config("local-sync" if single else "local-task")
        context = self.runtime.SystemContext(config=config)
        module = self.runtime.VmModule.copy_buffer(context.instance, binary)
        context.add_vm_module(module)
        arrays = [
            self.runtime.asdevicearray(config.device, t[0].numpy()) for t in (q, k, v)
        ]
        main = context.modules.module.main
        return lambda: main(*arrays).to_host()


LIBRARIES = (Attn, PyTorch, Flex, OnnxRuntime, OpenVINO, IREE)
