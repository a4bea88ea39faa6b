# ===- _attention.py - what all forms of attention share --------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks the arguments of an attention function, writes it and runs it."""

from __future__ import annotations

import math
from typing import Any, Hashable, NamedTuple

from ._arrays import Framework
from ._execute import accumulator, compiled, keep_gradient_visible, run
from ._forms import Captured, FunctionText, Sizes
from .mask import as_mask
from .score import as_scores


class Attention(NamedTuple):
    """An attention operation before mask and score are added to it."""

    op: str
    framework: Framework
    element: str
    query: Any
    key: Any
    value: Any
    #: Operands after query, key and value: static arrays.
    operands: tuple[Any, ...] = ()
    #: Keyword and what stands in its parentheses.
    clauses: tuple[tuple[str, Captured], ...] = ()
    suffix: str = ""
    #: Whether query and key have one head size.
    same_head_size: bool = True


def check_shapes(attention: Attention) -> Sizes:
    """The sizes of a call whose shapes fit together, else ValueError."""
    q, k, v = (
        tuple(a.shape) for a in (attention.query, attention.key, attention.value)
    )
    if len(q) < 2:
        raise ValueError(
            f"query has rank {len(q)}; (M, D), (B, M, D) or (B, H, M, D) is accepted"
        )
    for name, shape in (("key", k), ("value", v)):
        if len(shape) != len(q):
            raise ValueError(
                f"{name} has rank {len(shape)}, query has rank {len(q)}; they must be "
                "equal"
            )
    for name, shape in (("query", q), ("key", k), ("value", v)):
        if shape[-1] == 0:
            raise ValueError(f"{name} has head size 0; it must be at least 1")
    if attention.same_head_size and q[-1] != k[-1]:
        raise ValueError(
            f"key has head size {k[-1]}, query has {q[-1]}; they must be equal"
        )
    if k[-2] != v[-2]:
        raise ValueError(f"value has length {v[-2]}, key has {k[-2]}; must be equal")
    batch = q[:-3] if len(q) > 3 else q[:-2]
    for name, shape in (("key", k), ("value", v)):
        if shape[: len(batch)] != batch:
            raise ValueError(
                f"{name} has batch size {shape[: len(batch)]}, query has {batch}; they "
                "must be equal"
            )
    heads = q[-3] if len(q) > 3 else 1
    if len(q) > 3:
        _check_heads(heads, k[-3], v[-3])
    return Sizes(math.prod(batch), heads, q[-2], k[-2])


def _check_heads(heads: int, key_heads: int, value_heads: int) -> None:
    if key_heads != value_heads:
        raise ValueError(
            f"value has {value_heads} heads, key has {key_heads}; they must be equal"
        )
    if key_heads == 0 and heads != 0 or key_heads and heads % key_heads:
        raise ValueError(
            f"query has {heads} heads, key has {key_heads}; query heads must be a "
            "multiple of key heads"
        )


def scale_suffix(scale: float | None) -> str:
    """The clause of an explicit scale."""
    if scale is None:
        return ""
    try:
        scale = float(scale)
    except (TypeError, ValueError):
        found = type(scale).__name__
        raise TypeError(f"scale is a {found}; a number or None is accepted") from None
    if not math.isfinite(scale):
        raise ValueError(f"scale is {scale}; it must be finite")
    return f" scale = {scale:.17e}"


class _Call(NamedTuple):
    """What calls of equal shapes and structure share."""

    function: Any
    sizes: Sizes
    #: Shape and element type of each result.
    outputs: list[tuple[tuple[int, ...], str]]


_MAX_CALLS = 4096
_calls: dict[Hashable, _Call] = {}


def attend(
    attention: Attention,
    mask: Any,
    score: Any,
    return_lse: bool = False,
    return_weights: bool = False,
) -> Any:
    """Runs an attention operation: (output, lse, weights), those that are asked for;
    a single result comes alone."""
    if len(attention.query.shape) > 4:
        return _attend_batches(attention, mask, score, return_lse, return_weights)
    mask, scores = as_mask(mask), as_scores(score)
    modifiers = scores if mask is None else (mask, *scores)
    acc = accumulator(attention.element)
    inputs = [attention.query, attention.key, attention.value, *attention.operands]
    structure = (
        attention.op,
        attention.suffix,
        attention.element,
        tuple((keyword, c.type(acc)) for keyword, c in attention.clauses),
        None if mask is None else mask._structure(acc),
        tuple(s._structure(acc) for s in scores),
        return_lse,
        return_weights,
    )
    key = (structure, *(a.shape for a in inputs))
    call = _calls.get(key)
    sizes = check_shapes(attention) if call is None else call.sizes
    for modifier in modifiers:
        modifier._form.check(sizes)
    if call is None:
        call = _prepare(key, attention, sizes, mask, scores, return_lse, return_weights)
    inputs += [c.current(acc) for _, c in attention.clauses]
    for modifier in modifiers:
        inputs += modifier._values(acc)
    results = run(attention.framework, call.function, inputs, call.outputs)
    results = keep_gradient_visible(attention.framework, results, inputs)
    return results[0] if len(results) == 1 else tuple(results)


