//===- Recompute.h - Rows in which a value is not finite -*- C -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Included by one source file per accumulator type, which defines
//   ATTN_REAL      the type,
//   ATTN_BITS      the signed integer of its size,
//   ATTN_NAME(x)   x with the type's suffix.
// Each is compiled for several widths of vectors; the compiler takes the widest
// that its target has.
//
//===----------------------------------------------------------------------===//

#include "Runtime.h"

enum {
  Lanes = 16,     ///< Rows at a time.
  Keys = 64,      ///< Keys at a time.
  Features = 128, ///< Features at a time.
  Joined = 4,     ///< Keys that share a load of a query or a sum.
};

typedef ATTN_REAL real;
typedef ATTN_BITS bits;
typedef real vec __attribute__((ext_vector_type(Lanes)));
typedef bits ivec __attribute__((ext_vector_type(Lanes)));
typedef uint16_t hvec __attribute__((ext_vector_type(Lanes)));
typedef vec looseVec __attribute__((aligned(2)));
typedef hvec looseHvec __attribute__((aligned(2)));
typedef attn_rt_rows attn_rows;

_Static_assert(sizeof(attn_rows) == 8 * ATTN_RT_ROWS_FIELDS,
               "the compiler fills in so many fields");

#define ATTN_APART static __attribute__((noinline))
#define ATTN_INFINITY __builtin_inff()

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

static int64_t sizeOf(int64_t kind) {
  return kind == ATTN_RT_BF16 || kind == ATTN_RT_F16 ? 2 : sizeof(real);
}

#ifdef ATTN_HALF
typedef uint32_t uvec __attribute__((ext_vector_type(Lanes)));

static vec fromHalf(int64_t kind, hvec half) {
  uvec all = __builtin_convertvector(half, uvec);
  if (kind == ATTN_RT_BF16)
    return (vec)(all << 16);
  // The bias of the exponent differs by 112; subnormal numbers become normal.
  vec magnitude = (vec)((all & 0x7fff) << 13) * 0x1p112f;
  uvec special = (all & 0x7c00) == 0x7c00 ? (uvec)0x7f800000 : (uvec)0;
  uvec sign = (all & 0x8000) << 16;
  return (vec)((uvec)magnitude | sign | special);
}

/// Rounded to nearest, ties to even; a NaN stays one.
static hvec toHalf(int64_t kind, vec value) {
  uvec all = (uvec)value, magnitude = all & 0x7fffffff;
  uvec sign = all >> 16 & 0x8000, special = 0x7fff, rounded;
  if (kind == ATTN_RT_BF16) {
    rounded = (magnitude + 0x7fff + (magnitude >> 16 & 1)) >> 16;
  } else {
    uvec small = (uvec)((vec)magnitude * 0x1p-112f);
    rounded = (small + 0xfff + (small >> 13 & 1)) >> 13;
    // From 65520 on, which is half way to 2^16.
    rounded = magnitude >= 0x477ff000 ? (uvec)0x7c00 : rounded;
  }
  rounded = magnitude > 0x7f800000 ? special : rounded;
  return __builtin_convertvector(rounded | sign, hvec);
}
#endif

/// Up to Lanes elements from `data` on, then zeros.
ATTN_APART vec load(int64_t kind, const char *data, int64_t stride,
                    int64_t count) {
#ifdef ATTN_HALF
  if (sizeOf(kind) == 2) {
    hvec half = 0;
    if (stride == 1 && count >= Lanes)
      half = *(const looseHvec *)data;
    else
      for (int64_t i = 0; i < least(count, Lanes); ++i)
        half[i] = ((const uint16_t *)data)[i * stride];
    return fromHalf(kind, half);
  }
#endif
  vec all = 0;
  if (stride == 1 && count >= Lanes)
    return *(const looseVec *)data;
  for (int64_t i = 0; i < least(count, Lanes); ++i)
    all[i] = ((const real *)data)[i * stride];
  return all;
}

ATTN_APART void store(int64_t kind, char *data, int64_t stride, int64_t count,
                      vec all) {
#ifdef ATTN_HALF
  if (sizeOf(kind) == 2) {
    hvec half = toHalf(kind, all);
    for (int64_t i = 0; i < least(count, Lanes); ++i)
      ((uint16_t *)data)[i * stride] = half[i];
    return;
  }
#endif
  for (int64_t i = 0; i < least(count, Lanes); ++i)
    ((real *)data)[i * stride] = all[i];
}

