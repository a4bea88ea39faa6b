# ===- test_flex_unseen.py - programs of FlexAttention against dense fp64 ----------------===#
#
# Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Programs in the style of those that people share, compared with a softmax over all
pairs in float64; and programs that have no compiled form, which are refused."""

import functools
import math
import types

import attn
import pytest
import torch
from torch.nn.attention.flex_attention import (
    _vmap_for_bhqkv,
    and_masks,
    noop_mask,
    or_masks,
)

B, H, M = 2, 4, 72
_random = torch.Generator().manual_seed(3)


def integers(high, *shape, dtype=torch.int64):
    return torch.randint(0, high, shape, generator=_random).to(dtype)


def floats(*shape, dtype=torch.float32):
    return torch.randn(shape, generator=_random).to(dtype)


def dense(q, k, v, score_mod=None, mask_mod=None):
    """The same attention over all pairs, in float64."""
    sizes = [torch.arange(size) for size in (B, H, M, M)]
    score = q.double() @ k.double().transpose(-1, -2) / math.sqrt(q.shape[-1])
    if score_mod is not None:
        score = _vmap_for_bhqkv(score_mod, prefix=(0,))(score, *sizes).double()
    if mask_mod is not None:
        keep = _vmap_for_bhqkv(mask_mod, prefix=())(*sizes)
        score = score.masked_fill(~keep.expand(B, H, M, M), -math.inf)
    highest = score.amax(-1, keepdim=True)
    weight = torch.exp(score - torch.where(highest.isinf(), 0.0, highest))
    total = weight.sum(-1, keepdim=True)
    return torch.where(total > 0, (weight @ v.double()) / total, 0.0)


def causal(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx


# ===- Masks -------------------------------------------------------------------------===#

OFFSETS = torch.tensor([0, 10, 11, 40, 41, 60, M])
DOCUMENT = torch.repeat_interleave(torch.arange(6, dtype=torch.int32), OFFSETS.diff())
LENGTHS = torch.tensor([50, M])
WINDOWS = torch.tensor([4, 9, 16, M])
STARTS, SPANS = torch.tensor([5, 30]), torch.tensor([20, 25])
ORDER = torch.randperm(M, generator=_random)
LAYOUT = torch.rand(H, 5, 5, generator=_random) > 0.5
POINTS = floats(M, 3)
CUTS = torch.tensor([3, 30, 50])
SMALL = integers(5, M, dtype=torch.int16)
COLUMNS = integers(6, M, 2)[:, 0]
BETA = torch.tensor(5.5)


def make_document(inner, offsets):
    count = offsets[1:] - offsets[:-1]
    ids = torch.repeat_interleave(torch.arange(len(count), dtype=torch.int32), count)

    def document(b, h, q_idx, kv_idx):
        same = ids[q_idx] == ids[kv_idx]
        q, kv = q_idx - offsets[ids[q_idx]], kv_idx - offsets[ids[kv_idx]]
        return same & inner(b, h, q, kv)

    return document


def make_natten(width, height, kernel_width, kernel_height):
    def place(index):
        return index // width, index % width

    def natten(b, h, q_idx, kv_idx):
        q_x, q_y = place(q_idx)
        kv_x, kv_y = place(kv_idx)
        x = q_x.clamp(kernel_width // 2, (width - 1) - kernel_width // 2)
        y = q_y.clamp(kernel_height // 2, (height - 1) - kernel_height // 2)
        near = (x - kv_x).abs() <= kernel_width // 2
        return near & ((y - kv_y).abs() <= kernel_height // 2)

    return natten


def make_dilated(window, step):
    def dilated(b, h, q, kv):
        distance = torch.abs(q - kv)
        return (distance <= window) & (distance % step == 0)

    return dilated


def morton(b, h, q, kv):
    def compact(x):
        x = x & 0x55555555
        x = (x ^ (x >> 1)) & 0x33333333
        x = (x ^ (x >> 2)) & 0x0F0F0F0F
        return (x ^ (x >> 4)) & 0x00FF00FF

    rows = torch.abs(compact(q) - compact(kv)) < 3
    return rows & (torch.abs(compact(q >> 1) - compact(kv >> 1)) < 3)


def transfusion(b, h, q_idx, kv_idx):
    end = STARTS[b] + SPANS[b]
    image = (q_idx >= STARTS[b]) & (q_idx < end) & (kv_idx >= STARTS[b])
    return (q_idx >= kv_idx) | (image & (kv_idx < end))


def padding(b, h, q_idx, kv_idx):
    return (q_idx < LENGTHS[b]) & (kv_idx < LENGTHS[b])


def window_per_head(b, h, q, kv):
    return (q - kv <= WINDOWS[h]) & (q >= kv)


def nested(b, h, q, kv):
    near = or_masks(window_per_head, lambda b, h, q, kv: kv < 3)
    return and_masks(or_masks(causal, padding), near)(b, h, q, kv)


def chained(b, h, q, kv):
    return (kv <= q) & (q <= kv + 8) & (0 <= kv) & (kv < M)


def negative_divisors(b, h, q, kv):
    return ((q - kv) // -5 > -3) & ((q - kv) % -5 != -1)


def truncating(b, h, q, kv):
    near = torch.div(kv - q, 4, rounding_mode="trunc") == -2
    return near | (torch.fmod(q - kv, 5) == -2)


def float_captures(b, h, q, kv):
    return ((q - kv).float() * 0.37 < BETA) & (q / 3.0 >= kv * 0.25)


def float_quotients(b, h, q, kv):
    return ((q - kv) / 3.0) // 2.0 == ((q - kv) / 4.0) % 2.0


def powers_of_two(b, h, q, kv):
    distance = q - kv
    return (distance >= 0) & ((distance & (distance - 1)) == 0)


def window_by_power(b, h, q, kv):
    return (q - kv).abs() < 2 ** (h + 1)


def block_sparse(b, h, q, kv):
    return LAYOUT[h, q // 16, kv // 16] & (q >= kv)


def by_order(b, h, q, kv):
    return (ORDER[q] // 10) == (ORDER[kv] // 10)


def block_diffusion(b, h, q_idx, kv_idx):
    half, size = M // 2, 8
    q_clean, kv_clean = q_idx >= half, kv_idx >= half
    q_block = torch.where(q_clean == 1, (q_idx - half) // size, q_idx // size)
    kv_block = torch.where(kv_clean == 1, (kv_idx - half) // size, kv_idx // size)
    diagonal = (q_block == kv_block) & (q_clean == kv_clean)
    offset = (q_block > kv_block) & (kv_clean == 1) & (q_clean == 0)
    return (
        diagonal | offset | ((q_block >= kv_block) & (kv_clean == 1) & (q_clean == 1))
    )


def isin(b, h, q, kv):
    return torch.isin(kv, CUTS) | (q == kv)


def taken(b, h, q, kv):
    document = torch.index_select(DOCUMENT, 0, q.reshape(1))[0]
    return document == DOCUMENT.take(kv)


def between_cuts(b, h, q, kv):
    own = torch.searchsorted(CUTS, q, right=True)
    return own == torch.bucketize(kv, CUTS, right=True)


def norms(b, h, q, kv):
    return torch.linalg.norm(POINTS[q] - POINTS[kv]) < 1.5


def votes(b, h, q, kv):
    return torch.sum(POINTS[q] * POINTS[kv] > 0) >= 2


def views(b, h, q, kv):
    return (COLUMNS[q] == COLUMNS[kv]) | (SMALL[kv] > SMALL[q] + 2)


def rows_without_keys(b, h, q, kv):
    return (q >= 10) & (kv < q - 9)


class Windowed:
    """A program that is an object, and one that is its method."""

    def __init__(self, width):
        self.width = torch.tensor(width)

    def __call__(self, b, h, q, kv):
        return q - kv < self.width[0]

    def per_batch(self, b, h, q, kv):
        return (q - kv).abs() <= self.width[b]


MASKS = [
    make_document(causal, OFFSETS),
    make_document(make_dilated(12, 3), OFFSETS.to(torch.int32)),
    make_natten(9, 8, 3, 5),
    make_dilated(12, 3),
    morton,
    transfusion,
    padding,
    window_per_head,
    nested,
    chained,
    negative_divisors,
    truncating,
    float_captures,
    float_quotients,
    powers_of_two,
    window_by_power,
    block_sparse,
    by_order,
    block_diffusion,
    isin,
    taken,
    between_cuts,
    norms,
    votes,
    views,
    rows_without_keys,
    noop_mask,
    functools.partial(lambda width, b, h, q, kv: (q - kv).abs() < width, 7),
    Windowed([3, 8]),
    Windowed([3, 8]).per_batch,
]

# ===- Scores ------------------------------------------------------------------------===#

RELATIVE = floats(2 * M, H)
BUCKETS = floats(32, H)
DECAY = torch.tensor([0.9, 0.95, 0.97, 0.99])
HALF = floats(H, 2 * M, dtype=torch.float16)
WIDE = floats(M, dtype=torch.float64)
HIDDEN = floats(3, 6)
EMBEDDING = torch.nn.Embedding(9, H)


@torch.library.custom_op("attn_test::tanh", mutates_args=())
def custom_tanh(x: torch.Tensor) -> torch.Tensor:
    return torch.tanh(x)


@custom_tanh.register_fake
def _(x):
    return torch.empty_like(x)


class TanhFunction(torch.autograd.Function):
    """As in the tanh of attention-gym's softcap."""

    @staticmethod
    def forward(x):
        return torch.ops.attn_test.tanh(x)

    @staticmethod
    def setup_context(context, inputs, output):
        context.save_for_backward(output)

    @staticmethod
    def vmap(info, dims, x):
        return torch.tanh(x), 0


