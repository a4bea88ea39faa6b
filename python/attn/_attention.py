# ===- _attention.py - what all forms of attention share --------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks the arguments of an attention function, writes it and runs it."""

from __future__ import annotations

import math
from typing import Any, Hashable, NamedTuple

from ._arrays import Framework
from ._execute import accumulator, compiled, is_debugging, keep_gradient_visible, run
from ._forms import Captured, FunctionText, Sizes, SizesWithoutHeads
from ._variables import captured_names, in_user_terms
from .mask import as_mask
from .score import as_scores

#: The most weights of a row that `top` gives.
MAX_TOP = 64


class Wanted(NamedTuple):
    """The results that are asked for beside the output."""

    lse: bool = False
    weights: bool = False
    entropy: bool = False
    received: bool = False
    top: int | None = None

    def check(self) -> Wanted:
        """These, or TypeError or ValueError where `top` is no count."""
        if self.top is None:
            return self
        if isinstance(self.top, bool) or not hasattr(self.top, "__index__"):
            found = type(self.top).__name__
            raise TypeError(f"top is a {found}; an integer or None is accepted")
        if not 1 <= self.top <= MAX_TOP:
            raise ValueError(f"top is {self.top}; 1 to {MAX_TOP} is accepted")
        return self._replace(top=int(self.top))

    def shapes(self, lead: tuple, keys: Any, element: str, acc: str) -> list:
        """Keyword, shape and element type of each result, in order; `lead` are the
        sizes (..., M), `keys` is N. Results of one keyword follow each other."""
        top = (*lead, self.top)
        results = (
            (self.lse, "lse", lead, acc),
            (self.weights, "weights", (*lead, keys), element),
            (self.entropy, "entropy", lead, acc),
            (self.received, "received", (*lead[:-1], keys), acc),
            (self.top, "top", top, element),
            (self.top, "top", top, "i64"),
        )
        return [tuple(result[1:]) for result in results if result[0]]


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
    #: The same, of clauses that come after mask and score.
    last_clauses: tuple[tuple[str, Captured], ...] = ()
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
    kind = Sizes if len(q) > 3 else SizesWithoutHeads
    return kind(math.prod(batch), heads, q[-2], k[-2])


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


#: The largest finite number of float32.
_LARGEST = (2 - 2**-23) * 2.0**127


def scale_suffix(scale: float | None, element: str) -> str:
    """The clause of an explicit scale, for arrays of `element`."""
    if scale is None:
        return ""
    found = type(scale).__name__
    try:
        # float() would take text too.
        scale = None if isinstance(scale, (str, bytes, bool)) else float(scale)
    except (TypeError, ValueError):
        scale = None
    if scale is None:
        raise TypeError(f"scale is a {found}; a number or None is accepted")
    largest = math.inf if element == "f64" else _LARGEST
    if not math.isfinite(scale) or abs(scale) > largest:
        raise ValueError(
            f"scale is {scale}; it must be finite in {accumulator(element)}"
        )
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
    wanted: Wanted = Wanted(),
) -> Any:
    """Runs an attention operation: the output and what else is wanted, in the order
    of `Wanted`; a single result comes alone."""
    wanted = wanted.check()
    if len(attention.query.shape) > 4:
        return _attend_batches(attention, mask, score, wanted)
    mask, scores = as_mask(mask), as_scores(score)
    modifiers = scores if mask is None else (mask, *scores)
    acc = accumulator(attention.element)
    inputs = [attention.query, attention.key, attention.value, *attention.operands]
    structure = (
        attention.framework.target,
        attention.op,
        attention.suffix,
        attention.element,
        tuple(
            (keyword, c.type(acc))
            for keyword, c in (*attention.clauses, *attention.last_clauses)
        ),
        None if mask is None else mask._structure(acc),
        tuple(s._structure(acc) for s in scores),
        wanted,
    )
    key = (structure, is_debugging(), *(a.shape for a in inputs))
    call = _calls.get(key)
    sizes = check_shapes(attention) if call is None else call.sizes
    for modifier in modifiers:
        modifier._form.check(sizes)
    if call is None:
        call = _prepare(key, attention, sizes, mask, scores, wanted)
    inputs += [c.current(acc) for _, c in attention.clauses]
    for modifier in modifiers:
        inputs += modifier._values(acc)
    inputs += [c.current(acc) for _, c in attention.last_clauses]
    try:
        results = run(attention.framework, call.function, inputs, call.outputs)
    except ValueError as error:
        names = _argument_names(attention, modifiers)
        op = attention.op.partition(" ")[0]
        raise ValueError(in_user_terms(str(error), op, names)) from None
    results = keep_gradient_visible(attention.framework, results, inputs)
    return results[0] if len(results) == 1 else tuple(results)


def _argument_names(attention: Attention, modifiers: tuple) -> list[str]:
    """What a user calls the arguments of the compiled function, in their order."""
    names = ["q", "k", "v", *("w" for _ in attention.operands)]
    names += [keyword for keyword, _ in attention.clauses]
    names += captured_names(modifiers)
    return names + [keyword for keyword, _ in attention.last_clauses]


