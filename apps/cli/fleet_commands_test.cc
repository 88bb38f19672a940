// The fleet's commands as an administrator types them: what they print, and exit code 1 with a reason for
// every bad input.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "fleet/setup.h"
#include "fleet/test_support.h"
#include "fleet/transport/listener.h"
#include "graph/architectures/architecture.h"
#include "graph/onnx/export.h"
#include "learn/task.h"
#include "test_command.h"

namespace dunlin::fleet {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

using cli::Outcome;
using cli::text_of;
using cli::wait_for;
using Json = nlohmann::json;

class FleetCommands : public testing::Test {
 protected:
  ~FleetCommands() override { stop(); }

  std::string dir() const { return folder_.file("fleet"); }

  pid_t start(const std::vector<std::string>& arguments, const std::string& name) const {
    return cli::start_command(arguments, folder_.file(name + ".out"), folder_.file(name + ".err"));
  }
  Outcome run(const std::vector<std::string>& arguments) const {
    const int code = wait_for(start(arguments, "run"));
    return {code, text_of(folder_.file("run.out")), text_of(folder_.file("run.err"))};
  }

  void init(bool with_task = true) {
    ASSERT_EQ(run({"fleet", "init", dir(), "--host", "127.0.0.1", "--listen", "127.0.0.1:0"}).exit_code, 0);
    Model model = find_architecture("mlp").build({.classes = 2, .height = 2, .width = 2});
    if (with_task) write_task({.input = Shape({1, 2, 2}), .labels = {"even", "odd"}}, model.metadata);
    save_onnx(model, dir() + "/model.onnx");
    std::ofstream(folder_.file("data.csv")) << "a,b,c,d,kind\n1,2,3,4,odd\n2,3,4,5,even\n";
  }
  std::string data() const { return folder_.file("data.csv") + "#label=kind"; }

  Json start_coordinator() {
    coordinator_ = start({"coordinator", "--dir", dir(), "--json", "--threads", "1"}, "coordinator");
    std::string line;
    for (int i = 0; i < 1500 && line.find('\n') == std::string::npos; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      line = text_of(folder_.file("coordinator.out"));
    }
    EXPECT_NE(line, "") << text_of(folder_.file("coordinator.err"));
    return Json::parse(line.substr(0, line.find('\n')));
  }
  int stop() {
    if (coordinator_ <= 0) return 0;
    ::kill(coordinator_, SIGTERM);
    return wait_for(std::exchange(coordinator_, -1));
  }
  std::string token(const std::string& expires = "1h") {
    const Outcome r = run({"fleet", "token", dir(), "--expires", expires});
    EXPECT_EQ(r.exit_code, 0) << r.err;
    return r.out.substr(0, r.out.size() - 1);
  }
  Outcome device(const std::string& name, const std::string& token) {
    return run({"device", "--dir", folder_.file(name), "--token", token, "--data", data(), "--threads", "1"});
  }
  void set(const std::string& key, const std::string& value) {
    std::string text = text_of(dir() + "/fleet.toml");
    const size_t begin = text.find("\n" + key + " = ") + 1, end = text.find('\n', begin);
    ASSERT_NE(begin, 0u) << key;
    text.replace(begin, end - begin, key + " = " + value);
    std::ofstream(dir() + "/fleet.toml") << text;
  }

