// Attention against its equations, query by query, and what it refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "graph/evaluate.h"
#include "graph/infer.h"
#include "graph/inspect.h"
#include "graph/sample.h"
#include "graph/testing/run_op.h"

namespace dunlin {
namespace {

using testing::HasSubstr;

SampleCase node(std::string_view attributes, std::string_view inputs, int outputs = 1) {
  return make_sample(*find_op("", "Attention", kNewestOpset), {attributes, inputs, kNewestOpset, outputs}, 1);
}

std::string error_of(std::string_view attributes, std::string_view inputs) {
  try {
    const SampleCase s = node(attributes, inputs);
    infer_and_fold(s.graph);
    evaluate(s.graph, s.inputs);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

// 4 heads of queries over 2 of keys, a past of 2 keys, cap, mask and causality together.
TEST(Attention, IsWhatTheEquationsSay) {
  const SampleCase s = node("is_causal=1 softcap=0.8 scale=0.9",
                            "f32[2,4,3,2] f32[2,2,3,2] f32[2,2,3,1] f32[4,1,5] f32[2,2,2,2] f32[2,2,2,1]", 4);
  const std::vector<Tensor> out = evaluate(s.graph, s.inputs);
  const auto at = [&](size_t input, std::initializer_list<int64_t> index) {
    const Tensor& t = s.inputs[input];
    int64_t o = 0, d = 0;
    for (int64_t i : index) o = o * t.shape()[static_cast<int>(d++)] + i;
    return static_cast<double>(t.data<float>()[o]);
  };
  enum { Q, K, V, M, PK, PV };
  for (int64_t b = 0; b < 2; ++b)
    for (int64_t h = 0; h < 4; ++h)
      for (int64_t i = 0; i < 3; ++i) {
        const int64_t kv = h / 2;  // heads 0 and 1 share the first
        double sum = 0, y = 0;
        for (int64_t j = 0; j < 5; ++j) {
          double qk = 0;
          for (int64_t e = 0; e < 2; ++e)
            qk += at(Q, {b, h, i, e}) * (j < 2 ? at(PK, {b, kv, j, e}) : at(K, {b, kv, j - 2, e}));
          const size_t place = static_cast<size_t>(((b * 4 + h) * 3 + i) * 5 + j);
          EXPECT_NEAR(out[3].data<float>()[place], 0.9 * qk, 1e-6);
          if (j > i + 2) continue;
          const double weight = std::exp(0.8 * std::tanh(0.9 * qk / 0.8) + at(M, {h, 0, j}));
          sum += weight;
          y += weight * (j < 2 ? at(PV, {b, kv, j, 0}) : at(V, {b, kv, j - 2, 0}));
        }
        EXPECT_NEAR(out[0].data<float>()[(b * 4 + h) * 3 + i], y / sum, 1e-6);
      }
  EXPECT_EQ(to_string(out[1].shape()), "[2,2,5,2]");
  EXPECT_EQ(out[1].data<float>()[1], at(PK, {0, 0, 0, 1}));
  EXPECT_EQ(out[1].data<float>()[5], at(K, {0, 0, 0, 1}));
  EXPECT_EQ(out[2].data<float>()[2], at(V, {0, 0, 0, 0}));
}

/// As the standard was corrected: 0 the product, 1 behind the cap, 2 behind the mask too, 3 the shares.
TEST(Attention, ItsProductsAreShownAtFourStages) {
  const auto at = [](int mode) {
    const SampleCase s = node(fmt::format("softcap=2.0 scale=0.5 qk_matmul_output_mode={}", mode),
                              "f32[1,1,1,1]{4} f32[1,1,3,1]{1,2,-1} f32[1,1,3,1] f32[1,3]{0.5,-1,0}", 4);
    const Tensor products = std::move(evaluate(s.graph, s.inputs)[3]);
    return std::vector<float>(products.values<float>().begin(), products.values<float>().end());
  };
  const float a = 2 * std::tanh(1.f), b = 2 * std::tanh(2.f);
  EXPECT_THAT(at(0), testing::ElementsAre(2, 4, -2));
  EXPECT_THAT(at(1), testing::Pointwise(testing::FloatNear(1e-6f), {a, b, -a}));
  EXPECT_THAT(at(2), testing::Pointwise(testing::FloatNear(1e-6f), {a + 0.5f, b - 1, -a}));
  const float sum = std::exp(a + 0.5f) + std::exp(b - 1) + std::exp(-a);
  EXPECT_THAT(at(3),
              testing::Pointwise(testing::FloatNear(1e-6f),
                                 {std::exp(a + 0.5f) / sum, std::exp(b - 1) / sum, std::exp(-a) / sum}));
}

TEST(Attention, AQueryThatSeesNothingGivesZero) {
  const SampleCase s = node("", "f32[1,1,2,2] f32[1,1,2,2] f32[1,1,2,1]{3,5} bool[2,2]{0,0,0,1}");
  const Tensor y = evaluate(s.graph, s.inputs)[0].clone();
  EXPECT_EQ(y.values<float>()[0], 0.f);
  EXPECT_EQ(y.values<float>()[1], 5.f);
}

TEST(Attention, ErrorsNameTheInput) {
  const std::string q = "f32[2,4,3,2] ", kv = q + "f32[2,2,5,2] f32[2,2,5,3] ";
  EXPECT_EQ(error_of("", kv), "");
  EXPECT_THAT(error_of("", q + "f32[2,3,5,2] f32[2,3,5,3]"), HasSubstr("4 heads of queries"));
  EXPECT_THAT(error_of("", q + "f32[2,2,5,1] f32[2,2,5,3]"), HasSubstr("their heads have 2 and 1 numbers"));
  EXPECT_THAT(error_of("", q + "f32[1,2,5,2] f32[1,2,5,3]"), HasSubstr("one batch is expected"));
  EXPECT_THAT(error_of("", q + "f32[2,2,5,2] f32[2,2,4,3]"),
              HasSubstr("V is [2,2,4,3], [2,2,5,3] is expected"));
  EXPECT_THAT(error_of("", q + "f32[2,5,2] f32[2,5,3]"), HasSubstr("3 or 4 axes each"));
  EXPECT_THAT(error_of("", "f32[2,3,8] f32[2,5,4] f32[2,5,4]"), HasSubstr("0 heads do not divide"));
  EXPECT_THAT(error_of("", "f32[1,1,3,0] f32[1,1,5,0] f32[1,1,5,2]"), HasSubstr("at least one"));
  EXPECT_THAT(error_of("", kv + "f32[3,6]"),
              HasSubstr("attn_mask is [3,6], it does not broadcast to [2,4,3,5]"));
  EXPECT_THAT(error_of("", kv + "f32[1,1,1,3,5]"), HasSubstr("attn_mask is [1,1,1,3,5]"));
  EXPECT_THAT(error_of("", kv + "_ f32[2,2,1,2]"), HasSubstr("past_key and past_value come together"));
  EXPECT_THAT(error_of("", kv + "_ f32[2,2,1,3] f32[2,2,1,3]"), HasSubstr("past_key is [2,2,1,3]"));
  EXPECT_THAT(error_of("", kv + "_ f32[2,2,1,2] f32[2,2,2,3]"),
              HasSubstr("past_value is [2,2,2,3], [2,2,1,3]"));
  EXPECT_THAT(error_of("", kv + "_ _ _ i64{1,6}"), HasSubstr("nonpad_kv_seqlen holds 6, 0 to 5"));
  EXPECT_THAT(error_of("", kv + "_ _ _ i32{1,2}"), HasSubstr("nonpad_kv_seqlen is i32, i64"));
  EXPECT_THAT(error_of("", kv + "_ f32[2,2,1,2] f32[2,2,1,3] i64{1,2}"), HasSubstr("do not come together"));
}

TEST(Attention, ItsProductsAreCountedWithThePast) {
  Model model;
  model.graph = node("", "f32[2,4,3,2] f32[2,2,5,2] f32[2,2,5,6] _ f32[2,2,7,2] f32[2,2,7,6]").graph;
  EXPECT_EQ(inspect(model).macs, 2u * 4 * 3 * 12 * (2 + 6));
}

/// Nothing bounds the number of keys where they and the values have no elements.
TEST(FusedAttention, OfNoElementsTakesNoTime) {
  const std::vector<Tensor> y = run_op(
      "FusedAttention", "", "f32[2,0] f32[281474976710656,0] f32[281474976710656,0]", 1, 1, kDunlinDomain);
  EXPECT_EQ(y[0].shape(), (Shape{2, 0}));
}

TEST(FusedAttention, RefusesTypesAndMasksThatDoNotFit) {
  const auto error = [](std::string_view inputs) {
    const SampleCase s = make_sample(*find_op(kDunlinDomain, "FusedAttention", 1), {"", inputs, 1, 1}, 1);
    try {
      infer_and_fold(s.graph);
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_EQ(error("f32[3,2] f32[4,2] f32[4,2] f32[3,1]"), "");
  EXPECT_THAT(error("f32[3,2] f32[4,2] f64[4,2]"),
              HasSubstr("input 2 is f64, q is f32: one type is expected"));
  EXPECT_THAT(error("f32[3,2] f32[4,2] f32[4,2] f32[2,4]"),
              HasSubstr("the mask is [2,4], it does not broadcast to [3,4]"));
}

}  // namespace
}  // namespace dunlin
