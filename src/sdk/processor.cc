// SPDX-License-Identifier: MIT
#include "sosw/processor.h"

#include <utility>

namespace sosw {

Processor::Processor(boost::json::object custom_config) : config_(std::move(custom_config)) {}
Processor::~Processor() = default;

void Processor::count(std::string_view name, std::int64_t n) {
  auto& figure = stats_[name];
  figure = (figure.is_int64() ? figure.get_int64() : 0) + n;
}

}  // namespace sosw
