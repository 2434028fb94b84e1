// SPDX-License-Identifier: MIT
#include "local/store_test_support.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

#include "core/chunking.h"

namespace sosw::local {
namespace {

// State of the one FaultyDisk; files of all threads use it.
std::atomic<std::int64_t> writes_left{FaultyDisk::kNever}, flushes_left{FaultyDisk::kNever};
std::atomic<std::int64_t> flush_count{0};
std::atomic<bool> failed{false};
FaultyDisk::Interference interference;

using Operation = FaultyDisk::Operation;
int disturbed(Operation operation) { return interference ? interference(operation) : SQLITE_OK; }

bool runs_out(std::atomic<std::int64_t>& left) {
  if (left.load() == FaultyDisk::kNever) return false;
  if (left.fetch_sub(1) > 0) return false;
  left.store(0);
  failed = true;
  return true;
}

struct File {
  sqlite3_file base;
  sqlite3_file* real;
};
sqlite3_file* real(sqlite3_file* file) { return reinterpret_cast<File*>(file)->real; }

// The shim's method: asked first, then the real one.
template <Operation operation, auto method, class... Arguments>
int ask(sqlite3_file* f, Arguments... arguments) {
  const int code = disturbed(operation);
  if (code == FaultyDisk::kSkipped) return SQLITE_OK;
  if (code != SQLITE_OK) return code;
  return (real(f)->pMethods->*method)(real(f), arguments...);
}

int write(sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
  if (runs_out(writes_left)) return SQLITE_FULL;
  const int code = disturbed(Operation::write);
  if (code == FaultyDisk::kTorn) {
    real(f)->pMethods->xWrite(real(f), from, n / 2, at);
    _exit(FaultyDisk::kTornExit);
  }
  return code != SQLITE_OK ? code : real(f)->pMethods->xWrite(real(f), from, n, at);
}

using Methods = sqlite3_io_methods;
const sqlite3_io_methods kMethods = {
    3,
    [](sqlite3_file* f) {
      const int code = real(f)->pMethods->xClose(real(f));
      std::free(real(f));
      return code;
    },
    ask<Operation::read, &Methods::xRead>,
    write,
    ask<Operation::truncate, &Methods::xTruncate>,
    [](sqlite3_file* f, int flags) {
      ++flush_count;
      if (runs_out(flushes_left)) return SQLITE_IOERR_FSYNC;
      return ask<Operation::flush, &Methods::xSync>(f, flags);
    },
    ask<Operation::read, &Methods::xFileSize>,
    ask<Operation::lock, &Methods::xLock>,
    [](sqlite3_file* f, int level) { return real(f)->pMethods->xUnlock(real(f), level); },
    [](sqlite3_file* f, int* locked) {
      return real(f)->pMethods->xCheckReservedLock(real(f), locked);
    },
    [](sqlite3_file* f, int op, void* arg) {
      return real(f)->pMethods->xFileControl(real(f), op, arg);
    },
    [](sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); },
    [](sqlite3_file* f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); },
    ask<Operation::share, &Methods::xShmMap>,
    [](sqlite3_file* f, int offset, int n, int flags) {
      if ((flags & SQLITE_SHM_UNLOCK) != 0)
        return real(f)->pMethods->xShmLock(real(f), offset, n, flags);
      return ask<Operation::lock, &Methods::xShmLock>(f, offset, n, flags);
    },
    [](sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); },
    [](sqlite3_file* f, int unlink) { return real(f)->pMethods->xShmUnmap(real(f), unlink); },
    [](sqlite3_file* f, sqlite3_int64 at, int n, void** to) {
      return real(f)->pMethods->xFetch(real(f), at, n, to);
    },
    [](sqlite3_file* f, sqlite3_int64 at, void* page) {
      return real(f)->pMethods->xUnfetch(real(f), at, page);
    },
};

sqlite3_vfs* unix_vfs() {
  static sqlite3_vfs* const kFound = sqlite3_vfs_find("unix");
  return kFound;
}

