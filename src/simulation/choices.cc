// SPDX-License-Identifier: MIT
// See choices.h.
#include "simulation/choices.h"

#include <algorithm>
#include <numeric>

namespace sosw::simulation {

// SplitMix64 (Steele, Lea, Flood 2014).
std::uint64_t Choices::random() {
  std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

std::uint32_t Choices::keep(std::uint32_t answer) {
  taken_.push_back(answer);
  return answer;
}

std::uint32_t Choices::below(std::uint32_t n) {
  if (n <= 1) return 0;
  if (!replays_) return keep(static_cast<std::uint32_t>((random() >> 32) * n >> 32));
  const std::size_t at = taken_.size();
  return keep(at < recorded_.size() ? std::min(recorded_[at], n - 1) : 0);
}

std::uint32_t Choices::weighted(std::span<const std::uint32_t> weights) {
  const auto n = static_cast<std::uint32_t>(weights.size());
  if (replays_) {
    const std::size_t at = taken_.size();
    const std::uint32_t wanted = at < recorded_.size() ? recorded_[at] : 0;
    return keep(wanted < n && weights[wanted] > 0 ? wanted : 0);
  }
  const std::uint64_t sum = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
  if (sum == 0) return keep(0);
  std::uint64_t drawn = (random() >> 32) * sum >> 32;
  std::uint32_t i = 0;
  while (drawn >= weights[i]) drawn -= weights[i++];
  return keep(i);
}

}  // namespace sosw::simulation
