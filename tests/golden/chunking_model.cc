// SPDX-License-Identifier: MIT
#include "chunking_model.h"

#include <algorithm>
#include <array>
#include <optional>
#include <regex>

#include "core/job_request.h"
#include "core/json_text.h"

namespace sosw::golden {
namespace {

constexpr std::int64_t kMaxBatch = 1'000'000;

bool truth(const json::value* v) {
  if (!v || v->is_null()) return false;
  if (v->is_bool()) return v->get_bool();
  if (v->is_number()) return v->to_number<double>() != 0;
  if (v->is_string()) return !v->get_string().empty();
  return v->is_array() ? !v->get_array().empty() : !v->get_object().empty();
}

// {**a, **b}
json::object merged(json::object a, const json::object& b) {
  for (const auto& [key, value] : b) a[key] = value;
  return a;
}

json::object with(json::object object, std::string_view key, json::value value) {
  object[key] = std::move(value);
  return object;
}

json::object without(json::object object, std::string_view key) {
  object.stable_erase(key);
  return object;
}

std::int64_t to_int(const json::value& v) {
  if (v.is_bool()) return v.get_bool() ? 1 : 0;
  if (v.is_number()) return static_cast<std::int64_t>(v.to_number<double>());
  if (!v.is_string()) throw PythonError{"TypeError"};
  std::smatch match;
  const std::string text(v.get_string());
  if (!std::regex_match(text, match, std::regex(R"(\s*([+-]?[0-9]+(?:_[0-9]+)*)\s*)")))
    throw PythonError{"ValueError"};
  auto digits = match[1].str();
  digits.erase(std::remove(digits.begin(), digits.end(), '_'), digits.end());
  return std::stoll(digits);
}

bool is_flat(const json::value& v) { return !v.is_null() && !v.is_structured(); }

std::optional<json::array> flat_values(const json::value& v) {
  if (v.is_array()) {
    const auto& list = v.get_array();
    if (!std::all_of(list.begin(), list.end(), is_flat)) return std::nullopt;
    return list;
  }
  if (!v.is_object()) return std::nullopt;
  const auto& object = v.get_object();
  json::array keys;
  for (const auto& [key, value] : object) {
    if (!value.is_null()) return object.size() == 1 ? std::optional(json::array{v}) : std::nullopt;
    keys.emplace_back(key);
  }
  return keys;
}

json::array as_list(const json::value& v) { return v.is_array() ? v.get_array() : json::array{v}; }

json::object flags(const json::object& data) {
  static const std::regex kFlag(R"((isolate_\w*|max_\w*_per_batch)[^]*)");
  json::object found;
  for (const auto& [key, value] : data)
    if (std::regex_match(std::string(key), kFlag)) found[key] = value;
  return found;
}

}  // namespace

bool ChunkingModel::needs_chunking(const std::string& attr, const json::object& data) const {
  const auto stem = attr.substr(0, attr.find_last_not_of('s') + 1);
  std::vector<std::string> spellings = {stem, stem + "s"};
  if (attr != stem) spellings.push_back(attr + "s");
  for (const auto& spelling : spellings)
    if (truth(data.if_contains("isolate_" + spelling)) ||
        truth(data.if_contains("max_" + spelling + "_per_batch")))
      return true;
  const auto level = std::find(attrs_.begin(), attrs_.end(), stem);
  if (level == attrs_.end() || level + 1 == attrs_.end()) return false;
  for (const auto& spelling : spellings) {
    const auto* values = data.if_contains(spelling);
    if (!truth(values)) continue;
    for (const auto& value : as_list(*values)) {
      if (!value.is_object()) {
        const bool crashes =
            level == attrs_.begin() ? faults_.flat_job_is_one_row : faults_.flat_values_are_leaves;
        if (crashes) throw PythonError{"AttributeError"};
        continue;
      }
      for (const auto& [name, inside] : value.get_object())
        if (inside.is_object() &&
            needs_chunking(*(level + 1), merged(inside.get_object(), flags(data))))
          return true;
    }
  }
  return false;
}

json::array ChunkingModel::chunk_job(const json::object& job, const json::object& skeleton,
                                     std::size_t level) const {
  if (attrs_.empty()) return {merged(job, skeleton)};
  const auto& single = attrs_[level];
  const auto plural = single + "s";
  const auto size_key = "max_" + plural + "_per_batch";
  auto batch = job.contains(size_key)        ? to_int(job.at(size_key))
               : skeleton.contains(size_key) ? to_int(skeleton.at(size_key))
                                             : kMaxBatch;
  json::array rows;
  const auto push_batches = [&](const json::object& task, const json::array& values) {
    if (batch == 0) throw PythonError{"ValueError"};
    if (batch < 0) {
      if (faults_.negative_batch_refused) return;
      throw PythonError{"ValueError"};
    }
    for (std::size_t i = 0; i < values.size(); i += static_cast<std::size_t>(batch))
      rows.push_back(
          with(task, plural,
               json::array(
                   values.begin() + i,
                   values.begin() + std::min(values.size(), i + static_cast<std::size_t>(batch)))));
  };

  if (!needs_chunking(plural, merged(job, skeleton))) {
    const auto& first = faults_.singular_first ? single : plural;
    const auto& second = faults_.singular_first ? plural : single;
    const bool take_first = faults_.singular_once
                                ? job.contains(first)
                                : truth(job.if_contains(first)) ||
                                      (job.contains(first) && !truth(job.if_contains(second)));
    const auto& spelling = take_first ? first : second;
    const auto* values = job.if_contains(spelling);
    if (!values) return {merged(skeleton, job)};
    const auto rest = without(job, spelling);
    if (!truth(values)) return {merged(skeleton, rest)};
    const auto flat = flat_values(*values);
    if (!flat) return {merged(skeleton, with(rest, spelling, *values))};
    push_batches(faults_.fields_kept ? skeleton : merged(skeleton, rest), *flat);
    return rows;
  }

  if (batch == kMaxBatch) batch = 1;
  const auto push_values = [&](const json::object& task, const json::value& values) {
    const auto list = as_list(values);
    if (!std::all_of(list.begin(), list.end(), [](const auto& v) { return v.is_object(); })) {
      const auto flat = flat_values(list);
      if (!flat) throw PythonError{"InvalidJob"};
      push_batches(task, *flat);
      return;
    }
    for (const auto& element : list) {
      const auto& object = element.get_object();
      if (std::all_of(object.begin(), object.end(),
                      [](const auto& member) { return member.value().is_null(); })) {
        push_batches(task, *flat_values(element));
        continue;
      }
      for (const auto& [name, inside] : object) {
        const auto row = with(task, plural, json::array{name});
        if (inside.is_null()) {
          rows.push_back(row);
        } else if (!inside.is_object()) {
          throw PythonError{"InvalidJob"};
        } else if (level + 1 == attrs_.size()) {
          rows.push_back(merged(row, inside.get_object()));
        } else {
          for (auto& below : chunk_job(inside.get_object(), row, level + 1))
            rows.push_back(std::move(below));
        }
      }
    }
  };
  if (faults_.singular_once) {
    const auto spellings =
        faults_.singular_first ? std::pair(single, plural) : std::pair(plural, single);
    for (const auto& spelling : {spellings.first, spellings.second}) {
      const auto* values = job.if_contains(spelling);
      if (!truth(values)) values = job.if_contains(single);
      if (truth(values)) push_values(merged(skeleton, without(job, spelling)), *values);
    }
    return rows;
  }
  auto rest = job;
  for (const auto& spelling : {plural, single})
    if (truth(job.if_contains(spelling))) rest.stable_erase(spelling);
  for (const auto& spelling : {plural, single})
    if (const auto* values = job.if_contains(spelling); truth(values))
      push_values(merged(skeleton, rest), *values);
  return rows;
}

json::array ChunkingModel::chunk_dates(json::object job) const {
  const auto isolate = truth(job.if_contains("isolate_days"));
  const auto* given = job.if_contains("period");
  const std::optional<json::value> period = truth(given) ? std::optional(*given) : std::nullopt;
  job.stable_erase("period");
  job.stable_erase("isolate_days");
  if (!period) return {job};
  if (!period->is_string()) throw PythonError{"TypeError"};
  const auto dates = periods_.dates(period->get_string(), today_);
  if (!dates)
    throw PythonError{dates.error().message.find("beyond") == std::string::npos ? "ValueError"
                                                                                : "OverflowError"};
  json::array listed;
  for (const auto& date : *dates) listed.emplace_back(date);
  if (!isolate) return {with(job, "date_list", listed)};
  if (listed.empty()) throw PythonError{"AssertionError"};
  json::array rows;
  for (const auto& date : listed) rows.push_back(with(job, "date_list", json::array{date}));
  return rows;
}

json::array ChunkingModel::construct_job_data(const json::object& job) const {
  json::array rows;
  for (const auto& task : chunk_dates(job))
    for (auto& row : chunk_job(task.get_object(), {}, 0)) rows.push_back(std::move(row));
  return rows;
}

json::array ChunkingModel::parse_job(json::object job) const {
  auto* name = job.if_contains("lambda_name");
  if (!name && !faults_.labourer_id_accepted) name = job.if_contains("labourer_id");
  if (!name) throw PythonError{"AssertionError"};
  if (!name->is_string()) throw PythonError{"AttributeError"};
  const json::string labourer(labourer_name_of_arn(name->get_string()));
  job.stable_erase("lambda_name");
  if (labourer != "some_function" && labourer != "other_function")
    throw PythonError{"RuntimeError"};
  if (attrs_.empty() && faults_.no_chunkable_attrs) throw PythonError{"IndexError"};
  if (!attrs_.empty() && needs_chunking(attrs_.front() + "s", job)) {
    auto rows = construct_job_data(job);
    for (auto& row : rows) row.get_object()["labourer_id"] = labourer;
    return rows;
  }
  json::array rows;
  const bool dated = !faults_.dates_without_chunking && truth(job.if_contains("period"));
  for (const auto& row : dated ? chunk_dates(job) : json::array{job}) {
    rows.push_back(merged({{"labourer_id", labourer}}, row.get_object()));
    if (!faults_.labourer_is_no_data) rows.back().get_object()["labourer_id"] = labourer;
  }
  return rows;
}

json::array model_parse_event(const json::value& event, const json::object& config, Date today,
                              Faults faults) {
  const auto load = [](const json::value& v) {
    if (v.is_object()) return v.get_object();
    if (!v.is_string()) throw PythonError{"TypeError"};
    const auto parsed = parse_json(v.get_string());
    if (!parsed) throw PythonError{"JSONDecodeError"};
    if (!parsed->is_object()) throw PythonError{"AssertionError"};
    return parsed->get_object();
  };
  auto job = load(event);
  if (const auto* inner = job.if_contains("job")) job = load(*inner);
  if (!job.contains("lambda_name") && (faults.labourer_id_accepted || !job.contains("labourer_id")))
    throw PythonError{"AssertionError"};

  json::object variants = {{"default", {{"chunkable_attrs", json::array()}}}};
  if (const auto* given = config.if_contains("job_schema_variants"))
    variants = merged(variants, given->as_object());
  const auto* given = config.if_contains("job_schema_variants");
  if (!faults.job_schema_is_default && config.contains("job_schema") &&
      !(given && given->as_object().contains("default")))
    variants["default"] = config.at("job_schema");
  const auto* wanted = job.if_contains("job_schema_name");
  const auto* schema =
      variants.if_contains(truth(wanted) ? std::string_view(wanted->as_string()) : "default");
  if (!schema) throw PythonError{"KeyError"};
  std::vector<std::string> attrs;
  for (const auto& entry : schema->at("chunkable_attrs").as_array())
    attrs.emplace_back(entry.at(0).as_string());
  if (std::any_of(attrs.begin(), attrs.end(), [](const auto& attr) { return attr.back() == 's'; }))
    throw PythonError{"AssertionError"};

  auto periods = Periods();
  if (const auto* custom = config.if_contains("custom_period_patterns");
      custom && custom->is_array())
    if (auto read = Periods::from_config(*custom)) periods = *read;
  return ChunkingModel(std::move(attrs), today, periods, faults).parse_job(std::move(job));
}

Answer error_answer(const Error& error) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 17> kClasses = {{
      {"beyond the years", "OverflowError"},
      {"which is not built in", "AttributeError"},
      {"custom_period_patterns", "TypeError"},
      {"unknown period", "ValueError"},
      {"is no name of a period", "TypeError"},
      {"no dates to isolate", "AssertionError"},
      {"names no labourer", "AssertionError"},
      {"is no name", "AttributeError"},
      {"neither an object nor JSON text", "TypeError"},
      {"event: its text holds", "AssertionError"},
      {"job: its text holds", "AssertionError"},
      {"not JSON", "JSONDecodeError"},
      {"unknown job_schema_name", "KeyError"},
      {"ends with 's'", "AssertionError"},
      {"can not be read as a whole number", "ValueError"},
      {"is no number", "TypeError"},
      {"it must be at least 1", "ValueError"},
  }};
  for (const auto& [words, python_class] : kClasses)
    if (error.message.find(words) != std::string::npos)
      return Answer::error(std::string(python_class));
  return Answer::error("InvalidJob");
}

}  // namespace sosw::golden
