// SPDX-License-Identifier: MIT
// What the original could have written.
#pragma once

#include <boost/json.hpp>
#include <string>

namespace sosw::fleet {

// What is wrong with a row of one of the original's tables, empty if the original could have
// written it: names and types of its attributes. Rows whose id begins `sosw:` and the attributes
// that are ours (claim, rev, place, deadline, met_at, started, failed, late_at, silent, job_id,
// replays) are no fault.
std::string not_of_the_original(const std::string& table, const boost::json::object& row);

}  // namespace sosw::fleet
