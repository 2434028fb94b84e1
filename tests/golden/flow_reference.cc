// SPDX-License-Identifier: MIT
// See flow_reference.h. Written from the recorded behaviour, not from our engine: it shares nothing
// with it but the chunking of jobs, which has vectors of its own.
#include "flow_reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/json_text.h"
#include "flow_world.h"

namespace sosw::golden {
namespace {

constexpr std::int64_t kDefaultDelta = 31'557'600;
const std::vector<std::string_view> kMapper{
    "task_id",  "labourer_id", "created_at",          "completed_at", "greenfield",
    "attempts", "closed_at",   "desired_launch_time", "arn",          "payload"};

std::int64_t integer(const json::object& row, std::string_view key, std::int64_t otherwise = 0) {
  const auto* value = row.if_contains(key);
  return value == nullptr || value->is_null() ? otherwise : value->to_number<std::int64_t>();
}

struct Labour {
  std::string id, arn;
  std::int64_t limit, max_attempts, timeout;
};

class Original {
 public:
  Original(const Case& what, const Mended& mended) : world_(what), mended_(mended) {}

  Answer run() {
    json::array trace;
    for (const json::value& step : world_.steps) trace.push_back(take(step.as_object()));
    return Answer::output(json::object{{"trace", std::move(trace)}});
  }

 private:
  using Rows = std::map<std::string, json::object>;

  json::object take(const json::object& step) {
    const std::string op(step.at("op").as_string());
    json::object entry{{"op", op}, {"started_at", iso(world_.now)}};
    invocations_.clear();
    published_.clear();
    std::string error;
    if (op == "advance") {
      world_.now = after(world_.now, step.at("seconds").to_number<double>());
    } else if (op == "create_tasks") {
      error = create_tasks(step.at("tasks").as_array());
    } else if (op == "schedule") {
      for (json::object& payload : world_.rows_of(step.at("event"))) {
        create(world_.labourer_of(step.at("event")), std::move(payload), {});
        audit(newest_id(), "created", "labourer", world_.labourer_of(step.at("event")));
      }
    } else if (op == "orchestrate") {
      error = orchestrate();
    } else if (op == "scavenge") {
      scavenge();
    } else if (op == "mark_task_as_completed" || op == "mark_task_as_failed") {
      for (const json::value& id : step.at("tasks").as_array())
        mark(std::string(id.as_string()), op, step);
    } else if (op == "set_metric") {
      world_.metric = step.at("value").to_number<double>();
    } else if (op == "invoke_task") {
      // Only ever asked of tasks that run already in the recorded flows, else the original starts
      // it.
      json::object stats;
      for (const json::value& id : step.at("tasks").as_array()) {
        const json::object& row = tasks_.at(std::string(id.as_string()));
        if (integer(row, "greenfield") >= epoch_seconds(world_.now)) {
          stats["concurrent_task_invocations_skipped"] =
              integer(stats, "concurrent_task_invocations_skipped") + 1;
        } else {
          start(std::string(id.as_string()),
                labours().at(std::string(step.at("labourer_id").as_string())));
          stats["invoked_tasks"] = integer(stats, "invoked_tasks") + 1;
        }
      }
      entry["stats"] = std::move(stats);
    } else if (op == "durations") {
      json::object average;
      for (const auto& id : world_.labourer_order) average[id] = average_duration(labours().at(id));
      entry["average_duration"] = std::move(average);
    }
    if (!error.empty()) entry["error"] = error;
    entry["now"] = iso(world_.now);
    entry["invocations"] = invocations_;
    entry["sns_publish"] = published_;
    if (op != "advance" && op != "set_metric") entry["tables"] = tables();
    return entry;
  }

  std::map<std::string, Labour> labours() const {
    std::map<std::string, Labour> all;
    for (const auto& id : world_.labourer_order) {
      const json::object& config = world_.labourers.at(id).as_object();
      Labour one;
      one.id = id;
      one.arn = config.contains("arn") ? std::string(config.at("arn").as_string()) : "";
      one.limit = integer(config, "max_simultaneous_invocations", 1);
      one.max_attempts =
          integer(config, "max_attempts", integer(world_.task_config, "max_attempts", 3));
      one.timeout = integer(world_.timeouts, one.arn, 300);
      all.emplace(id, one);
    }
    return all;
  }
  std::int64_t delta() const {
    return integer(world_.task_config, "greenfield_invocation_delta", kDefaultDelta);
  }
  std::int64_t step() const { return integer(world_.task_config, "greenfield_task_step", 1000); }

  std::string newest_id() const { return fmt::format("task-{:04}", made_); }

