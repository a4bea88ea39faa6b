//===- RandomClassificationTest.cpp - Random masks, and planted mistakes --===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RandomMask.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/FormatVariadic.h"
#include "gmock/gmock.h"

using namespace mlir;
using namespace mlir::attn::test;

namespace {
/// ATTN_RANDOM_MASKS=first:last runs other seeds.
std::pair<uint64_t, uint64_t> getSeeds() {
  uint64_t first = 0, last = 2000;
  if (const char *range = std::getenv("ATTN_RANDOM_MASKS")) {
    auto [from, to] = StringRef(range).split(':');
    if (from.getAsInteger(10, first) || to.getAsInteger(10, last))
      llvm::report_fatal_error("ATTN_RANDOM_MASKS takes first:last");
  }
  return {first, last};
}

std::string toText(ModuleOp module, const RandomMask &mask) {
  std::string text;
  llvm::raw_string_ostream os(text);
  module.print(os);
  os << llvm::formatv("B {0} H {1} M {2} N {3} tiles {4} x {5}\n",
                      mask.sizes.batches, mask.sizes.heads, mask.sizes.queries,
                      mask.sizes.keys, mask.sizes.tileQueries,
                      mask.sizes.tileKeys);
  for (const Datum &datum : mask.captures) {
    if (!datum.tensor)
      os << datum.integer << "\n";
    else
      llvm::interleaveComma(datum.tensor->data, os << "["), os << "]\n";
  }
  return text;
}

TEST(RandomClassificationTest, IsSoundOnEveryTile) {
  auto context = makeContext();
  Outcome total;
  auto [first, last] = getSeeds();
  for (uint64_t seed = first; seed < last; ++seed) {
    RandomMask mask(*context, seed);
    Outcome outcome = classify(*mask.module, mask.captures, mask.sizes);
    total += outcome;
    ASSERT_TRUE(outcome.isSound())
        << "seed " << seed << ": " << outcome.fault << "\n"
        << toText(*mask.module, mask);
  }
  llvm::outs() << llvm::formatv(
      "{0} random masks, {1} tiles: {2} called partial that are not\n",
      last - first, total.tiles, total.inexact);
  llvm::outs().flush();
}

//===----------------------------------------------------------------------===//
// Planted mistakes
//===----------------------------------------------------------------------===//

/// Quotients of negative numbers: chunks that do not begin at 0.
const char *kShiftedChunks = R"(
func.func @mask() {
  %m = attn.mask.predicate {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %c = arith.constant 12 : index
    %o = arith.constant 20 : index
    %p = arith.subi %i, %o : index
    %q = arith.subi %j, %o : index
    %x = arith.floordivsi %p, %c : index
    %y = arith.floordivsi %q, %c : index
    %same = arith.cmpi eq, %x, %y : index
    %past = arith.cmpi sle, %j, %i : index
    %keep = arith.andi %same, %past : i1
    attn.yield %keep : i1
  }
  return
})";

class PlantedMistakeTest : public testing::Test {
protected:
  /// What the checks say once `plant` has changed the emitted code.
  Outcome classifyChunks(function_ref<void(func::FuncOp)> plant) {
    OwningOpRef<ModuleOp> module = parseMask(*context, kShiftedChunks);
    return classify(*module, {}, {1, 1, 50, 45, 8, 8}, plant);
  }

  std::unique_ptr<MLIRContext> context = makeContext();
  unsigned planted = 0;
};

TEST_F(PlantedMistakeTest, NoneIsExact) {
  Outcome outcome = classifyChunks(nullptr);
  EXPECT_TRUE(outcome.isExact()) << outcome.fault;
}

TEST_F(PlantedMistakeTest, QuotientsRoundedToZeroAreCaught) {
  Outcome outcome = classifyChunks([&](func::FuncOp function) {
    function.walk([&](arith::FloorDivSIOp op) {
      OpBuilder builder(op);
      op.replaceAllUsesWith(
          arith::DivSIOp::create(builder, op.getLoc(), op.getLhs(), op.getRhs())
              .getResult());
      ++planted;
    });
  });
  EXPECT_GT(planted, 0u);
  EXPECT_FALSE(outcome.isSound());
}

TEST_F(PlantedMistakeTest, LastPositionOffByOneIsCaught) {
  for (int64_t wrong : {0, 2}) {
    Outcome outcome = classifyChunks([&](func::FuncOp function) {
      function.walk([&](arith::SubIOp op) {
        if (!matchPattern(op.getRhs(), m_One()))
          return;
        OpBuilder builder(op);
        op.getRhsMutable().assign(
            arith::ConstantIntOp::create(builder, op.getLoc(), wrong, 64));
        ++planted;
      });
    });
    EXPECT_GT(planted, 0u);
    EXPECT_FALSE(outcome.isExact());
  }
}

TEST_F(PlantedMistakeTest, StrictComparisonIsCaught) {
  Outcome outcome = classifyChunks([&](func::FuncOp function) {
    function.walk([&](arith::CmpIOp op) {
      if (op.getPredicate() == arith::CmpIPredicate::sle) {
        op.setPredicate(arith::CmpIPredicate::slt);
        ++planted;
      }
    });
  });
  EXPECT_GT(planted, 0u);
  EXPECT_FALSE(outcome.isSound());
}

TEST_F(PlantedMistakeTest, SwappedMinimumIsCaught) {
  Outcome outcome = classifyChunks([&](func::FuncOp function) {
    function.walk([&](arith::MaxSIOp op) {
      OpBuilder builder(op);
      op.replaceAllUsesWith(
          arith::MinSIOp::create(builder, op.getLoc(), op.getLhs(), op.getRhs())
              .getResult());
      ++planted;
    });
  });
  EXPECT_GT(planted, 0u);
  EXPECT_FALSE(outcome.isExact());
}

/// Documents, whose keys are searched for.
TEST_F(PlantedMistakeTest, SearchOneTileTooFarIsCaught) {
  OwningOpRef<ModuleOp> module =
      parseMask(*context, "func.func @mask(%ids: tensor<?xi32>) {\n"
                          "  %m = attn.mask.document %ids : tensor<?xi32>\n"
                          "  return\n}");
  std::vector<int64_t> ids;
  for (int64_t at = 0; at < 60; ++at)
    ids.push_back(at / 7);
  auto check = [&](function_ref<void(func::FuncOp)> plant) {
    return classify(*module, {makeTensor({60}, ids)}, {1, 1, 60, 60, 8, 4},
                    plant);
  };
  EXPECT_TRUE(check(nullptr).isExact());
  Outcome outcome = check([&](func::FuncOp function) {
    function.walk([&](arith::ShRUIOp middle) {
      for (Operation *user : middle->getUsers())
        if (auto next = dyn_cast<arith::AddIOp>(user)) {
          OpBuilder builder(next);
          next.getRhsMutable().assign(
              arith::ConstantIndexOp::create(builder, next.getLoc(), 2));
          ++planted;
        }
    });
  });
  EXPECT_GT(planted, 0u);
  EXPECT_FALSE(outcome.isSound());
}
} // namespace
