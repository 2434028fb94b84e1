// SPDX-License-Identifier: MIT
// The smallest worker: greets whom the task names.
#include <sosw/worker.h>

namespace json = boost::json;

int main() {
  return sosw::run([](const json::object& event, sosw::Worker& worker) {
    worker.count("greetings");
    worker.result()["greeting"] = "Hello, " + json::value_to<std::string>(event.at("name")) + "!";
    return worker.result();
  });
}
