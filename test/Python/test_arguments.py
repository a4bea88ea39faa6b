# ===- test_arguments.py - every bad argument is refused with a sentence ----------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bad arguments raise TypeError or ValueError and name the argument."""

import attn
import numpy as np
import pytest
import torch

Q = np.zeros((2, 4, 5, 8), np.float32)
K = np.zeros((2, 2, 7, 8), np.float32)
V = np.zeros((2, 2, 7, 3), np.float32)
X = np.zeros((2, 5, 8), np.float32)
W = np.zeros((8, 8), np.float32)
LSE = np.zeros((2, 4, 5), np.float32)


def attend(q=Q, k=K, v=V, **options):
    return attn.scaled_dot_product(q, k, v, **options)


def multi_head(query=X, key=X, value=X, w_q=W, w_k=W, w_v=W, w_o=W, **options):
    options = {"num_heads": 2} | options
    return attn.multi_head(query, key, value, w_q, w_k, w_v, w_o, **options)


ARRAYS = {
    "mixed types": (lambda: attend(k=K.astype(np.float64)), TypeError, "key.*float64"),
    "integers": (lambda: attend(q=Q.astype(int)), TypeError, "query.*int64"),
    "complex": (lambda: attend(q=Q.astype(complex)), TypeError, "query.*complex128"),
    "no array": (lambda: attend(q=3), TypeError, "query is a int"),
    "a list": (lambda: attend(v=[[1.0]]), TypeError, "value is a list"),
    "none": (lambda: attn.scaled_dot_product(None, K, V), TypeError, "query"),
    "mixed frameworks": (lambda: attend(k=torch.zeros(K.shape)), TypeError, "torch"),
    "device": (
        lambda: attend(*(torch.zeros(a.shape, device="meta") for a in (Q, K, V))),
        ValueError,
        "query is on meta",
    ),
    "sparse": (
        lambda: attend(*(torch.zeros(a.shape).to_sparse() for a in (Q, K, V))),
        ValueError,
        "query has layout",
    ),
    "nested": (
        lambda: attend(
            torch.nested.nested_tensor([torch.zeros(4, 5)], layout=torch.jagged), K, V
        ),
        ValueError,
        "query is a nested tensor",
    ),
    "vmap": (
        lambda: torch.func.vmap(attn.scaled_dot_product)(*(torch.tensor(Q),) * 3),
        ValueError,
        "a tensor has no memory of its own, as in transforms of torch.func",
    ),
    "torch among numpy": (
        lambda: attend(k=torch.tensor(K), v=torch.tensor(V)),
        TypeError,
        "key belongs to torch on cpu, query to numpy",
    ),
    "negating view": (
        lambda: attend(*(torch._neg_view(torch.zeros(a.shape)) for a in (Q, K, V))),
        ValueError,
        "query is a view that negates",
    ),
}
SHAPES = {
    "rank 1": (
        lambda: attend(Q[0, 0, 0], K[0, 0, 0], V[0, 0, 0]),
        ValueError,
        "rank 1",
    ),
    "rank 0": (lambda: attend(*(np.float32(0)[...],) * 3), ValueError, "rank 0"),
    "ranks": (lambda: attend(k=K[0]), ValueError, "key has rank 3, query has rank 4"),
    "one head size 0": (
        lambda: attend(q=Q[..., :0]),
        ValueError,
        "head size 8, query has 0",
    ),
    "head sizes": (
        lambda: attend(q=Q[..., :7]),
        ValueError,
        "head size 8, query has 7",
    ),
    "lengths": (lambda: attend(v=V[:, :, :6]), ValueError, "length 6, key has 7"),
    "batches": (lambda: attend(q=Q[:1]), ValueError, "key has batch size"),
    "heads": (lambda: attend(q=Q[:, :3]), ValueError, "query has 3 heads, key has 2"),
    "no key heads": (lambda: attend(k=K[:, :0], v=V[:, :0]), ValueError, "key has 0"),
    "value heads": (lambda: attend(v=V[:, :1]), ValueError, "value has 1 heads"),
}
OPTIONS = {
    "scale": (lambda: attend(scale="big"), TypeError, "scale is a str"),
    "scale text": (lambda: attend(scale="1"), TypeError, "scale is a str; a number"),
    "scale bool": (lambda: attend(scale=True), TypeError, "scale is a bool"),
    "scale nan": (lambda: attend(scale=float("nan")), ValueError, "scale is nan"),
    "mask type": (lambda: attend(mask=3), TypeError, "mask is a int"),
    "mask function": (
        lambda: attend(mask=lambda b, h, i, j: j <= i),
        TypeError,
        "attn.mask.predicate",
    ),
    "score function": (
        lambda: attend(score=lambda s, b, h, i, j: s),
        TypeError,
        "attn.score.map",
    ),
    "mask floats": (lambda: attend(mask=Q), TypeError, "mask has type float32"),
    "mask shape": (lambda: attend(mask=np.ones((5, 6), bool)), ValueError, r"\(5, 6\)"),
    "mask rank": (lambda: attend(mask=np.ones((1,) * 5, bool)), ValueError, "rank 5"),
    "score type": (lambda: attend(score=3), TypeError, "score holds a int"),
    "score mask": (lambda: attend(score=attn.mask.causal()), TypeError, "a Mask"),
    "keyword": (lambda: attend(causal=True), TypeError, "causal"),
}
MASKS = {
    "padding entries": (
        lambda: attend(mask=attn.mask.padding([1, 2, 3])),
        ValueError,
        r"lengths of mask.padding has shape \(3,\)",
    ),
    "padding rank": (
        lambda: attend(mask=attn.mask.padding(np.zeros((2, 5, 1), int))),
        ValueError,
        r"lengths of mask.padding has shape \(2, 5, 1\); \(batch,\) or",
    ),
    "padding floats": (lambda: attn.mask.padding([1.5]), TypeError, "float64"),
    "document short": (
        lambda: attend(mask=attn.mask.document([0] * 6)),
        ValueError,
        "ids of mask.document has 6 entries; at least 7",
    ),
    "document batch": (
        lambda: attend(mask=attn.mask.document(np.zeros((3, 7), int))),
        ValueError,
        "one per batch, 2",
    ),
    "causal offset": (lambda: attn.mask.causal(1.5), TypeError, "offset.*float"),
    "causal corner": (lambda: attn.mask.causal("top"), ValueError, "'top'"),
    "causal batch": (
        lambda: attend(mask=attn.mask.causal(np.zeros(3, int))),
        ValueError,
        "offset of mask.causal has 3 entries",
    ),
    "window": (lambda: attn.mask.window(past="x"), TypeError, "past of mask.window"),
    "window bool": (lambda: attn.mask.window(True), TypeError, "past.*bool"),
    "prefix": (lambda: attn.mask.prefix(None), TypeError, "length of mask.prefix"),
    "dense": (lambda: attn.mask.dense(Q), TypeError, "keep of mask.dense"),
    "predicate": (lambda: attn.mask.predicate(3), TypeError, "mask.predicate"),
    "operand": (lambda: attn.mask.causal() & 3, TypeError, "operand of mask 'and'"),
    "truth": (lambda: attn.mask.causal() and 1, TypeError, "no truth value"),
}
SCORES = {
    "cap 0": (lambda: attn.score.softcap(0), ValueError, "cap of score.softcap is 0"),
    "cap type": (lambda: attn.score.softcap("3"), TypeError, "cap.*str"),
    "cap inf": (lambda: attn.score.softcap(float("inf")), ValueError, "is inf"),
    "slopes": (lambda: attn.score.alibi([1, 2]), TypeError, "slopes.*int64"),
    "slopes entries": (
        lambda: attend(score=attn.score.alibi([1.0, 2.0])),
        ValueError,
        "slopes of score.alibi has 2 entries",
    ),
    "bias": (
        lambda: attend(score=attn.score.bias(np.zeros((3, 5, 7)))),
        ValueError,
        "values of score.bias has shape",
    ),
    "map": (
        lambda: attn.score.map(lambda s, b, h, i, j: i < j),
        TypeError,
        "must return a score",
    ),
}
FORMS = {
    "kernel": (
        lambda: attn.kernel_regression(Q, K, V, kernel="cosine"),
        ValueError,
        "kernel is 'cosine'.*gaussian",
    ),
    "bandwidth": (
        lambda: attn.kernel_regression(Q, K, V, bandwidth=-1),
        ValueError,
        "bandwidth is -1",
    ),
    "bandwidths": (
        lambda: attn.kernel_regression(Q, K, V, bandwidth=[1.0, 1.0]),
        ValueError,
        "bandwidth has 2 entries",
    ),
    "bandwidths 0": (
        lambda: attn.kernel_regression(Q, K, V, bandwidth=[1.0, 1.0, 0.0, 1.0]),
        ValueError,
        "not greater than 0",
    ),
    "kernel scores": (
        lambda: attn.kernel_regression(
            Q, K, V, kernel="boxcar", score=attn.score.softcap(1)
        ),
        ValueError,
        "score is given with kernel 'boxcar'",
    ),
    "one projection missing": (
        lambda: attn.multi_head(X, X, X, W, W, w_o=W, num_heads=4),
        TypeError,
        "w_v is None; w_k and w_v alone may be",
    ),
    "packed rows": (
        lambda: attn.multi_head(X, X, X, W, w_o=W, num_heads=5),
        ValueError,
        "w_q has .* rows .* do not split into 15 heads",
    ),
    "packed bias": (
        lambda: attn.multi_head(X, X, X, W, w_o=W, b_k=W[0], num_heads=4),
        ValueError,
        "b_k is given without w_k",
    ),
    "scores of a custom kernel": (
        lambda: attn.kernel_regression(
            Q, K, V, kernel=lambda u: 1 / (1 + u), score=attn.score.softcap(1)
        ),
        ValueError,
        "score is given with kernel a function",
    ),
    "custom kernel": (
        lambda: attn.kernel_regression(Q, K, V, kernel=lambda u: "one"),
        TypeError,
        "kernel: cannot compute with a str",
    ),
    "custom kernel that branches": (
        lambda: attn.kernel_regression(Q, K, V, kernel=lambda u: 1 if u < 1 else 0),
        TypeError,
        "kernel: ",
    ),
    "w": (lambda: attn.additive(Q, K, V, Q), ValueError, "w has rank 4"),
    "no projection": (
        lambda: attn.additive(Q, K, V, W[0, :6]),
        ValueError,
        "query has 8 features and w has 6",
    ),
    "projection": (
        lambda: attn.additive(Q, K, V, W[0, :6], W[:6, :7], W[:6]),
        ValueError,
        r"w_q has shape \(6, 7\); it must be \(6, 8\)",
    ),
    "num_heads": (lambda: multi_head(num_heads=3), ValueError, "do not split into 3"),
    "no heads": (lambda: multi_head(num_heads=0), ValueError, "num_heads is 0"),
    "heads type": (
        lambda: multi_head(num_heads=2.0),
        TypeError,
        "num_heads is a float",
    ),
    "groups": (lambda: multi_head(num_kv_heads=3), ValueError, "multiple of num_kv"),
    "w_k": (lambda: multi_head(num_kv_heads=1), ValueError, "w_k gives 8 features"),
    "w_o": (lambda: multi_head(w_o=W[:, :6]), ValueError, "w_o takes 6 features"),
    "weight rank": (lambda: multi_head(w_v=W[0]), ValueError, "w_v has rank 1"),
    "bias": (lambda: multi_head(b_q=W[0, :3]), ValueError, r"b_q has shape \(3,\)"),
    "input rank": (lambda: multi_head(query=X[0]), ValueError, "query has rank 2"),
    "batch": (lambda: multi_head(key=X[:1]), ValueError, "key has batch size 1"),
    "softmax": (
        lambda: attn.masked_softmax(Q[0, 0, 0]),
        ValueError,
        "scores has rank 1",
    ),
    "sinusoid": (lambda: attn.sinusoid(-1, 4), ValueError, "length is -1"),
    "sinusoid dim": (lambda: attn.sinusoid(1, 0), ValueError, "dim is 0"),
    "rotary": (lambda: attn.rotary(Q[..., :7]), ValueError, "head size 7"),
    "positions": (
        lambda: attn.rotary(Q, [1, 2]),
        ValueError,
        "positions has 2 entries",
    ),
    "base": (lambda: attn.rotary(Q, base=0), ValueError, "base is 0"),
    "merge none": (lambda: attn.merge([]), ValueError, "parts is empty"),
    "merge pairs": (lambda: attn.merge([3]), TypeError, "pairs"),
    "merge type": (
        lambda: attn.merge([(Q, LSE.astype(np.float64))]),
        TypeError,
        "lse 0 is f64",
    ),
    "merge shape": (
        lambda: attn.merge([(Q, LSE), (Q, LSE[:1])]),
        ValueError,
        "lse 1 has shape",
    ),
    "flex rank": (lambda: attn.flex_attention(X, X, X), ValueError, "q has rank 3"),
    "flex groups": (lambda: attn.flex_attention(Q, K, V), ValueError, "enable_gqa"),
    "flex mask": (
        lambda: attn.flex_attention(
            Q,
            Q,
            Q,
            block_mask=attn.create_block_mask(lambda b, h, q, k: q >= k, 2, 4, 6, 6),
        ),
        ValueError,
        "block_mask was created for 6 queries, the call has 5",
    ),
}


