# ===- _layers.py - multi-head attention and what goes with it ----------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Multi-head attention, masked softmax and the merging of results."""

from __future__ import annotations

import math
from typing import Any, Sequence

from . import _arrays, _forms
from ._attention import dynamic, few, joined, scale_suffix, static
from ._execute import accumulator, execute, keep_gradient_visible
from ._forms import FunctionText, Sizes, SizesWithoutHeads
from ._variables import captured_names, in_user_terms
from .mask import as_mask, padding
from .score import as_scores, count


def multi_head(
    query: Any,
    key: Any,
    value: Any,
    w_q: Any,
    w_k: Any = None,
    w_v: Any = None,
    w_o: Any = None,
    *,
    num_heads: int,
    num_kv_heads: int | None = None,
    b_q: Any = None,
    b_k: Any = None,
    b_v: Any = None,
    b_o: Any = None,
    mask: Any = None,
    return_weights: bool = False,
    score: Any = None,
    scale: float | None = None,
) -> Any:
    """Multi-head attention with its projections.

    Args:
      query: (B, M, E).
      key, value: (B, N, E'), the query itself for self-attention.
      w_q, w_k, w_v, w_o: projections (out, in), as the weight of torch.nn.Linear.
        With w_k and w_v None, w_q holds the rows of all three in this order, as
        in_proj_weight of torch.nn.MultiheadAttention does, and b_q their biases.
      num_heads: heads into which the output of w_q is split evenly.
      num_kv_heads: heads of w_k and w_v; num_heads by default.
      b_q, b_k, b_v, b_o: biases (out,), or None.
      mask, score, scale: as in scaled_dot_product.
      return_weights: whether to return the weights of each head, (B, H, M, N).

    Returns:
      The output (B, M, out of w_o), or (output, weights).

    Raises:
      TypeError, ValueError: as scaled_dot_product does, naming the argument.
    """
    tensors = dict(query=query, key=key, value=value)
    heads = count(num_heads, "num_heads")
    kv_heads = heads if num_kv_heads is None else count(num_kv_heads, "num_kv_heads")
    weights = _arrays.given(w_q=w_q, w_k=w_k, w_v=w_v, w_o=w_o)
    biases = _arrays.given(b_q=b_q, b_k=b_k, b_v=b_v, b_o=b_o)
    framework, element = _arrays.common(**tensors, **weights, **biases)
    if w_k is None and w_v is None:
        _unpack(weights, biases, heads, kv_heads)
    for name in _WEIGHTS:
        if name not in weights:
            raise TypeError(f"{name} is None; w_k and w_v alone may be, together")
    weights = {name: weights[name] for name in _WEIGHTS}
    biases = {name: biases[name] for name in _BIAS_CLAUSES if name in biases}
    if heads % kv_heads:
        raise ValueError(
            f"num_heads is {heads}; it must be a multiple of num_kv_heads, {kv_heads}"
        )
    _check_inputs(tensors)
    _check_projections(tensors, weights, biases, heads, kv_heads)
    mask, scores = as_mask(mask), as_scores(score)
    modifiers = scores if mask is None else (mask, *scores)
    suffix = scale_suffix(scale, element)
    sizes = Sizes(query.shape[0], heads, query.shape[1], key.shape[1])
    acc = accumulator(element)
    for modifier in modifiers:
        modifier._form.check(sizes)

    cache_key = (
        "multi_head",
        element,
        heads,
        kv_heads,
        *(a.shape[-1] for a in tensors.values()),
        few(sizes.queries),
        *(tuple(w.shape) for w in weights.values()),
        tuple(biases),
        None if mask is None else mask._structure(acc),
        tuple(s._structure(acc) for s in scores),
        suffix,
        return_weights,
    )
    outputs = [((sizes.batch, sizes.queries, w_o.shape[0]), element)]
    if return_weights:
        outputs.append((tuple(sizes), element))

    def write(function: FunctionText):
        rows = few(sizes.queries)
        query_type = f"tensor<?x{rows}x{query.shape[-1]}x{element}>"
        others = [dynamic(a, element) for a in (key, value)]
        types = [query_type, *others, *(static(w, element) for w in weights.values())]
        names = [function.argument(t) for t in types]
        text = f"attn.multi_head {', '.join(names[:3])} weights("
        text += f"{', '.join(names[3:])} : {', '.join(types[3:])})"
        for name, bias in biases.items():
            type = static(bias, element)
            clause = _BIAS_CLAUSES[name]
            text += f" bias_{clause}({function.argument(type)} : {type})"
        text += f" heads = {heads} kv_heads = {kv_heads}"
        if mask is not None:
            text += f" mask({mask._form.emit(function)})"
        if scores:
            text += f" score({', '.join(s._form.emit(function) for s in scores)})"
        text += suffix
        results = [f"tensor<?x{rows}x{w_o.shape[0]}x{element}>"]
        text += f" : {', '.join(types[:3])} -> {results[0]}"
        if return_weights:
            results.append(f"tensor<?x{heads}x{rows}x?x{element}>")
            text += f" weights({results[1]})"
        return function.values(len(results), text), results

    inputs = [*tensors.values(), *weights.values(), *biases.values()]
    values = inputs + [v for modifier in modifiers for v in modifier._values(acc)]
    try:
        results = execute(framework, cache_key, acc, write, values, outputs)
    except ValueError as error:
        names = [*tensors, *weights, *biases, *captured_names(modifiers)]
        message = in_user_terms(str(error), "attn.multi_head", names)
        raise ValueError(message) from None
    results = keep_gradient_visible(framework, results, inputs)
    return tuple(results) if return_weights else results[0]


