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
  if (keeps_names_ && answer != 0) taken_by_name_[name_][counts_[name_]] = answer;
  return answer;
}

void Choices::enter(const char* what, std::string_view whose) {
  if (from_ != From::named && !keeps_names_) return;
  name_ = whose.empty() ? std::string(what) : std::string(whose) + ' ' + what;
  ++counts_[name_];
}

std::uint32_t Choices::wanted() {
  if (from_ == From::recorded)
    return taken_.size() < recorded_.size() ? recorded_[taken_.size()] : 0;
  const auto known = named_.find(name_);
  if (known == named_.end()) return 0;
  const auto answer = known->second.find(counts_[name_]);
  return answer == known->second.end() ? 0 : answer->second;
}

std::uint32_t Choices::below(std::uint32_t n, const char* what, std::string_view whose) {
  if (n <= 1) return 0;
  enter(what, whose);
  if (from_ == From::seed) return keep(static_cast<std::uint32_t>((random() >> 32) * n >> 32));
  return keep(std::min(wanted(), n - 1));
}

std::uint32_t Choices::weighted(std::span<const std::uint32_t> weights, const char* what,
                                std::string_view whose) {
  enter(what, whose);
  const auto n = static_cast<std::uint32_t>(weights.size());
  if (from_ != From::seed) {
    const std::uint32_t answer = wanted();
    return keep(answer < n && weights[answer] > 0 ? answer : 0);
  }
  const std::uint64_t sum = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
  if (sum == 0) return keep(0);
  std::uint64_t drawn = (random() >> 32) * sum >> 32;
  std::uint32_t i = 0;
  while (drawn >= weights[i]) drawn -= weights[i++];
  return keep(i);
}

}  // namespace sosw::simulation
