// SPDX-License-Identifier: MIT
// Ordinary synchronous code that can be held up in the middle: each actor has a stack of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>

namespace sosw::simulation {

// One thread uses an actor and everything that it touches; pausing while a mutex is held is an
// error.
class Actor {
 public:
  // `body` begins with the first resume().
  explicit Actor(std::function<void()> body);
  // REQUIRES: ended, or never begun. Else its objects are never destroyed: crash() it first.
  ~Actor();
  Actor(const Actor&) = delete;
  Actor& operator=(const Actor&) = delete;

  // Goes on until the next pause() or the end of the body. REQUIRES: not ended, and called from
  // outside of any actor.
  void resume();
  // Ends it where it stands, as a process that is killed: pause() throws, what is on the stack is
  // destroyed and nothing of it runs but its destructors.
  void crash();
  [[nodiscard]] bool ended() const;

  // Inside an actor: back to whoever resumed it.
  static void pause();
  // The one that runs now; null outside.
  [[nodiscard]] static Actor* current();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sosw::simulation
