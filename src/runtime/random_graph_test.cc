// Random graphs through the planner: results as those of the scalar references, and no two values that are
// needed at the same time on the same memory.
#include <gtest/gtest.h>

#include <climits>
#include <cmath>
#include <cstring>
#include <random>

#include "base/testing/soak.h"
#include "base/threads.h"
#include "dunlin/session.h"
#include "graph/evaluate.h"
#include "graph/infer.h"
#include "graph/sample.h"
#include "runtime/plan.h"

namespace dunlin {
namespace {

const auto kDraws = static_cast<unsigned>(soak_factor());

/// Grows a graph over images, matrices and vectors, with values read more than once and views of views.
class RandomGraph {
 public:
  explicit RandomGraph(unsigned seed) : rng_(seed) {
    g_.opsets[""] = kNewestOpset;
    const Shape shape{pick(1, 2), pick(1, 5), pick(3, 7), pick(3, 7)};
    g_.inputs = {g_.add_value("x", {.format = &formats::kF32, .shape = shape})};
    pool_ = {g_.inputs[0]};
  }

  Graph grow(int nodes) {
    while (static_cast<int>(g_.nodes.size()) < nodes) step();
    for (int i = 0; i < 3; ++i)
      g_.outputs.push_back(pool_[pool_.size() - 1 - static_cast<size_t>(i) % pool_.size()]);
    g_.outputs.push_back(pool_[static_cast<size_t>(pick(0, static_cast<int>(pool_.size()) - 1))]);
    return g_;
  }

 private:
  int pick(int lo, int hi) { return lo + static_cast<int>(rng_() % static_cast<unsigned>(hi - lo + 1)); }
  const Shape& shape(ValueId v) const { return *g_.type(v).shape; }
  ValueId weight(Shape s, float lo = -1) {
    auto t = std::make_shared<Tensor>(&formats::kF32, std::move(s));
    std::uniform_real_distribution<float> d(lo, 1);
    for (int64_t i = 0; i < t->num_elements(); ++i) t->data<float>()[i] = d(rng_);
    return g_.add_initializer(fmt::format("w{}", g_.values.size()), std::move(t));
  }
  ValueId ints(std::vector<int64_t> v) {
    auto t = std::make_shared<Tensor>(
        Tensor::of<int64_t>({static_cast<int64_t>(v.size())}, std::span<const int64_t>(v)));
    return g_.add_initializer(fmt::format("i{}", g_.values.size()), std::move(t));
  }
  void node(std::string op, std::vector<ValueId> in, std::string_view attributes = "", int outputs = 1) {
    Node n{.op = op,
           .domain = "",
           .name = fmt::format("n{}", g_.nodes.size()),
           .attributes = parse_attributes(attributes),
           .inputs = std::move(in),
           .outputs = {}};
    std::vector<Type> types;
    std::vector<const Tensor*> constants;
    for (ValueId v : n.inputs) {
      types.push_back(g_.type(v));
      constants.push_back(g_.initializer(v));
    }
    n.outputs.assign(static_cast<size_t>(outputs), 0);
    const auto out = infer_node(g_, n, types, constants);
    for (size_t i = 0; i < n.outputs.size(); ++i) {
      n.outputs[i] = g_.add_value(fmt::format("v{}", g_.values.size()), out[i]);
      pool_.push_back(n.outputs[i]);
    }
    g_.nodes.push_back(std::move(n));
  }

