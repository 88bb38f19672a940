// A device's agent against a coordinator that says what a test tells it to.
#include "fleet/device/agent.h"

#include <gmock/gmock.h>

#include <thread>

#include "fleet/device/test_coordinator.h"
#include "fleet/model/onnx_codec.h"
#include "fleet/strategies/update_code.h"
#include "graph/architectures/architecture.h"
#include "graph/onnx/export.h"
#include "learn/task.h"
#include "learn/testing/memory_dataset.h"

namespace dunlin::fleet {
namespace {

using dunlin::testing::MemoryDataset;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Not;

/// A file that cannot be read any more, with a name that is nobody's business.
class LostFile final : public Dataset {
 public:
  size_t size() const override { return 4; }
  Example example(size_t i) const override {
    if (i > 0) throw Error(ErrorCode::kNotFound, "jane_doe_scan_3.png: there is no such file");
    return {Tensor::of<float>({4}, {0, 1, 0, 1}), false, {}};
  }
  int class_of(size_t) const override { return 0; }
  const std::vector<std::string>& class_names() const override { return names_; }
  std::string where(size_t i) const override { return "jane_doe_scan_" + std::to_string(i) + ".png"; }

 private:
  std::vector<std::string> names_{"a"};
};

DatasetPtr rows() {
  std::vector<MemoryDataset::Row> out;
  for (int i = 0; i < 8; ++i) out.push_back({{0.1f * static_cast<float>(i), 1, 0, 0.5f}, i % 2, "", {}});
  return std::make_shared<MemoryDataset>(out, std::vector<std::string>{"a", "b"});
}

dunlin::Model make_model(uint64_t seed) {
  dunlin::Model model =
      find_architecture("mlp").build({.classes = 2, .channels = 1, .height = 2, .width = 2, .seed = seed});
  dunlin::Task task;
  task.input = {1, 2, 2};
  task.labels = {"a", "b"};
  write_task(task, model.metadata);
  return model;
}

struct Outcome {
  bool finished = false;
  std::vector<DeviceEvent> events;
  std::vector<int64_t> waits;
  std::vector<uint64_t> versions;  // that were handed on
};

/// A device whose waits take no time, and which stops at wait number `max_waits`.
struct TestDevice {
  explicit TestDevice(TestCoordinator& coordinator, DeviceData data)
      : identity(coordinator.servers->enrolled("device")),
        dir(coordinator.servers->folder.file("device")),
        models(dir, system_files()),
        tasks(dir, std::move(data), std::make_shared<ThreadPool>(1), models, system_files(),
              coordinator.servers->clock),
        clock(coordinator.servers->clock) {}

  Outcome run(size_t max_waits = 100, std::stop_source stop = std::stop_source()) {
    Outcome out;
    Agent agent(identity, dir,
                {.files = system_files(),
                 .clock = clock,
                 .tasks = tasks,
                 .models = models,
                 .proxy = {},
                 .wait = [&](int64_t ms, std::stop_token) {
                   out.waits.push_back(ms);
                   if (out.waits.size() >= max_waits) stop.request_stop();
                 }});
    out.finished = agent.run(
        stop.get_token(), [&](const DeviceEvent& e) { out.events.push_back(e); },
        [&](uint64_t version, const std::string& path) {
          parse_artefact(system_files().read(path));
          out.versions.push_back(version);
        });
    return out;
  }

