# ===- flex_programs.py - functions as people write them for FlexAttention ----------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Mask and score functions for B=2, H=4, M=N=48, with what they capture."""

import torch
from torch.nn.attention.flex_attention import and_masks, or_masks

B, H, M, N = 2, 4, 48, 48
_generator = torch.Generator().manual_seed(0)


def _integers(high, *shape, dtype=torch.int64):
    return torch.randint(0, high, shape, generator=_generator).to(dtype)


def _floats(*shape, dtype=torch.float32):
    return torch.randn(shape, generator=_generator).to(dtype)


DOCUMENT = _integers(5, M, dtype=torch.int32).sort().values
SHUFFLED = _integers(4, M)
BATCH_DOCUMENT = _integers(3, B, M).sort(dim=-1).values
PREFIX = torch.tensor([7, 19], dtype=torch.int32)
WINDOW = torch.tensor([3, 5, 11, 48])
SLOPES = torch.exp2(-torch.arange(1, H + 1, dtype=torch.float32))
BIAS = _floats(H, M, N)
RELATIVE = _floats(2 * M + 1, H)
HALF_BIAS = _floats(M, N, dtype=torch.bfloat16)
KEEP = torch.rand((M, N), generator=_generator) > 0.4
COORDINATES = _floats(M, 2)
MIXED = _floats(2, 2)
LIMIT = torch.tensor(6)
BYTES = _integers(200, M, dtype=torch.uint8)
SMALL = _integers(100, M, dtype=torch.int8)
WIDTH = 8


