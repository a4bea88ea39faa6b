# ===- flex_gallery.py - programs as collections of FlexAttention hold them -------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Masks and score modifiers for B=2, H=4, M=N=120, with what they capture."""

import functools
import math

import torch
from torch.nn.attention.flex_attention import and_masks, or_masks

B, H, M = 2, 4, 120
_random = torch.Generator().manual_seed(11)


def _integers(high, *shape, dtype=torch.int64):
    return torch.randint(0, high, shape, generator=_random).to(dtype)


def _floats(*shape):
    return torch.randn(shape, generator=_random)


def causal(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx


def everything(b, h, q_idx, kv_idx):
    return q_idx >= 0


# ===- Masks -------------------------------------------------------------------------===#


def documents_from_lengths(lengths):
    ends = torch.tensor(lengths).cumsum(0)
    starts = torch.cat([ends.new_zeros(1), ends[:-1]])
    ids = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))

    def packed(b, h, q_idx, kv_idx):
        q, kv = q_idx - starts[ids[q_idx]], kv_idx - starts[ids[kv_idx]]
        return (ids[q_idx] == ids[kv_idx]) & causal(b, h, q, kv)

    return packed


def jagged(offsets):
    def inside(b, h, q_idx, kv_idx):
        start, end = offsets[b], offsets[b + 1]
        return (q_idx + start < end) & (kv_idx + start < end)

    return inside


