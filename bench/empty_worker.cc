// SPDX-License-Identifier: MIT
// A worker that does nothing. A Processor, not a Worker: it reports nothing of its own, so a task
// is two exchanges with the host.
#include <sosw/worker.h>

namespace {
struct Nothing : sosw::Processor {
  boost::json::value operator()(const boost::json::object&) override { return nullptr; }
};
}  // namespace

int main() { return sosw::run<Nothing>(); }