def _prepare(
    key: tuple,
    attention: Attention,
    sizes: Sizes,
    mask: Any,
    scores: tuple,
    return_lse: bool,
    return_weights: bool,
) -> _Call:
    """Compiles the function of a call unless one of its structure and static sizes
    was."""
    acc = accumulator(attention.element)
    arrays = (attention.query, attention.key, attention.value)
    static_sizes = (
        *(_static_sizes(a) for a in arrays),
        *(tuple(a.shape) for a in attention.operands),
    )

    def write(function: FunctionText):
        return _write(attention, mask, scores, return_lse, return_weights, function)

    lead = tuple(attention.query.shape[:-1])
    outputs = [((*lead, attention.value.shape[-1]), attention.element)]
    if return_lse:
        outputs.append((lead, acc))
    if return_weights:
        outputs.append(((*lead, sizes.keys), attention.element))
    if len(_calls) >= _MAX_CALLS:
        _calls.clear()
    call = _Call(compiled((key[0], static_sizes), acc, write), sizes, outputs)
    _calls[key] = call
    return call


def _attend_batches(attention: Attention, *options: Any) -> Any:
    """Attention over several batch dimensions, joined into one."""
    check_shapes(attention)
    batch = attention.query.shape[:-3]
    results = attend(_with_one_batch(attention), *options)
    if not isinstance(results, tuple):
        return results.reshape(*batch, *results.shape[1:])
    return tuple(r.reshape(*batch, *r.shape[1:]) for r in results)


def _with_one_batch(attention: Attention) -> Attention:
    """Leading batch dimensions joined."""
    names = ("query", "key", "value")
    arrays = (getattr(attention, name) for name in names)
    joined = (a.reshape(math.prod(a.shape[:-3]), *a.shape[-3:]) for a in arrays)
    return attention._replace(**dict(zip(names, joined)))


def dynamic(array: Any, element: str) -> str:
    """The type of an array of which only the last dimension is static."""
    return f"tensor<{'?x' * (len(array.shape) - 1)}{array.shape[-1]}x{element}>"


def _rows(array: Any) -> str:
    """The dimensions of an array before the last: heads are static, so that the
    division into groups is known, batch and length are not."""
    rank = len(array.shape)
    return f"?x{array.shape[1]}x?x" if rank == 4 else "?x" * (rank - 1)


def static(array: Any, element: str) -> str:
    """The type of an array with static dimensions."""
    return f"tensor<{'x'.join((*map(str, array.shape), element))}>"


def _static_sizes(array: Any) -> tuple[int, ...]:
    """What a compiled function knows of the shape: rank, heads, head size."""
    shape = array.shape
    return (4, shape[1], shape[3]) if len(shape) == 4 else (len(shape), shape[-1])


def _write(
    attention: Attention,
    mask: Any,
    scores: tuple,
    return_lse: bool,
    return_weights: bool,
    function: FunctionText,
) -> tuple[list[str], list[str]]:
    element, acc = attention.element, function.acc
    arrays = (attention.query, attention.key, attention.value)
    types = [f"tensor<{_rows(a)}{a.shape[-1]}x{element}>" for a in arrays]
    types += [static(a, element) for a in attention.operands]
    text = f"{attention.op} {', '.join(map(function.argument, types))}"
    for keyword, captured in attention.clauses:
        type = captured.type(acc)
        text += f" {keyword}({function.argument(type)} : {type})"
    if mask is not None:
        text += f" mask({mask._form.emit(function)})"
    if scores:
        text += f" score({', '.join(s._form.emit(function) for s in scores)})"
    lead = _rows(attention.query)
    results = [f"tensor<{lead}{attention.value.shape[-1]}x{element}>"]
    text += f"{attention.suffix} : {', '.join(types)} -> {results[0]}"
    if return_lse:
        results.append(f"tensor<{lead}{acc}>")
        text += f" lse({results[-1]})"
    if return_weights:
        results.append(f"tensor<{lead}?x{element}>")
        text += f" weights({results[-1]})"
    return function.values(len(results), text), results
