// SPDX-License-Identifier: MIT
// The shapes of the REST and the Query services against AWS's own descriptions of them, which
// botocore has: an example of each operation's input and answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <boost/json.hpp>
#include <cstdio>
#include <map>
#include <pugixml.hpp>
#include <set>

#include "aws/query.h"
#include "aws/rest.h"
#include "aws/xml.h"
#include "support/python_server.h"

namespace sosw::aws {
namespace {

namespace json = boost::json;

std::vector<json::object> examples(const std::string& services) {
  const auto command = testing::python() + " " SOSW_SOURCE "/tests/aws/shapes.py " + services;
  std::FILE* const pipe = popen(command.c_str(), "re");
  std::string text;
  std::array<char, 65536> piece{};
  while (const auto size = std::fread(piece.data(), 1, piece.size(), pipe))
    text.append(piece.data(), size);
  EXPECT_EQ(pclose(pipe), 0) << command;
  std::vector<json::object> all;
  for (std::string_view rest = text; !rest.empty();) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    all.push_back(json::parse(line).as_object());
  }
  return all;
}

std::string text(const json::value& value) { return std::string(value.as_string()); }

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

using Pairs = std::multimap<std::string, std::string>;

Pairs pairs(const json::value& list) {
  Pairs all;
  for (const auto& pair : list.as_array()) all.emplace(text(pair.at(0)), text(pair.at(1)));
  return all;
}

// Without what is empty, for an empty element does not say what it is; numbers by value.
json::value plain(const json::value& value) {
  if (const auto* object = value.if_object()) {
    std::map<std::string, json::value> sorted;
    for (const auto& [key, item] : *object)
      if (auto kept = plain(item); !kept.is_null()) sorted[key] = std::move(kept);
    if (sorted.empty()) return nullptr;
    json::object out;
    for (auto& [key, item] : sorted) out[key] = std::move(item);
    return out;
  }
  if (const auto* list = value.if_array()) {
    json::array out;
    for (const auto& item : *list)
      if (auto kept = plain(item); !kept.is_null()) out.push_back(std::move(kept));
    if (out.empty()) return nullptr;
    return out;
  }
  if (value.is_string() && value.get_string().empty()) return nullptr;
  if (value.is_int64()) return static_cast<double>(value.get_int64());
  return value;
}

std::string in_order(const pugi::xml_node& node) {
  std::string out = "<" + std::string(node.name()) + ">";
  for (const auto& child : node.children())
    out += child.type() == pugi::node_element ? in_order(child) : child.value();
  return out + "</" + node.name() + ">";
}

std::string in_order(std::string_view xml) {
  pugi::xml_document document;
  document.load_buffer(xml.data(), xml.size());
  return in_order(document.document_element());
}

TEST(Shapes, OfTheQueryServicesAreAsDescribed) {
  int seen = 0;
  for (const auto& example : examples("sns sts cloudformation cloudwatch")) {
    const auto& service = *find_service(text(example.at("service")));
    const auto operation = text(example.at("operation"));
    SCOPED_TRACE(std::string(service.name) + ' ' + operation);
    ++seen;
    if (const auto* request = example.if_contains("request")) {
      Pairs ours;
      const auto form = form_of(service, operation, example.at("input").as_object());
      for (std::string_view rest = form; !rest.empty();) {
        const auto pair = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
        ours.emplace(decoded(pair.substr(0, pair.find('='))),
                     decoded(pair.substr(pair.find('=') + 1)));
      }
      EXPECT_EQ(ours, pairs(request->at("body")));
    } else {
      // The one number that is called as texts are elsewhere.
      if (operation == "DescribeAccountLimits") continue;
      const auto ours = value_of_xml(text(example.at("answer")));
      EXPECT_EQ(json::serialize(plain(ours)), json::serialize(plain(example.at("value"))))
          << example.at("answer");
    }
  }
  EXPECT_GT(seen, 300);
}

// The words of a table's line, by member.
std::set<std::string> members(std::string_view words) {
  std::set<std::string> all;
  while (!words.empty()) {
    const auto word = words.substr(0, words.find(' '));
    words.remove_prefix(std::min(word.size() + 1, words.size()));
    all.emplace(word.substr(0, word.find_first_of("?:=*<#")));
  }
  return all;
}

class RestShapes : public ::testing::Test {
 protected:
  void check_request(const RestOperation& operation, const json::object& example) {
    const bool is_json = protocol_ == Protocol::rest_json;
    auto known = members(operation.input);
    json::object input;
    for (const auto& [key, value] : example.at("input").as_object())
      if (is_json || known.contains(key) ||
          operation.path.find('{' + std::string(key)) != std::string_view::npos)
        input[key] = value;
    for (const auto& member : known) EXPECT_TRUE(input.contains(member)) << member;
    const auto made = rest_call(operation, protocol_, input, false);
    ASSERT_TRUE(std::holds_alternative<Call>(made)) << std::get<std::string>(made);
    const auto& ours = std::get<Call>(made);
    const auto& theirs = example.at("request").as_object();
    EXPECT_EQ(ours.method, text(theirs.at("method")));
    auto path = decoded(text(theirs.at("path")));
    if (path.size() > 1 && path.back() == '/') path.pop_back();
    EXPECT_EQ(ours.path, path);
    auto query = pairs(theirs.at("query"));
    query.erase("x-id");
    if (!is_json)
      std::erase_if(query, [&](const auto& pair) {
        return std::none_of(ours.query.begin(), ours.query.end(),
                            [&](const auto& own) { return own.first == pair.first; });
      });
    EXPECT_EQ(Pairs(ours.query.begin(), ours.query.end()), query);
    for (const auto& [name, value] : ours.headers) {
      if (name == "x-amz-copy-source" || name == "x-amz-checksum-sha256" || name == "Content-Type")
        continue;  // encoded, added
      const auto* header = theirs.at("headers").as_object().if_contains(name);
      ASSERT_NE(header, nullptr) << name;
      EXPECT_EQ(value, text(*header)) << name;
    }
    const auto body = theirs.at("body").is_string() ? text(theirs.at("body")) : "";
    if (operation.input.find('=') != std::string_view::npos)
      EXPECT_EQ(ours.body, body);
    else if (is_json && !body.empty())
      EXPECT_EQ(json::serialize(plain(json::parse(ours.body))),
                json::serialize(plain(json::parse(body))));
    else
      EXPECT_EQ(in_order(ours.body), in_order(body));
  }

