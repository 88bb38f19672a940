#include "fleet/store/schema.h"

#include "base/error.h"

namespace dunlin::fleet {

namespace {

// Times are milliseconds since 1970-01-01 UTC; hashes are hex; a seed is a uint64 stored as the int64 of the
// same bits.
constexpr const char* kTables = R"sql(
CREATE TABLE artefacts(
  sha256 TEXT PRIMARY KEY,
  size INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK(kind IN ('model', 'broadcast', 'server_state')),
  created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE populations(
  name TEXT PRIMARY KEY,
  seed INTEGER NOT NULL,
  strategy TEXT NOT NULL,
  strategy_params TEXT NOT NULL,         -- NAME=VALUE, by name, with commas between
  version INTEGER NOT NULL,              -- the newest published one
  created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A version is a set of artefacts; at first one deployed form beside the strategy's own tensors.
CREATE TABLE versions(
  population TEXT NOT NULL REFERENCES populations(name),
  number INTEGER NOT NULL,
  model TEXT NOT NULL REFERENCES artefacts(sha256),
  broadcast TEXT REFERENCES artefacts(sha256),
  server_state TEXT REFERENCES artefacts(sha256),
  round INTEGER,                         -- null for the first
  updates INTEGER NOT NULL,
  weight INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  PRIMARY KEY(population, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE devices(
  id TEXT PRIMARY KEY,
  population TEXT NOT NULL REFERENCES populations(name),
  software TEXT NOT NULL,
  train_examples INTEGER NOT NULL,
  evaluation_examples INTEGER NOT NULL,
  first_seen_ms INTEGER NOT NULL,
  last_seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Every call of these is refused. A device that enrolled may be among them before it has looked in.
CREATE TABLE revocations(
  device TEXT PRIMARY KEY,
  revoked_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE rounds(
  population TEXT NOT NULL,
  number INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  state TEXT NOT NULL CHECK(state IN ('open', 'closing', 'published', 'failed')),
  base_version INTEGER NOT NULL,
  seed INTEGER NOT NULL,
  target INTEGER NOT NULL,
  quorum INTEGER NOT NULL,
  opened_ms INTEGER NOT NULL,
  deadline_ms INTEGER NOT NULL,
  closed_ms INTEGER,
  reason TEXT NOT NULL DEFAULT '',
  plan BLOB NOT NULL,
  bytes_up INTEGER NOT NULL DEFAULT 0,
  bytes_down INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY(population, number, attempt),
  FOREIGN KEY(population, base_version) REFERENCES versions(population, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX one_live_round ON rounds(population) WHERE state IN ('open', 'closing');

CREATE TABLE tasks(
  id TEXT PRIMARY KEY,
  population TEXT NOT NULL,
  round INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  device TEXT NOT NULL REFERENCES devices(id),
  state TEXT NOT NULL CHECK(state IN ('assigned', 'accepted', 'refused', 'failed', 'over')),
  reason INTEGER NOT NULL DEFAULT 0,     -- wire.v1.Reason
  message TEXT NOT NULL DEFAULT '',
  assigned_ms INTEGER NOT NULL,
  examples INTEGER NOT NULL,             -- that the device had when it was selected
  closed_ms INTEGER,
  sha256 TEXT,
  size INTEGER,
  weight INTEGER,
  loss REAL,
  accuracy REAL,
  clipped INTEGER,
  checkpoint INTEGER,                    -- the accumulator that holds it; null: only the inbox does
  UNIQUE(device, round, attempt),
  FOREIGN KEY(population, round, attempt) REFERENCES rounds(population, number, attempt)
) STRICT, WITHOUT ROWID;
CREATE INDEX tasks_of_round ON tasks(population, round, attempt);

CREATE TABLE accumulators(
  population TEXT NOT NULL,
  round INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  checkpoint INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  updates INTEGER NOT NULL,
  PRIMARY KEY(population, round, attempt),
  FOREIGN KEY(population, round, attempt) REFERENCES rounds(population, number, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE evaluations(
  population TEXT NOT NULL,
  version INTEGER NOT NULL,
  device TEXT NOT NULL,                  -- empty: the coordinator's own held-out set
  examples INTEGER NOT NULL,
  loss REAL NOT NULL,
  accuracy REAL NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY(population, version, device),
  FOREIGN KEY(population, version) REFERENCES versions(population, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE events(
  id INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  kind TEXT NOT NULL,
  round INTEGER,
  device TEXT,
  detail TEXT NOT NULL
) STRICT;
)sql";

int64_t version_of(Database& db) {
  Statement s(db, "PRAGMA user_version");
  s.step();
  return s.integer(0);
}

}  // namespace

void check_schema(Database& db) {
  if (const int64_t v = version_of(db); v != kSchemaVersion)
    fail(ErrorCode::kFailedPrecondition, "fleet database: schema version {}, this Dunlin knows {}", v,
         kSchemaVersion);
}

void prepare_schema(Database& db) {
  Transaction t(db, "schema");
  if (version_of(db) == 0) {  // new, or holding enrolment tokens only
    db.run(kTables);
    db.run(fmt::format("PRAGMA user_version={}", kSchemaVersion).c_str());
  }
  check_schema(db);
  t.commit();
}

}  // namespace dunlin::fleet
