// SPDX-License-Identifier: MIT
// See aws_home.h.
#include "cli/aws_home.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>
#include <variant>
#include <vector>

#include "aws/credentials.h"
#include "aws/endpoints.h"
#include "cli/assemble.h"
#include "cli/aws_process.h"
#include "cli/screen.h"
#include "core/json_text.h"
#include "engine/scheduler.h"
#include "local/file.h"
#include "local/system_clock.h"

namespace sosw::cli {
namespace {

constexpr std::int64_t kRowsBetweenLooks = 1'000;  // at the clock
constexpr const char* kShared = "sosw_essential_config";
// Of a file for the home on one machine: without effect here.
constexpr std::array kAtHome = {"rules",           "alarms",      "configs",
                                "health_interval", "synchronous", "listen"};
constexpr std::array kDocuments = {kShared, "sosw_scheduler_config", "sosw_orchestrator_config",
                                   "sosw_scavenger_config", "sosw_worker_assistant_config"};
constexpr std::array kLive = {State::queued, State::running, State::completed, State::failed,
                              State::retry};

void warn(const std::string& line) {
  fmt::print(stderr, "{} {}\n", Screen::of(stderr).paint(Colour::yellow, "warning:"), line);
}

using Documents = Result<std::vector<json::object>>;

Documents documents_in_file(const Common& common) {
  const auto text = local::read_file(std::filesystem::absolute(common.config));
  if (!text)
    return invalid(text.error().message,
                   "without --config the configurations on AWS are read: the table `config`");
  const auto file = parse_config(*text, common.config);
  if (!file) return file.error();
  if (!file->is_object())
    return invalid(fmt::format("{}: not a JSON object", common.config), "it must start with {");
  std::vector<json::object> documents;
  json::object own = file->get_object();
  for (const std::string& name : {std::string(kShared), common.aws + "_config"}) {
    const auto* document = own.if_contains(name);
    if (document == nullptr || document->is_null()) continue;
    if (!document->is_object())
      return invalid(fmt::format("{}: {} must be an object", common.config, name));
    documents.push_back(document->get_object());
  }
  for (const auto* name : kDocuments) own.erase(name);
  for (const auto* name : kAtHome) own.erase(name);
  documents.push_back(std::move(own));
  return documents;
}

Documents documents_on_aws(const Common& common) {
  const local::SystemClock clock;
  const auto options = configured_documents(warn);
  if (!options) return options.error();
  cloud::ConfigDocuments source(*options, clock);
  std::vector<json::object> documents;
  bool any = false;
  for (const std::string& name : {std::string(kShared), common.aws + "_config"}) {
    auto document = source.config(name);
    if (!document && document.error().code != Code::not_found) {
      Error error = document.error();
      if (error.code == Code::invalid)
        error.hint = fmt::format(
            "SOSW_CONFIG_TABLE names another table, SOSW_CONFIG_SOURCE=SSM takes parameters "
            "instead, --config a file{}",
            error.hint.empty() ? "" : "; or " + error.hint);
      return error;
    }
    any = any || document;
    documents.push_back(document ? *std::move(document) : json::object());
  }
  if (!any)
    warn(
        fmt::format("there is neither {} nor {}_config: tables of the original's names are taken, "
                    "and no labourer is configured",
                    kShared, common.aws));
  return documents;
}

cloud::TableStore::Options store_options(const cloud::FleetConfig& config) {
  auto options = config.tasks.tables;
  options.holder = random_name();
  options.nonce = random_name();
  options.pause = pause_between_tries;
  options.warn = warn;
  return options;
}

}  // namespace

AwsHome::AwsHome(cloud::FleetConfig config, std::string region)
    : config_(std::move(config)),
      region_(std::move(region)),
      tables_({.client = {.region = region_}, .pause = pause_between_tries}),
      store_(tables_, store_options(config_)),
      audit_(tables_, {.table = config_.audit_table, .author = "sosw", .warn = warn}) {}

Result<std::shared_ptr<AwsHome>> AwsHome::open(const Common& common) {
  auto region = aws::find_region();
  if (region.empty())
    return invalid("--aws: no region is set",
                   "set AWS_REGION, or `region` of your profile in ~/.aws/config");
  const auto credentials = aws::credentials_of_process().get();
  if (const auto* why = std::get_if<std::string>(&credentials))
    return invalid(fmt::format("--aws: {}", *why),
                   "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
  const auto documents = common.config_given ? documents_in_file(common) : documents_on_aws(common);
  if (!documents) return documents.error();
  auto config = fleet_config(*documents);
  if (!config) return config.error();
  for (const auto& line : config->tasks.warnings) warn(line);
  for (const Error& bad : config->tasks.bad_labourers) warn(bad.text());
  return std::make_shared<AwsHome>(*std::move(config), std::move(region));
}

engine::Engine::Settings AwsHome::settings() const {
  engine::Engine::Settings settings;
  settings.labourers = config_.labourers;
  settings.orchestrator = config_.orchestrator;
  settings.scavenger = config_.scavenger;
  settings.task_manager = config_.tasks.durations;
  settings.scheduler = config_.scheduler;
  settings.scheduler.today = today_in;
  return settings;
}

Result<std::map<std::string, engine::LabourerStatus>> AwsHome::status() {
  auto all = store_.status();
  if (!all) return all.error();
  for (auto& [id, one] : *all) {
    for (const State state : kLive) {
      // The store counts no further, and nobody knows how many more there are.
      if (one.tasks.try_emplace(state, 0).first->second >= cloud::TableStore::kCountedAtMost)
        one.tasks.erase(state);
    }
    if (one.tasks.contains(State::done)) continue;
    // Of ours none has closed a task, so none is cancelled.
    one.tasks.try_emplace(State::cancelled, 0);
    for (const State state : {State::done, State::dead}) {
      engine::TaskQuery query;
      query.labourer_id = id;
      query.state = state;
      query.limit = 1;
      const auto any = store_.tasks(query);
      if (!any) return any.error();
      if (any->empty()) one.tasks.try_emplace(state, 0);
    }
  }
  return all;
}

Result<std::set<std::string>> AwsHome::uncounted(std::span<const engine::JobStatus> jobs) {
  std::map<std::string, std::int64_t> left;
  for (const auto& job : jobs)
    left[job.labourer_id] += job.rows - job.done - job.dead - job.cancelled;
  std::set<std::string> found;
  for (const auto& [labourer, rows] : left) {
    if (rows <= 0) continue;
    const auto status = store_.status_of(labourer);
    if (!status) return status.error();
    std::int64_t live = status->folded;
    bool counted = true;
    for (const State state : kLive) {
      const auto n = status->tasks.find(state);
      if (n == status->tasks.end()) continue;
      live += n->second;
      counted = counted && n->second < cloud::TableStore::kCountedAtMost;
    }
    if (counted && live < rows) found.insert(labourer);
  }
  return found;
}

Result<std::int64_t> AwsHome::make_rows(const std::string& job_id, double seconds) {
  const local::SystemClock clock;
  const Time until = after(clock.now(), seconds);
  auto how = settings().scheduler;
  how.make_batch = kRowsBetweenLooks;
  engine::Scheduler scheduler(store_, clock, audit(), std::move(how));
  for (;;) {
    const auto jobs = store_.jobs(job_id, 1);
    if (!jobs) return jobs.error();
    if (jobs->empty())
      return Error{Code::unavailable, fmt::format("job {} is accepted, but not found", job_id), {}};
    const auto& job = jobs->front();
    if (job.state == engine::JobStatus::State::cancelled) return job.rows;
    if (job.state != engine::JobStatus::State::open || clock.now() >= until) return job.made;
    // Whole batches: this job may wait behind others, whose rows are made first.
    const std::string_view labourer = job.labourer_id;
    auto pass = scheduler.continue_jobs({&labourer, 1});
    if (!pass.skipped.empty()) return Error{Code::unavailable, pass.skipped.front().second, {}};
    if (pass.rows == 0 && !pass.more) return job.made;
  }
}

}  // namespace sosw::cli
