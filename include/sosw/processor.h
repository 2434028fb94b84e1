// SPDX-License-Identifier: MIT
// Processor: the base of functions, kept from one invocation to the next.
//
//   #include <sosw/sns.h>
//   #include <sosw/worker.h>
//
//   struct Mailer : sosw::Processor {
//     using Processor::Processor;
//     json::object default_config() const override {
//       return {{"init_clients", {"Sns", "s3"}}, {"sns_config", {{"subject", "News"}}}};
//     }
//     json::value operator()(const json::object& event) override {
//       client<sosw::SnsManager>().send_message(text_of(event));
//       count("mails");
//       return {};
//     }
//   };
//   int main() { return sosw::run<Mailer>(); }
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

#include "sosw/aws_client.h"
#include "sosw/component.h"
#include "sosw/context.h"
#include "sosw/errors.h"

namespace sosw {

class DynamoDbClient;

namespace sdk {
class Invocation;
}

// Thrown by Processor::die(). Let it pass: the runtime reports the failure and ends the process
// with status 1.
class Died : public RuntimeError {
 public:
  using RuntimeError::RuntimeError;
};

// Derive from it for a function that runs outside of sosw's orchestration, from Worker for one
// inside of it. The runtime makes one object for each invocation it may run at a time and calls it
// from one thread.
//
// The object is started before its first event: it reads its configuration and makes the clients
// that `init_clients` names. Outside of the runtime, as in a test, the first use of config() or a
// client does so.
class Processor {
 public:
  // Does nothing yet but keep `custom_config`, which wins over the rest of the configuration.
  explicit Processor(boost::json::object custom_config = {});
  virtual ~Processor();
  Processor(const Processor&) = delete;
  Processor& operator=(const Processor&) = delete;

  // Works on one event. The value returned is the function's response. An exception is a failure:
  // its type and message go to the caller, and the next invocation finds this same object.
  //
  // The base's own, for those who call it last as in the original (nobody needs to): adds 1 to
  // `processor_calls`, clears result(), returns null.
  virtual boost::json::value operator()(const boost::json::object& event) = 0;

  // ----------------------------------------------------------------------------------------------
  // Configuration: default_config() < the stored one < `custom_config`, by recursive_update().

  // DEFAULT_CONFIG of the original.
  [[nodiscard]] virtual boost::json::object default_config() const { return {}; }

  // Where the stored configuration comes from: called with "{AWS_LAMBDA_FUNCTION_NAME}_config",
  // unless that variable is not set, or DISABLE_DDB_CONFIG or `disable_ddb_config` of the rest of
  // the configuration is true. Override it for a source of your own.
  //
  // This one asks the table `config` as sosw::get_config() does. An empty object (or null): nothing
  // is stored, there is no such table, or nobody to ask: the environment names no region and
  // credentials, or (with a warning in the log) these do not permit to read it. Throws AwsError
  // when the table cannot be reached: to run with other settings than the stored ones would be
  // worse.
  [[nodiscard]] virtual boost::json::value get_config(std::string_view name) const;

  // All of it. Throws what start() does when it is the first to ask.
  [[nodiscard]] const boost::json::object& config() const;
  // `_c` of the original: the value at a path of config(), "task_config.labourers"; `otherwise` if
  // there is none, or null.
  [[nodiscard]] boost::json::value c(std::string_view path,
                                     boost::json::value otherwise = nullptr) const;
  // Reads the configuration anew, with another `custom_config`. Clients that are there stay as they
  // are. Throws RuntimeError when the stored one is no object, and what get_config() does.
  void init_config(boost::json::object custom_config = {});

  // Reads the configuration and makes the clients of `init_clients`, once: a second call does
  // nothing, after a failure it tries again. Throws what both do.
  void start();

  // ----------------------------------------------------------------------------------------------
  // Clients

  // Makes a client for each name that has none, and keeps it under the name in small letters:
  // "DynamoDb" is kept as "dynamo_db" and made of `dynamo_db_config`. Looked for, in this order:
  //   1. what add_component() has told of this Processor;
  //   2. components of the SDK ("Sns", "Siblings", "DynamoDb") and of register_component();
  //   3. a service of AWS as boto3 names it ("events", "lambda", "s3"): an AwsClient;
  //   4. the components again, by the name under which they are kept ("dynamo_db").
  // Throws RuntimeError for a name that is not found, and what the constructors of clients do.
  void register_clients(const std::vector<std::string>& names);
  // Components of a subclass; call it in the constructor.
  void add_component(std::string_view name, MakeComponent make);
  template <std::derived_from<Component> T>
  requires std::constructible_from<T, boost::json::object>
  void add_component(std::string_view name) { add_component(name, make_component<T>()); }

