// SPDX-License-Identifier: MIT
// The file `config`: layers of configurations, the table they are stored in, figures and their
// totals.
#include "areas.h"
#include "core/config.h"
#include "core/job_schema.h"
#include "exceptions.h"
#include "helpers_model.h"
#include "sosw/config.h"
#include "sosw/processor.h"
#include "support/aws_peer.h"

namespace sosw::golden {
namespace {

using sosw::testing::AwsPeer;
using sosw::testing::AwsRequest;
using sosw::testing::Variables;

std::optional<std::string> text_in(const Case& what, std::string_view name) {
  const auto& value = what.in(name);
  return value.is_string() ? std::optional(std::string(value.get_string())) : std::nullopt;
}

json::object layer(const Case& what, std::string_view name) {
  const auto& value = what.in(name);
  return value.is_object() ? value.get_object() : json::object();
}

class Configured : public Processor {
 public:
  explicit Configured(const Case& what) : Processor(layer(what, "custom")), what_(what) {}
  [[nodiscard]] json::object default_config() const override { return layer(what_, "default"); }
  [[nodiscard]] json::value get_config(std::string_view name) const override {
    const auto function = text_in(what_, "function_name").value_or("") + "_config";
    return name == function ? what_.in("lambda_config") : json::value(json::object());
  }
  json::value operator()(const json::object&) override { return nullptr; }

