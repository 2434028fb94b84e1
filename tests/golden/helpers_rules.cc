// SPDX-License-Identifier: MIT
// Where the helpers differ from the original on purpose (differences.md).
#include <algorithm>
#include <cmath>
#include <regex>
#include <sstream>

#include "core/json_text.h"
#include "helpers_model.h"

namespace sosw::golden {
namespace {

// What our functions take as a text, number, list or object.
struct Parameter {
  std::string_view function;
  std::string_view name;
  bool (*fits)(const json::value&);
  bool optional = false;  // it may be absent
  bool nullable = false;  // or null, which means the same
};
bool is_text(const json::value& value) { return value.is_string(); }
bool is_object(const json::value& value) {
  return value.is_object() && !value.get_object().contains("$type");
}
bool is_whole(const json::value& value) { return value.is_int64() || value.is_bool(); }
bool is_texts(const json::value& value) {
  const auto list = plain(value);
  return list.is_array() && std::all_of(list.get_array().begin(), list.get_array().end(), is_text);
}
bool is_text_or_texts(const json::value& value) { return is_text(value) || is_texts(value); }
bool is_list_or_text(const json::value& value) { return is_text(value) || plain(value).is_array(); }
bool is_range(const json::value& value) { return is_text(value) || plain(value).is_structured(); }

const std::vector<Parameter> kParameters = {
    {"validate_uuid4", "uuid_string", is_text},
    {"chunks", "l", is_list_or_text},
    {"chunks", "n", is_whole},
    {"rstrip_all", "input", is_text},
    {"rstrip_all", "patterns", is_text_or_texts},
    {"get_one_or_none_from_dict", "input", is_object},
    {"get_one_or_none_from_dict", "name", is_text},
    {"get_one_from_dict", "input", is_object},
    {"get_one_from_dict", "name", is_text},
    {"get_list_of_multiple_or_one_or_empty_from_dict", "input", is_object},
    {"get_list_of_multiple_or_one_or_empty_from_dict", "name", is_text},
    {"validate_date_list_from_event_or_days_back", "input", is_object},
    {"validate_date_list_from_event_or_days_back", "days_back", is_whole, true},
    {"validate_date_list_from_event_or_days_back", "key_name", is_text, true},
    {"validate_string_matches_datetime_format", "date_str", is_text},
    {"validate_string_matches_datetime_format", "date_format", is_text},
    {"validate_string_matches_datetime_format", "field_name", is_text, true},
    {"is_valid_date", "date_str", is_text},
    {"is_valid_date", "date_formats", is_texts},
    {"recursive_matches_soft", "key", is_text},
    {"recursive_matches_strict", "key", is_text},
    {"recursive_matches_extract", "key", is_text},
    {"recursive_matches_extract", "separator", is_text, true, true},
    {"dunder_to_dict", "data", is_object},
    {"dunder_to_dict", "separator", is_text, true, true},
    {"nested_dict_from_keys", "keys", is_texts},
    {"convert_string_to_words", "string", is_text},
    {"construct_dates_from_event", "event", is_object},
    {"first_or_none", "items", is_range},
    {"recursive_update", "d", is_object},
    {"recursive_update", "u", is_object},
    {"unwrap_event_recursively", "sources", is_texts, true, true},
    {"small_int_from_string", "input_string", is_text},
    {"small_int_from_string", "num_digits", is_whole, true},
};

std::optional<Answer> typed_arguments(const Case& what, const Answer&) {
  if (compiles(what)) return std::nullopt;
  return Answer::error("TypeError");
}

std::optional<Answer> whole_account(const Case& what, const Answer& recorded) {
  if (what.function != "validate_account_to_dashed" || recorded.is_error()) return std::nullopt;
  static const std::regex kDashed("[0-9]{3}-[0-9]{3}-[0-9]{4}");
  if (std::regex_match(std::string(recorded.value().as_string()), kDashed)) return std::nullopt;
  return Answer::error("ValueError");
}

std::optional<Answer> numbers_are_whole(const Case& what, const Answer& recorded) {
  const auto data = plain(what.in("data"));
  if (what.function != "validate_list_of_numbers_from_csv" || recorded.is_error())
    return std::nullopt;
  if (data.is_bool()) return Answer::output(json::array{data.get_bool() ? 1 : 0});
  if (!data.is_double()) return std::nullopt;
  const double whole = std::trunc(data.get_double());
  if (!(std::abs(whole) < 9e18)) return Answer::error("ValueError");
  return Answer::output(json::array{static_cast<std::int64_t>(whole)});
}

std::optional<Answer> numeric_but_no_digit(const Case& what, const Answer& recorded) {
  if (what.function != "validate_list_of_numbers_from_csv" || !recorded.is_error())
    return std::nullopt;
  const auto data = plain(what.in("data"));
  json::array out;
  const auto append = [&](const std::string& text) {
    static const std::regex kNumber(R"(\s*([0-9]{1,18})\s*)");
    std::smatch parts;
    if (std::regex_match(text, parts, kNumber)) out.push_back(std::stoll(parts[1].str()));
  };
  if (data.is_string()) {
    std::istringstream parts{std::string(data.get_string())};
    for (std::string part; std::getline(parts, part, ',');) append(part);
  } else if (data.is_array()) {
    for (const auto& element : data.get_array()) {
      if (element.is_double() && !(std::abs(element.get_double()) < 9e18)) return std::nullopt;
      if (element.is_number()) out.push_back(element.to_number<std::int64_t>());
      if (element.is_bool()) out.push_back(element.get_bool() ? 1 : 0);
      if (element.is_string()) append(std::string(element.get_string()));
    }
  }
  return Answer::output(out);
}

// Whether an integer is in it that 64 bits cannot hold.
bool has_big_integer(const json::value& value) {
  if (value.is_array())
    return std::any_of(value.get_array().begin(), value.get_array().end(), has_big_integer);
  const auto* object = value.if_object();
  const auto* type = object ? object->if_contains("$type") : nullptr;
  return value.is_uint64() || (type && *type == "int");
}

std::optional<Answer> whole_numbers_have_64_bits(const Case& what, const Answer& recorded) {
  if (recorded.is_error()) return std::nullopt;
  if (what.function == "small_int_from_string")
    return number_argument(what, "num_digits", 2) > 19 ? std::optional(Answer::error("ValueError"))
                                                       : std::nullopt;
  const bool converts = what.function == "validate_list_of_numbers_from_csv" ||
                        (what.function.starts_with("get_") && vtype_of(what) == "int");
  if (!converts || !has_big_integer(recorded.value())) return std::nullopt;
  return Answer::error("ValueError");
}

std::optional<Answer> uuid4_is_true(const Case& what, const Answer& recorded) {
  if (what.function != "validate_uuid4" || recorded.is_error()) return std::nullopt;
  // Dashes may be anywhere, as in the original.
  static const std::regex kForm("(?:urn:uuid:)?(\\{?)([0-9a-fA-F-]*)(\\}?)");
  static const std::regex kUuid4("[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}", std::regex::icase);
  const auto text = text_argument(what, "uuid_string");
  std::smatch parts;
  if (!std::regex_match(text, parts, kForm) || parts[1].length() != parts[3].length())
    return Answer::output(false);
  auto digits = parts[2].str();
  std::erase(digits, '-');
  return Answer::output(std::regex_match(digits, kUuid4));
}

std::optional<Answer> chunk_size_is_positive(const Case& what, const Answer& recorded) {
  if (what.function != "chunks" || recorded.is_error() || number_argument(what, "n", 1) > 0)
    return std::nullopt;
  return Answer::error("ValueError");
}

std::optional<Answer> too_large_is_a_value_error(const Case&, const Answer& recorded) {
  if (!recorded.is_error()) return std::nullopt;
  if (recorded.error_class() != "OverflowError" && recorded.error_class() != "OSError")
    return std::nullopt;
  return Answer::error("ValueError");
}

// A value converted, where that is plain; nothing where it is not.
std::optional<Answer> converted(const json::value& value, std::string_view vtype) {
  if (vtype.empty() || (vtype == "str" && value.is_string())) return Answer::output(value);
  if (value.is_number() && vtype == "float") return Answer::output(value.to_number<double>());
  if (value.is_int64() && vtype == "int") return Answer::output(value);
  if (!value.is_string()) return std::nullopt;
  const std::string text(value.get_string());
  static const std::regex kWhole(R"(\s*[-+]?[0-9]{1,18}\s*)");
  static const std::regex kReal(R"(\s*[-+]?[0-9]*\.?[0-9]*(e[-+]?[0-9]+)?\s*)");
  const bool digits = text.find_first_of("0123456789") != text.npos;
  if (vtype == "int" && std::regex_match(text, kWhole))
    return Answer::output(static_cast<std::int64_t>(std::stoll(text)));
  if (vtype == "float" && digits && std::regex_match(text, kReal))
    return Answer::output(std::stod(text));
  if (!digits && text.size() < 3) return Answer::error("ValueError");
  return std::nullopt;
}

std::optional<Answer> sets_are_lists(const Case& what, const Answer& recorded) {
  if (!what.function.starts_with("get_one_") || !recorded.is_error() ||
      recorded.error_class() != "TypeError" || !compiles(what))
    return std::nullopt;
  const auto& input = what.in("input").as_object();
  const auto name = text_argument(what, "name");
  const auto* plural = input.if_contains(name + "s");
  const auto* single = input.if_contains(name);
  const auto single_text = single ? by_value(plain(*single)) : std::string();
  const bool has_single = single && single_text != "0" && single_text != "null" &&
                          single_text != "\"\"" && single_text != "[]" && single_text != "{}";
  if (has_single || !plural || !plural->is_object() || !plural->get_object().contains("$type"))
    return std::nullopt;
  const auto list = plain(*plural);
  if (!list.is_array() || list.get_array().size() != 1) return std::nullopt;
  auto right = converted(list.get_array().front(), vtype_of(what));
  if (!right || right->is_error() || what.function == "get_one_or_none_from_dict") return right;
  const auto text = by_value(right->value());
  const bool empty = text == "0" || text == "null" || text == "\"\"";
  return empty ? Answer::error("ValueError") : right;
}

std::optional<Answer> dates_are_texts(const Case& what, const Answer& recorded) {
  if (what.function != "validate_date_list_from_event_or_days_back" || !recorded.is_error() ||
      recorded.error_class() != "AttributeError")
    return std::nullopt;
  const auto* list = what.in("input").as_object().if_contains(
      what.in("key_name").is_string() ? text_argument(what, "key_name") : "date_list");
  if (!list || !list->is_array()) return std::nullopt;
  json::array dates;
  for (const auto& element : list->get_array()) {
    const auto text = plain(element);
    static const std::regex kDate("[0-9]{4}-[0-9]{2}-[0-9]{2}");
    if (!text.is_string()) return std::nullopt;
    if (!std::regex_match(std::string(text.get_string()), kDate))
      return Answer::error("ValueError");
    dates.push_back({{"$type", "date"}, {"value", text}});
  }
  return Answer::output(dates);
}

std::optional<Answer> milliseconds_as_text(const Case& what, const Answer& recorded) {
  const bool date = what.function == "validate_date_from_something";
  if ((!date && what.function != "validate_datetime_from_something") || !recorded.is_error() ||
      !what.in("d").is_string())
    return std::nullopt;
  static const std::regex kDigits("[0-9]{12,17}");
  const auto text = text_argument(what, "d");
  if (!std::regex_match(text, kDigits)) return std::nullopt;
  const auto count = std::stoll(text);
  if (count < 253402300800 || count >= 253402300800000) return std::nullopt;
  const double seconds = static_cast<double>(count) / 1000;  // as the original does with numbers
  const auto whole = std::floor(seconds);
  const std::chrono::sys_time<std::chrono::microseconds> time{
      std::chrono::seconds(static_cast<std::int64_t>(whole)) +
      std::chrono::microseconds(std::llrint((seconds - whole) * 1e6))};
  return Answer::output(date ? date_value(std::chrono::floor<std::chrono::days>(time))
                             : datetime_value(time));
}

std::optional<Answer> separator_at_every_level(const Case& what, const Answer&) {
  if (what.function != "recursive_matches_extract" || !what.in("separator").is_string() ||
      what.input.contains("exclude_key") != what.input.contains("exclude_val") || !compiles(what))
    return std::nullopt;
  const auto separator = text_argument(what, "separator");
  if (separator.empty()) return std::nullopt;
  const auto& exclude_key = what.in("exclude_key");
  return model_extract(plain(what.in("src")), text_argument(what, "key"), separator,
                       exclude_key.is_string() ? text_argument(what, "exclude_key") : "",
                       plain(what.in("exclude_val")));
}

// The error of the original is that of its regular expressions, "error", as for a wrong program.
std::optional<Answer> directive_given_twice(const Case& what, const Answer& recorded) {
  if (what.function != "validate_string_matches_datetime_format" || !recorded.is_error() ||
      recorded.error_class() != "error" || !compiles(what))
    return std::nullopt;
  const auto format = text_argument(what, "date_format");
  std::string seen;
  for (std::size_t at = format.find('%'); at != format.npos && at + 1 < format.size();
       at = format.find('%', at + 2)) {
    const char directive = format[at + 1];
    if (directive != '%' && seen.find(directive) != seen.npos) return Answer::error("ValueError");
    seen += directive;
  }
  return std::nullopt;
}

std::optional<Answer> null_is_absent(const Case& what, const Answer& recorded) {
  if (!compiles(what)) return std::nullopt;
  if (what.function == "dunder_to_dict" && recorded.is_error() &&
      json_text(what.in("data")).find("null") != std::string::npos)
    return model_dunder(object_argument(what, "data"),
                        what.in("separator").is_string() ? text_argument(what, "separator") : "");
  if (what.function != "recursive_update" ||
      json_text(what.in("d")).find("null") == std::string::npos)
    return std::nullopt;
  return Answer::output(model_update(argument(what, "d"), argument(what, "u")));
}

bool has_tuple(const json::value& value) {
  if (value.is_array())
    return std::any_of(value.get_array().begin(), value.get_array().end(), has_tuple);
  if (!value.is_object()) return false;
  const auto* type = value.get_object().if_contains("$type");
  if (type && *type == "tuple") return true;
  return std::any_of(value.get_object().begin(), value.get_object().end(),
                     [](const auto& member) { return has_tuple(member.value()); });
}

std::optional<Answer> tuples_are_lists(const Case& what, const Answer& recorded) {
  if (what.function != "recursive_update" || recorded.is_error() ||
      (!has_tuple(what.in("d")) && !has_tuple(what.in("u"))))
    return std::nullopt;
  return Answer::output(model_update(argument(what, "d"), argument(what, "u")));
}

std::optional<Answer> one_error_for_a_conflict(const Case& what, const Answer& recorded) {
  if (what.function != "dunder_to_dict" || !recorded.is_error() ||
      recorded.error_class() != "AttributeError")
    return std::nullopt;
  return Answer::error("TypeError");
}

std::optional<Answer> hash_of_equals(const Case& what, const Answer&) {
  if (what.function != "make_hash") return std::nullopt;
  return Answer::output(by_value(argument(what, "a")) == by_value(argument(what, "b")));
}

std::optional<Answer> to_bool_says_value_error(const Case& what, const Answer& recorded) {
  if (what.function != "to_bool" || !recorded.is_error()) return std::nullopt;
  return Answer::error("ValueError");
}

// What the message of SNS in an event is: nothing, or why it cannot be read.
std::string message_fault(const json::value& event) {
  const auto step = [](const json::value* value, std::string_view name) {
    return value && value->is_object() ? value->get_object().if_contains(name) : nullptr;
  };
  const auto fault_of = [](const json::value& text) -> std::string {
    if (!text.is_string()) return "TypeError";
    const auto inner = parse_json(text.get_string());
    return inner ? message_fault(*inner) : "JSONDecodeError";
  };
  const auto* records = step(&event, "Records");
  if (!records || !records->is_array() || records->get_array().empty()) {
    const auto* topic = step(&event, "TopicArn");
    const auto* message = step(&event, "Message");
    const bool sns = message && topic && topic->is_string() &&
                     topic->get_string().find(":sns:") != json::string::npos;
    return sns ? fault_of(*message) : "";
  }
  const auto* message = step(step(&records->get_array().front(), "Sns"), "Message");
  if (message && !message->is_null() && *message != "") return fault_of(*message);
  for (const auto& record : records->get_array()) {
    const auto* body = step(&record, "body");
    const auto inner = parse_json(body && body->is_string() ? body->get_string() : "null");
    if (auto fault = inner ? message_fault(*inner) : ""; !fault.empty()) return fault;
  }
  return "";
}

std::optional<Answer> fault_of_a_message(const Case& what, const Answer& recorded) {
  if ((what.function != "get_message_dict_from_sns_event" &&
       what.function != "unwrap_event_recursively") ||
      !recorded.is_error() || recorded.error_class() != "KeyError")
    return std::nullopt;
  const auto fault = message_fault(what.in("event"));
  const auto sources = json_text(what.in("sources"));
  static const std::regex kKnown(R"(null|\[("s[nq]s"(, )?)*\])", std::regex::icase);
  if (fault.empty() || !std::regex_match(sources, kKnown)) return std::nullopt;
  return Answer::error(fault);
}

}  // namespace

bool compiles(const Case& what) {
  return std::all_of(kParameters.begin(), kParameters.end(), [&](const Parameter& parameter) {
    if (parameter.function != what.function) return true;
    const auto& value = what.in(parameter.name);
    const bool absent = !what.input.contains(parameter.name);
    return (parameter.optional && absent) || (parameter.nullable && value.is_null()) ||
           parameter.fits(value);
  });
}

std::vector<Rule> helpers_rules() {
  return {
      {"typed_arguments", "the compiler checks them", typed_arguments},
      {"whole_account", "a text is valid or not", whole_account},
      {"numbers_are_whole", "as documented", numbers_are_whole},
      {"numeric_but_no_digit", "what does not match is skipped", numeric_but_no_digit},
      {"whole_numbers_have_64_bits", "as all of ours", whole_numbers_have_64_bits},
      {"uuid4_is_true", "as documented", uuid4_is_true},
      {"chunk_size_is_positive", "nothing is lost silently", chunk_size_is_positive},
      {"too_large_is_a_value_error", "as documented", too_large_is_a_value_error},
      {"sets_are_lists", "JSON has no sets", sets_are_lists},
      {"dates_are_texts", "JSON has no dates", dates_are_texts},
      {"milliseconds_as_text", "as documented", milliseconds_as_text},
      {"separator_at_every_level", "as documented", separator_at_every_level},
      {"directive_given_twice", "as documented", directive_given_twice},
      {"null_is_absent", "as documented", null_is_absent},
      {"tuples_are_lists", "JSON has no tuples", tuples_are_lists},
      {"one_error_for_a_conflict", "chance", one_error_for_a_conflict},
      {"hash_of_equals", "as documented", hash_of_equals},
      {"to_bool_says_value_error", "a class that can be caught", to_bool_says_value_error},
      {"fault_of_a_message", "the message says what is wrong", fault_of_a_message},
  };
}

}  // namespace sosw::golden
