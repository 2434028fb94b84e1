// SPDX-License-Identifier: MIT
// Expected errors are values: Result<T> is a T or an Error.
#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace sosw {

// What a caller can do about an error; a code exists only where callers react differently.
enum class Code {
  invalid,      // the input is wrong: mend it, do not repeat
  not_found,    // no such thing
  conflict,     // somebody else was faster, or the thing is not in the state that was read
  unavailable,  // may work if repeated later (busy, connection refused, throttled)
  denied,       // not permitted
  exhausted,    // disk, memory or a quota is full
  corrupt,      // stored data is not what it must be, or comes from a newer version
  internal,     // a defect of ours
};

struct [[nodiscard]] Error {
  Code code = Code::internal;
  std::string
      message;  // what is wrong and where, for a person: "job.json: unknown period 'last_weak'"
  std::string hint;           // how to mend it; may be empty: "known periods: last_week, ..."
  std::vector<Error> others;  // what else is wrong with the same input, each without `others`

  // The message with its hint, as the command line prints it; then those of the others.
  [[nodiscard]] std::string text() const {
    std::string all = hint.empty() ? message : message + "\n  " + hint;
    for (const Error& other : others) all.append("\n").append(other.text());
    return all;
  }
};

inline Error invalid(std::string message, std::string hint = {}) {
  return {Code::invalid, std::move(message), std::move(hint), {}};
}

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit by design
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  explicit operator bool() const { return state_.index() == 0; }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  // By value: a reference would dangle in `for (auto& x : *f())`.
  T operator*() && { return std::move(value()); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // REQUIRES: *this holds a value.
  T& value() {
    assert(*this);
    return *std::get_if<0>(&state_);
  }
  const T& value() const {
    assert(*this);
    return *std::get_if<0>(&state_);
  }
  // REQUIRES: *this holds an error.
  const Error& error() const {
    assert(!*this);
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: implicit by design

  explicit operator bool() const { return !error_; }
  const Error& error() const {
    assert(error_);
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

}  // namespace sosw
