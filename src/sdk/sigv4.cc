// SPDX-License-Identifier: MIT
#include "sosw/sigv4.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ctime>
#include <string_view>
#include <utility>
#include <vector>

#include "aws/sha256.h"
#include "sdk/environment.h"
#include "sdk/text.h"

namespace sosw {
namespace {

struct Url {
  std::string host;  // with a port that the scheme does not mean anyhow
  std::string path;
  std::string query;
};

Url parse(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == url.npos) throw ValueError(fmt::format("'{}' is no URL with a scheme", url));
  const bool tls = sdk::lower(url.substr(0, scheme)) == "https";
  auto rest = url.substr(scheme + 3);
  rest = rest.substr(0, rest.find('#'));
  const auto end = std::min(rest.find_first_of("/?"), rest.size());
  auto host = rest.substr(0, end);
  host = host.substr(host.rfind('@') == host.npos ? 0 : host.rfind('@') + 1);
  const std::string_view meant = tls ? ":443" : ":80";
  if (host.ends_with(meant)) host.remove_suffix(meant.size());
  if (host.empty()) throw ValueError(fmt::format("'{}' names no host", url));
  const auto question = std::min(rest.find('?', end), rest.size());
  Url out{.host = sdk::lower(host),
          .path = std::string(rest.substr(end, question - end)),
          .query = std::string(rest.substr(std::min(question + 1, rest.size())))};
  if (out.path.empty()) out.path = "/";
  return out;
}

// What services but S3 expect: the path on the wire, encoded once more.
std::string encoded(std::string_view path) {
  std::string out;
  for (const char c : path) {
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                       c == '/' || c == '-' || c == '_' || c == '.' || c == '~';
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string sorted(std::string_view query) {
  std::vector<std::string> pairs;
  for (const auto pair : sdk::split(query, "&"))
    if (!pair.empty())
      pairs.push_back(std::string(pair) + (pair.find('=') == pair.npos ? "=" : ""));
  // By name, then by value: `a-b=1` stands before `a=1` only in the bytes of the whole.
  std::sort(pairs.begin(), pairs.end(), [](const std::string& a, const std::string& b) {
    const auto a_name = a.find('=');
    const auto b_name = b.find('=');
    return std::make_pair(a.substr(0, a_name), a.substr(a_name)) <
           std::make_pair(b.substr(0, b_name), b.substr(b_name));
  });
  return fmt::format("{}", fmt::join(pairs, "&"));
}

}  // namespace

AwsSigV4RequestGenerator::AwsSigV4RequestGenerator(SigV4Options options)
    : options_(std::move(options)) {
  const auto first_of = [](std::initializer_list<const char*> variables) {
    for (const auto* variable : variables)
      if (auto value = sdk::environment(variable); !value.empty()) return value;
    return std::string();
  };
  if (options_.aws_service.empty()) throw KeyError("SigV4: a service is required: aws_service");
  if (options_.aws_access_key_id.empty() || options_.aws_secret_access_key.empty()) {
    options_.aws_access_key_id = sdk::environment("AWS_ACCESS_KEY_ID");
    options_.aws_secret_access_key = sdk::environment("AWS_SECRET_ACCESS_KEY");
    options_.aws_session_token = first_of({"AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"});
  }
  if (options_.aws_access_key_id.empty() || options_.aws_secret_access_key.empty())
    throw KeyError("SigV4: keys are required: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
  if (options_.aws_region.empty())
    options_.aws_region = first_of({"AWS_DEFAULT_REGION", "AWS_REGION"});
  if (options_.aws_region.empty()) throw KeyError("SigV4: a region is required: AWS_REGION");
}

SigV4Request& AwsSigV4RequestGenerator::operator()(SigV4Request& request) const {
  const auto url = parse(request.url);
  const auto date = fmt::format("{:%Y%m%dT%H%M%SZ}",
                                fmt::gmtime(std::chrono::system_clock::to_time_t(options_.now())));
  const auto day = date.substr(0, 8);
  const bool has_token = !options_.aws_session_token.empty();
  const auto body = aws::hex(aws::sha256(request.method == "GET" ? "" : request.body));
  const auto signed_headers =
      has_token ? "host;x-amz-date;x-amz-security-token" : "host;x-amz-date";
  auto headers = fmt::format("host:{}\nx-amz-date:{}\n",
                             options_.aws_host.empty() ? url.host : options_.aws_host, date);
  if (has_token) headers += fmt::format("x-amz-security-token:{}\n", options_.aws_session_token);
  const auto canonical = fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method,
                                     options_.aws_service == "s3" ? url.path : encoded(url.path),
                                     sorted(url.query), headers, signed_headers, body);

  const auto scope =
      fmt::format("{}/{}/{}/aws4_request", day, options_.aws_region, options_.aws_service);
  const auto text =
      fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", date, scope, aws::hex(aws::sha256(canonical)));
  auto key = aws::hmac_sha256("AWS4" + options_.aws_secret_access_key, day);
  for (const std::string_view part :
       {std::string_view(options_.aws_region), std::string_view(options_.aws_service),
        std::string_view("aws4_request")})
    key = aws::hmac_sha256(aws::bytes_of(key), part);
  request.headers["Authorization"] =
      fmt::format("AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}",
                  options_.aws_access_key_id, scope, signed_headers,
                  aws::hex(aws::hmac_sha256(aws::bytes_of(key), text)));
  request.headers["X-AMZ-Date"] = date;
  request.headers["x-amz-content-sha256"] = body;
  if (has_token) request.headers["x-amz-security-token"] = options_.aws_session_token;
  return request;
}

}  // namespace sosw
