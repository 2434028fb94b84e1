// SPDX-License-Identifier: MIT
// The only translation unit that knows libcurl.
#include "aws/http.h"

#include <curl/curl.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <new>
#include <queue>
#include <unordered_map>

namespace sosw::aws {
namespace {

struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, FreeEasy>;
using Multi = std::unique_ptr<CURLM, FreeMulti>;
using List = std::unique_ptr<curl_slist, FreeList>;

// One request under way: what libcurl's callbacks point to, so it never moves.
struct Exchange {
  const Request* request = nullptr;
  Response* response = nullptr;
  List headers;
  int starts = 0;  // how often the request was about to go on the wire
  std::array<char, CURL_ERROR_SIZE> error{};
};

// What `send_each` keeps for each request under way.
struct Slot {
  Easy easy;
  Exchange exchange;
  std::size_t number = 0;
  Request request;
  Response response;
};

std::size_t on_body(char* data, std::size_t, std::size_t size, void* user) {
  static_cast<Exchange*>(user)->response->body.append(data, size);
  return size;
}

std::size_t on_header(char* data, std::size_t, std::size_t size, void* user) {
  auto& headers = static_cast<Exchange*>(user)->response->headers;
  std::string_view line(data, size);
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) headers.clear();  // the answer after a 1xx or after a proxy's
  const auto colon = line.find(':');
  if (colon == line.npos || line.starts_with("HTTP/")) return size;
  auto value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  headers.emplace_back(line.substr(0, colon), value);
  return size;
}

// Called when the connection stands and the request is about to be written. libcurl repeats a
// request by itself when a kept connection turns out dead, so a second call for a `once` request
// means a second copy.
int on_start(void* user, char*, char*, int, int) {
  auto& exchange = *static_cast<Exchange*>(user);
  if (++exchange.starts > 1 && exchange.request->once) return CURL_PREREQFUNC_ABORT;
  return CURL_PREREQFUNC_OK;
}

const char* environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): we only read
  return value && *value ? value : nullptr;
}

// Null: libcurl's own.
const char* certificates() {
  for (const char* name : {"AWS_CA_BUNDLE", "SSL_CERT_FILE"})
    if (const char* file = environment(name)) return file;
  static const char* const kSystem = []() -> const char* {
    for (const char* file : {"/etc/ssl/certs/ca-certificates.crt",
                             "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"}) {
      std::error_code ignored;
      if (std::filesystem::exists(file, ignored)) return file;
    }
    return nullptr;
  }();
  return kSystem;
}

bool is_loopback(std::string_view url) {
  const auto scheme = url.find("://");
  const auto host = scheme == url.npos ? url : url.substr(scheme + 3);
  for (const std::string_view name : {"localhost", "127.0.0.1", "[::1]"}) {
    if (!host.starts_with(name)) continue;
    if (host.size() == name.size() ||
        std::string_view(":/?").find(host[name.size()]) != std::string_view::npos)
      return true;
  }
  return false;
}

void check(bool done) {
  if (!done) throw std::bad_alloc();
}

void append(List& list, const std::string& line) {
  auto* longer = curl_slist_append(list.get(), line.c_str());
  check(longer != nullptr);
  (void)list.release();
  list.reset(longer);
}

void prepare(CURL* easy, const Request& request, Response& response, Exchange& exchange) {
  curl_easy_reset(easy);
  exchange.request = &request;
  exchange.response = &response;
  exchange.starts = 0;
  exchange.error[0] = '\0';
  response = {};

  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);  // or /../ in a signed key is resolved
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(request.connect_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  curl_easy_setopt(easy, CURLOPT_CAPATH,
                   nullptr);  // with a path libcurl reads all certificates anew for each connection
  if (const char* file = certificates()) curl_easy_setopt(easy, CURLOPT_CAINFO, file);
  if (request.direct || is_loopback(request.url)) curl_easy_setopt(easy, CURLOPT_PROXY, "");
  if (request.once) {
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
  }

  if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (request.method == "GET" && request.body.empty()) {
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
  } else {
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    if (request.method != "DELETE" || !request.body.empty()) {
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                       static_cast<curl_off_t>(request.body.size()));
      curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.c_str());
    }
  }

  exchange.headers.reset();
  std::string line;
  for (const auto& [name, value] : request.headers) {
    line = name;
    line += value.empty() ? ";" : ": ";  // libcurl's way to write an empty one
    line += value;
    append(exchange.headers, line);
  }
  // A body over 1 MiB would wait a second for a server's "100 continue", and Content-Type would be
  // a form's.
  append(exchange.headers, "Expect:");
  if (find_header(request.headers, "content-type").empty())
    append(exchange.headers, "Content-Type:");
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange.headers.get());

  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange.error.data());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_start);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, &exchange);
}