_WEIGHTS = ("w_q", "w_k", "w_v", "w_o")
_BIAS_CLAUSES = {"b_q": "query", "b_k": "key", "b_v": "value", "b_o": "output"}


def _unpack(
    weights: dict[str, Any], biases: dict[str, Any], heads: int, kv_heads: int
) -> None:
    """Makes the rows of query, key and value of those that w_q and b_q hold
    together."""
    for name in ("b_k", "b_v"):
        if name in biases:
            raise ValueError(f"{name} is given without w_k; b_q holds all biases then")
    all_heads = heads + 2 * kv_heads
    for kind, arrays in (("w", weights), ("b", biases)):
        packed = arrays.get(f"{kind}_q")
        if packed is None:
            continue
        rows = packed.shape[0] if len(packed.shape) else 0
        if not packed.shape or rows % all_heads:
            raise ValueError(
                f"{kind}_q has {rows} rows for query, key and value together, which do "
                f"not split into {all_heads} heads"
            )
        size = rows // all_heads
        arrays[f"{kind}_q"] = packed[: heads * size]
        arrays[f"{kind}_k"] = packed[heads * size : (heads + kv_heads) * size]
        arrays[f"{kind}_v"] = packed[(heads + kv_heads) * size :]


def _check_inputs(tensors: dict[str, Any]) -> None:
    for name, array in tensors.items():
        if len(array.shape) != 3:
            raise ValueError(
                f"{name} has rank {len(array.shape)}; (batch, length, features) is "
                "accepted"
            )
        if array.shape[0] != tensors["query"].shape[0]:
            raise ValueError(
                f"{name} has batch size {array.shape[0]}, query has "
                f"{tensors['query'].shape[0]}; they must be equal"
            )
    if tensors["key"].shape[1] != tensors["value"].shape[1]:
        raise ValueError(
            f"value has length {tensors['value'].shape[1]}, key has "
            f"{tensors['key'].shape[1]}; they must be equal"
        )