  void step() {
    const ValueId x = pool_[static_cast<size_t>(
        pick(std::max(0, static_cast<int>(pool_.size()) - 4), static_cast<int>(pool_.size()) - 1))];
    const Shape s = shape(x);
    const bool image = s.rank() == 4;
    switch (pick(0, 15)) {
      case 0:
      case 1:
        if (!image) return;
        return node("Conv", {x, weight({pick(1, 6), s[1], 3, 3})}, "pads=[1,1,1,1]");
      case 2:
        if (!image) return;
        return node("Conv", {x, weight({s[1], 1, 3, 3}), weight({s[1]})},
                    fmt::format("pads=[1,1,1,1] group={}", s[1]));
      case 3:
        return node("Relu", {x});
      case 4:
        return node("Sigmoid", {x});
      case 5: {  // another value of the same shape
        for (int tries = 0; tries < 8; ++tries) {
          const ValueId y = pool_[static_cast<size_t>(pick(0, static_cast<int>(pool_.size()) - 1))];
          if (shape(y) == s) return node(pick(0, 1) ? "Add" : "Mul", {x, y});
        }
        return node("Add", {x, x});
      }
      case 6:
        if (!image) return;
        return node("Mul", {x, weight({1, s[1], 1, 1})});
      case 7: {
        if (!image) return;
        node("GlobalAveragePool", {x});
        return node("Mul", {x, pool_.back()});
      }
      case 8:
        if (!image || s[2] < 2 || s[3] < 2) return;
        return node("MaxPool", {x}, "kernel_shape=[2,2]");
      case 9:
        if (!image) return;
        return node("Concat", {x, x}, "axis=1");
      case 10:
        return node("Transpose", {x}, image ? "perm=[0,2,3,1]" : "");
      case 11:
        return node("Reshape", {x, ints({-1, s[s.rank() - 1]})});
      case 12:
        return node("Softmax", {x}, image && pick(0, 1) ? "axis=1" : "axis=-1");
      case 13:
        if (!image) return;
        return node("BatchNormalization",
                    {x, weight({s[1]}), weight({s[1]}), weight({s[1]}), weight({s[1]}, 0.5f)});
      case 14:
        return node("Identity", {x});
      default:
        if (s[0] * s[1] > 400 || s.rank() != 2) return;
        return node("MatMul", {x, weight({s[1], pick(1, 20)})});
    }
  }

