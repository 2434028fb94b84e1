// SPDX-License-Identifier: MIT
// See essential.h.
#include "cli/essential.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iterator>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "aws/endpoints.h"
#include "aws/lambda.h"
#include "aws/services.h"
#include "cli/aws_process.h"
#include "cloud/alarm_notifier.h"
#include "cloud/audit_log.h"
#include "cloud/cloudwatch_metrics.h"
#include "cloud/config_documents.h"
#include "cloud/dynamodb_tables.h"
#include "cloud/fleet_config.h"
#include "cloud/functions.h"
#include "cloud/lambda_invoker.h"
#include "cloud/queue_files.h"
#include "core/json_text.h"
#include "sdk/environment.h"
#include "sosw/errors.h"
#include "sosw/helpers.h"
#include "sosw/logging.h"

namespace sosw::cli {
namespace {

using cloud::Essential;
using cloud::RunReport;

constexpr double kMargin = 10;  // s before the end of a run in which nothing new is begun
constexpr std::size_t kLanes = 8;
constexpr std::array kEssentials = {Essential::scheduler, Essential::orchestrator,
                                    Essential::scavenger, Essential::worker_assistant};

void sleep_s(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

void warn(const std::string& line) { log(LogLevel::warning, line); }

// The date in a zone whose rules lie on the machine (TZDIR, else /usr/share/zoneinfo), read by
// libc: a static program has no other. The environment is this one thread's as long as the
// Scheduler serves one event at a time.
Result<Date> today_in(std::string_view zone, Time now) {
  if (zone.empty() || zone == "UTC") return std::chrono::floor<std::chrono::days>(now);
  auto folder = sdk::environment("TZDIR");
  if (folder.empty()) folder = "/usr/share/zoneinfo";
  const auto file = fmt::format("{}/{}", folder, zone);
  if (zone.find("..") != zone.npos || access(file.c_str(), R_OK) != 0)
    return invalid(fmt::format("timezone '{}' is not known here: there is no {}", zone, file),
                   "a name of the tz database (Europe/Berlin); a layer with its files is found by "
                   "the variable TZDIR");
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  const auto before = sdk::environment("TZ");
  // NOLINTBEGIN(concurrency-mt-unsafe): of the threads of a run none is there now
  setenv("TZ", fmt::format(":{}", file).c_str(), 1);
  tzset();
  const std::time_t seconds = epoch_seconds(now);
  std::tm local{};
  localtime_r(&seconds, &local);
  before.empty() ? unsetenv("TZ") : setenv("TZ", before.c_str(), 1);
  // NOLINTEND(concurrency-mt-unsafe)
  tzset();
  using std::chrono::year, std::chrono::month, std::chrono::day;
  return Date{year(local.tm_year + 1900) / month(static_cast<unsigned>(local.tm_mon + 1)) /
              day(static_cast<unsigned>(local.tm_mday))};
}

// Thrown to the runtime: what is wrong with the event, or what may work later.
[[noreturn]] void raise(const Error& error) {
  if (error.code == Code::invalid || error.code == Code::not_found) throw ValueError(error.text());
  throw RuntimeError(error.text());
}

cloud::ConfigDocuments::Options documents_or_throw() {
  auto options = configured_documents(warn);
  if (!options) raise(options.error());
  return *std::move(options);
}

bool asks_to_continue(const json::value& message) {
  const auto* object = message.if_object();
  const auto* flag = object && !object->contains("job") && !object->contains("lambda_name")
                         ? object->if_contains("continue_jobs")
                         : nullptr;
  return flag != nullptr && *flag == json::value(true);
}

// The queue file of the original that an event is about; empty: of none. An event with a job is
// about that, whatever the job is to be told of files.
std::string file_in(const json::value& message) {
  const auto* object = message.if_object();
  const auto* name = object ? object->if_contains("file_name") : nullptr;
  if (name == nullptr || !name->is_string()) return {};
  for (const auto* key : {"job", "lambda_name", "labourer_id"})
    if (object->contains(key)) return {};
  const std::string_view path = name->get_string();
  return std::string(path.substr(path.rfind('/') + 1));
}

}  // namespace

Result<Essential> chosen_essential(std::string_view handler, std::string_view function) {
  for (const auto text : {handler.substr(0, handler.find('.')), function}) {
    for (const Essential one : kEssentials)
      if (text.find(cloud::name_of(one)) != text.npos) return one;
  }
  return invalid(
      fmt::format("nothing says which Essential this is: the handler is '{}', the function '{}'",
                  handler, function),
      "set the handler of the function to sosw_scheduler, sosw_orchestrator, sosw_scavenger or "
      "sosw_worker_assistant");
}

std::vector<std::string> keys_of(const json::object& event, const json::array& messages,
                                 const std::string& request_id) {
  std::vector<std::string> keys;
  const auto* records = event.if_contains("Records");
  const bool all =
      records != nullptr && records->is_array() && records->get_array().size() == messages.size();
  for (std::size_t i = 0; i < messages.size(); ++i) {
    std::string key = messages.size() == 1 ? request_id : fmt::format("{}/{}", request_id, i);
    const auto take = [&](const json::value* id) {
      if (id != nullptr && id->is_string() && !id->get_string().empty())
        key = std::string(id->get_string());
    };
    if (all && records->get_array()[i].is_object()) {
      const auto& record = records->get_array()[i].get_object();
      take(record.if_contains("messageId"));
      if (const auto* sns = record.if_contains("Sns"); sns != nullptr && sns->is_object())
        take(sns->get_object().if_contains("MessageId"));
    }
    if (const auto* message = messages[i].if_object();
        message != nullptr && (message->contains("job") || message->contains("detail-type")))
      take(message->if_contains("id"));
    keys.push_back(std::move(key));
  }
  return keys;
}

std::vector<Message> messages_of(const json::object& event, const std::string& request_id,
                                 std::optional<Error>& refused) {
  const auto* records = event.if_contains("Records");
  std::vector<json::object> parts;
  if (records != nullptr && records->is_array())
    for (const auto& record : records->get_array())
      parts.push_back({{"Records", json::array(1, record)}});
  if (parts.empty()) parts.push_back(event);
  std::vector<Message> messages;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    try {
      const auto bodies = unwrap_event_recursively(parts[i]);
      const auto keys = keys_of(
          parts[i], bodies, parts.size() == 1 ? request_id : fmt::format("{}/{}", request_id, i));
      for (std::size_t n = 0; n < bodies.size(); ++n) messages.push_back({bodies[n], keys[n]});
    } catch (const std::exception& error) {
      refused = invalid(fmt::format("message {} of the event: {}", i + 1, error.what()),
                        "a message of SQS or SNS is the JSON text of an event");
    }
  }
  return messages;
}

json::object report_of(Essential essential, const RunReport& run, std::size_t configured,
                       Time began, Time ended) {
  const std::pair<const char*, std::int64_t> counts[] = {
      {"looks", run.looks},       {"rows_made", run.rows_made},    {"started", run.started},
      {"archived", run.archived}, {"expired", run.expired},        {"retried", run.retried},
      {"dead", run.dead},         {"alarms_sent", run.alarms_sent}};
  json::array metrics;
  json::object out = {{"essential", cloud::name_of(essential)}};
  const auto metric = [&](const char* name, const char* unit) {
    metrics.push_back({{"Name", name}, {"Unit", unit}});
  };
  for (const auto& [name, count] : counts) {
    out[name] = count;
    metric(name, "Count");
  }
  out["skipped_count"] = run.skipped.size();
  metric("skipped_count", "Count");
  out["labourers"] = configured;
  metric("labourers", "Count");
  out["duration_ms"] = std::chrono::round<std::chrono::milliseconds>(ended - began).count();
  metric("duration_ms", "Milliseconds");
  out["more"] = run.more;
  out["failed"] = run.failed;
  json::array skipped;
  for (const auto& one : run.skipped) {
    json::object entry = {{"reason", one.reason}};
    if (!one.labourer_id.empty()) entry["labourer_id"] = one.labourer_id;
    skipped.push_back(std::move(entry));
  }
  if (!skipped.empty()) out["skipped"] = std::move(skipped);
  out["_aws"] = {
      {"Timestamp",
       std::chrono::duration_cast<std::chrono::milliseconds>(ended.time_since_epoch()).count()},
      {"CloudWatchMetrics",
       json::array{{{"Namespace", "sosw"},
                    {"Dimensions", json::array(1, json::array(1, "essential"))},
                    {"Metrics", std::move(metrics)}}}}};
  return out;
}

// ------------------------------------------------------------------------------------------------

struct EssentialFunction::State {
  // What is made anew when the configuration has changed.
  struct Wired {
    Wired(Essential essential, cloud::FleetConfig given, std::string function,
          const engine::Clock& clock)
        : config(std::move(given)),
          tables({.client = {}, .pause = pause_between_tries}),
          store(tables, options_of(essential, config)),
          audit(tables, {.table = config.audit_table,
                         .author = std::move(function),
                         .warn = warn,
                         .clock = &clock}),
          invoker({}),
          metrics({.defaults = config.default_metric_values}),
          notifier(targets_of(config)),
          functions({}, clock),
          essentials(
              {store, store, invoker, metrics, notifier, clock, config.audit ? &audit : nullptr},
              settings_of(config)) {
      if (!config.queue_bucket.empty())
        queue_files.emplace(
            cloud::QueueFiles::Options{.bucket = config.queue_bucket,
                                       .prefix = config.queue_prefix,
                                       .queue_file = config.queue_file,
                                       .take_locked = config.take_locked_queue_files});
    }

