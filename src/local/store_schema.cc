// SPDX-License-Identifier: MIT
// Numbered migrations. A released one is never edited: a change is a new one at the end.
#include "local/store_schema.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <string>

#include "core/task.h"

namespace sosw::local {
namespace {

// state of task: 0 queued, 1 running, 2 completed, 3 retry. status of closed: 5 done, 6 dead,
// 7 cancelled. counts: both, and 8 for rows of open jobs that are not made yet, 9 for open jobs.
// Integer id of a task: first_id of its job + row. Times: due and created_at in microseconds since
// 1970, all others in seconds. `due`: queued: 0 when its newest claim was given back; running: the
// deadline; completed: when; retry: when it is queued again. `position` in closed: only when that
// was the greenfield at the end (cancelled while queued). Descriptions stand beside the jobs, since
// a job's row is written at every batch.
constexpr const char* kFirst = R"sql(
CREATE TABLE meta(key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES('version', 0), ('next_id', 1), ('store_id', lower(hex(randomblob(16))));

CREATE TABLE labourer(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  tail INTEGER NOT NULL DEFAULT 0,
  paused INTEGER NOT NULL DEFAULT 0,
  blocked TEXT NOT NULL DEFAULT ''
);

CREATE TABLE job(
  first_id INTEGER PRIMARY KEY,
  rows INTEGER NOT NULL,
  cursor INTEGER NOT NULL,
  state INTEGER NOT NULL,
  uid TEXT NOT NULL UNIQUE,
  key TEXT,
  labourer_id INTEGER NOT NULL,
  foreign_id TEXT,
  position INTEGER,
  created_at INTEGER NOT NULL,
  done INTEGER NOT NULL DEFAULT 0,
  dead INTEGER NOT NULL DEFAULT 0,
  cancelled INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX job_open ON job(labourer_id, first_id) WHERE state = 0;
CREATE INDEX job_cancelling ON job(labourer_id, first_id) WHERE state = 2;
CREATE UNIQUE INDEX job_foreign ON job(foreign_id) WHERE foreign_id IS NOT NULL;
CREATE TABLE description(first_id INTEGER PRIMARY KEY, text TEXT NOT NULL);

CREATE TABLE task(
  id INTEGER PRIMARY KEY,
  labourer_id INTEGER NOT NULL,
  state INTEGER NOT NULL,
  position INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  claim INTEGER NOT NULL,
  due INTEGER,
  claimed_at INTEGER,
  created_at INTEGER NOT NULL,
  payload TEXT NOT NULL,
  extra TEXT
);
CREATE INDEX task_queue ON task(labourer_id, position) WHERE state = 0;
CREATE INDEX task_due ON task(state, labourer_id, due) WHERE state > 0;

CREATE TABLE closed(
  id INTEGER PRIMARY KEY,
  labourer_id INTEGER NOT NULL,
  status INTEGER NOT NULL,
  position INTEGER,
  attempts INTEGER NOT NULL,
  claim INTEGER NOT NULL,
  closed_at INTEGER NOT NULL,
  claimed_at INTEGER,
  created_at INTEGER NOT NULL,
  completed_at INTEGER,
  payload TEXT NOT NULL,
  extra TEXT
);
CREATE INDEX closed_when ON closed(labourer_id, status, closed_at);

CREATE TABLE counts(
  labourer_id INTEGER NOT NULL,
  state INTEGER NOT NULL,
  n INTEGER NOT NULL,
  PRIMARY KEY(labourer_id, state)
) WITHOUT ROWID;

CREATE TABLE event(
  task_id INTEGER NOT NULL,
  n INTEGER NOT NULL,
  at INTEGER NOT NULL,
  action TEXT NOT NULL,
  data TEXT NOT NULL,
  PRIMARY KEY(task_id, n)
) WITHOUT ROWID;

CREATE TABLE alarm(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  kind INTEGER NOT NULL,
  labourer TEXT NOT NULL,
  task TEXT NOT NULL,
  message TEXT NOT NULL,
  at INTEGER NOT NULL
);
)sql";

constexpr std::array kMigrations = {kFirst};

// The first column of the first row; "" when there is none.
std::string text(Database& database, const char* sql) {
  std::string value;
  const auto read = [](void* to, int, char** values, char**) {
    if (values[0] != nullptr) *static_cast<std::string*>(to) = values[0];
    return 0;
  };
  if (sqlite3_exec(database.connection(), sql, read, &value, nullptr) != SQLITE_OK)
    throw SqliteError(sqlite3_extended_errcode(database.connection()),
                      sqlite3_errmsg(database.connection()));
  return value;
}

std::int64_t number(Database& database, const char* sql) {
  const std::string value = text(database, sql);
  std::int64_t n = -1;
  std::from_chars(value.data(), value.data() + value.size(), n);
  return n;
}

// The version of the file; 0: it is empty.
Result<std::int64_t> version_of(Database& database) {
  if (number(database, "SELECT count(*) FROM sqlite_schema WHERE name = 'meta'") == 0) {
    if (number(database, "SELECT count(*) FROM sqlite_schema") == 0) return std::int64_t{0};
    return Error{Code::corrupt, "the file is an SQLite database, but not a store of sosw",
                 "choose another data folder"};
  }
  const std::int64_t found = number(database, "SELECT value FROM meta WHERE key = 'version'");
  if (found < 1)
    return Error{Code::corrupt, "the store does not tell its version", "restore a backup"};
  if (found > schema_version())
    return Error{Code::corrupt,
                 fmt::format("the store has version {}, this program knows versions up to {}",
                             found, schema_version()),
                 "use the release that wrote it, or a newer one; or choose another data folder"};
  return found;
}

void step(Database& database, std::int64_t from) {
  database.script(kMigrations[static_cast<std::size_t>(from)]);
  if (from == 0)
    database.script(
        fmt::format(
            "INSERT INTO job(first_id, rows, cursor, state, uid, labourer_id, created_at) "
            "VALUES({}, 0, 0, 1, '{}', 0, 0)",
            kPseudoJob,
            job_id("store:" + text(database, "SELECT value FROM meta WHERE key = 'store_id'")))
            .c_str());
  database.script(
      fmt::format("UPDATE meta SET value = {} WHERE key = 'version'", from + 1).c_str());
}

}  // namespace

std::int64_t schema_version() { return std::ssize(kMigrations); }

Result<void> check_version(Database& database) {
  const auto found = version_of(database);
  if (!found) return found.error();
  if (*found == schema_version()) return {};
  return Error{Code::denied,
               fmt::format("the store has version {}, and there is no permission to bring it to {}",
                           *found, schema_version()),
               "look at it once as its owner: sosw status"};
}

Result<void> migrate(Database& database, std::int64_t version) {
  // A file that is not ours is not touched.
  if (const auto found = version_of(database); !found) return found.error();
  if (const std::string mode = text(database, "PRAGMA journal_mode = WAL"); mode != "wal")
    return Error{Code::denied,
                 fmt::format("SQLite keeps no write-ahead log here (its mode stays '{}')", mode),
                 "choose a data folder on a local disk"};
  for (;;) {
    // Mostly there is nothing to do: then nobody waits for the engine, which may be busy writing.
    Result<std::int64_t> found = version_of(database);
    if (!found) return found.error();
    if (*found >= version) return {};
    database.script("BEGIN IMMEDIATE");
    found = version_of(database);
    if (found && *found < version) step(database, *found);
    database.script("COMMIT");
  }
}

}  // namespace sosw::local
