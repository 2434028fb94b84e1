// SPDX-License-Identifier: MIT
// End-to-end traces of the original, run by our engine on the in-memory model, on SQLite and on
// DynamoDB tables in memory (all in the two-step form, which the recorded traces have), and the
// differences on purpose.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "areas.h"
#include "aws/client.h"
#include "aws/http.h"
#include "cloud/dynamodb_tables.h"
#include "cloud/table_store.h"
#include "core/json_text.h"
#include "engine/orchestrator.h"
#include "engine/scavenger.h"
#include "engine/scheduler.h"
#include "engine/task_manager.h"
#include "engine/worker_assistant.h"
#include "flow_reference.h"
#include "flow_world.h"
#include "local/sqlite_store.h"
#include "simulation/model_ports.h"
#include "simulation/model_store.h"
#include "simulation/model_tables.h"
#include "support/create_table.h"
#include "support/scratch_folder.h"
#include "support/swept_store.h"

namespace sosw::golden {
namespace {

using engine::Labourers;
using engine::TaskStore;

// Opens an empty store in the two-step form. Gets greenfield_invocation_delta and
// greenfield_task_step.
using OpenStore = std::function<std::unique_ptr<TaskStore>(std::int64_t delta, std::int64_t step)>;

std::int64_t setting(const json::object& config, std::string_view key, std::int64_t otherwise) {
  const auto* found = config.if_contains(key);
  return found == nullptr ? otherwise : found->to_number<std::int64_t>();
}

// The audit table of the recording: the clock moves by a step right after each row.
class SteppingAuditLog final : public engine::AuditLog {
 public:
  SteppingAuditLog(simulation::ManualClock& clock, double step_s)
      : clock_(clock), step_s_(step_s) {}

  void append(std::span<const engine::AuditEvent> events) override {
    for (const auto& event : events) {
      rows_.push_back({event.task_id, std::string(event.action), event.labourer_id, clock_.now()});
      clock_.advance(step_s_);
    }
  }
  struct Row {
    std::string task_id, action, labourer_id;
    Time at;
  };
  [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }

 private:
  simulation::ManualClock& clock_;
  const double step_s_;
  std::vector<Row> rows_;
};

json::object audit_row(const SteppingAuditLog::Row& row, const std::string& id) {
  json::object out{{"task_id", id},
                   {"created_at", epoch(row.at)},
                   {"action", row.action},
                   {"author", "sosw_golden"},
                   {"invocation_id", "golden-request"},
                   {"log_stream_name", "golden-stream"}};
  if (!row.labourer_id.empty()) {
    out[row.action == "created" ? "labourer" : "labourer_id"] = row.labourer_id;
  }
  return out;
}

class Flow {
 public:
  Flow(const Case& what, const OpenStore& open)
      : world_(what),
        delta_(setting(world_.task_config, "greenfield_invocation_delta", kInvocationDelta)),
        store_(open(delta_, setting(world_.task_config, "greenfield_task_step", kTaskStep))),
        clock_(world_.now),
        audit_(clock_, world_.step_after_meta_row_s) {
    json::object defaults = world_.task_config;
    for (const auto& id : world_.labourer_order) {
      auto read = read_labourer(id, world_.labourers.at(id).as_object(), defaults);
      if (!read) throw std::runtime_error(read.error().text());
      read->expiry = Expiry::deadline;
      if (const auto* timeout = world_.timeouts.if_contains(read->arn))
        read->timeout_s = timeout->to_number<int>();
      read->retry_base_s = read->timeout_s;
      labourers_.emplace(id, *std::move(read));
    }
  }

  Answer run() {
    json::array trace;
    for (const json::value& step : world_.steps) trace.push_back(take(step.as_object()));
    return Answer::output(json::object{{"trace", std::move(trace)}});
  }

