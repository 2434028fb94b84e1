// SPDX-License-Identifier: MIT
// The file `worker`: what a Worker tells the WorkerAssistant, what that one makes of it, and the
// rows about both.
#include <regex>

#include "areas.h"
#include "dynamo_model.h"
#include "engine/worker_assistant.h"
#include "exceptions.h"
#include "rows.h"
#include "sdk/python.h"
#include "sdk/text.h"
#include "sosw/app.h"
#include "sosw/meta_handler.h"
#include "sosw/worker.h"
#include "support/aws_peer.h"

namespace sosw::golden {
namespace {

using sosw::testing::AwsPeer;
using sosw::testing::AwsRequest;
using sosw::testing::Variables;

json::object object_in(const Case& what, std::string_view name) {
  const auto& value = what.in(name);
  return value.is_object() ? value.get_object() : json::object();
}

// ------------------------------------------------------------------------------------------------
// WorkerAssistant

class Stopped : public engine::Clock {
 public:
  explicit Stopped(Time now) : now_(now) {}
  [[nodiscard]] Time now() const override { return now_; }

 private:
  Time now_;
};

class Rows : public engine::AuditLog {
 public:
  void append(std::span<const engine::AuditEvent> events) override {
    for (const auto& event : events)
      rows.push_back(
          {{"task_id", event.task_id}, {"action", event.action}, {"created_at", epoch(event.at)}});
  }
  json::array rows;
};

// Which of the original's exceptions a refusal stands for.
std::string refusal_class(const json::object& event, const std::string& message) {
  if (message.find("`task_id`") != message.npos)
    return event.contains("task_id") ? "AssertionError" : "Exception";
  const auto* action = event.if_contains("action");
  if (action && sdk::truth(*action)) return "Exception";  // it is not known
  const auto* actions = event.if_contains("actions");
  const auto* list = actions ? actions->if_array() : nullptr;
  return list && list->size() == 1 && list->front() != "" ? "Exception" : "ValueError";
}

Answer call_assistant(const Case& what) {
  const Stopped clock(now_of(what));
  Rows audit;
  json::array reported;
  engine::WorkerAssistant assistant(
      [&](Report report) -> Result<engine::Reported> {
        json::object details;
        for (const auto& [key, value] : report.stats) details["stat_" + std::string(key)] = value;
        for (const auto& [key, value] : report.result)
          details["result_" + std::string(key)] = value;
        reported.push_back({{"task_id", report.task_id},
                            {"completed", report.kind == Report::Kind::completed},
                            {"details", std::move(details)}});
        return engine::Reported{.answer = sosw::Answer::applied};
      },
      clock, &audit);
  const auto& event = what.in("event");
  const auto answer = assistant.call(event);
  if (!answer) {
    const auto* object = event.if_object();
    return Answer::error(refusal_class(object ? *object : json::object(), answer.error().message));
  }
  return Answer::output(
      json::object{{"reported", std::move(reported)}, {"audit", std::move(audit.rows)}});
}

// A value in DynamoDB's form as plain JSON.
json::value plain_attribute(const json::object& attribute) {
  const auto& [type, value] = *attribute.begin();
  if (type == "N") return dynamo_number(value.as_string());
  if (type == "NULL") return nullptr;
  if (type == "L") {
    json::array list;
    for (const auto& element : value.as_array())
      list.push_back(plain_attribute(element.as_object()));
    return list;
  }
  if (type == "M") {
    json::object map;
    for (const auto& [key, member] : value.as_object())
      map[key] = plain_attribute(member.as_object());
    return map;
  }
  return value;
}

// What the recorded requests do, in the form of call_assistant().
json::value assistant_behaviour(const json::value& output) {
  json::array reported;
  json::array audit;
  for (const auto& request : output.at("requests").as_array()) {
    const auto& params = request.at("params");
    if (request.at("operation") == "put_item") {
      const auto& item = params.at("Item").as_object();
      json::object row;
      for (const auto* name : {"task_id", "action", "created_at"})
        row[name] = plain_attribute(item.at(name).as_object());
      audit.push_back(std::move(row));
      continue;
    }
    json::object details;
    bool completed = false;
    const auto& names = params.at("ExpressionAttributeNames").as_object();
    for (const auto& [placeholder, value] : params.at("ExpressionAttributeValues").as_object()) {
      const auto* name = names.if_contains("#" + std::string(placeholder.substr(1)));
      if (!name) continue;  // a zero to begin with
      if (*name == "completed_at") completed = true;
      if (name->as_string().starts_with("stat_") || name->as_string().starts_with("result_"))
        details[name->as_string()] = plain_attribute(value.as_object());
    }
    reported.push_back({{"task_id", params.at("Key").at("task_id").at("S")},
                        {"completed", completed},
                        {"details", std::move(details)}});
  }
  return json::object{{"reported", std::move(reported)}, {"audit", std::move(audit)}};
}

// ------------------------------------------------------------------------------------------------
// Worker

class Base : public Worker {
 public:
  using Worker::Worker;
  json::value operator()(const json::object& event) override { return Worker::operator()(event); }
};

// AWS for a worker, with the context of the recording.
class World {
 public:
  explicit World(const Case& what)
      : peer_([](const AwsRequest& request) {
          return request.operation == "DescribeTable" ? R"({"Table":{}})" : "{}";
        }),
        environment_({{"AWS_ENDPOINT_URL_DYNAMODB", peer_.url()},
                      {"AWS_ENDPOINT_URL_LAMBDA",
                       what.in("lambda_fails").is_bool() && what.in("lambda_fails").get_bool()
                           ? "http://127.0.0.1:" + std::to_string(sosw::testing::closed_port())
                           : peer_.url()},
                      {"AWS_LAMBDA_FUNCTION_NAME", std::nullopt},
                      {"sosw_worker_assistant_lambda", std::nullopt},
                      {"STAGE", std::nullopt},
                      {"autotest", std::nullopt}}) {
    const auto given = object_in(what, "context");
    const auto text = [&](std::string_view name, std::string_view otherwise) {
      const auto* value = given.if_contains(name);
      return std::string(value && value->is_string() ? std::string_view(value->get_string())
                                                     : otherwise);
    };
    context_.function_name = text("function_name", "sosw_golden");
    context_.aws_request_id = text("aws_request_id", "golden-request");
    context_.log_stream_name = text("log_stream_name", "golden-stream");
    global_vars.set_lambda_context(&context_);
  }
  ~World() { global_vars.set_lambda_context(nullptr); }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  [[nodiscard]] json::array invoked() const {
    json::array out;
    for (const auto& [operation, params] : peer_.requests())
      if (operation == "Invoke") {
        auto call = params;
        call["Payload"] = json::parse(call.at("Payload").as_string());
        out.push_back(std::move(call));
      }
    return out;
  }
  [[nodiscard]] json::array put() const {
    json::array out;
    for (const auto& [operation, params] : peer_.requests())
      if (operation == "PutItem")
        out.push_back({{"operation", "put_item"}, {"params", dynamo_meaning(params)}});
    return out;
  }