    static cloud::TableStore::Options options_of(Essential essential,
                                                 const cloud::FleetConfig& config) {
      auto options = config.tasks.tables;
      options.holder = random_name();
      options.nonce = random_name();
      options.leaves_letters = essential == Essential::worker_assistant;
      options.pause = pause_between_tries;
      options.warn = warn;
      return options;
    }
    static cloud::AlarmNotifier::Options targets_of(const cloud::FleetConfig& config) {
      cloud::AlarmNotifier::Options options;
      options.topic_arn = config.alarm_topic;
      options.function = config.alarm_function;
      if (!config.alarm_subject.empty()) options.subject = config.alarm_subject;
      options.log = [](const std::string& line) { log(LogLevel::error, line); };
      return options;
    }
    static cloud::Essentials::Settings settings_of(const cloud::FleetConfig& config) {
      cloud::Essentials::Settings settings;
      settings.orchestrator = config.orchestrator;
      settings.orchestrator.claim_batch = 96;  // what is claimed must start within a second
      settings.scavenger = config.scavenger;
      settings.task_manager = config.tasks.durations;
      settings.scheduler = config.scheduler;
      settings.lanes = std::clamp<std::size_t>(config.labourers.size(), 1, kLanes);
      settings.sleep = sleep_s;
      settings.orphans_every_s = 600;
      settings.scheduler.today = today_in;
      return settings;
    }

