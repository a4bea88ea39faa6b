# ===- _assume.py - facts about captured arrays ------------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the user states of arrays that masks and score modifiers capture."""

from __future__ import annotations

import weakref
from typing import Any

from . import _arrays

#: By the identity of an array: a reference to it, and the facts as attn.assume
#: writes them.
_stated: dict[int, tuple[weakref.ref, str]] = {}


def assume(
    array: Any,
    *,
    ascending: bool = False,
    at_least: int | None = None,
    at_most: int | None = None,
) -> Any:
    """States facts about an array of integers and returns it.

    Masks that capture the array, in attn.mask or in a function, are compiled to rely
    on them; they are to hold at every call. `Compiled.explain` and ``attnc explain``
    say what they buy. With ``attn.debug_checks(True)`` a call to which one does not
    apply raises ValueError; without, pairs may be kept or dropped wrongly.

    Args:
      ascending: no element is less than the one before it in the last dimension.
      at_least, at_most: bounds of all elements.

    Raises TypeError or ValueError for facts that no array of the type can have.
    """
    _arrays.require(array, "array of assume")
    found = str(array.dtype).removeprefix("torch.")
    if not found.startswith(("int", "uint")):
        raise TypeError(f"array of assume has type {found}; integers are accepted")
    if ascending and not array.shape:
        raise ValueError("array of assume has rank 0; one that ascends has rank >= 1")
    facts = ["ascending"] if ascending else []
    for name, bound in (("at_least", at_least), ("at_most", at_most)):
        if bound is None:
            continue
        if isinstance(bound, bool) or not isinstance(bound, int):
            raise TypeError(f"{name} is a {type(bound).__name__}; an int is accepted")
        if not _least(found) <= bound <= _most(found):
            raise ValueError(f"{name} is {bound}, which is no value of {found}")
        facts.append(f"{name} = {bound}")
    if not facts:
        raise ValueError("assume states nothing; it takes ascending, at_least, at_most")
    if at_least is not None and at_most is not None and at_least > at_most:
        raise ValueError(f"at_least is {at_least} and at_most {at_most}: none between")
    key = id(array)
    forget = weakref.ref(array, lambda _: _stated.pop(key, None))
    _stated[key] = forget, " ".join(facts)
    return array


def _most(dtype: str) -> int:
    """The largest integer of a type that is also one of int64."""
    bits = int(dtype.lstrip("uint"))
    return 2 ** min(63, bits - (not dtype.startswith("u"))) - 1


def _least(dtype: str) -> int:
    return 0 if dtype.startswith("u") else -_most(dtype) - 1


def facts(array: Any) -> str:
    """What is stated of an array, as attn.assume writes it; "" for nothing."""
    reference, text = _stated.get(id(array), (None, ""))
    return text if reference is not None and reference() is array else ""