void finish(CURL* easy, CURLcode code, Exchange& exchange) {
  auto& response = *exchange.response;
  if (code == CURLE_OK) {
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    response.status = static_cast<int>(status);
    return;
  }
  std::string message = exchange.request->method + ' ' +
                        exchange.request->url.substr(0, exchange.request->url.find('?'));
  message += ": ";
  message += exchange.error[0] ? exchange.error.data() : curl_easy_strerror(code);
  const bool final = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
                     code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL;
  response = {.error = TransportError{std::move(message), exchange.starts == 0, final}};
}

}  // namespace

std::string_view find_header(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers)
    if (key.size() == name.size() && strncasecmp(key.data(), name.data(), name.size()) == 0)
      return value;
  return {};
}

struct HttpClient::State {
  Multi multi;
  std::vector<std::unique_ptr<Slot>> idle;
};

HttpClient::HttpClient() : state_(std::make_unique<State>()) {
  static const CURLcode kInit =
      curl_global_init(CURL_GLOBAL_DEFAULT);  // once, and safe among threads
  check(kInit == CURLE_OK);
}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

Response HttpClient::send(const Request& request) {
  return std::move(send_all({&request, 1}, 1).front());
}

std::vector<Response> HttpClient::send_all(std::span<const Request> requests,
                                           std::size_t max_in_flight) {
  std::vector<Response> responses(requests.size());
  send_each(
      requests.size(), max_in_flight, [&](std::size_t i) { return requests[i]; },
      [&](std::size_t i, Response response) -> std::optional<std::chrono::milliseconds> {
        responses[i] = std::move(response);
        return std::nullopt;
      });
  return responses;
}

void HttpClient::send_each(std::size_t count, std::size_t max_in_flight, const Make& make,
                           const Take& take) {
  using Clock = std::chrono::steady_clock;
  auto& state = *state_;
  if (!state.multi) {
    state.multi.reset(curl_multi_init());
    check(state.multi != nullptr);
  }
  CURLM* multi = state.multi.get();
  max_in_flight = std::max<std::size_t>(max_in_flight, 1);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS,
                    static_cast<long>(2 * max_in_flight));  // or kept ones are closed for new ones

  std::size_t next = 0;  // of those that were never sent
  using Pause = std::pair<Clock::time_point, std::size_t>;
  std::priority_queue<Pause, std::vector<Pause>, std::greater<>> pausing;
  std::unordered_map<CURL*, std::unique_ptr<Slot>> busy;
  const auto leave = [&](Slot& slot) { curl_multi_remove_handle(multi, slot.easy.get()); };
  struct Leaving {
    std::unordered_map<CURL*, std::unique_ptr<Slot>>& busy;
    const decltype(leave)& each;
    ~Leaving() {
      for (auto& [easy, slot] : busy) each(*slot);
    }
  } const leaving{busy, leave};  // `make` and `take` may throw

  while (true) {
    while (busy.size() < max_in_flight) {
      std::size_t number = 0;
      if (!pausing.empty() && pausing.top().first <= Clock::now()) {
        number = pausing.top().second;
        pausing.pop();
      } else if (next < count) {
        number = next++;
      } else {
        break;
      }
      auto request = make(number);
      if (!request) continue;
      if (state.idle.empty()) {
        state.idle.push_back(std::make_unique<Slot>());
        state.idle.back()->easy.reset(curl_easy_init());
        check(state.idle.back()->easy != nullptr);
      }
      auto slot = std::move(state.idle.back());
      state.idle.pop_back();
      slot->number = number;
      slot->request = std::move(*request);
      prepare(slot->easy.get(), slot->request, slot->response, slot->exchange);
      CURL* easy = slot->easy.get();
      busy.emplace(easy, std::move(slot));
      check(curl_multi_add_handle(multi, easy) == CURLM_OK);
    }
    if (busy.empty() && pausing.empty()) return;

    int running = 0;
    check(curl_multi_perform(multi, &running) == CURLM_OK);  // else no memory, or a defect of ours
    bool answered = false;
    int left = 0;
    while (const auto* message = curl_multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      answered = true;
      const auto result = message->data.result;
      const auto found = busy.find(message->easy_handle);
      auto slot = std::move(found->second);
      busy.erase(found);
      finish(slot->easy.get(), result, slot->exchange);
      leave(*slot);
      const auto number = slot->number;
      auto response = std::move(slot->response);
      slot->request = {};  // its body may be large
      state.idle.push_back(std::move(slot));
      if (const auto pause = take(number, std::move(response)))
        pausing.emplace(Clock::now() + *pause, number);
    }
    if (answered) continue;
    auto wait = std::chrono::milliseconds(1'000);
    if (!pausing.empty() && busy.size() < max_in_flight)
      wait = std::clamp(
          std::chrono::ceil<std::chrono::milliseconds>(pausing.top().first - Clock::now()),
          std::chrono::milliseconds(0), wait);
    check(curl_multi_poll(multi, nullptr, 0, static_cast<int>(wait.count()), nullptr) == CURLM_OK);
  }
}

}  // namespace sosw::aws
