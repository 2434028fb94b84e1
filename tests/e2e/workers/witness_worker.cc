// SPDX-License-Identifier: MIT
// A worker for the end-to-end tests; the others in this folder do the same in their languages.
// `numbers` of its task holds one number, which says how it behaves (see below); witness.h tells
// what it writes down.
#include <signal.h>
#include <sosw/worker.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

#include "witness.h"

namespace {

namespace json = boost::json;

struct Worker : sosw::Worker {
  json::value operator()(const json::object& event) override {
    const sosw::testing::Witness witness(std::string(event.at("task_id").as_string()));
    const std::int64_t number = event.at("numbers").at(0).as_int64();
    const bool first = event.at("attempts").as_int64() == 0;
    switch (number % 100) {
      case 7:
        throw std::runtime_error("nobody can work on " + std::to_string(number));
      case 13:
        if (number % 200 == 13) {
          for (;;) pause();
        }
        break;
      case 17:
        raise(SIGKILL);
        break;
      case 23:
        if (first) throw std::runtime_error("not yet");
        break;
      case 37:
        if (first) raise(SIGKILL);
        break;
      default:
        break;
    }
    count("numbers");
    result()["square"] = number * number;
    return nullptr;
  }
};

}  // namespace

int main() { return sosw::run<Worker>(); }
