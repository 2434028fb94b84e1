// SPDX-License-Identifier: MIT
// What an Essential needs and does not find, told before it begins to work.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cloud/table_store.h"
#include "cloud/tables.h"

namespace sosw::cloud {

enum class Essential { scheduler, orchestrator, scavenger, worker_assistant };

// "orchestrator". The functions are called "sosw_orchestrator".
[[nodiscard]] std::string_view name_of(Essential essential);

// Tries on each table what this Essential does there: queries of one item, and writes whose
// conditions never hold. All at the same time. Gives a line for each that is not possible, with the
// table and what AWS says; empty: all is there. `audit_table`: empty: none is wanted.
[[nodiscard]] std::vector<std::string> self_check(Tables& tables, Essential essential,
                                                  const TableStore::Options& names,
                                                  std::string_view audit_table);

}  // namespace sosw::cloud
