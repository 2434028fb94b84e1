// SPDX-License-Identifier: MIT
// See witness.h.
#include "simulation/witness.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace sosw::simulation {
namespace {

using engine::Reported;

constexpr std::string_view kSerial = "serial";
// The two days before the one on which every run happens.
constexpr std::string_view kDays[] = {"2026-11-16", "2026-11-17"};

// What nobody may change, lose or take for his own.
json::object awkward_data(std::string_view whose) {
  return {{"whose", whose},
          {"text", "\"f\u00fcr\\ \n{}\u2028 \U0001F600"},
          {"big", 9'007'199'254'740'993},
          {"real", 0.1},
          {"none", nullptr},
          {"no", false},
          {"empty", json::object()},
          {"claims", "c7"},
          {"nested", json::object{{"task_id", "x"}, {"attempts", json::array{7, "", nullptr}}}}};
}

bool same(const Reported& a, const Reported& b) {
  return a.answer == b.answer && a.state == b.state && a.labourer_id == b.labourer_id &&
         a.freed_slot == b.freed_slot;
}

template <class T>
std::optional<T> taken(json::object& from, std::string_view key) {
  const auto found = from.find(key);
  if (found == from.end()) return std::nullopt;
  const auto value = json::try_value_to<T>(found->value());
  from.erase(found);
  if (!value) return std::nullopt;
  return *value;
}

}  // namespace

// --- Orders

const Witness::JobOrder& Witness::order_job(Choices& choices, std::string labourer,
                                            const Wish& wish) {
  const std::size_t number = orders_.size() + 1;
  Ordered order;
  order.key = fmt::format("job {}", number);
  order.labourer = std::move(labourer);
  auto words = static_cast<std::int64_t>(1 + choices.below(wish.most_words, "words"));
  order.cut = static_cast<Cut>(choices.weighted({6, 2, 2}, "cut"));
  order.data = wish.long_word > 0 ? json::object{{"whose", order.key}} : awkward_data(order.key);
  json::object body = order.data;
  switch (order.cut) {
    case Cut::one_by_one:
      order.rows = words;
      body["isolate_words"] = true;
      break;
    case Cut::in_pairs:
      order.rows = (words + 1) / 2;
      body["max_words_per_batch"] = 2;
      break;
    case Cut::by_days:
      words = (words + 1) / 2;
      order.rows = 2 * words;
      body["isolate_words"] = true;
      body["isolate_days"] = true;
      body["period"] = "last_2_days";
      break;
  }
  json::array list;
  for (std::int64_t i = 0; i < words; ++i) {
    const std::size_t more = i % 4 == 2 ? wish.long_word : 0;
    order.words.push_back(fmt::format("{}, word {}{}", order.key, i, std::string(more, 'x')));
    list.emplace_back(order.words.back());
  }
  body["words"] = std::move(list);
  // In turn, every form that such an event may have.
  if (number % 3 == 0)
    body["labourer_id"] = order.labourer;
  else if (number % 3 == 1)
    body["lambda_name"] = order.labourer;
  else
    body["lambda_name"] = "arn:aws:lambda:us-west-2:000000000000:function:" + order.labourer;
  if (number % 4 == 0)
    order.event = json::object{{"job", std::move(body)}, {"source", "somebody"}};
  else if (number % 4 == 2)
    order.event = json::object{{"job", json::serialize(body)}};
  else
    order.event = std::move(body);
  const std::string id = job_id(order.key);
  orders_.push_back(&by_id_.emplace(id, std::move(order)).first->second);
  return *orders_.back();
}

const Witness::JobOrder& Witness::order_of_rule(std::int64_t nominal, std::string labourer) {
  Ordered order;
  order.key = fmt::format("rule {}", nominal);
  order.labourer = std::move(labourer);
  order.rows = 1;
  order.data = {{"n", nominal}};
  json::object body = order.data;
  body["lambda_name"] = order.labourer;
  order.event = std::move(body);
  const std::string id = job_id(order.key);
  return by_id_.emplace(id, std::move(order)).first->second;
}

void Witness::fired(std::int64_t nominal, const Snapshot& now) {
  const std::string key = fmt::format("rule {}", nominal);
  const auto jobs = std::count_if(now.jobs.begin(), now.jobs.end(),
                                  [&](const JobRow& job) { return job.key == key; });
  if (jobs != 1)
    invariants_.breaks("rule_fires_once", fmt::format("there are {} jobs of {}", jobs, key));
}

engine::TaskManager::NewTask Witness::order_task(std::optional<std::int64_t> position) {
  const auto number = static_cast<std::int64_t>(direct_.size());
  direct_.push_back(position);
  engine::TaskManager::NewTask task;
  task.payload = awkward_data("direct");
  // A key of the attributes stands above the same one of the payload.
  task.payload.get_object()["direct"] = -1;
  task.attributes = {{"direct", number}};
  if (number % 2 == 1) task.payload = json::serialize(task.payload);
  task.greenfield = position;
  return task;
}

void Witness::accepted(const JobOrder& order, const engine::Accepted& answer, const Snapshot& now) {
  const std::string id = job_id(order.key);
  const bool kept = std::any_of(now.jobs.begin(), now.jobs.end(), [&](const JobRow& job) {
    return job.id == id && job.key == order.key && job.labourer_id == order.labourer &&
           job.rows == order.rows;
  });
  if (!kept || answer.job_id != id || answer.rows != order.rows)
    invariants_.breaks("accepted_is_kept",
                       fmt::format("{} of {} with {} rows was accepted as job {} with {} rows{}",
                                   order.key, order.labourer, order.rows, answer.job_id,
                                   answer.rows, kept ? "" : ", and the store does not have it"));
}

json::object Witness::row_of(const Ordered& order, std::int64_t row) {
  json::object expected = order.data;
  if (order.words.empty()) return expected;
  const auto i = static_cast<std::size_t>(row);
  switch (order.cut) {
    case Cut::one_by_one:
      expected["isolate_words"] = true;
      expected["words"] = json::array(1, json::value(order.words[i]));
      break;
    case Cut::in_pairs: {
      json::array pair(1, json::value(order.words[2 * i]));
      if (2 * i + 1 < order.words.size()) pair.emplace_back(order.words[2 * i + 1]);
      expected["max_words_per_batch"] = 2;
      expected["words"] = std::move(pair);
      break;
    }
    case Cut::by_days:
      expected["isolate_words"] = true;
      expected["date_list"] = json::array(1, json::value(kDays[i / order.words.size()]));
      expected["words"] = json::array(1, json::value(order.words[i % order.words.size()]));
      break;
  }
  return expected;
}

void Witness::arrived(const engine::Invocation& invocation) {
  const auto wrong = [&](std::string what) {
    invariants_.breaks("every_key_arrives",
                       fmt::format("task {}: {}", invocation.task_id, std::move(what)));
  };
  boost::system::error_code unreadable;
  json::value read = json::parse(invocation.payload, unreadable);
  if (unreadable || !read.is_object()) return wrong("its event is no JSON object");
  json::object& event = read.get_object();
  // As they were before the claim.
  const ClaimLog* claim = log_.claim(invocation.task_id, invocation.claim);
  if (claim == nullptr) return wrong("its event has a claim that nobody gave out");
  if (taken<std::string>(event, "task_id") != invocation.task_id ||
      taken<std::string>(event, "claim") != invocation.claim)
    wrong("its event does not say which task or claim it is");
  if (taken<std::int64_t>(event, "attempts") != claim->attempts_before)
    wrong(fmt::format("its event does not tell of {} attempts", claim->attempts_before));
  const auto position = taken<std::int64_t>(event, "greenfield");
  if (position != claim->position_before)
    wrong(fmt::format("its event does not tell that it was at {}", claim->position_before));
  if (!taken<double>(event, "created_at")) wrong("its event does not tell when it was made");
  const auto labourer = taken<std::string>(event, "labourer_id");
  if (labourer != invocation.labourer->id) wrong("its event names another labourer");

  if (event.contains("direct")) return check_direct(invocation, event, *position);
  const auto found = by_id_.find(std::string_view(invocation.task_id).substr(0, 20));
  if (found == by_id_.end()) return wrong("nobody has ordered it");
  const auto row = std::strtoll(invocation.task_id.substr(20).c_str(), nullptr, 16);
  if (row >= found->second.rows) return wrong("its job has no such row");
  if (labourer != found->second.labourer) wrong("it was ordered of another labourer");
  if (const json::object expected = row_of(found->second, row); event != expected)
    wrong(fmt::format("the worker gets {} instead of {}", json::serialize(event),
                      json::serialize(expected)));
}

void Witness::check_direct(const engine::Invocation& invocation, const json::object& event,
                           std::int64_t told_position) {
  const auto* told = event.at("direct").if_int64();
  const auto number =
      told == nullptr || *told < 0 ? direct_.size() : static_cast<std::size_t>(*told);
  json::object expected = awkward_data("direct");
  expected["direct"] = number;
  if (number >= direct_.size() || event != expected)
    return invariants_.breaks(
        "every_key_arrives",
        fmt::format("task {}: the worker gets {}", invocation.task_id, json::serialize(event)));
  const auto& position = direct_[number];
  if (position && log_.tasks[invocation.task_id].claims.size() == 1 && told_position != *position)
    invariants_.breaks("chosen_position",
                       fmt::format("task {} was to wait at {}, and did at {}", invocation.task_id,
                                   *position, told_position));
}

// --- Words of workers

std::int64_t Witness::keep(Word word, std::string_view said_claim) {
  const bool completed = word.kind == Report::Kind::completed;
  if (said_claim.empty()) {
    TaskLog& task = log_.tasks[word.task_id];
    (completed ? task.completed_without_claim : task.failed_without_claim) = true;
    if (!completed) ++task.failures_told_without_claim;
  } else if (ClaimLog* claim = log_.claim(word.task_id, said_claim)) {
    (completed ? claim->completed : claim->failed) = true;
  }
  const auto serial = static_cast<std::int64_t>(words_.size());
  word.claim = said_claim;
  word.stats[kSerial] = serial;
  words_.push_back(std::move(word));
  return serial;
}

void Witness::word(json::object& event, std::string_view known_claim) {
  Word word;
  word.task_id = std::string_view(event.at("task_id").get_string());
  if (event.at("action").get_string() == "mark_task_as_failed") word.kind = Report::Kind::failed;
  const auto* said = event.if_contains("claim");
  const std::string claim(said ? std::string_view(said->get_string()) : known_claim);
  const auto number = words_.size();
  // Details come as objects, as JSON text, or as something else.
  json::value result = json::object{{"note", number}, {"error", fmt::format("no, {}", number)}};
  if (number % 4 == 3) result = fmt::format("note {}", number);
  word.result = result.is_object() ? result.get_object() : json::object{{"value", result}};
  keep(std::move(word), claim);
  const json::object& stats = words_.back().stats;
  event["stats"] = number % 2 == 1 ? json::value(json::serialize(stats)) : json::value(stats);
  event["result"] = number % 4 == 1 ? json::value(json::serialize(result)) : result;
}

void Witness::word(Report& report) {
  report.result["note"] = words_.size();
  keep({report.task_id, {}, report.kind, report.stats, report.result, {}}, report.claim);
  report.stats = words_.back().stats;
}

Witness::Word* Witness::word_of(const json::object& stats) {
  const auto* serial = stats.if_contains(kSerial);
  if (serial == nullptr || !serial->is_int64()) return nullptr;
  const auto i = static_cast<std::size_t>(serial->get_int64());
  return i < words_.size() ? &words_[i] : nullptr;
}

void Witness::stored(const Report& report, const Reported& reported) {
  TaskWords& task = tasks_[report.task_id];
  if (Word* word = word_of(report.stats)) {
    if (report.task_id != word->task_id || report.claim != word->claim ||
        report.kind != word->kind || report.stats != word->stats || report.result != word->result)
      invariants_.breaks(
          "report_as_told",
          fmt::format("task {}: what was told of its claim {} reaches the store as {} "
                      "by claim {}",
                      word->task_id, word->claim,
                      report.kind == Report::Kind::failed ? "failed" : "completed", report.claim));
    word->answers.push_back(reported);
    // Who is too late may be kept, or is not: nothing tells.
    const bool kept = reported.answer == Answer::applied || reported.answer == Answer::late;
    if (kept) {
      task.kept.clear();
      task.has_some = true;
    }
    if (kept || reported.answer == Answer::stale) task.kept.push_back(word - words_.data());
  } else {  // by the engine itself, for one that has died with its attempts
    const ClaimLog* claim = log_.claim(report.task_id, report.claim);
    const bool died =
        claim != nullptr && (!claim->owner->alive() || claim->owner->life() != claim->life);
    if (!died || report.kind != Report::Kind::failed)
      invariants_.breaks("report_as_told", fmt::format("nobody has told of task {}, claim {}",
                                                       report.task_id, report.claim));
  }
  const auto told_before = [&](const auto& failure) { return failure.first == report.claim; };
  if (report.kind == Report::Kind::failed && reported.answer == Answer::stale &&
      reported.state == State::retry &&
      log_.tasks[report.task_id].claims.back().token == report.claim &&
      std::any_of(task.failures.begin(), task.failures.end(), told_before))
    invariants_.breaks("failures_recorded", fmt::format("task {}: the failure of {} counts twice",
                                                        report.task_id, report.claim));
  if (report.kind == Report::Kind::failed && reported.answer == Answer::applied) {
    const auto* error = report.result.if_contains("error");
    task.failures.emplace_back(report.claim,
                               error == nullptr ? "" : std::string(error->get_string()));
  }
}

void Witness::answered(const Report& report, const Result<Reported>& answer) {
  if (!answer) return;
  const auto wrong = [&] {
    invariants_.breaks("answers_its_own_report",
                       fmt::format("who told of task {} hears what the store has not answered him",
                                   report.task_id));
  };
  Word* word = word_of(report.stats);
  if (word == nullptr) return wrong();
  const auto own = std::find_if(word->answers.begin(), word->answers.end(),
                                [&](const Reported& one) { return same(one, *answer); });
  if (own == word->answers.end()) return wrong();
}

void Witness::answered(const json::object& event, const Result<json::object>& answer) {
  if (!answer) return;
  const auto* id = answer->if_contains("task_id");
  const auto* text = answer->if_contains("answer");
  const auto& stats = event.at("stats");
  const Word* word = word_of(stats.is_object() ? stats.get_object()
                                               : json::parse(stats.get_string()).get_object());
  const bool own = word != nullptr && id != nullptr && *id == event.at("task_id") &&
                   text != nullptr && text->is_string() &&
                   std::any_of(word->answers.begin(), word->answers.end(), [&](const auto& one) {
                     return name(one.answer) == std::string_view(text->get_string());
                   });
  if (!own)
    invariants_.breaks(
        "answers_its_own_report",
        fmt::format("{} is answered by {}", json::serialize(event), json::serialize(*answer)));
}

void Witness::at_the_end(const Task& task) {
  const auto words = tasks_.find(task.id);
  static const TaskWords kNone;
  const TaskWords& told = words == tasks_.end() ? kNone : words->second;
  const auto* serial = task.extra.if_contains("stat_serial");
  const auto is_kept = [&](std::int64_t word) {
    const Word& one = words_[static_cast<std::size_t>(word)];
    return serial != nullptr && *serial == one.stats.at(kSerial) &&
           std::all_of(one.result.begin(), one.result.end(), [&](const auto& detail) {
             const auto* stored = task.extra.if_contains("result_" + std::string(detail.key()));
             return stored != nullptr && (*stored == detail.value() || detail.key() == "error");
           });
  };
  const bool details = std::any_of(told.kept.begin(), told.kept.end(), is_kept) ||
                       (serial == nullptr && !told.has_some);
  if (!details)
    invariants_.breaks("details_are_kept",
                       fmt::format("task {} does not have the stats and the result that were told "
                                   "last",
                                   task.id));
  std::vector<std::pair<std::string, std::string>> failures;
  if (const auto* history = task.extra.if_contains("history")) {
    for (const auto& entry : history->get_array()) {
      if (entry.at("action") != "failed") continue;
      const auto* error = entry.get_object().if_contains("error");
      failures.emplace_back(entry.at("claim").get_string(),
                            error == nullptr ? "" : std::string(error->get_string()));
    }
  }
  const auto same_failure = [](const auto& kept, const auto& reported) {
    return (reported.first.empty() || kept.first == reported.first) &&
           kept.second == reported.second;
  };
  if (!std::equal(failures.begin(), failures.end(), told.failures.begin(), told.failures.end(),
                  same_failure))
    invariants_.breaks("failures_recorded",
                       fmt::format("task {} had {} failures, its history tells of {}, or of others",
                                   task.id, told.failures.size(), failures.size()));
}

}  // namespace sosw::simulation