  void check_answer(const RestOperation& operation, const json::object& example) {
    Response response{.status = 200, .body = text(example.at("answer"))};
    for (const auto& [name, value] : example.at("headers").as_object())
      response.headers.emplace_back(name, text(value));
    auto ours = rest_value(operation, protocol_, response);
    ASSERT_TRUE(ours.is_object());
    auto theirs = example.at("value").as_object();
    for (const auto& member : members(operation.output))
      EXPECT_TRUE(theirs.contains(member)) << member;
    // Some members of S3's answers are left out.
    if (protocol_ == Protocol::rest_xml)
      for (const auto& [key, value] : example.at("value").as_object())
        if (!ours.get_object().contains(key) && operation.output.empty() == false)
          theirs.erase(key);
    theirs.erase("RequestCharged");
    EXPECT_EQ(json::serialize(plain(ours)), json::serialize(plain(theirs))) << response.body;
  }

  Protocol protocol_ = Protocol::rest_json;
};

TEST_F(RestShapes, AreAsDescribed) {
  for (const char* const service : {"lambda", "s3"}) {
    protocol_ = find_service(service)->protocol;
    std::string argument = service;
    for (const auto& operation : rest_operations())
      if (operation.service == service)
        argument.append(argument == service ? ":" : ",").append(operation.name);
    const auto all = examples(argument);
    for (const auto& example : all) {
      const auto& operation = *find_rest_operation(service, text(example.at("operation")));
      SCOPED_TRACE(std::string(service) + ' ' + std::string(operation.name));
      if (example.contains("request"))
        check_request(operation, example);
      else if (operation.name != "GetBucketLocation")  // its root is its member: rest_test.cc
        check_answer(operation, example);
    }
    EXPECT_EQ(all.size() % 2, 0U);
    EXPECT_GE(all.size(), 30U);
  }
}

}  // namespace
}  // namespace sosw::aws
