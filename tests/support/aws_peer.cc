// SPDX-License-Identifier: MIT
#include "support/aws_peer.h"

#include <charconv>
#include <utility>

namespace sosw::testing {
namespace {

namespace json = boost::json;

constexpr std::string_view kFunctions = "/functions/";  // behind the date of the API

// What follows it in a request to Lambda, else nothing.
std::string_view function_path(std::string_view target) {
  const auto at = target.find(kFunctions);
  return at == target.npos ? std::string_view() : target.substr(at + kFunctions.size());
}

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    int byte = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16).ec == std::errc()) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == text.npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// {"1": {"Name": "k", "Value": v}} and {"1": {"key": "k", "value": v}} are {"k": v}, {"1": a, "2":
// b} is [a, b].
json::value joined(const json::object& fields) {
  if (const auto* entries = fields.if_contains("entry")) {
    json::object map;
    for (const auto& [number, entry] : entries->as_object()) {
      const auto& pair = entry.as_object();
      const bool named = pair.contains("Name");
      const auto& value = pair.at(named ? "Value" : "value");
      map[pair.at(named ? "Name" : "key").as_string()] =
          value.is_object() ? joined(value.get_object()) : value;
    }
    return map;
  }
  if (const auto* members = fields.if_contains("member")) {
    json::array list;
    for (const auto& [number, member] : members->as_object())
      list.push_back(member.is_object() ? joined(member.get_object()) : member);
    return list;
  }
  json::object out;
  for (const auto& [name, value] : fields)
    out[name] = value.is_object() ? joined(value.get_object()) : value;
  return out;
}

AwsRequest of_form(std::string_view body) {
  json::object fields;
  AwsRequest request;
  for (const auto pair : split(body, '&')) {
    const auto equals = pair.find('=');
    const auto name = decoded(pair.substr(0, equals));
    auto value = decoded(pair.substr(equals + 1));
    if (name == "Action") request.operation = value;
    if (name == "Action" || name == "Version") continue;
    json::object* inner = &fields;
    const auto path = split(name, '.');
    for (std::size_t i = 0; i + 1 < path.size(); ++i) {
      auto& next = (*inner)[path[i]];
      if (!next.is_object()) next = json::object();
      inner = &next.get_object();
    }
    if (name == "Period")
      (*inner)[path.back()] = std::stoll(value);
    else
      (*inner)[path.back()] = std::move(value);
  }
  request.params = joined(fields).as_object();
  return request;
}

AwsRequest read(const HttpRequest& request) {
  if (const auto target = request.headers.find("x-amz-target"); target != request.headers.end())
    return {target->second.substr(target->second.find('.') + 1),
            json::parse(request.body).as_object()};
  const auto path = function_path(request.target);
  if (path.empty()) return of_form(request.body);
  const auto function = decoded(path.substr(0, path.find('/')));
  if (request.method == "GET")
    return {path.ends_with("/event-invoke-config") ? "GetFunctionEventInvokeConfig"
                                                   : "GetFunctionConfiguration",
            {{"FunctionName", function}}};
  return {"Invoke",
          {{"FunctionName", function},
           {"InvocationType", request.headers.at("x-amz-invocation-type")},
           {"Payload", request.body}}};
}

// The Query services answer in XML, whose innermost part is what we were given.
void wrap(HttpReply& reply, const HttpRequest& original, const std::string& operation) {
  const bool query =
      !original.headers.contains("x-amz-target") && function_path(original.target).empty();
  if (query && reply.status == 200)
    reply.body = "<" + operation + "Response><" + operation + "Result>" + reply.body + "</" +
                 operation + "Result></" + operation + "Response>";
  if (operation == "Invoke" && reply.status == 200) reply.status = 202;
}

}  // namespace

AwsPeer::AwsPeer(Replies replies)
    : credentials_({{"AWS_ACCESS_KEY_ID", "AKID"},
                    {"AWS_SECRET_ACCESS_KEY", "secret"},
                    {"AWS_SESSION_TOKEN", std::nullopt},
                    {"AWS_REGION", "us-west-2"}}),
      replies_(std::move(replies)),
      server_([this](const HttpRequest& original) {
        const auto request = read(original);
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
        auto reply = replies_(request);
        wrap(reply, original, request.operation);
        return reply;
      }) {}

AwsPeer::AwsPeer(Answers answers)
    : AwsPeer(Replies([answers = std::move(answers)](const AwsRequest& request) {
        return HttpReply{.body = answers(request)};
      })) {}

std::vector<AwsRequest> AwsPeer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

}  // namespace sosw::testing
