// SPDX-License-Identifier: MIT
#include "local/http_calls.h"

#include <curl/curl.h>

#include <atomic>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace sosw::local {
namespace {

struct Transfer {
  HttpCalls::Call call;
  HttpAnswer answer;
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  char error[CURL_ERROR_SIZE] = {};

  explicit Transfer(HttpCalls::Call c) : call(std::move(c)), easy(curl_easy_init()) {
    headers = curl_slist_append(headers, "Content-Type: application/json");
    headers =
        curl_slist_append(headers, ("Lambda-Runtime-Aws-Request-Id: " + call.request_id).c_str());
    headers = curl_slist_append(headers, "Expect:");
    curl_easy_setopt(easy, CURLOPT_URL, call.url.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call.body.data());
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 1000L * call.timeout_s);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 10'000L);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    // On a connection that is used again libcurl may send a request twice: when it finds that the
    // other side had closed it. One try for each claim.
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, this);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Transfer::received);
  }
  ~Transfer() {
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  static std::size_t received(char* data, std::size_t size, std::size_t n, void* self) {
    auto& t = *static_cast<Transfer*>(self);
    if (t.answer.body.size() + size * n > t.call.largest_answer) {
      t.answer.end = HttpAnswer::End::too_large;
      return 0;
    }
    t.answer.body.append(data, size * n);
    return size * n;
  }

  // Whether a byte of the request, not only of its connection, has left.
  [[nodiscard]] bool sent() const {
    long bytes = 0;
    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &bytes);
    return bytes > 0;
  }

  void finish(CURLcode code) {
    if (code == CURLE_OK) {
      long status = 0;
      curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
      answer.status = static_cast<int>(status);
      return;
    }
    answer.reason = error[0] != '\0' ? error : curl_easy_strerror(code);
    if (answer.end == HttpAnswer::End::too_large) return;
    if (!sent()) {
      answer.end = HttpAnswer::End::not_sent;
    } else {
      answer.end =
          code == CURLE_OPERATION_TIMEDOUT ? HttpAnswer::End::timed_out : HttpAnswer::End::lost;
    }
  }
};

}  // namespace

struct HttpCalls::State {
  CURLM* multi = nullptr;
  std::mutex mutex;  // guards `arriving`
  std::vector<Call> arriving;
  std::atomic<bool> ended{false};
  std::map<CURL*, std::unique_ptr<Transfer>> running;
  std::thread thread;

  void run() {
    while (!ended) {
      std::vector<Call> fresh;
      {
        std::lock_guard lock(mutex);
        fresh.swap(arriving);
      }
      for (auto& call : fresh) {
        auto transfer = std::make_unique<Transfer>(std::move(call));
        curl_multi_add_handle(multi, transfer->easy);
        running.emplace(transfer->easy, std::move(transfer));
      }
      int active = 0;
      curl_multi_perform(multi, &active);
      int left = 0;
      while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        auto node = running.extract(message->easy_handle);
        const CURLcode code = message->data.result;
        curl_multi_remove_handle(multi, node.key());
        Transfer& transfer = *node.mapped();
        transfer.finish(code);
        transfer.call.done(std::move(transfer.answer));
      }
      curl_multi_poll(multi, nullptr, 0, 1000, nullptr);
    }
    std::vector<Call> unsent;
    for (auto& [easy, transfer] : running) {
      if (!transfer->sent()) unsent.push_back(std::move(transfer->call));
      curl_multi_remove_handle(multi, easy);
    }
    running.clear();
    {
      std::lock_guard lock(mutex);
      for (Call& call : arriving) unsent.push_back(std::move(call));
      arriving.clear();
    }
    for (const Call& call : unsent)
      call.done({.end = HttpAnswer::End::not_sent, .reason = "the engine stopped"});
  }
};

HttpCalls::HttpCalls() : state_(std::make_unique<State>()) {
  static const CURLcode kOnce = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)kOnce;
  state_->multi = curl_multi_init();
  state_->thread = std::thread([this] { state_->run(); });
}

HttpCalls::~HttpCalls() {
  state_->ended = true;
  curl_multi_wakeup(state_->multi);
  state_->thread.join();
  curl_multi_cleanup(state_->multi);
}

void HttpCalls::post(Call call) {
  {
    std::lock_guard lock(state_->mutex);
    state_->arriving.push_back(std::move(call));
  }
  curl_multi_wakeup(state_->multi);
}

}  // namespace sosw::local
