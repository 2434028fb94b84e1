// SPDX-License-Identifier: MIT
// Signatures of AWS (Version 4) for requests that are sent with a client of your own, to OpenSearch
// for one.
//
//   sosw::AwsSigV4RequestGenerator sign({.aws_service = "es", .aws_region = "eu-west-1"});
//   sosw::SigV4Request request{.url = "https://search.example.com/index/_search?q=a"};
//   sign(request);  // and now send it with request.headers
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>

#include "sosw/errors.h"

namespace sosw {

struct SigV4Request {
  std::string url;  // with scheme; path and query as they go on the wire, percent-encoded
  std::string method = "GET";
  std::map<std::string, std::string> headers = {};
  std::string body = {};
};

struct SigV4Options {
  std::string aws_service;  // its name in signatures: "es", "execute-api"
  // Both, else all three are taken from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
  // AWS_SESSION_TOKEN (or AWS_SECURITY_TOKEN).
  std::string aws_access_key_id = {};
  std::string aws_secret_access_key = {};
  std::string aws_session_token = {};
  std::string aws_region = {};  // empty: AWS_DEFAULT_REGION, AWS_REGION
  std::string aws_host = {};    // empty: that of the URL
  std::function<std::chrono::system_clock::time_point()> now = std::chrono::system_clock::now;
};

// May be used by several threads.
class AwsSigV4RequestGenerator {
 public:
  // Throws KeyError when service, keys or region are nowhere to be found.
  explicit AwsSigV4RequestGenerator(SigV4Options options);

  // Adds `Authorization`, `X-AMZ-Date`, `x-amz-content-sha256` and, with a token,
  // `x-amz-security-token` to the headers, for sending within five minutes. Signed are the method,
  // the host, the path, the query in any order, the date, the token, and the body, which for GET
  // counts as empty. Throws ValueError for a URL without a host. (In the original a port is not
  // signed, nor a name that is twice in the query.)
  SigV4Request& operator()(SigV4Request& request) const;

 private:
  SigV4Options options_;
};
using AWSSigV4RequestGenerator = AwsSigV4RequestGenerator;  // its name in the original

}  // namespace sosw
