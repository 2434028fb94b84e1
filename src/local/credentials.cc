// SPDX-License-Identifier: MIT
#include "local/credentials.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <cstdlib>
#include <sstream>

#include "local/file.h"

namespace sosw::local {
namespace {

// Value of `key = value` in a line of an ini file; empty when it is another line.
std::string_view setting(std::string_view line, std::string_view key) {
  if (!line.starts_with(key)) return {};
  line.remove_prefix(key.size());
  const auto from = line.find_first_not_of(" =");
  return from == std::string_view::npos ? std::string_view{} : line.substr(from);
}

}  // namespace

std::string random_hex(std::size_t digits) {
  std::string bytes((digits + 1) / 2, '\0');
  // Up to 256 bytes come whole and without interruption.
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) std::abort();
  std::string text;
  for (const unsigned char b : bytes) text += fmt::format("{:02x}", b);
  text.resize(digits);
  return text;
}

AccessKey new_access_key() { return {"SOSW" + random_hex(20), random_hex(40)}; }

Result<AccessKey> user_access_key(const std::string& file, std::string_view region,
                                  std::string_view endpoint) {
  AccessKey key;
  if (auto before = read_file(file)) {
    std::istringstream lines(*before);
    for (std::string line; std::getline(lines, line);) {
      if (const auto v = setting(line, "aws_access_key_id"); !v.empty()) key.id = v;
      if (const auto v = setting(line, "aws_secret_access_key"); !v.empty()) key.secret = v;
    }
  }
  if (key.id.empty() || key.secret.empty()) key = new_access_key();
  const std::string text = fmt::format(
      "# Written by sosw: the key to this engine's Invoke API, for boto3 and the aws command "
      "line.\n"
      "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\nregion = {}\n"
      "endpoint_url = {}\n",
      key.id, key.secret, region, endpoint);
  if (auto written = replace_file(file, text); !written) return written.error();
  return key;
}

std::string_view access_key_id(std::string_view authorization) {
  constexpr std::string_view kName = "Credential=";
  const auto at = authorization.find(kName);
  if (at == std::string_view::npos) return {};
  authorization.remove_prefix(at + kName.size());
  return authorization.substr(0, authorization.find_first_of("/, "));
}

}  // namespace sosw::local