 private:
  const Case& what_;
};

Answer init_config_processor(const Case& what) {
  const Variables environment({{"AWS_LAMBDA_FUNCTION_NAME", text_in(what, "function_name")},
                               {"DISABLE_DDB_CONFIG", std::nullopt}});
  return answer_of([&] { return json::value(Configured(what).config()); });
}

Answer init_config_essential(const Case& what) {
  const auto defaults = layer(what, "default");
  const auto shared = layer(what, "essential");
  const auto function = layer(what, "lambda_config");
  const auto custom = layer(what, "custom");
  return Answer::output(merged({&defaults, &shared, &function, &custom}));
}

Answer chunkable_attrs(const std::vector<std::string>& names) {
  return Answer::output(json::object{{"chunkable_attrs", json::value_from(names)}});
}

Answer init_scheduler(const Case& what) {
  const auto schema = JobSchema::from_config(what.config, {});
  return schema ? chunkable_attrs(schema->attrs()) : Answer::error("AssertionError");
}

// ------------------------------------------------------------------------------------------------

// The value that `call` gives, with the requests for it.
template <class Call>
Answer of_table(const Case& what, Call call) {
  AwsPeer peer([&](const AwsRequest&) {
    return json::serialize(json::object{{"Items", what.in("returned_items")}});
  });
  const Variables environment({{"AWS_ENDPOINT_URL_DYNAMODB", peer.url()},
                               {"STAGE", std::nullopt},
                               {"autotest", std::nullopt}});
  return answer_of([&] {
    json::object out;
    DynamoConfig table;
    out["value"] = call(table);
    json::array requests;
    for (const auto& [operation, params] : peer.requests())
      requests.push_back(
          {{"operation", operation == "Query" ? "query" : operation}, {"params", params}});
    out["requests"] = std::move(requests);
    return json::value(std::move(out));
  });
}

std::string env_of(const Case& what) { return text_in(what, "env").value_or("production"); }

Answer get_config_of(const Case& what) {
  return of_table(what, [&](DynamoConfig& table) {
    return table.get_config(text_in(what, "name").value(), env_of(what));
  });
}

Answer get_credentials_of(const Case& what) {
  return of_table(what, [&](DynamoConfig& table) {
    return json::value(
        table.get_credentials_by_prefix(text_in(what, "name").value(), env_of(what)));
  });
}

// ------------------------------------------------------------------------------------------------

class Counting : public Processor {
 public:
  using Processor::Processor;
  json::value operator()(const json::object&) override { return nullptr; }
};

Answer reset_stats_of(const Case& what) {
  const Variables environment({{"AWS_LAMBDA_FUNCTION_NAME", std::nullopt}});
  return answer_of([&] {
    Counting processor(what.config);
    processor.start();
    for (std::int64_t i = 0; i < what.in("times").as_int64(); ++i) {
      for (const auto& figure : layer(what, "stats"))
        processor.stats()[figure.key()] = figure.value();
      processor.reset_stats();
    }
    auto stats = processor.stats();
    // The clock of the recording stood still.
    for (const auto* name : {"time_register_clients", "total_time_register_clients"})
      if (auto* time = stats.if_contains(name); time && time->is_double()) *time = 0.0;
    return json::value(std::move(stats));
  });
}

// ------------------------------------------------------------------------------------------------

// The layers merged, from the weakest on, where null counts as absent.
json::value model_layers(const Case& what, const std::vector<std::string>& names) {
  json::value out = json::object();
  for (const auto& name : names) out = model_update(out, layer(what, name));
  return out;
}

bool is_of(const Case& what, std::string_view who) {
  return what.function == "init_config_" + std::string(who);
}

std::vector<std::string> ours(const Case& what) {
  if (is_of(what, "essential")) return {"default", "essential", "lambda_config", "custom"};
  return {"default", "lambda_config", "custom"};
}

bool has_null_under_dictionary(const json::value& weak, const json::value& strong) {
  const auto* a = weak.if_object();
  const auto* b = strong.if_object();
  if (!a || !b) return false;
  for (const auto& [key, value] : *b) {
    const auto* under = a->if_contains(key);
    if (under &&
        ((under->is_null() && value.is_object()) || has_null_under_dictionary(*under, value)))
      return true;
  }
  return false;
}

std::optional<Answer> null_below_a_dictionary(const Case& what, const Answer& recorded) {
  if (!is_of(what, "essential") && !is_of(what, "processor")) return std::nullopt;
  const auto right = model_layers(what, ours(what));
  // With an empty dictionary over it, the null stays in the original.
  if (!recorded.is_error() && recorded.value() == right) return std::nullopt;
  const std::vector<std::string> layers = {"essential", "default", "lambda_config", "custom"};
  for (std::size_t weak = 0; weak < layers.size(); ++weak)
    for (std::size_t strong = weak + 1; strong < layers.size(); ++strong)
      if (has_null_under_dictionary(layer(what, layers[weak]), layer(what, layers[strong])))
        return Answer::output(right);
  return std::nullopt;
}

std::optional<Answer> shared_over_defaults(const Case& what, const Answer& recorded) {
  if (!is_of(what, "essential") || recorded.is_error()) return std::nullopt;
  const auto right = model_layers(what, ours(what));
  if (right == model_layers(what, {"essential", "default", "lambda_config", "custom"}))
    return std::nullopt;
  return Answer::output(right);
}

// Whether `job_schema` names attributes, or that there are none.
bool has_names(const json::object& config) {
  const auto* schema = config.if_contains("job_schema");
  return schema && schema->is_object() && schema->get_object().contains("chunkable_attrs");
}

// The names of the schema that the configuration gives, as it stands there.
std::optional<Answer> names_as_given(const Case& what) {
  const auto* schema = what.config.if_contains("job_schema");
  if (!has_names(what.config)) {
    const auto* variants = what.config.if_contains("job_schema_variants");
    schema =
        variants && variants->is_object() ? variants->get_object().if_contains("default") : nullptr;
  }
  if (!schema) return chunkable_attrs({});
  const auto* attrs =
      schema->is_object() ? schema->get_object().if_contains("chunkable_attrs") : nullptr;
  if (!attrs || !attrs->is_array()) return std::nullopt;
  std::vector<std::string> names;
  for (const auto& attr : attrs->get_array()) {
    names.emplace_back(attr.as_array().at(0).as_string());
    if (names.back().ends_with('s')) return Answer::error("AssertionError");
  }
  return chunkable_attrs(names);
}

std::optional<Answer> no_queue_file(const Case& what, const Answer& recorded) {
  const auto* file = what.config.if_contains("queue_file");
  if (what.function != "init" || !recorded.is_error() || !file || !file->is_string() ||
      file->get_string().find('.') != json::string::npos)
    return std::nullopt;
  return names_as_given(what);
}

// A row of the table whose value is no text.
std::optional<Answer> value_is_a_text(const Case& what, const Answer&) {
  if (what.function != "get_config" && what.function != "get_credentials_by_prefix")
    return std::nullopt;
  for (const auto& item : what.in("returned_items").as_array()) {
    const auto* value = item.as_object().if_contains("config_value");
    if (!value || !value->as_object().contains("S")) return Answer::error("RuntimeError");
  }
  return std::nullopt;
}

std::optional<Answer> starts_without_schema(const Case& what, const Answer& recorded) {
  if (what.function != "init" || !recorded.is_error() || has_names(what.config))
    return std::nullopt;
  return names_as_given(what);
}

}  // namespace

Area config_area() {
  Area area;
  area.name = "config";
  area.handlers = {{"init_config_processor", init_config_processor},
                   {"init_config_essential", init_config_essential},
                   {"init", init_scheduler},
                   {"get_config", get_config_of},
                   {"get_credentials_by_prefix", get_credentials_of},
                   {"reset_stats", reset_stats_of}};
  area.rules = {{"null_below_a_dictionary", "as documented", null_below_a_dictionary},
                {"shared_over_defaults", "D-42", shared_over_defaults},
                {"no_queue_file", "protocol 6", no_queue_file},
                {"starts_without_schema", "D-44", starts_without_schema},
                {"value_is_a_text", "never silently empty", value_is_a_text}};
  // Of the queue file of the original; a job is stored folded.
  area.ignored = {"remote_queue_file", "local_queue_file", "locked", "bucket", "rows_to_process"};
  return area;
}

}  // namespace sosw::golden