def natten_1d(kernel):
    def neighbours(b, h, q_idx, kv_idx):
        centre = q_idx.clamp(kernel // 2, M - 1 - kernel // 2)
        return (centre - kv_idx).abs() <= kernel // 2

    return neighbours


def natten_2d(width, kernel):
    def place(index):
        return torch.div(index, width, rounding_mode="floor"), index % width

    def neighbours(b, h, q_idx, kv_idx):
        (qx, qy), (kx, ky) = place(q_idx), place(kv_idx)
        cx = qx.clamp(kernel // 2, (M // width - 1) - kernel // 2)
        cy = qy.clamp(kernel // 2, (width - 1) - kernel // 2)
        return ((cx - kx).abs() <= kernel // 2) & ((cy - ky).abs() <= kernel // 2)

    return neighbours


def natten_3d(depth, height, width, kernel):
    def place(index):
        return index // (height * width), index // width % height, index % width

    def near(q, k, size, radius):
        centre = torch.clamp(q, radius, size - 1 - radius)
        return torch.abs(centre - k) <= radius

    def neighbours(b, h, q_idx, kv_idx):
        sizes, radii = (depth, height, width), (k // 2 for k in kernel)
        axes = zip(place(q_idx), place(kv_idx), sizes, radii)
        return functools.reduce(lambda x, y: x & y, (near(*axis) for axis in axes))

    return neighbours


def tiled_natten(width, tile, kernel):
    def reorder(index):
        t = tile * tile
        which, inside = index // t, index % t
        per_row = width // tile
        x = which // per_row * tile + inside // tile
        return x, which % per_row * tile + inside % tile

    def neighbours(b, h, q_idx, kv_idx):
        (qx, qy), (kx, ky) = reorder(q_idx), reorder(kv_idx)
        return ((qx - kx).abs() <= kernel) & ((qy - ky).abs() <= kernel)

    return neighbours


def sinks_and_window(sinks, window):
    def streaming(b, h, q_idx, kv_idx):
        recent = (q_idx - kv_idx < window) & (q_idx >= kv_idx)
        return recent | ((kv_idx < sinks) & (q_idx >= kv_idx))

    return streaming


def dilated(step, reach):
    def mask(b, h, q_idx, kv_idx):
        distance = q_idx - kv_idx
        return (distance >= 0) & (distance % step == 0) & (distance // step < reach)

    return mask


def strided_and_fixed(stride, summary):
    """Sparse transformers: fixed columns, and one block back."""

    def mask(b, h, q_idx, kv_idx):
        same = q_idx // stride == kv_idx // stride
        summarized = kv_idx % stride >= stride - summary
        return (q_idx >= kv_idx) & torch.where(h % 2 == 0, same, summarized)

    return mask


PREFIX = torch.tensor([13, 77], dtype=torch.int32)


def prefix_lm(b, h, q_idx, kv_idx):
    return (kv_idx < PREFIX[b]) | (q_idx >= kv_idx)


SPANS = torch.tensor([[5, 30, 70, 71], [0, 50, 60, 119]])


def transfusion(b, h, q_idx, kv_idx):
    spans = SPANS[b]

    def inside(start, end):
        return (q_idx >= start) & (q_idx < end) & (kv_idx >= start) & (kv_idx < end)

    return (
        causal(b, h, q_idx, kv_idx)
        | inside(spans[0], spans[1])
        | inside(spans[2], spans[3])
    )


PARENTS = torch.tensor([-1] + [(n - 1) // 3 for n in range(1, M)])
ANCESTOR = torch.zeros(M, M, dtype=torch.bool)
for _node in range(M):
    _at = _node
    while _at >= 0:
        ANCESTOR[_node, _at] = True
        _at = int(PARENTS[_at])


def tree(b, h, q_idx, kv_idx):
    return ANCESTOR[q_idx, kv_idx]


def tree_of_depth_one(b, h, q_idx, kv_idx):
    return (PARENTS[q_idx] == kv_idx) | (q_idx == kv_idx)


PAGE = 8
PHYSICAL_TO_LOGICAL = torch.full((B, M // PAGE + 4), -1)
for _b in range(B):
    _order = torch.randperm(M // PAGE + 4, generator=_random)[: M // PAGE]
    PHYSICAL_TO_LOGICAL[_b, _order] = torch.arange(M // PAGE)


def paged(inner):
    def mask(b, h, q_idx, physical):
        block = PHYSICAL_TO_LOGICAL[b, physical // PAGE]
        logical = block * PAGE + physical % PAGE
        return torch.where(block >= 0, inner(b, h, q_idx, logical), False)

    return mask


DROPPED = torch.tensor([False, True, False, True])


def dropped_heads(b, h, q_idx, kv_idx):
    return torch.logical_not(DROPPED[h]) | (q_idx == kv_idx)


PATCHES = torch.tensor([[9, 20], [3, 40]])


def image_patches(b, h, q_idx, kv_idx):
    text = PATCHES[b, 0] * 4
    both_image = torch.logical_and(q_idx >= text, kv_idx >= text)
    return both_image | (q_idx >= kv_idx)


IDS = _integers(4, B, M, dtype=torch.int32)


def recurring_documents(b, h, q_idx, kv_idx):
    return IDS[b][q_idx].eq(IDS[b][kv_idx]).logical_and(q_idx.ge(kv_idx))


def padded_batch(lengths):
    valid = torch.arange(M)[None] < lengths[:, None]

    def mask(b, h, q_idx, kv_idx):
        return valid[b, q_idx] & valid[b, kv_idx]

    return mask


WINDOWS = torch.tensor([3, 8, 40, 200])


def alternating(b, h, q_idx, kv_idx):
    """Local and global layers in one, by head."""
    local = torch.abs(q_idx - kv_idx).le(WINDOWS[h])
    return torch.where(h.bitwise_and(1).bool(), local, causal(b, h, q_idx, kv_idx))


def shifted(offset, inner):
    return lambda b, h, q_idx, kv_idx: inner(b, h, q_idx + offset[b], kv_idx)


def noisy_and_clean(block):
    """Block diffusion: a noised copy beside the clean sequence."""
    half = M // 2

    def mask(b, h, q_idx, kv_idx):
        q_clean, kv_clean = q_idx >= half, kv_idx >= half
        q_block = torch.where(q_clean, q_idx - half, q_idx) // block
        kv_block = torch.where(kv_clean, kv_idx - half, kv_idx) // block
        own = (q_block == kv_block) & (q_clean == kv_clean)
        offset = (q_block > kv_block) & kv_clean & ~q_clean
        clean = (q_block >= kv_block) & kv_clean & q_clean
        return own | offset | clean

    return mask


ANGLES = torch.atan2(_floats(M), _floats(M))


def cone(b, h, q_idx, kv_idx):
    difference = torch.remainder(ANGLES[q_idx] - ANGLES[kv_idx], 2 * math.pi)
    return torch.minimum(difference, 2 * math.pi - difference) < 1.0


POINTS = _floats(M, 3).double()


def ball(b, h, q_idx, kv_idx):
    apart = POINTS[q_idx] - POINTS[kv_idx]
    return torch.hypot(torch.hypot(apart[0], apart[1]), apart[2]) <= 1.5


def hilbert_like(b, h, q_idx, kv_idx):
    """Neighbours in the Gray code."""
    q, kv = q_idx ^ (q_idx >> 1), kv_idx ^ (kv_idx >> 1)
    return ((q ^ kv) & 0b1110000) == 0


def powers_back(b, h, q_idx, kv_idx):
    """LogSparse: distances that are powers of two."""
    d = q_idx - kv_idx
    return (d >= 0) & ((d & (d - 1)) == 0)


LAYOUT = torch.rand(H, M // 10, M // 10, generator=_random) < 0.4


def block_sparse(b, h, q_idx, kv_idx, size=10):
    return LAYOUT[h][q_idx // size, kv_idx // size]


def with_options(b, h, q_idx, kv_idx, *, back, ahead):
    return (kv_idx >= q_idx - back) & (kv_idx <= q_idx + ahead)


MASKS = {
    "packed": documents_from_lengths([17, 40, 1, 62]),
    "jagged": jagged(torch.tensor([0, 55, 170])),
    "natten 1-d": natten_1d(9),
    "natten 2-d": natten_2d(10, 5),
    "natten 3-d": natten_3d(4, 5, 6, (3, 3, 5)),
    "natten of tiles": tiled_natten(12, 4, 2),
    "sinks": sinks_and_window(4, 16),
    "dilated": dilated(4, 6),
    "strided": strided_and_fixed(16, 3),
    "prefix lm": prefix_lm,
    "transfusion": transfusion,
    "tree": tree,
    "tree by parents": tree_of_depth_one,
    "paged causal": paged(causal),
    "paged window": paged(sinks_and_window(2, 20)),
    "dropped heads": dropped_heads,
    "image patches": image_patches,
    "recurring documents": recurring_documents,
    "padded": padded_batch(torch.tensor([100, 33])),
    "alternating": alternating,
    "shifted": shifted(torch.tensor([-5, 60]), causal),
    "block diffusion": noisy_and_clean(6),
    "cone": cone,
    "ball": ball,
    "gray code": hilbert_like,
    "powers": powers_back,
    "block sparse": block_sparse,
    "options": functools.partial(with_options, back=9, ahead=2),
    "and, or": and_masks(
        or_masks(prefix_lm, dilated(3, 99)), padded_batch(torch.tensor([M, 90]))
    ),
    "not": lambda b, h, q_idx, kv_idx: ~paged(causal)(b, h, q_idx, kv_idx),
}

# ===- Score modifiers ----------------------------------------------------------------===#


def alibi(score, b, h, q_idx, kv_idx):
    return score + (kv_idx - q_idx) * torch.exp2(-((h + 1) * 8.0 / H))


def softcap(cap):
    def modify(score, b, h, q_idx, kv_idx):
        return cap * torch.tanh(score / cap)

    return modify


T5_TABLE = _floats(32, H)


def t5(score, b, h, q_idx, kv_idx):
    distance = kv_idx - q_idx
    bucket = torch.where(distance > 0, 16, 0)
    distance = distance.abs()
    far = (
        8
        + (torch.log(distance.clamp(min=1).float() / 8) / math.log(128 / 8) * 8).long()
    )
    bucket = bucket + torch.where(distance < 8, distance, far.clamp(max=15))
    return score + torch.nn.functional.embedding(bucket, T5_TABLE)[h]


RELATIVE = _floats(2 * M - 1, H)


def relative_table(score, b, h, q_idx, kv_idx):
    return score + RELATIVE[q_idx - kv_idx + M - 1, h]


def learned_gate(score, b, h, q_idx, kv_idx):
    gate = torch.gather(T5_TABLE[:, h], 0, (q_idx % 32).view(1))[0]
    return score * torch.sigmoid(gate) + torch.nn.functional.logsigmoid(gate)


def polar(score, b, h, q_idx, kv_idx):
    angle = torch.atan2((q_idx - kv_idx).float(), (q_idx + kv_idx + 1).float())
    return score + torch.sin(angle) + torch.hypot(angle, score).neg()


def rotary_decay(score, b, h, q_idx, kv_idx):
    distance = torch.abs(q_idx - kv_idx).to(score.dtype)
    return (
        score - torch.log1p(distance) + torch.erfc(distance / 50) - torch.asinh(score)
    )


def odd_functions(score, b, h, q_idx, kv_idx):
    x, y = torch.tanh(score), torch.cos((q_idx - kv_idx).to(score.dtype))
    row = torch.index_select(T5_TABLE, 0, (kv_idx % 32).view(1))[0]
    power = ((q_idx - kv_idx) % 3) ** 5
    both = torch.fmin(x, y) - torch.fmax(torch.acos(x), torch.where(y > 0, y, math.nan))
    sign = torch.where(
        torch.signbit(-y), torch.cosh(x), torch.tan(x) + torch.log10(2 + y)
    )
    return both + torch.copysign(sign, y) + row[h] + power / 32


def stick_breaking(score, b, h, q_idx, kv_idx):
    return torch.where(
        q_idx > kv_idx, torch.nn.functional.softplus(score), -score.square()
    )


def dropped_layers(score, b, h, q_idx, kv_idx):
    return torch.where(DROPPED[h], score * 0.0, score)


def causal_score(score, b, h, q_idx, kv_idx):
    return score.masked_fill(q_idx < kv_idx, float("-inf"))


SCORES = {
    "alibi": alibi,
    "softcap": softcap(20.0),
    "t5": t5,
    "relative": relative_table,
    "gate": learned_gate,
    "polar": polar,
    "decay": rotary_decay,
    "odd functions": odd_functions,
    "stick breaking": stick_breaking,
    "dropped layers": dropped_layers,
    "causal": causal_score,
}
