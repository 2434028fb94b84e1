// SPDX-License-Identifier: MIT
// A thin owner of SQLite's connections and prepared statements.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sosw::local {

// Thrown by everything here, caught where a port of the store answers: it never leaves this folder.
class SqliteError : public std::runtime_error {
 public:
  SqliteError(int code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] int code() const { return code_; }  // extended result code
  // What a caller of the store may do about it; `doing` says what was not done.
  [[nodiscard]] Error error(std::string_view doing) const;

 private:
  int code_;
};

// The rows of one query, in the middle of it. The statement is at rest again when this dies.
class Rows {
 public:
  explicit Rows(sqlite3_stmt* statement) : statement_(statement) {}
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;
  ~Rows() { sqlite3_reset(statement_); }

  bool next();  // false: no more
  [[nodiscard]] std::int64_t integer(int column) const {
    return sqlite3_column_int64(statement_, column);
  }
  [[nodiscard]] bool null(int column) const {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
  }
  [[nodiscard]] std::optional<std::int64_t> maybe(int column) const {
    return null(column) ? std::nullopt : std::optional(integer(column));
  }
  // Valid until next().
  [[nodiscard]] std::string_view text(int column) const;

 private:
  sqlite3_stmt* statement_;
};

// A text to bind; NULL when it is empty.
struct TextOrNull {
  std::string_view text;
};

// One connection and its statements, each prepared at its first use. One thread at a time.
class Database {
 public:
  // `statements`: texts, named by their index in query() and run(); they outlive the connection.
  // write: creates the file when it is not there. read: needs no permission to write, neither to
  // the file nor to its folder. Throws SqliteError.
  enum class Access : std::uint8_t { write, read };
  Database(const std::string& path, std::span<const char* const> statements,
           Access access = Access::write);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  template <class... Values>
  [[nodiscard]] Rows query(std::size_t statement, const Values&... values) {
    sqlite3_stmt* prepared_statement = prepared(statement);
    [[maybe_unused]] int index = 0;
    (bind(prepared_statement, ++index, values), ...);
    return Rows(prepared_statement);
  }
  // Runs a statement to its end; gives the number of rows it changed.
  template <class... Values>
  int run(std::size_t statement, const Values&... values) {
    Rows rows = query(statement, values...);
    while (rows.next()) {
    }
    return sqlite3_changes(connection_);
  }
  void script(const char* sql);  // several statements, not prepared ahead

  [[nodiscard]] bool in_transaction() const { return sqlite3_get_autocommit(connection_) == 0; }
  [[nodiscard]] sqlite3* connection() { return connection_; }
  // Sum of a counter of sqlite3_stmt_status() over all statements: for tests of cost.
  [[nodiscard]] std::int64_t counter(int which) const;

 private:
  sqlite3_stmt* prepared(std::size_t statement);
  // Text is not copied: it must live until the query is over.
  void bind(sqlite3_stmt* statement, int index, std::string_view value);
  void bind(sqlite3_stmt* statement, int index, std::int64_t value);
  void bind(sqlite3_stmt* statement, int index, const std::optional<std::int64_t>& value);
  void bind(sqlite3_stmt* statement, int index, TextOrNull value);
  [[noreturn]] void fail(int code) const;

  sqlite3* connection_ = nullptr;
  std::span<const char* const> texts_;
  std::vector<sqlite3_stmt*> statements_;
};

}  // namespace sosw::local
