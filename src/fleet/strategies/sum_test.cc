#include "fleet/strategies/sum.h"

#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "fleet/strategies/framing.h"
#include "fleet/strategies/update_code.h"

namespace dunlin::fleet {
namespace {

NamedTensors model() {
  return NamedTensors({{"w", {100, 50}, Role::kParameter, std::vector<float>(5000, 0.1f)},
                       {"b", {3}, Role::kParameter, {1, 20, 3}},
                       {"var", {2}, Role::kStatistic, {1, 1}}});
}

Update update_of(uint64_t seed, uint64_t weight) {
  Philox rng(seed);
  Update u;
  u.weight = weight;
  for (NamedTensor t : model()) {
    for (float& v : t.values) v = static_cast<float>(rng.normal() * 0.01);
    u.vectors.add(std::move(t));
  }
  return u;
}

wire::v1::Task task_for(const std::vector<TensorCode>& codes) {
  wire::v1::Task task;
  task.set_id("t1");
  task.mutable_plan()->set_max_weight(1000);
  for (const TensorCode& c : codes) *task.mutable_plan()->add_tensors() = to_wire(c);
  return task;
}

class SumTest : public testing::Test {
 protected:
  std::vector<TensorCode> codes_ = plan_codes(State{}, model(), {24, 1000, 100});
  wire::v1::Task task_ = task_for(codes_);
  CheckedUpdate checked(ByteSpan bytes) { return check_update(bytes, "t1", codes_, {1000, 1000, 1 << 20}); }
};

TEST_F(SumTest, TheMeanIsTheWeightedMeanInDouble) {
  Sum sum(codes_);
  std::vector<double> want(5005);
  double weights = 0;
  for (uint64_t i = 0; i < 20; ++i) {
    const Update u = update_of(i, 10 + i * 7);
    const Bytes bytes = encode_update(task_, u, {});
    const CheckedUpdate c = checked(bytes);
    ASSERT_EQ(c.reason, wire::v1::UPDATE_ACCEPTED) << c.message;
    sum.fold(c.codes, c.header.weight());
    size_t k = 0;
    for (const NamedTensor& t : u.vectors)
      for (const float v : t.values) want[k++] += static_cast<double>(v) * static_cast<double>(u.weight);
    weights += static_cast<double>(u.weight);
  }
  EXPECT_EQ(sum.updates(), 20u);
  EXPECT_EQ(static_cast<double>(sum.weight()), weights);
  size_t k = 0;
  const NamedTensors mean = sum.mean();
  for (size_t i = 0; i < codes_.size(); ++i) {
    const NamedTensor& t = mean.at(codes_[i].name);
    for (const float v : t.values) EXPECT_NEAR(v, want[k++] / weights, 0.51 * codes_[i].code.step() + 1e-9);
  }
}

TEST_F(SumTest, OrderAndGroupingLeaveNoTrace) {
  std::vector<Bytes> updates;
  for (uint64_t i = 0; i < 12; ++i) updates.push_back(encode_update(task_, update_of(i, 1 + i * i), {}));
  const auto fold = [&](Sum& sum, size_t i) {
    const CheckedUpdate c = checked(updates[i]);
    sum.fold(c.codes, c.header.weight());
  };
  Sum reference(codes_);
  for (size_t i = 0; i < updates.size(); ++i) fold(reference, i);
  Philox rng(3);
  for (int trial = 0; trial < 10; ++trial) {
    std::vector<size_t> order(updates.size());
    std::iota(order.begin(), order.end(), 0);
    shuffle(std::span(order), rng);
    Sum a(codes_), b(codes_);
    for (size_t i = 0; i < order.size(); ++i) fold(i % 3 == 0 ? a : b, order[i]);
    Sum merged = Sum::parse(a.serialise());
    merged.merge(Sum::parse(b.serialise()));
    EXPECT_EQ(merged.serialise(), reference.serialise());
  }
}

TEST_F(SumTest, AnUpdateThatDoesNotFitIsRefusedWithItsReason) {
  const Bytes good = encode_update(task_, update_of(1, 5), {});
  EXPECT_EQ(check_update(good, "t2", codes_, {1000, 1000, 1 << 20}).reason, wire::v1::MALFORMED_UPDATE);
  EXPECT_EQ(check_update(good, "t1", codes_, {4, 1000, 1 << 20}).reason, wire::v1::WEIGHT_OUT_OF_RANGE);
  for (size_t n : {size_t{0}, size_t{3}, size_t{20}})
    EXPECT_EQ(checked(ByteSpan(good).first(n)).reason, wire::v1::MALFORMED_UPDATE);
  EXPECT_EQ(checked(ByteSpan(good).first(good.size() - 1)).reason, wire::v1::WRONG_TENSORS);

  const auto changed = [&](auto change) {
    wire::v1::UpdateHeader header;
    const ByteSpan codes = unframe(good, header, "update");
    change(header);
    size_t offset = 0;
    Bytes bytes = frame(header, codes.size(), &offset);
    std::copy(codes.begin(), codes.end(), bytes.begin() + static_cast<ptrdiff_t>(offset));
    return checked(bytes).reason;
  };
  EXPECT_EQ(changed([](auto& h) { h.set_weight(0); }), wire::v1::WEIGHT_OUT_OF_RANGE);
  EXPECT_EQ(changed([](auto& h) { h.set_format(9); }), wire::v1::MALFORMED_UPDATE);
  EXPECT_EQ(changed([](auto& h) { h.mutable_tensors(0)->set_name("v"); }), wire::v1::WRONG_TENSORS);
  EXPECT_EQ(changed([](auto& h) { h.mutable_tensors(0)->set_shape(0, 50); }), wire::v1::WRONG_TENSORS);
  EXPECT_EQ(changed([](auto& h) { h.mutable_tensors(0)->set_range(1e9); }), wire::v1::WRONG_TENSORS);
  EXPECT_EQ(changed([](auto& h) { h.mutable_tensors()->RemoveLast(); }), wire::v1::WRONG_TENSORS);
  EXPECT_EQ(changed([](auto& h) { h.mutable_training()->set_loss(NAN); }), wire::v1::NOT_FINITE);

  Bytes nan = good;  // the code of "not a number" in the last value, which takes 32 bits
  store_le(nan.data() + nan.size() - 4, INT32_MIN);
  EXPECT_EQ(checked(nan).reason, wire::v1::NOT_FINITE);
}

TEST_F(SumTest, ADeviceRefusesToEncodeNaNOrWrongShapes) {
  Update u = update_of(1, 5);
  u.vectors.at("b").values[1] = NAN;
  EXPECT_THROW(encode_update(task_, u, {}), Error);
  u = update_of(1, 5);
  u.vectors.at("b").shape = {1, 3};
  EXPECT_THROW(encode_update(task_, u, {}), Error);
}

TEST_F(SumTest, CorruptUpdatesNeverCrash) {
  const google::protobuf::LogSilencer quiet;
  const Bytes good = encode_update(task_, update_of(1, 5), {});
  Philox rng(5);
  for (int i = 0; i < 10000; ++i) {
    Bytes bad = good;
    for (int flips = 0; flips < 4; ++flips) bad[rng.below(200)] ^= static_cast<std::byte>(1 << rng.below(8));
    bad.resize(rng.below(2) ? bad.size() : rng.below(bad.size()));
    checked(bad);
  }
}

TEST_F(SumTest, DifferentSumsDoNotMix) {
  Sum a(codes_), b(plan_codes(State{}, model(), {16, 1000, 100}));
  EXPECT_THROW(a.merge(b), Error);
  EXPECT_THROW(a.mean(), Error);
  Bytes bytes = a.serialise();
  bytes.pop_back();
  EXPECT_THROW(Sum::parse(bytes), Error);
}

}  // namespace
}  // namespace dunlin::fleet
