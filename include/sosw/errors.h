// SPDX-License-Identifier: MIT
// What the functions of this package throw. The names are those that users of the Python sosw
// catch; each is also one of the standard classes, so `catch (const std::exception&)` sees them
// all.
//
//   try {
//     sosw::get_one_from_dict(event, "name");
//   } catch (const sosw::ValueError& error) {
//     ...
//   }
//
// what() says what is wrong and where. Each class may be copied between threads.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace sosw {

// An argument of the right type with a wrong value.
class ValueError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

// A text that should be JSON and is not.
class JSONDecodeError : public ValueError {
 public:
  using ValueError::ValueError;
};

// An argument of the wrong type.
class TypeError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

// A key that should be there and is not.
class KeyError : public std::out_of_range {
 public:
  using std::out_of_range::out_of_range;
};

// A place outside of a list.
class IndexError : public std::out_of_range {
 public:
  using std::out_of_range::out_of_range;
};

// A condition that the caller promised does not hold.
class AssertionError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// Something was asked of a thing that does not have it, or arguments that exclude one another.
class AttributeError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// What only the running program can tell: no connection, no permission, a lost race.
class RuntimeError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// An event that did not come from where the function expects its events from.
class EventNotFromSourceException : public ValueError {
 public:
  using ValueError::ValueError;
};

// A call to AWS that failed: refused by the service, or never answered.
class AwsError : public RuntimeError {
 public:
  struct Details {
    std::string service = {};     // "dynamodb"
    std::string operation = {};   // "PutItem"
    std::string code = {};        // "ConditionalCheckFailedException"
    std::string message = {};     // of the service, else of the transport
    std::string request_id = {};  // empty if no answer came
    int status = 0;               // of HTTP; 0 if no answer came
    bool may_be_done = false;     // see AwsError::may_be_done()
  };

  explicit AwsError(Details details)
      : RuntimeError(text_of(details)),
        details_(std::make_shared<const Details>(std::move(details))) {}

  [[nodiscard]] const std::string& service() const noexcept { return details_->service; }
  [[nodiscard]] const std::string& operation() const noexcept { return details_->operation; }
  [[nodiscard]] const std::string& code() const noexcept { return details_->code; }
  [[nodiscard]] const std::string& message() const noexcept { return details_->message; }
  [[nodiscard]] const std::string& request_id() const noexcept { return details_->request_id; }
  [[nodiscard]] int status() const noexcept { return details_->status; }
  // Whether the service may have done it all the same: its answer was lost, came too late, or was
  // an error of the service's own (5xx); or a try before went so, and may be why this one was
  // refused. False: it was not done. Do it again only if that is false, or twice is as good as
  // once.
  [[nodiscard]] bool may_be_done() const noexcept { return details_->may_be_done; }

 private:
  static std::string text_of(const Details& details) {
    std::string text = details.service + " " + details.operation + ": ";
    if (!details.code.empty()) text += details.code + ": ";
    text += details.message;
    if (details.status != 0) text += " (HTTP " + std::to_string(details.status);
    if (!details.request_id.empty())
      text += (details.status != 0 ? ", request " : " (request ") + details.request_id;
    if (details.status != 0 || !details.request_id.empty()) text += ")";
    return text;
  }

  std::shared_ptr<const Details> details_;  // shared: copying an exception must not throw
};

}  // namespace sosw
