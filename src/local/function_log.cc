// SPDX-License-Identifier: MIT
#include "local/function_log.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

namespace sosw::local {

void Tail::append(std::string_view text) {
  if (text.size() >= kTail) {
    text_ = text.substr(text.size() - kTail);
    return;
  }
  text_ += text;
  if (text_.size() > 4 * kTail) text_.erase(0, text_.size() - kTail);
}

std::string Tail::text() const {
  std::string_view rest = text_;
  if (rest.size() > kTail) rest.remove_prefix(rest.size() - kTail);
  return valid_utf8(rest);
}

std::string valid_utf8(std::string_view rest) {
  std::string valid;
  valid.reserve(rest.size());
  while (!rest.empty()) {
    const auto lead = static_cast<unsigned char>(rest.front());
    std::size_t length = 0;
    if (lead < 0x80) length = 1;
    if (lead >= 0xC2 && lead < 0xE0) length = 2;
    if (lead >= 0xE0 && lead < 0xF0) length = 3;
    if (lead >= 0xF0 && lead < 0xF5) length = 4;
    bool good = length != 0 && length <= rest.size();
    for (std::size_t i = 1; good && i < length; ++i) good = (rest[i] & 0xC0) == 0x80;
    if (good && length >= 3) {  // overlong forms, surrogates, above the last code point
      const auto second = static_cast<unsigned char>(rest[1]);
      good = !((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
               (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F));
    }
    if (good) {
      valid += rest.substr(0, length);
    } else {
      length = 1;
      valid += '?';
    }
    rest.remove_prefix(length);
  }
  return valid;
}

void FunctionLog::open() {
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), ignored);
  file_ = OwnedFd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  struct stat s {};
  size_ = file_.get() >= 0 && fstat(file_.get(), &s) == 0 ? static_cast<std::size_t>(s.st_size) : 0;
}

void FunctionLog::write(std::string_view text) {
  if (file_.get() < 0) open();
  if (size_ > 0 && size_ + text.size() > largest_) {
    std::rename(path_.c_str(), (path_ + ".1").c_str());
    open();
  }
  while (!text.empty()) {
    const ssize_t n = ::write(file_.get(), text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      if (!std::exchange(failing_, true)) {
        spdlog::warn("log of a worker: {}: {}", path_, std::generic_category().message(errno));
      }
      return;
    }
    failing_ = false;
    size_ += static_cast<std::size_t>(n);
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace sosw::local