 private:
  json::object take(const json::object& step) {
    const std::string op(step.at("op").as_string());
    json::object entry{{"op", op}, {"started_at", iso(clock_.now())}};
    first_call_ = invoker_.calls().size();
    first_alarm_ = notifier_.delivered().size();
    std::string error;
    if (op == "advance") {
      clock_.advance(step.at("seconds").to_number<double>());
    } else if (op == "create_tasks") {
      error = create_tasks(step.at("tasks").as_array());
    } else if (op == "schedule") {
      schedule(step.at("event"));
    } else if (op == "orchestrate") {
      orchestrate();
    } else if (op == "scavenge") {
      scavenge();
    } else if (op == "mark_task_as_completed" || op == "mark_task_as_failed") {
      mark(step, op);
    } else if (op == "set_metric") {
      world_.metric = step.at("value").to_number<double>();
    } else if (op == "invoke_task") {
      entry["stats"] = invoke_task(step);
    } else if (op == "durations") {
      engine::TaskManager::Settings settings;
      settings.invocation_delta = delta_;
      engine::TaskManager manager(*store_, settings);
      json::object average;
      for (const auto& id : world_.labourer_order) {
        const auto duration = manager.get_average_labourer_duration(labourers_.at(id));
        if (!duration) throw std::runtime_error(duration.error().text());
        average[id] = *duration;
      }
      entry["average_duration"] = std::move(average);
    }
    if (!error.empty()) entry["error"] = error;
    entry["now"] = iso(clock_.now());
    entry["invocations"] = invocations();
    entry["sns_publish"] = published();
    if (op != "advance" && op != "set_metric") entry["tables"] = tables();
    return entry;
  }

  // Ids of the original are task-0001 ... in order of creation.
  std::string given(const std::string& ours) {
    const auto found = names_.find(ours);
    return found == names_.end() ? ours : found->second;
  }
  std::string ours(std::string_view theirs) const {
    for (const auto& [id, name] : names_) {
      if (name == theirs) return id;
    }
    return std::string(theirs);
  }
  void name_next(const std::string& id) {
    names_.emplace(id, fmt::format("task-{:04}", names_.size() + 1));
  }

  std::string create_tasks(const json::array& wanted) {
    engine::TaskManager manager(*store_, {});
    for (const json::value& one : wanted) {
      const json::object& config = one.as_object();
      engine::TaskManager::NewTask task;
      if (const auto* payload = config.if_contains("payload")) task.payload = *payload;
      if (const auto* position = config.if_contains("greenfield"))
        task.greenfield = position->to_number<std::int64_t>();
      const auto id =
          manager.create_task(labourers_.at(std::string(config.at("labourer_id").as_string())),
                              std::move(task), clock_.now());
      if (!id) return "ValueError";
      name_next(*id);
    }
    return {};
  }

  void schedule(const json::value& event) {
    // One row at a time: the recorded clock moves after each row of the audit table.
    engine::Scheduler::Settings settings;
    settings.schemas = world_.scheduler;
    settings.make_now = 1;
    settings.make_batch = 1;
    engine::Scheduler scheduler(*store_, clock_, &audit_, settings);
    const auto accepted =
        scheduler.schedule(labourers_, event, fmt::format("flow {}", names_.size()));
    if (!accepted) throw std::runtime_error(accepted.error().text());
    for (std::int64_t row = 0; row < accepted->rows; ++row)
      name_next(task_id(accepted->job_id, row));
    const std::string id = FlowWorld::labourer_of(event);
    const std::string_view which = id;
    while (scheduler.continue_jobs({&which, 1}).rows > 0) {
    }
  }

