#include "learn/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "learn/safetensors.h"
#include "learn/testing/temp_folder.h"
#include "tensor/formats.h"

namespace dunlin {
namespace {

using dunlin::testing::error_of;
using dunlin::testing::TempFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string file_of(const std::string& header, size_t data_bytes) {
  std::string out(8, '\0');
  store_le<uint64_t>(reinterpret_cast<std::byte*>(out.data()), header.size());
  out += header;
  for (size_t i = 0; i < data_bytes; ++i) out += static_cast<char>(i % 8 == 0);
  return out;
}

std::string refusal(const std::string& header, size_t data_bytes) {
  const std::string file = file_of(header, data_bytes);
  return error_of([&] { decode_safetensors(as_bytes(file), "f"); });
}

// A header as the format's Python package writes it: any order, spaces, metadata.
TEST(SafeTensors, ReadsWhatOthersWrite) {
  const std::string file = file_of(
      R"({"__metadata__":{"k":"v"},"b":{"dtype":"I64","shape":[],"data_offsets":[8,16]}, "a":{"dtype":"U8","shape":[2,4],"data_offsets":[0,8]}}  )",
      16);
  const SafeTensors s = decode_safetensors(as_bytes(file), "f");
  EXPECT_EQ(s.metadata.at("k"), "v");
  EXPECT_EQ(s.tensors.at("a").shape(), (Shape{2, 4}));
  EXPECT_THAT(s.tensors.at("a").values<uint8_t>(), ElementsAre(1, 0, 0, 0, 0, 0, 0, 0));
  EXPECT_THAT(s.tensors.at("b").values<int64_t>(), ElementsAre(1));
}

TEST(SafeTensors, GoldenBytes) {
  SafeTensors s;
  s.tensors.emplace("w", Tensor::of<float>({1, 2}, {1.0f, -2.0f}));
  const Bytes out = encode_safetensors(s);
  const std::string header = R"({"w":{"data_offsets":[0,8],"dtype":"F32","shape":[1,2]}})";
  std::string expected(8, '\0');
  expected[0] = static_cast<char>(header.size());
  expected += header + std::string("\0\0\x80\x3f\0\0\0\xc0", 8);
  EXPECT_EQ(as_chars(out), expected);
}

TEST(SafeTensors, RefusesWhatContradictsItself) {
  const std::string a = R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})";
  EXPECT_EQ(refusal(a, 8), "");
  EXPECT_THAT(refusal(a, 7), HasSubstr("\"a\" lies at 0 to 8"));
  EXPECT_THAT(refusal(a, 9), HasSubstr("9 bytes of data, the header describes 8"));
  EXPECT_THAT(refusal("[]", 0), HasSubstr("not a JSON object"));
  EXPECT_THAT(refusal("{", 0), HasSubstr("not a JSON object"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[8,0]}})", 8),
              HasSubstr("do not fit"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[7],"data_offsets":[0,8]}})", 8),
              HasSubstr("do not fit"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[1,9]}})", 9),
              HasSubstr("0 is expected"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F8","shape":[8],"data_offsets":[0,8]}})", 8),
              HasSubstr("type \"F8\""));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[-8],"data_offsets":[0,8]}})", 8),
              HasSubstr("impossible shape"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[281474976710656,65536],"data_offsets":[0,0]}})", 0),
              HasSubstr("impossible shape"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[8]}})", 8), HasSubstr("data_offsets are expected"));
  EXPECT_THAT(refusal(std::string(100000, '['), 0), HasSubstr("nests too deep"));
  const std::string cut = file_of(a, 8).substr(0, 20);
  EXPECT_THAT(error_of([&] { decode_safetensors(as_bytes(cut), "f"); }),
              HasSubstr("a header of 53 bytes in a file of 20"));
  EXPECT_THAT(error_of([&] { decode_safetensors(as_bytes("abc"), "f"); }),
              HasSubstr("shorter than a header"));
}

Checkpoint make_checkpoint() {
  Checkpoint c;
  c.weights.emplace("fc/w", Tensor::of<float>({2}, {1, 2}));
  c.moments["exp_avg"].emplace("fc/w", Tensor::of<float>({2}, {3, 4}));
  c.state.emplace("bn.mean", Tensor::of<float>({1}, {5}));
  c.step = 7, c.epoch = 1, c.position = 3, c.seed = UINT64_MAX, c.samples = 100, c.batch = 8;
  c.optimizer = "adam:beta1=0.9", c.schedule = "cosine:0", c.learning_rate = 0.1, c.epochs = 5;
  c.data = "ab12", c.max_steps = 40, c.loss_sum = 1.0 / 3, c.last_loss = 1.0 / 7;
  return c;
}

TEST(Checkpoint, RoundTrips) {
  const TempFolder dir;
  save_checkpoint(system_files(), dir / "s", make_checkpoint());
  const Checkpoint c = load_checkpoint(system_files(), dir / "s");
  EXPECT_THAT(c.weights.at("fc/w").values<float>(), ElementsAre(1, 2));
  EXPECT_THAT(c.moments.at("exp_avg").at("fc/w").values<float>(), ElementsAre(3, 4));
  EXPECT_THAT(c.state.at("bn.mean").values<float>(), ElementsAre(5));
  EXPECT_EQ(c.step, 7);
  EXPECT_EQ(c.position, 3);
  EXPECT_EQ(c.seed, UINT64_MAX);
  EXPECT_EQ(c.learning_rate, 0.1);
  EXPECT_EQ(c.loss_sum, 1.0 / 3);
  EXPECT_EQ(c.last_loss, 1.0 / 7);
  EXPECT_EQ(c.max_steps, 40);
  EXPECT_EQ(c.data, "ab12");
  EXPECT_EQ(c.schedule, "cosine:0");
  save_checkpoint(system_files(), dir / "t", c);
  EXPECT_EQ(system_files().read(dir / "s"), system_files().read(dir / "t"));
}

TEST(Checkpoint, AFlippedBitIsRefused) {
  const TempFolder dir;
  save_checkpoint(system_files(), dir / "s", make_checkpoint());
  Bytes file = system_files().read(dir / "s");
  file[file.size() - 2] ^= std::byte{0x10};  // in the last tensor
  dir.write("t", as_chars(file));
  EXPECT_THAT(error_of([&] { load_checkpoint(system_files(), dir / "t"); }), HasSubstr("damaged"));
}

TEST(Checkpoint, EveryTruncationIsRefused) {
  const TempFolder dir;
  save_checkpoint(system_files(), dir / "s", make_checkpoint());
  const Bytes whole = system_files().read(dir / "s");
  for (size_t n = 0; n < whole.size(); ++n) {
    EXPECT_THROW(decode_safetensors(ByteSpan(whole).first(n), "s"), Error) << n;
  }
  SafeTensors foreign;
  dir.write("foreign", as_chars(encode_safetensors(foreign)));
  EXPECT_THAT(error_of([&] { load_checkpoint(system_files(), dir / "foreign"); }),
              HasSubstr("not a training state"));
  EXPECT_THAT(error_of([&] { load_checkpoint(system_files(), dir / "absent"); }), HasSubstr("absent"));
}

}  // namespace
}  // namespace dunlin
