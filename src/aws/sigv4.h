// SPDX-License-Identifier: MIT
// AWS Signature Version 4.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aws/credentials.h"
#include "aws/http.h"

namespace sosw::aws {

// What a service is asked, before encoding and signing.
struct Call {
  std::string method = "POST";
  std::string path = "/";  // decoded: "/2015-03-31/functions/a:b/invocations"
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in any order
  Headers headers;                                         // signed, but those that proxies change
  std::string body;
  std::string host_prefix{};  // "bucket.": before the endpoint's host name
};

// Every byte but letters, digits and -_.~ as %XX.
std::string percent_encoded(std::string_view text, bool keep_slash);

// Makes requests that a service accepts. Path and query are encoded here, once, and the query
// sorted, so what is signed is what goes on the wire. Keeps the derived key of the day. Not for use
// by two threads at once.
class Signer {
 public:
  // `service` is the signing name ("lambda", "monitoring"). `endpoint` is a URL,
  // "https://host[:port][/prefix]".
  Signer(std::string service, std::string region, std::string_view endpoint);

  // The request signed for `now`; Lambda and its kin accept it for 5 minutes, so sign anew for each
  // try. Timeouts are the request's defaults.
  Request sign(Call call, const Credentials& credentials,
               std::chrono::system_clock::time_point now);

 private:
  const std::string& signing_key(const std::string& secret, std::string_view day);

  std::string service_;
  std::string region_;
  std::string scheme_;  // "https://"
  std::string host_;
  std::string prefix_;
  std::string key_secret_;
  std::string key_day_;
  std::string key_;
};

}  // namespace sosw::aws
