// FLOAT8, FLOAT4E2M1, FLOAT8E8M0, INT4 and UINT4 in Cast, QuantizeLinear and DequantizeLinear, and in files, after the
// standard's text; formats_test.cc holds their codes to exact arithmetic.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "base/file_system.h"
#include "graph/evaluate.h"
#include "graph/onnx/export.h"
#include "graph/onnx/import.h"
#include "graph/onnx/onnx.pb.h"
#include "graph/testing/one_node.h"
#include "tensor/formats.h"

namespace dunlin {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Tensor run(std::string op, const std::vector<Tensor>& inputs, Attributes attributes = {}) {
  return std::move(evaluate(one_node(std::move(op), inputs, std::move(attributes)), inputs)[0]);
}

template <typename... T>
std::vector<Tensor> list(T... tensors) {
  std::vector<Tensor> out;
  (out.push_back(std::move(tensors)), ...);
  return out;
}

Tensor floats(std::vector<float> values, Shape shape = {}) {
  if (shape.rank() == 0) shape = {static_cast<int64_t>(values.size())};
  return Tensor::of<float>(std::move(shape), std::span<const float>(values));
}

std::vector<float> values_of(const Tensor& t) {
  const Tensor f = t.to_float();
  return {f.values<float>().begin(), f.values<float>().end()};
}

Tensor cast(Tensor x, Format to, Attributes attributes = {}) {
  attributes["to"] = static_cast<int64_t>(to->onnx_type);
  return run("Cast", list(std::move(x)), std::move(attributes));
}

Tensor coded(Format format, std::vector<float> values, Shape shape = {}) {
  return cast(floats(std::move(values), std::move(shape)), format);
}

TEST(NarrowCast, FloatsSaturateUnlessToldNotTo) {
  const auto x = [] { return floats({1, 17, 449, 1e6f, -INFINITY, -1e6f}); };
  EXPECT_THAT(values_of(cast(x(), &formats::kF8E4M3FN)), ElementsAre(1, 16, 448, 448, -448, -448));
  const auto raw = values_of(cast(x(), &formats::kF8E4M3FN, {{"saturate", int64_t{0}}}));
  EXPECT_EQ(raw[2], 448);  // 464 is the first that is not nearest to 448
  for (size_t i : {3, 4, 5}) EXPECT_TRUE(std::isnan(raw[i]));
  EXPECT_THAT(values_of(cast(x(), &formats::kF8E5M2, {{"saturate", int64_t{0}}})),
              ElementsAre(1, 16, 448, INFINITY, -INFINITY, -INFINITY));
}

/// NaN until opset 23 says Cast's table of the kinds without -0, the largest number since.
TEST(NarrowCast, InfinityBecomesNanOrTheLargest) {
  const auto to = [](Format format, int opset) {
    const std::vector<Tensor> x = list(floats({INFINITY, -INFINITY, 1e6f}));
    Graph g = one_node("Cast", x, {{"to", static_cast<int64_t>(format->onnx_type)}});
    g.opsets[""] = opset;
    return values_of(evaluate(g, x)[0]);
  };
  EXPECT_THAT(to(&formats::kF8E4M3FNUZ, 24), ElementsAre(240, -240, 240));
  EXPECT_THAT(to(&formats::kF8E5M2FNUZ, 24), ElementsAre(57344, -57344, 57344));
  const auto before = to(&formats::kF8E4M3FNUZ, 23);
  EXPECT_TRUE(std::isnan(before[0]) && std::isnan(before[1]));
  EXPECT_EQ(before[2], 240);
  EXPECT_THAT(to(&formats::kF8E4M3FN, 23), ElementsAre(448, -448, 448));
  EXPECT_THAT(to(&formats::kF8E8M0, 24)[0], 0x1p127);
}

TEST(NarrowCast, FromDoublesRoundsOnce) {
  // Just above the tie of 1 and 1.125, which a float would call a tie and round to 1.
  EXPECT_THAT(values_of(cast(Tensor::of<double>({2}, {1.0625, 1.0625 + 0x1p-40}), &formats::kF8E4M3FN)),
              ElementsAre(1, 1.125));
}

TEST(NarrowCast, IntegersOfFourBits) {
  // Floats to the nearest, ties to even; what does not fit loses its high bits.
  EXPECT_THAT(values_of(cast(floats({2.5f, 3.5f, -8, 7.4f}), &formats::kI4)), ElementsAre(2, 4, -8, 7));
  EXPECT_THAT(values_of(cast(floats({-9, 7.6f, 15, 16, 1e20f, -INFINITY, NAN}), &formats::kI4)),
              ElementsAre(7, -8, -1, 0, 7, -8, 0));
  EXPECT_THAT(values_of(cast(floats({-9, -1, 17}), &formats::kU4)), ElementsAre(7, 15, 1));
  EXPECT_THAT(values_of(cast(Tensor::of<int32_t>({4}, {8, -9, 15, 16}), &formats::kI4)),
              ElementsAre(-8, 7, -1, 0));
  EXPECT_THAT(values_of(cast(Tensor::of<int64_t>({2}, {-1, 17}), &formats::kU4)), ElementsAre(15, 1));
  const Tensor back = cast(coded(&formats::kI4, {-8, -1, 7}), &formats::kI8);
  EXPECT_THAT(back.values<int8_t>(), ElementsAre(-8, -1, 7));
  EXPECT_THAT(cast(coded(&formats::kU4, {0, 3}), &formats::kBool).values<bool>(), ElementsAre(false, true));
  EXPECT_THAT(values_of(cast(Tensor::of<bool>({2}, {false, true}), &formats::kI4)), ElementsAre(0, 1));
}

TEST(NarrowCast, ScalesRoundAsAsked) {
  const auto to = [](const char* mode) {
    return values_of(
        cast(floats({1, 1.1f, 1.5f, 1.9f}), &formats::kF8E8M0, {{"round_mode", std::string(mode)}}));
  };
  EXPECT_THAT(to("up"), ElementsAre(1, 2, 2, 2));
  EXPECT_THAT(to("down"), ElementsAre(1, 1, 1, 1));
  EXPECT_THAT(to("nearest"), ElementsAre(1, 1, 2, 2));
  EXPECT_THROW(to("sideways"), Error);
}

TEST(NarrowQuantize, RoundTripsBlocksOfFourBits) {
  // Blocks of two along axis 1, a scale each: 8 = 4 * 2, 7.5 / 0.5 = 15 saturates at 7.
  const auto x = [] { return floats({8, -3, 7.5f, 0.3f}, {1, 4}); };
  const auto scale = [] { return floats({2, 0.5f}, {1, 2}); };
  Tensor zero = coded(&formats::kI4, {0, -1}, {1, 2});
  const Attributes a{{"axis", int64_t{1}}, {"block_size", int64_t{2}}};
  const Tensor q = run("QuantizeLinear", list(x(), scale(), zero.view()), a);
  EXPECT_EQ(q.format(), &formats::kI4);
  EXPECT_THAT(values_of(q), ElementsAre(4, -2, 7, 0));
  EXPECT_THAT(values_of(run("DequantizeLinear", list(q.view(), scale(), std::move(zero)), a)),
              ElementsAre(8, -4, 4, 0.5));
}

TEST(NarrowQuantize, FloatsAreNotRoundedToIntegers) {
  const Tensor q = run("QuantizeLinear", list(floats({1, 3, 1000, -1000}), floats({2}, {1})),
                       {{"output_dtype", int64_t{formats::kF8E4M3FN.onnx_type}}});
  EXPECT_THAT(values_of(q), ElementsAre(0.5, 1.5, 448, -448));
  const Tensor raw = run("QuantizeLinear", list(floats({1000}), floats({2}, {1})),
                         {{"output_dtype", int64_t{formats::kF8E4M3FN.onnx_type}}, {"saturate", int64_t{0}}});
  EXPECT_TRUE(std::isnan(values_of(raw)[0]));
  EXPECT_THAT(values_of(run("QuantizeLinear", list(floats({1, 2.4f, -9}), floats({2}, {1})),
                            {{"output_dtype", int64_t{formats::kF4E2M1.onnx_type}}})),
              ElementsAre(0.5, 1, -4));
}

TEST(NarrowQuantize, ScalesMayBePowersOfTwoAlone) {
  const Attributes a{{"axis", int64_t{0}}, {"block_size", int64_t{2}}, {"output_dtype", int64_t{1}}};
  const auto inputs = [] {
    return list(coded(&formats::kF4E2M1, {1.5f, -6, 0.5f}), coded(&formats::kF8E8M0, {4, 0.25f}));
  };
  EXPECT_THAT(values_of(run("DequantizeLinear", inputs(), a)), ElementsAre(6, -24, 0.125));
  Attributes none = a;
  none.erase("output_dtype");
  try {
    run("DequantizeLinear", inputs(), none);
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("output_dtype gives it"));
  }
}

