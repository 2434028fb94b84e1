// SPDX-License-Identifier: MIT
// What a function of the SDK throws, as the class of Python that it stands for.
#pragma once

#include <string_view>
#include <utility>

#include "golden.h"
#include "sosw/errors.h"

namespace sosw::golden {

// What `call` gives (something that a json::value can be made of, or nothing), or what it throws.
// EventNotFromSourceException never leaves the original. An exception of another kind passes.
template <class Call>
Answer answer_of(Call&& call) {
  try {
    if constexpr (std::is_void_v<decltype(call())>) {
      call();
      return Answer::output(nullptr);
    } else {
      return Answer::output(std::forward<Call>(call)());
    }
  } catch (const JSONDecodeError&) {
    return Answer::error("JSONDecodeError");
  } catch (const ValueError&) {
    return Answer::error("ValueError");
  } catch (const TypeError&) {
    return Answer::error("TypeError");
  } catch (const KeyError&) {
    return Answer::error("KeyError");
  } catch (const IndexError&) {
    return Answer::error("IndexError");
  } catch (const AssertionError&) {
    return Answer::error("AssertionError");
  } catch (const AttributeError&) {
    return Answer::error("AttributeError");
  } catch (const AwsError&) {
    return Answer::error("ClientError");
  } catch (const RuntimeError&) {
    return Answer::error("RuntimeError");
  }
}

}  // namespace sosw::golden
