// SPDX-License-Identifier: MIT
// Component: what a Processor keeps for its functions, and whose figures it tells with its own.
//
//   struct Mailer : sosw::Component {
//     explicit Mailer(const boost::json::object& config);  // `mailer_config`
//   };
//   sosw::register_component<Mailer>("Mailer");  // and now {"init_clients": ["Mailer"]}
#pragma once

#include <boost/json/object.hpp>
#include <concepts>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

namespace sosw {

// Derive from it for a client of your own. Each is used by one thread at a time, as the Processor
// that keeps it.
class Component {
 public:
  Component() = default;
  virtual ~Component() = default;
  Component(const Component&) = delete;
  Component& operator=(const Component&) = delete;

  // What was counted since the last reset_stats(), numbers by name; empty if nothing is counted.
  [[nodiscard]] virtual boost::json::object get_stats() const { return {}; }
  // Starts to count anew.
  virtual void reset_stats() {}

  // Sends what it has gathered. The runtime calls it behind each invocation, for the process may be
  // frozen or killed after that; what it throws is written to the log, and the invocation goes on.
  virtual void flush() {}
};

// Makes a component of its part of the configuration; `config` is empty when there is none.
using MakeComponent = std::function<std::unique_ptr<Component>(boost::json::object config)>;

// Makes a T with T(config).
template <std::derived_from<Component> T>
requires std::constructible_from<T, boost::json::object> MakeComponent make_component() {
  return [](boost::json::object config) { return std::make_unique<T>(std::move(config)); };
}

// From now on every Processor of the program knows `name` ("Mailer") in its `init_clients`, and
// makes it with `make` of `mailer_config`. A name registered twice is made in the newer way. Any
// thread. (A Processor's own components: Processor::add_component.)
void register_component(std::string_view name, MakeComponent make);
template <std::derived_from<Component> T>
requires std::constructible_from<T, boost::json::object>
void register_component(std::string_view name) { register_component(name, make_component<T>()); }

}  // namespace sosw
