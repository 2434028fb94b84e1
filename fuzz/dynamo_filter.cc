// SPDX-License-Identifier: MIT
// Filters and keys as expressions of DynamoDB. The input is lines: a row_mapper, keys and
// comparisons as JSON, and a filter.
#include <boost/json/parse.hpp>

#include "sdk/dynamo_expressions.h"
#include "sosw/errors.h"
#include "target.h"

namespace {

namespace json = boost::json;
using sosw::fuzz::require;
using sosw::sdk::Placeholders;

json::object object_of(std::string_view text) {
  boost::system::error_code not_json;
  const auto value = json::parse(text, not_json);
  return !not_json && value.is_object() ? value.get_object() : json::object();
}

// Nothing of what was given stands in an expression: only placeholders, each defined and used.
void require_sound(const std::string& expression, const Placeholders& placeholders) {
  json::object request;
  placeholders.add_to(request);
  std::size_t used = 0;
  std::size_t defined = 0;
  for (const char* kind : {"ExpressionAttributeNames", "ExpressionAttributeValues"}) {
    const auto* all = request.if_contains(kind);
    if (!all) continue;
    defined += all->get_object().size();
    for (const auto& member : all->get_object()) {
      const std::string_view placeholder = member.key();
      for (auto at = expression.find(placeholder); at != expression.npos;
           at = expression.find(placeholder, at + 1)) {
        const auto end = at + placeholder.size();
        if (end < expression.size() && expression[end] >= '0' && expression[end] <= '9') continue;
        ++used;
        break;
      }
    }
  }
  require(used == defined, "each placeholder is used");
  require(expression.find_first_not_of(
              "abcdefghijklmnopqrstuvwxyzADEMNORSTV0123456789_#:.[](), =<>+") == expression.npos,
          "an expression has nothing in it but placeholders and words of DynamoDB");
  for (std::size_t at = expression.find_first_of("#:"); at != expression.npos;
       at = expression.find_first_of("#:", at + 1)) {
    const auto end = expression.find_first_not_of("0123456789", at + 2);
    const auto placeholder = expression.substr(at, end - at);
    const auto* all = request.if_contains(placeholder.front() == '#' ? "ExpressionAttributeNames"
                                                                     : "ExpressionAttributeValues");
    require(all && all->get_object().contains(placeholder), "each placeholder is defined");
  }
}

template <class Call>
void sound_or_refused(Call call) {
  Placeholders placeholders;
  try {
    const std::string expression = call(placeholders);
    require_sound(expression, placeholders);
  } catch (const sosw::ValueError&) {
  } catch (const sosw::TypeError&) {
  } catch (const sosw::AttributeError&) {
  } catch (const sosw::AssertionError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto input = sosw::fuzz::text_of(data, size);
  json::object mapper = object_of(sosw::fuzz::take_until(input, '\n'));
  for (auto& member : mapper)
    if (!member.value().is_string()) member.value() = "S";
  const auto keys = object_of(sosw::fuzz::take_until(input, '\n'));
  const auto comparisons = object_of(sosw::fuzz::take_until(input, '\n'));
  const sosw::sdk::DynamoRows rows({{"row_mapper", mapper}});
  sound_or_refused(
      [&](auto& placeholders) { return sosw::sdk::filter(rows, input, placeholders); });
  sound_or_refused([&](auto& placeholders) {
    return sosw::sdk::key_condition(rows, keys, comparisons, placeholders);
  });
  sound_or_refused([&](auto& placeholders) {
    return sosw::sdk::update_expression(rows, keys, comparisons, {std::string(input)},
                                        placeholders);
  });
  return 0;
}
