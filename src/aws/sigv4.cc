// SPDX-License-Identifier: MIT
// Canonical request, string to sign, key, signature.
#include "aws/sigv4.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <map>

#include "aws/sha256.h"

namespace sosw::aws {
namespace {

std::string query_text(const std::vector<std::pair<std::string, std::string>>& query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  pairs.reserve(query.size());
  for (const auto& [key, value] : query)
    pairs.emplace_back(percent_encoded(key, false), percent_encoded(value, false));
  std::sort(pairs.begin(), pairs.end());
  std::string out;
  for (const auto& [key, value] : pairs) {
    if (!out.empty()) out += '&';
    out += key;
    out += '=';
    out += value;
  }
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// Without spaces at the ends, and one where there are several.
std::string trim(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\t';
    if (!space)
      out += c;
    else if (!out.empty() && out.back() != ' ')
      out += ' ';
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

bool is_changed_on_the_way(std::string_view header) {
  return header == "expect" || header == "transfer-encoding" || header == "user-agent" ||
         header == "x-amzn-trace-id";
}

// As every service but S3 reads a path: no empty steps, none to the same place or back.
std::string without_dots(std::string_view path) {
  std::vector<std::string_view> steps;
  for (auto rest = path; !rest.empty();) {
    const auto step = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(step.size() + 1, rest.size()));
    if (step == ".." && !steps.empty()) steps.pop_back();
    if (!step.empty() && step != "." && step != "..") steps.push_back(step);
  }
  std::string out;
  for (const auto step : steps) (out += '/') += step;
  if (out.empty() || path.ends_with('/')) out += '/';
  return out;
}

}  // namespace

std::string percent_encoded(std::string_view text, bool keep_slash) {
  std::string out;
  out.reserve(text.size() + text.size() / 4);
  for (const char c : text) {
    if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
        c == '_' || c == '.' || c == '~' || (c == '/' && keep_slash)) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', "0123456789ABCDEF"[byte >> 4], "0123456789ABCDEF"[byte & 15]};
    }
  }
  return out;
}

Signer::Signer(std::string service, std::string region, std::string_view endpoint)
    : service_(std::move(service)), region_(std::move(region)) {
  while (endpoint.ends_with('/')) endpoint.remove_suffix(1);
  const auto scheme = endpoint.find("://");
  const auto host = scheme == endpoint.npos ? 0 : scheme + 3;
  const auto path = std::min(endpoint.find('/', host), endpoint.size());
  scheme_ = endpoint.substr(0, host);
  host_ = endpoint.substr(host, path - host);
  prefix_ = endpoint.substr(path);
}

const std::string& Signer::signing_key(const std::string& secret, std::string_view day) {
  if (key_secret_ != secret || key_day_ != day) {
    auto key = hmac_sha256("AWS4" + secret, day);
    for (const std::string_view part : {region_, service_, std::string("aws4_request")})
      key = hmac_sha256(bytes_of(key), part);
    key_ = bytes_of(key);
    key_secret_ = secret;
    key_day_ = day;
  }
  return key_;
}

Request Signer::sign(Call call, const Credentials& credentials,
                     std::chrono::system_clock::time_point now) {
  const auto seconds = std::chrono::system_clock::to_time_t(now);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  const auto time = fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", utc.tm_year + 1900,
                                utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
  const auto day = std::string_view(time).substr(0, 8);
  const bool s3 = service_ == "s3";

  Request request{.method = std::move(call.method), .headers = std::move(call.headers)};
  const auto body_hash = hex(sha256(call.body));
  request.body = std::move(call.body);
  const auto host = call.host_prefix + host_;
  request.headers.emplace_back("Host", host);
  request.headers.emplace_back("X-Amz-Date", time);
  if (!credentials.session_token.empty())
    request.headers.emplace_back("X-Amz-Security-Token", credentials.session_token);
  if (s3) request.headers.emplace_back("X-Amz-Content-Sha256", body_hash);

  // In the order of names; what is given twice is one header with both values.
  std::map<std::string, std::string> canonical;
  for (const auto& [name, value] : request.headers) {
    auto key = lower(name);
    if (is_changed_on_the_way(key)) continue;
    const auto [place, first] = canonical.emplace(std::move(key), trim(value));
    if (!first) place->second += ',' + trim(value);
  }
  std::string names;
  for (const auto& [name, value] : canonical) {
    if (!names.empty()) names += ';';
    names += name;
  }

  const auto path = percent_encoded(prefix_ + call.path, true);
  const auto query = query_text(call.query);
  auto to_hash = fmt::format("{}\n{}\n{}\n", request.method,
                             s3 ? path : percent_encoded(without_dots(path), true), query);
  for (const auto& [name, value] : canonical) to_hash += fmt::format("{}:{}\n", name, value);
  to_hash += fmt::format("\n{}\n{}", names, body_hash);

  const auto scope = fmt::format("{}/{}/{}/aws4_request", day, region_, service_);
  const auto to_sign =
      fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", time, scope, hex(sha256(to_hash)));
  const auto signature = hex(hmac_sha256(signing_key(credentials.secret_access_key, day), to_sign));
  request.headers.emplace_back(
      "Authorization",
      fmt::format("AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}",
                  credentials.access_key_id, scope, names, signature));
  request.url = scheme_ + host + path;
  if (!query.empty()) request.url += '?' + query;
  return request;
}

}  // namespace sosw::aws