  std::string create_tasks(const json::array& wanted) {
    for (const json::value& one : wanted) {
      const json::object& task = one.as_object();
      std::optional<std::int64_t> position;
      if (task.contains("greenfield")) position = integer(task, "greenfield");
      if (mended_.positions && position && *position >= 1'500'000'000) return "ValueError";
      json::value payload = task.contains("payload") ? task.at("payload") : json::object{};
      if (payload.is_string()) {
        boost::system::error_code bad;
        const json::value read = json::parse(payload.as_string(), bad);
        if (!bad) payload = read;
      }
      if (mended_.bad_payload && !payload.is_object()) payload = json::object{{"payload", payload}};
      create(std::string(task.at("labourer_id").as_string()), std::move(payload), position);
    }
    return {};
  }

  void create(const std::string& labourer, json::value payload,
              std::optional<std::int64_t> position) {
    if (!position) {
      std::int64_t newest = step();
      for (const auto& [id, row] : tasks_) {
        const std::int64_t greenfield = integer(row, "greenfield");
        if (row.at("labourer_id") == json::value(labourer) &&
            static_cast<double>(greenfield) <= epoch(world_.now)) {
          newest = queue_empty(labourer) ? greenfield : std::max(newest, greenfield);
        }
      }
      position = newest + step();
    }
    ++made_;
    json::object row{
        {"task_id", newest_id()},
        {"labourer_id", labourer},
        {"created_at", epoch(world_.now)},
        {"greenfield", *position},
        {"attempts", 0},
        {"payload", payload.is_string() ? std::string(payload.as_string()) : json_text(payload)}};
    tasks_.emplace(newest_id(), std::move(row));
  }
  bool queue_empty(const std::string& labourer) const {
    return std::none_of(tasks_.begin(), tasks_.end(), [&](const auto& one) {
      return one.second.at("labourer_id") == json::value(labourer) &&
             static_cast<double>(integer(one.second, "greenfield")) <= epoch(world_.now);
    });
  }

  void audit(const std::string& task, std::string_view action, std::string_view field,
             const std::string& labourer) {
    json::object row{{"task_id", task},
                     {"created_at", epoch(world_.now)},
                     {"action", action},
                     {"author", "sosw_golden"},
                     {"invocation_id", "golden-request"},
                     {"log_stream_name", "golden-stream"}};
    if (!field.empty()) row[field] = labourer;
    meta_.push_back(std::move(row));
    world_.now = after(world_.now, world_.step_after_meta_row_s);
  }

  // Ids of the labourer's rows by greenfield.
  template <class Wanted>
  std::vector<std::string> by_greenfield(const Rows& rows, const std::string& labourer,
                                         Wanted wanted) const {
    std::vector<std::string> ids;
    for (const auto& [id, row] : rows) {
      if (row.contains("labourer_id") && row.at("labourer_id") == json::value(labourer) &&
          wanted(row))
        ids.push_back(id);
    }
    std::stable_sort(ids.begin(), ids.end(), [&](const auto& a, const auto& b) {
      return integer(rows.at(a), "greenfield") < integer(rows.at(b), "greenfield");
    });
    return ids;
  }

  void start(const std::string& id, const Labour& labour) {
    json::object& row = tasks_.at(id);
    json::object payload = json::parse(row.at("payload").as_string()).as_object();
    for (const auto key : kMapper) {
      if (key != "payload" && row.contains(key)) payload[key] = row.at(key);
    }
    row["greenfield"] = epoch_seconds(world_.now) + delta();
    row["attempts"] = integer(row, "attempts") + 1;
    invocations_.push_back(json::object{{"function", labour.arn}, {"payload", std::move(payload)}});
  }

  std::string orchestrate() {
    const std::int64_t start_s = epoch_seconds(world_.now);
    const std::int64_t invoked = start_s + delta();
    const std::int64_t expired = invoked - 1200;
    const auto all = labours();
    for (const auto& name : world_.labourer_order) {
      const Labour& labour = all.at(name);
      const auto running = by_greenfield(tasks_, name, [&](const json::object& row) {
        const std::int64_t g = integer(row, "greenfield");
        return g >= expired && g <= invoked && !row.contains("completed_at");
      });
      static const double kShare[] = {0, 0, 0.5, 0.75, 1};
      const auto allowed = static_cast<std::int64_t>(
          std::floor(static_cast<double>(labour.limit) * kShare[world_.status_of(name)]));
      const std::int64_t wanted = allowed - static_cast<std::int64_t>(running.size());
      auto next = by_greenfield(tasks_, name, [&](const json::object& row) {
        return integer(row, "greenfield") < start_s &&
               !(mended_.queued_completion && row.contains("completed_at"));
      });
      std::int64_t begun = 0;
      for (const auto& id : next) {
        if (begun >= wanted) break;
        const bool bad = !json::parse(tasks_.at(id).at("payload").as_string()).is_object();
        if (bad) {
          json::object& row = tasks_.at(id);
          row["greenfield"] = epoch_seconds(world_.now) + delta();
          row["attempts"] = integer(row, "attempts") + 1;
          return "AttributeError";
        }
        start(id, labour);
        audit(id, "invoked", "labourer_id", name);
        ++begun;
      }
    }
    return {};
  }

  void close(const std::string& id, bool done) {
    json::object row = std::move(tasks_.at(id));
    tasks_.erase(id);
    row["closed_at"] = epoch_seconds(world_.now);
    row["labourer_id_task_status"] =
        fmt::format("{}_{}", std::string_view(row.at("labourer_id").as_string()), done ? 1 : 0);
    closed_.emplace(id, std::move(row));
  }

  void published_dead(const std::string& id) {
    if (published_.empty()) {
      published_.push_back(
          json::object{{"subject", "``sosw`` Dead Task"}, {"task_ids", json::array{}}});
    }
    auto& ids = published_[0].as_object()["task_ids"].as_array();  // in the recording by id
    auto* at = ids.begin();
    while (at != ids.end() && at->as_string() < id) ++at;
    ids.insert(at, json::value(id));
  }

  void to_retry(const std::string& id, const Labour& labour) {
    json::object row = std::move(tasks_.at(id));
    tasks_.erase(id);
    row["desired_launch_time"] =
        epoch_seconds(world_.now) + labour.timeout * integer(row, "attempts");
    retry_.emplace(id, std::move(row));
  }

  void scavenge() {
    const std::int64_t start_s = epoch_seconds(world_.now);
    const std::int64_t expired = start_s + delta() - 1200;
    for (const auto& [name, labour] : in_order()) {
      for (const auto& id : by_greenfield(tasks_, name, [&](const json::object& row) {
             return static_cast<double>(integer(row, "greenfield")) >= epoch(world_.now) &&
                    row.contains("completed_at");
           })) {
        close(id, true);
        audit(id, "archived", "labourer_id", name);
      }
      for (const auto& id : by_greenfield(tasks_, name, [&](const json::object& row) {
             const std::int64_t g = integer(row, "greenfield");
             return g >= start_s && g <= expired && !row.contains("completed_at");
           })) {
        end_attempt(id, labour);
      }
      auto due = by_greenfield(retry_, name, [&](const json::object& row) {
        return integer(row, "desired_launch_time") <= start_s;
      });
      std::stable_sort(due.begin(), due.end(), [&](const auto& a, const auto& b) {
        return integer(retry_.at(a), "desired_launch_time") <
               integer(retry_.at(b), "desired_launch_time");
      });
      const auto limit =
          static_cast<std::size_t>(integer(world_.scavenger, "retry_tasks_limit", 20));
      if (due.size() > limit) due.resize(limit);
      const auto queued = by_greenfield(tasks_, name, [&](const json::object& row) {
        return integer(row, "greenfield") <= start_s;
      });
      std::int64_t position =
          queued.empty() ? step() : integer(tasks_.at(queued.front()), "greenfield");
      if (mended_.retry_order) position -= static_cast<std::int64_t>(due.size());
      for (const auto& id : due) {
        json::object row;
        for (const auto& [key, value] : retry_.at(id)) {
          const bool kept = mended_.failure_at_once ||
                            std::find(kMapper.begin(), kMapper.end(), key) != kMapper.end();
          if (kept && key != "desired_launch_time") row[key] = value;
        }
        row["greenfield"] = mended_.retry_order ? position++ : --position;
        retry_.erase(id);
        tasks_.emplace(id, std::move(row));
        audit(id, "ready_for_retry", "labourer_id", name);
      }
    }
  }

  void end_attempt(const std::string& id, const Labour& labour) {
    if (integer(tasks_.at(id), "attempts") < labour.max_attempts) {
      to_retry(id, labour);
      audit(id, "scheduled_for_retry", "labourer_id", labour.id);
    } else {
      close(id, false);
      published_dead(id);
      audit(id, "archived_dead", "labourer_id", labour.id);
    }
  }

  std::vector<std::pair<std::string, Labour>> in_order() const {
    std::vector<std::pair<std::string, Labour>> all;
    const auto known = labours();
    for (const auto& id : world_.labourer_order) all.emplace_back(id, known.at(id));
    return all;
  }

  static void details(json::object& row, const json::object& step) {
    for (const auto& [field, prefix] :
         {std::pair("stats", "stat_"), std::pair("result", "result_")}) {
      if (!step.contains(field)) continue;
      for (const auto& [key, value] : step.at(field).as_object())
        row[std::string(prefix) + std::string(key)] = value;
    }
  }

  void mark(const std::string& id, const std::string& op, const json::object& step) {
    const bool completed = op == "mark_task_as_completed";
    if (completed) {
      mark_completed(id, step);
    } else {
      mark_failed(id, step);
    }
    audit(id, completed ? "marked_as_completed" : "marked_as_failed", {}, {});
  }

  void mark_completed(const std::string& id, const json::object& step) {
    const std::int64_t now_s = epoch_seconds(world_.now);
    if (mended_.no_ghost && closed_.count(id) != 0) {
      json::object& row = closed_.at(id);
      if (row.contains("completed_at")) return;
      row["completed_at"] = now_s;
      row["closed_at"] = now_s;
      details(row, step);
      row["labourer_id_task_status"] =
          fmt::format("{}_1", std::string_view(row.at("labourer_id").as_string()));
      return;
    }
    if (mended_.no_ghost && tasks_.count(id) != 0 && tasks_.at(id).contains("completed_at")) return;
    json::object& row = tasks_[id];  // the original creates what is not there
    row["task_id"] = id;
    row["completed_at"] = now_s;
    details(row, step);
    if (mended_.queued_completion && row.contains("greenfield") &&
        integer(row, "greenfield") < now_s)
      row["greenfield"] = now_s + delta();
  }

  void mark_failed(const std::string& id, const json::object& step) {
    if (mended_.failure_at_once && retry_.count(id) != 0) {
      json::object& row = retry_.at(id);
      row["failed_attempts"] = integer(row, "failed_attempts") + 1;
      details(row, step);
      return;
    }
    json::object& row = tasks_[id];
    row["task_id"] = id;
    row["failed_attempts"] = integer(row, "failed_attempts") + 1;
    details(row, step);
    if (!mended_.failure_at_once) return;
    const Labour labour = labours().at(std::string(row.at("labourer_id").as_string()));
    if (integer(row, "attempts") < labour.max_attempts) {
      to_retry(id, labour);
    } else {
      close(id, false);
      published_dead(id);
    }
  }

  std::int64_t average_duration(const Labour& labour) const {
    const auto newest = [&](bool done) {
      std::vector<const json::object*> rows;
      for (const auto& [id, row] : closed_) {
        if (row.at("labourer_id_task_status") ==
            json::value(fmt::format("{}_{}", labour.id, done ? 1 : 0)))
          rows.push_back(&row);
      }
      std::stable_sort(rows.begin(), rows.end(), [](const auto* a, const auto* b) {
        return integer(*a, "closed_at") > integer(*b, "closed_at");
      });
      if (rows.size() > 10) rows.resize(10);
      return rows;
    };
    auto rows = newest(true);
    const auto dead = newest(false);
    rows.insert(rows.end(), dead.begin(), dead.end());
    std::stable_sort(rows.begin(), rows.end(), [](const auto* a, const auto* b) {
      return integer(*a, "greenfield") < integer(*b, "greenfield");
    });
    if (rows.size() > 10) rows.resize(10);
    std::vector<std::int64_t> durations;
    for (const auto* row : rows) {
      if (row->contains("completed_at")) {
        durations.push_back(integer(*row, "completed_at") - integer(*row, "greenfield") + delta());
      } else {
        durations.insert(durations.end(), static_cast<std::size_t>(integer(*row, "attempts")),
                         labour.timeout);
      }
    }
    if (durations.empty()) return 0;
    double sum = 0;
    for (const auto d : durations) sum += static_cast<double>(d);
    return static_cast<std::int64_t>(std::nearbyint(sum / static_cast<double>(durations.size())));
  }

  json::object tables() const {
    json::object all;
    const auto list = [](const Rows& rows) {
      json::array out;
      for (const auto& [id, row] : rows) out.push_back(row);
      return out;
    };
    all["sosw_tasks"] = list(tasks_);
    all["sosw_closed_tasks"] = list(closed_);
    all["sosw_retry_tasks"] = list(retry_);
    all["sosw_tasks_meta"] = meta_;
    return tidy_tables(std::move(all));
  }

  FlowWorld world_;
  const Mended mended_;
  Rows tasks_, closed_, retry_;
  json::array meta_, invocations_, published_;
  int made_ = 0;
};

}  // namespace

Answer flow_reference(const Case& what, const Mended& mended) {
  return Original(what, mended).run();
}

}  // namespace sosw::golden