def make_softcap(cap):
    def softcap(score, b, h, q_idx, kv_idx):
        return cap * TanhFunction.apply(score / cap)

    return softcap


def make_alibi(heads):
    def alibi(score, b, h, q_idx, kv_idx):
        return score + torch.exp2(-((h + 1) * 8.0 / heads)) * (kv_idx - q_idx)

    return alibi


def relative(score, b, h, q, kv):
    return score + RELATIVE[q - kv + M - 1, h] + HALF[h, q - kv + M]


def t5(score, b, h, q, kv):
    distance = torch.clamp(q - kv, min=0)
    log = torch.log(distance.float() / 16 + 1e-6) / math.log(8) * 16
    far = torch.minimum(16 + log.to(torch.int64), torch.full_like(distance, 31))
    return score + BUCKETS[torch.where(distance < 16, distance, far), h]


def decay(score, b, h, q, kv):
    return score * torch.pow(DECAY[h], (q - kv).abs())


def activations(score, b, h, q, kv):
    gelu, silu = torch.nn.functional.gelu(score), torch.nn.functional.silu(score)
    return gelu - silu + torch.nn.functional.softplus(score)


def composed(score, b, h, q, kv):
    capped = make_softcap(5.0)(make_alibi(H)(score, b, h, q, kv), b, h, q, kv)
    return capped.masked_fill((q - kv) % 7 == 3, -math.inf)


