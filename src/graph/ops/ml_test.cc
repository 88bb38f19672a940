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

/// One row of scores 0.5 and 0.6.
std::vector<double> regressed(std::string_view post_transform) {
  return numbers_of_ml("LinearRegressor",
                       fmt::format("coefficients=[0.25,0.125,0.5,0.0] intercepts=[0.0,0.1] targets=2 "
                                   "post_transform='{}'",
                                   post_transform),
                       "f32[1,2]{1,2}");
}

TEST(Ml, LinearRegressorTransformsItsScores) {
  expect_near(regressed("NONE"), {0.5, 0.6}, 1e-7);
  expect_near(regressed("LOGISTIC"), {0.62245933, 0.64565631}, 1e-7);
  expect_near(regressed("SOFTMAX"), {0.47502081, 0.52497919}, 1e-7);
  expect_near(regressed("PROBIT"), {0, 0.25334710}, 1e-7);
  EXPECT_THAT(error_of_ml("LinearRegressor", "coefficients=[1.0,2.0,3.0]", "f32[4,2]"),
              HasSubstr("has 3 coefficients, 1 times 2 (the features of X) are expected"));
  EXPECT_THAT(error_of_ml("LinearRegressor", "coefficients=[1.0] intercepts=[1.0,2.0]", "f32[4,1]"),
              HasSubstr("has 2 intercepts for 1 scores"));
  EXPECT_THAT(error_of_ml("LinearRegressor", "coefficients=[1.0] post_transform='EXP'", "f32[4,1]"),
              HasSubstr("post_transform is \"EXP\""));
  EXPECT_THAT(error_of_ml("LinearRegressor", "targets=2147483648", "f32[1000000,0]"),
              HasSubstr("more than 2^48 elements"));
}

// Quantiles of the normal distribution, from tables, and SOFTMAX_ZERO's zeros, which no other score sees.
TEST(Ml, TransformsOfSingleScores) {
  const auto transformed = [](const char* how, const char* x) {
    return numbers_of_ml("LinearRegressor",
                         fmt::format("coefficients=[1.0,0.0,0.0,0.0,1.0,0.0,0.0,0.0,1.0] targets=3 "
                                     "post_transform='{}'",
                                     how),
                         x);
  };
  expect_near(transformed("PROBIT", "f64[1,3]{0.975,0.001,0.5}"), {1.95996398, -3.09023231, 0}, 1e-7);
  expect_near(transformed("PROBIT", "f64[1,3]{1e-30,0.25,0.75}"), {-11.46402444, -0.67448975, 0.67448975},
              1e-6);
  expect_near(transformed("SOFTMAX_ZERO", "f32{1,0,1}"), {0.5, 0, 0.5}, 1e-7);
  EXPECT_THAT(transformed("SOFTMAX_ZERO", "f32{0,0,0}"), ElementsAre(0, 0, 0));
  EXPECT_THAT(transformed("SOFTMAX", "f32{1000,-1000,1000}"), ElementsAre(0.5, 0, 0.5));
  EXPECT_THAT(transformed("LOGISTIC", "f32{1000,-1000,0}"), ElementsAre(1, 0, 0.5));
}

TEST(Ml, LinearClassifierPicksTheHighestScore) {
  const std::string three = "coefficients=[1.0,0.0,0.0,1.0,-1.0,-1.0] intercepts=[0.0,0.5,0.0] ";
  const auto y =
      run_ml("LinearClassifier", three + "classlabels_ints=[10,20,30]", "f32[3,2]{2,1,0,1,-1,-2}", 2);
  EXPECT_THAT(numbers_of(y[0]), ElementsAre(10, 20, 30));
  EXPECT_THAT(numbers_of(y[1]), ElementsAre(2, 1.5, -3, 0, 1.5, -1, -1, -1.5, 3));
  const auto named = run_on("LinearClassifier", parse_attributes(three + "classlabels_strings=['a','b','c']"),
                            list(Tensor::of<float>({2, 2}, {2, 1, -1, -2})), 2);
  EXPECT_THAT(strings_of(named[0]), ElementsAre("a", "c"));
  EXPECT_THAT(error_of_ml("LinearClassifier", three + "classlabels_ints=[1,2]", "f32[3,2]"),
              HasSubstr("has 6 coefficients, 2 times 2"));
  EXPECT_THAT(error_of_ml("LinearClassifier", three, "f32[3,2]"),
              HasSubstr("has none of classlabels_ints and"));
}

TEST(Ml, LinearClassifierOfOneScoreHasTwoColumns) {
  const std::string one = "coefficients=[0.25,0.125] intercepts=[0.0] classlabels_ints=[7,9] ";
  const auto scores = [&](const char* how) {
    return run_ml("LinearClassifier", one + how, "f32[3,2]{1,2,-1,-3,0,0}", 2);
  };
  EXPECT_THAT(numbers_of(scores("")[0]), ElementsAre(9, 7, 7));
  EXPECT_THAT(numbers_of(scores("")[1]), ElementsAre(0.5, 0.5, 1.625, -0.625, 1, 0));
  expect_near(numbers_of(scores("post_transform='LOGISTIC'")[1]),
              {0.37754067, 0.62245933, 0.65135486, 0.34864514, 0.5, 0.5}, 1e-7);
}

