// ai.onnx.ml: expected values from ONNX's text, counted by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/ops/ml.h"
#include "graph/support.h"
#include "graph/testing/one_node.h"
#include "graph/testing/run_op.h"

namespace dunlin {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<Tensor> run_ml(std::string_view op, std::string_view attributes, std::string_view inputs,
                           int outputs = 1) {
  return run_op(op, attributes, inputs, kNewestOpset, outputs, ops::kMlDomain);
}
std::vector<double> numbers_of_ml(std::string_view op, std::string_view attributes, std::string_view inputs) {
  return numbers_of(run_ml(op, attributes, inputs)[0]);
}
std::string error_of_ml(std::string_view op, std::string_view attributes, std::string_view inputs) {
  return error_of(op, attributes, inputs, kNewestOpset, ops::kMlDomain);
}

/// The op on tensors that words of a sample do not name.
std::vector<Tensor> run_on(std::string op, const Attributes& attributes, std::vector<Tensor> in,
                           size_t outputs = 1) {
  Graph g = one_node(std::move(op), in, attributes, outputs);
  g.nodes[0].domain = ops::kMlDomain;
  g.opsets[std::string(ops::kMlDomain)] = newest_opset(ops::kMlDomain);
  return evaluate(g, in);
}
std::vector<Tensor> list(auto... tensors) {
  std::vector<Tensor> out;
  (out.push_back(std::move(tensors)), ...);
  return out;
}
Tensor words(std::vector<std::string> values) {
  const auto size = static_cast<int64_t>(values.size());
  return Tensor::of_strings({size}, std::move(values));
}
std::vector<std::string> strings_of(const Tensor& t) { return {t.strings().begin(), t.strings().end()}; }

TEST(Ml, FeaturesAreTakenAlongTheLastAxis) {
  const auto z = run_ml("ArrayFeatureExtractor", "", "i32[3,4]{0,1,2,3,4,5,6,7,8,9,10,11} i64{0,1}");
  EXPECT_THAT(numbers_of(z[0]), ElementsAre(0, 1, 4, 5, 8, 9));
  EXPECT_EQ(z[0].shape(), (Shape{3, 2}));
  const auto row = run_ml("ArrayFeatureExtractor", "", "f32{5,6,7} i64[2,2]{2,2,0,-2}");
  EXPECT_THAT(numbers_of(row[0]), ElementsAre(7, 7, 5, 6));
  EXPECT_EQ(row[0].shape(), (Shape{1, 4}));
}

TEST(Ml, FeaturesMayBeStrings) {
  const auto z = run_on("ArrayFeatureExtractor", {},
                        list(words({"setosa", "", "virginica"}), Tensor::of<int64_t>({3}, {2, 0, 2})));
  EXPECT_THAT(strings_of(z[0]), ElementsAre("virginica", "setosa", "virginica"));
}

TEST(Ml, FeaturesThatAreNotThereAreNamed) {
  const auto error = [](std::string_view inputs) { return error_of_ml("ArrayFeatureExtractor", "", inputs); };
  EXPECT_THAT(error("f32[2,3] i64{3}"), HasSubstr("index 3 is outside [-3, 3)"));
  EXPECT_THAT(error("f32[2,3] i32{0}"), HasSubstr("Y is i32, i64 is expected"));
  EXPECT_THAT(error("f32[]{1} i64{0}"), HasSubstr("X is a scalar"));
}

TEST(Ml, ScalerMovesThenScalesEachFeature) {
  EXPECT_THAT(numbers_of_ml("Scaler", "offset=[1.0,2.0] scale=[10.0,0.5]", "i64[2,2]{1,2,3,4}"),
              ElementsAre(0, 0, 20, 1));
  EXPECT_THAT(numbers_of_ml("Scaler", "offset=[1.0] scale=[10.0,0.5]", "f32[1,1,2]{1,2}"),
              ElementsAre(0, 0.5));
  EXPECT_THAT(numbers_of_ml("Scaler", "", "f64{3,-4}"), ElementsAre(3, -4));
  EXPECT_THAT(error_of_ml("Scaler", "offset=[1.0,2.0] scale=[1.0]", "f32[2,3]"),
              HasSubstr("offset has 2 entries, 1 or 3 (the features of X) are expected"));
  EXPECT_THAT(error_of_ml("Scaler", "", "f16[2,3]"), HasSubstr("input 0 is f16, f32, f64, i32 or i64 is"));
}

TEST(Ml, NormalizerDividesEachRow) {
  const std::string_view x = "f32[3,2]{1,4,-3,4,0,0}";
  EXPECT_THAT(numbers_of_ml("Normalizer", "norm='MAX'", x), ElementsAre(0.25, 1, -0.75, 1, 0, 0));
  EXPECT_THAT(numbers_of_ml("Normalizer", "", "f32{2,-4}"), ElementsAre(1, -2));
  EXPECT_THAT(numbers_of_ml("Normalizer", "norm='L1'", "i32[2,2]{1,3,-3,5}"),
              ElementsAre(0.25, 0.75, -0.375, 0.625));
  expect_near(numbers_of_ml("Normalizer", "norm='L2'", x), {0.24253563, 0.97014250, -0.6, 0.8, 0, 0}, 1e-7);
  EXPECT_THAT(error_of_ml("Normalizer", "norm='L3'", x),
              HasSubstr("norm is \"L3\", MAX, L1 or L2 is expected"));
  EXPECT_THAT(error_of_ml("Normalizer", "", "f32[2,2,2]"), HasSubstr("[C] or [N, C] is expected"));
}

TEST(Ml, BinarizerComparesWithItsThreshold) {
  EXPECT_THAT(numbers_of_ml("Binarizer", "threshold=1.5", "f32{1,1.5,2,nan}"), ElementsAre(0, 0, 1, 0));
  EXPECT_THAT(numbers_of_ml("Binarizer", "", "i64{-1,0,1}"), ElementsAre(0, 0, 1));
}

TEST(Ml, ImputerReplacesOneValue) {
  EXPECT_THAT(numbers_of_ml("Imputer", "replaced_value_float=nan imputed_value_floats=[5.0,6.0]",
                            "f32[2,2]{nan,nan,1,nan}"),
              ElementsAre(5, 6, 1, 6));
  EXPECT_THAT(numbers_of_ml("Imputer", "replaced_value_float=2.0 imputed_value_floats=[5.0]", "f64{1,2,3}"),
              ElementsAre(1, 5, 3));
  constexpr int64_t kBig = (int64_t{1} << 53) + 1;  // no double
  const auto y =
      run_on("Imputer", {{"replaced_value_int64", kBig}, {"imputed_value_int64s", std::vector<int64_t>{-1}}},
             list(Tensor::of<int64_t>({2}, {kBig - 1, kBig})));
  EXPECT_THAT(y[0].values<int64_t>(), ElementsAre(kBig - 1, -1));
  EXPECT_THAT(error_of_ml("Imputer", "imputed_value_floats=[1.0]", "i64{1}"),
              HasSubstr("attribute imputed_value_int64s is missing"));
  EXPECT_THAT(error_of_ml("Imputer", "imputed_value_int64s=[4294967296]", "i32{1}"),
              HasSubstr("imputed_value_int64s holds 4294967296"));
}

TEST(Ml, FeatureVectorizerFillsAndCuts) {
  const auto y = run_ml("FeatureVectorizer", "inputdimensions=[1,3,1]",
                        "f32[2,2]{1,2,3,4} i64[2,2]{5,6,7,8} f64[2,1]{9,0}");
  EXPECT_THAT(numbers_of(y[0]), ElementsAre(1, 5, 6, 0, 9, 3, 7, 8, 0, 0));
  EXPECT_EQ(y[0].shape(), (Shape{2, 5}));
  EXPECT_EQ(run_ml("FeatureVectorizer", "", "f32[2] i64[1,3]@0..9")[0].shape(), (Shape{1, 5}));
  EXPECT_THAT(error_of_ml("FeatureVectorizer", "", "f32[2,2] f32[3,2]"),
              HasSubstr("input 1 has 3 rows, those before it 2"));
  EXPECT_THAT(error_of_ml("FeatureVectorizer", "inputdimensions=[2]", "f32[2] f32[2]"),
              HasSubstr("inputdimensions has 1 entries, 2 are expected"));
  EXPECT_THAT(error_of_ml("FeatureVectorizer", "inputdimensions=[2147483648]", "f32[1000000,1]"),
              HasSubstr("more than 2^48 elements"));
}

TEST(Ml, MapsAreRefusedWithWhatToDoInstead) {
  const auto refusal = [](const char* op) {
    Graph g = one_node(op, {}, {}, 1);
    g.nodes[0].domain = ops::kMlDomain;
    const std::vector<Unsupported> parts = unsupported_parts(g);
    return parts.empty() ? "" : parts[0].reason;
  };
  EXPECT_THAT(refusal("ZipMap"), HasSubstr("convert the model with zipmap=False"));
  EXPECT_THAT(refusal("DictVectorizer"), HasSubstr("its input is a map"));
  EXPECT_THAT(refusal("CastMap"), HasSubstr("its input is a map"));
}

}  // namespace
}  // namespace dunlin