    const cloud::FleetConfig config;
    cloud::DynamoDbTables tables;
    cloud::TableStore store;
    cloud::AuditLog audit;
    cloud::LambdaInvoker invoker;
    cloud::CloudWatchMetrics metrics;
    cloud::AlarmNotifier notifier;
    cloud::Functions functions;
    cloud::Essentials essentials;
    std::optional<cloud::QueueFiles> queue_files;
  };

  State(Essential which, const engine::Clock& the_clock)
      : essential(which),
        clock(the_clock),
        function(sdk::environment("AWS_LAMBDA_FUNCTION_NAME")),
        documents(documents_or_throw(), the_clock) {}

  json::object document(const std::string& name) {
    auto found = documents.config(name);
    if (found) return *std::move(found);
    // To work with other settings than the stored ones would be worse.
    if (found.error().code != Code::not_found) raise(found.error());
    return {};
  }

  // As configured now.
  Wired& wired() {
    std::vector<json::object> now;
    now.push_back(document("sosw_essential_config"));
    now.push_back(
        document((function.empty() ? fmt::format("sosw_{}", cloud::name_of(essential)) : function) +
                 "_config"));
    if (wired_ && now == as_configured_) return *wired_;
    auto config = fleet_config(now);
    if (!config) raise(config.error());
    for (const auto& warning : config->tasks.warnings) warn(warning);
    if (config->labourers.empty())
      log(LogLevel::error,
          fmt::format("no labourer is configured: neither sosw_essential_config nor {}_config "
                      "has `task_config.labourers`",
                      function));
    cloud::Essentials::Owed owed;
    if (wired_) owed = wired_->essentials.take_owed();
    wired_.emplace(essential, *std::move(config), function, clock);
    wired_->essentials.owe(std::move(owed));
    as_configured_ = std::move(now);
    check();
    return *wired_;
  }