TEST(Ml, LabelEncoderMapsKeysToValues) {
  // The example of its text.
  const auto y = run_on("LabelEncoder",
                        parse_attributes("keys_strings=['Amy','Sally'] values_int64s=[5,6] default_int64=-1"),
                        list(words({"Dori", "Amy", "Amy", "Sally", "Sally"})));
  EXPECT_THAT(numbers_of(y[0]), ElementsAre(-1, 5, 5, 6, 6));
  const auto z = run_on("LabelEncoder", parse_attributes("keys_int64s=[1,2,1] values_strings=['a','b','c']"),
                        list(Tensor::of<int64_t>({3}, {1, 2, 3})));
  EXPECT_THAT(strings_of(z[0]), ElementsAre("c", "b", "_Unused"));
  EXPECT_THAT(
      numbers_of_ml("LabelEncoder", "keys_floats=[nan,0.0,2.5] values_int64s=[1,2,3]", "f32{-0,nan,2.5,2}"),
      ElementsAre(2, 1, 3, -1));
  constexpr int64_t kBig = (int64_t{1} << 53) + 1;  // no double
  const auto big =
      run_on("LabelEncoder",
             {{"keys_int64s", std::vector<int64_t>{kBig}}, {"values_int64s", std::vector<int64_t>{1}}},
             list(Tensor::of<int64_t>({2}, {kBig, kBig - 1})));
  EXPECT_THAT(big[0].values<int64_t>(), ElementsAre(1, -1));
}

TEST(Ml, LabelEncoderOfOpset1CountsItsClasses) {
  const Attributes classes = parse_attributes("classes_strings=['a','b','c']");
  EXPECT_THAT(numbers_of(run_on("LabelEncoder", classes, list(words({"b", "x", "a"})))[0]),
              ElementsAre(1, -1, 0));
  EXPECT_THAT(strings_of(run_on("LabelEncoder", classes, list(Tensor::of<int64_t>({3}, {2, 0, 3})))[0]),
              ElementsAre("c", "a", "_Unused"));
}

TEST(Ml, LabelEncoderOfOpset4TakesTensors) {
  const auto constant = [](Tensor t) { return std::make_shared<const Tensor>(std::move(t)); };
  Attributes a;
  a["keys_tensor"] = constant(words({"x", "y"}));
  a["values_tensor"] = constant(Tensor::of<double>({2}, {0.25, 0.5}));
  EXPECT_THAT(run_on("LabelEncoder", a, list(words({"y", "x", "z"})))[0].values<double>(),
              ElementsAre(0.5, 0.25, 0));
  a["default_tensor"] = constant(Tensor::of<double>({1}, {7}));
  EXPECT_THAT(run_on("LabelEncoder", a, list(words({"z"})))[0].values<double>(), ElementsAre(7));
  a["default_tensor"] = constant(Tensor::of<float>({1}, {7}));
  EXPECT_THROW(run_on("LabelEncoder", a, list(words({"z"}))), Error);
}

TEST(Ml, LabelsThatDoNotFitAreNamed) {
  const auto error = [](std::string_view attributes) {
    return error_of_ml("LabelEncoder", attributes, "i64{1}");
  };
  EXPECT_THAT(error("keys_int64s=[1,2] values_floats=[1.0]"), HasSubstr("has 2 keys and 1 values"));
  EXPECT_THAT(error("keys_floats=[1.0] values_floats=[1.0]"), HasSubstr("X is i64, the keys are f32"));
  EXPECT_THAT(error("keys_int64s=[1]"), HasSubstr("has 0 of the attributes values_*"));
  EXPECT_THAT(error("keys_int64s=[1] keys_floats=[1.0] values_int64s=[1]"),
              HasSubstr("has 2 of the attributes keys_*"));
}

TEST(Ml, CategoryMapperGoesBothWays) {
  const Attributes cats =
      parse_attributes("cats_int64s=[5,6] cats_strings=['a','b'] default_int64=-7 default_string='?'");
  EXPECT_THAT(numbers_of(run_on("CategoryMapper", cats, list(words({"b", "x", "a"})))[0]),
              ElementsAre(6, -7, 5));
  EXPECT_THAT(strings_of(run_on("CategoryMapper", cats, list(Tensor::of<int64_t>({2}, {5, 0})))[0]),
              ElementsAre("a", "?"));
  EXPECT_THROW(run_on("CategoryMapper", cats, list(Tensor::of<float>({1}, {5}))), Error);
}

TEST(Ml, OneHotEncoderPutsAOneAtTheCategory) {
  const auto y = run_ml("OneHotEncoder", "cats_int64s=[3,1]", "f32[1,3]{1.5,3,2}");
  EXPECT_THAT(numbers_of(y[0]), ElementsAre(0, 1, 1, 0, 0, 0));
  EXPECT_EQ(y[0].shape(), (Shape{1, 3, 2}));
  EXPECT_THAT(numbers_of(run_on("OneHotEncoder", parse_attributes("cats_strings=['a','b']"),
                                list(words({"b", "c"})))[0]),
              ElementsAre(0, 1, 0, 0));
  EXPECT_THAT(error_of_ml("OneHotEncoder", "cats_int64s=[3,1] zeros=0", "i64{3,2}"),
              HasSubstr("element 1 of X is none of the 2 categories"));
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
