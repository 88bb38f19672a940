// RNN, LSTM and GRU against numbers worked out by hand, and what they refuse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "graph/evaluate.h"
#include "graph/infer.h"
#include "graph/inspect.h"
#include "graph/sample.h"

namespace dunlin {
namespace {

using testing::HasSubstr;

SampleCase node(std::string_view op, std::string_view attributes, std::string_view inputs, int outputs = 1) {
  return make_sample(*find_op("", op, kNewestOpset), {attributes, inputs, kNewestOpset, outputs}, 1);
}

std::vector<float> values(const SampleCase& s, size_t output = 0) {
  const Tensor t = evaluate(s.graph, s.inputs)[output].clone();
  return {t.values<float>().begin(), t.values<float>().end()};
}

std::string error_of(std::string_view op, std::string_view attributes, std::string_view inputs) {
  try {
    const SampleCase s = node(op, attributes, inputs);
    infer_and_fold(s.graph);
    evaluate(s.graph, s.inputs);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

// With W = 1 and R = 0 an RNN gives f(x) for every step.
TEST(Recurrent, FunctionsAreThoseOfTheStandard) {
  const std::pair<const char*, std::vector<float>> kExpected[] = {
      {"'Relu'", {0, 0, 0.75f, 3}},
      {"'Tanh'", {-0.96402758f, -0.46211716f, 0.63514895f, 0.99505475f}},
      {"'Sigmoid'", {0.11920292f, 0.37754067f, 0.67917870f, 0.95257413f}},
      {"'Affine'] activation_alpha=[0.5] activation_beta=[0.25", {-0.75f, 0, 0.625f, 1.75f}},
      {"'Affine'", {-2, -0.5f, 0.75f, 3}},
      {"'LeakyRelu'] activation_alpha=[0.2", {-0.4f, -0.1f, 0.75f, 3}},
      {"'LeakyRelu'", {-0.02f, -0.005f, 0.75f, 3}},
      {"'ThresholdedRelu'] activation_alpha=[0.75", {0, 0, 0.75f, 3}},
      {"'ThresholdedRelu'", {0, 0, 0, 3}},
      {"'ScaledTanh'] activation_alpha=[1.5] activation_beta=[0.5",
       {-1.14239123f, -0.36737799f, 0.53753610f, 1.35772238f}},
      {"'HardSigmoid'] activation_alpha=[0.25] activation_beta=[0.5", {0, 0.375f, 0.6875f, 1}},
      {"'HardSigmoid'", {0.1f, 0.4f, 0.65f, 1}},
      {"'Elu'] activation_alpha=[0.5", {-0.43233236f, -0.19673467f, 0.75f, 3}},
      {"'Softsign'", {-0.66666667f, -0.33333333f, 0.42857143f, 0.75f}},
      {"'Softplus'", {0.12692801f, 0.47407698f, 1.13687101f, 3.04858735f}}};
  for (const auto& [activation, expected] : kExpected) {
    const auto got = values(node("RNN", fmt::format("activations=[{}]", activation),
                                 "f32[4,1,1]{-2,-0.5,0.75,3} f32[1,1,1]{1} f32[1,1,1]{0}"));
    for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(got[i], expected[i], 1e-6f) << activation;
  }
}

// Each function takes the next number of the list, those without one take none.
TEST(Recurrent, NumbersGoToTheFunctionsInOrder) {
  const auto got = values(node("RNN",
                               "direction='bidirectional' activations=['Tanh','Affine'] "
                               "activation_alpha=[2.0] activation_beta=[0.5]",
                               "f32[1,1,1]{0.25} f32[2,1,1]{1,1} f32[2,1,1]{0,0}"));
  EXPECT_NEAR(got[0], std::tanh(0.25f), 1e-6f);
  EXPECT_NEAR(got[1], 1.0f, 1e-6f);
}

struct Unit {
  bool peepholes = false, coupled = false;
  double clip = INFINITY;
};

// One unit with one input, by the equations of the standard in its own notation.
void expect_lstm(const Unit& unit) {
  const double x[] = {0.9, -1.3, 0.4}, W[] = {1.2, -0.7, 0.8, 1.5}, R[] = {0.5, -1.1, 0.6, -0.4},
               B[] = {0.1, 0.2, -0.3, 0.4, -0.2, 0.3, 0.1, 0.05}, P[] = {0.7, -0.6, 0.9};
  const auto p = [&](int gate) { return unit.peepholes ? P[gate] : 0; };
  const auto cut = [&](double v) { return std::clamp(v, -unit.clip, unit.clip); };
  const auto f = [&](double v) { return 1 / (1 + std::exp(-cut(v))); };
  const auto g = [&](double v) { return std::tanh(cut(v)); };
  const auto sum = [&](int gate, double xt, double h) {
    return xt * W[gate] + h * R[gate] + B[gate] + B[4 + gate];
  };
  double H = 0.3, C = -0.8;
  std::vector<double> Y;
  for (double xt : x) {
    const double it = f(sum(0, xt, H) + p(0) * C);
    const double ft = unit.coupled ? 1 - it : f(sum(2, xt, H) + p(2) * C);
    const double ct = g(sum(3, xt, H));
    C = ft * C + it * ct;
    const double ot = f(sum(1, xt, H) + p(1) * C);
    H = ot * g(C);
    Y.push_back(H);
  }
  std::string attributes = fmt::format("input_forget={}", unit.coupled ? 1 : 0);
  if (std::isfinite(unit.clip)) attributes += fmt::format(" clip={}", unit.clip);
  const SampleCase s = node("LSTM", attributes,
                            fmt::format("f32[3,1,1]{{0.9,-1.3,0.4}} f32[1,4,1]{{1.2,-0.7,0.8,1.5}} "
                                        "f32[1,4,1]{{0.5,-1.1,0.6,-0.4}} "
                                        "f32[1,8]{{0.1,0.2,-0.3,0.4,-0.2,0.3,0.1,0.05}} _ f32[1,1,1]{{0.3}} "
                                        "f32[1,1,1]{{-0.8}}{}",
                                        unit.peepholes ? " f32[1,3]{0.7,-0.6,0.9}" : ""),
                            3);
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(values(s)[i], Y[i], 1e-6) << attributes;
  EXPECT_NEAR(values(s, 1)[0], H, 1e-6);
  EXPECT_NEAR(values(s, 2)[0], C, 1e-6);
}

TEST(Recurrent, AnLstmUnitByHand) {
  expect_lstm({});
  expect_lstm({.peepholes = true});
  expect_lstm({.coupled = true});
  expect_lstm({.peepholes = true, .coupled = true});
  expect_lstm({.peepholes = true, .clip = 0.3});
}

TEST(Recurrent, SequencesEndWhereTheirLengthSays) {
  const std::string weights = "f32[2,2,2]{1,2,3,-1,0.5,1,-2,1} f32[2,2,2]{1,-1,0.5,0.2,0.3,1,-0.7,0.1}";
  const SampleCase s = node("RNN", "direction='bidirectional'",
                            "f32[3,2,2]{0.1,0.2,9,9,0.3,0.4,9,9,0.5,0.6,9,9} " + weights + " _ i32{2,0}", 2);
  const SampleCase two =
      node("RNN", "direction='bidirectional'", "f32[2,1,2]{0.1,0.2,0.3,0.4} " + weights, 2);
  const std::vector<float> y = values(s), h = values(s, 1), y2 = values(two), h2 = values(two, 1);
  for (size_t t = 0; t < 3; ++t)
    for (size_t d = 0; d < 2; ++d)
      for (size_t j = 0; j < 2; ++j) {
        EXPECT_EQ(y[(t * 2 + d) * 4 + j], t < 2 ? y2[(t * 2 + d) * 2 + j] : 0) << t << d << j;
        EXPECT_EQ(y[(t * 2 + d) * 4 + 2 + j], 0) << "the second sequence has no step";
      }
  for (size_t d = 0; d < 2; ++d)
    for (size_t j = 0; j < 2; ++j) {
      EXPECT_EQ(h[d * 4 + j], h2[d * 2 + j]);
      EXPECT_EQ(h[d * 4 + 2 + j], 0);
    }
}

TEST(Recurrent, ErrorsNameTheInput) {
  const std::string x = "f32[4,2,3] ", lstm = x + "f32[1,8,3] f32[1,8,2] ";
  EXPECT_EQ(error_of("LSTM", "", lstm), "");
  EXPECT_THAT(error_of("LSTM", "", x + "f32[1,6,3] f32[1,8,2]"),
              HasSubstr("LSTM \"sample\": W is [1,6,3], [1,8,3] is expected"));
  EXPECT_THAT(error_of("LSTM", "", x + "_ f32[1,8,2]"), HasSubstr("input 1 is missing"));
  for (const char* op : {"RNN", "GRU", "LSTM"})
    EXPECT_THAT(error_of(op, "", "i32[3,2,4] i32[1,8,4] i32[1,8,2]"),
                HasSubstr(fmt::format("{} \"sample\": input 0 is i32, floating point is supported", op)));
  EXPECT_THAT(error_of("LSTM", "", x + "f32[1,8,3] f32[1,6,2]"), HasSubstr("R is [1,6,2]"));
  EXPECT_THAT(error_of("LSTM", "", lstm + "f32[1,8]"), HasSubstr("B is [1,8], [1,16] is expected"));
  EXPECT_THAT(error_of("LSTM", "", lstm + "_ i32[3]"), HasSubstr("sequence_lens is [3], [2] is expected"));
  EXPECT_THAT(error_of("LSTM", "", lstm + "_ i64[2]"), HasSubstr("sequence_lens is i64, i32 is expected"));
  EXPECT_THAT(error_of("LSTM", "", lstm + "_ i32{4,5}"), HasSubstr("sequence_lens holds 5, 0 to 4"));
  EXPECT_THAT(error_of("LSTM", "", lstm + "_ i32{-1,2}"), HasSubstr("sequence_lens holds -1, 0 to 4"));
  EXPECT_THAT(error_of("LSTM", "", lstm + "_ _ f32[2,2]"), HasSubstr("initial_h is [2,2], [1,2,2]"));
  EXPECT_THAT(error_of("LSTM", "", lstm + "_ _ _ f64[1,2,2]"), HasSubstr("initial_c is f64, f32"));
  EXPECT_THAT(error_of("LSTM", "", lstm + "_ _ _ _ f32[1,8]"), HasSubstr("P is [1,8], [1,6] is expected"));
  EXPECT_THAT(error_of("LSTM", "hidden_size=5", lstm), HasSubstr("hidden_size is 5, R is [1,8,2]"));
  EXPECT_THAT(error_of("LSTM", "direction='bidirectional'", lstm), HasSubstr("W is [1,8,3], [2,8,3]"));
  EXPECT_THAT(error_of("LSTM", "direction='sideways'", lstm), HasSubstr("direction is \"sideways\""));
  EXPECT_THAT(error_of("LSTM", "layout=2", lstm), HasSubstr("layout is 2"));
  EXPECT_THAT(error_of("LSTM", "clip=-1.0", lstm), HasSubstr("clip is -1"));
  EXPECT_THAT(error_of("LSTM", "activations=['Tanh']", lstm), HasSubstr("holds 1 functions, 3 are expected"));
  EXPECT_THAT(error_of("LSTM", "activations=['Tanh','Cosh','Tanh']", lstm),
              HasSubstr("activations holds \"Cosh\", one of Sigmoid, Tanh, Relu"));
  EXPECT_THAT(error_of("GRU", "", x + "f32[1,6,3] f32[1,6,2] _ _ _ f32[1,2,2]"),
              HasSubstr("has 7 inputs, GRU takes 3 to 6"));
  EXPECT_THAT(error_of("RNN", "", "f32[4,2] f32[1,2,2] f32[1,2,2]"), HasSubstr("X is [4,2], three axes"));
  EXPECT_THAT(error_of("RNN", "", "f32[4,2,3] f32[1,0,3] f32[1,0,0]"), HasSubstr("at least one number"));
}

// Steps without a byte of input would cost time that no file pays for.
TEST(Recurrent, HugeEmptySequencesAreRefusedOrSkipped) {
  EXPECT_THAT(error_of("RNN", "", "f32[1099511627776,2,0] f32[1,2,0] f32[1,2,2]"), HasSubstr("at least one"));
  EXPECT_EQ(error_of("RNN", "", "f32[1099511627776,0,2] f32[1,2,2] f32[1,2,2]"), "");
  // No steps: Y is empty, the states of the batch are not.
  const SampleCase s = node("RNN", "", "f32[0,4096,2] f32[1,2,2] f32[1,2,2]");
  EXPECT_NO_THROW(evaluate(s.graph, s.inputs, {.max_bytes = 1 << 20}));
  EXPECT_THROW(evaluate(s.graph, s.inputs, {.max_bytes = 8 * 4096 * 2}), Error);
}

TEST(Recurrent, AnOutputThatIsLeftOutHasNoType) {
  SampleCase s = node("GRU", "", "f32[4,2,3] f32[1,6,3] f32[1,6,2]", 2);
  s.graph.nodes[0].outputs[0] = kNoValue;
  s.graph.outputs.erase(s.graph.outputs.begin());
  const Graph g = infer_and_fold(s.graph);
  EXPECT_EQ(to_string(g.type(g.outputs[0])), "f32[1,2,2]");
  EXPECT_EQ(evaluate(s.graph, s.inputs).size(), 1u);
  Model model;
  model.graph = s.graph;
  EXPECT_EQ(inspect(model).macs, 4u * 2 * 6 * (3 + 2));
}

}  // namespace
}  // namespace dunlin
