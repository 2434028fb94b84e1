// SPDX-License-Identifier: MIT
// The Lambda Runtime API, by a blocking HTTP/1.1 client on one kept connection.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sosw::sdk {

struct FunctionError {
  std::string type;                     // "std::runtime_error"
  std::string message;                  // any bytes
  std::vector<std::string> stack = {};  // the calls that led to it, the innermost first
};

// Not for use by two threads at once. Texts given out live until the next call.
class RuntimeApi {
 public:
  struct Event {
    std::string_view request_id;
    std::string_view deadline_ms;  // as sent: milliseconds since 1970
    std::string_view function_arn;
    std::string_view trace_id;
    std::string_view client_context;
    std::string_view payload;
  };
  enum class Poll {
    event,
    stopped,  // `stop_fd` became readable
    ended,    // the runtime wants no more of us
    failed,   // no answer, or one that makes no sense; see problem()
  };
  enum class Posted {
    done,
    too_large,
    refused,  // the runtime knows of no such invocation (any more)
    failed,   // not delivered, after several tries; see problem()
  };

  // `address`: host:port. `stop_fd`: a descriptor whose readability ends the wait of next().
  RuntimeApi(std::string address, int stop_fd);
  ~RuntimeApi();
  RuntimeApi(const RuntimeApi&) = delete;
  RuntimeApi& operator=(const RuntimeApi&) = delete;

  // Waits for the next event without limit: Lambda freezes an idle process for hours.
  Poll next(Event& event);
  Posted post_response(std::string_view request_id, std::string_view body);
  Posted post_error(std::string_view request_id, const FunctionError& error);
  Posted post_init_error(const FunctionError& error);

  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  struct Answer {
    int status = 0;
    std::string_view head;  // the header lines
    std::string_view body;
  };
  enum class Exchange { answered, stopped, failed };

  Exchange exchange(std::string_view head, std::string_view body, int timeout_ms, bool stoppable,
                    Answer& answer);
  Exchange read_answer(int timeout_ms, bool stoppable, Answer& answer);
  Exchange read_more(int timeout_ms, bool stoppable);
  Posted post(std::string_view path, std::string_view extra_header, std::string_view body);
  Posted post_error_to(std::string_view path, const FunctionError& error);
  bool connect();
  bool send(std::string_view head, std::string_view body);
  void disconnect();
  bool fail(std::string_view what);        // notes the problem, false
  Exchange failed(std::string_view what);  // notes the problem, Exchange::failed

  std::string address_;
  int stop_fd_;
  int socket_ = -1;
  std::string in_;        // received bytes; only the first size_ count
  std::size_t size_ = 0;  // resizing a std::string clears the new part, at megabytes that shows
  std::string head_;
  std::string problem_;
};

// Replaces each byte that is no part of a valid UTF-8 character by '?'.
void make_utf8(std::string& text);

}  // namespace sosw::sdk
