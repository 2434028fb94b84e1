// SPDX-License-Identifier: MIT
// What sosw_worker.py does, in C++: multiplies by the factor of its stored configuration.
#include <sosw/worker.h>

namespace {

namespace json = boost::json;

struct Multiply : sosw::Worker {
  json::value operator()(const json::object& event) override {
    result()["product"] = event.at("numbers").at(0).as_int64() * c("factor").as_int64();
    count("numbers");
    return nullptr;
  }
};

}  // namespace

int main() { return sosw::run<Multiply>(); }