TEST(NarrowQuantize, PrecisionOfTheQuotient) {
  // Half precision has 2048 and 2050, bfloat16 2048 and 2064.
  const auto q = [](int64_t precision) {
    Attributes a{{"output_dtype", int64_t{formats::kI16.onnx_type}}};
    if (precision != 0) a["precision"] = precision;
    return run("QuantizeLinear", list(floats({2049}), floats({1}, {1})), a).values<int16_t>()[0];
  };
  EXPECT_EQ(q(0), 2049);
  EXPECT_EQ(q(10), 2048);
  EXPECT_EQ(q(16), 2048);
}

TEST(NarrowQuantize, TheScaleGivesThePrecision) {
  // 2.682 / 1.072 is 2.5019, in half precision 2.5, a tie that goes to 2.
  const auto half = [](float x) { return Tensor::of<Half>({1}, {Half(x)}); };
  EXPECT_EQ(run("QuantizeLinear", list(half(2.682f), half(1.072f))).values<uint8_t>()[0], 2);
}

TEST(NarrowTensors, OtherOpsMoveThemOrRefuseThemByName) {
  EXPECT_THAT(values_of(run("Transpose", list(coded(&formats::kI4, {1, 2, 3, -4}, {2, 2})))),
              ElementsAre(1, 3, 2, -4));
  try {
    run("Relu", list(coded(&formats::kF8E5M2, {1})));
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kUnsupported);
    EXPECT_THAT(e.what(), HasSubstr("Relu \"n\""));
    EXPECT_THAT(e.what(), HasSubstr("f8e5m2"));
  }
}