  std::mt19937 rng_;
  Graph g_;
  std::vector<ValueId> pool_;
};

std::vector<Tensor> random_inputs(const Graph& g, unsigned seed) {
  std::mt19937 rng(seed);
  std::uniform_real_distribution<float> d(-1, 1);
  std::vector<Tensor> in;
  for (ValueId v : g.inputs) {
    in.emplace_back(&formats::kF32, *g.type(v).shape);
    for (int64_t i = 0; i < in.back().num_elements(); ++i) in.back().data<float>()[i] = d(rng);
  }
  return in;
}

TEST(RandomGraphs, AgreeWithTheReferences) {
  auto one = std::make_shared<ThreadPool>(1), three = std::make_shared<ThreadPool>(3);
  for (unsigned seed = 0; seed < 150 * kDraws; ++seed) {
    SCOPED_TRACE(seed);
    const auto g = std::make_shared<const Graph>(RandomGraph(seed).grow(3 + static_cast<int>(seed % 20)));
    const auto in = random_inputs(*g, seed);
    const auto want = evaluate(*g, in);
    SessionOptions options;
    options.pool = one;
    Session a(g, options);
    options.pool = three;
    Session b(g, options);
    a.run(in);
    const auto got = a.run(in), other = b.run(in);
    for (size_t k = 0; k < want.size(); ++k) {
      ASSERT_EQ(to_string(got[k].shape()), to_string(want[k].shape()));
      double scale = 1e-3;  // of the value as a whole: sums cancel
      for (int64_t i = 0; i < want[k].num_elements(); ++i)
        scale = std::max(scale, std::fabs(static_cast<double>(want[k].data<float>()[i])));
      for (int64_t i = 0; i < want[k].num_elements(); ++i)
        ASSERT_NEAR(got[k].data<float>()[i], want[k].data<float>()[i], 1e-4 * scale) << "output " << k;
      ASSERT_EQ(0, std::memcmp(got[k].data<float>(), other[k].data<float>(), got[k].num_bytes()));
    }
  }
}

// What goes wrong between layouts and formats is off by as much as the value itself; each node of bf16 by a rounding of
// its weights or inputs and one of its output, 2^-8 of their size each.
TEST(RandomGraphs, InBf16AreNearTheReferences) {
  for (unsigned seed = 0; seed < 150 * kDraws; ++seed) {
    SCOPED_TRACE(seed);
    const int nodes = 3 + static_cast<int>(seed % 20);
    const auto g = std::make_shared<const Graph>(RandomGraph(seed).grow(nodes));
    const auto in = random_inputs(*g, seed);
    const auto want = evaluate(*g, in);
    Session one(g, {.num_threads = 1, .compute = "bf16"}), three(g, {.num_threads = 3, .compute = "bf16"});
    const auto got = one.run(in), other = three.run(in);
    for (size_t k = 0; k < want.size(); ++k) {
      double scale = 1e-3;
      for (int64_t i = 0; i < want[k].num_elements(); ++i)
        scale = std::max(scale, std::fabs(static_cast<double>(want[k].data<float>()[i])));
      for (int64_t i = 0; i < want[k].num_elements(); ++i)
        ASSERT_NEAR(got[k].data<float>()[i], want[k].data<float>()[i], nodes * 0x1p-7 * scale)
            << "output " << k;
      ASSERT_EQ(0, std::memcmp(got[k].data<float>(), other[k].data<float>(), got[k].num_bytes()));
    }
  }
}

struct Range {
  int first = -1, last = -1;
  uint64_t begin = 0, end = 0;
};

// Worked out anew from the steps alone: two values may share bytes only if one is read for the last time by
// the very step that makes the other (in place), or if one is a view of the other.
TEST(RandomGraphs, ValuesNeededTogetherDoNotShareMemory) {
  for (unsigned seed = 0; seed < 300 * kDraws; ++seed) {
    SCOPED_TRACE(seed);
    const Graph g = RandomGraph(seed).grow(5 + static_cast<int>(seed % 30));
    const auto plan =
        make_plan(g, {.isa = best_isa(), .bf16 = seed % 2 == 1, .packed = std::make_shared<PackedCache>()});
    std::vector<Range> ranges(plan->operands.size());
    std::vector<int> view_of(plan->operands.size(), -1);
    const auto at = [](int i) { return static_cast<size_t>(i); };
    for (size_t s = 0; s < plan->steps.size(); ++s) {
      const Step& step = plan->steps[s];
      for (int id : step.in)
        if (id >= 0) ranges[at(id)].last = static_cast<int>(s);
      for (int id : step.out)
        if (id >= 0) ranges[at(id)].first = ranges[at(id)].last = static_cast<int>(s);
      if (step.view) view_of[at(step.out[0])] = step.in[0];
    }
    for (size_t i = 0; i < ranges.size(); ++i) {
      const Operand& root = plan->operands[at(plan->operands[i].root)];
      if (root.home != Operand::Home::kArena) continue;
      ranges[i].begin = plan->blocks[at(root.block)].offset;
      ranges[i].end =
          ranges[i].begin + static_cast<uint64_t>(plan->operands[i].shape().num_elements()) *
                                static_cast<uint64_t>(element_bytes(plan->operands[i].type.format));
      EXPECT_LE(ranges[i].end, plan->arena_bytes);
    }
    const auto viewed = [&](int i) {
      while (view_of[at(i)] >= 0) i = view_of[at(i)];
      return i;
    };
    for (size_t i = 0; i < ranges.size(); ++i)
      for (size_t j = 0; j < ranges.size(); ++j) {
        const Range &a = ranges[i], &b = ranges[j];
        if (i == j || a.first < 0 || b.first < 0 || a.end <= b.begin || b.end <= a.begin || a.end == 0)
          continue;
        if (viewed(static_cast<int>(i)) == viewed(static_cast<int>(j))) continue;
        const bool apart = a.last < b.first || b.last < a.first;
        const bool in_place =
            (a.last == b.first || b.last == a.first) && plan->operands[i].root == plan->operands[j].root;
        EXPECT_TRUE(apart || in_place) << plan->operands[i].name << " and " << plan->operands[j].name;
      }
  }
}

}  // namespace
}  // namespace dunlin
