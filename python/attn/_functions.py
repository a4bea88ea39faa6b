# ===- _functions.py - the forms of attention -------------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attention functions. Sizes: B batch, H query heads, Hkv key/value heads, M queries,
N keys, D query/key head size, Dv value head size."""

from __future__ import annotations

from typing import Any, Callable

from . import _arrays, _forms
from ._attention import Attention, Wanted, attend, scale_suffix
from ._forms import Captured
from .score import number, of_distance

NORMALIZERS = ("softmax", "sum", "none")
KERNELS = ("gaussian", "boxcar", "epanechnikov", "triangular", "constant")


def scaled_dot_product(
    q: Any,
    k: Any,
    v: Any,
    mask: Any = None,
    scale: float | None = None,
    score: Any = None,
    return_lse: bool = False,
    return_weights: bool = False,
    return_entropy: bool = False,
    return_received: bool = False,
    top: int | None = None,
    sink: Any = None,
    normalizer: str = "softmax",
) -> Any:
    """``softmax(score(scale * q @ k.T) under mask) @ v``.

    Args:
      q: queries, (B, H, M, D), (B, M, D), (M, D), or with more batch dimensions.
      k: keys, (B, Hkv, N, D); H is a multiple of Hkv.
      v: values, (B, Hkv, N, Dv).
      mask: a mask of attn.mask, or a boolean array aligned right with (B, H, M, N),
        or with (B, M, N) where q is (B, M, D): true keeps the pair.
      scale: factor of the scores; 1/sqrt(D) by default, 1 where D is 0.
      score: a modifier of attn.score, or a list of them, applied in order.
      return_lse: whether to return the log-sum-exp of each row, (B, H, M), natural
        logarithm, float32 (float64 for float64 inputs).
      return_weights: whether to return the weights, (B, H, M, N).
      return_entropy: whether to return the entropy of each row's weights, (B, H, M),
        in nats, of the type of lse.
      return_received: whether to return what each key receives over all queries,
        the sum of its weights, (B, H, N).
      top: how many of each row's largest weights to return, 1 to 64, with their
        keys: (B, H, M, top) each. Where fewer keys contribute, the weight is 0 and
        the key -1.
      sink: a logit per query head, (H,), that joins the softmax and carries no value.
      normalizer: "softmax"; "sum", where weights are scores over their sum; or
        "none", where they are scores: sigmoid attention is
        ``score=attn.score.sigmoid(), normalizer="none"``.

    Returns:
      The output (B, H, M, Dv), or a tuple (output, lse, weights, entropy, received,
      top weights, top keys) of what is asked for, as arrays of the inputs'
      framework. Entropy, received and top never hold all weights. A query that
      keeps no key has output 0 and lse -inf.

    Raises:
      TypeError: arguments that are not float arrays of one type and framework.
      ValueError: shapes that do not fit together.
    """
    framework, element = _arrays.common(query=q, key=k, value=v)
    if normalizer not in NORMALIZERS:
        raise ValueError(
            f"normalizer is {normalizer!r}; accepted are {', '.join(NORMALIZERS)}"
        )
    if sink is not None and normalizer != "softmax":
        raise ValueError(
            f"sink is given with normalizer '{normalizer}'; softmax takes it"
        )
    if normalizer == "none" and (return_lse or return_entropy):
        raise ValueError("normalizer 'none' has no lse and no entropy")
    suffix = scale_suffix(scale, element)
    if normalizer != "softmax":
        suffix += f" normalizer = {normalizer}"
    attention = Attention(
        "attn.scaled_dot_product",
        framework,
        element,
        q,
        k,
        v,
        last_clauses=() if sink is None else (("sink", _sink(sink, q)),),
        suffix=suffix,
    )
    wanted = Wanted(return_lse, return_weights, return_entropy, return_received, top)
    return attend(attention, mask, score, wanted)


def _sink(sink: Any, query: Any) -> Captured:
    captured = _forms.floats(sink, "sink", (1,))
    heads = query.shape[-3] if len(query.shape) > 3 else 1
    if captured.value.shape[0] != heads:
        raise ValueError(
            f"sink has {captured.value.shape[0]} logits; there must be one per head, "
            f"{heads}"
        )
    return captured


def cosine(
    q: Any,
    k: Any,
    v: Any,
    mask: Any = None,
    scale: float = 1.0,
    score: Any = None,
    return_lse: bool = False,
    return_weights: bool = False,
    return_entropy: bool = False,
    return_received: bool = False,
    top: int | None = None,
) -> Any:
    """Attention by cosines: scores are ``scale * q . k / (|q| |k|)``.

    Args as in scaled_dot_product; `scale` is 1 by default. The cosine with a vector
    of zeros is 0.

    Returns and raises as scaled_dot_product does.
    """
    framework, element = _arrays.common(query=q, key=k, value=v)
    attention = Attention(
        "attn.cosine", framework, element, q, k, v, suffix=scale_suffix(scale, element)
    )
    wanted = Wanted(return_lse, return_weights, return_entropy, return_received, top)
    return attend(attention, mask, score, wanted)


def general(
    q: Any,
    k: Any,
    v: Any,
    w: Any,
    mask: Any = None,
    scale: float = 1.0,
    score: Any = None,
    return_lse: bool = False,
    return_weights: bool = False,
    return_entropy: bool = False,
    return_received: bool = False,
    top: int | None = None,
) -> Any:
    """Luong's general attention: scores are ``scale * k . (w @ q)``.

    Args:
      q: queries (B, H, M, Dq), or of lower rank as in scaled_dot_product.
      k: keys (B, Hkv, N, Dk).
      v: values (B, Hkv, N, Dv).
      w: (Dk, Dq), as the weight of torch.nn.Linear.
      scale: 1 by default.
      The others as in scaled_dot_product.

    Returns and raises as scaled_dot_product does.
    """
    framework, element = _arrays.common(query=q, key=k, value=v, w=w)
    wanted_shape = tuple(a.shape[-1] if len(a.shape) else 0 for a in (k, q))
    if tuple(w.shape) != wanted_shape:
        raise ValueError(
            f"w has shape {tuple(w.shape)}; for these key and query it must be "
            f"{wanted_shape}"
        )
    attention = Attention(
        "attn.general",
        framework,
        element,
        q,
        k,
        v,
        operands=(w,),
        suffix=scale_suffix(scale, element),
        same_head_size=False,
    )
    wanted = Wanted(return_lse, return_weights, return_entropy, return_received, top)
    return attend(attention, mask, score, wanted)


def additive(
    q: Any,
    k: Any,
    v: Any,
    w: Any,
    w_q: Any = None,
    w_k: Any = None,
    mask: Any = None,
    score: Any = None,
    return_lse: bool = False,
    return_weights: bool = False,
    return_entropy: bool = False,
    return_received: bool = False,
    top: int | None = None,
) -> Any:
    """Bahdanau attention: scores are ``w . tanh(w_q q + w_k k)``.

    Args:
      q: queries (B, H, M, Dq), or of lower rank as in scaled_dot_product.
      k: keys (B, Hkv, N, Dk).
      v: values (B, Hkv, N, Dv).
      w: (D,).
      w_q: (D, Dq); without it queries are already projected, Dq = D.
      w_k: (D, Dk); without it keys are already projected, Dk = D.
      mask, score, return_lse and what follows: as in scaled_dot_product.

    Returns and raises as scaled_dot_product does.
    """
    projections = _arrays.given(w_q=w_q, w_k=w_k)
    framework, element = _arrays.common(query=q, key=k, value=v, w=w, **projections)
    if len(w.shape) != 1:
        raise ValueError(f"w has rank {len(w.shape)}; (D,) is accepted")
    clauses = []
    for side, array, name, projection in (
        ("query", q, "w_q", w_q),
        ("key", k, "w_k", w_k),
    ):
        features = array.shape[-1] if len(array.shape) else 0
        _check_projection(side, features, name, projection, w.shape[0])
        if projection is not None:
            shape = tuple(map(str, projection.shape))
            clauses.append((f"project_{side}", Captured(projection, element, shape)))
    attention = Attention(
        "attn.additive",
        framework,
        element,
        q,
        k,
        v,
        operands=(w,),
        clauses=tuple(clauses),
        same_head_size=False,
    )
    wanted = Wanted(return_lse, return_weights, return_entropy, return_received, top)
    return attend(attention, mask, score, wanted)


def _check_projection(side: str, given: int, name: str, projection, size: int) -> None:
    if projection is None:
        if given != size:
            raise ValueError(
                f"{side} has {given} features and w has {size}; without {name} they "
                "must be equal"
            )
    elif tuple(projection.shape) != (size, given):
        raise ValueError(
            f"{name} has shape {tuple(projection.shape)}; it must be ({size}, {given}) "
            f"for a w of {size} and a {side} of {given} features"
        )


def kernel_regression(
    q: Any,
    k: Any,
    v: Any,
    kernel: str | Callable = "gaussian",
    bandwidth: Any = 1.0,
    mask: Any = None,
    score: Any = None,
    return_lse: bool = False,
    return_weights: bool = False,
    return_entropy: bool = False,
    return_received: bool = False,
    top: int | None = None,
) -> Any:
    """Nadaraya-Watson regression: ``sum K(u) v / sum K(u)``, u = |q - k| / bandwidth.

    Args:
      q: queries (B, H, M, D), or of lower rank as in scaled_dot_product.
      k: keys (B, Hkv, N, D).
      v: values (B, Hkv, N, Dv).
      kernel: "gaussian" exp(-u^2/2), "boxcar" (u < 1), "epanechnikov"
        max(0, 1 - u^2), "triangular" max(0, 1 - u), "constant" 1, or a function of u,
        or of (u, b, h, i, j), which returns the weight, or whether it is 1; it is
        compiled as that of attn.score.map is, with the arrays that it captures.
      bandwidth: a number greater than 0, or an array with one per head, (H,).
      mask, return_lse and what follows: as in scaled_dot_product. The lse is the
        logarithm of the sum of K(u).
      score: modifiers of the log weights; for the gaussian kernel alone.

    Returns the output (B, H, M, Dv), and what else is asked for; a query without any
    support has output 0. Raises as scaled_dot_product does.
    """
    framework, element = _arrays.common(query=q, key=k, value=v)
    custom = of_distance(kernel) if callable(kernel) else None
    if custom is None and kernel not in KERNELS:
        raise ValueError(
            f"kernel is {kernel!r}; accepted are {', '.join(KERNELS)} and a function "
            "of u"
        )
    if score is not None and kernel != "gaussian":
        name = "a function" if custom else f"'{kernel}'"
        raise ValueError(f"score is given with kernel {name}; gaussian takes it")
    if custom is not None:
        kernel, score = "custom", custom
    attention = Attention(
        f"attn.kernel_regression {kernel}",
        framework,
        element,
        q,
        k,
        v,
        clauses=(("bandwidth", _bandwidth(bandwidth, q)),),
    )
    wanted = Wanted(return_lse, return_weights, return_entropy, return_received, top)
    return attend(attention, mask, score, wanted)


def _bandwidth(bandwidth: Any, query: Any) -> Captured:
    if _arrays.framework(bandwidth) is None and not isinstance(
        bandwidth, (list, tuple)
    ):
        return Captured(number(bandwidth, "bandwidth"), "acc")
    captured = _forms.floats(bandwidth, "bandwidth", (0, 1))
    if not captured.shape:
        return Captured(number(float(bandwidth), "bandwidth"), "acc")
    heads = query.shape[-3] if len(query.shape) > 3 else 1
    if captured.value.shape[0] != heads:
        raise ValueError(
            f"bandwidth has {captured.value.shape[0]} entries; there must be one per "
            f"head, {heads}"
        )
    if not bool((captured.value > 0).all()):
        raise ValueError("bandwidth has an entry that is not greater than 0")
    return captured._replace(element="acc")