sqlite3_vfs& faulty_vfs() {
  static sqlite3_vfs vfs = [] {
    sqlite3_vfs copy = *unix_vfs();
    copy.zName = "faulty";
    copy.szOsFile = sizeof(File);
    copy.pNext = nullptr;
    copy.xOpen = [](sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
      auto* opened = reinterpret_cast<File*>(file);
      opened->base.pMethods = nullptr;
      if (const int code = disturbed(Operation::open); code != SQLITE_OK) return code;
      opened->real = static_cast<sqlite3_file*>(
          std::calloc(1, static_cast<std::size_t>(unix_vfs()->szOsFile)));
      const int code = unix_vfs()->xOpen(unix_vfs(), name, opened->real, flags, out);
      if (code == SQLITE_OK)
        opened->base.pMethods = &kMethods;
      else
        std::free(opened->real);
      return code;
    };
    copy.xDelete = [](sqlite3_vfs*, const char* name, int sync) {
      const int code = disturbed(Operation::remove);
      return code != SQLITE_OK ? code : unix_vfs()->xDelete(unix_vfs(), name, sync);
    };
    copy.xAccess = [](sqlite3_vfs*, const char* name, int flags, int* answer) {
      const int code = disturbed(Operation::read);
      return code != SQLITE_OK ? code : unix_vfs()->xAccess(unix_vfs(), name, flags, answer);
    };
    return copy;
  }();
  return vfs;
}

