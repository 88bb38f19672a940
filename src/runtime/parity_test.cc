// Every sample of every op through a session, at every instruction-set level, against the scalar reference.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/cpu.h"
#include "base/testing/soak.h"
#include "base/threads.h"
#include "dunlin/session.h"
#include "graph/evaluate.h"
#include "graph/infer.h"
#include "graph/sample.h"

namespace dunlin {
namespace {

struct Case {
  const OpDef* op;
  size_t sample;
};

std::vector<Case> cases() {
  std::vector<Case> out;
  for (const OpDef* newest : all_ops())
    for (const OpDef* op = newest; op; op = op->older)
      for (size_t i = 0; i < op->samples.size(); ++i) out.push_back({op, i});
  return out;
}

void expect_close(const Tensor& got, const Tensor& want, float rtol, float atol) {
  ASSERT_EQ(got.format(), want.format());
  ASSERT_EQ(to_string(got.shape()), to_string(want.shape()));
  if (want.format()->kind != FormatDef::Kind::kFloat) {
    const Tensor a = got.clone(), b = want.clone();
    const auto x = a.plane(Plane::kPayload), y = b.plane(Plane::kPayload);
    EXPECT_TRUE(x.empty() || std::memcmp(x.data(), y.data(), x.size()) == 0);
    return;
  }
  const Tensor a = got.to_float(), b = want.to_float();
  for (int64_t i = 0; i < a.num_elements(); ++i) {
    const float x = a.data<float>()[i], y = b.data<float>()[i];
    if (std::isnan(y) || std::isinf(y)) {
      EXPECT_EQ(std::isnan(x), std::isnan(y)) << i;
      if (!std::isnan(y)) EXPECT_EQ(x, y) << i;
    } else {
      ASSERT_NEAR(x, y, atol + rtol * std::fabs(y)) << "element " << i;
    }
  }
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  const auto& [op, sample] = info.param;
  std::string name = fmt::format("{}{}_{}_{}", op->domain, op->name, op->since, sample);
  std::erase(name, '.');
  return name;
}

/// Made once: starting and stopping threads would take longer than the tests.
const std::vector<std::shared_ptr<ThreadPool>>& pools() {
  static const std::vector<std::shared_ptr<ThreadPool>> all{
      std::make_shared<ThreadPool>(1), std::make_shared<ThreadPool>(2), std::make_shared<ThreadPool>(3)};
  return all;
}

class Parity : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Catalog, Parity, testing::ValuesIn(cases()), case_name);

TEST_P(Parity, SessionAgreesWithReferenceOnEveryIsaWithTheSameBitsOnAnyThreads) {
  const auto& [op, i] = GetParam();
  for (int draw = 0; draw < 2 * soak_factor(); ++draw) {
    const bool training = draw % 2;
    const SampleCase s = make_sample(*op, op->samples[i], 5 + static_cast<uint64_t>(draw / 2));
    const RunContext context{.seed = 9, .training = training};
    const auto want = evaluate(s.graph, s.inputs, context);
    auto graph = std::make_shared<const Graph>(s.graph);
    for (Isa isa : available_isas()) {
      SCOPED_TRACE(to_string(isa));
      std::vector<Tensor> first;
      for (const auto& pool : pools()) {
        SessionOptions options;
        options.isa = to_string(isa);
        options.pool = pool;
        Session session(graph, options);
        for (int run = 0; run < 2; ++run) {  // the second run finds used memory
          const auto got = session.run(s.inputs, context);
          ASSERT_EQ(got.size(), want.size());
          for (size_t k = 0; k < got.size(); ++k) {
            expect_close(got[k], want[k], op->rtol, op->atol);
            if (HasFatalFailure()) return;
            if (first.size() < got.size()) {
              first.push_back(got[k].clone());
            } else {
              const auto a = got[k].plane(Plane::kPayload),
                         b = std::as_const(first[k]).plane(Plane::kPayload);
              EXPECT_TRUE(a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0)
                  << pool->size() << " threads, run " << run;
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace dunlin