def _check_projections(
    tensors: dict, weights: dict, biases: dict, heads: int, kv_heads: int
) -> None:
    for name, weight in weights.items():
        if len(weight.shape) != 2:
            raise ValueError(
                f"{name} has rank {len(weight.shape)}; (out, in) is accepted"
            )
    for name, parts in (("w_q", heads), ("w_k", kv_heads), ("w_v", kv_heads)):
        out = weights[name].shape[0]
        if out % parts:
            raise ValueError(
                f"{name} gives {out} features, which do not split into {parts} heads"
            )
    size = weights["w_q"].shape[0] // heads
    if weights["w_k"].shape[0] != size * kv_heads:
        raise ValueError(
            f"w_k gives {weights['w_k'].shape[0]} features; {kv_heads} heads of the "
            f"head size of w_q, {size}, need {size * kv_heads}"
        )
    taken = dict(zip(weights, (a.shape[-1] for a in tensors.values())))
    taken["w_o"] = weights["w_v"].shape[0] // kv_heads * heads
    for name, features in taken.items():
        if weights[name].shape[1] != features:
            raise ValueError(
                f"{name} takes {weights[name].shape[1]} features and is given {features}"
            )
    for name, bias in biases.items():
        features = weights[name.replace("b_", "w_")].shape[0]
        if tuple(bias.shape) != (features,):
            raise ValueError(
                f"{name} has shape {tuple(bias.shape)}; it must be ({features},)"
            )


def bmm(a: Any, b: Any) -> Any:
    """The batch matrix product: ``a[n] @ b[n]`` for each n.

    Args:
      a: (B, M, K).
      b: (B, K, N).

    Returns an array (B, M, N) like them; sums are float32 (float64 for float64).
    """
    framework, element = _arrays.common(a=a, b=b)
    for name, array in (("a", a), ("b", b)):
        if len(array.shape) != 3:
            raise ValueError(f"{name} has rank {len(array.shape)}; 3 is accepted")
    if a.shape[0] != b.shape[0]:
        raise ValueError(
            f"b has batch size {b.shape[0]}, a has {a.shape[0]}; they must be equal"
        )
    if a.shape[2] != b.shape[1]:
        raise ValueError(
            f"b has {b.shape[1]} rows, a has {a.shape[2]} columns; they must be equal"
        )
    acc = accumulator(element)
    inner, columns = map(_known, b.shape[1:])
    types = (f"tensor<?x?x{inner}x{element}>", f"tensor<?x{inner}x{columns}x{element}>")
    sums, result = (f"tensor<?x?x{columns}x{t}>" for t in (acc, element))

    def write(function: FunctionText):
        left, right = map(function.argument, types)
        sizes = []
        for dim in range(3 if columns == "?" else 2):
            index = function.value(f"arith.constant {dim} : index")
            source, type = (right, types[1]) if dim == 2 else (left, types[0])
            sizes.append(function.value(f"tensor.dim {source}, {index} : {type}"))
        zero = function.value(f"arith.constant 0.0 : {acc}")
        empty = function.value(f"tensor.empty({', '.join(sizes)}) : {sums}")
        init = function.value(
            f"linalg.fill ins({zero} : {acc}) outs({empty} : {sums}) -> {sums}"
        )
        product = function.value(
            f"linalg.batch_matmul ins({left}, {right} : {', '.join(types)}) "
            f"outs({init} : {sums}) -> {sums}"
        )
        if acc != element:
            product = function.value(f"arith.truncf {product} : {sums} to {result}")
        return [product], [result]

    outputs = [((*a.shape[:2], b.shape[2]), element)]
    results = execute(framework, ("bmm", types), acc, write, [a, b], outputs)
    return keep_gradient_visible(framework, results, [a, b])[0]


def _known(size: int) -> int | str:
    """A size for which a product is compiled, so that its tiles fit; larger ones, of
    many tiles, share a function."""
    return size if size <= 256 else "?"


