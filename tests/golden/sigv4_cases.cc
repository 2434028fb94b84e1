// SPDX-License-Identifier: MIT
// The file `sigv4`: signatures that botocore computed.
#include <ctime>

#include "areas.h"
#include "aws/sigv4.h"

namespace sosw::golden {
namespace {

// Of AWS's documentation.
const aws::Credentials kCredentials{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};

std::string text(const json::value& value) { return std::string(value.as_string()); }

std::vector<std::pair<std::string, std::string>> pairs(const json::value& list) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& pair : list.as_array()) out.emplace_back(text(pair.at(0)), text(pair.at(1)));
  return out;
}

Answer sign(const Case& what) {
  aws::Call call{.method = text(what.in("method")),
                 .path = text(what.in("path")),
                 .query = pairs(what.in("query")),
                 .headers = pairs(what.in("headers"))};
  for (auto n = what.in("body_repeat").as_int64(); n > 0; --n) call.body += text(what.in("body"));
  auto credentials = kCredentials;
  if (const auto& token = what.in("session_token"); !token.is_null())
    credentials.session_token = text(token);
  std::tm utc{};
  if (strptime(text(what.in("date")).c_str(), "%Y%m%dT%H%M%SZ", &utc) == nullptr)
    throw std::invalid_argument("date");
  const auto origin = "https://" + text(what.in("host"));
  aws::Signer signer(text(what.in("service")), text(what.in("region")), origin);
  const auto request = signer.sign(std::move(call), credentials,
                                   std::chrono::system_clock::from_time_t(timegm(&utc)));
  const auto wire = request.url.substr(origin.size());
  const auto mark = std::min(wire.find('?'), wire.size());
  const auto hash = aws::find_header(request.headers, "x-amz-content-sha256");
  return Answer::output(
      json::value{{"wire_path", wire.substr(0, mark)},
                  {"wire_query", mark < wire.size() ? wire.substr(mark + 1) : ""},
                  {"authorization", aws::find_header(request.headers, "authorization")},
                  {"content_sha256", hash.empty() ? json::value(nullptr) : json::value(hash)}});
}

}  // namespace

Area sigv4_area() { return {.name = "sigv4", .handlers = {{"sign", sign}}}; }

}  // namespace sosw::golden