  TemporaryFolder folder_;
  pid_t coordinator_ = -1;
};

TEST_F(FleetCommands, BeforeTheCoordinatorRanTheViewsSaySo) {
  init();
  for (const char* view : {"status", "rounds", "devices"}) {
    const Outcome r = run({"fleet", view, dir()});
    EXPECT_EQ(r.exit_code, 1);
    EXPECT_THAT(r.err, HasSubstr("no fleet database here"));
    EXPECT_EQ(r.out, "");
  }
  EXPECT_EQ(run({"fleet", "revoke", dir(), "0123"}).exit_code, 1);
  const Outcome early = run({"fleet", "token", dir()});
  EXPECT_EQ(early.exit_code, 1);
  EXPECT_THAT(early.err, HasSubstr("start the coordinator once"));
}

TEST_F(FleetCommands, AFolderThatCannotBeWrittenOrHoldsNoFleet) {
  std::ofstream(folder_.file("file")) << "x";
  const Outcome below_a_file = run({"fleet", "init", folder_.file("file/fleet"), "--host", "localhost"});
  EXPECT_EQ(below_a_file.exit_code, 1);
  EXPECT_THAT(below_a_file.err, HasSubstr("file"));
  const Outcome nothing = run({"coordinator", "--dir", dir()});
  EXPECT_EQ(nothing.exit_code, 1);
  EXPECT_THAT(nothing.err, HasSubstr("fleet.toml"));
  init();
  std::ofstream(dir() + "/artefacts") << "x";
  const Outcome blocked = run({"coordinator", "--dir", dir()});
  EXPECT_EQ(blocked.exit_code, 1);
  EXPECT_THAT(blocked.err, HasSubstr("artefacts"));
}

TEST_F(FleetCommands, AnOccupiedPort) {
  init();
  const Listener blocker("127.0.0.1", 0, {});
  for (const char* key : {"port", "enrolment_port", "metrics_port"}) {
    set(key, std::to_string(blocker.port()));
    const Outcome r = run({"coordinator", "--dir", dir(), "--json"});
    EXPECT_EQ(r.exit_code, 1) << key;
    EXPECT_THAT(r.err, AllOf(HasSubstr(std::to_string(blocker.port())), HasSubstr("cannot listen"))) << key;
    EXPECT_EQ(r.out, "") << key;
    set(key, "0");
  }
}

TEST_F(FleetCommands, AModelThatNobodyCouldTrain) {
  init(false);
  const Outcome r = run({"coordinator", "--dir", dir()});
  EXPECT_EQ(r.exit_code, 1);
  EXPECT_THAT(r.err, HasSubstr("carries no task"));
}

TEST_F(FleetCommands, TokensThatAreWrongExpiredOrUsedUp) {
  init();
  start_coordinator();
  const auto refused = [&](const std::string& name, const std::string& token, const std::string& reason) {
    const Outcome r = device(name, token);
    EXPECT_EQ(r.exit_code, 1) << name;
    EXPECT_THAT(r.err, HasSubstr(reason)) << name;
    EXPECT_FALSE(system_files().exists(folder_.file(name + "/identity.toml"))) << name;
  };
  refused("no-token", "nonsense", "token");
  const std::string short_lived = token("1s"), good = token();
  std::string damaged = good;
  damaged[damaged.size() / 2] = damaged[damaged.size() / 2] == 'A' ? 'B' : 'A';
  refused("damaged", damaged, "token");
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  refused("late", short_lived, "has expired");
  const pid_t first =
      start({"device", "--dir", folder_.file("first"), "--token", good, "--data", data()}, "first");
  for (int i = 0; i < 1500 && !system_files().exists(folder_.file("first/identity.toml")); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  refused("second", good, "as often as it may be");
  ::kill(first, SIGKILL);
  wait_for(first);
}

TEST_F(FleetCommands, TheViewsShowALivingFleet) {
  init();
  set("cohort_size", "2");
  const Json ready = start_coordinator();
  EXPECT_GT(ready["metrics_port"].get<int>(), 0);
  const pid_t device =
      start({"device", "--dir", folder_.file("d"), "--token", token(), "--data", data()}, "device");
  Json devices;
  for (int i = 0; i < 300 && devices.empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    devices = Json::parse(run({"fleet", "devices", dir(), "--json"}).out)["devices"];
  }
  ASSERT_EQ(devices.size(), 1u) << text_of(folder_.file("device.err"));
  const std::string id = devices[0]["id"];
  EXPECT_TRUE(devices[0]["revoked_ms"].is_null());
  const Json status = Json::parse(run({"fleet", "status", dir(), "--json"}).out);
  EXPECT_EQ(status["version"], 0);
  EXPECT_EQ(status["devices"], 1);
  EXPECT_TRUE(Json::parse(run({"fleet", "rounds", dir(), "--json"}).out)["rounds"].empty());
  EXPECT_THAT(run({"fleet", "status", dir()}).out, HasSubstr("1 known"));
  EXPECT_THAT(run({"fleet", "devices", dir()}).out, HasSubstr(id));

  // On a terminal it goes on until Ctrl-C.
  int terminal = -1;
  const pid_t watch = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  if (watch == 0) cli::become_command({"fleet", "status", dir(), "--watch"});
  std::string seen;
  const auto pictures = [&] {
    size_t count = 0;
    for (size_t at = 0; (at = seen.find("population default", at)) != std::string::npos; ++at) ++count;
    return count;
  };
  char part[1024];
  for (ssize_t n; pictures() < 2 && (n = ::read(terminal, part, sizeof part)) > 0;)
    seen.append(part, static_cast<size_t>(n));
  EXPECT_GE(pictures(), 2u) << seen;
  ASSERT_EQ(::write(terminal, "\x03", 1), 1);
  EXPECT_EQ(wait_for(watch), 0);
  ::close(terminal);

  // Revoked: its next call is refused, and it says why.
  EXPECT_EQ(run({"fleet", "revoke", dir(), id}).exit_code, 0);
  EXPECT_EQ(wait_for(device), 1);
  EXPECT_THAT(text_of(folder_.file("device.err")), AllOf(HasSubstr(id), HasSubstr("revoked")));
  EXPECT_THAT(run({"fleet", "devices", dir()}).out, HasSubstr("revoked"));
  EXPECT_THAT(run({"fleet", "revoke", dir(), std::string(32, 'a')}).out, HasSubstr("never looked in"));
  const Outcome unknown = run({"fleet", "revoke", dir(), "0123"});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_THAT(unknown.err, HasSubstr("dunlin fleet devices"));
  EXPECT_EQ(stop(), 0);
}

}  // namespace
}  // namespace dunlin::fleet
