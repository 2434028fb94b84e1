// SPDX-License-Identifier: MIT
// The Scheduler's chunking: handlers over core/, and the rules by which its rows differ on purpose.
#include <algorithm>

#include "areas.h"
#include "chunking_model.h"
#include "core/chunking.h"
#include "core/job_request.h"
#include "core/job_schema.h"
#include "core/json_text.h"
#include "core/periods.h"

namespace sosw::golden {
namespace {

Date today(const Case& what) {
  const auto date =
      parse_iso_date(what.now ? std::string_view(*what.now).substr(0, 10) : "2019-01-31");
  return date ? *date : Date();
}

// JSON has no tuples: a list is what a configuration file would hold.
json::value plain(const json::value& value) {
  const auto* object = value.if_object();
  const auto* type = object ? object->if_contains("$type") : nullptr;
  return type && *type == "tuple" ? object->at("value") : value;
}

Result<Periods> periods(const Case& what) {
  const auto* custom = what.config.if_contains("custom_period_patterns");
  return custom ? Periods::from_config(plain(*custom)) : Periods();
}

// Methods of the original work with `job_schema` as it is; only a whole call chooses a variant.
Result<JobSchema> schema(const Case& what) {
  json::object config;
  if (const auto* given = what.config.if_contains("job_schema")) config["job_schema"] = *given;
  return JobSchema::from_config(config, {});
}

const json::object& object_in(const Case& what, std::string_view name) {
  static const json::object kEmpty;
  const auto& value = what.in(name);
  return value.is_null() ? kEmpty : value.as_object();
}

Answer rows_of(const Result<JobRows>& rows, JobRows::Form form, const json::object& over = {}) {
  if (!rows) return error_answer(rows.error());
  json::array output;
  auto cursor = rows->at(0, form);
  for (std::string text; cursor.next(text); text.clear()) {
    auto row = parse_json(text);
    if (!row || !row->is_object())
      return Answer::error("internal: a row is no JSON object: " + text);
    for (const auto& [key, value] : over) row->get_object()[key] = value;
    output.push_back(std::move(*row));
  }
  return Answer::output(std::move(output));
}

// The job with its dates taken out, and `attrs` to chunk it by, whether a flag asks for that or
// not.
Result<JobRows> chunked(const Case& what, json::object job, const std::vector<std::string>& attrs) {
  const auto known = periods(what);
  if (!known) return known.error();
  const auto dated =
      JobRows::from_job({"some_function", std::move(job)}, JobSchema(), *known, today(what));
  if (!dated) return dated.error();
  auto description = dated->description();
  description["chunkable_attrs"] = json::value_from(attrs);
  description.erase("rows");
  auto& body = description["job"].as_object();
  body.stable_erase("period");
  body.stable_erase("isolate_days");
  return JobRows::open(std::move(description));
}

Answer construct_job_data(const Case& what) {
  const auto known = schema(what);
  if (!known) return error_answer(known.error());
  return rows_of(chunked(what, object_in(what, "job"), known->attrs()), JobRows::Form::payload,
                 object_in(what, "skeleton"));
}

Answer chunk_dates(const Case& what) {
  auto job = object_in(what, "job");
  for (const auto& [key, value] : object_in(what, "skeleton")) job[key] = value;
  return rows_of(chunked(what, std::move(job), {}), JobRows::Form::payload);
}

// A call for an inner level is what chunking an element of a level above does: the skeleton are the
// fields of the outer job.
Answer chunk_job(const Case& what) {
  const auto known = schema(what);
  if (!known) return error_answer(known.error());
  auto attrs = known->attrs();
  if (!what.in("attr").is_null()) {
    const std::string attr(what.in("attr").as_string());
    const auto level = get_index_from_list(attr, attrs);
    attrs = level ? std::vector(attrs.begin() + static_cast<std::ptrdiff_t>(*level), attrs.end())
                  : std::vector{attr};
  }
  attrs.insert(attrs.begin(), "outer");
  auto job = object_in(what, "skeleton");
  job["isolate_outers"] = true;
  job["outers"] = {{"one", object_in(what, "job")}};
  auto answer = rows_of(chunked(what, std::move(job), attrs), JobRows::Form::payload);
  if (answer.is_error()) return answer;
  auto rows = answer.value().as_array();
  for (auto& row : rows) {
    row.as_object().erase("isolate_outers");
    row.as_object().erase("outers");
  }
  return Answer::output(std::move(rows));
}

Result<JobRows> parsed(const Case& what) {
  auto job = extract_job_from_payload(what.in("event"));
  if (!job) return job.error();
  const auto* name = job->body.if_contains("job_schema_name");
  const auto known =
      JobSchema::from_config(what.config, name && truthy(*name) ? name->as_string() : "");
  if (!known) return known.error();
  const auto patterns = periods(what);
  if (!patterns) return patterns.error();
  return JobRows::from_job(std::move(*job), *known, *patterns, today(what));
}

// The labourers of the recording; whether one is registered is the engine's to know.
bool registered(const Case& what) {
  const auto job = extract_job_from_payload(what.in("event"));
  return !job || job->lambda_name == "some_function" || job->lambda_name == "other_function";
}

Answer parse_job(const Case& what) {
  auto rows = parsed(what);
  // The original chooses the schema before it looks for the labourer, and chunks after it.
  const auto schema_error = !rows && (rows.error().message.find("job_schema") != std::string::npos);
  if (!schema_error && !registered(what)) return Answer::error("RuntimeError");
  return rows_of(rows, JobRows::Form::queue_file);
}

Answer queue_file_text(const Case& what) {
  const auto rows = parsed(what);
  if (!rows) return error_answer(rows.error());
  if (!registered(what)) return Answer::error("RuntimeError");
  std::string text;
  auto cursor = rows->at(0, JobRows::Form::queue_file);
  while (cursor.next(text)) text += '\n';
  return Answer::output(json::string(text));
}

// One period function of the original, which refuses what is not its own pattern.
template <const char* kPattern>
Answer period(const Case& what) {
  const std::string given(what.in("pattern").as_string());
  const std::string_view pattern = kPattern;
  auto rest = std::string_view(given);
  for (const char c : pattern) {
    const auto digits = c == '#' ? std::min(rest.find_first_not_of("0123456789"), rest.size()) : 1;
    if (digits == 0 || rest.empty() || (c != '#' && rest[0] != c))
      return Answer::error("AssertionError");
    rest.remove_prefix(digits);
  }
  const auto dates = Periods().dates(given, today(what));
  return dates ? Answer::output(json::value_from(*dates)) : error_answer(dates.error());
}
constexpr char kLastXDays[] = "last_#_days";
constexpr char kPreviousXDays[] = "previous_#_days";
constexpr char kXDaysBack[] = "#_days_back";
constexpr char kYesterday[] = "yesterday";
constexpr char kToday[] = "today";
constexpr char kLastWeek[] = "last_week";

Answer extract(const Case& what) {
  auto job = extract_job_from_payload(what.in("event"));
  if (!job) return error_answer(job.error());
  job->body["lambda_name"] = job->lambda_name;
  return Answer::output(std::move(job->body));
}

Answer needs_chunking(const Case& what) {
  const auto known = schema(what);
  if (!known) return error_answer(known.error());
  return Answer::output(
      known->needs_chunking(what.in("attr").as_string(), object_in(what, "data")));
}

Answer plural_name(const Case& what) {
  return Answer::output(json::string(plural(what.in("attr").as_string())));
}

Answer spellings(const Case& what) {
  auto names = single_or_plural(what.in("attr").as_string());
  std::sort(names.begin(), names.end());
  return Answer::output(json::value_from(names));
}

Answer index_from_list(const Case& what) {
  const auto& data = what.in("data");
  if (!what.in("attr").is_string() || !(data.is_string() || data.is_structured()))
    return Answer::error("AssertionError");
  std::vector<std::string> names;
  if (data.is_string())
    for (const char c : data.get_string()) names.emplace_back(1, c);
  else if (data.is_object())
    for (const auto& member : data.get_object()) names.emplace_back(member.key());
  else
    for (const auto& name : data.get_array())
      names.emplace_back(name.is_string() ? name.get_string() : "");
  const auto index = get_index_from_list(what.in("attr").get_string(), names);
  return index ? Answer::output(*index) : Answer::error("ValueError");
}

Answer next_attr(const Case& what) {
  const auto known = schema(what);
  if (!known) return error_answer(known.error());
  const auto next = known->get_next_chunkable_attr(what.in("attr").as_string());
  return next ? Answer::output(json::string(*next)) : Answer::output(nullptr);
}

Answer isolate_attributes(const Case& what) {
  json::object found;
  for (const auto& [key, value] : what.in("data").as_object())
    if (is_isolate_attribute(key)) found[key] = value;
  return Answer::output(std::move(found));
}

Answer list_of_vals(const Case& what) {
  const auto data = plain(what.in("data"));
  const auto values = FlatValues::validate_list_of_vals(data);
  if (!values) return error_answer(values.error());
  std::string text = "[";
  for (std::int64_t i = 0; i < values->size(); ++i) {
    if (i > 0) text += ", ";
    values->append(i, text);
  }
  return Answer::output(*parse_json(text + "]"));
}

// --- Rules
// -----------------------------------------------------------------------------------------

std::optional<Answer> model_answer(const Case& what, Faults faults) {
  try {
    if (what.function == "parse_job")
      return Answer::output(model_parse_event(what.in("event"), what.config, today(what), faults));
    if (what.function == "queue_file_text") {
      std::string text;
      for (const auto& row :
           model_parse_event(what.in("event"), what.config, today(what), faults)) {
        append_json(row, text);
        text += '\n';
      }
      return Answer::output(json::string(text));
    }
    if (what.function == "extract_job_from_payload") {
      const auto& event = what.in("event");
      const auto* object = event.if_object();
      if (!object || object->contains("lambda_name") || object->contains("job"))
        return std::nullopt;
      const auto* name = object->if_contains("labourer_id");
      if (faults.labourer_id_accepted || !name || !name->is_string())
        return Answer::error("AssertionError");
      auto job = *object;
      job.erase("labourer_id");
      job["lambda_name"] = labourer_name_of_arn(name->get_string());
      return Answer::output(std::move(job));
    }
    const auto known = schema(what);
    const auto patterns = periods(what);
    if (!known || !patterns) return std::nullopt;
    const ChunkingModel model(known->attrs(), today(what), *patterns, faults);
    if (what.function == "needs_chunking")
      return Answer::output(
          model.needs_chunking(std::string(what.in("attr").as_string()), object_in(what, "data")));
    if (what.function == "chunk_job") {
      std::size_t level = 0;
      if (!what.in("attr").is_null()) {
        const auto found = get_index_from_list(what.in("attr").as_string(), known->attrs());
        if (!found) return std::nullopt;
        level = *found;
      }
      return Answer::output(
          model.chunk_job(object_in(what, "job"), object_in(what, "skeleton"), level));
    }
    if (what.function == "construct_job_data") {
      auto rows = model.construct_job_data(object_in(what, "job"));
      for (auto& row : rows) {
        if (!faults.labourer_is_no_data) row.as_object().erase("labourer_id");
        for (const auto& [key, value] : object_in(what, "skeleton")) row.as_object()[key] = value;
      }
      return Answer::output(std::move(rows));
    }
    return std::nullopt;
  } catch (const PythonError& error) {
    return Answer::error(error.name);
  } catch (const std::exception&) {  // an input of a type that the model does not know
    return std::nullopt;
  }
}

bool alike(const Answer& a, const Answer& b) {
  static const Area kConventions;
  return same(kConventions, true, a, b);  // the order of doubled rows depends on a hash seed
}

// Applies where the original with all its faults gives what was recorded, and mending this one
// makes a difference. The right answer is the one without any.
template <bool Faults::*kFault>
std::optional<Answer> without_fault(const Case& what, const Answer& recorded) {
  for (const bool singular_first : {false, true}) {
    const auto original = model_answer(what, Faults::all(singular_first));
    if (!original || !alike(*original, recorded)) continue;
    auto others = Faults::all(singular_first);
    others.*kFault = false;
    const auto mended = model_answer(what, others);
    if (mended && !alike(*mended, *original)) return model_answer(what, Faults());
  }
  return std::nullopt;
}

}  // namespace

Area chunking_area() {
  Area area;
  area.name = "chunking";
  area.handlers = {
      {"last_x_days", period<kLastXDays>},
      {"previous_x_days", period<kPreviousXDays>},
      {"x_days_back", period<kXDaysBack>},
      {"yesterday", period<kYesterday>},
      {"today", period<kToday>},
      {"last_week", period<kLastWeek>},
      {"chunk_dates", chunk_dates},
      {"chunk_job", chunk_job},
      {"construct_job_data", construct_job_data},
      {"parse_job", parse_job},
      {"queue_file_text", queue_file_text},
      {"extract_job_from_payload", extract},
      {"needs_chunking", needs_chunking},
      {"single_or_plural", spellings},
      {"plural", plural_name},
      {"get_index_from_list", index_from_list},
      {"get_next_chunkable_attr", next_attr},
      {"get_isolate_attributes_from_job", isolate_attributes},
      {"validate_list_of_vals", list_of_vals},
  };
  area.rules = {
      {"singular_once", "D-15", without_fault<&Faults::singular_once>},
      {"flat_job_is_one_row", "D-44", without_fault<&Faults::flat_job_is_one_row>},
      {"flat_values_are_leaves", "D-44", without_fault<&Faults::flat_values_are_leaves>},
      {"dates_without_chunking", "D-44", without_fault<&Faults::dates_without_chunking>},
      {"job_schema_is_default", "D-40", without_fault<&Faults::job_schema_is_default>},
      {"no_chunkable_attrs", "D-44", without_fault<&Faults::no_chunkable_attrs>},
      {"labourer_is_no_data", "D-45", without_fault<&Faults::labourer_is_no_data>},
      {"labourer_id_accepted", "messages of the original, 3.4",
       without_fault<&Faults::labourer_id_accepted>},
      {"negative_batch_refused", "a job loses nothing silently",
       without_fault<&Faults::negative_batch_refused>},
      {"fields_kept", "a job loses nothing silently", without_fault<&Faults::fields_kept>},
  };
  return area;
}

}  // namespace sosw::golden
