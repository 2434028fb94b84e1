# SPDX-License-Identifier: MIT
# Writes OUT, the body of version.h, at each build; touches it only when something has changed.
execute_process(COMMAND git -C ${SOURCE} rev-parse --short HEAD
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
execute_process(COMMAND git -C ${SOURCE} diff --quiet HEAD RESULT_VARIABLE changed ERROR_QUIET)
if(commit AND changed)
  string(APPEND commit "+")
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT [[
#include "cli/version.h"
const char* const sosw::cli::kVersion = "@VERSION@";
const char* const sosw::cli::kCommit = "@commit@";
]] @ONLY)
