// Properties that every op of the catalog must have, driven by its samples.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/testing/soak.h"
#include "graph/autodiff/differentiate.h"
#include "graph/evaluate.h"
#include "graph/infer.h"
#include "graph/sample.h"
#include "graph/testing/one_node.h"
#include "tensor/strided.h"

namespace dunlin {
namespace {

struct Case {
  const OpDef* op;
  size_t sample;
};

std::vector<Case> cases(bool with_gradient) {
  std::vector<Case> out;
  for (const OpDef* newest : all_ops())
    for (const OpDef* op = newest; op; op = op->older)
      for (size_t i = 0; i < op->samples.size(); ++i)
        if (!with_gradient || op->gradient) out.push_back({op, i});
  return out;
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  const auto& [op, sample] = info.param;
  std::string name = fmt::format("{}{}_{}_{}", op->domain, op->name, op->since, sample);
  std::erase(name, '.');
  return name;
}

TEST(Ops, EveryOneHasSourceSamplesInferenceAndForward) {
  for (const OpDef* op : all_ops()) {
    EXPECT_FALSE(op->source.empty()) << op->name;
    // Samples are words for tensors of numbers; ops on anything else have tests of their own.
    const bool numbers = op->forward && !op->name.starts_with("String") && op->name != "CategoryMapper";
    EXPECT_EQ(op->samples.empty(), !numbers) << op->name;
    EXPECT_TRUE(op->infer && (op->forward || op->run)) << op->name;
    for (const Sample& s : op->samples) EXPECT_EQ(find_op(op->domain, op->name, opset_of(*op, s)), op);
  }
}

class EverySample : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Catalog, EverySample, testing::ValuesIn(cases(false)), case_name);

/// Floats as FLOAT8E4M3FN, integers as INT4.
Tensor narrowed(const Tensor& x) {
  const Format narrow = x.format() == &formats::kF32 ? &formats::kF8E4M3FN : &formats::kI4;
  const Attributes to{{"to", int64_t{narrow->onnx_type}}};
  std::vector<Tensor> in;
  in.push_back(x.clone());
  return std::move(evaluate(one_node("Cast", in, to), in)[0]);
}

// What inference lets pass is computed: a plan has no other look at it.
TEST_P(EverySample, NarrowFloatsAreTakenOrRefusedAtInference) {
  const auto& [op, i] = GetParam();
  SampleCase s = make_sample(*op, op->samples[i], 1);
  if (!op->forward) return;
  const Node& node = s.graph.nodes[0];
  for (size_t which = 0; which <= node.inputs.size(); ++which) {  // each alone, then all
    Graph g = s.graph;
    std::vector<Tensor> in;
    bool any = false;
    const auto chosen = [&](ValueId v, Format format) {
      const bool widens = format == &formats::kF32 || format->kind == FormatDef::Kind::kSigned ||
                          format->kind == FormatDef::Kind::kUnsigned;
      const bool is = widens && (which == node.inputs.size() || node.inputs[which] == v);
      any |= is;
      return is;
    };
    for (size_t k = 0; k < s.inputs.size(); ++k) {
      const Tensor& x = s.inputs[k];
      in.push_back(chosen(g.inputs[k], x.format()) ? narrowed(x) : x.view());
      g.values[static_cast<size_t>(g.inputs[k])].type.format = in.back().format();
    }
    for (auto& [v, t] : g.initializers)
      if (chosen(v, t->format())) {
        t = std::make_shared<const Tensor>(narrowed(*t));
        g.values[static_cast<size_t>(v)].type.format = t->format();
      }
    if (!any) continue;
    std::vector<Type> types;
    std::vector<const Tensor*> constants;
    for (ValueId v : node.inputs) {
      types.push_back(v == kNoValue ? Type{} : g.type(v));
      constants.push_back(v == kNoValue ? nullptr : g.initializer(v));
    }
    try {
      infer_node(g, node, types, constants);
    } catch (const Error& e) {
      const std::string words = e.what();
      EXPECT_TRUE(words.find(describe(g, node)) != words.npos &&
                  (words.find("f8e4m3fn") != words.npos || words.find("i4") != words.npos))
          << words;
      continue;
    }
    try {
      evaluate(g, in);
    } catch (const Error& e) {
      ADD_FAILURE() << "input " << which << ": " << e.what();
    }
  }
}

TEST_P(EverySample, InferredTypesAreThoseOfTheOutputs) {
  const auto& [op, i] = GetParam();
  SampleCase s = make_sample(*op, op->samples[i], 1);
  const Graph inferred = infer_and_fold(s.graph);
  const auto out = evaluate(s.graph, s.inputs);
  for (size_t k = 0; k < out.size(); ++k) {
    const Type& t = inferred.type(inferred.outputs[k]);
    EXPECT_EQ(t.format, out[k].format()) << k;
    if (t.shape && t.shape->known()) EXPECT_EQ(to_string(*t.shape), to_string(out[k].shape())) << k;
  }
}

/// The same values, stored with the axes of neighbouring elements exchanged.
Tensor reversed_strides(const Tensor& t) {
  Shape reversed;
  for (int d = t.shape().rank() - 1; d >= 0; --d) reversed.push_back(t.shape()[d]);
  auto memory = std::make_shared<Tensor>(t.format(), reversed);
  Strides strides = row_major_strides(reversed);
  std::reverse(strides.begin(), strides.end());
  Tensor out = Tensor::over(t.format(), t.shape(), strides, memory->plane(Plane::kPayload).data(), memory);
  copy_strided(t, out);
  return out;
}

TEST_P(EverySample, StridesDoNotChangeTheResult) {
  const auto& [op, i] = GetParam();
  SampleCase s = make_sample(*op, op->samples[i], 2);
  const auto plain = evaluate(s.graph, s.inputs);
  std::vector<Tensor> strided;
  for (const Tensor& t : s.inputs) strided.push_back(reversed_strides(t));
  const auto out = evaluate(s.graph, strided);
  for (size_t k = 0; k < out.size(); ++k) {
    ASSERT_EQ(out[k].num_bytes(), plain[k].num_bytes());
    const Tensor a = out[k].clone(), b = plain[k].clone();
    const bool same = a.num_bytes() == 0 || std::memcmp(a.plane(Plane::kPayload).data(),
                                                        b.plane(Plane::kPayload).data(), a.num_bytes()) == 0;
    EXPECT_TRUE(same) << "output " << k;
  }
}

class EveryGradient : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Catalog, EveryGradient, testing::ValuesIn(cases(true)), case_name);

