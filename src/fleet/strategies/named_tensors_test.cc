#include "fleet/strategies/named_tensors.h"

#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/random.h"

namespace dunlin::fleet {
namespace {

NamedTensors sample() {
  return NamedTensors({{"w", {2, 3}, Role::kParameter, {1, 2, 3, 4, 5, 6}},
                       {"mean", {2}, Role::kStatistic, {0.5f, -0.5f}},
                       {"empty", {0, 4}, Role::kParameter, {}},
                       {"scalar", {}, Role::kParameter, {9}}});
}

TEST(NamedTensors, AddsAndSubtractsByName) {
  const NamedTensors delta({{"mean", {2}, Role::kStatistic, {1, 1}}});
  const NamedTensors moved = sample().plus(delta);
  EXPECT_EQ(moved.at("mean").values, (std::vector<float>{1.5f, 0.5f}));
  EXPECT_EQ(moved.at("w"), sample().at("w"));
  EXPECT_EQ(moved.minus(sample()).at("mean").values, (std::vector<float>{1, 1}));
  EXPECT_THROW(sample().plus(NamedTensors({{"other", {}, Role::kParameter, {1}}})), Error);
  EXPECT_THROW(sample().plus(NamedTensors({{"w", {3, 2}, Role::kParameter, {1, 2, 3, 4, 5, 6}}})), Error);
  EXPECT_THROW(sample().minus(delta), Error);
  EXPECT_THROW(sample().only({"w", "none"}), Error);
}

TEST(NamedTensors, RefusesWhatDoesNotFit) {
  NamedTensors t = sample();
  EXPECT_THROW(t.add({"w", {1}, Role::kParameter, {1}}), Error);
  EXPECT_THROW(t.add({"x", {2}, Role::kParameter, {1}}), Error);
  EXPECT_THROW(t.add({"x", {-1, -1}, Role::kParameter, {1}}), Error);
  EXPECT_THROW(t.add({"x", {int64_t{1} << 40, int64_t{1} << 40}, Role::kParameter, {}}), Error);
}

TEST(NamedTensors, BytesRoundTrip) {
  EXPECT_EQ(NamedTensors::parse(sample().serialise()), sample());
  EXPECT_EQ(NamedTensors::parse(NamedTensors().serialise()), NamedTensors());
}

TEST(NamedTensors, EveryTruncationIsRefused) {
  const Bytes whole = sample().serialise();
  for (size_t n = 0; n < whole.size(); ++n)
    EXPECT_THROW(NamedTensors::parse(ByteSpan(whole).first(n)), Error) << n;
}

TEST(NamedTensors, CorruptBytesNeverCrash) {
  const google::protobuf::LogSilencer quiet;
  const Bytes whole = sample().serialise();
  Philox rng(1);
  for (int i = 0; i < 20000; ++i) {
    Bytes bad = whole;
    for (int flips = 0; flips < 3; ++flips)
      bad[rng.below(bad.size())] ^= static_cast<std::byte>(1 << rng.below(8));
    try {
      NamedTensors::parse(bad);
    } catch (const Error&) {
    }
  }
}

}  // namespace
}  // namespace dunlin::fleet
