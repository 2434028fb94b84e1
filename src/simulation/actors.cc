// SPDX-License-Identifier: MIT
// Stack switching by Boost.Context; the sanitizers are told of each switch.
#include "simulation/actors.h"

#include <boost/context/fiber.hpp>
#include <boost/context/fixedsize_stack.hpp>
#include <cassert>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#define SOSW_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SOSW_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define SOSW_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SOSW_TSAN 1
#endif
#endif

#ifdef SOSW_ASAN
extern "C" {
void __sanitizer_start_switch_fiber(void** fake_stack_save, const void* bottom, std::size_t size);
void __sanitizer_finish_switch_fiber(void* fake_stack_save, const void** bottom_old,
                                     std::size_t* size_old);
void __asan_unpoison_memory_region(const volatile void* begin, std::size_t size);
}
#endif
#ifdef SOSW_TSAN
extern "C" {
void* __tsan_get_current_fiber();
void* __tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void* fiber);
void __tsan_switch_to_fiber(void* fiber, unsigned flags);
}
#endif

namespace sosw::simulation {
namespace {

namespace context = boost::context;

// The sanitizers' frames are several times as large, and no page guards the end.
#if defined(SOSW_ASAN) || defined(SOSW_TSAN)
constexpr std::size_t kStack = 1024 * 1024;
#else
constexpr std::size_t kStack = 256 * 1024;
#endif

// Thrown out of pause(). Nobody catches it but the actor itself: it is no std::exception.
struct Crash {};

// A run starts hundreds of actors: their stacks are used again.
class StackPool {
 public:
  ~StackPool() {
    for (auto& stack : free_) allocator_.deallocate(stack);
  }
  context::stack_context take() {
    if (free_.empty()) return allocator_.allocate();
    const auto stack = free_.back();
    free_.pop_back();
    return stack;
  }
  void give(context::stack_context stack) {
#ifdef SOSW_ASAN
    // A fiber is left for good from its outermost frames, which never return: what surrounds their
    // variables would still be forbidden to the next one.
    __asan_unpoison_memory_region(static_cast<char*>(stack.sp) - stack.size, stack.size);
#endif
    free_.push_back(stack);
  }

 private:
  context::fixedsize_stack allocator_{kStack};
  std::vector<context::stack_context> free_;
};

StackPool& stacks() {
  thread_local StackPool pool;
  return pool;
}

struct PooledStack {
  context::stack_context* remember;
  context::stack_context allocate() { return *remember = stacks().take(); }
  void deallocate(context::stack_context& stack) { stacks().give(stack); }
};

thread_local Actor* running = nullptr;

}  // namespace

struct Actor::State {
  std::function<void()> body;
  context::stack_context stack{};
  context::fiber self, outside;
  bool begun = false, ended = false, crashing = false;
#ifdef SOSW_ASAN
  void *fake_outside = nullptr, *fake_inside = nullptr;
  const void* outside_bottom = nullptr;
  std::size_t outside_size = 0;
#endif
#ifdef SOSW_TSAN
  void *tsan_outside = nullptr, *tsan_inside = nullptr;
#endif

  void arrived_inside() {
#ifdef SOSW_ASAN
    __sanitizer_finish_switch_fiber(fake_inside, &outside_bottom, &outside_size);
#endif
  }
  void leave_inside([[maybe_unused]] bool for_good) {
#ifdef SOSW_ASAN
    __sanitizer_start_switch_fiber(for_good ? nullptr : &fake_inside, outside_bottom, outside_size);
#endif
#ifdef SOSW_TSAN
    __tsan_switch_to_fiber(tsan_outside, 0);
#endif
  }
  void leave_outside() {
#ifdef SOSW_ASAN
    __sanitizer_start_switch_fiber(&fake_outside, static_cast<char*>(stack.sp) - stack.size,
                                   stack.size);
#endif
#ifdef SOSW_TSAN
    tsan_outside = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(tsan_inside, 0);
#endif
  }
  void arrived_outside() {
#ifdef SOSW_ASAN
    __sanitizer_finish_switch_fiber(fake_outside, nullptr, nullptr);
#endif
  }
};

Actor::Actor(std::function<void()> body) : state_(std::make_unique<State>()) {
  State* state = state_.get();
  state->body = std::move(body);
}

Actor::~Actor() {
  assert(!state_->begun || state_->ended);
#ifdef SOSW_TSAN
  if (state_->tsan_inside != nullptr) __tsan_destroy_fiber(state_->tsan_inside);
#endif
}

bool Actor::ended() const { return state_->ended; }

Actor* Actor::current() { return running; }

void Actor::resume() {
  State* state = state_.get();
  assert(!state->ended && running == nullptr);
  if (!state->begun) {
    state->begun = true;
#ifdef SOSW_TSAN
    state->tsan_inside = __tsan_create_fiber(0);
#endif
    state->self = context::fiber(std::allocator_arg, PooledStack{&state->stack},
                                 [state](context::fiber&& outside) {
                                   state->arrived_inside();
                                   state->outside = std::move(outside);
                                   try {
                                     state->body();
                                   } catch (const Crash&) {
                                   }
                                   state->ended = true;
                                   state->leave_inside(true);
                                   return std::move(state->outside);
                                 });
  }
  running = this;
  state->leave_outside();
  state->self = std::move(state->self).resume();
  state->arrived_outside();
  running = nullptr;
  if (state->ended) state->body = nullptr;
}

void Actor::crash() {
  if (!state_->begun) state_->ended = true;
  if (state_->ended) return;
  state_->crashing = true;
  resume();
  assert(state_->ended);
}

void Actor::pause() {
  assert(running != nullptr);
  State* state = running->state_.get();
  state->leave_inside(false);
  state->outside = std::move(state->outside).resume();
  state->arrived_inside();
  if (state->crashing) throw Crash{};
}

}  // namespace sosw::simulation
