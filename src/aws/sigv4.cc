// SPDX-License-Identifier: MIT
// Canonical request, string to sign, key, signature.
#include "aws/sigv4.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <new>
#include <span>

namespace sosw::aws {
namespace {

using Digest = std::array<unsigned char, 32>;
using Bytes = std::span<const unsigned char>;

constexpr std::string_view kHex = "0123456789abcdef";

Bytes bytes(std::string_view text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

// SHA-256 of two pieces as if they were one. The algorithm is fetched once: OpenSSL 3 is slow at
// finding it.
Digest sha256(Bytes a, Bytes b = {}) {
  static EVP_MD* const kAlgorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  thread_local std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  Digest digest{};
  if (!context || EVP_DigestInit_ex2(context.get(), kAlgorithm, nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), a.data(), a.size()) != 1 ||
      EVP_DigestUpdate(context.get(), b.data(), b.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1)
    throw std::bad_alloc();  // SHA-256 has no other way to fail
  return digest;
}

Digest hmac(Bytes key, std::string_view message) {
  std::array<unsigned char, 64> inner{};
  if (key.size() > inner.size()) {
    const auto short_key = sha256(key);
    std::copy(short_key.begin(), short_key.end(), inner.begin());
  } else {
    std::copy(key.begin(), key.end(), inner.begin());
  }
  auto outer = inner;
  for (auto& byte : inner) byte ^= 0x36;
  for (auto& byte : outer) byte ^= 0x5c;
  return sha256(outer, sha256(inner, bytes(message)));
}

std::string hex(const Digest& digest) {
  std::string text;
  text.reserve(2 * digest.size());
  for (const auto byte : digest) {
    text += kHex[byte >> 4];
    text += kHex[byte & 15];
  }
  return text;
}

std::string encode(std::string_view text, bool keep_slash) {
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

std::string encode(const std::vector<std::pair<std::string, std::string>>& query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  pairs.reserve(query.size());
  for (const auto& [key, value] : query)
    pairs.emplace_back(encode(key, false), encode(value, false));
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

}  // namespace

Signer::Signer(std::string service, std::string region, std::string_view endpoint)
    : service_(std::move(service)), region_(std::move(region)) {
  while (endpoint.ends_with('/')) endpoint.remove_suffix(1);
  const auto scheme = endpoint.find("://");
  const auto host = scheme == endpoint.npos ? 0 : scheme + 3;
  const auto path = std::min(endpoint.find('/', host), endpoint.size());
  scheme_and_host_ = endpoint.substr(0, path);
  host_ = endpoint.substr(host, path - host);
  prefix_ = endpoint.substr(path);
}

const Signer::Digest& Signer::signing_key(const std::string& secret, std::string_view day) {
  if (key_secret_ != secret || key_day_ != day) {
    const auto of_day = hmac(bytes("AWS4" + secret), day);
    key_ = hmac(hmac(hmac(of_day, region_), service_), "aws4_request");
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
  const auto body_hash = hex(sha256(bytes(call.body)));
  request.body = std::move(call.body);
  request.headers.emplace_back("Host", host_);
  request.headers.emplace_back("X-Amz-Date", time);
  if (!credentials.session_token.empty())
    request.headers.emplace_back("X-Amz-Security-Token", credentials.session_token);
  if (s3) request.headers.emplace_back("X-Amz-Content-Sha256", body_hash);

  Headers canonical;
  canonical.reserve(request.headers.size());
  for (const auto& [name, value] : request.headers)
    canonical.emplace_back(lower(name), trim(value));
  std::sort(canonical.begin(), canonical.end());
  std::string names;
  for (const auto& [name, value] : canonical) {
    if (!names.empty()) names += ';';
    names += name;
  }

  const auto path = encode(prefix_ + call.path, true);
  const auto query = encode(call.query);
  auto to_hash = fmt::format("{}\n{}\n{}\n", request.method, s3 ? path : encode(path, true), query);
  for (const auto& [name, value] : canonical) to_hash += fmt::format("{}:{}\n", name, value);
  to_hash += fmt::format("\n{}\n{}", names, body_hash);

  const auto scope = fmt::format("{}/{}/{}/aws4_request", day, region_, service_);
  const auto to_sign =
      fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", time, scope, hex(sha256(bytes(to_hash))));
  const auto signature = hex(hmac(signing_key(credentials.secret_access_key, day), to_sign));
  request.headers.emplace_back(
      "Authorization",
      fmt::format("AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}",
                  credentials.access_key_id, scope, names, signature));
  request.url = scheme_and_host_ + path;
  if (!query.empty()) request.url += '?' + query;
  return request;
}

}  // namespace sosw::aws
