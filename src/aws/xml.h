// SPDX-License-Identifier: MIT
// The XML of the Query and REST XML protocols as JSON, in the shapes of the API references. What an
// answer cannot tell by itself is in tables here: which leaves are numbers, which elements are
// lists.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string_view>

namespace sosw::aws {

// What an answer of the Query protocol says: its `...Result` element, without the metadata beside
// it. Null if it is no such XML.
boost::json::value value_of_xml(std::string_view xml);

// What an answer of the REST XML protocol says: the contents of its root element. Null if it is no
// XML.
boost::json::value value_of_root(std::string_view xml);

// `Code`, `Message`, `RequestId` and the other leaves of an error's answer; empty if it is none.
boost::json::object error_of_xml(std::string_view xml);

// The text of the leaf or header that the API reference calls `name`, as number or boolean where it
// is one there.
boost::json::value leaf_value(std::string_view name, std::string_view text);

}  // namespace sosw::aws
