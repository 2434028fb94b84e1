// SPDX-License-Identifier: MIT
// See world.h.
#include "simulation/world.h"

#include <cstdlib>

namespace sosw::simulation {

Time Process::now() const { return after(world_.now(), offset_s_); }

void Process::freeze(double seconds) {
  frozen_until_ = std::max(frozen_until_, after(world_.now(), seconds));
}

bool Process::frozen() const { return frozen_until_ > world_.now(); }

World::~World() {
  for (auto& entry : actors_) {
    if (entry->actor) entry->actor->crash();
  }
}

void World::at(Time when, std::function<void()> what) {
  events_to_come_.push({std::max(when, now_), order_++, kNobody, 0, std::move(what)});
}

void World::resume_at(Time when, ActorId actor) {
  events_to_come_.push({std::max(when, now_), order_++, actor, actors_[actor]->turn, {}});
}

void World::run(Time until, std::uint64_t most, const std::function<bool()>& done) {
  while (!events_to_come_.empty() && events_to_come_.top().at <= until && events_ < most) {
    // The queue gives no way to move its top out; nothing looks at it again before the pop.
    Event event = std::move(const_cast<Event&>(events_to_come_.top()));  // NOLINT
    events_to_come_.pop();
    now_ = event.at;
    ++events_;
    if (event.actor == kNobody) {
      event.what();
    } else {
      step(event.actor, event.turn);
    }
    while (!dying_.empty()) {
      Process* process = dying_.back();
      dying_.pop_back();
      kill(*process);
    }
    if (done()) return;
  }
}

void World::step(ActorId id, std::uint64_t turn) {
  Entry& entry = *actors_[id];
  if (!entry.actor || entry.turn != turn) return;
  entry.held = entry.process->frozen() && !calm_;
  if (entry.held) {
    events_to_come_.push({entry.process->frozen_until_, order_++, id, turn, {}});
    return;
  }
  ++entry.turn;
  entry.waits = false;
  current_ = id;
  entry.actor->resume();
  current_ = kNobody;
  if (entry.actor->ended()) entry.actor.reset();
}

// All of them, not only those that somebody wakes: a process never stands still in parts.
void World::become_calm() {
  calm_ = true;
  for (ActorId id = 0; id < actors_.size(); ++id) {
    if (actors_[id]->held) resume_at(now_, id);
  }
}

World::ActorId World::start(Process& process, std::string name, std::function<void()> body) {
  const ActorId id = actors_.size();
  actors_.push_back(std::make_unique<Entry>(
      Entry{&process, std::move(name), std::make_unique<Actor>(std::move(body))}));
  resume_at(now_, id);
  return id;
}

void World::sleep(double seconds) {
  resume_at(after(now_, std::max(seconds, 0.0)), current_);
  Actor::pause();
}

bool World::wait(double at_most_s) {
  Entry& entry = *actors_[current_];
  entry.waits = true;
  entry.woken = false;
  resume_at(after(now_, std::max(at_most_s, 0.0)), current_);
  Actor::pause();
  return entry.woken;
}

void World::wake(ActorId id) {
  Entry& entry = *actors_[id];
  if (!entry.actor || !entry.waits || entry.woken) return;
  entry.woken = true;
  resume_at(now_, id);
}

void World::kill(Process& process) {
  if (current_ != kNobody) {
    dying_.push_back(&process);
    return;
  }
  if (!process.alive_) return;
  process.alive_ = false;
  process.frozen_until_ = {};
  for (auto& entry : actors_) {
    if (entry->process != &process || !entry->actor) continue;
    entry->actor->crash();
    entry->actor.reset();
  }
  if (process.on_death) process.on_death();
}

void World::die() {
  kill(*actors_[current_]->process);
  Actor::pause();
  std::abort();  // it is never resumed but to be crashed
}

void World::note(std::string_view actor, std::string text) {
  TraceLine line{std::chrono::duration<double>(now_ - kBeginning).count(), std::string(actor),
                 std::move(text)};
  if (actor.empty() && current_ != kNobody) {
    const Entry& entry = *actors_[current_];
    line.actor = fmt::format("{} {}", entry.process->name(), entry.name);
  }
  trace_.push_back(std::move(line));
}

}  // namespace sosw::simulation
