// SPDX-License-Identifier: MIT
// The file `helpers`. What JSON has no form for is given to our functions in the nearest one: a set
// or tuple as a list, a date in an event as its text.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "areas.h"
#include "exceptions.h"
#include "helpers_model.h"
#include "sosw/helpers.h"

namespace sosw::golden {
namespace {

using std::chrono::year_month_day;

std::vector<std::string> texts_argument(const Case& what, std::string_view name) {
  const auto value = argument(what, name);
  if (value.is_string()) return {std::string(value.get_string())};
  std::vector<std::string> out;
  if (value.is_array())
    for (const auto& element : value.get_array()) out.emplace_back(element.as_string());
  return out;
}

template <class List>
json::array array_of(const List& list) {
  json::array out;
  for (const auto& element : list) out.push_back(json::value(element));
  return out;
}

year_month_day today_of(const Case& what) {
  const auto day = std::chrono::floor<std::chrono::days>(
      validate_datetime_from_something(json::value(what.now->substr(0, 10))));
  return day;
}

// Calls the function for a value, or for the date or time that a `$type` object stands for.
template <class Function>
auto with_something(const json::value& d, Function function) {
  const auto* object = d.if_object();
  const auto* type = object ? object->if_contains("$type") : nullptr;
  if (type && (*type == "date" || *type == "datetime")) {
    const auto text = object->at("value").as_string();
    const auto day = std::chrono::floor<std::chrono::days>(
        validate_datetime_from_something(json::value(text.subview(0, 10))));
    if (*type == "date") return function(year_month_day(day));
    return function(seconds_of_iso(text));
  }
  return function(plain(d));
}

template <Convertible T>
Answer one_or_none(const json::object& input, const std::string& name) {
  return answer_of([&] {
    const auto value = get_one_or_none_from_dict<T>(input, name);
    return value ? json::value(*value) : json::value();
  });
}

Answer get_one_or_none(const Case& what) {
  const auto input = object_argument(what, "input");
  const auto name = text_argument(what, "name");
  const auto vtype = vtype_of(what);
  if (vtype == "int") return one_or_none<std::int64_t>(input, name);
  if (vtype == "float") return one_or_none<double>(input, name);
  if (vtype == "str") return one_or_none<std::string>(input, name);
  return answer_of([&] { return get_one_or_none_from_dict(input, name); });
}

Answer get_one(const Case& what) {
  const auto input = object_argument(what, "input");
  const auto name = text_argument(what, "name");
  const auto vtype = vtype_of(what);
  return answer_of([&]() -> json::value {
    if (vtype == "int") return get_one_from_dict<std::int64_t>(input, name);
    if (vtype == "float") return get_one_from_dict<double>(input, name);
    if (vtype == "str") return json::value(get_one_from_dict<std::string>(input, name));
    return get_one_from_dict(input, name);
  });
}

Answer get_list(const Case& what) {
  const auto input = object_argument(what, "input");
  const auto name = text_argument(what, "name");
  const auto vtype = vtype_of(what);
  return answer_of([&]() -> json::value {
    if (vtype == "int")
      return array_of(get_list_of_multiple_or_one_or_empty_from_dict<std::int64_t>(input, name));
    if (vtype == "float")
      return array_of(get_list_of_multiple_or_one_or_empty_from_dict<double>(input, name));
    if (vtype == "str")
      return array_of(get_list_of_multiple_or_one_or_empty_from_dict<std::string>(input, name));
    return get_list_of_multiple_or_one_or_empty_from_dict(input, name);
  });
}

Answer chunks_of(const Case& what) {
  const auto list = argument(what, "l");
  const auto n = number_argument(what, "n", 1);
  return answer_of([&]() -> json::value {
    if (list.is_string()) return array_of(chunks(std::string_view(list.get_string()), n));
    json::array out;
    for (const auto chunk : chunks(list.as_array(), n)) out.push_back(array_of(chunk));
    return out;
  });
}

Answer first(const Case& what) {
  const auto items = argument(what, "items");
  json::array list;
  if (items.is_array()) list = items.get_array();
  if (items.is_string()) list = array_of(chunks(std::string_view(items.get_string()), 1));
  if (items.is_object())
    for (const auto& member : items.get_object()) list.push_back(json::string(member.key()));
  const auto& callable = what.in("condition");
  const auto condition = callable.is_object() ? callable.at("value").as_string() : json::string();
  // As Python computes with it.
  const auto number = [](const json::value& x) {
    if (x.is_bool()) return x.get_bool() ? 1.0 : 0.0;
    if (!x.is_number()) throw TypeError("no number");
    return x.to_number<double>();
  };
  return answer_of([&] {
    const auto found =
        condition.empty() ? first_or_none(list) : first_or_none(list, [&](const json::value& x) {
          if (condition == "is_none") return x.is_null();
          if (condition == "is_even") return std::fmod(number(x), 2) == 0;
          return number(x) > 2;
        });
    return found.value_or(nullptr);
  });
}

MatchOptions match_options(const Case& what) {
  MatchOptions options;
  if (const auto* key = what.input.if_contains("exclude_key"))
    options.exclude_key = key->is_string() ? std::string(key->get_string()) : std::string();
  if (const auto* val = what.input.if_contains("exclude_val")) options.exclude_val = plain(*val);
  return options;
}

Answer matches_soft(const Case& what) {
  return answer_of([&]() -> json::value {
    return recursive_matches_soft(argument(what, "src"), text_argument(what, "key"),
                                  argument(what, "val"), match_options(what));
  });
}
Answer matches_strict(const Case& what) {
  return answer_of([&]() -> json::value {
    return recursive_matches_strict(argument(what, "src"), text_argument(what, "key"),
                                    argument(what, "val"), match_options(what));
  });
}
Answer matches_extract(const Case& what) {
  return answer_of([&] {
    return recursive_matches_extract(
        argument(what, "src"), text_argument(what, "key"),
        what.in("separator").is_string() ? text_argument(what, "separator") : "",
        match_options(what));
  });
}

Answer date_list(const Case& what) {
  return answer_of([&] {
    const auto key = what.in("key_name");
    json::array out;
    for (const auto date : validate_date_list_from_event_or_days_back(
             object_argument(what, "input"), number_argument(what, "days_back", 0),
             key.is_string() ? std::string_view(key.get_string()) : "date_list", today_of(what)))
      out.push_back(date_value(date));
    return json::value(out);
  });
}

Answer hashes(const Case& what) {
  return answer_of([&]() -> json::value {
    return make_hash(argument(what, "a")) == make_hash(argument(what, "b"));
  });
}

Answer call_validate_account_to_dashed(const Case& what) {
  return answer_of(
      [&] { return json::value(validate_account_to_dashed(argument(what, "account"))); });
}

Answer call_validate_account_to_int(const Case& what) {
  return answer_of(
      [&]() -> json::value { return validate_account_to_int(argument(what, "account")); });
}

Answer call_validate_list_of_numbers_from_csv(const Case& what) {
  return answer_of([&]() -> json::value {
    return array_of(validate_list_of_numbers_from_csv(argument(what, "data")));
  });
}

Answer call_validate_uuid4(const Case& what) {
  return answer_of(
      [&]() -> json::value { return validate_uuid4(text_argument(what, "uuid_string")); });
}

Answer call_camel_case_to_underscore(const Case& what) {
  return answer_of([&] { return json::value(camel_case_to_underscore(argument(what, "name"))); });
}

Answer call_rstrip_all(const Case& what) {
  return answer_of([&] {
    return json::value(rstrip_all(text_argument(what, "input"), texts_argument(what, "patterns")));
  });
}

Answer call_validate_datetime_from_something(const Case& what) {
  return answer_of([&] {
    return datetime_value(with_something(
        what.in("d"), [](const auto& d) { return validate_datetime_from_something(d); }));
  });
}

Answer call_validate_date_from_something(const Case& what) {
  return answer_of([&] {
    return date_value(with_something(
        what.in("d"), [](const auto& d) { return validate_date_from_something(d); }));
  });
}

Answer call_validate_string_matches_datetime_format(const Case& what) {
  return answer_of([&] {
    validate_string_matches_datetime_format(text_argument(what, "date_str"),
                                            text_argument(what, "date_format"));
  });
}

Answer call_is_valid_date(const Case& what) {
  return answer_of([&]() -> json::value {
    return is_valid_date(text_argument(what, "date_str"), texts_argument(what, "date_formats"));
  });
}

Answer call_dunder_to_dict(const Case& what) {
  return answer_of([&]() -> json::value {
    const auto data = object_argument(what, "data");
    if (what.in("separator").is_null()) return dunder_to_dict(data);
    return dunder_to_dict(data, text_argument(what, "separator"));
  });
}

Answer call_nested_dict_from_keys(const Case& what) {
  return answer_of(
      [&] { return nested_dict_from_keys(texts_argument(what, "keys"), argument(what, "value")); });
}

Answer call_convert_string_to_words(const Case& what) {
  return answer_of(
      [&] { return json::value(convert_string_to_words(text_argument(what, "string"))); });
}

Answer call_construct_dates_from_event(const Case& what) {
  return answer_of([&]() -> json::value {
    const auto [start, end] =
        construct_dates_from_event(object_argument(what, "event"), today_of(what));
    return json::array{date_value(start), date_value(end)};
  });
}

Answer call_validate_list_of_words_from_csv_or_list(const Case& what) {
  return answer_of([&]() -> json::value {
    return array_of(validate_list_of_words_from_csv_or_list(argument(what, "data")));
  });
}

Answer call_recursive_update(const Case& what) {
  return answer_of([&]() -> json::value {
    return recursive_update(object_argument(what, "d"), object_argument(what, "u"));
  });
}

Answer call_to_bool(const Case& what) {
  return answer_of([&]() -> json::value { return to_bool(argument(what, "val")); });
}

Answer call_is_event_from_sns(const Case& what) {
  return answer_of([&]() -> json::value { return is_event_from_sns(argument(what, "event")); });
}

Answer call_is_event_from_sqs(const Case& what) {
  return answer_of([&]() -> json::value { return is_event_from_sqs(argument(what, "event")); });
}

Answer call_get_message_dict_from_sns_event(const Case& what) {
  return answer_of([&] { return get_message_dict_from_sns_event(argument(what, "event")); });
}

Answer call_unwrap_event_recursively(const Case& what) {
  return answer_of([&]() -> json::value {
    return unwrap_event_recursively(argument(what, "event"), texts_argument(what, "sources"));
  });
}

Answer call_small_int_from_string(const Case& what) {
  return answer_of([&]() -> json::value {
    return small_int_from_string(text_argument(what, "input_string"),
                                 static_cast<int>(number_argument(what, "num_digits", 2)));
  });
}

// JSON has no sets: ours are lists.
json::value sets_as_lists(const Case& what, const json::value& output) {
  if (output.is_array()) {
    json::array out;
    for (const auto& element : output.get_array()) out.push_back(sets_as_lists(what, element));
    return out;
  }
  if (!output.is_object()) return output;
  const auto* type = output.get_object().if_contains("$type");
  if (type && *type == "set") return sets_as_lists(what, output.at("value"));
  json::object out;
  for (const auto& [key, member] : output.get_object()) out[key] = sets_as_lists(what, member);
  return out;
}

template <Answer (*Function)(const Case&)>
Answer typed(const Case& what) {
  return compiles(what) ? Function(what) : Answer::error("TypeError");
}

}  // namespace

Area helpers_area() {
  return {
      .name = "helpers",
      .handlers = {{"validate_account_to_dashed", call_validate_account_to_dashed},
                   {"validate_account_to_int", call_validate_account_to_int},
                   {"validate_list_of_numbers_from_csv", call_validate_list_of_numbers_from_csv},
                   {"validate_uuid4", typed<call_validate_uuid4>},
                   {"camel_case_to_underscore", call_camel_case_to_underscore},
                   {"chunks", typed<chunks_of>},
                   {"rstrip_all", typed<call_rstrip_all>},
                   {"get_one_or_none_from_dict", typed<get_one_or_none>},
                   {"get_one_from_dict", typed<get_one>},
                   {"get_list_of_multiple_or_one_or_empty_from_dict", typed<get_list>},
                   {"validate_date_list_from_event_or_days_back", typed<date_list>},
                   {"validate_datetime_from_something", call_validate_datetime_from_something},
                   {"validate_date_from_something", call_validate_date_from_something},
                   {"validate_string_matches_datetime_format",
                    typed<call_validate_string_matches_datetime_format>},
                   {"is_valid_date", typed<call_is_valid_date>},
                   {"recursive_matches_soft", typed<matches_soft>},
                   {"recursive_matches_strict", typed<matches_strict>},
                   {"recursive_matches_extract", typed<matches_extract>},
                   {"dunder_to_dict", typed<call_dunder_to_dict>},
                   {"nested_dict_from_keys", typed<call_nested_dict_from_keys>},
                   {"convert_string_to_words", typed<call_convert_string_to_words>},
                   {"construct_dates_from_event", typed<call_construct_dates_from_event>},
                   {"validate_list_of_words_from_csv_or_list",
                    call_validate_list_of_words_from_csv_or_list},
                   {"first_or_none", typed<first>},
                   {"recursive_update", typed<call_recursive_update>},
                   {"make_hash", hashes},
                   {"to_bool", call_to_bool},
                   {"is_event_from_sns", call_is_event_from_sns},
                   {"is_event_from_sqs", call_is_event_from_sqs},
                   {"get_message_dict_from_sns_event", call_get_message_dict_from_sns_event},
                   {"unwrap_event_recursively", typed<call_unwrap_event_recursively>},
                   {"small_int_from_string", typed<call_small_int_from_string>}},
      .rules = helpers_rules(),
      .behaviour = sets_as_lists};
}

}  // namespace sosw::golden
