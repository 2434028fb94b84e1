// SPDX-License-Identifier: MIT
#include "fleet/gateway.h"

#include <strings.h>

#include <boost/json.hpp>
#include <set>
#include <thread>

namespace sosw::fleet {
namespace {

namespace json = boost::json;

void add_name(const json::object& request, std::set<std::string>& tables) {
  if (const auto* name = request.if_contains("TableName")) tables.emplace(name->as_string());
}

// "TransactWriteItems sosw_closed_tasks sosw_tasks"
std::string described(const testing::HttpRequest& request) {
  const auto& target = request.headers.at("x-amz-target");
  auto text = target.substr(target.find('.') + 1);
  const auto body = json::parse(request.body).as_object();
  std::set<std::string> tables;
  add_name(body, tables);
  if (const auto* by_table = body.if_contains("RequestItems"))
    for (const auto& [name, items] : by_table->as_object()) tables.emplace(name);
  if (const auto* items = body.if_contains("TransactItems"))
    for (const auto& item : items->as_array())
      for (const auto& [action, what] : item.as_object()) add_name(what.as_object(), tables);
  for (const auto& table : tables) text += ' ' + table;
  return text;
}

}  // namespace

std::map<std::string, std::int64_t> Gateway::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void Gateway::reset() {
  const std::lock_guard lock(mutex_);
  counts_.clear();
}

void Gateway::latency(std::chrono::milliseconds latency) {
  const std::lock_guard lock(mutex_);
  latency_ = latency;
}

testing::HttpReply Gateway::answer(const testing::HttpRequest& request) {
  std::chrono::milliseconds latency{0};
  {
    const std::lock_guard lock(mutex_);
    ++counts_[described(request)];
    latency = latency_;
  }
  std::this_thread::sleep_for(latency);
  aws::Request onward{
      .method = request.method, .url = server_ + request.target, .body = request.body};
  for (const auto& [name, value] : request.headers)
    if (name != "content-length" && name != "connection") onward.headers.emplace_back(name, value);
  aws::Response response;
  {
    const std::lock_guard lock(one_at_a_time_);
    response = onward_.send(onward);
  }
  testing::HttpReply reply{.status = response.error ? 502 : response.status,
                           .body = std::move(response.body)};
  for (auto& [name, value] : response.headers)
    if (strcasecmp(name.c_str(), "content-length") != 0 &&
        strcasecmp(name.c_str(), "connection") != 0 &&
        strcasecmp(name.c_str(), "transfer-encoding") != 0)
      reply.headers.emplace(std::move(name), std::move(value));
  return reply;
}

}  // namespace sosw::fleet