def _prepare(
    key: tuple,
    attention: Attention,
    sizes: Sizes,
    mask: Any,
    scores: tuple,
    wanted: Wanted,
) -> _Call:
    """Compiles the function of a call unless one of its structure and static sizes
    was."""
    acc = accumulator(attention.element)
    arrays = (attention.query, attention.key, attention.value)
    static_sizes = (
        _few_queries(attention),
        _group(attention),
        *(_static_sizes(a) for a in arrays),
        *(tuple(a.shape) for a in attention.operands),
    )

    def write(function: FunctionText):
        return _write(attention, mask, scores, wanted, function)

    lead = tuple(attention.query.shape[:-1])
    outputs = [((*lead, attention.value.shape[-1]), attention.element)]
    further = wanted.shapes(lead, sizes.keys, attention.element, acc)
    outputs += [(shape, element) for _, shape, element in further]
    if len(_calls) >= _MAX_CALLS:
        _calls.clear()
    call = _Call(
        compiled(attention.framework, (key[0], static_sizes), acc, write),
        sizes,
        outputs,
    )
    _calls[key] = call
    return call


def _attend_batches(attention: Attention, mask: Any, score: Any, wanted: Wanted) -> Any:
    """Attention over several batch dimensions, joined into one."""
    sizes = check_shapes(attention)
    batch = tuple(attention.query.shape[:-3])
    mask, *scores = (
        None if m is None else joined(m, batch, sizes)
        for m in (as_mask(mask), *as_scores(score))
    )
    results = attend(_with_one_batch(attention), mask, scores, wanted)
    if not isinstance(results, tuple):
        return results.reshape(*batch, *results.shape[1:])
    return tuple(r.reshape(*batch, *r.shape[1:]) for r in results)


def joined(modifier: Any, batch: tuple[int, ...], sizes: Sizes) -> Any:
    """A mask or score modifier for a call whose batch dimensions are made one, which
    gives `sizes`; ValueError where it does not fit."""
    joined = modifier._joined(batch)
    try:
        joined._form.check(sizes)
    except ValueError as error:
        raise ValueError(
            f"{error}; the call's batch dimensions are {batch}, which an array has as "
            "they are or joined into one"
        ) from None
    return joined


def _with_one_batch(attention: Attention) -> Attention:
    """Leading batch dimensions joined."""
    names = ("query", "key", "value")
    arrays = (getattr(attention, name) for name in names)
    joined = (a.reshape(math.prod(a.shape[:-3]), *a.shape[-3:]) for a in arrays)
    return attention._replace(**dict(zip(names, joined)))


def dynamic(array: Any, element: str) -> str:
    """The type of an array of which only the last dimension is static."""
    return f"tensor<{'?x' * (len(array.shape) - 1)}{array.shape[-1]}x{element}>"


def _rows(array: Any) -> tuple:
    """The dimensions of an array before the last."""
    return ("?",) * (len(array.shape) - 1)


def _group(attention: Attention) -> int | None:
    """Query heads per key/value head, which plans rest on; None without heads."""
    query, key = attention.query.shape, attention.key.shape
    return query[1] // key[1] if len(query) == 4 and key[1] else None


def few(length: int) -> int | str:
    """The length of queries that are to be projected where it is small, else "?": a
    product of few rows packs no weights."""
    return length if 1 <= length <= 16 else "?"


def _few_queries(attention: Attention) -> int | str:
    """The number of queries where it is small against many keys, or where they are
    projected, else "?". A function for that number alone is planned for it; one for
    any number of queries has plans for one query and for many."""
    queries, keys = attention.query.shape[-2], attention.key.shape[-2]
    clauses = [keyword for keyword, _ in attention.clauses]
    if attention.op == "attn.general" or "project_query" in clauses:
        return few(queries)
    return few(queries) if queries > 1 and keys >= 1024 else "?"


def _tensor(shape: tuple, element: str) -> str:
    return f"tensor<{'x'.join((*map(str, shape), element))}>"


def static(array: Any, element: str) -> str:
    """The type of an array with static dimensions."""
    return _tensor(tuple(array.shape), element)


def _static_sizes(array: Any) -> tuple[int, ...]:
    """What a compiled function knows of the shape: rank, head size."""
    return len(array.shape), array.shape[-1]


def _write(
    attention: Attention,
    mask: Any,
    scores: tuple,
    wanted: Wanted,
    function: FunctionText,
) -> tuple[list[str], list[str]]:
    element, acc = attention.element, function.acc
    arrays = (attention.key, attention.value)
    lead = (*_rows(attention.query)[:-1], _few_queries(attention))
    types = [_tensor((*lead, attention.query.shape[-1]), element)]
    types += [_tensor((*_rows(a), a.shape[-1]), element) for a in arrays]
    types += [static(a, element) for a in attention.operands]
    text = f"{attention.op} {', '.join(map(function.argument, types))}"
    text += _clauses(attention.clauses, function)
    if mask is not None:
        text += f" mask({mask._form.emit(function)})"
    if scores:
        text += f" score({', '.join(s._form.emit(function) for s in scores)})"
    text += _clauses(attention.last_clauses, function)
    results = [_tensor((*lead, attention.value.shape[-1]), element)]
    group = _group(attention)
    stated = "" if group is None else f" {{attn.group = {group} : index}}"
    text += f"{attention.suffix}{stated} : {', '.join(types)} -> {results[0]}"
    further: dict[str, list[str]] = {}
    for keyword, shape, kind in wanted.shapes(lead, "?", element, acc):
        results.append(_tensor(shape, kind))
        further.setdefault(keyword, []).append(results[-1])
    text += "".join(f" {k}({', '.join(kinds)})" for k, kinds in further.items())
    return function.values(len(results), text), results


def _clauses(clauses: tuple[tuple[str, Captured], ...], function: FunctionText) -> str:
    text = ""
    for keyword, captured in clauses:
        type = captured.type(function.acc)
        text += f" {keyword}({function.argument(type)} : {type})"
    return text
