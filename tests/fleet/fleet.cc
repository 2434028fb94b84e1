// SPDX-License-Identifier: MIT
#include "fleet/fleet.h"

#include <fmt/format.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include "support/create_table.h"
#include "support/python_server.h"

namespace sosw::fleet {
namespace {

using namespace std::chrono_literals;

constexpr const char* kRegion = "us-west-2";
constexpr const char* kBucket = "sosw-s3-123456789012";
constexpr int kAssistants = 4;  // at once
constexpr const char* kEssentials[] = {kScheduler, kOrchestrator, kScavenger, kWorkerAssistant};

std::string moto() {
  static testing::PythonServer kServer(SOSW_SOURCE "/tests/aws/moto_server.py");
  return kServer.url();
}

// Debian has it in the folder of its architecture.
std::string faketime() {
  for (const auto& folder : std::filesystem::directory_iterator("/usr/lib")) {
    auto library = folder.path() / "faketime/libfaketimeMT.so.1";
    if (std::filesystem::exists(library)) return library;
  }
  throw std::runtime_error("the package faketime is missing: ./dev setup installs it");
}

std::string bootstrap() {
  const char* given = std::getenv("SOSW_BOOTSTRAP");  // NOLINT(concurrency-mt-unsafe)
  return given ? given : SOSW_BOOTSTRAP;
}

json::value required(const aws::Answer& answer) {
  if (!answer) throw std::runtime_error(answer.error().text());
  return *answer;
}

// Of maps the union, of all else what `over` has.
void merge(json::object& into, const json::object& over) {
  for (const auto& [key, value] : over) {
    auto* mine = into.if_contains(key);
    if (mine && mine->is_object() && value.is_object())
      merge(mine->get_object(), value.get_object());
    else
      into[key] = value;
  }
}

std::string file_text(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

std::string attribute(const json::object& row, const std::string& name) {
  const auto* value = row.if_contains(name);
  if (!value) return "";
  const auto& typed = *value->as_object().begin();
  return typed.value().is_string() ? std::string(typed.value().get_string())
                                   : json::serialize(typed.value());
}

Fleet::Fleet(Options options)
    : options_(std::move(options)),
      clock_(folder_.path() / "clock"),
      gateway_(moto()),
      subscriber_([this](const testing::HttpRequest& request) {
        const auto message = json::parse(request.body).as_object();
        const std::lock_guard lock(mutex_);
        messages_.emplace_back(message.at("Message").as_string());
        return testing::HttpReply{};
      }) {
  spdlog::set_level(spdlog::level::off);  // the host tells of each worker that fails
  make_resources();
  store_configs();
  start_host();
}

Fleet::~Fleet() {
  if (host_) host_->stop(0ms);
}

aws::Client Fleet::client(const std::string& service) {
  return aws::Client(service, {.region = kRegion,
                               .endpoint = moto(),
                               .credentials = aws::Credentials{"AKIDEXAMPLE", "secret", ""}});
}

std::filesystem::path Fleet::folder_of(const std::string& worker) const {
  return folder_.path() / ("witness_" + worker);
}

void Fleet::make_resources() {
  const auto emptied =
      aws::HttpClient().send({.method = "POST", .url = moto() + "/moto-api/reset"});
  if (emptied.status != 200) throw std::runtime_error("moto cannot be emptied: " + emptied.body);
  auto dynamodb = client("dynamodb");
  for (const auto& table : simulation::sosw_tables())
    required(dynamodb.call("CreateTable", testing::create_table_input(table)));
  required(client("s3").call(
      "CreateBucket",
      {{"Bucket", kBucket}, {"CreateBucketConfiguration", {{"LocationConstraint", kRegion}}}}));
  auto sns = client("sns");
  topic_ = required(sns.call("CreateTopic", {{"Name", "sosw_info"}})).at("TopicArn").as_string();
  required(sns.call("Subscribe",
                    {{"TopicArn", topic_}, {"Protocol", "http"}, {"Endpoint", subscriber_.url()}}));
}

// As the uploader of the original's examples leaves them.
void Fleet::store_configs() {
  json::object labourers;
  for (const auto& worker : options_.workers) {
    json::object entry{
        {"arn", fmt::format("arn:aws:lambda:{}:000000000000:function:{}", kRegion, worker.name)},
        {"max_simultaneous_invocations", worker.limit}};
    merge(entry, worker.config);
    labourers[worker.name] = entry;
  }
  const json::object common{{"task_config", {{"labourers", labourers}}},
                            {"meta_handler_config", {{"write_meta_to_ddb", options_.audit}}}};
  json::object documents;
  for (const auto* name : kEssentials) documents[fmt::format("{}_config", name)] = common;
  merge(documents, json::parse(R"({
    "sosw_scheduler_config": {
      "job_schema": {"chunkable_attrs": [["topic", {}], ["word", {}]]},
      "job_schema_variants": {
        "default": {"chunkable_attrs": [["topic", {}], ["word", {}]]},
        "numbers": {"chunkable_attrs": [["number", {}]]}}},
    "sosw_scavenger_config": {"sns_config": {"subject": "``sosw`` Info"}}
  })")
                       .as_object());
  documents["sosw_scheduler_config"].as_object()["queue_bucket"] = kBucket;
  documents["sosw_scavenger_config"].at("sns_config").as_object()["recipient"] = topic_;
  merge(documents, options_.configs);
  auto dynamodb = client("dynamodb");
  for (const auto& [name, document] : documents) {
    required(dynamodb.call("PutItem", {{"TableName", "config"},
                                       {"Item",
                                        {{"env", {{"S", "production"}}},
                                         {"config_name", {{"S", name}}},
                                         {"config_value", {{"S", json::serialize(document)}}}}}}));
  }
}

json::object Fleet::environment() const {
  // Lambda and Glue stay the host's.
  json::object variables{
      {"AWS_ENDPOINT_URL", moto()},
      {"AWS_ENDPOINT_URL_DYNAMODB", gateway_.url()},
      {"SOSW_START_FENCE", options_.fence ? "on" : "off"},
      {"PYTHONDONTWRITEBYTECODE", "1"},
      {"PYTHONPATH", SOSW_SOURCE "/tests/fleet/functions:" SOSW_SOURCE "/tests/e2e/workers"}};
  if (!options_.real_time) {
    variables["LD_PRELOAD"] = faketime();
    variables["FAKETIME_TIMESTAMP_FILE"] = clock_.file().string();
    variables["FAKETIME_NO_CACHE"] = "1";
    variables["FAKETIME_DONT_FAKE_MONOTONIC"] = "1";
  }
  return variables;
}

void Fleet::start_host() {
  const std::string functions = SOSW_SOURCE "/tests/fleet/functions";
  const auto add = [&](const std::string& name, json::object settings) {
    auto labourer = read_labourer(name, settings, {});
    if (!labourer) throw std::runtime_error(labourer.error().text());
    functions_[name] = *std::move(labourer);
  };
  const auto python = [&](const std::string& handler) {
    return json::array{testing::python(), "-m", "awslambdaric", handler + ".lambda_handler"};
  };
  for (const std::string name : kEssentials) {
    const bool ours = options_.ours.contains(name);
    const bool scheduled = name == kOrchestrator || name == kScavenger;
    add(name, {{"command", ours ? json::array{bootstrap()} : python("essential")},
               {"handler", ours ? name : "essential.lambda_handler"},
               {"working_dir", functions},
               {"environment", environment()},
               {"timeout", scheduled            ? options_.essential_timeout_s
                           : name == kScheduler ? options_.scheduler_timeout_s
                                                : 900},
               {"init_timeout", 60},
               {"max_simultaneous_invocations", name == kWorkerAssistant ? kAssistants
                                                : scheduled              ? options_.copies
                                                                         : 1}});
  }
  for (const auto& worker : options_.workers) {
    auto variables = environment();
    std::filesystem::create_directory(folder_of(worker.name));
    variables["WITNESS"] = folder_of(worker.name).string();
    variables["LIMIT"] = std::to_string(worker.limit);
    if (!worker.url.empty()) {
      add(worker.name, {{"http", worker.url}, {"max_simultaneous_invocations", worker.limit}});
      continue;
    }
    add(worker.name,
        {{"command", worker.python ? python("worker") : json::array{SOSW_FLEET_WORKER}},
         {"working_dir", functions},
         {"environment", variables},
         {"timeout", 60},
         {"init_timeout", 60},
         {"max_simultaneous_invocations", worker.limit}});
  }
  local::LambdaHost::Options host{
      .data_folder = folder_.path(), .project_folder = functions, .region = kRegion};
  auto started = local::LambdaHost::start(std::move(host), functions_);
  if (!started) throw std::runtime_error(started.error().text());
  host_ = std::move(*started);
}

json::value Fleet::invoke(const std::string& function, const json::value& event) {
  const auto answer = host_->call(function, json::serialize(event));
  if (!answer) {
    ADD_FAILURE() << function << ": " << answer.error().text();
    return nullptr;
  }
  if (!may_fail_) {
    EXPECT_FALSE(answer->failed) << function << " failed: " << answer->payload << '\n'
                                 << log_of(function);
  }
  return json::parse(answer->payload);
}

void Fleet::call_at_once(const std::vector<std::string>& functions) {
  std::vector<std::jthread> calls;
  for (const auto& function : functions)
    for (int i = 0; i < options_.copies; ++i)
      calls.emplace_back([this, function] {
        invoke(function, json::object{{"source", "aws.events"}});
      });
}

void Fleet::wait_until_quiet() {
  const auto end = std::chrono::steady_clock::now() + 30min;
  const auto busy = [&] {
    if (host_->free_slots(functions_.at(kScheduler)) < 1) return true;
    // Who ends may have invoked the WorkerAssistant just before: it is the last to be looked at.
    for (const auto& worker : options_.workers)
      if (host_->free_slots(functions_.at(worker.name)) < worker.limit) return true;
    return host_->free_slots(functions_.at(kWorkerAssistant)) < kAssistants;
  };
  while (busy()) {
    if (std::chrono::steady_clock::now() > end)
      throw std::runtime_error("functions of the fleet do not come to an end");
    std::this_thread::sleep_for(5ms);
  }
}

void Fleet::tick() {
  if (options_.copies > 1) {
    call_at_once({kOrchestrator, kScavenger});
  } else {
    call_at_once({kOrchestrator});
    wait_until_quiet();
    call_at_once({kScavenger});
  }
  wait_until_quiet();
  clock_.advance(options_.minute);
  gateway_.forget_answers();
}

void Fleet::run_until_empty(int minutes, const std::function<void()>& each) {
  const auto empty = [&] {
    const auto tasks = rows("sosw_tasks");
    return rows("sosw_retry_tasks").empty() &&
           std::all_of(tasks.begin(), tasks.end(), [](const json::object& row) {
             return attribute(row, "task_id").starts_with("sosw:");
           });
  };
  const bool failed_before = ::testing::Test::HasFailure();
  for (int i = 0; i < minutes; ++i) {
    tick();
    if (each) each();
    if ((::testing::Test::HasFailure() && !failed_before) || empty()) return;
  }
  ADD_FAILURE() << "after " << minutes << " minutes there are still tasks:\n"
                << json::serialize(json::value_from(rows("sosw_tasks"))) << '\n'
                << json::serialize(json::value_from(rows("sosw_retry_tasks")));
}

std::vector<json::object> Fleet::rows(const std::string& table) {
  auto dynamodb = client("dynamodb");
  std::vector<json::object> all;
  json::object input{{"TableName", table}, {"ConsistentRead", true}};
  for (bool more = true; more;) {
    const auto page = required(dynamodb.call("Scan", input)).as_object();
    for (const auto& item : page.at("Items").as_array()) all.push_back(item.as_object());
    const auto* last = page.if_contains("LastEvaluatedKey");
    more = last != nullptr;
    if (more) input["ExclusiveStartKey"] = *last;
  }
  return all;
}

std::vector<json::object> Fleet::take_tasks() {
  auto all = rows("sosw_tasks");
  const auto ours = std::partition(all.begin(), all.end(), [](const json::object& row) {
    return !attribute(row, "task_id").starts_with("sosw:");
  });
  auto dynamodb = client("dynamodb");
  required(dynamodb.call("DeleteTable", {{"TableName", "sosw_tasks"}}));
  for (const auto& table : simulation::sosw_tables())
    if (table.name == "sosw_tasks")
      required(dynamodb.call("CreateTable", testing::create_table_input(table)));
  for (auto row = ours; row != all.end(); ++row)
    required(dynamodb.call("PutItem", {{"TableName", "sosw_tasks"}, {"Item", *row}}));
  all.erase(ours, all.end());
  return all;
}

std::vector<std::string> Fleet::messages() {
  const std::lock_guard lock(mutex_);
  return messages_;
}

std::map<std::string, std::vector<std::string>> Fleet::witnessed(const std::string& worker) {
  std::map<std::string, std::vector<std::string>> seen;
  std::ifstream log(folder_of(worker) / "log");
  for (std::string what, who; log >> what >> who;) seen[what].push_back(who);
  return seen;
}

bool Fleet::kill_essential(std::uint32_t number) {
  std::vector<pid_t> found;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream list(thread.path() / "children");
    for (pid_t pid = 0; list >> pid;) {
      std::error_code gone;
      if (std::filesystem::read_symlink(fmt::format("/proc/{}/exe", pid), gone) == bootstrap())
        found.push_back(pid);
    }
  }
  if (found.empty()) return false;
  return kill(found[number % found.size()], SIGKILL) == 0;
}

std::string Fleet::log_of(const std::string& function) {
  constexpr std::size_t kMost = 6000;
  std::string all;
  const auto folder = folder_.path() / "logs" / function;
  if (!std::filesystem::exists(folder)) return "(nothing)";
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder))
    if (file.is_regular_file()) all += file_text(file.path());
  return all.size() > kMost ? all.substr(all.size() - kMost) : all;
}

}  // namespace sosw::fleet
