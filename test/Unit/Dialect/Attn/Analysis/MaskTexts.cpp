//===- MaskTexts.cpp - Masks of attn as text, with data ---------*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MaskTexts.h"

using namespace mlir;
using namespace mlir::attn;
using namespace mlir::attn::test;

Datum test::range(int64_t count, function_ref<int64_t(int64_t)> element) {
  std::vector<int64_t> data;
  for (int64_t at = 0; at < count; ++at)
    data.push_back(element(at));
  return makeTensor({count}, data);
}

std::vector<Datum> test::nothing(const Sizes &) { return {}; }

int64_t test::documentOf(int64_t position) {
  int64_t lengths[] = {5, 1, 11, 8, 2, 19, 3}, document = 0;
  while (position >= lengths[document % 7])
    position -= lengths[document++ % 7];
  return document;
}

std::vector<Datum> test::sortedIds(const Sizes &s) {
  return {range(std::max(s.queries, s.keys),
                [](int64_t at) { return documentOf(at) * 3 - 4; })};
}

std::string test::predicate(StringRef captures, StringRef operands,
                            StringRef arguments, StringRef body) {
  std::string list = operands.empty() ? "" : ("(" + operands + ")").str();
  return ("func.func @mask(" + captures + ") {\n  %m = attn.mask.predicate" +
          list + " {\n  ^bb0(%b: index, %h: index, %i: index, %j: index" +
          (arguments.empty() ? "" : ", ") + arguments + "):\n" + body +
          "\n    attn.yield %keep : i1\n  }\n  return\n}")
      .str();
}

std::string test::ops(StringRef captures, StringRef body) {
  return ("func.func @mask(" + captures + ") {\n" + body + "\n  return\n}")
      .str();
}

std::vector<Datum> test::offsetsOfDocuments(const Sizes &s) {
  int64_t length = std::max(s.queries, s.keys);
  std::vector<int64_t> starts{0};
  for (int64_t at = 1; at < length; ++at)
    if (documentOf(at) != documentOf(at - 1))
      starts.push_back(at);
  starts.push_back(length);
  return {range(length, documentOf),
          makeTensor({int64_t(starts.size())}, starts)};
}
