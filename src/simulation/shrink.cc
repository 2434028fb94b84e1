// SPDX-License-Identifier: MIT
// See shrink.h.
#include "simulation/shrink.h"

#include <algorithm>

namespace sosw::simulation {
namespace {

// Shorter is simpler; of the same length, the one with the lower numbers in front.
bool simpler(const Recorded& a, const Recorded& b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

void drop_zeros_at_the_end(Recorded& recorded) {
  while (!recorded.empty() && recorded.back() == 0) recorded.pop_back();
}

class Shrinker {
 public:
  Shrinker(Recorded best, const StillFails& still_fails, int runs)
      : best_(std::move(best)), still_fails_(still_fails), runs_(runs) {}

  Recorded shrink() {
    drop_zeros_at_the_end(best_);
    for (bool better = true; better && runs_ > 0;) {
      better = cut_the_end();
      better = pieces(&Shrinker::zeroed) || better;
      better = pieces(&Shrinker::deleted) || better;
      better = lower() || better;
    }
    return best_;
  }

 private:
  bool accept(Recorded candidate) {
    drop_zeros_at_the_end(candidate);
    if (runs_ <= 0 || !simpler(candidate, best_)) return false;
    --runs_;
    if (!still_fails_(candidate)) return false;
    drop_zeros_at_the_end(candidate);
    if (!simpler(candidate, best_)) return false;
    best_ = std::move(candidate);
    return true;
  }

  bool cut_the_end() {
    bool better = false;
    for (std::size_t cut = best_.size() / 2; cut > 0 && runs_ > 0;) {
      if (cut <= best_.size() && accept({best_.begin(), best_.end() - static_cast<long>(cut)})) {
        better = true;
      } else {
        cut /= 2;
      }
    }
    return better;
  }

  static Recorded zeroed(Recorded from, std::size_t at, std::size_t n) {
    std::fill_n(from.begin() + static_cast<long>(at), n, 0U);
    return from;
  }
  static Recorded deleted(Recorded from, std::size_t at, std::size_t n) {
    from.erase(from.begin() + static_cast<long>(at), from.begin() + static_cast<long>(at + n));
    return from;
  }

  // From the end to the front: what comes later depends on what came before.
  bool pieces(Recorded (*change)(Recorded, std::size_t, std::size_t)) {
    bool better = false;
    for (std::size_t n = std::max<std::size_t>(best_.size() / 4, 1); n > 0 && runs_ > 0; n /= 2) {
      std::size_t end = best_.size();
      while (end > 0 && runs_ > 0) {
        end = std::min(end, best_.size());
        const std::size_t at = end > n ? end - n : 0;
        if (std::any_of(best_.begin() + static_cast<long>(at),
                        best_.begin() + static_cast<long>(end), [](auto x) { return x != 0; }) ||
            change == &Shrinker::deleted) {
          better = accept(change(best_, at, end - at)) || better;
        }
        end = at;
      }
    }
    return better;
  }

  bool lower() {
    bool better = false;
    for (std::size_t i = best_.size(); i-- > 0 && runs_ > 0;) {
      for (bool again = true; again && i < best_.size() && best_[i] > 0;) {
        const std::uint32_t value = best_[i];
        again = false;
        for (const std::uint32_t lower : {0U, 1U, value / 2, value - 1}) {
          if (lower >= value) continue;
          Recorded candidate = best_;
          candidate[i] = lower;
          if (accept(std::move(candidate))) {
            better = again = true;
            break;
          }
        }
      }
    }
    return better;
  }

  Recorded best_;
  const StillFails& still_fails_;
  int runs_;
};

}  // namespace

Recorded shrink(Recorded failing, const StillFails& still_fails, int most_runs) {
  return Shrinker(std::move(failing), still_fails, most_runs).shrink();
}

}  // namespace sosw::simulation
