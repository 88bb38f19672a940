#include "fleet/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "fleet/config.h"
#include "fleet/coordinator/toy_fleet.h"
#include "fleet/store/read_model.h"
#include "fleet/store/schema.h"

namespace dunlin::fleet {
namespace {

std::string pragma(Database& db, const char* sql) {
  Statement s(db, sql);
  s.step();
  return s.text(0);
}

TEST(Store, TheDatabaseIsDurableAndChecksReferences) {
  TemporaryFolder folder;
  Database db(folder.file("x.sqlite"), {});
  prepare_schema(db);
  EXPECT_EQ(pragma(db, "PRAGMA journal_mode"), "wal");
  EXPECT_EQ(pragma(db, "PRAGMA synchronous"), "2");  // FULL
  EXPECT_EQ(pragma(db, "PRAGMA foreign_keys"), "1");
  EXPECT_EQ(pragma(db, "PRAGMA user_version"), "2");
  std::string message;
  EXPECT_EQ(
      code_of(
          [&] {
            db.run(
                "INSERT INTO tasks(id, population, round, attempt, device, state, assigned_ms, examples) "
                "VALUES('t', 'p', 1, 1, 'd', 'assigned', 0, 1)");
          },
          &message),
      ErrorCode::kFailedPrecondition);
  EXPECT_THAT(message, testing::HasSubstr("FOREIGN KEY"));
}

TEST(Store, ANewerSchemaIsRefused) {
  TemporaryFolder folder;
  {
    Database db(folder.file("x.sqlite"), {});
    db.run("PRAGMA user_version=99");
  }
  std::string message;
  EXPECT_EQ(code_of([&] { Store(folder.file("x.sqlite"), "p"); }, &message), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(message, "fleet database: schema version 99, this Dunlin knows 2");
}

TEST(Store, WhatIsNoDatabaseIsSaidToBeCorrupt) {
  TemporaryFolder folder;
  const std::string text(5000, 'x');
  system_files().write_atomic(folder.file("x.sqlite"), as_bytes(text));
  EXPECT_EQ(code_of([&] { Store(folder.file("x.sqlite"), "p"); }), ErrorCode::kCorrupt);
}

TEST(Store, ATransactionThatIsNotCommittedLeavesNothing) {
  TemporaryFolder folder;
  Database db(folder.file("x.sqlite"), {});
  db.run("CREATE TABLE t(a)");
  {
    Transaction t(db, "test");
    db.run("INSERT INTO t VALUES(1)");
  }
  EXPECT_EQ(pragma(db, "SELECT count(*) FROM t"), "0");
}

TEST(FleetView, ShowsRoundsDevicesAndEvaluations) {
  TemporaryFolder folder;
  EXPECT_EQ(code_of([&] { FleetView view(folder.path()); }), ErrorCode::kNotFound);
  ToyFleet fleet(folder.path());
  fleet.start();
  FleetView view(folder.path());  // beside the running coordinator
  EXPECT_EQ(view.status(0).version, 0u);
  auto tasks = fleet.open({"a", "b", "c", "d"});
  Bytes nan = fleet.update("d", tasks.at("d"));
  store_le(nan.data() + nan.size() - 4, INT32_MIN);
  fleet.send("d", tasks.at("d"), nan);
  for (const std::string d : {"a", "b"}) fleet.send(d, tasks.at(d));
  fleet.coordinator->count_traffic(100, 200);
  auto live = view.status(fleet.clock.now_ms()).live;
  ASSERT_TRUE(live);
  EXPECT_EQ(live->accepted, 2u);
  EXPECT_EQ(live->refused, 1u);
  EXPECT_EQ(live->training, 1u);
  fleet.send("c", tasks.at("c"));
  fleet.coordinator->tick();
  fleet.open({"a", "b", "c", "d"});

  const auto rounds = view.rounds();
  ASSERT_EQ(rounds.size(), 2u);
  EXPECT_EQ(rounds[0].state, "open");
  const RoundView& r = rounds[1];
  EXPECT_EQ(r.state, "published");
  EXPECT_EQ(r.accepted, 3u);
  EXPECT_EQ(r.bytes_up, 100u + 4 * nan.size());  // the four uploads themselves
  EXPECT_EQ(r.bytes_down, 200u);
  EXPECT_EQ(r.version, 1u);
  EXPECT_EQ(r.held_out->accuracy, 0.5);
  EXPECT_FALSE(r.on_devices);  // the devices try it in the next round
  const auto devices = view.devices();
  ASSERT_EQ(devices.size(), 4u);
  EXPECT_EQ(devices[3].id, "d");
  EXPECT_EQ(devices[3].refused, 1u);
  const StatusView s = view.status(fleet.clock.now_ms());
  EXPECT_EQ(s.version, 1u);
  EXPECT_EQ(s.devices, 4u);
  EXPECT_EQ(s.devices_seen_lately, 4u);
  const nlohmann::json json = to_json(s);
  EXPECT_EQ(json["round"]["round"], 2);
  EXPECT_EQ(json["held_out"]["accuracy"], 0.5);
  EXPECT_TRUE(json["on_devices"].is_null());
  EXPECT_EQ(to_json(devices[3])["last_task_state"], "assigned");
}

}  // namespace
}  // namespace dunlin::fleet
