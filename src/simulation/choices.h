// SPDX-License-Identifier: MIT
// Where all the randomness of a simulated run comes from: one stream of small numbers, which can be
// recorded, replayed, and made simpler.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sosw::simulation {

// 0 is always the simplest answer: no fault, no delay, the worker succeeds. Beyond the end of what
// is replayed everything is 0, so each prefix of a recorded stream, and each stream with some of
// its numbers lowered, is a run too. The same on every platform.
//
// Each choice has a name: what is chosen, if need be whose, without more the function that asks.
class Choices {
 public:
  // Answers other than 0, by name and by the how manyth choice of that name it is (from 1 on).
  // What is drawn under another name, before or after, changes nothing of what they mean.
  using Named = std::map<std::string, std::map<std::uint32_t, std::uint32_t>, std::less<>>;

  explicit Choices(std::uint64_t seed) : state_(seed) {}
  explicit Choices(std::vector<std::uint32_t> recorded)
      : recorded_(std::move(recorded)), from_(From::recorded) {}
  explicit Choices(Named named) : named_(std::move(named)), from_(From::named) {}

  // 0 <= answer < n; drawn only when there is something to choose.
  std::uint32_t below(std::uint32_t n, const char* what = __builtin_FUNCTION(),
                      std::string_view whose = {});
  // True in `percent` of 100 cases.
  bool chance(std::uint32_t percent, const char* what = __builtin_FUNCTION()) {
    return weighted({100 - percent, percent}, what) == 1;
  }
  // The index of one of the weights; those that are 0 are never chosen, except the first one.
  std::uint32_t weighted(std::span<const std::uint32_t> weights,
                         const char* what = __builtin_FUNCTION(), std::string_view whose = {});
  std::uint32_t weighted(std::initializer_list<std::uint32_t> weights,
                         const char* what = __builtin_FUNCTION()) {
    return weighted(std::span(weights.begin(), weights.size()), what);
  }

  // All answers so far: what replays this run.
  [[nodiscard]] const std::vector<std::uint32_t>& taken() const { return taken_; }
  // The same by name, from the call of keep_names() on. REQUIRES: it was called.
  [[nodiscard]] const Named& taken_by_name() const { return taken_by_name_; }
  void keep_names() { keeps_names_ = true; }

 private:
  enum class From : std::uint8_t { seed, recorded, named };
  std::uint64_t random();
  std::uint32_t keep(std::uint32_t answer);
  // What the next choice was, where it is replayed; any number is possible.
  std::uint32_t wanted();
  void enter(const char* what, std::string_view whose);

  std::uint64_t state_ = 0;
  std::vector<std::uint32_t> recorded_;
  Named named_;
  From from_ = From::seed;
  std::vector<std::uint32_t> taken_;
  bool keeps_names_ = false;
  Named taken_by_name_;
  std::map<std::string, std::uint32_t, std::less<>> counts_;  // choices so far, by name
  std::string name_;                                          // of the choice that is made
};

}  // namespace sosw::simulation
