#include "fleet/coordinator/coordinator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <numeric>
#include <thread>

#include "fleet/coordinator/toy_fleet.h"
#include "fleet/store/read_model.h"
#include "fleet/strategies/framing.h"

namespace dunlin::fleet {
namespace {

using wire::v1::Reason;

TEST_F(CoordinatorTest, RoundsRunUntilTheFleetIsFinished) {
  fleet_.start();
  for (uint64_t round = 1; round <= 3; ++round) {
    const NamedTensors before = fleet_.newest();
    const auto tasks = fleet_.open(kFour);
    ASSERT_EQ(tasks.size(), 4u);
    // The oracle: the weighted mean of what the devices trained, in double, independent of fold and strategy.
    std::vector<double> want(before.at("w").values.size());
    double weights = 0;
    for (const auto& [device, task] : tasks) {
      EXPECT_EQ(task.round(), round);
      EXPECT_EQ(task.plan().seed(), round_seed(1, round));
      ToyTrainer trainer(device, task.plan().seed(), 10 + 1 + static_cast<uint64_t>(device[0]) % 7);
      const LocalResult r = trainer.train(before);
      for (size_t i = 0; i < want.size(); ++i)
        want[i] += double{r.tensors.at("w").values[i]} * static_cast<double>(r.examples);
      weights += static_cast<double>(r.examples);
      EXPECT_EQ(fleet_.send(device, task).reason(), wire::v1::UPDATE_ACCEPTED);
    }
    fleet_.coordinator->tick();
    ASSERT_EQ(fleet_.coordinator->version(), round);
    const NamedTensors after = fleet_.newest();
    for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(after.at("w").values[i], want[i] / weights, 2e-6);
    EXPECT_TRUE(fleet_.inbox->list().empty());
  }
  EXPECT_TRUE(fleet_.coordinator->finished());
  EXPECT_EQ(fleet_.evaluator.calls, 3);
  // The last version is tried on the devices' own data, once each.
  auto reply = fleet_.check_in("a");
  EXPECT_EQ(reply.reason(), wire::v1::FLEET_FINISHED);
  ASSERT_TRUE(reply.has_evaluation());
  wire::v1::ReportRequest report;
  report.set_protocol(kWireVersion);
  report.set_version(reply.evaluation().version());
  report.mutable_evaluation()->set_examples(5);
  report.mutable_evaluation()->set_accuracy(0.75);
  EXPECT_EQ(fleet_.coordinator->report("a", report).reason(), wire::v1::REPORT_ACCEPTED);
  EXPECT_FALSE(fleet_.check_in("a").has_evaluation());
}

TEST_F(CoordinatorTest, WhatOneDeviceClaimsDoesNotSpoilTheViews) {
  fleet_.settings.rounds = 0;
  fleet_.start();
  wire::v1::ReportRequest report;
  report.set_protocol(kWireVersion);
  report.set_version(0);
  const auto send = [&](const std::string& device, uint64_t examples, double loss, double accuracy) {
    EXPECT_TRUE(fleet_.check_in(device).has_evaluation()) << device;
    auto& m = *report.mutable_evaluation();
    m.set_examples(examples);
    m.set_loss(loss);
    m.set_accuracy(accuracy);
    const auto reason = fleet_.coordinator->report(device, report).reason();
    EXPECT_FALSE(fleet_.check_in(device).has_evaluation()) << device << " is asked once, whatever it says";
    return reason;
  };
  EXPECT_EQ(send("honest", 500, 1.5, 0.5), wire::v1::REPORT_ACCEPTED);
  EXPECT_EQ(send("huge", UINT64_MAX / 2, 3.5, 1), wire::v1::REPORT_ACCEPTED);
  EXPECT_EQ(send("huge2", UINT64_MAX, 2.5, 1), wire::v1::REPORT_ACCEPTED);
  EXPECT_EQ(send("nan", 5, NAN, 0.5), wire::v1::NOT_FINITE);
  EXPECT_EQ(send("too good", 5, 1, 1e300), wire::v1::IMPLAUSIBLE_METRICS);
  EXPECT_EQ(send("negative", 5, 1, -0.1), wire::v1::IMPLAUSIBLE_METRICS);
  EXPECT_EQ(send("endless", 5, 1e300, 0.5), wire::v1::IMPLAUSIBLE_METRICS);
  EXPECT_EQ(send("none", 0, 1, 0.5), wire::v1::IMPLAUSIBLE_METRICS);
  report.set_version(7);
  EXPECT_EQ(fleet_.coordinator->report("old", report).reason(), wire::v1::ROUND_OVER);
  FleetView view(folder_.path());
  const Evaluated seen = *view.status(fleet_.clock.now_ms()).on_devices;
  EXPECT_EQ(seen.examples, 2500u) << "nobody counts for more than max_weight, 1000";
  EXPECT_DOUBLE_EQ(seen.accuracy, (500 * 0.5 + 2000) / 2500);
  EXPECT_DOUBLE_EQ(seen.loss, (500 * 1.5 + 1000 * 3.5 + 1000 * 2.5) / 2500);
}

TEST_F(CoordinatorTest, AnEvaluationLeavesTheRestOfTheDevicesRowAlone) {
  fleet_.settings.rounds = 0;
  fleet_.start();
  fleet_.check_in("a");
  fleet_.coordinator->tick();
  fleet_.clock.advance_ms(6000);
  fleet_.coordinator->tick();  // writes who was seen
  fleet_.clock.advance_ms(6000);
  wire::v1::ReportRequest report;
  report.set_protocol(kWireVersion);
  report.set_version(0);
  report.mutable_evaluation()->set_examples(5);
  EXPECT_EQ(fleet_.coordinator->report("a", report).reason(), wire::v1::REPORT_ACCEPTED);
  const DeviceView row = FleetView(folder_.path()).devices().at(0);
  EXPECT_EQ(row.software, "toy");
  EXPECT_EQ(row.train_examples, 40u);
  EXPECT_EQ(row.last_seen_ms, fleet_.clock.now_ms());
}

TEST_F(CoordinatorTest, AWeightBeyondWhatTheDeviceLookedInWithIsRefused) {
  fleet_.start();
  const auto tasks = fleet_.open(kFour);
  const auto of_weight = [&](uint64_t weight) { return toy_update("a", tasks.at("a"), toy_model(), weight); };
  const auto reply = fleet_.send("a", tasks.at("a"), of_weight(41));
  EXPECT_EQ(reply.reason(), wire::v1::WEIGHT_OUT_OF_RANGE);
  EXPECT_NE(reply.message().find("looked in with 40 examples"), std::string::npos) << reply.message();
  fleet_.start();  // and what it said lasts
  EXPECT_EQ(fleet_.send("b", tasks.at("b"), toy_update("b", tasks.at("b"), toy_model(), 41)).reason(),
            wire::v1::WEIGHT_OUT_OF_RANGE);
  EXPECT_EQ(fleet_.send("c", tasks.at("c"), toy_update("c", tasks.at("c"), toy_model(), 40)).reason(),
            wire::v1::UPDATE_ACCEPTED);
}

TEST_F(CoordinatorTest, AnUploadIsAsLargeAsItsTaskNeeds) {
  fleet_.start();
  const auto tasks = fleet_.open(kFour);
  const Bytes good = fleet_.update("a", tasks.at("a"));
  std::string message;
  const Bytes large(good.size() + (80 << 10));
  EXPECT_EQ(code_of([&] { fleet_.upload("a", tasks.at("a"), large); }, &message),
            ErrorCode::kFailedPrecondition);
  EXPECT_NE(message.find("UPDATE_TOO_LARGE"), std::string::npos) << message;
  // A header of empty tensors would take forty times its bytes in memory.
  wire::v1::UpdateHeader header;
  for (int i = 0; i < 100'000; ++i) header.add_tensors();
  size_t offset = 0;
  const Bytes bomb = frame(header, 0, &offset);
  EXPECT_EQ(check_update(bomb, "t", {}, {1000, 1000, 70 << 10}).reason, wire::v1::MALFORMED_UPDATE);
  EXPECT_EQ(fleet_.send("a", tasks.at("a"), good).reason(), wire::v1::UPDATE_ACCEPTED);
}

TEST_F(CoordinatorTest, AnUploadBegunAnewDuringItsCommitDoesNotCount) {
  fleet_.start();
  const auto tasks = fleet_.open(kFour);
  const Bytes good = fleet_.update("a", tasks.at("a"));
  const Bytes other = toy_update("a", tasks.at("a"), toy_model(), 3);
  fleet_.inbox->after_next_read = [&] {
    fleet_.chunks->begin({"a", tasks.at("a").id(), 1}, toy_manifest(other));
  };
  EXPECT_EQ(fleet_.send("a", tasks.at("a"), good).reason(), wire::v1::UPLOAD_INCOMPLETE);
  EXPECT_EQ(fleet_.send("a", tasks.at("a"), good).reason(), wire::v1::UPDATE_ACCEPTED);
  // Nor does a begin that was allowed just before the commit destroy what was accepted.
  EXPECT_EQ(code_of([&] {
              fleet_.inbox->uploads.begin({"a", tasks.at("a").id(), 1}, toy_manifest(other));
            }),
            ErrorCode::kFailedPrecondition);
  fleet_.start();
  EXPECT_EQ(round_state(), "open") << "the accepted update is still there";
  for (const std::string d : {"b", "c", "d"}) fleet_.send(d, tasks.at(d));
  fleet_.coordinator->tick();
  EXPECT_EQ(fleet_.coordinator->store().version(1).updates, 4u);
}

TEST_F(CoordinatorTest, UploadsOfRoundsThatAreOverAreSweptAtTheStart) {
  fleet_.start();
  const auto tasks = fleet_.open(kFour);
  fleet_.upload("a", tasks.at("a"), fleet_.update("a", tasks.at("a")));
  fleet_.inbox->uploads.begin({"z", "a task that never was", 1}, toy_manifest(Bytes(100)));
  fleet_.files.write_atomic(folder_.file("fleet.toml.tmp123-4"), as_bytes("half a write"));
  EXPECT_EQ(fleet_.inbox->list().size(), 3u);
  fleet_.start();
  EXPECT_EQ(fleet_.inbox->list().size(), 2u) << "manifest and data of the open task";
  EXPECT_FALSE(fleet_.files.exists(folder_.file("fleet.toml.tmp123-4")));
}

TEST_F(CoordinatorTest, OnlyTheLastVersionsKeepTheirFiles) {
  fleet_.settings.keep_versions = 2;
  fleet_.settings.rounds = 4;
  fleet_.start();
  const auto files = [&] {
    std::set<std::string> out;
    for (std::string& name : fleet_.files.list(folder_.file("artefacts"))) out.insert(std::move(name));
    return out;
  };
  const auto model = [&](uint64_t v) { return fleet_.coordinator->store().version(v).model.sha256; };
  for (uint64_t round = 1; round <= 4; ++round) {
    for (const auto& [device, task] : fleet_.open(kFour)) fleet_.send(device, task);
    fleet_.coordinator->tick();
    ASSERT_EQ(fleet_.coordinator->version(), round);
    EXPECT_EQ(files(), (std::set<std::string>{model(round - 1), model(round)}));
  }
  EXPECT_EQ(code_of([&] { fleet_.coordinator->download(model(1)); }), ErrorCode::kNotFound);
  EXPECT_EQ(fleet_.coordinator->download(model(3)).size, fleet_.codec.write({}, fleet_.newest()).size());
  // A version that a crash kept from being published, and fewer to be kept than before.
  fleet_.files.write_atomic(folder_.file("artefacts/" + std::string(64, 'b')), as_bytes("orphan"));
  fleet_.settings.keep_versions = 1;
  fleet_.start();
  EXPECT_EQ(files(), std::set<std::string>{model(4)});
}

TEST_F(CoordinatorTest, TheAggregateDoesNotDependOnTheOrderOrOnCheckpoints) {
  std::string reference;
  Philox rng(9);
  for (int trial = 0; trial < 6; ++trial) {
    TemporaryFolder folder;
    ToyFleet fleet(folder.path());
    fleet.settings.rounds = 1;
    fleet.settings.cohort = 7;
    fleet.settings.checkpoint_every = trial % 2 ? 2 : 64;
    fleet.start();
    std::vector<std::string> devices = {"a", "b", "c", "d", "e", "f", "g"};
    const auto tasks = fleet.open(devices);
    ASSERT_EQ(tasks.size(), 7u);
    shuffle(std::span(devices), rng);
    for (size_t i = 0; i < devices.size(); ++i) {
      if (trial >= 2 && i == 4) fleet.start();  // a restart in the middle
      EXPECT_EQ(fleet.send(devices[i], tasks.at(devices[i])).reason(), wire::v1::UPDATE_ACCEPTED);
    }
    fleet.coordinator->tick();
    const std::string hash = fleet.coordinator->store().version(1).model.sha256;
    if (trial == 0) reference = hash;
    EXPECT_EQ(hash, reference) << trial;
    EXPECT_TRUE(fleet.inbox->list().empty());
    EXPECT_TRUE(fleet.files.list(folder.file("accumulators")).empty());
  }
}

TEST_F(CoordinatorTest, ADuplicateGetsTheFirstAnswerAndCountsOnce) {
  fleet_.start();
  const auto tasks = fleet_.open(kFour);
  EXPECT_EQ(fleet_.send("a", tasks.at("a")).reason(), wire::v1::UPDATE_ACCEPTED);
  EXPECT_EQ(fleet_.send("a", tasks.at("a")).reason(), wire::v1::UPDATE_ACCEPTED);
  Bytes other = toy_update("a", tasks.at("a"), toy_model(), 999);  // not even another update changes anything
  EXPECT_EQ(fleet_.send("a", tasks.at("a"), other).reason(), wire::v1::UPDATE_ACCEPTED);
  for (const std::string d : {"b", "c", "d"}) fleet_.send(d, tasks.at(d));
  fleet_.coordinator->tick();
  EXPECT_EQ(fleet_.coordinator->store().version(1).updates, 4u);
  EXPECT_EQ(fleet_.send("a", tasks.at("a")).reason(), wire::v1::UPDATE_ACCEPTED);
}

TEST_F(CoordinatorTest, ARepeatedCommitThatMeetsTheFirstIsAnsweredAlike) {
  fleet_.settings.checkpoint_every = 1;  // an accepted upload is folded and gone at once
  fleet_.start();
  const auto tasks = fleet_.open(kFour);
  fleet_.inbox->before_next_read = [&] {
    EXPECT_EQ(fleet_.send("a", tasks.at("a")).reason(), wire::v1::UPDATE_ACCEPTED);
  };
  EXPECT_EQ(fleet_.send("a", tasks.at("a")).reason(), wire::v1::UPDATE_ACCEPTED);
  // The same when the round was published meanwhile.
  fleet_.inbox->before_next_read = [&] {
    for (const std::string d : {"b", "c", "d"}) fleet_.send(d, tasks.at(d));
    fleet_.coordinator->tick();
  };
  EXPECT_EQ(fleet_.send("d", tasks.at("d")).reason(), wire::v1::UPDATE_ACCEPTED);
  EXPECT_EQ(fleet_.coordinator->store().version(1).updates, 4u);
  // A refusal is repeated as well.
  const auto next = fleet_.open(kFour);
  Bytes nan = fleet_.update("a", next.at("a"));
  store_le(nan.data() + nan.size() - 4, INT32_MIN);
  fleet_.inbox->before_next_read = [&] { fleet_.send("a", next.at("a"), nan); };
  EXPECT_EQ(fleet_.send("a", next.at("a"), nan).reason(), wire::v1::NOT_FINITE);
}

TEST_F(CoordinatorTest, BadUpdatesAreRefusedWithTheirReasonAndTheRoundGoesOn) {
  fleet_.start();
  const auto tasks = fleet_.open(kFour);
  Bytes nan = fleet_.update("a", tasks.at("a"));
  store_le(nan.data() + nan.size() - 4, INT32_MIN);
  EXPECT_EQ(fleet_.send("a", tasks.at("a"), nan).reason(), wire::v1::NOT_FINITE);
  EXPECT_EQ(fleet_.send("a", tasks.at("a")).reason(), wire::v1::NOT_FINITE) << "a refusal is final";
  for (const std::string d : {"b", "c", "d"})
    EXPECT_EQ(fleet_.send(d, tasks.at(d)).reason(), wire::v1::UPDATE_ACCEPTED);
  fleet_.coordinator->tick();  // all are done, and the quorum is there
  EXPECT_EQ(fleet_.coordinator->version(), 1u);
  EXPECT_EQ(fleet_.coordinator->store().version(1).updates, 3u);
}

TEST_F(CoordinatorTest, WhatIsNotTheDevicesOwnTaskIsUnknown) {
  fleet_.start();
  const auto tasks = fleet_.open(kFour);
  const Bytes update = fleet_.update("a", tasks.at("a"));
  EXPECT_EQ(fleet_.send("b", tasks.at("a"), update).reason(), wire::v1::UNKNOWN_TASK);
  auto request = ToyFleet::commit_request(tasks.at("a"), update);
  request.set_attempt(2);
  EXPECT_EQ(fleet_.coordinator->commit("a", request).reason(), wire::v1::UNKNOWN_TASK);
  request.set_task("../../etc/passwd");
  EXPECT_EQ(fleet_.coordinator->commit("a", request).reason(), wire::v1::UNKNOWN_TASK);
  EXPECT_EQ(fleet_.coordinator->may_upload("a", tasks.at("a").id(), 1, update.size()),
            wire::v1::UPDATE_ACCEPTED);
  EXPECT_EQ(fleet_.coordinator->may_upload("b", tasks.at("a").id(), 1, update.size()),
            wire::v1::UNKNOWN_TASK);
  request = ToyFleet::commit_request(tasks.at("c"), update);
  EXPECT_EQ(fleet_.coordinator->commit("c", request).reason(), wire::v1::UPLOAD_INCOMPLETE);
  request = ToyFleet::commit_request(tasks.at("b"), update);
  request.set_sha256(std::string(32, 'x'));
  fleet_.upload("b", tasks.at("b"), update);
  EXPECT_EQ(fleet_.coordinator->commit("b", request).reason(), wire::v1::HASH_MISMATCH);
  EXPECT_EQ(fleet_.send("b", tasks.at("b")).reason(), wire::v1::UPDATE_ACCEPTED) << "may be sent again";
}

TEST_F(CoordinatorTest, ALateUpdateIsRefused) {
  fleet_.settings.over_selection = 1.25;
  fleet_.start();
  const auto tasks = fleet_.open({"a", "b", "c", "d", "e"});
  ASSERT_EQ(tasks.size(), 5u);
  for (const std::string d : {"a", "b", "c", "d"}) fleet_.send(d, tasks.at(d));
  fleet_.coordinator->tick();
  EXPECT_EQ(fleet_.coordinator->version(), 1u);
  const auto reply = fleet_.send("e", tasks.at("e"));
  EXPECT_EQ(reply.reason(), wire::v1::ROUND_OVER);
  EXPECT_EQ(reply.message(), "round 1 is over");
  EXPECT_EQ(fleet_.coordinator->may_upload("e", tasks.at("e").id(), 1, 100), wire::v1::ROUND_OVER);
  EXPECT_EQ(fleet_.coordinator->store().version(1).updates, 4u);
}

TEST_F(CoordinatorTest, AtTheDeadlineAQuorumIsEnough) {
  fleet_.start();
  const auto tasks = fleet_.open(kFour);
  for (const std::string d : {"a", "b", "c"}) fleet_.send(d, tasks.at(d));
  fleet_.coordinator->tick();
  EXPECT_EQ(round_state(), "open");
  fleet_.clock.advance_ms(60'001);
  fleet_.coordinator->tick();
  EXPECT_EQ(round_state(), "published");
  EXPECT_EQ(fleet_.coordinator->store().version(1).updates, 3u);
}

TEST_F(CoordinatorTest, WithoutAQuorumTheRoundFailsAndIsTriedAgain) {
  fleet_.start();
  const auto tasks = fleet_.open(kFour);
  fleet_.send("a", tasks.at("a"));
  wire::v1::ReportRequest report;
  report.set_protocol(kWireVersion);
  report.set_task(tasks.at("b").id());
  report.set_attempt(1);
  report.set_reason(wire::v1::DEVICE_FAILED);
  report.set_message("out of memory");
  EXPECT_EQ(fleet_.coordinator->report("b", report).reason(), wire::v1::REPORT_ACCEPTED);
  EXPECT_EQ(fleet_.coordinator->report("b", report).reason(), wire::v1::REPORT_ACCEPTED);
  EXPECT_EQ(fleet_.send("b", tasks.at("b")).reason(), wire::v1::DEVICE_FAILED);
  fleet_.clock.advance_ms(60'001);
  fleet_.coordinator->tick();
  EXPECT_EQ(round_state(), "failed");
  EXPECT_EQ(round_reason(),
            "1 of 3 updates at the deadline (0 refused, 1 failed, 2 missing); device b: out of memory");
  EXPECT_EQ(fleet_.coordinator->version(), 0u) << "no partial output";
  EXPECT_TRUE(fleet_.inbox->list().empty());
  EXPECT_EQ(fleet_.send("c", tasks.at("c")).reason(), wire::v1::ROUND_OVER);

  EXPECT_TRUE(fleet_.open(kFour).empty()) << "not at once";
  fleet_.clock.advance_ms(fleet_.settings.pace_ms);
  const auto again = fleet_.open(kFour);
  ASSERT_EQ(again.size(), 4u);
  EXPECT_EQ(again.at("a").attempt(), 2u);
  EXPECT_EQ(again.at("a").round(), 1u);
  EXPECT_EQ(again.at("a").plan().seed(), tasks.at("a").plan().seed());
  for (const std::string& d : kFour) fleet_.send(d, again.at(d));
  fleet_.coordinator->tick();
  EXPECT_EQ(fleet_.coordinator->store().version(1).updates, 4u) << "nothing of the failed attempt is in it";
}

TEST_F(CoordinatorTest, AllDevicesFailingEndsTheRoundAtOnce) {
  fleet_.start();
  const auto tasks = fleet_.open(kFour);
  for (const auto& [device, task] : tasks) {
    wire::v1::ReportRequest report;
    report.set_protocol(kWireVersion);
    report.set_task(task.id());
    report.set_attempt(1);
    report.set_reason(wire::v1::DEVICE_FAILED);
    fleet_.coordinator->report(device, report);
  }
  fleet_.coordinator->tick();
  EXPECT_EQ(round_state(), "failed");
}

TEST_F(CoordinatorTest, ARoundThatFailsAgainAndAgainIsTriedEverMoreRarely) {
  fleet_.settings.pace_ms = 60'000;
  fleet_.start();
  const auto attempts = [&](int64_t minutes) {
    for (int64_t m = 0; m < minutes; ++m) {
      for (const auto& [device, task] : fleet_.open(kFour)) {
        wire::v1::ReportRequest report;
        report.set_protocol(kWireVersion);
        report.set_task(task.id());
        report.set_attempt(task.attempt());
        report.set_reason(wire::v1::DEVICE_FAILED);
        fleet_.coordinator->report(device, report);
      }
      fleet_.coordinator->tick();
      fleet_.clock.advance_ms(60'000);
      if (m % 20 == 10) fleet_.start();  // a restart forgets nothing of it
    }
    return fleet_.coordinator->store().last_round()->attempt;
  };
  // After attempt k it waits 2^(k-1) times the pace, an hour at most: at minutes 0, 1, 3, 7, 15, 31, 63, 123,
  // 183.
  EXPECT_EQ(attempts(60), 6u);
  EXPECT_EQ(attempts(180), 9u);
}

TEST_F(CoordinatorTest, CheckInsAreAnsweredWithAReasonAndATime) {
  fleet_.start();
  auto request = ToyFleet::hello();
  request.set_protocol(99);
  EXPECT_EQ(fleet_.coordinator->check_in("a", request).reason(), wire::v1::WRONG_PROTOCOL);
  request = ToyFleet::hello();
  request.set_population("other");
  EXPECT_EQ(fleet_.coordinator->check_in("a", request).reason(), wire::v1::UNKNOWN_POPULATION);
  EXPECT_EQ(fleet_.coordinator->check_in("a", ToyFleet::hello(0)).reason(), wire::v1::NO_TRAINING_DATA);
  request = ToyFleet::hello();
  request.mutable_capabilities()->clear_strategies();
  EXPECT_EQ(fleet_.coordinator->check_in("a", request).reason(), wire::v1::MISSING_CAPABILITY);
  request = ToyFleet::hello();
  request.mutable_capabilities()->set_max_artefact_bytes(10);
  EXPECT_EQ(fleet_.coordinator->check_in("a", request).reason(), wire::v1::MISSING_CAPABILITY);
  const auto reply = fleet_.check_in("a");
  EXPECT_EQ(reply.reason(), wire::v1::NO_ROUND_OPEN);
  EXPECT_GE(reply.come_back_ms(), 800u);
  EXPECT_LE(reply.come_back_ms(), 1200u);
  fleet_.coordinator->tick();
  EXPECT_FALSE(fleet_.coordinator->store().live_round()) << "one device is no round";
  // An empty share never makes a cohort.
  for (const std::string d : {"b", "c", "d", "e"}) fleet_.coordinator->check_in(d, ToyFleet::hello(0));
  fleet_.coordinator->tick();
  EXPECT_FALSE(fleet_.coordinator->store().live_round());
}

TEST_F(CoordinatorTest, ADeviceThatComesBackGetsTheSameTask) {
  fleet_.start();
  const auto tasks = fleet_.open(kFour);
  EXPECT_EQ(fleet_.check_in("a").task().id(), tasks.at("a").id());
  fleet_.start();
  const auto again = fleet_.check_in("a");
  EXPECT_EQ(again.task().id(), tasks.at("a").id());
  EXPECT_EQ(again.task().plan().SerializeAsString(), tasks.at("a").plan().SerializeAsString());
  EXPECT_EQ(fleet_.check_in("z").reason(), wire::v1::NOT_SELECTED);
}

TEST_F(CoordinatorTest, AQuorumThatWaitsLongEnoughStarts) {
  fleet_.start();
  for (const std::string d : {"a", "b", "c"}) fleet_.check_in(d);
  const int64_t due = fleet_.coordinator->tick();
  EXPECT_FALSE(fleet_.coordinator->store().live_round());
  fleet_.clock.advance_ms(due - fleet_.clock.now_ms());
  fleet_.coordinator->tick();
  ASSERT_TRUE(fleet_.coordinator->store().live_round());
  EXPECT_EQ(fleet_.coordinator->store().live_round()->target, 3u);
}

TEST_F(CoordinatorTest, SelectionIsRandomFairAndRepeats) {
  std::map<std::string, int> chosen;
  CoordinatorSettings settings = fleet_.settings;
  for (uint64_t round = 1; round <= 300; ++round) {
    std::vector<std::string> first;
    for (int trial = 0; trial < 2; ++trial) {
      SelectionPool pool(settings);
      for (int i = 0; i < 10; ++i) pool.join({std::to_string(trial ? 9 - i : i), "", 1, 0, 0}, 0, false);
      ASSERT_TRUE(pool.ready(0));
      std::vector<std::string> ids;
      for (const DeviceRow& d : pool.select(round, 1)) ids.push_back(d.id);
      ASSERT_EQ(ids.size(), 4u);
      if (trial == 0)
        first = ids;
      else
        EXPECT_EQ(ids, first);
    }
    for (const std::string& id : first) ++chosen[id];
  }
  // 300 draws of probability 0.4: a standard deviation of 8.5; five of them
  for (const auto& [id, n] : chosen) EXPECT_NEAR(n, 120, 43) << id;
  EXPECT_EQ(chosen.size(), 10u);
}

TEST_F(CoordinatorTest, TwoCoordinatorsInOneFolderAreRefused) {
  fleet_.start();
  ToyFleet other(folder_.path());
  std::string message;
  EXPECT_EQ(code_of([&] { other.start(); }, &message), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(message, folder_.path() + ": another coordinator runs in this folder");
}

TEST_F(CoordinatorTest, AnotherStrategyOnTheSameFolderIsRefused) {
  fleet_.start();
  fleet_.settings.strategy = "FedFoo";
  EXPECT_EQ(code_of([&] { fleet_.start(); }), ErrorCode::kNotFound);
  fleet_.settings.strategy = "FedAvg";
  std::string message;
  fleet_.settings.strategy_params = {{"statistics", "local"}};
  EXPECT_EQ(code_of([&] { fleet_.start(); }, &message), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(message,
            "population \"default\": began with strategy_params \"\", the settings say \"statistics=local\"");
  fleet_.settings.strategy_params = {};
  fleet_.settings.seed = 2;
  EXPECT_EQ(code_of([&] { fleet_.start(); }, &message), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(message, "population \"default\": began with seed \"1\", the settings say \"2\"");
  fleet_.settings.seed = 1;
  fleet_.settings.quorum = 9;
  EXPECT_EQ(code_of([&] { fleet_.start(); }), ErrorCode::kInvalidArgument);
}

TEST_F(CoordinatorTest, ADamagedInboxFailsTheRoundInsteadOfCountingWrong) {
  fleet_.start();
  const auto tasks = fleet_.open(kFour);
  fleet_.send("a", tasks.at("a"));
  for (const std::string& name : fleet_.inbox->list())
    if (name.ends_with(".data")) fleet_.files.write_at(folder_.file("uploads/" + name), 5000, as_bytes("x"));
  fleet_.start();
  EXPECT_EQ(round_state(), "failed");
  EXPECT_NE(round_reason().find("no whole upload"), std::string::npos);
  fleet_.clock.advance_ms(fleet_.settings.pace_ms);
  EXPECT_EQ(fleet_.open(kFour).at("a").attempt(), 2u);
}

TEST_F(CoordinatorTest, ServerStateIsNotForDownload) {
  fleet_.start();
  EXPECT_EQ(code_of([&] { fleet_.coordinator->download(std::string(64, 'a')); }), ErrorCode::kNotFound);
  EXPECT_EQ(fleet_.coordinator->download(fleet_.coordinator->store().version(0).model.sha256).size,
            toy_model().serialise().size());
}

}  // namespace
}  // namespace dunlin::fleet
