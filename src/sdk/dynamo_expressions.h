// SPDX-License-Identifier: MIT
// Expressions of DynamoDB in which every name and value is a placeholder, so that no reserved word
// and no odd character is in the way.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/dynamo_values.h"

namespace sosw::sdk {

// The placeholders of one request.
class Placeholders {
 public:
  // For an attribute of that name, whatever is in it.
  std::string name(std::string_view attribute);
  // For a document path, "a.b[0]": points and brackets mean what they mean to DynamoDB.
  std::string path(std::string_view path);
  // For a value in attribute form.
  std::string value(json::value attribute);

  // Adds ExpressionAttributeNames and ExpressionAttributeValues, where there are any.
  void add_to(json::object& request) const;

 private:
  json::object names_;
  json::object values_;
};

// A filter or condition of the original's little language:
//   attribute_exists x    attribute_not_exists x    x OP word (= <> < <= > >=)
//   x between word and word
// Values have the type of their column. Throws ValueError for another number of words,
// AssertionError for another operator.
std::string filter(const DynamoRows& rows, std::string_view expression, Placeholders& placeholders);

// The condition for the keys of a query: equal, compared as `comparisons` says ("=", "<", "<=",
// ">", ">=", "begins_with"), or between `st_between_x` and `en_between_x`. Throws AssertionError
// for another comparison, ValueError for half a range, and what DynamoRows::attribute does.
std::string key_condition(const DynamoRows& rows, const json::object& keys,
                          const json::object& comparisons, Placeholders& placeholders);

// All attributes equal to their values.
std::string all_equal(const DynamoRows& rows, const json::object& attributes,
                      Placeholders& placeholders);

// SET, then REMOVE, of what there is. Increments start at 0. What is removed is a path. Throws what
// DynamoRows::attribute does.
std::string update_expression(const DynamoRows& rows, const json::object& set,
                              const json::object& increment, const std::vector<std::string>& remove,
                              Placeholders& placeholders);

}  // namespace sosw::sdk
