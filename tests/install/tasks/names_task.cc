// SPDX-License-Identifier: MIT
// Knows the components of the engine by their names in a configuration only.
#include <sosw/processor.h>

#include <boost/json.hpp>
#include <cstdio>
#include <exception>

namespace {

struct Importer : sosw::Processor {
  using Processor::Processor;
  boost::json::object default_config() const override {
    return {{"init_clients", {"Task", "Ecology"}}};
  }
  boost::json::value operator()(const boost::json::object&) override { return nullptr; }
};

}  // namespace

int main() {
  try {
    Importer().start();
    std::puts("Task and Ecology are there");
    return 0;
  } catch (const std::exception& error) {
    std::puts(error.what());
    return 1;
  }
}