def learned(score, b, h, q, kv):
    hidden = torch.tanh((q - kv).float() / M * HIDDEN[0] + HIDDEN[1])
    return score + hidden @ HIDDEN[2]


def embedded(score, b, h, q, kv):
    return score + EMBEDDING.weight[(q - kv).clamp(-4, 4) + 4, h] + WIDE[kv]


SCORES = [
    make_softcap(30.0),
    make_alibi(H),
    relative,
    t5,
    decay,
    activations,
    composed,
    learned,
    embedded,
]


def name(mod):
    return getattr(mod, "__qualname__", type(mod).__name__).replace("<locals>.", "")


@pytest.fixture(scope="module")
def qkv():
    return tuple(floats(B, H, M, 16) for _ in range(3))


@pytest.mark.parametrize("mod", MASKS, ids=name)
def test_mask(qkv, mod):
    mask = attn.create_block_mask(mod, B, H, M, M)
    actual = attn.flex_attention(*qkv, block_mask=mask)
    wanted = dense(*qkv, mask_mod=mod)
    torch.testing.assert_close(actual.double(), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mod", SCORES, ids=name)
def test_score(qkv, mod):
    with torch.no_grad():
        actual = attn.flex_attention(*qkv, score_mod=mod)
        wanted = dense(*qkv, score_mod=mod)
    torch.testing.assert_close(actual.double(), wanted, rtol=1e-5, atol=1e-5)


# ===- Refusals and changes ----------------------------------------------------------===#


def branches(b, h, q, kv):
    if q > kv:
        return q == kv
    return q != kv


def counts(b, h, q, kv):
    return sum(q == step for step in range(int(kv))) > 0


def random_keys(b, h, q, kv):
    return torch.rand(()) < q / kv


def odd_powers(b, h, q, kv):
    return q < 3**kv


REFUSED = {
    branches: ("if q > kv:", "Python needs the value"),
    counts: ("range(int(kv))", "Python needs the value"),
    random_keys: ("torch.rand(())", "draws random numbers"),
    odd_powers: ("3**kv", "bases that are powers of two"),
}


@pytest.mark.parametrize("mod", REFUSED, ids=name)
def test_refusals_name_the_line(mod):
    line, reason = REFUSED[mod]
    with pytest.raises(TypeError) as error:
        attn.create_block_mask(mod, B, H, M, M)
    assert "test_flex_unseen.py:" in str(error.value)
    assert line in str(error.value) and reason in str(error.value)


settings = types.SimpleNamespace(width=3)


class Settings:
    width = 3


library = types.ModuleType("library")
library.width = 3


@pytest.mark.parametrize("owner", [settings, Settings, library], ids=str)
def test_changed_settings_are_seen(qkv, owner):
    def near(b, h, q, kv):
        return (q - kv).abs() < owner.width

    for width in (3, 9):
        owner.width = width
        mask = attn.create_block_mask(near, B, H, M, M)
        actual = attn.flex_attention(*qkv, block_mask=mask).double()
        wanted = dense(*qkv, mask_mod=near)
        torch.testing.assert_close(actual, wanted, rtol=1e-5, atol=1e-5)