def causal(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx


def sliding_window(b, h, q_idx, kv_idx):
    return (q_idx >= kv_idx) & (q_idx - kv_idx <= 9)


def document(b, h, q_idx, kv_idx):
    return DOCUMENT[q_idx] == DOCUMENT[kv_idx]


def document_per_batch(b, h, q_idx, kv_idx):
    return BATCH_DOCUMENT[b, q_idx] == BATCH_DOCUMENT[b][kv_idx]


def prefix(b, h, q_idx, kv_idx):
    return kv_idx < PREFIX[b]


def window_per_head(b, h, q_idx, kv_idx):
    return torch.abs(q_idx - kv_idx) <= WINDOW[h]


def dilated(b, h, q_idx, kv_idx):
    return ((q_idx - kv_idx) % 3 == 0) & (q_idx >= kv_idx)


def strided(b, h, q, kv):
    return torch.where(h % 2 == 0, kv % 4 == 3, q // 4 == kv // 4)


def negative_floor(b, h, q, kv):
    return ((kv - q) // 5 + (kv - q) % 7) > -3


def natten(b, h, q_idx, kv_idx):
    q_x, q_y = q_idx // WIDTH, q_idx % WIDTH
    kv_x, kv_y = kv_idx // WIDTH, kv_idx % WIDTH
    center_x = q_x.clamp(2, (M // WIDTH - 1) - 2)
    center_y = q_y.clamp(2, (WIDTH - 1) - 2)
    return ((center_x - kv_x).abs() <= 2) & ((center_y - kv_y).abs() <= 2)


def morton(b, h, q, kv):
    def spread(x):
        return (x & 1) | ((x & 2) << 1) | ((x & 4) << 2)

    def near(x, y):
        return (spread(x % 8) - spread(y % 8)).abs() < 5

    return near(q, kv) & near(q // 8, kv // 8)


def dense(b, h, q_idx, kv_idx):
    return KEEP[q_idx, kv_idx]


def distance(b, h, q, kv):
    return (COORDINATES[q] - COORDINATES[kv]).pow(2).sum() < 2.5


def scalar_limit(b, h, q, kv):
    return (q - kv).abs() < LIMIT


def from_the_end(b, h, q, kv):
    return SHUFFLED[q - kv - 1] != SHUFFLED[-3]


def in_place(b, h, q, kv):
    keep = q >= kv
    keep &= kv % 2 == 0
    keep |= SHUFFLED[kv] == 1
    return keep


def narrow(b, h, q, kv):
    return (SMALL[q] + SMALL[kv] > 0) & (BYTES[q] <= BYTES[kv])


def constants(b, h, q, kv):
    table = torch.tensor([1, 0, 1])
    return (table[kv % 3] > 0) | (torch.arange(5)[q % 5] == 2)


def logical(b, h, q, kv):
    near = torch.logical_and(q - kv < 4, kv - q < 4)
    return torch.logical_or(near, torch.logical_not(h < 2))


def always(b, h, q, kv):
    return q.new_ones((), dtype=torch.bool)


def python_loop(b, h, q, kv):
    keep = kv == q
    for step in range(1, 5):
        keep = keep | (kv == q - step**2)
    return keep


def make_chunked(size, sinks):
    def chunked(b, h, q, kv):
        return (q // size == kv // size) | (kv < sinks)

    return chunked


def make_packed(ids, inner):
    starts = torch.searchsorted(ids.contiguous(), ids)

    def packed(b, h, q, kv):
        same = ids[q] == ids[kv]
        return same & inner(b, h, q - starts[q], kv - starts[kv])

    return packed


def unpacked(b, h, q, kv):
    x, y = COORDINATES[q]
    low, high = torch.cat([COORDINATES[kv], COORDINATES[q]]).split([3, 1])
    return (x > low[0]) & (y < high[0] + 1) & (x <= torch.chunk(low, 2)[1][0])


MASKS = {
    f.__name__: f
    for f in (
        causal,
        sliding_window,
        document,
        document_per_batch,
        prefix,
        window_per_head,
        dilated,
        strided,
        negative_floor,
        natten,
        morton,
        dense,
        distance,
        scalar_limit,
        from_the_end,
        in_place,
        narrow,
        constants,
        logical,
        always,
        python_loop,
        unpacked,
    )
}
MASKS |= {
    "chunked": make_chunked(10, 2),
    "packed": make_packed(DOCUMENT, sliding_window),
    "and_masks": and_masks(causal, document, prefix),
    "or_masks": or_masks(and_masks(causal, sliding_window), prefix),
    "lambda": lambda b, h, q, kv: (q + h) % 4 == (kv + b) % 4,
    "not_document": lambda b, h, q, kv: ~document(b, h, q, kv),
}


def alibi(score, b, h, q_idx, kv_idx):
    return score + SLOPES[h] * (kv_idx - q_idx)


def softcap(score, b, h, q_idx, kv_idx):
    return 20 * torch.tanh(score / 20)


def relative_bias(score, b, h, q_idx, kv_idx):
    return score + RELATIVE[q_idx - kv_idx + M, h]


def dense_bias(score, b, h, q, kv):
    return score + BIAS[h][q][kv]


def half_bias(score, b, h, q, kv):
    return score * HALF_BIAS[q, kv].sigmoid()


def masked_score(score, b, h, q_idx, kv_idx):
    return torch.where(q_idx >= kv_idx, score, -float("inf"))


def checkerboard(score, b, h, q, kv):
    score = torch.where((kv - q) % 2 == 0, score * 0.5, score)
    return torch.where((kv - q) % 2 == 1, score * 2.0, score)


def head_offset(score, b, h, q, kv):
    return score + 2 ** -((h + 1) * 8.0 / H) * (q - kv).abs().neg()


def polynomial(score, b, h, q, kv):
    distance = (q - kv).to(torch.float32) / M
    return score * (1 - distance**2).clamp(min=0.1) + torch.log1p(distance.abs())


def rounding(score, b, h, q, kv):
    return torch.round(score * 4) / 4 + torch.floor(q / 8) - torch.ceil(kv / 8)


def bilinear(score, b, h, q, kv):
    return score + (COORDINATES[q] @ MIXED) @ (MIXED @ COORDINATES[kv])


def contracted(score, b, h, q, kv):
    return score * torch.einsum("a,ab,b->", COORDINATES[q], MIXED, COORDINATES[kv])


def make_tempered(temperature, inner):
    def tempered(score, b, h, q, kv):
        return inner(score / temperature[b], b, h, q, kv)

    return tempered


SCORES = {
    f.__name__: f
    for f in (
        alibi,
        softcap,
        relative_bias,
        dense_bias,
        half_bias,
        masked_score,
        checkerboard,
        head_offset,
        polynomial,
        rounding,
        bilinear,
        contracted,
    )
}
SCORES["tempered"] = make_tempered(torch.tensor([0.5, 2.0]), alibi)
SCORES["lambda"] = lambda score, b, h, q, kv: score + (b * 2 - h) / 3