// Directional derivatives in double: <J^T r, d> against central differences of <r, f(x + t d)>.
void expect_gradient(const OpDef& op, const Sample& sample, uint64_t draw) {
  SampleCase s = make_sample(op, sample, draw, &formats::kF64);
  Graph g = infer_and_fold(s.graph);
  std::vector<ValueId> wrt;
  for (ValueId v : g.inputs)
    if (g.type(v).format == &formats::kF64) wrt.push_back(v);
  if (wrt.empty()) GTEST_SKIP() << "no floating-point input";
  const std::vector<Tensor> base = evaluate(s.graph, s.inputs);
  Philox rng(draw + 1);
  std::vector<Seed> seeds;
  std::vector<Tensor> weights(base.size());
  Graph seeded = g;
  for (size_t k = 0; k < base.size(); ++k) {
    if (base[k].format() != &formats::kF64) continue;
    auto r = std::make_shared<Tensor>(&formats::kF64, base[k].shape());
    for (int64_t e = 0; e < r->num_elements(); ++e) r->data<double>()[e] = rng.normal();
    weights[k] = r->view();
    seeds.push_back({seeded.outputs[k], seeded.add_initializer(fmt::format("seed{}", k), r)});
  }
  Differentiated d = backpropagate(seeded, seeds, wrt);
  d.graph.outputs.clear();
  for (ValueId v : d.gradients) {
    if (v != kNoValue) d.graph.outputs.push_back(v);
  }
  const std::vector<Tensor> gradients = evaluate(remove_dead(d.graph), s.inputs);
  const auto objective = [&](const std::vector<Tensor>& inputs) {
    const auto out = evaluate(s.graph, inputs);
    double sum = 0;
    for (size_t k = 0; k < out.size(); ++k)
      if (weights[k])
        for (int64_t e = 0; e < out[k].num_elements(); ++e)
          sum += out[k].data<double>()[e] * weights[k].data<double>()[e];
    return sum;
  };
  size_t next = 0;
  for (size_t k = 0; k < wrt.size(); ++k) {
    const size_t input =
        static_cast<size_t>(std::find(g.inputs.begin(), g.inputs.end(), wrt[k]) - g.inputs.begin());
    const Tensor& x = s.inputs[input];
    std::vector<double> direction(static_cast<size_t>(x.num_elements()));
    for (double& v : direction) v = rng.normal();
    double analytic = 0;
    if (d.gradients[k] != kNoValue) {
      const Tensor& gradient = gradients[next++];
      ASSERT_EQ(to_string(gradient.shape()), to_string(x.shape())) << "gradient of input " << input;
      for (size_t e = 0; e < direction.size(); ++e) analytic += gradient.values<double>()[e] * direction[e];
    }
    const double h = 1e-6;
    double values[2];
    for (int side = 0; side < 2; ++side) {
      std::vector<Tensor> moved;
      for (const Tensor& t : s.inputs) moved.push_back(t.clone());
      for (size_t e = 0; e < direction.size(); ++e)
        moved[input].data<double>()[e] += (side ? h : -h) * direction[e];
      values[side] = objective(moved);
    }
    const double numeric = (values[1] - values[0]) / (2 * h);
    EXPECT_NEAR(analytic, numeric, 1e-6 * (1 + std::fabs(numeric))) << "input " << input;
  }
}

TEST_P(EveryGradient, AgreesWithFiniteDifferences) {
  const auto& [op, i] = GetParam();
  for (int draw = 0; draw < soak_factor() && !IsSkipped() && !HasFailure(); ++draw) {
    SCOPED_TRACE(draw);
    expect_gradient(*op, op->samples[i], 3 + static_cast<uint64_t>(draw));
  }
}

}  // namespace
}  // namespace dunlin
