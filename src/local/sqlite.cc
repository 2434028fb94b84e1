// SPDX-License-Identifier: MIT
// The calls of SQLite's C interface that the store needs.
#include "local/sqlite.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

namespace sosw::local {

Error SqliteError::error(std::string_view doing) const {
  const std::string message = fmt::format("{}: {}", doing, what());
  switch (code_ & 0xff) {
    case SQLITE_FULL:
      return {Code::exhausted, message, "free space on the disk of the data folder, then repeat"};
    case SQLITE_IOERR:
      return {Code::exhausted, message,
              "look at the disk of the data folder (df, dmesg), then repeat"};
    case SQLITE_NOMEM:
      return {Code::exhausted, message, "not enough memory: repeat later"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Code::unavailable, message, "another process is writing to the store: repeat"};
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
      return {Code::denied, message,
              "check owner and permissions of the data folder and of what is in it"};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {Code::corrupt, message,
              "restore the file from a backup, or save what can be read: sqlite3 FILE .recover"};
    default:
      return {Code::internal, message, {}};
  }
}

bool Rows::next() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  sqlite3* connection = sqlite3_db_handle(statement_);
  throw SqliteError(sqlite3_extended_errcode(connection), sqlite3_errmsg(connection));
}

std::string_view Rows::text(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

namespace {

// Without a log beside it the file is whole, and nobody has it open to write. Only then SQLite may
// be told so; it needs to be, where it cannot make a log.
std::string name_to_read(const std::string& path) {
  std::error_code ignored;  // then there is none that could be read
  if (std::filesystem::exists(path + "-wal", ignored)) return path;
  std::string name = "file:";
  for (const char c : path)
    c == '%' || c == '?' || c == '#' ? name += fmt::format("%{:02x}", c) : name += c;
  return name + "?immutable=1";
}

}  // namespace

Database::Database(const std::string& path, std::span<const char* const> statements, Access access)
    : texts_(statements), statements_(statements.size(), nullptr) {
  // Nobody asks how much memory SQLite has, and counting it takes a lock at each allocation. When
  // somebody else in this process has used SQLite before, it refuses, and goes on counting.
  static const int kNotCounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  (void)kNotCounted;
  const bool write = access == Access::write;
  const std::string name = write ? path : name_to_read(path);
  const int flags =
      write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
  const int code =
      sqlite3_open_v2(name.c_str(), &connection_, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code != SQLITE_OK) {
    const SqliteError error(code, sqlite3_errmsg(connection_));
    sqlite3_close(connection_);
    throw error;
  }
  sqlite3_extended_result_codes(connection_, 1);
}

Database::~Database() {
  for (sqlite3_stmt* statement : statements_) sqlite3_finalize(statement);
  sqlite3_close(connection_);
}

void Database::script(const char* sql) {
  const int code = sqlite3_exec(connection_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
}

std::int64_t Database::counter(int which) const {
  std::int64_t sum = 0;
  for (sqlite3_stmt* statement : statements_)
    if (statement != nullptr) sum += sqlite3_stmt_status(statement, which, 0);
  return sum;
}

sqlite3_stmt* Database::prepared(std::size_t statement) {
  sqlite3_stmt*& slot = statements_[statement];
  if (slot == nullptr) {
    const int code = sqlite3_prepare_v3(connection_, texts_[statement], -1,
                                        SQLITE_PREPARE_PERSISTENT, &slot, nullptr);
    if (code != SQLITE_OK) fail(code);
  }
  return slot;
}

void Database::bind(sqlite3_stmt* statement, int index, std::string_view value) {
  // An empty view may have no address, which SQLite would take for NULL.
  const char* data = value.data() == nullptr ? "" : value.data();
  const int code =
      sqlite3_bind_text64(statement, index, data, value.size(), SQLITE_STATIC, SQLITE_UTF8);
  if (code != SQLITE_OK) fail(code);
}

void Database::bind(sqlite3_stmt* statement, int index, std::int64_t value) {
  const int code = sqlite3_bind_int64(statement, index, value);
  if (code != SQLITE_OK) fail(code);
}

void Database::bind(sqlite3_stmt* statement, int index, const std::optional<std::int64_t>& value) {
  const int code =
      value ? sqlite3_bind_int64(statement, index, *value) : sqlite3_bind_null(statement, index);
  if (code != SQLITE_OK) fail(code);
}

void Database::bind(sqlite3_stmt* statement, int index, TextOrNull value) {
  if (!value.text.empty()) return bind(statement, index, value.text);
  const int code = sqlite3_bind_null(statement, index);
  if (code != SQLITE_OK) fail(code);
}

void Database::fail(int code) const {
  throw SqliteError(sqlite3_extended_errcode(connection_) != SQLITE_OK
                        ? sqlite3_extended_errcode(connection_)
                        : code,
                    sqlite3_errmsg(connection_));
}

}  // namespace sosw::local
