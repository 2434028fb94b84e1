// SPDX-License-Identifier: MIT
// Rows to items of DynamoDB and back. The input is lines of JSON: a row_mapper, a row, an item.
#include <boost/json/parse.hpp>

#include "sdk/dynamo_values.h"
#include "sdk/exact_json.h"
#include "sosw/errors.h"
#include "target.h"

namespace {

namespace json = boost::json;
using sosw::fuzz::require;
using sosw::sdk::DynamoRows;

json::object object_of(std::string_view text) {
  boost::system::error_code not_json;
  const auto value = json::parse(text, not_json);
  return !not_json && value.is_object() ? value.get_object() : json::object();
}

// True: one of the errors that the header names.
template <class Call>
bool refused(Call call) {
  try {
    call();
    return false;
  } catch (const sosw::ValueError&) {
  } catch (const sosw::TypeError&) {
  } catch (const sosw::AttributeError&) {
  }
  return true;
}

json::object written(const DynamoRows& rows, const json::object& row) {
  return rows.to_item(row, "", false, [](auto) {});
}
json::object read(const DynamoRows& rows, const json::object& item) {
  std::int64_t unread = 0;
  return rows.to_row(item, true, unread);
}

// What stands in N can be read as the number that it is, at every depth.
void require_numbers(const json::value& value) {
  if (value.is_array())
    for (const auto& element : value.get_array()) require_numbers(element);
  if (!value.is_object()) return;
  for (const auto& member : value.get_object()) {
    if (member.key() == "N" && value.get_object().size() == 1 && member.value().is_string())
      sosw::sdk::exact_number(member.value().get_string());
    require_numbers(member.value());
  }
}

void row(const DynamoRows& rows, const json::object& given) {
  json::object item;
  if (refused([&] { item = written(rows, given); })) return;
  require(item.size() == given.size(), "each column is an attribute");
  const auto once = read(rows, item);
  const auto twice = read(rows, written(rows, once));
  require(once == twice, "what was read is read again when it was written");
  const auto strict = rows.to_item(given, ":", true, [](auto) {});
  require(strict.size() <= item.size(), "the strict form has no more");
  for (const auto& member : strict)
    require(item.at(std::string_view(member.key()).substr(1)) == member.value(),
            "the strict form has the same attributes");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto input = sosw::fuzz::text_of(data, size);
  json::object mapper = object_of(sosw::fuzz::take_until(input, '\n'));
  const auto given = object_of(sosw::fuzz::take_until(input, '\n'));
  const auto item = object_of(input);
  // Texts as they are: JSON inside of JSON inside of a text opens up one further with each reading.
  const json::object config{{"row_mapper", mapper}, {"dont_json_loads_results", true}};
  if (refused([&] { DynamoRows rows(config); })) return 0;
  const DynamoRows rows(config);
  row(rows, given);
  const DynamoRows decoding({{"row_mapper", mapper}});
  for (const bool all : {false, true}) {
    refused([&] {
      std::int64_t unread = 0;
      static_cast<void>(decoding.to_row(item, all, unread));
    });
  }
  refused([&] { require_numbers(written(decoding, given)); });
  return 0;
}
