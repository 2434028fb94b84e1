// SPDX-License-Identifier: MIT
// The world that a run happens in: true time, what is to come, processes with clocks and actors,
// and the story of it all.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "engine/ports.h"
#include "simulation/actors.h"
#include "simulation/choices.h"

namespace sosw::simulation {

inline const Time kBeginning = from_epoch(1'795'000'000);  // November 2026

struct TraceLine {
  double at = 0;  // seconds since the beginning
  std::string actor, what;
};

class World;

// One process of the system: it has a wall clock of its own, and all its actors die together.
class Process final : public engine::Clock {
 public:
  Process(World& world, std::string name) : world_(world), name_(std::move(name)) {}

  [[nodiscard]] const std::string& name() const { return name_; }
  Time now() const override;
  [[nodiscard]] double offset() const { return offset_s_; }
  void set_offset(double seconds) { offset_s_ = seconds; }
  [[nodiscard]] bool alive() const { return alive_; }
  void begin() {
    alive_ = true;
    ++life_;
  }
  [[nodiscard]] int life() const { return life_; }  // counts begin()
  void freeze(double seconds);
  [[nodiscard]] bool frozen() const;
  // Called when it has been killed, outside of any actor.
  std::function<void()> on_death;

 private:
  friend class World;
  World& world_;
  std::string name_;
  double offset_s_ = 0;
  bool alive_ = false;
  int life_ = 0;
  Time frozen_until_{};
};

class World {
 public:
  using ActorId = std::size_t;

  World(Choices& choices, bool traced) : choices_(choices), traced_(traced) {}
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  [[nodiscard]] Choices& choices() { return choices_; }
  [[nodiscard]] Time now() const { return now_; }
  // From now on nothing fails any more and nothing is held up: who stands still goes on.
  [[nodiscard]] bool calm() const { return calm_; }
  void become_calm();

  // What happens at the same moment happens in the order of these calls.
  void at(Time when, std::function<void()> what);
  void in(double seconds, std::function<void()> what) { at(after(now_, seconds), std::move(what)); }
  // Until `until`, or nothing more is to come, or done() after an event, or `most` events.
  void run(Time until, std::uint64_t most, const std::function<bool()>& done);
  [[nodiscard]] std::uint64_t events() const { return events_; }

  // Begins at this moment, after what is running now.
  ActorId start(Process& process, std::string name, std::function<void()> body);
  // For actors: on hold for that long by true time; nothing else may have the same actor on hold.
  void sleep(double seconds);
  // For actors: until wake(), or for so long. True: woken.
  bool wait(double at_most_s);
  void wait() { wait(1e9); }
  // No effect on one that does not wait.
  void wake(ActorId actor);
  [[nodiscard]] ActorId self() const { return current_; }
  // Ends every actor of the process, now or, called by one of them, as soon as it has paused.
  void kill(Process& process);
  // For actors: the process dies here.
  [[noreturn]] void die();

  // A line of the story; the arguments are only looked at when somebody will read it.
  template <class... Args>
  void say(fmt::format_string<Args...> text, Args&&... args) {
    if (traced_) note({}, fmt::format(text, std::forward<Args>(args)...));
  }
  template <class... Args>
  void say_as(std::string_view actor, fmt::format_string<Args...> text, Args&&... args) {
    if (traced_) note(actor, fmt::format(text, std::forward<Args>(args)...));
  }
  [[nodiscard]] bool traced() const { return traced_; }
  [[nodiscard]] const std::vector<TraceLine>& trace() const { return trace_; }

 private:
  static constexpr ActorId kNobody = ~ActorId{0};
  struct Entry {
    Process* process;
    std::string name;
    std::unique_ptr<Actor> actor;
    std::uint64_t turn = 0;  // which pause it is in; an older wake-up has no effect
    bool waits = false;      // wake() ends this pause
    bool woken = false;
    bool held = false;  // its process stood still when it was to go on
  };
  struct Event {
    Time at;
    std::uint64_t order;
    ActorId actor;  // kNobody: `what`
    std::uint64_t turn;
    std::function<void()> what;
    bool operator<(const Event& other) const {
      return at != other.at ? at > other.at : order > other.order;
    }
  };
  void note(std::string_view actor, std::string text);
  void resume_at(Time when, ActorId actor);
  void step(ActorId actor, std::uint64_t turn);
  void pause();

  Choices& choices_;
  const bool traced_;
  bool calm_ = false;
  Time now_ = kBeginning;
  std::uint64_t order_ = 0, events_ = 0;
  std::priority_queue<Event> events_to_come_;
  std::vector<std::unique_ptr<Entry>> actors_;
  ActorId current_ = kNobody;
  std::vector<Process*> dying_;
  std::vector<TraceLine> trace_;
};

}  // namespace sosw::simulation