@pytest.mark.parametrize("cases", [ARRAYS, SHAPES, OPTIONS, MASKS, SCORES, FORMS])
def test_refusals(cases):
    for name, (call, error, message) in cases.items():
        with pytest.raises(error, match=message):
            call()
            pytest.fail(f"'{name}' is accepted")


@pytest.mark.parametrize("make", [np.asarray, torch.tensor])
def test_remembered_calls_are_checked(make):
    """A call like one before skips checks; one that differs does not."""

    def tensors(*shapes, dtype=np.float32):
        return [make(np.ones(shape, dtype)) for shape in shapes]

    q, k, v = tensors((1, 2, 3, 4), (1, 2, 5, 4), (1, 2, 5, 4))
    ids = make(np.zeros(5, np.int32))
    mask = attn.mask.document(ids)
    for _ in range(2):
        out = attn.scaled_dot_product(q, k, v, mask=mask)
        assert (np.asarray(out) == 1).all()
    ids[1:] = 1
    v[:, :, 1:] = 3
    # The captured array is read anew.
    out = np.asarray(attn.scaled_dot_product(q, k, v, mask=mask))
    assert (out[0, :, 0] == 1).all() and (out[0, :, 1:] == 3).all()

    with pytest.raises(ValueError, match="value has length 4, key has 5"):
        attn.scaled_dot_product(q, k, v[:, :, :4], mask=mask)
    with pytest.raises(ValueError, match="ids of mask.document has 5 entries"):
        longer = make(np.ones((1, 2, 6, 4), np.float32))
        attn.scaled_dot_product(q, longer, longer, mask=mask)
    (double,) = tensors((1, 2, 5, 4), dtype=np.float64)
    with pytest.raises(TypeError, match="value has type .*float64"):
        attn.scaled_dot_product(q, k, double, mask=mask)
    other = torch.ones(1, 2, 5, 4) if make is np.asarray else np.ones((1, 2, 5, 4), "f")
    with pytest.raises(TypeError, match="value belongs to"):
        attn.scaled_dot_product(q, k, other, mask=mask)
    with pytest.raises(TypeError, match="mask is a str"):
        attn.scaled_dot_product(q, k, v, mask="causal")


def test_remembered_calls_look_at_tensors_of_torch():
    q = torch.ones(1, 1, 3, 4)
    attn.scaled_dot_product(q, q, q)
    sparse = q[0, 0].to_sparse()
    dense = q[0, 0]
    attn.scaled_dot_product(dense, dense, dense)
    with pytest.raises(ValueError, match="layout"):
        attn.scaled_dot_product(dense, dense, sparse)
    with pytest.raises(ValueError, match="is on meta"):
        attn.scaled_dot_product(dense, dense, dense.to("meta"))
    needing = dense.clone().requires_grad_()
    result = attn.scaled_dot_product(needing, dense, dense)
    with pytest.raises(RuntimeError, match="no gradients"):
        result.sum().backward()