  void orchestrate() {
    simulation::ModelMetrics metrics;
    for (const auto& [id, labourer] : labourers_) {
      for (const auto& [name, metric] : labourer.health_metrics)
        metrics.set(metric.details, std::optional(world_.metric));
    }
    engine::EcologyManager ecology(metrics);
    ecology.refresh(labourers_, clock_.now());
    engine::Orchestrator::Settings settings;
    settings.claim_batch = 1;
    engine::Orchestrator orchestrator(*store_, invoker_, ecology, clock_, &audit_, settings);
    for (const auto& id : world_.labourer_order) {
      const std::string_view which = id;
      for (;;) {
        const auto pass = orchestrator.orchestrate(labourers_, {&which, 1}, {});
        if (!pass) throw std::runtime_error(pass.error().text());
        if (!pass->full_batch) break;
      }
    }
  }

  void scavenge() {
    engine::Scavenger::Settings settings;
    settings.batch = 1;
    settings.retry_tasks_limit = 20;
    if (const auto* limit = world_.scavenger.if_contains("retry_tasks_limit")) {
      settings.retry_tasks_limit = limit->to_number<std::int64_t>();
    }
    engine::Scavenger scavenger(*store_, clock_, &audit_, settings);
    for (const auto& id : world_.labourer_order) {
      const std::string_view which = id;
      const auto pass =
          scavenger.scavenge(labourers_, {&which, 1}, [](auto, auto) { return false; });
      if (!pass.skipped.empty()) throw std::runtime_error(pass.skipped.front().reason);
    }
  }

  void mark(const json::object& step, const std::string& op) {
    engine::WorkerAssistant assistant(
        [this](Report report) -> Result<engine::Reported> {
          auto exchanged = store_->exchange({&report, 1}, {}, labourers_, clock_.now());
          if (!exchanged) return exchanged.error();
          return exchanged->reported.front();
        },
        clock_, &audit_);
    for (const json::value& id : step.at("tasks").as_array()) {
      json::object event{{"action", op}, {"task_id", ours(id.as_string())}};
      for (const auto* key : {"stats", "result"}) {
        if (step.contains(key)) event[key] = step.at(key);
      }
      const auto answer = assistant.call(event);
      if (!answer) throw std::runtime_error(answer.error().text());
    }
  }

  json::object invoke_task(const json::object& step) {
    json::object stats;
    for (const json::value& id : step.at("tasks").as_array()) {
      const Labourer& labourer = labourers_.at(std::string(step.at("labourer_id").as_string()));
      engine::ClaimRequest request{labourer.id, 1'000'000, 1,
                                   after(clock_.now(), labourer.duration_s + labourer.cooldown_s),
                                   labourer.expiry};
      const std::string task = ours(id.as_string());
      request.task_id = task;
      const auto exchanged = store_->exchange({}, {&request, 1}, labourers_, clock_.now());
      if (!exchanged) throw std::runtime_error(exchanged.error().text());
      const char* const key =
          exchanged->claimed.empty() ? "concurrent_task_invocations_skipped" : "invoked_tasks";
      stats[key] = stats.contains(key) ? stats.at(key).to_number<int>() + 1 : 1;
    }
    return stats;
  }

  json::array invocations() {
    json::array list;
    const auto calls = invoker_.calls();
    for (std::size_t i = first_call_; i < calls.size(); ++i) {
      json::object payload = json::parse(calls[i].payload).as_object();
      payload.erase("claim");
      payload["task_id"] = given(std::string(payload.at("task_id").as_string()));
      list.push_back(json::object{{"function", labourers_.at(calls[i].labourer_id).arn},
                                  {"payload", std::move(payload)}});
    }
    return list;
  }

  json::array published() {
    if (const auto sent = engine::flush_alarms(*store_, notifier_); !sent)
      throw std::runtime_error(sent.error().text());
    std::set<std::string> named;  // in the recording by id
    const auto alarms = notifier_.delivered();
    for (std::size_t i = first_alarm_; i < alarms.size(); ++i)
      named.insert(given(alarms[i].task_id));
    json::array ids;
    for (const std::string& id : named) ids.push_back(json::value(id));
    if (ids.empty()) return {};
    return {json::object{{"subject", "``sosw`` Dead Task"}, {"task_ids", std::move(ids)}}};
  }

