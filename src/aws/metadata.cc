// SPDX-License-Identifier: MIT
#include "aws/metadata.h"

#include <fmt/format.h>

#include <ctime>
#include <fstream>
#include <iterator>

#include "aws/fields.h"
#include "aws/http.h"
#include "aws/shared_files.h"

namespace sosw::aws {
namespace {

using std::chrono::milliseconds;

// Those that serve the machine answer at once; elsewhere nobody does, and nobody shall wait for it.
constexpr milliseconds kConnect{1'000};
constexpr milliseconds kAnswer{2'000};
constexpr int kTries = 2;

// The body, or why there is none.
struct Got {
  bool good = false;
  int status = 0;
  std::string text;
};

Got get(HttpClient& http, Request request) {
  request.connect_timeout = kConnect;
  request.timeout = kAnswer;
  request.direct = true;
  Got got;
  for (int tried = 0; tried < kTries; ++tried) {
    auto response = http.send(request);
    got.status = response.status;
    if (response.error) {
      got.text = response.error->message;
      if (response.error->not_sent) return got;  // nobody is there
      continue;
    }
    got.good = response.status == 200;
    got.text = got.good ? std::move(response.body)
                        : fmt::format("{} {}: HTTP status {}", request.method, request.url,
                                      response.status);
    if (response.status < 500) return got;
  }
  return got;
}

std::string without_spaces(std::string text) {
  const auto end = text.find_last_not_of(" \t\r\n");
  text.resize(end == text.npos ? 0 : end + 1);
  return text;
}

// Everybody on the way could read the token and the answer: plain HTTP only to those that cannot be
// far.
bool may_be_asked(std::string_view url) {
  if (url.starts_with("https://")) return true;
  constexpr std::string_view kHttp = "http://";
  if (!url.starts_with(kHttp)) return false;
  url.remove_prefix(kHttp.size());
  const auto host = url.starts_with('[') ? url.substr(0, url.find(']') + 1)
                                         : url.substr(0, url.find_first_of(":/?"));
  return host == "localhost" || host == "[::1]" || host == "169.254.170.2" ||
         host == "169.254.170.23" || host == "[fd00:ec2::23]" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == host.npos);
}

std::string instance_url() {
  auto url = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (url.empty())
    url = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE") == "IPv6"
              ? "http://[fd00:ec2::254]"
              : "http://169.254.169.254";
  while (url.ends_with('/')) url.pop_back();
  return url;
}

Got instance_get(HttpClient& http, const std::string& path) {
  const auto url = instance_url();
  auto token = get(http, {.method = "PUT",
                          .url = url + "/latest/api/token",
                          .headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "300"}}});
  if (!token.good) return token;
  return get(http, {.url = url + path,
                    .headers = {{"X-aws-ec2-metadata-token", without_spaces(token.text)}}});
}

}  // namespace

std::optional<std::chrono::system_clock::time_point> parse_time(const std::string& text) {
  std::tm parts{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (!rest) return std::nullopt;
  if (*rest == '.')
    while (*++rest >= '0' && *rest <= '9') continue;
  std::chrono::seconds offset{0};
  int hours = 0;
  int minutes = 0;
  if ((*rest == '+' || *rest == '-') && std::sscanf(rest + 1, "%2d:%2d", &hours, &minutes) == 2) {
    offset = std::chrono::hours(hours) + std::chrono::minutes(minutes);
    if (*rest == '-') offset = -offset;
  } else if (*rest != 'Z' || rest[1] != '\0') {
    return std::nullopt;
  }
  return std::chrono::system_clock::from_time_t(timegm(&parts)) - offset;
}

std::variant<Credentials, std::string> parse_credentials(const std::string& text) {
  const auto value = parse_json(text);
  if (!value.is_object()) return std::string("the answer is no JSON object");
  const auto& fields = value.get_object();
  if (const auto code = text_field(fields, "Code"); !code.empty() && code != "Success")
    return fmt::format("{}: {}", code, text_field(fields, "Message"));
  Credentials credentials{text_field(fields, "AccessKeyId"), text_field(fields, "SecretAccessKey"),
                          text_field(fields, "Token")};
  if (credentials.session_token.empty())
    credentials.session_token = text_field(fields, "SessionToken");
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty())
    return std::string("the answer has no AccessKeyId and SecretAccessKey");
  if (const auto time = text_field(fields, "Expiration"); !time.empty()) {
    credentials.expires = parse_time(time);
    if (!credentials.expires) return fmt::format("the Expiration '{}' is no time", time);
  }
  return credentials;
}

bool has_container_credentials() {
  return !environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").empty() ||
         !environment("AWS_CONTAINER_CREDENTIALS_FULL_URI").empty();
}

std::variant<Credentials, std::string> container_credentials() {
  Request request;
  const auto relative = environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  request.url = relative.empty() ? environment("AWS_CONTAINER_CREDENTIALS_FULL_URI")
                                 : "http://169.254.170.2" + relative;
  if (!may_be_asked(request.url))
    return fmt::format(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI '{}' is neither https nor of this machine",
        request.url);
  auto token = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (const auto path = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); !path.empty()) {
    std::ifstream file(path, std::ios::binary);
    if (!file)
      return fmt::format("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: {} cannot be read", path);
    token = without_spaces(std::string(std::istreambuf_iterator<char>(file), {}));
  }
  if (token.find_first_of("\r\n") != token.npos)
    return std::string("the container's authorization token has a line break");
  if (!token.empty()) request.headers.emplace_back("Authorization", token);
  HttpClient http;
  const auto url = request.url;
  const auto got = get(http, std::move(request));
  if (!got.good) return "the container's credentials: " + got.text;
  auto parsed = parse_credentials(got.text);
  if (auto* wrong = std::get_if<std::string>(&parsed))
    return fmt::format("the container's credentials: {}: {}", url, *wrong);
  return parsed;
}

bool is_instance_metadata_disabled() {
  auto value = environment("AWS_EC2_METADATA_DISABLED");
  for (auto& c : value) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return value == "true";
}

std::variant<Credentials, std::string> instance_credentials() {
  const std::string path = "/latest/meta-data/iam/security-credentials/";
  HttpClient http;
  const auto roles = instance_get(http, path);
  if (roles.status == 404) return std::string("the instance has no role");
  if (!roles.good) return roles.text;
  const auto role = without_spaces(roles.text.substr(0, roles.text.find('\n')));
  if (role.empty()) return std::string("the instance has no role");
  const auto got = instance_get(http, path + role);
  if (!got.good) return got.text;
  return parse_credentials(got.text);
}

std::string instance_region() {
  if (is_instance_metadata_disabled()) return {};
  HttpClient http;
  const auto got = instance_get(http, "/latest/meta-data/placement/region");
  return got.good ? without_spaces(got.text) : std::string();
}

}  // namespace sosw::aws
