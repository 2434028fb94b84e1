// SPDX-License-Identifier: MIT
// From the text of sosw.json to HomeConfig, collecting every complaint on the way.
#include "local/home_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>

#include "core/config.h"
#include "core/config_reader.h"
#include "core/job_request.h"
#include "core/job_schema.h"
#include "core/json_text.h"
#include "core/periods.h"
#include "core/suggest.h"
#include "local/child_process.h"
#include "local/file.h"
#include "local/http.h"
#include "local/probes.h"

namespace sosw::local {
namespace {

namespace fs = std::filesystem;

constexpr auto kMost = std::numeric_limits<std::int64_t>::max();

// In the order in which they are merged.
constexpr std::array<std::string_view, 5> kDocuments = {
    "sosw_essential_config", "sosw_scheduler_config", "sosw_orchestrator_config",
    "sosw_scavenger_config", "sosw_worker_assistant_config"};

// Of the original: accepted, without effect at home.
constexpr std::array<std::string_view, 12> kElsewhere = {"init_clients",
                                                         "s3_prefix",
                                                         "queue_file",
                                                         "queue_bucket",
                                                         "shutdown_period",
                                                         "rows_to_process",
                                                         "task_operational_overhead_for_ddb",
                                                         "siblings_config",
                                                         "sns_config",
                                                         "meta_handler_config",
                                                         "default_simultaneous_invocations",
                                                         "dynamo_db_config"};
constexpr std::array<std::string_view, 9> kElsewhereInTaskConfig = {
    "init_clients",
    "dynamo_db_config",
    "sosw_closed_tasks_table",
    "sosw_closed_tasks_labourer_status_index",
    "sosw_retry_tasks_table",
    "sosw_retry_tasks_greenfield_index",
    "ecology_config",
    "greenfield_task_step",
    "greenfield_invocation_delta"};

constexpr std::array<std::string_view, 17> kSettings = {"labourers",
                                                        "task_config",
                                                        "job_schema",
                                                        "job_schema_variants",
                                                        "custom_period_patterns",
                                                        "invocation_number_coefficient",
                                                        "retry_tasks_limit",
                                                        "retry",
                                                        "max_attempts",
                                                        "max_simultaneous_invocations",
                                                        "rules",
                                                        "alarms",
                                                        "configs",
                                                        "watermark",
                                                        "synchronous",
                                                        "health_interval",
                                                        "listen"};

template <class List>
bool has(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

class Reading {
 public:
  Reading(const fs::path& file, std::span<const std::string_view> functions)
      : name_(file.filename().string()), functions_(functions) {
    std::error_code ignored;  // then the path stays as it is
    const auto absolute = fs::absolute(file, ignored);
    config_.folder = (absolute.empty() ? file : absolute).lexically_normal().parent_path();
  }

  CheckedConfig run(std::string_view text) {
    const auto parsed = parse_config(text, name_);
    if (!parsed) {
      errors_.push_back(parsed.error());
    } else if (!parsed->is_object()) {
      fail(invalid(fmt::format("must be an object, found {}", described(*parsed))));
    } else {
      read(parsed->get_object());
    }
    CheckedConfig checked{std::nullopt, std::move(errors_), std::move(warnings_)};
    if (checked.errors.empty()) checked.config = std::move(config_);
    return checked;
  }

 private:
  void fail(const Error& error) { fail_in("", error); }
  // Every one of them, once: defaults of all labourers are read with each.
  void fail_in(std::string_view place, const Error& error) {
    Error one{error.code,
              fmt::format("{}: {}{}{}", name_, place, place.empty() ? "" : ": ", error.message),
              error.hint,
              {}};
    if (std::none_of(errors_.begin(), errors_.end(),
                     [&](const Error& known) { return known.message == one.message; }))
      errors_.push_back(std::move(one));
    for (const Error& other : error.others) fail_in(place, other);
  }
  void warn(std::string message, std::string hint = {}) {
    warnings_.push_back(invalid(fmt::format("{}: {}", name_, message), std::move(hint)));
  }

  // Complains about what no document of this kind may have, and says what has no effect here.
  void check_keys(const std::string& where, const json::object& document, bool whole_file) {
    std::vector<std::string_view> known(kSettings.begin(), kSettings.end());
    if (whole_file) known.insert(known.end(), kDocuments.begin(), kDocuments.end());
    for (const auto& [key, value] : document) {
      if (has(kElsewhere, key)) {
        warn(fmt::format("{}{} has no effect at home", where, std::string_view(key)));
      } else if (!has(known, key)) {
        fail(invalid(fmt::format("{}{}: unknown key", where, std::string_view(key)),
                     suggestion(key, known)));
      }
    }
    const auto* task_config = document.if_contains("task_config");
    if (task_config == nullptr || !task_config->is_object()) return;
    const std::vector<std::string_view> known_tasks = {"labourers", "max_attempts",
                                                       "max_simultaneous_invocations",
                                                       "max_closed_to_analyse_for_duration"};
    for (const auto& [key, value] : task_config->get_object()) {
      if (has(kElsewhereInTaskConfig, key)) {
        warn(fmt::format("{}task_config.{} has no effect at home", where, std::string_view(key)));
      } else if (!has(known_tasks, key) && !std::string_view(key).starts_with("max_attempts_")) {
        fail(invalid(fmt::format("{}task_config.{}: unknown key", where, std::string_view(key)),
                     suggestion(key, known_tasks)));
      }
    }
  }

  void read(const json::object& file) {
    json::object merged;
    for (const auto document : kDocuments) {
      const auto* value = file.if_contains(document);
      if (value == nullptr || value->is_null()) continue;
      if (!value->is_object()) {
        fail(invalid(fmt::format("{} must be an object, found {}", document, described(*value))));
        continue;
      }
      check_keys(fmt::format("{}.", document), value->get_object(), false);
      merged = recursive_update(merged, with_short_labourers(value->get_object()));
    }
    check_keys("", file, true);
    auto own = with_short_labourers(file);
    for (const auto document : kDocuments) own.erase(document);
    merged = recursive_update(merged, own);

    ConfigReader reader("settings", merged);
    read_labourers(reader);
    read_settings(reader);
    read_rules(reader);
    read_alarms(reader);
    if (const auto* configs = reader.object("configs"))
      for (const auto& [name, value] : *configs) config_.configs.emplace(name, value);
    if (reader.failed()) fail(*reader.failed());
  }

  // `labourers` moves into task_config.labourers, where it wins.
  static json::object with_short_labourers(const json::object& document) {
    json::object out = document;
    const auto* labourers = document.if_contains("labourers");
    if (labourers == nullptr || !labourers->is_object()) return out;
    out.erase("labourers");
    return recursive_update(out, {{"task_config", {{"labourers", *labourers}}}});
  }

  void read_labourers(ConfigReader& reader) {
    static const json::object kNone;
    reader.object("labourers");  // one that is an object has moved
    const auto* task_config = reader.object("task_config");
    json::object defaults = task_config ? *task_config : kNone;
    for (const std::string_view key : {"max_attempts", "max_simultaneous_invocations"})
      if (const auto* value = reader.value(key)) defaults[key] = *value;
    ConfigReader tasks("task_config", defaults);
    if (const auto number = tasks.integer("max_closed_to_analyse_for_duration", 1, 100'000))
      config_.max_closed_to_analyse_for_duration = static_cast<int>(*number);
    const auto* labourers = tasks.object("labourers");
    if (tasks.failed()) fail(*tasks.failed());
    const auto* retry = reader.object("retry");
    if (labourers == nullptr || labourers->empty()) {
      if (errors_.empty())
        warn("no labourers are configured: no job can be scheduled",
             "add \"labourers\": {\"NAME\": {\"command\": [...]}}");
      return;
    }
    for (const auto& [id, entry] : *labourers) {
      if (!entry.is_object()) {
        fail(invalid(fmt::format("labourer '{}' must be an object, found {}", std::string_view(id),
                                 described(entry))));
        continue;
      }
      json::object settings = entry.get_object();
      if (retry != nullptr && !settings.contains("retry")) settings["retry"] = *retry;
      known_labourers_.emplace_back(id);
      auto labourer = read_labourer(known_labourers_.back(), settings, defaults);
      if (!labourer) fail(labourer.error());
      // Also of one that could not be read: all that is wrong is told at once.
      check_worker(known_labourers_.back(), settings);
      check_metrics(known_labourers_.back(), settings);
      if (!labourer) continue;
      config_.labourers[labourer->id] = *labourer;
      say_how_attempts_end(config_.labourers[labourer->id]);
    }
  }

  // Who tells the end of an attempt, and what a restart of the engine does to it.
  static void say_how_attempts_end(Labourer& labourer) {
    const auto is = [&](std::string_view key) {
      const auto* value = labourer.settings.if_contains(key);
      return value != nullptr && !value->is_null();
    };
    const bool child = is("command") || is("exec");
    if (child || is("http")) {
      labourer.expiry = Expiry::host;
      labourer.on_restart = child ? OnRestart::give_back : OnRestart::wait;
      // Its report may come when its process has ended long ago: only the deadline ends the
      // waiting.
      const auto* completes = labourer.settings.if_contains("completes");
      if (completes != nullptr && *completes == json::value("report"))
        labourer.expiry = Expiry::deadline;
    } else if (labourer.arn.empty()) {
      labourer.expiry = Expiry::host;
      labourer.on_restart = OnRestart::use_attempt;
    }
  }

  // What read_labourer() does not know: this machine. Values of a wrong type it has told of.
  void check_worker(const std::string& id, const json::object& settings) {
    const auto given = [&](std::string_view key) {
      const auto* value = settings.if_contains(key);
      return value != nullptr && !value->is_null() ? value : nullptr;
    };
    if (const auto* url = given("http"); url != nullptr && url->is_string())
      if (const auto checked = check_url(std::string(url->get_string())); !checked)
        fail_in(fmt::format("labourer '{}': http", id), checked.error());
    for (const auto* key : {"command", "exec"}) {
      const auto* words = given(key);
      if (words == nullptr || !words->is_array() || words->get_array().empty() ||
          !words->get_array().front().is_string())
        continue;
      const auto* own = given("working_dir");
      const auto folder = own && own->is_string() ? config_.folder / std::string(own->get_string())
                                                  : config_.folder;
      check_program(fmt::format("labourer '{}': {}", id, key),
                    std::string(words->get_array().front().get_string()), folder);
    }
    const auto* arn = given("arn");
    const bool elsewhere = arn != nullptr && !(arn->is_string() && arn->get_string().empty());
    if (!given("command") && !given("exec") && !given("http") && !elsewhere && !has(functions_, id))
      fail(invalid(fmt::format("labourer '{}': nothing says how its worker is started", id),
                   "give one of command, exec, http, arn"));
  }

  void check_metrics(const std::string& id, const json::object& settings) {
    const auto* metrics = settings.if_contains("health_metrics");
    if (metrics == nullptr || !metrics->is_object()) return;
    for (const auto& [name, metric] : metrics->get_object()) {
      const auto* details =
          metric.is_object() ? metric.get_object().if_contains("details") : nullptr;
      if (details == nullptr || !details->is_object()) continue;
      if (const auto checked = Probes::check(details->get_object()); !checked)
        fail_in(fmt::format("labourer '{}': health_metrics '{}'", id, std::string_view(name)),
                checked.error());
    }
  }

  void check_program(const std::string& where, const std::string& program, const fs::path& folder) {
    const char* search = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nobody sets it
    if (const auto found = find_program(program, folder.string(), search ? search : ""); !found)
      warn(fmt::format("{}: {}", where, found.error().message), found.error().hint);
  }

  void read_settings(ConfigReader& reader) {
    for (const auto& [key, into] : {std::pair{"job_schema", &config_.job_schema},
                                    std::pair{"job_schema_variants", &config_.job_schema_variants}})
      if (const auto* object = reader.object(key)) *into = *object;
    if (const auto* patterns = reader.value("custom_period_patterns"))
      config_.custom_period_patterns = *patterns;
    check_language_of_jobs();
    if (const auto* coefficients = reader.object("invocation_number_coefficient")) {
      if (auto read = read_coefficients(*coefficients))
        config_.coefficients = *std::move(read);
      else
        fail(read.error());
    }
    config_.watermark = reader.integer("watermark", 1, kMost).value_or(config_.watermark);
    config_.retry_tasks_limit =
        reader.integer("retry_tasks_limit", -1, kMost).value_or(config_.retry_tasks_limit);
    config_.health_interval_s =
        reader.number("health_interval", 1, 86400).value_or(config_.health_interval_s);
    config_.synchronous_full = reader.choice("synchronous", {"full", "normal"}).value_or(0) == 0;
    if (const auto* listen = reader.value("listen")) {
      if (listen->is_bool() && !listen->get_bool()) {
        config_.listen.clear();
      } else if (const auto address = reader.text("listen")) {
        const auto colon = address->rfind(':');
        const auto port = colon == address->npos ? std::string() : address->substr(colon + 1);
        const bool right = !port.empty() && port.size() <= 5 && colon > 0 &&
                           port.find_first_not_of("0123456789") == port.npos &&
                           std::stoi(port) <= 65535;
        if (!right)
          reader.fail("listen", fmt::format("'{}' is no address", *address),
                      "\"127.0.0.1:8787\", or false for none");
        config_.listen = *address;
      }
    }
  }

  void read_rules(ConfigReader& reader) {
    const auto* rules = reader.object("rules");
    if (rules == nullptr) return;
    for (const auto& [name, value] : *rules) {
      const auto where = fmt::format("rule '{}'", std::string_view(name));
      if (!value.is_object()) {
        fail(invalid(fmt::format("{} must be an object, found {}", where, described(value))));
        continue;
      }
      ConfigReader entry(where, value.get_object());
      Rule rule;
      rule.name = std::string(name);
      rule.timezone = entry.text("timezone").value_or("UTC");
      if (const auto text = entry.text("schedule")) {
        rule.schedule_text = *text;
        if (auto schedule = Schedule::parse(*text, rule.timezone))
          rule.schedule = *schedule;
        else
          entry.fail_in(where, schedule.error());
      } else if (!value.get_object().contains("schedule")) {
        entry.fail("schedule", "is missing", "rate(5 minutes) or cron(0 8 ? * MON-FRI *)");
      }
      if (const auto* job = entry.object("job")) {
        rule.job = *job;
        check_job(entry, *job);
      } else if (!value.get_object().contains("job")) {
        entry.fail("job", "is missing",
                   "what the Scheduler gets: {\"lambda_name\": \"word_count\", ...}");
      }
      constexpr std::array kCatchUp = {CatchUp::none, CatchUp::last, CatchUp::all};
      rule.catch_up = kCatchUp[entry.choice("catch_up", {"none", "last", "all"}).value_or(1)];
      rule.catch_up_limit = static_cast<int>(
          entry.integer("catch_up_limit", 1, 100'000).value_or(rule.catch_up_limit));
      rule.enabled = entry.flag("enabled").value_or(true);
      if (const auto done = entry.finish(); !done)
        fail(done.error());
      else
        config_.rules.push_back(std::move(rule));
    }
  }

  void check_job(ConfigReader& rule, const json::object& job) {
    const auto request = extract_job_from_payload(job);
    if (!request)
      return rule.fail("job", fmt::format("is no job: {}", request.error().message),
                       "what the Scheduler gets: {\"lambda_name\": \"word_count\", ...}");
    if (has(known_labourers_, request->lambda_name)) return;
    rule.fail(
        "job", fmt::format("is for '{}', which is no labourer", request->lambda_name),
        suggestion(request->lambda_name, std::vector<std::string_view>(known_labourers_.begin(),
                                                                       known_labourers_.end())));
  }

  void check_language_of_jobs() {
    const json::object schemas = {{"job_schema", config_.job_schema},
                                  {"job_schema_variants", config_.job_schema_variants}};
    std::vector<std::string> names = {"default"};
    for (const auto& [name, variant] : config_.job_schema_variants)
      if (name != "default") names.emplace_back(name);
    for (const auto& name : names)
      if (const auto schema = JobSchema::from_config(schemas, name); !schema) fail(schema.error());
    if (const auto periods = Periods::from_config(config_.custom_period_patterns); !periods)
      fail(periods.error());
  }

  void read_alarms(ConfigReader& reader) {
    const auto* alarms = reader.object("alarms");
    if (alarms == nullptr) return;
    ConfigReader entry("alarms", *alarms);
    config_.alarms.log = entry.flag("log").value_or(true);
    if (auto command = entry.texts("command")) {
      check_program("alarms: command", command->front(), config_.folder);
      config_.alarms.command = *std::move(command);
    }
    if (auto webhook = entry.text("webhook")) {
      if (const auto checked = check_url(*webhook); !checked)
        entry.fail("webhook", checked.error().message, checked.error().hint);
      config_.alarms.webhook = *std::move(webhook);
    }
    if (const auto timeout = entry.number("timeout_s", 0.001, 3600))
      config_.alarms.timeout =
          std::chrono::milliseconds(static_cast<std::int64_t>(*timeout * 1000));
    if (const auto done = entry.finish(); !done) fail(done.error());
  }

  std::string name_;
  std::span<const std::string_view> functions_;
  HomeConfig config_;
  std::vector<std::string> known_labourers_;  // also those that could not be read
  std::vector<Error> errors_, warnings_;
};

}  // namespace

CheckedConfig check_home_config(std::string_view text, const fs::path& file,
                                std::span<const std::string_view> functions) {
  return Reading(file, functions).run(text);
}

Result<HomeConfig> read_home_config(const fs::path& file,
                                    std::span<const std::string_view> functions) {
  const auto text = read_file(file);
  if (!text) {
    auto error = text.error();
    if (error.code == Code::not_found)
      error.hint = "`sosw init` makes a project; --config names another file";
    return error;
  }
  auto checked = check_home_config(*text, file, functions);
  if (checked.config) return *std::move(checked.config);
  std::string all;
  for (const auto& error : checked.errors)
    all += fmt::format("{}{}", all.empty() ? "" : "\n", error.text());
  return invalid(std::move(all));
}

}  // namespace sosw::local
