// SPDX-License-Identifier: MIT
// Where all the randomness of a simulated run comes from: one stream of small numbers, which can be
// recorded, replayed, and made simpler.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

namespace sosw::simulation {

// 0 is always the simplest answer: no fault, no delay, the worker succeeds. Beyond the end of what
// is replayed everything is 0, so each prefix of a recorded stream, and each stream with some of
// its numbers lowered, is a run too. The same on every platform.
class Choices {
 public:
  explicit Choices(std::uint64_t seed) : state_(seed) {}
  explicit Choices(std::vector<std::uint32_t> recorded)
      : recorded_(std::move(recorded)), replays_(true) {}

  // 0 <= answer < n; drawn only when there is something to choose.
  std::uint32_t below(std::uint32_t n);
  // True in `percent` of 100 cases.
  bool chance(std::uint32_t percent) { return weighted({100 - percent, percent}) == 1; }
  // The index of one of the weights; those that are 0 are never chosen, except the first one.
  std::uint32_t weighted(std::span<const std::uint32_t> weights);
  std::uint32_t weighted(std::initializer_list<std::uint32_t> weights) {
    return weighted(std::span(weights.begin(), weights.size()));
  }

  // All answers so far: what replays this run.
  [[nodiscard]] const std::vector<std::uint32_t>& taken() const { return taken_; }

 private:
  std::uint64_t random();
  std::uint32_t keep(std::uint32_t answer);

  std::uint64_t state_ = 0;
  std::vector<std::uint32_t> recorded_;
  bool replays_ = false;
  std::vector<std::uint32_t> taken_;
};

}  // namespace sosw::simulation