TEST(NarrowTensors, PadAndDropoutMoveThem) {
  const auto x = [] { return coded(&formats::kF8E4M3FN, {1, -448}); };
  const auto pads = [] { return Tensor::of<int64_t>({2}, {1, 2}); };
  EXPECT_THAT(values_of(run("Pad", list(x(), pads()))), ElementsAre(0, 1, -448, 0, 0));
  EXPECT_THAT(values_of(run("Pad", list(x(), pads(), coded(&formats::kF8E4M3FN, {2}, {1})))),
              ElementsAre(2, 1, -448, 2, 2));
  EXPECT_THAT(
      values_of(run("Pad", list(coded(&formats::kI4, {-8, 7}), pads()), {{"mode", std::string("edge")}})),
      ElementsAre(-8, -8, 7, 7, 7));
  EXPECT_THROW(run("Pad", list(x(), pads(), coded(&formats::kF8E5M2, {2}, {1}))), Error);
  EXPECT_THAT(values_of(run("Dropout", list(x()))), ElementsAre(1, -448));
  try {
    run("Dropout", list(x(), floats({0.5f}), Tensor::of<bool>({1}, {true})));
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kUnsupported);
    EXPECT_THAT(e.what(), HasSubstr("Dropout \"n\""));
    EXPECT_THAT(e.what(), HasSubstr("f8e4m3fn"));
  }
}

TEST(NarrowTensors, EachOpSaysWhichInputsMayHoldThem) {
  const auto takes = [](std::string_view name, size_t input, std::string_view domain = "") {
    return find_op(domain, name, kNewestOpset)->takes_narrow(input);
  };
  EXPECT_TRUE(takes("Concat", 0) && takes("Concat", 31) && takes("Concat", 1000));
  EXPECT_TRUE(takes("Where", 1) && takes("Where", 2));
  EXPECT_FALSE(takes("Where", 0) || takes("Gather", 1) || takes("Add", 0) || takes("Transpose", 40));
  EXPECT_TRUE(takes("ConcatGrad", 5, kDunlinDomain));
}

TEST(NarrowTensors, FilesPackTwoCodesOfFourBitsTheFirstInTheLowerHalf) {
  for (Format format : {&formats::kI4, &formats::kU4, &formats::kF4E2M1, &formats::kF8E4M3FN}) {
    const std::vector<float> values{1, 2, format == &formats::kU4 ? 4.f : -4.f};
    Tensor w = coded(format, values);
    Graph g = one_node("Identity", list(w.view()), {});
    g.inputs.clear();
    g.initializers[g.find("in0")] = std::make_shared<const Tensor>(std::move(w));
    Model model;
    model.ir_version = 12;
    model.graph = std::move(g);
    const Bytes bytes = serialize_onnx(model);
    onnx::ModelProto proto;
    ASSERT_TRUE(proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
    auto& t = *proto.mutable_graph()->mutable_initializer(0);
    if (format == &formats::kI4) EXPECT_EQ(t.raw_data(), std::string("\x21\x0c", 2));
    if (format == &formats::kU4) EXPECT_EQ(t.raw_data(), std::string("\x21\x04", 2));
    if (format == &formats::kF4E2M1) EXPECT_EQ(t.raw_data(), std::string("\x42\x0e", 2));
    if (format == &formats::kF8E4M3FN) EXPECT_EQ(t.raw_data(), std::string("\x38\x40\xc8", 3));
    const auto read = [&] {
      const std::string file = proto.SerializeAsString();
      const Model back = parse_onnx(as_bytes(file));
      return values_of(*back.graph.initializer(back.graph.find("in0")));
    };
    EXPECT_EQ(read(), values);
    // The same in int32_data.
    for (char c : t.raw_data()) t.add_int32_data(static_cast<unsigned char>(c));
    t.clear_raw_data();
    EXPECT_EQ(read(), values);
    t.add_int32_data(0);
    EXPECT_THROW(read(), Error);
    // In another file.
    const std::string folder = testing::TempDir() + "dunlin_narrow";
    system_files().make_directories(folder);
    save_onnx(model, folder + "/m.onnx", {.external_threshold_bytes = 1});
    const Model external = load_onnx(folder + "/m.onnx");
    EXPECT_EQ(values_of(*external.graph.initializer(external.graph.find("in0"))), values) << format->name;
    std::filesystem::remove_all(folder);
  }
}

}  // namespace
}  // namespace dunlin