  json::object tables() {
    json::array tasks, closed_rows, retry, meta;
    for (const State state : {State::queued, State::running, State::completed, State::retry,
                              State::done, State::dead, State::cancelled}) {
      engine::TaskQuery query;
      query.state = state;
      query.limit = 1'000'000;
      const auto found = store_->tasks(query);
      if (!found) throw std::runtime_error(found.error().text());
      for (const Task& task : *found) {
        json::object row = to_json(task);
        row["task_id"] = given(task.id);
        for (const char* const our_own : {"state", "claim", "job_id", "silent", "failed", "late_at",
                                          "started", "replays", "interrupted", "late_claim"}) {
          row.erase(our_own);
        }
        if (closed(state)) {
          row["labourer_id_task_status"] =
              fmt::format("{}_{}", task.labourer_id, state == State::done ? 1 : 0);
          closed_rows.push_back(std::move(row));
        } else if (state == State::retry) {
          retry.push_back(std::move(row));
        } else {
          tasks.push_back(std::move(row));
        }
      }
    }
    for (const auto& row : audit_.rows()) meta.push_back(audit_row(row, given(row.task_id)));
    return tidy_tables({{"sosw_tasks", std::move(tasks)},
                        {"sosw_closed_tasks", std::move(closed_rows)},
                        {"sosw_retry_tasks", std::move(retry)},
                        {"sosw_tasks_meta", std::move(meta)}});
  }

  FlowWorld world_;
  const std::int64_t delta_;
  std::unique_ptr<TaskStore> store_;
  simulation::ManualClock clock_;
  SteppingAuditLog audit_;
  simulation::ScriptedInvoker invoker_;
  simulation::RecordingNotifier notifier_;
  Labourers labourers_;
  std::map<std::string, std::string> names_;
  std::size_t first_call_ = 0, first_alarm_ = 0;
};

cloud::TableStore::Options options_of(std::int64_t delta, std::int64_t step) {
  cloud::TableStore::Options options;
  options.invocation_delta = delta;
  options.task_step = step;
  options.index_lag_s = 0;
  options.holder = options.nonce = "flow";
  return options;
}

// The store on DynamoDB, on tables in memory.
class OnTables final : public testing::SweptStore {
 public:
  OnTables(std::int64_t delta, std::int64_t step)
      : OnTables(std::make_unique<Parts>(delta, step)) {}

 private:
  struct Parts {
    Parts(std::int64_t delta, std::int64_t step)
        : tables(simulation::sosw_tables(), [] { return Time(); }),
          store(tables, options_of(delta, step)) {}
    simulation::ModelTables tables;
    cloud::TableStore store;
  };
  explicit OnTables(std::unique_ptr<Parts> parts)
      : SweptStore(parts->store, true), parts_(std::move(parts)) {}
  const std::unique_ptr<Parts> parts_;
};

// The same over the wire, on tables that are made anew. `endpoint`: of a DynamoDB that moto plays.
class OnDynamoDb final : public testing::SweptStore {
 public:
  OnDynamoDb(const std::string& endpoint, std::int64_t delta, std::int64_t step)
      : OnDynamoDb(std::make_unique<Parts>(endpoint, delta, step)) {}