def masked_softmax(scores: Any, mask: Any = None, lengths: Any = None) -> Any:
    """Softmax over the last dimension, under a mask.

    Args:
      scores: (M, N), (B, M, N), (B, H, M, N), or with more batch dimensions.
      mask: as in scaled_dot_product.
      lengths: how many entries of each row count, (B,) or (B, M), for scores (M, N)
        also (M,): short for ``mask=attn.mask.padding(lengths)``.

    Returns:
      An array like scores. A row that keeps nothing is 0.
    """
    framework, element = _arrays.common(scores=scores)
    shape = tuple(scores.shape)
    if len(shape) < 2:
        raise ValueError(f"scores has rank {len(shape)}; at least (M, N) is accepted")
    mask = as_mask(mask)
    if lengths is not None:
        lengths = _forms.array(lengths, "lengths")
        if len(shape) == 2 and tuple(lengths.shape) == shape[:1]:
            lengths = lengths[None]  # one per row of the only batch
        valid = padding(lengths)
        mask = valid if mask is None else mask & valid
    heads = shape[-3] if len(shape) > 3 else 1
    batch = shape[:-3] if len(shape) > 3 else shape[:-2]
    acc = accumulator(element)
    if mask is not None:
        kind = Sizes if len(shape) > 3 else SizesWithoutHeads
        sizes = kind(math.prod(batch), heads, *shape[-2:])
        if len(shape) > 4:
            mask = joined(mask, batch, sizes)
        else:
            mask._form.check(sizes)
    rank = min(len(shape), 4)
    given = scores.reshape(math.prod(batch), *shape[-3:]) if len(shape) > 4 else scores
    type = f"tensor<{'?x' * rank}{element}>"

    def write(function: FunctionText):
        text = f"attn.masked_softmax {function.argument(type)}"
        if mask is not None:
            text += f" mask({mask._form.emit(function)})"
        return function.values(1, f"{text} : {type} -> {type}"), [type]

    key = ("masked_softmax", type, None if mask is None else mask._structure(acc))
    inputs = [given] if mask is None else [given, *mask._values(acc)]
    outputs = [(tuple(given.shape), element)]
    results = execute(framework, key, acc, write, inputs, outputs)
    return keep_gradient_visible(framework, results, [scores])[0].reshape(shape)


def merge(parts: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Attention over the union of disjoint ranges of keys, from that over each.

    Args:
      parts: pairs (output (..., M, Dv), lse (..., M)) as ``scaled_dot_product(...,
        return_lse=True)`` gives them.

    Returns:
      (output, lse) of the union. A part whose lse is -inf counts nothing.
    """
    try:
        parts = [(output, lse) for output, lse in parts]
    except (TypeError, ValueError):
        raise TypeError("parts is not a list of pairs (output, lse)") from None
    if not parts:
        raise ValueError("parts is empty; at least one (output, lse) is needed")
    outs = {f"output {i}": part[0] for i, part in enumerate(parts)}
    lses = {f"lse {i}": part[1] for i, part in enumerate(parts)}
    framework, element = _arrays.common(**outs)
    other, lse_element = _arrays.common(**lses)
    acc = accumulator(element)
    if other is not framework or lse_element != acc:
        raise TypeError(
            f"lse 0 is {lse_element} of {other.name}; for outputs of {element} it must "
            f"be {acc} of {framework.name}"
        )
    shape = tuple(parts[0][0].shape)
    if len(shape) < 2:
        raise ValueError(f"output 0 has shape {shape}; (..., M, Dv) is accepted")
    for names, wanted in ((outs, shape), (lses, shape[:-1])):
        for name, array in names.items():
            if tuple(array.shape) != wanted:
                raise ValueError(
                    f"{name} has shape {tuple(array.shape)}; it must be {wanted}"
                )
    types = (dynamic(parts[0][0], element), f"tensor<{'?x' * (len(shape) - 1)}{acc}>")

    def write(function: FunctionText):
        outputs = [function.argument(types[0]) for _ in parts]
        sums = [function.argument(types[1]) for _ in parts]
        text = f"attn.merge {', '.join(outputs)} lse({', '.join(sums)})"
        return function.values(2, f"{text} : {', '.join(types)}"), list(types)

    key = ("merge", types, len(parts))
    inputs = [*outs.values(), *lses.values()]
    outputs = [(shape, element), (shape[:-1], acc)]
    results = execute(framework, key, acc, write, inputs, outputs)
    return tuple(keep_gradient_visible(framework, results, inputs))
