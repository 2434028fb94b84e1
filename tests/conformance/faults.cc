// SPDX-License-Identifier: MIT
#include "faults.h"

#include <sqlite3.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <stdexcept>

namespace sosw::conformance {
namespace {

using Operation = local::FaultyDisk::Operation;

// State of the one Faults: SQLite's functions have no room for it.
std::atomic<bool> is_on{false};
std::atomic<bool> has_struck{false};
std::atomic<std::int64_t> points{0};
Fault armed{};
std::int64_t strike_at = 0;
// What a connection says after a statement that has not been run.
thread_local sqlite3* forged_connection = nullptr;
thread_local int forged_code = SQLITE_OK;

// Whether the fault strikes now. A killed process does not come back.
bool strikes(Fault::At at) {
  if (!is_on || armed.at != at) return false;
  const std::int64_t point = ++points;
  if (point != strike_at && !(armed.what == Fault::What::lasting && point > strike_at))
    return false;
  has_struck = true;
  if (armed.what == Fault::What::killed) _exit(kKilledExit);
  return true;
}

int io_error(Operation operation) {
  switch (operation) {
    case Operation::open:
      return SQLITE_CANTOPEN;
    case Operation::read:
      return SQLITE_IOERR_READ;
    case Operation::write:
      return SQLITE_IOERR_WRITE;
    case Operation::truncate:
      return SQLITE_IOERR_TRUNCATE;
    case Operation::flush:
      return SQLITE_IOERR_FSYNC;
    case Operation::share:
      return SQLITE_IOERR_SHMMAP;
    case Operation::lock:
      return SQLITE_IOERR_LOCK;
    case Operation::remove:
      return SQLITE_IOERR_DELETE;
  }
  return SQLITE_IOERR;
}

int disturb_disk(Operation operation) {
  // No power is cut here: flushing would only take time.
  const int undisturbed = operation == Operation::flush ? local::FaultyDisk::kSkipped : SQLITE_OK;
  const bool writes_only = armed.what == Fault::What::full || armed.what == Fault::What::torn;
  if (writes_only && operation != Operation::write) return undisturbed;
  if (!strikes(Fault::At::disk)) return undisturbed;
  if (armed.what == Fault::What::torn) return local::FaultyDisk::kTorn;
  return armed.what == Fault::What::full ? SQLITE_FULL : io_error(operation);
}

sqlite3_mem_methods& memory() {
  static sqlite3_mem_methods methods;
  return methods;
}

}  // namespace

std::string_view name(Fault::At at) {
  constexpr std::string_view kNames[] = {"statement", "disk", "memory"};
  return kNames[static_cast<std::size_t>(at)];
}

std::string_view name(Fault::What what) {
  constexpr std::string_view kNames[] = {"io_error", "full",   "no_memory", "busy",
                                         "lasting",  "killed", "torn"};
  return kNames[static_cast<std::size_t>(what)];
}

Faults::Allocator::Allocator() {
  static const bool kDone = [] {
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory()) != SQLITE_OK) return false;
    sqlite3_mem_methods failing = memory();
    failing.xMalloc = [](int size) {
      return strikes(Fault::At::memory) ? nullptr : memory().xMalloc(size);
    };
    failing.xRealloc = [](void* old, int size) {
      return strikes(Fault::At::memory) ? nullptr : memory().xRealloc(old, size);
    };
    return sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) == SQLITE_OK;
  }();
  if (!kDone) throw std::logic_error("SQLite has been used before the first Faults");
}

Faults::Faults() { disk_.interfere(disturb_disk); }

Faults::~Faults() { is_on = false; }

void Faults::arm(Fault fault, std::int64_t n) {
  is_on = false;
  armed = fault;
  strike_at = n;
  points = 0;
  has_struck = false;
}

void Faults::on() { is_on = true; }
void Faults::off() { is_on = false; }
bool Faults::struck() const { return has_struck; }
std::int64_t Faults::visited() const { return points; }

}  // namespace sosw::conformance

// --- Statements: the linker gives us the calls of the store (--wrap), and the real ones.

using namespace sosw::conformance;

extern "C" {

int __real_sqlite3_step(sqlite3_stmt* statement);
int __real_sqlite3_exec(sqlite3* connection, const char* sql,
                        int (*row)(void*, int, char**, char**), void* to, char** message);
int __real_sqlite3_extended_errcode(sqlite3* connection);
const char* __real_sqlite3_errmsg(sqlite3* connection);

static std::optional<int> failure(sqlite3* connection) {
  forged_connection = nullptr;
  if (!strikes(Fault::At::statement)) return std::nullopt;
  int code = SQLITE_IOERR;
  if (armed.what == Fault::What::full) {
    code = SQLITE_FULL;
    if (sqlite3_get_autocommit(connection) == 0)
      __real_sqlite3_exec(connection, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  if (armed.what == Fault::What::no_memory) code = SQLITE_NOMEM;
  if (armed.what == Fault::What::busy) code = SQLITE_BUSY;
  forged_connection = connection;
  forged_code = code;
  return code;
}

int __wrap_sqlite3_step(sqlite3_stmt* statement) {
  if (const auto code = failure(sqlite3_db_handle(statement))) return *code;
  return __real_sqlite3_step(statement);
}

int __wrap_sqlite3_exec(sqlite3* connection, const char* sql,
                        int (*row)(void*, int, char**, char**), void* to, char** message) {
  if (const auto code = failure(connection)) {
    if (message != nullptr) *message = nullptr;
    return *code;
  }
  return __real_sqlite3_exec(connection, sql, row, to, message);
}

int __wrap_sqlite3_extended_errcode(sqlite3* connection) {
  return connection == forged_connection ? forged_code
                                         : __real_sqlite3_extended_errcode(connection);
}

const char* __wrap_sqlite3_errmsg(sqlite3* connection) {
  return connection == forged_connection ? sqlite3_errstr(forged_code)
                                         : __real_sqlite3_errmsg(connection);
}

}  // extern "C"
