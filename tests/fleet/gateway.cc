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
std::string described(const std::string& operation, const json::object& body) {
  std::set<std::string> tables;
  add_name(body, tables);
  if (const auto* by_table = body.if_contains("RequestItems"))
    for (const auto& [name, items] : by_table->as_object()) tables.emplace(name);
  if (const auto* items = body.if_contains("TransactItems"))
    for (const auto& item : items->as_array())
      for (const auto& [action, what] : item.as_object()) add_name(what.as_object(), tables);
  auto text = operation;
  for (const auto& table : tables) text += ' ' + table;
  return text;
}

// The same for a query at another moment.
std::string identity(json::object query) {
  auto* values = query.if_contains("ExpressionAttributeValues");
  if (values)
    for (auto& [name, value] : values->as_object())
      if (value.as_object().contains("N")) value = nullptr;
  return json::serialize(query);
}

testing::HttpReply refusal(int status, const std::string& code) {
  return {.status = status,
          .headers = {{"content-type", "application/x-amz-json-1.0"}},
          .body = json::serialize(json::object{
              {"__type", "com.amazonaws.dynamodb.v20120810#" + code}, {"message", code}})};
}

constexpr std::size_t kAnswersKept = 3;

}  // namespace

std::map<std::string, std::int64_t> Gateway::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

std::vector<std::string> Gateway::limitless() const {
  const std::lock_guard lock(mutex_);
  return limitless_;
}

void Gateway::reset() {
  const std::lock_guard lock(mutex_);
  counts_.clear();
  limitless_.clear();
}

double Gateway::server_seconds() {
  const std::lock_guard lock(one_at_a_time_);
  return std::chrono::duration<double>(server_time_).count();
}

void Gateway::latency(std::chrono::milliseconds latency) {
  const std::lock_guard lock(mutex_);
  latency_ = latency;
}

void Gateway::accidents(const Accidents& accidents, std::uint32_t seed) {
  const std::lock_guard lock(mutex_);
  accidents_ = accidents;
  random_.seed(seed);
  happened_.clear();
}

void Gateway::after_each(std::function<void(const std::string&)> then) {
  const std::lock_guard lock(one_at_a_time_);
  then_ = std::move(then);
}

void Gateway::forget_answers() {
  const std::lock_guard lock(mutex_);
  answers_.clear();
}

std::map<std::string, int> Gateway::happened() const {
  const std::lock_guard lock(mutex_);
  return happened_;
}

std::string Gateway::drawn(bool of_index) {
  int left = static_cast<int>(random_() % 1000);
  const std::pair<const char*, int> kinds[] = {
      {"throttled", accidents_.throttled},
      {"failed", accidents_.failed},
      {"lost", accidents_.lost},
      {"failed all the same", accidents_.failed_all_the_same},
      {"old index", of_index ? accidents_.old_index : 0}};
  for (const auto& [name, share] : kinds) {
    if (left < share) return name;
    left -= share;
  }
  return "";
}

testing::HttpReply Gateway::answer(const testing::HttpRequest& request) {
  const auto& target = request.headers.at("x-amz-target");
  const auto operation = target.substr(target.find('.') + 1);
  const auto body = json::parse(request.body).as_object();
  const bool of_index = operation == "Query" && body.contains("IndexName");
  std::string accident;
  std::chrono::milliseconds latency{0};
  {
    const std::lock_guard lock(mutex_);
    ++counts_[described(operation, body)];
    // A query of the table `config` gives one row.
    if ((operation == "Query" || operation == "Scan") && !body.contains("Limit") &&
        body.at("TableName") != "config")
      limitless_.push_back(request.body);
    accident = drawn(of_index);
    latency = latency_;
    if (accident == "old index") {
      const auto old = answers_.find(identity(body));
      if (old == answers_.end()) {
        accident.clear();  // there is none yet
      } else {
        ++happened_[accident];
        return old->second[random_() % old->second.size()];
      }
    }
    if (!accident.empty()) ++happened_[accident];
  }
  std::this_thread::sleep_for(latency);
  if (accident == "throttled") return refusal(400, "ProvisionedThroughputExceededException");
  if (accident == "failed") return refusal(500, "InternalServerError");
  auto reply = forward(request, operation);
  if (of_index && reply.status == 200) {
    const std::lock_guard lock(mutex_);
    auto& kept = answers_[identity(body)];
    kept.push_back(reply);
    if (kept.size() > kAnswersKept) kept.pop_front();
  }
  if (accident == "failed all the same") return refusal(500, "InternalServerError");
  if (accident == "lost") return {.then = testing::HttpReply::Then::close, .silent = true};
  return reply;
}

testing::HttpReply Gateway::forward(const testing::HttpRequest& request,
                                    const std::string& operation) {
  aws::Request onward{
      .method = request.method, .url = server_ + request.target, .body = request.body};
  for (const auto& [name, value] : request.headers)
    if (name != "content-length" && name != "connection") onward.headers.emplace_back(name, value);
  aws::Response response;
  {
    const std::lock_guard lock(one_at_a_time_);
    const auto began = std::chrono::steady_clock::now();
    response = onward_.send(onward);
    server_time_ += std::chrono::steady_clock::now() - began;
    if (then_) then_(operation);
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
