// Control flow, sequences and optionals through plans: the same results as the references, within the same limits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/error.h"
#include "dunlin/session.h"
#include "graph/evaluate.h"
#include "graph/onnx/import.h"
#include "graph/onnx/testing.h"
#include "runtime/runner.h"

namespace dunlin {
namespace {

using onnx::add_graph;
using onnx::add_int;
using onnx::add_node;
using onnx::add_tensor;
using onnx::add_value;
using onnx::empty_proto;
using onnx::GraphProto;
using onnx::ModelProto;
using onnx::NodeProto;
using testing::HasSubstr;

constexpr int kF32 = 1, kI64 = 7, kBool = 9;

std::shared_ptr<const Graph> parse(const ModelProto& m) {
  return std::make_shared<const Graph>(parse_onnx(as_bytes(m.SerializeAsString())).graph);
}

/// s <- MatMul(Concat(s, row), w) n times, in a Loop whose state grows by a row each time and whose matrix is an
/// initialiser of the model; then all rows that are longer than a limit are summed by an If.
ModelProto growing_proto() {
  ModelProto m = empty_proto();
  GraphProto& g = *m.mutable_graph();
  add_value(*g.mutable_input(), "n", {}, kI64);
  add_value(*g.mutable_input(), "row", {1, 3});
  add_tensor<float>(g, "w", kF32, {3, 3}, {0.5f, 0, 1, 0, -1, 0.25f, 1, 0.125f, 0});
  add_tensor<int64_t>(g, "limit", kI64, {}, {4});
  NodeProto& loop = add_node(*g.mutable_node(), "Loop", {"n", "", "row"}, {"rows", "sums"});
  loop.set_name("loop");
  GraphProto& body = add_graph(loop, "body");
  add_value(*body.mutable_input(), "i", {}, kI64);
  add_value(*body.mutable_input(), "going", {}, kBool);
  body.add_input()->set_name("s");
  add_int(add_node(*body.mutable_node(), "Concat", {"s", "row"}, {"more"}), "axis", 0);
  add_node(*body.mutable_node(), "MatMul", {"more", "w"}, {"next"});
  add_int(add_node(*body.mutable_node(), "ReduceSum", {"next"}, {"sum"}), "keepdims", 0);
  for (const char* name : {"going", "next", "sum"}) body.add_output()->set_name(name);
  NodeProto& choice = add_node(*g.mutable_node(), "If", {"many"}, {"y"});
  add_node(*g.mutable_node(), "Greater", {"n", "limit"}, {"many"});
  GraphProto& yes = add_graph(choice, "then_branch");
  add_int(add_node(*yes.mutable_node(), "ReduceSum", {"rows"}, {"t"}), "keepdims", 0);
  yes.add_output()->set_name("t");
  GraphProto& no = add_graph(choice, "else_branch");
  add_node(*no.mutable_node(), "Relu", {"rows"}, {"e"});
  no.add_output()->set_name("e");
  for (const char* name : {"rows", "sums", "y"}) g.add_output()->set_name(name);
  return m;
}

std::vector<Tensor> growing_inputs(int64_t n) {
  std::vector<Tensor> in;
  in.push_back(Tensor::of<int64_t>({}, {n}));
  in.push_back(Tensor::of<float>({1, 3}, {1, -2, 0.5f}));
  return in;
}

void expect_same(const std::vector<Tensor>& got, const std::vector<Tensor>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t k = 0; k < want.size(); ++k) {
    ASSERT_EQ(to_string(got[k].shape()), to_string(want[k].shape())) << k;
    for (size_t i = 0; i < want[k].values<float>().size(); ++i)
      ASSERT_NEAR(got[k].values<float>()[i], want[k].values<float>()[i],
                  1e-5f * (1 + std::abs(want[k].values<float>()[i])))
          << k << " " << i;
  }
}

// More shapes than plans are kept, forwards and back.
TEST(ControlFlow, AgreesWithTheReferencesForEveryShapeOfTheState) {
  const auto g = parse(growing_proto());
  Session session(g, {.max_plans = 3});
  for (const int64_t n : {0, 1, 2, 7, 12, 12, 3, 0}) {
    SCOPED_TRACE(n);
    const auto in = growing_inputs(n);
    expect_same(session.run(in), evaluate(*g, in));
  }
}

/// Resident, of this process.
uint64_t memory_in_use() {
  uint64_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

/// 40 choices of which each takes 32 MiB.
ModelProto greedy_choices() {
  ModelProto m = empty_proto();
  GraphProto& g = *m.mutable_graph();
  add_value(*g.mutable_input(), "which", {}, kBool);
  add_value(*g.mutable_input(), "x", {1});
  add_tensor<int64_t>(g, "large", kI64, {1}, {8 << 20});
  for (int i = 0; i < 40; ++i) {
    const std::string id = std::to_string(i);
    NodeProto& choice = add_node(*g.mutable_node(), "If", {"which"}, {("y" + id).c_str()});
    for (const char* branch : {"then_branch", "else_branch"}) {
      GraphProto& body = add_graph(choice, branch);
      const std::string many = branch + ("m" + id), sum = branch + ("s" + id);
      add_node(*body.mutable_node(), "Expand", {"x", "large"}, {many.c_str()});
      add_int(add_node(*body.mutable_node(), "ReduceSum", {many.c_str()}, {sum.c_str()}), "keepdims", 0);
      body.add_output()->set_name(sum);
    }
    g.add_output()->set_name("y" + id);
  }
  return m;
}

// What a run may take holds for all of it: each subgraph once kept its memory for the next time.
TEST(ControlFlow, SubgraphsDoNotAddUp) {
  Session session(parse(greedy_choices()), {.max_run_bytes = 48 << 20});
  std::vector<Tensor> in;
  in.push_back(Tensor::of<bool>({}, {true}));
  in.push_back(Tensor::of<float>({1}, {0.5f}));
  [[maybe_unused]] const uint64_t before = memory_in_use();
  const std::vector<Tensor> out = session.run(in);
  EXPECT_EQ(*out[39].data<float>(), 0.5f * (8 << 20));
#ifndef __SANITIZE_ADDRESS__  // which keeps freed memory in quarantine
  EXPECT_LT(memory_in_use(), before + (200 << 20));
#endif
}

/// state = which ? -|state| : state, n times, over 2^18 floats.
ModelProto choosing_loop() {
  ModelProto m = empty_proto();
  GraphProto& g = *m.mutable_graph();
  add_value(*g.mutable_input(), "n", {}, kI64);
  add_value(*g.mutable_input(), "which", {}, kBool);
  add_value(*g.mutable_input(), "s", {1 << 18});
  NodeProto& loop = add_node(*g.mutable_node(), "Loop", {"n", "", "s"}, {"end"});
  g.add_output()->set_name("end");
  GraphProto& body = add_graph(loop, "body");
  add_value(*body.mutable_input(), "i", {}, kI64);
  add_value(*body.mutable_input(), "going", {}, kBool);
  add_value(*body.mutable_input(), "state", {1 << 18});
  add_node(*body.mutable_node(), "Identity", {"going"}, {"go_on"});
  NodeProto& choice = add_node(*body.mutable_node(), "If", {"which"}, {"next"});
  for (const char* name : {"go_on", "next"}) body.add_output()->set_name(name);
  GraphProto& yes = add_graph(choice, "then_branch");
  add_node(*yes.mutable_node(), "Abs", {"state"}, {"a"});
  add_node(*yes.mutable_node(), "Neg", {"a"}, {"t"});
  yes.add_output()->set_name("t");
  GraphProto& no = add_graph(choice, "else_branch");
  add_node(*no.mutable_node(), "Identity", {"state"}, {"e"});
  no.add_output()->set_name("e");
  return m;
}

// What the branch works in is taken once and not in every iteration, as long as the run has plenty; a run that has
// little computes the same.
TEST(ControlFlow, ASubgraphInALoopKeepsItsMemory) {
  constexpr int64_t kSize = 1 << 18;
  constexpr uint64_t kBytes = kSize * sizeof(float);
  const auto g = parse(choosing_loop());
  ThreadPool pool(1);
  for (const bool plenty : {true, false}) {
    Runner runner(std::make_shared<PlanCache>(*g, PlanOptions{.isa = best_isa()}));
    for (int run = 0; run < 2; ++run) {
      std::vector<RunValue> in;
      in.emplace_back(Tensor::of<int64_t>({}, {5}));
      in.emplace_back(Tensor::of<bool>({}, {true}));
      in.emplace_back(Tensor(&formats::kF32, Shape{kSize}));
      in[2].tensor().data<float>()[7] = 3;
      uint64_t iterations = 10;
      const RunContext context{.max_bytes = plenty ? uint64_t{1} << 30 : 12 * kBytes,
                               .iterations_left = &iterations};
      const auto out = runner.run(std::move(in), {}, pool, context, Deadline(60), false);
      EXPECT_EQ(out[0].tensor().data<float>()[7], -3);
      const uint64_t after = runner.kept_bytes();
      runner.release_bodies();
      const uint64_t kept = after - runner.kept_bytes();
      if (plenty)
        EXPECT_GE(kept, kBytes);
      else
        EXPECT_LE(kept, 12 * kBytes / 64);
      EXPECT_LE(runner.kept_bytes(), 3 * kBytes) << "its own";
    }
  }
}

TEST(ControlFlow, SessionsSharePlansAndNoMemory) {
  const auto g = parse(growing_proto());
  Session first(g);
  Session second = first.another();
  const auto work = [&](Session& session) {
    for (int round = 0; round < 20; ++round) {
      const auto in = growing_inputs(round % 7);
      expect_same(session.run(in), evaluate(*g, in));
    }
  };
  std::thread other([&] { work(second); });
  work(first);
  other.join();
}

TEST(ControlFlow, ResultsOutliveTheNextRun) {
  const auto g = parse(growing_proto());
  Session session(g);
  const auto in = growing_inputs(3);
  const auto held = session.run(in);
  session.run(growing_inputs(5));
  expect_same(held, evaluate(*g, in));
}

TEST(ControlFlow, ConstantsThatABodyCapturesArePacked) {
  const auto g = parse(growing_proto());
  Session session(g);
  const auto plan = nlohmann::json::parse(session.explain());
  bool loop = false;
  for (const auto& step : plan["steps"]) {
    if (step["node"] != "Loop \"loop\"") continue;
    loop = true;
    EXPECT_EQ(step["kernel"], "values");
    EXPECT_EQ(step["subgraphs"].size(), 1u);
    EXPECT_EQ(step["subgraphs"][0]["inputs"], 4);  // i, going, s, row; not w
  }
  EXPECT_TRUE(loop);
}

TEST(ControlFlow, LimitsHold) {
  const auto g = parse(growing_proto());
  const auto refused = [&](Session& session, int64_t n, const RunContext& context, const std::string& words) {
    try {
      session.run(growing_inputs(n), context);
      ADD_FAILURE() << "no error; expected: " << words;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kResourceExhausted) << e.what();
      EXPECT_THAT(e.what(), HasSubstr(words));
    }
  };
  Session session(g);
  refused(session, int64_t{1} << 62, {.max_iterations = 50},
          "Loop \"loop\": the loops of this run took the 50 iterations that they may");
  Session brief(g, {.max_run_seconds = 0.2});
  refused(brief, int64_t{1} << 62, {.max_iterations = UINT64_MAX},
          "the run has taken the 0.2 seconds that it may");
  Session small(g, {.max_run_bytes = 1000});
  refused(small, 1000, {}, "left for this run");
  // What failed leaves nothing behind.
  expect_same(session.run(growing_inputs(2)), evaluate(*g, growing_inputs(2)));
}

/// x -> Identity, SequenceInsert of t, and whether an optional is there.
ModelProto sequence_proto() {
  ModelProto m = empty_proto(18);
  GraphProto& g = *m.mutable_graph();
  const auto tensor = [](onnx::TypeProto& type) { type.mutable_tensor_type()->set_elem_type(kF32); };
  onnx::ValueInfoProto& x = *g.add_input();
  x.set_name("x");
  tensor(*x.mutable_type()->mutable_sequence_type()->mutable_elem_type());
  add_value(*g.mutable_input(), "t", {2});
  onnx::ValueInfoProto& o = *g.add_input();
  o.set_name("o");
  tensor(*o.mutable_type()->mutable_optional_type()->mutable_elem_type());
  add_node(*g.mutable_node(), "Relu", {"t"}, {"positive"});
  add_node(*g.mutable_node(), "SequenceInsert", {"x", "positive"}, {"y"});
  add_node(*g.mutable_node(), "OptionalHasElement", {"o"}, {"there"});
  for (const char* name : {"y", "there", "o"}) g.add_output()->set_name(name);
  return m;
}

TEST(Values, SequencesAndOptionalsGoInAndOut) {
  Session session(parse(sequence_proto()));
  EXPECT_TRUE(session.inputs()[0].sequence);
  EXPECT_TRUE(session.inputs()[2].optional);
  EXPECT_TRUE(session.outputs()[0].sequence);
  const auto run = [&](RunValue x, RunValue o) {
    std::vector<RunValue> in;
    in.push_back(std::move(x));
    in.emplace_back(Tensor::of<float>({2}, {-1, 3}));
    in.push_back(std::move(o));
    return session.run_values(std::move(in));
  };
  RunValue x = RunValue::sequence(&formats::kF32, {});
  for (int i = 1; i <= 3; ++i) {
    auto out = run(x.view(), i == 2 ? RunValue() : RunValue(Tensor::of<float>({1}, {5})));
    ASSERT_EQ(out[0].elements().size(), static_cast<size_t>(i));
    // Elements own their bytes: a later run does not write over them.
    for (const auto& t : out[0].elements()) {
      EXPECT_EQ(t->values<float>()[0], 0);
      EXPECT_EQ(t->values<float>()[1], 3);
    }
    EXPECT_EQ(out[1].tensor().values<bool>()[0], i != 2);
    EXPECT_EQ(out[2].is_nothing(), i == 2);
    x = std::move(out[0]);
  }
}

TEST(Values, WrongKindsAreNamed) {
  Session session(parse(sequence_proto()));
  const auto error = [&](RunValue x, RunValue t) -> std::string {
    std::vector<RunValue> in;
    in.push_back(std::move(x));
    in.push_back(std::move(t));
    in.emplace_back();
    try {
      session.run_values(std::move(in));
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  };
  const auto tensor = [] { return RunValue(Tensor::of<float>({2}, {1, 2})); };
  const auto whole = std::make_shared<const Tensor>(Tensor::of<int64_t>({1}, {1}));
  EXPECT_THAT(error(tensor(), tensor()),
              HasSubstr("input \"x\": a sequence of tensors is expected, got a tensor"));
  EXPECT_THAT(error({}, tensor()),
              HasSubstr("input \"x\": a sequence of tensors is expected, got no tensor"));
  EXPECT_THAT(error(RunValue::sequence(nullptr, {whole}), tensor()),
              HasSubstr("input \"x\": elements of type f32 are expected, got i64"));
  EXPECT_THAT(error(RunValue::sequence(nullptr, {}), RunValue::sequence(nullptr, {})),
              HasSubstr("input \"t\": a tensor is expected, got a sequence"));
  try {
    session.run(std::span<const Tensor>());
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("output \"y\" is a sequence of tensors: run_values() gives it"));
  }
}

}  // namespace
}  // namespace dunlin
