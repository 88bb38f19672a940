// What a device is given wrongly: each a clear error that says what to do, exit code 1, and nothing lost; or
// the round goes on without it.
#include <gmock/gmock.h>
#include <unistd.h>

#include "base/random.h"
#include "fleet/identity/token.h"
#include "fleet_processes.h"
#include "learn/data/image.h"
#include "tensor/formats.h"

namespace dunlin::fleet {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// A coordinator and no devices yet.
class BadInput : public testing::Test {
 protected:
  void SetUp() override { fleet_.start_coordinator(); }

  std::string token(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"fleet", "token", fleet_.dir(), "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Ran ran = dunlin(arguments);
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    return ran.json().at("token").get<std::string>();
  }
  std::string state(const std::string& name = "state") const { return fleet_.folder().file(name); }
  static bool enrolled(const std::string& state) {
    return system_files().exists(join_path(state, "identity.toml"));
  }

  /// `dunlin device` must end with exit code 1; what it says.
  static std::string refused(const std::vector<std::string>& arguments) {
    std::vector<std::string> all{"device", "--threads", "1"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Ran ran = dunlin(all);
    EXPECT_EQ(ran.exit_code, 1) << ran.err;
    EXPECT_EQ(ran.err.find("internal error"), std::string::npos) << ran.err;
    return ran.err;
  }
  /// The named check of `dunlin device --check`; exit code 1 when one failed.
  static nlohmann::json check(const std::string& name, const std::vector<std::string>& arguments) {
    std::vector<std::string> all{"device", "--check", "--json"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Ran ran = dunlin(all);
    const auto json = ran.json();
    bool failed = false;
    nlohmann::json found;
    for (const auto& c : json.at("checks")) {
      failed |= c.at("outcome") == "failed";
      if (c.at("name") == name) found = c;
      if (c.at("outcome") == "failed") EXPECT_NE(c.at("remedy"), "") << c;
    }
    EXPECT_EQ(ran.exit_code, failed ? 1 : 0) << ran.out;
    EXPECT_EQ(json.at("passed").get<bool>(), !failed);
    EXPECT_FALSE(found.is_null()) << name << " is not among " << ran.out;
    return found;
  }
  static void expect_failed(const nlohmann::json& check, const std::string& detail,
                            const std::string& remedy) {
    EXPECT_EQ(check.at("outcome"), "failed") << check;
    EXPECT_THAT(check.at("detail").get<std::string>(), HasSubstr(detail));
    EXPECT_THAT(check.at("remedy").get<std::string>(), HasSubstr(remedy));
  }

  ProcessFleet fleet_{{.rounds = 1}};
};

TEST_F(BadInput, MissingOrEmptyData) {
  const std::string missing = state("nowhere"), empty = state("empty"), ticket = token();
  system_files().make_directories(empty);
  EXPECT_THAT(refused({"--dir", state(), "--token", ticket, "--data", missing}),
              HasSubstr(missing + ": there is no such data"));
  EXPECT_THAT(refused({"--dir", state(), "--token", ticket, "--data", empty}),
              AllOf(HasSubstr(empty), HasSubstr("class folders with PNG or JPEG images are expected")));
  EXPECT_FALSE(enrolled(state())) << "the token is not spent on a device that cannot start";
  const std::vector<std::string> device{"--dir", state(), "--token", ticket, "--data"};
  auto with = [&](const std::string& data) {
    auto arguments = device;
    arguments.push_back(data);
    return arguments;
  };
  expect_failed(check("data", with(missing)), "there is no such data", "--data");
  expect_failed(check("data", with(empty)), "are expected", "--data");
  EXPECT_EQ(check("data", with(fleet_.data())).at("outcome"), "passed");
  EXPECT_EQ(check("labels", with(fleet_.data())).at("outcome"), "skipped");
  EXPECT_EQ(check("certificate", with(fleet_.data())).at("outcome"), "passed");
}

TEST_F(BadInput, AnEmptyShare) {
  const std::string ticket = token(), tiny = state("tiny");
  write_images(tiny, 3, 3);
  const std::vector<std::string> device{"--dir", state(),  "--token",   ticket,   "--data",
                                        tiny,    "--part", "uniform:1", "--share"};
  auto with = [&](const std::string& share) {
    auto arguments = device;
    arguments.push_back(share);
    return arguments;
  };
  // Five shares of three samples: two are empty.
  int empty = 0;
  for (int i = 1; i <= 5; ++i) {
    const auto data = check("data", with(std::to_string(i) + "/5"));
    if (data.at("outcome") == "passed") continue;
    ++empty;
    expect_failed(data, fmt::format("share {}/5 is empty: 3 samples", i), "--share");
    EXPECT_THAT(refused(with(std::to_string(i) + "/5")), HasSubstr("is empty"));
  }
  EXPECT_EQ(empty, 2);
  EXPECT_THAT(refused(with("6/5")), HasSubstr("shares are numbered 1 to 5"));
  EXPECT_THAT(refused({"--dir", state(), "--token", ticket, "--data", tiny, "--part", "uniform:1"}),
              HasSubstr("needs --share I/N"));
  EXPECT_FALSE(enrolled(state()));
}

TEST_F(BadInput, Tokens) {
  const std::string data = fleet_.data();
  EXPECT_THAT(refused({"--dir", state(), "--data", data}), HasSubstr("ask for a token (`dunlin fleet token"));
  expect_failed(check("token", {"--dir", state(), "--data", data}), "no token was given",
                "dunlin fleet token");
  EXPECT_THAT(refused({"--dir", state(), "--data", data, "--token", "xyz"}), HasSubstr("token"));
  expect_failed(check("token", {"--dir", state(), "--data", data, "--token", "xyz"}), "token",
                "dunlin fleet token");

  const std::string expired = token({"--expires", "1s"}), once = token();
  system_clock().sleep_ms(1200);
  EXPECT_THAT(refused({"--dir", state(), "--data", data, "--token", expired}),
              AllOf(HasSubstr("expired"), HasSubstr("ask")));
  EXPECT_FALSE(enrolled(state()));

  // Used up by a device that was here first.
  cli::ChildProcess first(
      {DUNLIN_PROGRAM, "device", "--dir", state("first"), "--data", data, "--token", once},
      fleet_.log_of("first"), "/usr/bin/env");
  ASSERT_TRUE(fleet_.wait_until("the first device is enrolled", [&] { return enrolled(state("first")); }));
  EXPECT_THAT(refused({"--dir", state(), "--data", data, "--token", once}),
              AllOf(HasSubstr("used"), HasSubstr("ask")));
  EXPECT_FALSE(enrolled(state()));
  // With a good one the same folder serves.
  first.kill();
  const Ran good =
      dunlin({"device", "--check", "--json", "--dir", state(), "--data", data, "--token", token()});
  EXPECT_EQ(good.exit_code, 0) << good.out;
}

TEST_F(BadInput, AnotherFleet) {
  ProcessFleet other{{.rounds = 1}};
  other.start_coordinator();
  const Ran made = dunlin({"fleet", "token", other.dir(), "--json"});
  const std::string foreign = made.json().at("token").get<std::string>(), data = fleet_.data();
  fleet_.start_device(1);
  ASSERT_TRUE(fleet_.wait_until("device 1 is enrolled", [&] { return enrolled(fleet_.state_of(1)); }));
  EXPECT_EQ(fleet_.stop_device(1), 0);
  const Bytes before = system_files().read(join_path(fleet_.state_of(1), "identity.toml"));

  // A token of one fleet, a folder of another.
  EXPECT_THAT(refused({"--dir", fleet_.state_of(1), "--data", data, "--token", foreign}),
              HasSubstr("another fleet needs another folder"));
  expect_failed(check("token", {"--dir", fleet_.state_of(1), "--data", data, "--token", foreign}),
                "the token to another fleet", "another fleet needs another folder");
  EXPECT_EQ(system_files().read(join_path(fleet_.state_of(1), "identity.toml")), before);

  // A device that comes to another fleet's door: that fleet's certificate is not its authority's.
  std::string moved(as_chars(before));
  const auto port_of = [](const std::string& dir) {
    const std::string token = dunlin({"fleet", "token", dir, "--json"}).json().at("token");
    const Token t = parse_token(token);
    return std::pair(t.fleet_port, t.enrolment_port);
  };
  const auto [fleet_port, enrolment_port] = port_of(fleet_.dir());
  const auto [other_fleet_port, other_enrolment_port] = port_of(other.dir());
  const auto replace = [&](const std::string& from, const std::string& to) {
    const size_t at = moved.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    moved.replace(at, from.size(), to);
  };
  replace(fmt::format("\nport = {}", fleet_port), fmt::format("\nport = {}", other_fleet_port));
  replace(fmt::format("enrolment_port = {}", enrolment_port),
          fmt::format("enrolment_port = {}", other_enrolment_port));
  system_files().write_atomic(join_path(fleet_.state_of(1), "identity.toml"), as_bytes(moved));
  EXPECT_THAT(refused({"--dir", fleet_.state_of(1), "--data", data}),
              AllOf(HasSubstr("another fleet"), HasSubstr("ask")));
  expect_failed(check("fleet", {"--dir", fleet_.state_of(1), "--data", data}), "fleet", "token");
}

TEST_F(BadInput, AnUnwritableStateFolder) {
  // A file where the folder should be: refused to root as well, as whom tests may run.
  const std::string file = state("file"), dir = file + "/state", ticket = token();
  system_files().write_atomic(file, as_bytes("x"));
  EXPECT_THAT(refused({"--dir", dir, "--data", fleet_.data(), "--token", ticket}),
              HasSubstr(file + ": is a file, a folder is expected"));
  expect_failed(check("state", {"--dir", dir, "--data", fleet_.data(), "--token", ticket}),
                file + " is not a folder", "choose another folder");
  // Checking makes nothing.
  EXPECT_EQ(check("state", {"--dir", state("a/b"), "--data", fleet_.data(), "--token", ticket}).at("outcome"),
            "passed");
  EXPECT_FALSE(system_files().exists(state("a")));
  if (::geteuid() == 0) return;
  const std::string locked = state("locked");
  system_files().make_directories(locked, 0500);
  EXPECT_THAT(refused({"--dir", locked, "--data", fleet_.data(), "--token", ticket}), HasSubstr(locked));
  expect_failed(check("state", {"--dir", locked, "--data", fleet_.data(), "--token", ticket}),
                "cannot be written", "choose another folder");
}

TEST_F(BadInput, TwoProcessesInOneFolder) {
  fleet_.start_device(1);
  ASSERT_TRUE(fleet_.wait_until("device 1 is enrolled", [&] { return enrolled(fleet_.state_of(1)); }));
  EXPECT_THAT(refused({"--dir", fleet_.state_of(1), "--data", fleet_.data()}),
              HasSubstr("another device runs in this folder"));
}

/// A folder of class folders with 8x8 images: cats are bright above, dogs below, everything else on the left.
void write_class_folders(const std::string& folder, const std::vector<std::string>& classes, int each) {
  Philox rng(9);
  for (const std::string& name : classes)
    for (int i = 0; i < each; ++i) {
      Tensor image(&formats::kU8, {8, 8, 1});
      for (int k = 0; k < 64; ++k) {
        const bool bright = name == "cat" ? k < 32 : name == "dog" ? k >= 32 : k % 8 < 4;
        image.data<uint8_t>()[k] =
            static_cast<uint8_t>((bright ? 150 : 20) + static_cast<int>(rng.below(60)));
      }
      const std::string inside = join_path(folder, name);
      system_files().make_directories(inside);
      system_files().write_atomic(join_path(inside, fmt::format("{}.png", i)), encode_png(image));
    }
}

// Devices with folders of their own. Each lacks a class, so that a class's place in its folder is not its
// place in the model: had labels gone by place, cat and owl would have been taught as one.
TEST(BadData, AClassFolderThatADeviceLacksShiftsNothing) {
  const TemporaryFolder images;
  write_class_folders(images.file("all"), {"cat", "dog", "owl"}, 10);
  write_class_folders(images.file("1"), {"cat", "dog"}, 20);
  write_class_folders(images.file("2"), {"dog", "owl"}, 20);
  write_class_folders(images.file("3"), {"cat", "owl"}, 20);
  ProcessFleet fleet({.rounds = 6, .epochs = 4, .data = images.file("all")});
  fleet.start_coordinator();
  for (int d = 1; d <= 3; ++d) fleet.start_device_with(d, {"--data", images.file(std::to_string(d))});
  ASSERT_TRUE(fleet.wait_until_finished());
  expect_everyone_counted_once(fleet);
  ASSERT_TRUE(fleet.status().held_out);
  EXPECT_EQ(fleet.status().held_out->examples, 30u);
  EXPECT_GT(fleet.status().held_out->accuracy, 0.95);
}

TEST(BadData, LabelsOutsideTheMapKeepNobodyWaiting) {
  const TemporaryFolder images;
  write_class_folders(images.file("all"), {"cat", "dog", "owl"}, 10);
  write_class_folders(images.file("wrong"), {"cat", "fox"}, 20);
  ProcessFleet fleet({.devices = 3, .rounds = 1, .data = images.file("all"), .quorum = 2});
  fleet.start_coordinator();
  fleet.start_device_with(1, {"--data", images.file("wrong")});
  ASSERT_TRUE(fleet.wait_for_log(1, "label \"fox\" is not in the model's label map (cat, dog, owl)"));
  ASSERT_TRUE(fleet.wait_for_log(1, "put its data right"));
  for (int d = 2; d <= 3; ++d) fleet.start_device_with(d, {"--data", images.file("all")});
  ASSERT_TRUE(fleet.wait_until_finished());
  EXPECT_EQ(fleet.rounds().front().accepted, 2u);
  const auto labels =
      dunlin({"device", "--check", "--json", "--dir", fleet.state_of(1), "--data", images.file("wrong")});
  EXPECT_EQ(labels.exit_code, 1);
  EXPECT_THAT(labels.out, AllOf(HasSubstr("fox"), HasSubstr("rename the data's classes")));
  // What left the device names neither a file nor a label.
  for (const std::string& told : fleet.told_to_coordinator()) {
    EXPECT_EQ(told.find("fox"), std::string::npos) << told;
    EXPECT_EQ(told.find(images.path()), std::string::npos) << told;
  }
}

}  // namespace
}  // namespace dunlin::fleet