// Rows of a query, each a line of its columns.
std::string lines(sqlite3* database, const char* sql) {
  std::string text;
  const auto add = [](void* to, int columns, char** values, char**) {
    for (int i = 0; i < columns; ++i)
      *static_cast<std::string*>(to) +=
          fmt::format("{}{}", values[i] ? values[i] : "NULL", i + 1 < columns ? " " : "\n");
    return 0;
  };
  char* message = nullptr;
  if (sqlite3_exec(database, sql, add, &text, &message) != SQLITE_OK)
    text = fmt::format("{}: {}\n", sql, message);
  sqlite3_free(message);
  return text;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string text = (std::filesystem::temp_directory_path() / "sosw-store-XXXXXX").string();
  if (mkdtemp(text.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = text;
}

TemporaryFolder::~TemporaryFolder() { std::filesystem::remove_all(path_); }

FaultyDisk::FaultyDisk() {
  full_after(kNever);
  broken_after(kNever);
  sqlite3_vfs_register(&faulty_vfs(), 1);
}

FaultyDisk::~FaultyDisk() {
  interference = nullptr;
  sqlite3_vfs_unregister(&faulty_vfs());
}

void FaultyDisk::full_after(std::int64_t n) {
  failed = false;
  writes_left = n;
}

void FaultyDisk::broken_after(std::int64_t n) {
  failed = false;
  flushes_left = n;
}

bool FaultyDisk::has_failed() const { return failed; }
std::int64_t FaultyDisk::flushes() const { return flush_count; }
void FaultyDisk::interfere(Interference asked) { interference = std::move(asked); }

std::string contradictions(const std::string& path) {
  sqlite3* database = nullptr;
  if (sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READWRITE, nullptr) != SQLITE_OK)
    return "the file cannot be opened";
  sqlite3_busy_timeout(database, 10'000);
  std::string found;
  const auto expect = [&](std::string_view what, const char* sql, std::string_view expected = "") {
    const std::string answer = lines(database, sql);
    if (answer != expected) found += fmt::format("{}:\n{}", what, answer);
  };
  expect("integrity", "PRAGMA integrity_check", "ok\n");
  expect("counts that are wrong: labourer, state, counted, stored", R"sql(
    WITH real(labourer_id, state, n) AS (
      SELECT labourer_id, state, count(*) FROM task GROUP BY 1, 2
      UNION ALL SELECT labourer_id, status, count(*) FROM closed GROUP BY 1, 2
      UNION ALL SELECT labourer_id, 8, sum(rows - cursor) FROM job WHERE state = 0 GROUP BY 1
      UNION ALL SELECT labourer_id, 9, count(*) FROM job WHERE state = 0 GROUP BY 1)
    SELECT c.labourer_id, c.state, coalesce(r.n, 0), c.n FROM counts c LEFT JOIN real r
      USING (labourer_id, state) WHERE c.n <> coalesce(r.n, 0)
    UNION ALL SELECT r.labourer_id, r.state, r.n, 'none' FROM real r LEFT JOIN counts c
      USING (labourer_id, state) WHERE c.n IS NULL)sql");
  expect("tasks in both tables", "SELECT id FROM task JOIN closed USING (id)");
  expect("jobs whose rows are not below their cursor, each once: job, cursor, rows there", R"sql(
    SELECT first_id, cursor, n FROM (SELECT first_id, cursor,
      (SELECT count(*) FROM task WHERE id >= first_id AND id < first_id + rows) +
      (SELECT count(*) FROM closed WHERE id >= first_id AND id < first_id + rows) AS n,
      max((SELECT coalesce(max(id), -1) FROM task WHERE id >= first_id AND id < first_id + rows),
          (SELECT coalesce(max(id), -1) FROM closed WHERE id >= first_id AND id < first_id + rows))
        AS last FROM job)
    WHERE n <> cursor OR last >= first_id + cursor)sql");
  expect("jobs whose ends are counted wrong", R"sql(
    SELECT first_id, done, dead, cancelled FROM job WHERE
      done <> (SELECT count(*) FROM closed WHERE id >= first_id AND id < first_id + rows
               AND status = 5)
      OR dead <> (SELECT count(*) FROM closed WHERE id >= first_id AND id < first_id + rows
                  AND status = 6)
      OR cancelled <> (SELECT count(*) FROM closed WHERE id >= first_id AND id < first_id + rows
                       AND status = 7))sql");
  expect("descriptions without an open job, or open jobs without one", R"sql(
    SELECT first_id FROM description WHERE first_id NOT IN (SELECT first_id FROM job WHERE state = 0)
    UNION ALL
    SELECT first_id FROM job WHERE state = 0 AND first_id NOT IN (SELECT first_id FROM description)
  )sql");
  expect("rows whose columns do not fit their state", R"sql(
    SELECT id, state FROM task WHERE (state = 0) <> (due IS NULL OR due = 0)
      OR (state = 1 AND (claim = 0 OR claimed_at IS NULL OR attempts = 0)))sql");
  expect("more dead tasks than alarms were ever raised: dead, raised", R"sql(
    SELECT dead, raised FROM (SELECT (SELECT count(*) FROM closed WHERE status = 6) AS dead,
      coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'alarm'), 0) AS raised)
    WHERE dead > raised)sql");
  sqlite3_close(database);
  return found;
}

engine::Job job_of(std::int64_t rows, std::string key, std::string_view labourer) {
  constexpr std::int64_t kMostWords = 10'000;
  json::array words, dates;
  for (std::int64_t i = 0; i < std::min(rows, kMostWords); ++i) words.emplace_back(i);
  for (std::int64_t i = 0; i < rows / kMostWords; ++i) dates.emplace_back(fmt::format("day {}", i));
  engine::Job job;
  job.key = std::move(key);
  job.labourer_id = labourer;
  job.description = {{"chunker", 1},
                     {"labourer_id", labourer},
                     {"chunkable_attrs", {"word"}},
                     {"job", {{"isolate_words", true}, {"words", std::move(words)}}}};
  if (rows > kMostWords) {
    job.description["dates"] = std::move(dates);
    job.description["isolate_days"] = true;
  }
  job.rows = JobRows::open(job.description)->count();
  if (job.rows != rows) throw std::runtime_error("a job of another number of rows");
  return job;
}

}  // namespace sosw::local
