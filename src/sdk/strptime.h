// SPDX-License-Identifier: MIT
// strptime() of the original's language, in the C locale.
#pragma once

#include <chrono>
#include <string_view>

namespace sosw::sdk {

// The time that `text` shows in `format`: %Y %y %m %d %H %I %M %S %f %p %j %a %A %b %B %w %u %U %W
// %G %V %Z %z %c %x %X %%; a blank stands for any number of blanks, letters for capitals too. What
// the format leaves out is 1900-01-01 00:00:00; a time zone is read and not applied. Throws
// ValueError: another text, a format that is none, no such day, more than 1000 bytes.
std::chrono::sys_time<std::chrono::microseconds> strptime(std::string_view text,
                                                          std::string_view format);

}  // namespace sosw::sdk
