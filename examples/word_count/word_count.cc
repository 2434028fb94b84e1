// SPDX-License-Identifier: MIT
// Counts one word in the licence texts that every Debian machine has. One task = one word of one
// day.
#include <sosw/worker.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

namespace {

namespace json = boost::json;

bool in_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Whole words, upper or lower case: what `grep -o -w -i` finds.
int occurrences(std::string_view text, std::string_view word) {
  int found = 0;
  for (std::size_t at = text.find(word); at != std::string_view::npos;
       at = text.find(word, at + 1)) {
    const bool begins = at == 0 || !in_word(text[at - 1]);
    const bool ends = at + word.size() == text.size() || !in_word(text[at + word.size()]);
    if (begins && ends) ++found;
  }
  return found;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return text;
}

struct WordCount : sosw::Worker {
  json::value operator()(const json::object& event) override {
    const std::string word = lower(std::string(event.at("words").at(0).as_string()));
    // A word that fails at the first attempt, to show a retry: `attempts` counts those before this
    // one.
    const auto* fails = event.if_contains("fails_once");
    if (fails != nullptr && fails->as_string() == word && event.at("attempts") == 0) {
      throw std::runtime_error("the source of '" + word + "' was not there yet");
    }
    if (const auto* pause = event.if_contains("pause_ms")) {  // as if the texts were far away
      std::this_thread::sleep_for(std::chrono::milliseconds(pause->as_int64()));
    }
    int sum = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/usr/share/common-licenses")) {
      if (entry.is_symlink() || !entry.is_regular_file()) continue;
      std::ifstream file(entry.path());
      if (!file) throw std::runtime_error("cannot read " + entry.path().string());
      sum += occurrences(lower({std::istreambuf_iterator<char>(file), {}}), word);
      count("files");
    }
    result()["count"] = sum;
    return sum;
  }
};

}  // namespace

int main() { return sosw::run<WordCount>(); }
