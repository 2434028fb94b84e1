// SPDX-License-Identifier: MIT
// What worker.py does, in C++.
#include <signal.h>
#include <sosw/worker.h>

#include <stdexcept>
#include <string>

#include "e2e/workers/witness.h"

namespace {

namespace json = boost::json;

// The number modulo 50 says what it asks for; words are as good as numbers.
std::int64_t asked_of(const json::object& event) {
  if (const auto* numbers = event.if_contains("numbers")) return numbers->at(0).as_int64() % 50;
  const auto& word = event.at("words").at(0).as_string();
  return word == "opera" ? 7 : word == "mazda" ? 13 : 0;
}

struct Worker : sosw::Worker {
  json::value operator()(const json::object& event) override {
    // The claim, too, which ours give: no two runs have the same.
    std::string who(event.at("task_id").as_string());
    if (const auto* claim = event.if_contains("claim"))
      who += '/' + std::string(claim->as_string());
    const sosw::testing::Witness witness(who);
    const bool first = event.at("attempts").as_int64() == 0;
    switch (asked_of(event)) {
      case 7:
        throw std::runtime_error("nobody can do this");
      case 13:
      case 23:
        if (first) throw std::runtime_error("not yet");
        break;
      case 17:
        if (first) raise(SIGKILL);
        break;
      default:
        break;
    }
    if (const auto* numbers = event.if_contains("numbers")) {
      const auto number = numbers->at(0).as_int64();
      result()["square"] = number * number;
    }
    count("done");
    return nullptr;
  }
};

}  // namespace

int main() { return sosw::run<Worker>(); }