/// A row of `count` elements, then zeros up to `all`.
static void loadRow(int64_t kind, const char *data, int64_t stride,
                    int64_t count, int64_t all, real *row) {
  for (int64_t i = 0; i < all; i += Lanes)
    *(vec *)(row + i) =
        load(kind, data + i * stride * sizeOf(kind), stride, count - i);
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// 2^x for x <= 128; a NaN stays one.
ATTN_APART vec power(vec x) {
  static const real coefficients[] = {1.0 / 6227020800,
                                      1.0 / 479001600,
                                      1.0 / 39916800,
                                      1.0 / 3628800,
                                      1.0 / 362880,
                                      1.0 / 40320,
                                      1.0 / 5040,
                                      1.0 / 720,
                                      1.0 / 120,
                                      1.0 / 24,
                                      1.0 / 6,
                                      1.0 / 2,
                                      1,
                                      1};
  const real lowest = sizeof(real) == 4 ? -200 : -1200;
  x = x < lowest ? (vec)lowest : x;
  // Added to this, a number is rounded to an integer, which its bits hold.
  const real magic = sizeof(real) == 4 ? 0x1.8p23 : 0x1.8p52;
  vec shifted = x + magic;
  vec rest = (x - (shifted - magic)) * (real)0.69314718055994530942;
  vec sum = 0;
  for (int term = sizeof(real) == 4 ? 6 : 0;
       term < (int)(sizeof(coefficients) / sizeof(real)); ++term)
    sum = sum * rest + coefficients[term];
  ivec exponent = (ivec)shifted - (ivec)((vec)magic);
  // In two steps: half of the exponents are those of normal numbers.
  const int mantissa = sizeof(real) == 4 ? 23 : 52;
  const bits bias = sizeof(real) == 4 ? 127 : 1023;
  ivec half = exponent >> 1;
  vec first = (vec)((half + bias) << mantissa);
  vec second = (vec)((exponent - half + bias) << mantissa);
  return sum * first * second;
}

static const real log2e = 1.44269504088896340736;

static vec hyperbolicTangent(vec x) {
  x = x * (2 * log2e);
  x = x > 120 ? (vec)120 : x;
  return 1 - 2 / (power(x) + 1);
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// What is known of up to Lanes rows; a row is a lane.
typedef struct {
  const attn_rows *call;
  int64_t count;
  int64_t query[Lanes], head[Lanes];
  vec maximum, sum;
  vec queries[Features], sums[Features], scores[Keys];
  real rows[Joined][Features];
} attn_block;

/// Turns queries, their features from `feature` on.
static void loadQueries(attn_block *block, int64_t feature, int64_t count) {
  const attn_rows *call = block->call;
  for (int64_t lane = 0; lane < Lanes; ++lane) {
    const char *query = call->query + (block->query[lane] * call->query_query +
                                       block->head[lane] * call->query_head +
                                       feature * call->query_feature) *
                                          sizeOf(call->query_kind);
    loadRow(call->query_kind, query, call->query_feature,
            lane < block->count ? count : 0, count, block->rows[0]);
    for (int64_t d = 0; d < count; ++d)
      block->queries[d][lane] = block->rows[0][d];
  }
}

/// Rows `first` to `first` + Joined of keys or values; those from `end` on are
/// zeros.
ATTN_APART void loadKeys(attn_block *block, int64_t kind, const char *data,
                         int64_t keyStride, int64_t featureStride,
                         int64_t first, int64_t end, int64_t count) {
  for (int64_t key = 0; key < Joined; ++key)
    loadRow(kind, data + (first + key) * keyStride * sizeOf(kind),
            featureStride, first + key < end ? count : 0, count,
            block->rows[key]);
}

/// Adds the terms of `count` features to the scores of Joined keys.
static void addTerms(const attn_block *block, int64_t count,
                     const real *weights, vec *scores) {
  int64_t form = block->call->form;
  vec sums[Joined];
  for (int key = 0; key < Joined; ++key)
    sums[key] = scores[key];
  for (int64_t d = 0; d < count; ++d) {
    vec query = block->queries[d];
    if (form & (ATTN_RT_DISTANCE | ATTN_RT_ADDITIVE)) {
      for (int key = 0; key < Joined; ++key) {
        vec other = block->rows[key][d];
        if (form & ATTN_RT_DISTANCE)
          sums[key] -= (query - other) * (query - other);
        else
          sums[key] += hyperbolicTangent(query + other) * weights[d];
      }
      continue;
    }
#pragma unroll
    for (int key = 0; key < Joined; ++key)
      sums[key] += query * block->rows[key][d];
  }
  for (int key = 0; key < Joined; ++key)
    scores[key] = sums[key];
}

/// The scores of the keys [first, end), Keys at most.
static void findScores(attn_block *block, int64_t first, int64_t end) {
  const attn_rows *call = block->call;
  real weights[Features] __attribute__((aligned(64)));
  for (int64_t key = 0; key < Keys; ++key)
    block->scores[key] = 0;
  for (int64_t d = 0; d < call->features; d += Features) {
    int64_t count = least(call->features - d, Features);
    if (call->features > Features || first == call->begin)
      loadQueries(block, d, count);
    if (call->weight)
      loadRow(call->weight_kind,
              call->weight +
                  d * call->weight_feature * sizeOf(call->weight_kind),
              call->weight_feature, count, count, weights);
    for (int64_t key = first; key < end; key += Joined) {
      loadKeys(block, call->key_kind,
               call->key + d * call->key_feature * sizeOf(call->key_kind),
               call->key_key, call->key_feature, key, end, count);
      addTerms(block, count, weights, block->scores + (key - first));
    }
  }
  for (int64_t key = first; key < end; ++key) {
    real *scores = (real *)&block->scores[key - first];
    for (int64_t lane = 0; lane < block->count; ++lane) {
      scores[lane] *= (real)call->scale;
      if (call->pair)
        scores[lane] =
            ((real (*)(void *, int64_t, int64_t, int64_t, real))call->pair)(
                call->data, block->query[lane], block->head[lane], key,
                scores[lane]);
    }
  }
}

/// Adds keys [first, end) to sums of the values' features from `feature` on.
static void addKeys(attn_block *block, int64_t first, int64_t end,
                    int64_t feature, int64_t count) {
  const attn_rows *call = block->call;
  int isSoftmax = !(call->form & (ATTN_RT_SUM | ATTN_RT_NONE));
  real unit = call->form & ATTN_RT_BINARY ? 1 : log2e;
  vec factor = 1, maximum = block->maximum, shift = 0;
  if (isSoftmax) {
    for (int64_t key = 0; key < end - first; ++key)
      maximum = block->scores[key] > maximum ? block->scores[key] : maximum;
    shift = maximum == -ATTN_INFINITY ? (vec)0 : maximum;
    factor = power((block->maximum - shift) * unit);
    block->maximum = maximum;
  }
  block->sum *= factor;
  for (int64_t e = 0; e < count; ++e)
    block->sums[e] *= factor;
  for (int64_t key = first; key < end; key += Joined) {
    vec weights[Joined];
    ivec present[Joined];
    for (int64_t at = 0; at < Joined; ++at) {
      vec score = block->scores[key + at - first];
      present[at] = isSoftmax ? score != -ATTN_INFINITY : score != 0;
      weights[at] = isSoftmax ? power((score - shift) * unit) : score;
      if (key + at >= end)
        weights[at] = 0;
      block->sum += weights[at];
    }
    loadKeys(block, call->value_kind,
             call->value +
                 feature * call->value_feature * sizeOf(call->value_kind),
             call->value_key, call->value_feature, key, end, count);
    for (int64_t e = 0; e < count; ++e) {
      vec sum = block->sums[e];
#pragma unroll
      for (int64_t at = 0; at < Joined; ++at)
        sum += present[at] ? weights[at] * block->rows[at][e] : (vec)0;
      block->sums[e] = sum;
    }
  }
}

static void start(attn_block *block, int64_t count) {
  const attn_rows *call = block->call;
  real unit = call->form & ATTN_RT_BINARY ? log2e : 1;
  block->maximum = -ATTN_INFINITY;
  if (call->sink)
    for (int64_t lane = 0; lane < block->count; ++lane)
      block->maximum[lane] =
          unit * load(call->sink_kind,
                      call->sink + block->head[lane] * call->sink_head *
                                       sizeOf(call->sink_kind),
                      1, 1)[0];
  // exp(sink - sink): NaN for a sink of inf or NaN, and so is all of its row.
  block->sum = block->maximum == -ATTN_INFINITY
                   ? (vec)0
                   : block->maximum - block->maximum + 1;
  for (int64_t e = 0; e < count; ++e)
    block->sums[e] = 0;
}

/// The rows' outputs, features from `feature` on.
static void finish(attn_block *block, int64_t first, int64_t feature,
                   int64_t count) {
  const attn_rows *call = block->call;
  real *sums = (real *)&block->sum;
  for (int64_t lane = 0; lane < block->count; ++lane) {
    if (call->maximum) {
      ((real *)call->maximum)[first + lane] = block->maximum[lane];
      ((real *)call->sum)[first + lane] = sums[lane];
    }
    real divisor = call->form & ATTN_RT_NONE ? 1 : sums[lane];
    for (int64_t e = 0; e < count; ++e)
      block->rows[0][e] = divisor == 0 ? 0 : block->sums[e][lane] / divisor;
    char *output = call->output + (block->query[lane] * call->output_query +
                                   block->head[lane] * call->output_head +
                                   feature * call->output_feature) *
                                      sizeOf(call->output_kind);
    for (int64_t e = 0; e < count; e += Lanes)
      store(call->output_kind,
            output + e * call->output_feature * sizeOf(call->output_kind),
            call->output_feature, count - e, *(vec *)(block->rows[0] + e));
  }
}

void ATTN_NAME(attn_rt_recompute)(const attn_rt_rows *call) {
  attn_block block __attribute__((aligned(64)));
  block.call = call;
  int64_t rows = call->queries * call->group;
  for (int64_t first = 0; first < rows; first += Lanes) {
    block.count = least(rows - first, Lanes);
    for (int64_t lane = 0; lane < Lanes; ++lane) {
      block.query[lane] = (first + lane) / call->group;
      block.head[lane] = (first + lane) % call->group;
    }
    int64_t feature = 0;
    do {
      int64_t count = least(call->value_features - feature, Features);
      start(&block, count);
      for (int64_t key = call->begin; key < call->end; key += Keys) {
        int64_t end = least(call->end, key + Keys);
        findScores(&block, key, end);
        addKeys(&block, key, end, feature, count);
      }
      finish(&block, first, feature, count);
      feature += Features;
    } while (feature < call->value_features);
  }
}