  // The same without a look at the configuration. REQUIRES: wired() was called.
  Wired& current() { return *wired_; }

  // Only tells: what is missing may not be needed by this event, and what is needed fails by
  // itself.
  void check() {
    auto& one = *wired_;
    const auto missing =
        cloud::self_check(one.tables, essential, one.config.tasks.tables,
                          one.config.audit ? std::string_view(one.config.audit_table) : "");
    for (const auto& line : missing) log(LogLevel::error, "self-check: " + line);
    if (essential == Essential::scavenger && one.config.alarm_topic.empty() &&
        one.config.alarm_function.empty())
      warn(
          "nobody is told of dead tasks but this log: set `sns_config.recipient` or "
          "`alarm_function`");
  }

  const Essential essential;
  const engine::Clock& clock;
  const std::string function;
  cloud::ConfigDocuments documents;

 private:
  std::vector<json::object> as_configured_;
  std::optional<Wired> wired_;
};

namespace {

// With what its function is configured to on Lambda.
engine::Labourers registered(cloud::Functions& functions, const engine::Labourers& configured,
                             RunReport& run) {
  engine::Labourers labourers = configured;
  for (auto& problem : functions.register_labourers(labourers)) run.skip({}, problem);
  for (const auto& [id, labourer] : labourers) {
    if (labourer.timeout_s > labourer.duration_s + labourer.cooldown_s)
      run.skip(id, fmt::format("its function may run for {} s, but counts as expired after {} s: "
                               "raise `duration` or `cooldown`, or lower the function's timeout",
                               labourer.timeout_s, labourer.duration_s + labourer.cooldown_s));
  }
  return labourers;
}

Essential chosen_or_throw() {
  const auto chosen =
      chosen_essential(sdk::environment("_HANDLER"), sdk::environment("AWS_LAMBDA_FUNCTION_NAME"));
  if (!chosen) throw ValueError(chosen.error().text());
  return *chosen;
}

// Files that a Scheduler of the original has left become jobs. `named`: those that events were
// about, beside which all are taken that wait.
void take_over_files(cloud::QueueFiles& files, engine::TaskStore& store,
                     std::set<std::string> named, std::int64_t make_now, const engine::Clock& clock,
                     Time until, RunReport& run) {
  const auto waiting = files.waiting(clock.now());
  if (!waiting) return run.skip({}, "queue files: " + waiting.error().text());
  for (const auto& file : *waiting) named.erase(file.name);
  for (const auto& name : named)
    run.skip({},
             fmt::format("the event is about the queue file {}, which is not there: it is taken "
                         "over already, or never was",
                         name));
  for (const auto& file : *waiting) {
    if (!file.remark.empty()) run.skip({}, fmt::format("{}: {}", file.name, file.remark));
    if (!file.take) continue;
    if (clock.now() >= until) {
      run.more = true;
      return;
    }
    bool all = true;
    std::vector<std::string> refused;
    for (cloud::QueueFiles::Place at; at.byte < file.size;) {
      auto content = files.read(file, at);
      if (!content) {
        run.skip({}, fmt::format("{}: {}", file.name, content.error().text()));
        all = false;
        break;
      }
      for (const auto& job : content->jobs) {
        if (clock.now() >= until) {
          run.more = true;
          return;  // as below
        }
        if (const auto accepted = store.accept(job, make_now, clock.now()))
          continue;
        else
          run.skip(job.labourer_id, fmt::format("{}: {}", file.name, accepted.error().text()));
        all = false;
      }
      std::move(content->refused.begin(), content->refused.end(), std::back_inserter(refused));
      at = content->next;
    }
    if (!all) continue;  // it stays, and its jobs are known when it is read again
    if (const auto done = files.finish(file, refused); !done)
      run.skip({}, fmt::format("{}: {}", file.name, done.error().text()));
  }
}

}  // namespace

EssentialFunction::EssentialFunction(const engine::Clock* clock)
    : state_(std::make_unique<State>(chosen_or_throw(), *clock)) {}
EssentialFunction::~EssentialFunction() = default;

// Of one invocation.
struct EssentialFunction::Outcome {
  RunReport run;
  json::array answers;          // one for each message that was worked on
  std::optional<Error> failed;  // of a message; the others were tried all the same
  bool accepted = false;        // a job
};

// What the Scheduler does: jobs, queue files of the original, and rows until its time is over.
void EssentialFunction::schedule(const std::vector<Message>& messages, Time until,
                                 Outcome& outcome) {
  auto& wired = state_->current();
  auto& run = outcome.run;
  std::set<std::string> files;
  for (const auto& message : messages) {
    if (auto file = file_in(message.body); !file.empty() || asks_to_continue(message.body)) {
      if (!file.empty()) files.insert(std::move(file));
      outcome.answers.push_back(json::object());
      continue;
    }
    const auto accepted =
        wired.essentials.schedule(wired.config.labourers, message.body, message.key);
    if (!accepted) {
      outcome.failed = accepted.error();
      continue;
    }
    outcome.accepted = true;
    outcome.answers.push_back(
        {{"job_id", accepted->job_id}, {"tasks", accepted->rows}, {"already", accepted->already}});
    run.rows_made += accepted->made;
  }
  if (wired.queue_files)
    take_over_files(*wired.queue_files, wired.store, std::move(files),
                    wired.config.scheduler.make_now, state_->clock, until, run);
  else
    for (const auto& file : files)
      run.skip({}, fmt::format("the event is about the queue file {}, and no `queue_bucket` is "
                               "configured",
                               file));
  run.add(wired.essentials.continue_jobs(wired.config.labourers, until));
  for (auto& answer : outcome.answers) answer.get_object()["rows_made"] = run.rows_made;
  // Without an Orchestrator of ours nobody else goes on. A run that made nothing calls no next one.
  if (!run.more || run.rows_made == 0) return;
  aws::Lambda lambda(std::nullopt, region(),
                     aws::find_endpoint(*aws::find_service("lambda"), region()).url);
  const auto next = lambda.invoke({.function = state_->function,
                                   .payload = R"({"continue_jobs": true})",
                                   // Less than is left: a job that was accepted must not time out.
                                   .timeout = std::chrono::seconds(5)});
  if (next.outcome != aws::Outcome::accepted)
    run.skip({}, fmt::format("the rest of the rows waits for the next run of an Essential: this "
                             "function cannot invoke itself: {}",
                             next.error_message));
}

json::value EssentialFunction::operator()(const json::object& event) {
  const Time began = state_->clock.now();
  auto& wired = state_->wired();
  wired.audit.invoked(context().aws_request_id, context().log_stream_name);
  const auto& config = wired.config;
  const double left_s = std::chrono::duration<double>(context().remaining_time()).count();
  const auto within = [&](double most_s) {
    return after(began, std::min(most_s, left_s - std::min(kMargin, left_s / 4)));
  };

  Outcome outcome;
  auto& run = outcome.run;
  for (const Error& bad : config.tasks.bad_labourers) run.skip({}, bad.text());
  switch (state_->essential) {
    case Essential::orchestrator:
      run.add(wired.essentials.orchestrate(registered(wired.functions, config.labourers, run),
                                           within(config.run_s), within(left_s)));
      break;
    case Essential::scavenger:
      run.add(wired.essentials.scavenge(registered(wired.functions, config.labourers, run),
                                        within(config.run_s), within(left_s)));
      break;
    case Essential::scheduler:
      schedule(messages_of(event, context().aws_request_id, outcome.failed), within(left_s),
               outcome);
      break;
    case Essential::worker_assistant:
      for (const auto& message : messages_of(event, context().aws_request_id, outcome.failed)) {
        auto answer = wired.essentials.assist(config.labourers, message.body);
        if (answer)
          outcome.answers.push_back(*std::move(answer));
        else
          outcome.failed = answer.error();
      }
      break;
  }
  // A line for each report of a worker would cost more than it tells.
  if (state_->essential != Essential::worker_assistant || !run.skipped.empty())
    fmt::print("{}\n", json::serialize(report_of(state_->essential, run, config.labourers.size(),
                                                 began, state_->clock.now())));
  if (outcome.failed) raise(*outcome.failed);
  // A job is accepted whatever became of the rows of this and of others: who is told that it failed
  // sends it once more, as another one.
  if (run.failed && !outcome.accepted)
    throw RuntimeError(run.skipped.empty() ? "not all was done" : run.skipped.front().reason);
  auto& answers = outcome.answers;
  if (answers.empty()) return nullptr;
  return answers.size() == 1 ? std::move(answers.front()) : json::value(std::move(answers));
}

}  // namespace sosw::cli
