# ===- plot.py - pictures of attention ------------------------------------------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Pictures of weights, masks and speed, drawn by matplotlib, which these functions import."""

from __future__ import annotations

from typing import Any, Sequence

import numpy

from . import _arrays

_MAX_LABELS = 80


def _matrix(values: Any, name: str) -> numpy.ndarray:
    """An array as a numpy array of rank 3: (picture, M, N)."""
    if _arrays.framework(values) is not None and hasattr(values, "detach"):
        values = values.detach().float().cpu().numpy()
    values = numpy.asarray(values)
    if not 2 <= values.ndim <= 3:
        raise ValueError(
            f"{name} has shape {values.shape}; (M, N) or (H, M, N) is accepted: choose "
            "one of the batch"
        )
    return values.reshape(-1, *values.shape[-2:])


def _axes(count: int, axes: Any) -> tuple[Any, list]:
    """A row of axes: those given, or those of a new figure."""
    import matplotlib.pyplot

    if axes is None:
        figure, made = matplotlib.pyplot.subplots(
            1, count, figsize=(4 * count + 1, 4), squeeze=False, layout="constrained"
        )
        return figure, list(made[0])
    given = list(numpy.ravel(axes))
    if len(given) != count:
        raise ValueError(f"axes has {len(given)} entries for {count} pictures")
    return given[0].figure, given


def _label(axes: Any, side: str, labels: Sequence[str] | None, count: int) -> None:
    if labels is None:
        return
    if len(labels) != count:
        raise ValueError(f"{side}_labels has {len(labels)} entries for {count} {side}s")
    if count > _MAX_LABELS:
        return
    axis = axes.yaxis if side == "query" else axes.xaxis
    axis.set_ticks(range(count), [str(label) for label in labels])
    axis.set_tick_params(labelsize=7)


def weights(
    values: Any,
    query_labels: Sequence[str] | None = None,
    key_labels: Sequence[str] | None = None,
    titles: Sequence[str] | None = None,
    path: Any = None,
    axes: Any = None,
) -> Any:
    """Heat maps of attention weights, one per head.

    Args:
      values: (M, N) or (H, M, N).
      query_labels, key_labels: M and N labels, such as tokens.
      titles: one per picture; "head 0", ... by default for several.
      path: file to write, or None.
      axes: matplotlib axes to draw on, one per head; a new figure by default.

    Returns the figure.
    """
    return _draw(values, "weights", query_labels, key_labels, titles, path, axes)


def mask(
    keep: Any,
    queries: int | None = None,
    keys: int | None = None,
    titles: Sequence[str] | None = None,
    path: Any = None,
    axes: Any = None,
) -> Any:
    """The pairs that a mask keeps, dark where the query sees the key.

    Args:
      keep: a boolean array (M, N) or (H, M, N), or a mask of attn.mask together with
        `queries` and `keys`, for a picture of the first batch and head.
      titles, path, axes: as in weights.

    Returns the figure.
    """
    from .mask import Mask

    if isinstance(keep, Mask):
        if queries is None or keys is None:
            raise ValueError("queries and keys are needed to draw a mask")
        keep = _evaluate(keep, queries, keys)
    return _draw(keep, "mask", None, None, titles, path, axes)


def _evaluate(keep: Any, queries: int, keys: int) -> numpy.ndarray:
    """Which pairs a mask keeps: those of equal scores that have a weight."""
    from ._functions import scaled_dot_product

    q, k = (numpy.zeros((1, 1, n, 1), numpy.float32) for n in (queries, keys))
    return scaled_dot_product(q, k, k, mask=keep, return_weights=True)[1][0, 0] > 0


def _draw(values: Any, name: str, query_labels, key_labels, titles, path, axes) -> Any:
    values = _matrix(values, name)
    count, queries, keys = values.shape
    if titles is None:
        titles = [f"head {h}" for h in range(count)] if count > 1 else [""]
    if len(titles) != count:
        raise ValueError(f"titles has {len(titles)} entries for {count} pictures")
    figure, rows = _axes(count, axes)
    # One scale for all pictures: they share a colour bar.
    finite = values[numpy.isfinite(values)]
    top = float(finite.max()) if finite.size else 1.0
    for matrix, title, one in zip(values, titles, rows):
        image = one.imshow(
            matrix,
            cmap="Blues",
            vmin=0,
            vmax=top or 1.0,
            aspect="auto",
            interpolation="nearest",
        )
        one.set(title=title, xlabel="key", ylabel="query")
        _label(one, "query", query_labels, queries)
        _label(one, "key", key_labels, keys)
        if key_labels is not None:
            one.tick_params(axis="x", rotation=90)
    if name == "weights" and queries and keys:
        figure.colorbar(image, ax=rows, label="weight")
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


def roofline(
    points: Sequence[tuple[str, float, float]],
    peak: float,
    bandwidth: float,
    path: Any = None,
    axes: Any = None,
) -> Any:
    """Measured speeds below what the machine allows.

    Args:
      points: (label, FLOPs per byte of memory traffic, GFLOP/s); points of one label
        share a colour.
      peak: GFLOP/s that no function exceeds.
      bandwidth: GB/s of memory.
      path: file to write, or None.
      axes: matplotlib axes to draw on; a new figure by default.

    Returns the figure.
    """
    for name, value in (("peak", peak), ("bandwidth", bandwidth)):
        if not value > 0:
            raise ValueError(f"{name} is {value}; it must be greater than 0")
    for label, intensity, speed in points:
        if not (intensity > 0 and speed > 0):
            raise ValueError(
                f"points has ({label!r}, {intensity}, {speed}); FLOPs per byte and "
                "GFLOP/s must be greater than 0"
            )
    figure, (one,) = _axes(1, axes)
    ridge = peak / bandwidth
    found = [intensity for _, intensity, _ in points]
    left, right = min([ridge, *found]) / 2, max([ridge, *found]) * 2
    one.plot([left, ridge, right], [bandwidth * left, peak, peak], "k-", label="limit")
    for label in dict.fromkeys(label for label, _, _ in points):
        own = [(x, y) for name, x, y in points if name == label]
        one.plot(*zip(*own), "o", markersize=4, label=label)
    one.set(
        xscale="log", yscale="log", xlabel="FLOPs per byte", ylabel="GFLOP/s", title=""
    )
    one.legend(fontsize=7)
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure
