# ===- _flex_recorded.py - programs that were recorded before -------------------- ===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Records functions of FlexAttention, each of one fingerprint once."""

from __future__ import annotations

from typing import Any, Hashable

import torch

from ._fingerprint import fingerprint
from ._flex_trace import record
from ._region import Region

_MAX_RECORDED = 1024
_recorded: dict[Hashable, tuple[Region, list[int | None]]] = {}


def region_of(function: Any, what: str, score: torch.dtype | None) -> Region:
    """The region of a function, recorded unless one of its fingerprint was."""
    if not callable(function):
        raise TypeError(
            f"{what} is a {type(function).__name__}; a function is accepted"
        )
    mark = fingerprint(function)
    if mark is None:
        return record(function, what, score).region
    key, tensors = (mark[0], score), mark[1]
    if key in _recorded:
        region, places = _recorded[key]
        return _rebound(region, places, tensors)
    program = record(function, what, score)
    places = _places(program.region, tensors)
    if program.reusable and places is not None:
        if len(_recorded) >= _MAX_RECORDED:
            _recorded.clear()
        _recorded[key] = program.region, places
    return program.region


def _places(region: Region, tensors: list[torch.Tensor]) -> list[int | None] | None:
    """Where among `tensors` each captured value is; None for one that is a number."""
    places = []
    for captured in region.captured:
        if not torch.is_tensor(captured.value):
            places.append(None)
            continue
        found = [i for i, t in enumerate(tensors) if t is captured.value]
        if not found:
            return None
        places.append(found[0])
    return places


def _rebound(region: Region, places: list, tensors: list) -> Region:
    captured = (
        c if place is None else c._replace(value=tensors[place])
        for c, place in zip(region.captured, places)
    )
    return Region(region.result, tuple(captured), region.is_score)
