// SPDX-License-Identifier: MIT
#include "sdk/stack_text.h"

#include <cxxabi.h>
#include <execinfo.h>
#include <unwind.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <typeinfo>

namespace sosw::sdk {
namespace {

constexpr int kMost = 32;  // frames
constexpr int kOwn = 1;    // of __wrap___cxa_throw

struct Thrown {
  const void* object = nullptr;
  std::array<void*, kMost> frames{};
  int size = 0;
};

Thrown& newest() {
  thread_local Thrown thrown;
  return thrown;
}

_Unwind_Reason_Code note(_Unwind_Context* context, void* into) {
  auto& thrown = *static_cast<Thrown*>(into);
  if (thrown.size == kMost) return _URC_END_OF_STACK;
  // A frame's address is where it goes on; the call, which is meant, ends just before.
  thrown.frames[static_cast<std::size_t>(thrown.size++)] =
      reinterpret_cast<void*>(_Unwind_GetIP(context) - 1);  // NOLINT(performance-no-int-to-ptr)
  return _URC_NO_REASON;
}

}  // namespace

std::vector<std::string> stack_text(const std::exception_ptr& exception) {
  static_assert(sizeof exception == sizeof(void*));  // the object itself, in libstdc++
  const void* object = nullptr;
  std::memcpy(&object, static_cast<const void*>(&exception), sizeof object);
  const auto& thrown = newest();
  if (!object || object != thrown.object || thrown.size <= kOwn) return {};
  const std::unique_ptr<char*, void (*)(void*)> texts(
      backtrace_symbols(thrown.frames.data(), thrown.size), std::free);
  if (!texts) return {};
  return {texts.get() + kOwn, texts.get() + thrown.size};
}

}  // namespace sosw::sdk

extern "C" {

// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): the linker's names
[[noreturn]] void __real___cxa_throw(void* object, std::type_info* type, void (*destroy)(void*));
[[noreturn]] void __wrap___cxa_throw(void* object, std::type_info* type, void (*destroy)(void*)) {
  // Allocates nothing: memory may be what there is no more of.
  auto& thrown = sosw::sdk::newest();
  thrown.object = object;
  thrown.size = 0;
  _Unwind_Backtrace(sosw::sdk::note, &thrown);
  __real___cxa_throw(object, type, destroy);
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
}
