// The tables of DIR/fleet.sqlite. Their version is SQLite's user_version.
#pragma once

#include "fleet/store/sqlite.h"

namespace dunlin::fleet {

constexpr int64_t kSchemaVersion = 2;

/// Makes the tables in a new database. Throws kFailedPrecondition when a Dunlin with other tables wrote it.
void prepare_schema(Database& db);
/// For readers: the same check, nothing is made.
void check_schema(Database& db);

}  // namespace dunlin::fleet