 private:
  AwsPeer peer_;
  Variables environment_;
  Context context_;
};

void begin(Worker& worker, const Case& what) {
  worker.start();
  worker.stats() = object_in(what, "stats");
  worker.result() = object_in(what, "result");
}

Answer call_worker(const Case& what) {
  const World world(what);
  return answer_of([&] {
    Base worker(what.config);
    begin(worker, what);
    json::object out{{"return", worker(object_in(what, "event"))}};
    out["invoke"] = world.invoked();
    out["meta"] = world.put();
    out["stats_after"] = worker.stats();
    out["result_after"] = worker.result();
    return json::value(std::move(out));
  });
}

Answer mark_task_as_failed(const Case& what) {
  const World world(what);
  return answer_of([&] {
    Base worker(what.config);
    begin(worker, what);
    worker.mark_task_as_failed(what.in("task_id"));
    return json::value{{"invoke", world.invoked()}};
  });
}

Answer call(const Case& what) {
  return what.component == "WorkerAssistant" ? call_assistant(what) : call_worker(what);
}

// ------------------------------------------------------------------------------------------------
// MetaHandler

Answer post(const Case& what) {
  const World world(what);
  auto fields = object_in(what, "kwargs");
  const auto take = [&](const char* name) {
    const auto text = sdk::to_str(fields.at(name));
    fields.erase(name);
    return text;
  };
  const auto task_id = take("task_id");
  const auto action = take("action");
  return answer_of([&] {
    MetaHandler meta(what.config, [&] {
      return std::chrono::time_point_cast<std::chrono::system_clock::duration>(now_of(what));
    });
    meta.post(task_id, action, fields);
    return json::value{{"requests", world.put()}};
  });
}

json::value behaviour(const Case& what, const json::value& output) {
  if (what.component == "WorkerAssistant")
    return output.as_object().contains("requests") ? assistant_behaviour(output) : output;
  return dynamo_behaviour(what, output);
}

// ------------------------------------------------------------------------------------------------

bool is_assistant(const Case& what) {
  return what.function == "call" && what.component == "WorkerAssistant" &&
         what.in("event").is_object();
}

// `stats` and `result` flattened, with the types of JSON. What cannot be flattened is kept under
// one key where `lenient`; else there are none then.
std::optional<json::object> details_of(const json::object& event, bool lenient) {
  json::object details;
  for (const auto& [name, prefix] : {std::pair("stats", "stat_"), std::pair("result", "result_")}) {
    const auto* given = event.if_contains(name);
    if (!given || given->is_null()) continue;
    json::value value = *given;
    if (value.is_string()) {
      boost::system::error_code failed;
      auto parsed = json::parse(value.get_string(), failed);
      if (!failed)
        value = std::move(parsed);
      else if (!lenient)
        return std::nullopt;
    }
    if (!sdk::truth(value)) continue;
    if (!value.is_object()) {
      if (!lenient) return std::nullopt;
      value = {{"value", value}};
    }
    for (const auto& [key, member] : value.get_object())
      details[prefix + std::string(key)] = member;
  }
  return details;
}

Answer report_of(const Case& what, json::object details) {
  const auto& event = what.in("event").get_object();
  const bool completed = event.at("action") == "mark_task_as_completed";
  const auto& id = event.at("task_id");
  return Answer::output(json::object{
      {"reported",
       {json::object{{"task_id", id}, {"completed", completed}, {"details", std::move(details)}}}},
      {"audit",
       {json::object{{"task_id", id},
                     {"action", completed ? "marked_as_completed" : "marked_as_failed"},
                     {"created_at", epoch(now_of(what))}}}}});
}

// D-16: what is no object, or a text that is no JSON.
std::optional<Answer> details_cost_no_report(const Case& what, const Answer& recorded) {
  if (!is_assistant(what) || !recorded.is_error()) return std::nullopt;
  const auto& event = what.in("event").get_object();
  const auto* action = event.if_contains("action");
  const auto* id = event.if_contains("task_id");
  const bool understood = action && id && id->is_string() && !id->get_string().empty() &&
                          (*action == "mark_task_as_completed" || *action == "mark_task_as_failed");
  if (!understood || details_of(event, false)) return std::nullopt;
  return report_of(what, *details_of(event, true));
}

// Whether the original takes the text for a number, in whatever script, or a boolean.
bool is_guessed(std::string_view text) {
  const auto word = sdk::lower(text);
  if (word == "true" || word == "false") return true;
  std::string digits(text);
  if (const auto point = digits.find('.'); point != digits.npos) digits.erase(point, 1);
  for (std::size_t at = 0; at < digits.size();) {
    const auto start = at;
    static const std::regex kOthers("²|³|¹|½|¼|¾");
    if (!sdk::digit(sdk::next_character(digits, at)) &&
        !std::regex_match(digits.substr(start, at - start), kOthers))
      return false;
  }
  return !digits.empty();
}

// D-47: "5" is a text, whatever it looks like.
std::optional<Answer> details_keep_their_types(const Case& what, const Answer& recorded) {
  if (!is_assistant(what) || recorded.is_error()) return std::nullopt;
  const auto details = details_of(what.in("event").get_object(), false);
  if (!details) return std::nullopt;
  for (const auto& [key, value] : *details)
    if (value.is_string() && is_guessed(value.get_string())) return report_of(what, *details);
  return std::nullopt;
}

// D-07: no row has this id.
std::optional<Answer> empty_id_names_no_task(const Case& what, const Answer& recorded) {
  if (!is_assistant(what) || recorded.is_error() ||
      what.in("event").get_object().at("task_id") != "")
    return std::nullopt;
  return Answer::error("AssertionError");
}

// D-06: the original logs that it could not tell, and the task is run again.
std::optional<Answer> lost_report_is_an_error(const Case& what, const Answer& recorded) {
  if (what.component != "Worker" || recorded.is_error() || what.in("lambda_fails") != true ||
      recorded.value().at("invoke").as_array().empty())
    return std::nullopt;
  return Answer::error("RuntimeError");
}

// No task has such an id, and no row of the table.
std::optional<Answer> ids_of_rows_are_texts(const Case& what, const Answer& recorded) {
  if (what.component != "Worker" || what.function != "call" || recorded.is_error() ||
      what.in("event").as_object().empty() || what.in("lambda_fails") == true)
    return std::nullopt;
  const auto* id = what.in("event").get_object().if_contains("task_id");
  if (!id || id->is_string() || recorded.value().at("meta").as_array().empty()) return std::nullopt;
  auto output = recorded.value();
  output.as_object()["meta"] = json::array();
  return Answer::output(std::move(output));
}

}  // namespace

Area worker_area() {
  Area area;
  area.name = "worker";
  area.handlers = {{"call", call}, {"mark_task_as_failed", mark_task_as_failed}, {"post", post}};
  area.rules = {{"details_cost_no_report", "D-16", details_cost_no_report},
                {"details_keep_their_types", "D-47", details_keep_their_types},
                {"empty_id_names_no_task", "D-07", empty_id_names_no_task},
                {"lost_report_is_an_error", "D-06", lost_report_is_an_error},
                {"ids_of_rows_are_texts", "D-07", ids_of_rows_are_texts}};
  // Ours waits for the answer. Rows of a Worker have the time of the clock.
  area.ignored = {"invoke/*/InvocationType", "meta/*/params/Item/created_at"};
  area.behaviour = behaviour;
  return area;
}

}  // namespace sosw::golden
