// SPDX-License-Identifier: MIT
#include "aws/rest.h"

#include <fmt/format.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <ctime>
#include <optional>
#include <set>

#include "aws/fields.h"
#include "aws/metadata.h"
#include "aws/sha256.h"
#include "aws/xml.h"

namespace sosw::aws {
namespace {

namespace json = boost::json;

struct Place {
  std::string_view member;
  char kind = 0;  // ? : = * < #
  std::string_view name;
};

// Calls `visit` for each word of `words`.
template <class Visit>
void for_each_place(std::string_view words, Visit visit) {
  while (!words.empty()) {
    const auto word = words.substr(0, words.find(' '));
    words.remove_prefix(std::min(word.size() + 1, words.size()));
    const auto at = word.find_first_of("?:=*<#");
    visit(Place{word.substr(0, at), word[at], word.substr(at + 1)});
  }
}

// As in a query or a header.
std::string text_of(const json::value& value) {
  if (const auto* text = value.if_string()) return std::string(*text);
  return json::serialize(value);
}

bool is_date(std::string_view member) {
  return member.ends_with("Since") || member.ends_with("LastModifiedTime") ||
         member.ends_with("Expires");
}

// "2026-11-24T10:00:00Z" as "Tue, 24 Nov 2026 10:00:00 GMT"; another text as it is.
std::string http_date(std::string text) {
  const auto time = parse_time(text);
  if (!time) return text;
  const auto seconds = std::chrono::system_clock::to_time_t(*time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 40> out{};
  return {out.data(), std::strftime(out.data(), out.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

std::string in_xml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '&' || c == '<' || c == '>' || c == '"' || byte < 0x20)
      out += fmt::format("&#{};", byte);
    else
      out += c;
  }
  return out;
}

// Lists of S3's requests: `Objects` has an element `Object` for each, those of tags are one that
// holds `Tag` elements.
void write_xml(std::string& out, std::string_view name, const json::value& value) {
  if (const auto* list = value.if_array()) {
    const bool tags = name == "TagSet" || name == "Tags";
    if (tags) out += fmt::format("<{}>", name);
    const auto each = tags ? "Tag" : name.substr(0, name.size() - (name.ends_with('s') ? 1 : 0));
    for (const auto& item : *list) write_xml(out, each, item);
    if (tags) out += fmt::format("</{}>", name);
    return;
  }
  out += fmt::format("<{}>", name);
  if (const auto* object = value.if_object())
    for (const auto& [key, item] : *object) write_xml(out, key, item);
  else
    out += in_xml(is_date(name) ? http_date(text_of(value)) : text_of(value));
  out += fmt::format("</{}>", name);
}

// A bucket whose name can be the first part of a host name, certificate and all: no dots.
bool is_host_name(std::string_view bucket) {
  return bucket.size() >= 3 && bucket.size() <= 63 && bucket.front() != '-' &&
         bucket.back() != '-' && std::all_of(bucket.begin(), bucket.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

// `CopySource` may be {"Bucket", "Key", "VersionId"}, as in boto3.
std::string copy_source(const json::value& value) {
  std::string source;
  std::string version;
  if (const auto* parts = value.if_object()) {
    const auto part = [&](std::string_view name) {
      const auto* found = parts->if_contains(name);
      return found ? text_of(*found) : std::string();
    };
    source = part("Bucket") + '/' + part("Key");
    version = part("VersionId");
  } else {
    source = text_of(value);
    constexpr std::string_view kVersion = "?versionId=";
    if (const auto at = source.rfind(kVersion); at != source.npos) {
      version = source.substr(at + kVersion.size());
      source.resize(at);
    }
  }
  source = percent_encoded(source, true);
  if (!version.empty()) source += "?versionId=" + percent_encoded(version, false);
  return source;
}

class Writer {
 public:
  Writer(const RestOperation& operation, const json::object& input)
      : operation_(operation), input_(input) {}

  std::variant<Call, std::string> write(Protocol protocol, bool virtual_host) {
    call_.method = operation_.method;
    write_path(virtual_host);
    for_each_place(operation_.input, [&](const Place& place) { write_member(place); });
    write_rest(protocol);
    if (!wrong_.empty()) return wrong_;
    return std::move(call_);
  }

 private:
  const json::value* take(std::string_view member) {
    used_.insert(member);
    const auto* value = input_.if_contains(member);
    return value && !value->is_null() ? value : nullptr;
  }

  void wrong(std::string text) {
    if (wrong_.empty()) wrong_ = std::move(text);
  }

  void write_path(bool virtual_host) {
    auto path = operation_.path.substr(0, operation_.path.find('?'));
    call_.path.clear();
    if (constexpr std::string_view kBucket = "/{Bucket}";
        virtual_host && path.starts_with(kBucket)) {
      const auto* bucket = input_.if_contains("Bucket");
      if (bucket && bucket->is_string() && is_host_name(bucket->get_string())) {
        take("Bucket");
        call_.host_prefix = text_of(*bucket) + '.';
        path.remove_prefix(kBucket.size());
        if (path.empty()) path = "/";
      }
    }
    while (!path.empty()) {
      const auto open = path.find('{');
      call_.path += path.substr(0, open);
      if (open == path.npos) break;
      const auto close = path.find('}', open);
      auto member = path.substr(open + 1, close - open - 1);
      path.remove_prefix(close + 1);
      const bool slashes = member.ends_with('+');
      if (slashes) member.remove_suffix(1);
      const auto* value = take(member);
      const auto text = value ? text_of(*value) : "";
      if (text.empty()) wrong(fmt::format("{} is missing", member));
      if (!slashes && text.find('/') != text.npos)
        wrong(fmt::format("{} '{}' may not have a slash", member, text));
      call_.path += text;
    }
    if (const auto mark = operation_.path.find('?'); mark != operation_.path.npos) {
      const auto query = operation_.path.substr(mark + 1);
      const auto equals = query.find('=');
      call_.query.emplace_back(query.substr(0, equals),
                               equals == query.npos ? "" : query.substr(equals + 1));
    }
  }

  void header(std::string name, std::string value) {
    // It would be read as a header of its own.
    if ((name + value).find_first_of(std::string("\r\n\0", 3)) != std::string::npos)
      wrong(fmt::format("the value for the header {} may not have a line break",
                        name.substr(0, name.find_first_of("\r\n"))));
    call_.headers.emplace_back(std::move(name), std::move(value));
  }

  void write_member(const Place& place) {
    const auto* value = take(place.member);
    if (!value) return;
    switch (place.kind) {
      case '?':
        if (const auto* list = value->if_array())
          for (const auto& item : *list) call_.query.emplace_back(place.name, text_of(item));
        else
          call_.query.emplace_back(
              place.name, is_date(place.member) ? http_date(text_of(*value)) : text_of(*value));
        break;
      case ':':
        header(std::string(place.name), place.member == "CopySource" ? copy_source(*value)
                                        : is_date(place.member)      ? http_date(text_of(*value))
                                                                     : text_of(*value));
        break;
      case '*':
        if (!value->is_object()) return wrong(fmt::format("{} is not an object", place.member));
        for (const auto& [key, item] : value->get_object())
          header(std::string(place.name) + std::string(key), text_of(item));
        break;
      case '=':
        call_.body = text_of(*value);
        break;
      default:
        write_xml(call_.body, place.member, *value);
        call_.body.insert(1 + place.member.size(),
                          R"( xmlns="http://s3.amazonaws.com/doc/2006-03-01/")");
        // S3 asks for one where a list of keys could be cut short on its way.
        header("x-amz-checksum-sha256", base64(bytes_of(sha256(call_.body))));
        header("Content-Type", "application/xml");
    }
  }

  void write_rest(Protocol protocol) {
    json::object rest;
    for (const auto& [key, value] : input_)
      if (used_.count(key) == 0 && !value.is_null()) rest[key] = value;
    if (rest.empty()) return;
    const bool in_body = protocol == Protocol::rest_json &&
                         (operation_.method == "POST" || operation_.method == "PUT") &&
                         operation_.input.find('=') == std::string_view::npos;
    if (!in_body) return wrong(fmt::format("it has no member {}", rest.begin()->key_c_str()));
    call_.body = json::serialize(rest);
    header("Content-Type", "application/json");
  }

  const RestOperation& operation_;
  const json::object& input_;
  Call call_;
  std::set<std::string_view> used_;
  std::string wrong_;
};

// "Tue, 24 Nov 2026 10:00:00 GMT" as "2026-11-24T10:00:00Z": as in the bodies of answers.
std::string iso_date(std::string_view text) {
  std::tm parts{};
  std::string copy(text);
  if (strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S", &parts) == nullptr) return copy;
  std::array<char, 32> out{};
  return {out.data(), std::strftime(out.data(), out.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

}  // namespace

std::variant<Call, std::string> rest_call(const RestOperation& operation, Protocol protocol,
                                          const json::object& input, bool virtual_host) {
  return Writer(operation, input).write(protocol, virtual_host);
}

json::value rest_value(const RestOperation& operation, Protocol protocol,
                       const Response& response) {
  json::object value;
  bool body_taken = false;
  bool readable = true;
  for_each_place(operation.output, [&](const Place& place) {
    switch (place.kind) {
      case ':':
        if (const auto text = find_header(response.headers, place.name); !text.empty())
          value[place.member] = place.member == "LastModified" || place.member == "Expires"
                                    ? json::value(iso_date(text))
                                    : leaf_value(place.member, text);
        break;
      case '*': {
        json::object map;
        for (const auto& [name, text] : response.headers) {
          if (name.size() <= place.name.size() ||
              strncasecmp(name.c_str(), place.name.data(), place.name.size()) != 0)
            continue;
          auto key = name.substr(place.name.size());
          std::transform(key.begin(), key.end(), key.begin(), [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
          });
          map[key] = text;
        }
        value[place.member] = std::move(map);
        break;
      }
      case '=':
        value[place.member] = response.body;
        body_taken = true;
        break;
      case '#':
        value[place.member] = response.status;
        break;
      default: {
        auto root = value_of_root(response.body);
        readable = readable && !root.is_null();
        value[place.member] = std::move(root);
        body_taken = true;
      }
    }
  });
  if (!readable) return nullptr;
  if (body_taken || response.body.empty()) return value;
  json::value body;
  if (protocol == Protocol::rest_json) {
    body = parse_json(response.body);
  } else {
    body = value_of_root(response.body);
  }
  if (!body.is_object()) return nullptr;
  for (auto& [key, item] : body.get_object()) value[key] = std::move(item);
  return value;
}

}  // namespace sosw::aws
