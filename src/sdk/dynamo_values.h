// SPDX-License-Identifier: MIT
// Rows as plain JSON and items in DynamoDB's attribute form, {"id": {"S": "ann"}, "n": {"N": "1"}}.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <set>
#include <string>
#include <string_view>

namespace sosw::sdk {

namespace json = boost::json;

// What the settings of a table client say about its columns. Not changed once made; for any thread.
class DynamoRows {
 public:
  // Takes row_mapper, required_fields, dont_json_loads_results and guess_types. Throws TypeError
  // for one of another shape.
  explicit DynamoRows(const json::object& config);

  // dict_to_dynamo of the original. Throws ValueError, TypeError, AttributeError. `dropped` is
  // called with the name of each column that the strict form leaves out.
  template <class Dropped>
  json::object to_item(const json::object& row, std::string_view prefix, bool strict,
                       Dropped dropped) const {
    json::object item;
    for (const auto& [column, value] : row)
      if (!strict || stays(column, value))
        item[std::string(prefix) + std::string(column)] = attribute(column, value);
      else
        dropped(column);
    return item;
  }

  // One value as an attribute of that column: of the declared type, else of the type it seems to
  // have. Throws what to_item does.
  [[nodiscard]] json::value attribute(std::string_view column, const json::value& value) const;
  // The same for a word of a filter expression, where everything is text.
  [[nodiscard]] json::value attribute_of_word(std::string_view column, std::string_view word) const;
  // A number to add to a column. Throws ValueError for what is none.
  [[nodiscard]] static json::value increment(std::string_view column, const json::value& value);

  // dynamo_to_dict of the original. Throws ValueError for a column that has another type than the
  // declared one, and for a broken number; TypeError for what is no item. `unread` is increased for
  // each declared text in braces that is not JSON.
  [[nodiscard]] json::object to_row(const json::object& item, bool fetch_all_fields,
                                    std::int64_t& unread) const;

 private:
  [[nodiscard]] std::string_view declared(std::string_view column) const;
  // Whether the strict form has the column. Throws ValueError where it may not do without it.
  [[nodiscard]] bool stays(std::string_view column, const json::value& value) const;
  [[nodiscard]] json::value guessed(std::string_view column, const json::value& value) const;
  [[nodiscard]] json::value text(std::string_view text, std::int64_t& unread) const;
  [[nodiscard]] json::value value_of(std::string_view column, const json::value& attribute,
                                     std::int64_t& unread) const;

  json::object types_;
  std::set<std::string, std::less<>> required_;
  bool json_in_texts_;
  bool guess_types_;
};

}  // namespace sosw::sdk