  // The client kept as `name` ("dynamo_db"). It lives as long as this object. Throws KeyError when
  // there is none, TypeError when it is of another class.
  template <std::derived_from<Component> T>
  [[nodiscard]] T& client(std::string_view name);
  // The only client of that class. Throws KeyError when there is none, or more than one.
  template <std::derived_from<Component> T>
  [[nodiscard]] T& client();
  // The client of a service of AWS kept as `name` ("events"). Throws as client() does.
  [[nodiscard]] AwsClient& aws_client(std::string_view name);
  // The client of one table of several: made of `{prefix}_dynamo_db_config` at its first use, and
  // kept as "{prefix}_dynamo_db". Throws ValueError when there is no such part of the
  // configuration, and what DynamoDbClient does.
  DynamoDbClient& get_ddbc(std::string_view prefix);

  // ----------------------------------------------------------------------------------------------
  // Figures and results

  // Figures of the current invocation; beside them, under `total_*`, the sums of those of earlier
  // ones. Both may be changed at will.
  [[nodiscard]] boost::json::object& stats() { return stats_; }
  // Of the current invocation, empty when it starts.
  [[nodiscard]] boost::json::object& result() { return result_; }
  // Adds `n` to the figure `name` of stats(), which starts at 0 (and so again if it is not an
  // integer).
  void count(std::string_view name, std::int64_t n = 1);

  // stats() with the figures of all clients; where both have one, the client's.
  [[nodiscard]] virtual boost::json::object get_stats(bool recursive = true) const;
  // Ends the figures of an invocation: each number `k` of get_stats() is added to `total_k`. Kept
  // as they are: `total_*`, and those that `lifetime_stats_params` of the configuration lists. What
  // is no number goes. `recursive`: those of the clients too. The runtime calls it behind each
  // invocation.
  virtual void reset_stats(bool recursive = true);
  // `__pre_call__` of the original: clears result(), and resets the figures. The runtime calls it
  // before each invocation.
  void pre_call(bool recursive = true);

  // ----------------------------------------------------------------------------------------------

  // REQUIRES: called during an invocation.
  [[nodiscard]] const Context& context() const { return *context_; }
  // The same, null outside of an invocation.
  [[nodiscard]] const Context* lambda_context() const { return context_; }

  // Whether STAGE is `test` or `autotest`, or the variable `autotest` is `True`.
  [[nodiscard]] static bool test();
  // `_account` of the original: the number of the AWS account: of the function's ARN during an
  // invocation, else asked of STS once. Throws AwsError.
  [[nodiscard]] const std::string& account();
  // `_region` of the original: AWS_REGION; empty if it is not set.
  [[nodiscard]] static std::string region();

  // Ends the function: logs `message` and the figures, publishes it to the SNS topic of
  // `dead_sns_topic` in the configuration, else "SoswWorkerErrors" (a failure of that is only
  // logged; in test() nothing is sent), and throws Died.
  [[noreturn]] void die(std::string_view message = "Unknown Failure");

 protected:
  // What this invocation has counted: get_stats() without totals. It is what is reported.
  [[nodiscard]] boost::json::object figures() const;
  // Null outside of an invocation.
  [[nodiscard]] const boost::json::object* current_event() const { return event_; }

  // What the runtime asks before a call. At false there is none: the invocation ends with success
  // and null.
  [[nodiscard]] virtual bool may_run(const boost::json::object& event);
  // What the runtime does when a call has returned, or thrown. A class of its own calls its base's.
  virtual void succeeded(const boost::json::object& event);
  virtual void failed(const boost::json::object& event, std::string_view error_type,
                      std::string_view error_message);

 private:
  friend class sdk::Invocation;
  struct State;

  [[nodiscard]] Component* find_client(std::string_view name);
  [[nodiscard]] std::vector<std::pair<std::string_view, Component*>> clients();
  [[noreturn]] static void wrong_client(std::string_view name, bool found);

  const Context* context_ = nullptr;
  const boost::json::object* event_ = nullptr;
  bool base_called_ = false;  // in this invocation
  boost::json::object stats_;
  boost::json::object result_;
  std::unique_ptr<State> state_;
};

// ------------------------------------------------------------------------------------------------

template <std::derived_from<Component> T>
T& Processor::client(std::string_view name) {
  auto* const found = find_client(name);
  auto* const typed = dynamic_cast<T*>(found);
  if (!typed) wrong_client(name, found != nullptr);
  return *typed;
}

template <std::derived_from<Component> T>
T& Processor::client() {
  T* only = nullptr;
  for (const auto& [name, one] : clients()) {
    auto* const typed = dynamic_cast<T*>(one);
    if (typed && only)
      throw KeyError("there are several clients of this class: name the one, client<T>(\"" +
                     std::string(name) + "\")");
    if (typed) only = typed;
  }
  if (!only)
    throw KeyError(std::string("there is no client of this class (") + typeid(T).name() +
                   "): name it in `init_clients`");
  return *only;
}

}  // namespace sosw
