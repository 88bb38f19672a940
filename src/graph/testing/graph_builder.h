// For tests of passes: graphs, what ops they are left with, and whether they compute the same.
#pragma once

#include <gtest/gtest.h>

#include "graph/evaluate.h"
#include "graph/infer.h"
#include "graph/sample.h"

namespace dunlin {

/// Node by node, over random constants.
struct GraphBuilder {
  Graph g;
  Philox rng{7};

  GraphBuilder() { g.opsets[""] = kNewestOpset; }
  Tensor random(Shape shape, double lo = -1, double hi = 1) {
    Tensor t(&formats::kF32, std::move(shape));
    for (int64_t i = 0; i < t.num_elements(); ++i)
      t.data<float>()[i] = static_cast<float>(lo + (hi - lo) * rng.uniform_double());
    return t;
  }
  ValueId input(Shape shape) {
    g.inputs.push_back(g.add_value(g.unused_name("x"), {.format = &formats::kF32, .shape = shape}));
    return g.inputs.back();
  }
  ValueId constant(Tensor t) {
    return g.add_initializer(g.unused_name("c"), std::make_shared<Tensor>(std::move(t)));
  }
  ValueId weight(Shape shape, double lo = -1, double hi = 1) {
    return constant(random(std::move(shape), lo, hi));
  }
  ValueId scalar(float v) { return constant(Tensor::of<float>({}, {v})); }
  ValueId node(std::string op, std::vector<ValueId> in, std::string_view attributes = "") {
    const ValueId out = g.add_value(g.unused_name("v"));
    g.nodes.push_back({.op = op,
                       .domain = "",
                       .name = "",
                       .attributes = parse_attributes(attributes),
                       .inputs = std::move(in),
                       .outputs = {out}});
    return out;
  }
  /// A dimension of unknown size.
  int64_t symbol(std::string name) {
    g.symbols.push_back(std::move(name));
    return -1 - static_cast<int64_t>(g.symbols.size());
  }
  ValueId ints(std::vector<int64_t> v) {
    Tensor t(&formats::kI64, Shape{static_cast<int64_t>(v.size())});
    std::copy(v.begin(), v.end(), t.data<int64_t>());
    return constant(std::move(t));
  }
  Graph done(std::vector<ValueId> outputs) {
    g.outputs = std::move(outputs);
    return infer_and_fold(g);
  }
};

inline std::vector<std::string> ops(const Graph& g) {
  std::vector<std::string> names;
  for (const Node& n : g.nodes) names.push_back(n.op);
  return names;
}

/// By the references, on random inputs; an open size is one number for each symbol.
inline void expect_same_results(const Graph& before, const Graph& after, double tolerance = 2e-5) {
  GraphBuilder b;
  for (int draw = 0; draw < 3; ++draw) {
    std::vector<Tensor> in;
    for (ValueId v : before.inputs) {
      Shape shape = *before.type(v).shape;
      for (int d = 0; d < shape.rank(); ++d)
        if (shape[d] < 0) shape[d] = 1 - shape[d] + draw;
      in.push_back(b.random(shape, -4, 4));
    }
    const auto want = evaluate(before, in), got = evaluate(after, in);
    for (size_t k = 0; k < want.size(); ++k) {
      ASSERT_EQ(to_string(got[k].shape()), to_string(want[k].shape()));
      for (int64_t i = 0; i < want[k].num_elements(); ++i)
        ASSERT_NEAR(got[k].data<float>()[i], want[k].data<float>()[i], tolerance) << i;
    }
  }
}

}  // namespace dunlin
