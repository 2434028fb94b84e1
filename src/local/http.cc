// SPDX-License-Identifier: MIT
// libcurl, one handle for each exchange: these are rare.
#include "local/http.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <memory>
#include <mutex>
#include <string_view>

namespace sosw::local {
namespace {

constexpr std::size_t kBodyLimit = 16 << 20;

std::size_t receive(const char* data, std::size_t, std::size_t size, void* body) {
  auto& text = *static_cast<std::string*>(body);
  if (text.size() + size > kBodyLimit) return 0;
  text.append(data, size);
  return size;
}

// libcurl calls it at least once a second.
int look_whether_stopped(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::stop_token*>(stop)->stop_requested() ? 1 : 0;
}

struct UrlDelete {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

Result<std::string> host_of(const std::string& url) {
  const std::unique_ptr<CURLU, UrlDelete> parsed(curl_url());
  char* part = nullptr;
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) == CURLUE_OK &&
      curl_url_get(parsed.get(), CURLUPART_SCHEME, &part, 0) == CURLUE_OK) {
    const std::string scheme = part;
    curl_free(part);
    if ((scheme == "http" || scheme == "https") &&
        curl_url_get(parsed.get(), CURLUPART_HOST, &part, 0) == CURLUE_OK) {
      std::string host = part;
      curl_free(part);
      return host;
    }
  }
  return invalid(fmt::format("'{}' is no URL that can be asked", url),
                 "it begins with http:// or https://");
}

Result<HttpReply> exchange(const std::string& url, const std::string* body,
                           std::chrono::milliseconds timeout, const std::stop_token& stop) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  const auto host = host_of(url);
  if (!host) return host.error();
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                 &curl_easy_cleanup);
  std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(nullptr,
                                                                      &curl_slist_free_all);
  HttpReply answer;
  CURL* handle = curl.get();
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "sosw");
  curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &stop);
  curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, &look_whether_stopped);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &receive);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &answer.body);
  if (*host == "localhost" || host->starts_with("127.") || *host == "[::1]")
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
  if (body != nullptr) {
    // No `Expect: 100-continue`: small servers leave it unanswered, and each alarm would wait a
    // second.
    for (const char* header : {"Content-Type: application/json", "Expect:"})
      if (auto* longer = curl_slist_append(headers.get(), header)) {
        static_cast<void>(headers.release());
        headers.reset(longer);
      }
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body->size()));
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, body->data());
  }
  const CURLcode code = curl_easy_perform(handle);
  if (code == CURLE_WRITE_ERROR)
    return Error{Code::unavailable,
                 fmt::format("{}: the answer is larger than {} MiB", url, kBodyLimit >> 20),
                 {}};
  if (code != CURLE_OK)
    return Error{Code::unavailable, fmt::format("{}: {}", url, curl_easy_strerror(code)), {}};
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  answer.status = static_cast<int>(status);
  return answer;
}

}  // namespace

Result<HttpReply> http_get(const std::string& url, std::chrono::milliseconds timeout,
                           const std::stop_token& stop) {
  return exchange(url, nullptr, timeout, stop);
}

Result<HttpReply> http_post_json(const std::string& url, const std::string& body,
                                 std::chrono::milliseconds timeout, const std::stop_token& stop) {
  return exchange(url, &body, timeout, stop);
}

Result<void> check_url(const std::string& url) {
  if (auto host = host_of(url); !host) return host.error();
  return {};
}

}  // namespace sosw::local