  DeviceIdentity identity;
  std::string dir;
  ModelStore models;
  TaskRunner tasks;
  ManualClock& clock;
};

wire::v1::CheckInReply task_of(const TestCoordinator& coordinator, const std::string& name,
                               const dunlin::Model& model, int number) {
  wire::v1::CheckInReply reply = coordinator.newest(1, name);
  reply.set_reason(wire::v1::TASK_ASSIGNED);
  wire::v1::Task& task = *reply.mutable_task();
  task.set_id("r" + std::to_string(number));
  task.set_attempt(1);
  task.mutable_model()->set_sha256(name);
  wire::v1::Plan& plan = *task.mutable_plan();
  plan.set_strategy("FedAvg");
  plan.set_max_weight(100);
  plan.mutable_training()->set_epochs(1);
  plan.mutable_training()->set_batch(4);
  plan.mutable_training()->set_optimizer("sgd");
  plan.mutable_training()->set_learning_rate(0.1);
  const auto strategy = make_strategy("FedAvg", {});
  for (const TensorCode& c : plan_codes(strategy->state(), tensors_of(model), {}))
    *plan.add_tensors() = to_wire(c);
  return reply;
}

wire::v1::CheckInReply finished(wire::v1::CheckInReply reply) {
  reply.set_reason(wire::v1::FLEET_FINISHED);
  return reply;
}

TEST(Agent, LearnsAndSeesTheEnd) {
  TestCoordinator coordinator;
  const dunlin::Model model = make_model(1);
  const std::string name = coordinator.offer(serialize_onnx(model));
  coordinator.on_check_in = [&](int n) {
    return n <= 2 ? task_of(coordinator, name, model, 1) : finished(coordinator.newest(1, name));
  };
  TestDevice device(coordinator, {rows(), nullptr});
  const Outcome out = device.run();
  EXPECT_TRUE(out.finished);
  EXPECT_THAT(out.versions, ElementsAre(1));
  EXPECT_EQ(coordinator.commits().size(), 1u);
  EXPECT_TRUE(coordinator.reports().empty());
}

// Every failed try costs the coordinator a round: without pauses the two would spin.
TEST(Agent, WaitsEverLongerAfterFailures) {
  TestCoordinator coordinator;
  const dunlin::Model model = make_model(1);
  const std::string name = coordinator.offer(serialize_onnx(model));
  coordinator.on_check_in = [&](int n) { return task_of(coordinator, name, model, n); };
  coordinator.on_report = [&](int n) {
    wire::v1::ReportReply reply;
    reply.set_reason(wire::v1::REPORT_ACCEPTED);
    reply.set_come_back_ms(n == 1 ? 7000 : 50);
    return reply;
  };
  TestDevice device(coordinator, {std::make_shared<LostFile>(), nullptr});
  const Outcome out = device.run(8);
  ASSERT_EQ(out.waits.size(), 8u);
  EXPECT_EQ(out.waits[0], 7000);
  for (size_t i = 1; i < out.waits.size(); ++i) EXPECT_GE(out.waits[i], 250 << i) << i;
  EXPECT_EQ(coordinator.reports().size(), 8u);

  // What the device says of it names the kind of error only.
  for (const wire::v1::ReportRequest& r : coordinator.reports()) {
    EXPECT_EQ(r.reason(), wire::v1::DEVICE_FAILED);
    EXPECT_THAT(r.message(), HasSubstr("not_found"));
    EXPECT_THAT(r.SerializeAsString(), Not(HasSubstr("jane")));
  }
  for (const wire::v1::CheckInRequest& r : coordinator.check_ins())
    EXPECT_THAT(r.SerializeAsString(), Not(HasSubstr("jane")));
  // The device's owner learns more.
  EXPECT_TRUE(std::any_of(out.events.begin(), out.events.end(), [](const DeviceEvent& e) {
    return e.kind == DeviceEvent::Kind::kTaskEnded && e.text.find("jane_doe_scan") != std::string::npos;
  }));
}

TEST(Agent, ARefusedUpdateIsAFailureTooButALateOneIsNot) {
  TestCoordinator coordinator;
  const dunlin::Model model = make_model(1);
  const std::string name = coordinator.offer(serialize_onnx(model));
  coordinator.on_check_in = [&](int n) { return task_of(coordinator, name, model, n); };
  coordinator.on_commit = [](int n) {
    wire::v1::CommitReply reply;
    reply.set_reason(n <= 3 ? wire::v1::ROUND_OVER : wire::v1::NOT_FINITE);
    reply.set_come_back_ms(3);
    return reply;
  };
  TestDevice device(coordinator, {rows(), nullptr});
  const Outcome out = device.run(6);
  ASSERT_EQ(out.waits.size(), 6u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(out.waits[i], 3);
  for (size_t i = 3; i < 6; ++i) EXPECT_GE(out.waits[i], 250 << (i - 3));
}

TEST(Agent, GoesOnWithTheOldModelWhenTheNewOneIsBad) {
  TestCoordinator coordinator;
  const std::string good = coordinator.offer(serialize_onnx(make_model(1))),
                    bad = coordinator.offer(as_bytes("no model")),
                    better = coordinator.offer(serialize_onnx(make_model(2)));
  std::string path_of_good;
  bool kept = false;
  TestDevice* running = nullptr;
  coordinator.on_check_in = [&](int n) {
    if (n <= 2) return coordinator.newest(1, good);
    if (n <= 5) return coordinator.newest(2, bad);
    if (n == 6) {
      const auto current = running->models.current();
      kept = current && current->version == 1;
    }
    return n <= 7 ? coordinator.newest(3, better) : finished(coordinator.newest(3, better));
  };
  TestDevice device(coordinator, {rows(), nullptr});
  running = &device;
  const Outcome out = device.run();
  EXPECT_TRUE(out.finished);
  EXPECT_TRUE(kept);
  EXPECT_THAT(out.versions, ElementsAre(1, 3));
  // Told once, not at every look.
  EXPECT_EQ(std::count_if(out.events.begin(), out.events.end(),
                          [](const DeviceEvent& e) { return e.kind == DeviceEvent::Kind::kCannotLearn; }),
            1);
  // Until then no round waits for it.
  EXPECT_EQ(coordinator.check_ins().at(3).train_examples(), 0u);
  EXPECT_EQ(coordinator.check_ins().back().train_examples(), 8u);
}

TEST(Agent, ABadFirstModelIsWaitedOut) {
  TestCoordinator coordinator;
  const std::string bad = coordinator.offer(as_bytes("no model"));
  coordinator.on_check_in = [&](int) { return coordinator.newest(1, bad); };
  TestDevice device(coordinator, {rows(), nullptr});
  const Outcome out = device.run(4);
  EXPECT_FALSE(out.finished);
  EXPECT_LE(coordinator.check_ins().size(), 5u);
}

/// A finished fleet that wants its version 1 evaluated.
void ask_for_an_evaluation(TestCoordinator& coordinator) {
  const std::string name = coordinator.offer(serialize_onnx(make_model(1)));
  coordinator.on_check_in = [&coordinator, name](int) {
    wire::v1::CheckInReply reply = finished(coordinator.newest(1, name));
    reply.mutable_evaluation()->set_version(1);
    reply.mutable_evaluation()->mutable_model()->set_sha256(name);
    return reply;
  };
}

// The coordinator may refuse an evaluation (a diverged model has no finite loss) and ask again: once is enough.
TEST(Agent, AnAnsweredEvaluationIsNotRepeated) {
  TestCoordinator coordinator;
  ask_for_an_evaluation(coordinator);
  coordinator.on_report = [](int) {
    wire::v1::ReportReply reply;
    reply.set_reason(wire::v1::NOT_FINITE);
    return reply;
  };
  TestDevice device(coordinator, {rows(), rows()});
  EXPECT_TRUE(device.run().finished);
  ASSERT_EQ(coordinator.reports().size(), 1u);
  EXPECT_EQ(coordinator.reports()[0].evaluation().examples(), 8u);
}

TEST(Agent, AFailedEvaluationIsReportedWithoutItsText) {
  TestCoordinator coordinator;
  ask_for_an_evaluation(coordinator);
  TestDevice device(coordinator, {rows(), std::make_shared<LostFile>()});
  EXPECT_TRUE(device.run().finished);
  ASSERT_EQ(coordinator.reports().size(), 1u);
  EXPECT_EQ(coordinator.reports()[0].reason(), wire::v1::DEVICE_FAILED);
  EXPECT_THAT(coordinator.reports()[0].SerializeAsString(), Not(HasSubstr("jane")));
}

// Every call that a coordinator can hold open gives way to a stop.
class AgentStops : public ::testing::TestWithParam<const char*> {};

TEST_P(AgentStops, WhileTheCoordinatorKeepsItWaiting) {
  const std::string held = GetParam();
  TestCoordinator coordinator;
  const dunlin::Model model = make_model(1);
  const std::string name = coordinator.offer(serialize_onnx(model));
  std::stop_source stop;
  std::stop_source released;  // by the test, once the agent has returned
  bool gave_up = false;
  const auto hold = [&] {
    stop.request_stop();
    std::mutex mutex;
    std::condition_variable_any changed;
    std::unique_lock lock(mutex);
    changed.wait_for(lock, released.get_token(), std::chrono::seconds(15), [] { return false; });
    gave_up = !released.stop_requested();
  };
  coordinator.on_check_in = [&](int n) {
    if (n > 1 && held == "check-in") hold();
    return task_of(coordinator, name, model, n);
  };
  coordinator.on_commit = [&](int) {
    hold();
    return wire::v1::CommitReply();
  };
  coordinator.on_report = [&](int) {
    hold();
    return wire::v1::ReportReply();
  };
  TestDevice device(coordinator, {held == "report" ? std::make_shared<LostFile>() : rows(), nullptr});
  EXPECT_FALSE(device.run(100, stop).finished);
  released.request_stop();
  coordinator.servers->fleet_server->shutdown(1000);
  EXPECT_FALSE(gave_up);
}

INSTANTIATE_TEST_SUITE_P(Calls, AgentStops, ::testing::Values("check-in", "commit", "report"));

}  // namespace
}  // namespace dunlin::fleet