 private:
  struct Parts {
    Parts(const std::string& endpoint, std::int64_t delta, std::int64_t step)
        : tables({.client = with_empty_tables(endpoint)}), store(tables, options_of(delta, step)) {}
    static aws::ClientOptions with_empty_tables(const std::string& endpoint) {
      aws::ClientOptions client{.region = "eu-west-1",
                                .endpoint = endpoint,
                                .credentials = aws::Credentials{"AKIDEXAMPLE", "secret", ""}};
      const auto emptied =
          aws::HttpClient().send({.method = "POST", .url = endpoint + "/moto-api/reset"});
      if (emptied.status != 200) throw std::runtime_error("no moto at " + endpoint);
      aws::Client dynamodb("dynamodb", client);
      for (const auto& table : simulation::sosw_tables()) {
        const auto made = dynamodb.call("CreateTable", testing::create_table_input(table));
        if (!made) throw std::runtime_error(made.error().text());
      }
      return client;
    }
    cloud::DynamoDbTables tables;
    cloud::TableStore store;
  };
  explicit OnDynamoDb(std::unique_ptr<Parts> parts)
      : SweptStore(parts->store, true), parts_(std::move(parts)) {}
  const std::unique_ptr<Parts> parts_;
};

// Without rules: how two traces are compared.
Area plain_area() {
  Area area;
  area.name = "flow";
  area.ignored = {"trace/*/requests"};
  area.behaviour = [](const Case&, const json::value& output) {
    return read_archived_payloads(output);
  };
  area.numbers_by_value = true;
  area.json_text_by_value = true;
  return area;
}

Answer trace(const Case& what) {
  const Answer on_model =
      Flow(what, [](std::int64_t delta, std::int64_t step) -> std::unique_ptr<TaskStore> {
        simulation::ModelStore::Options options;
        options.two_step = true;
        options.invocation_delta = delta;
        options.task_step = step;
        return std::make_unique<simulation::ModelStore>(options);
      }).run();
  const testing::ScratchFolder folder;
  Answer on_sqlite =
      Flow(what, [&](std::int64_t delta, std::int64_t step) -> std::unique_ptr<TaskStore> {
        local::StoreOptions options;
        options.path = (folder.path() / "flow.db").string();
        options.synchronous = local::StoreOptions::Synchronous::normal;
        options.two_step = true;
        options.invocation_delta = delta;
        options.task_step = step;
        auto store = local::SqliteStore::open(options);
        if (!store) throw std::runtime_error(store.error().text());
        return *std::move(store);
      }).run();
  const auto check = [&](const Answer& another) {
    if (!same(plain_area(), false, on_model, another))
      throw std::runtime_error("the stores differ:\n" + json_text(on_model.value()) + "\n" +
                               json_text(another.value()));
  };
  check(on_sqlite);
  check(Flow(what, [](std::int64_t delta, std::int64_t step) -> std::unique_ptr<TaskStore> {
          return std::make_unique<OnTables>(delta, step);
        }).run());
  // golden_check --dynamodb sets it.
  if (const char* endpoint = std::getenv("SOSW_GOLDEN_DYNAMODB")) {
    check(Flow(what, [&](std::int64_t delta, std::int64_t step) -> std::unique_ptr<TaskStore> {
            return std::make_unique<OnDynamoDb>(endpoint, delta, step);
          }).run());
  }
  return on_sqlite;
}

// A rule applies where the original's way gives what was recorded, and mending this one fault
// changes it. The right answer has all of them mended.
template <bool Mended::*Fault>
std::optional<Answer> mended(const Case& what, const Answer& recorded) {
  static const Area kPlain = plain_area();
  const Answer original = flow_reference(what, {});
  if (!same(kPlain, false, original, recorded)) return std::nullopt;
  Mended one;
  one.*Fault = true;
  if (same(kPlain, false, original, flow_reference(what, one))) return std::nullopt;
  return flow_reference(what, {true, true, true, true, true, true});
}

}  // namespace

Area flow_area() {
  Area area = plain_area();
  area.handlers = {{"trace", trace}};
  area.rules = {{"retries_in_order", "D-27, protocol section 7", mended<&Mended::retry_order>},
                {"failure_ends_the_attempt", "D-25, D-10", mended<&Mended::failure_at_once>},
                {"completed_is_not_started", "D-17", mended<&Mended::queued_completion>},
                {"no_ghost_rows", "D-07, D-08", mended<&Mended::no_ghost>},
                {"payload_is_an_object", "D-57", mended<&Mended::bad_payload>},
                {"positions_below_the_clock", "D-11", mended<&Mended::positions>}};
  return area;
}

}  // namespace sosw::golden
