// SPDX-License-Identifier: MIT
// Where an exception was thrown, for whoever reads the error of an invocation.
#pragma once

#include <exception>
#include <string>
#include <vector>

namespace sosw::sdk {

// The calls that led to the throw of `exception`, the innermost first, as the C library shows them:
// "worker(_Z4workv+0x1d) [0x5581c0de]" where the program exports its symbols, else with the offset
// in the file, for addr2line. Only for the newest exception of this thread; of another, and one
// that a library has thrown past the program's own linking, it is empty.
//
// Programs that link sosw::sosw note it at each throw (the linker option --wrap=__cxa_throw).
std::vector<std::string> stack_text(const std::exception_ptr& exception);

}  // namespace sosw::sdk
