// SPDX-License-Identifier: MIT
// See table_requests.h.
#include "cloud/table_requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <set>

#include "cloud/table_rows.h"
#include "core/guard.h"
#include "core/sha256.h"

namespace sosw::cloud {
namespace {

constexpr int kTries = 3;                   // of one request whose answer is lost
constexpr std::size_t kKeys = 100;          // of one BatchGetItem
constexpr std::int64_t kPage = 100;         // rows
constexpr std::int64_t kSmallRows = 1'000;  // the same of a projection
constexpr int kThrottledRounds = 2;         // then less at once may help

bool name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Each :word or #word in the text.
template <class See>
void each_placeholder(std::string_view expression, See see) {
  for (std::size_t i = 0; i < expression.size(); ++i) {
    if (expression[i] != ':' && expression[i] != '#') continue;
    std::size_t end = i + 1;
    while (end < expression.size() && name_char(expression[end])) ++end;
    see(expression.substr(i, end - i));
    i = end - 1;
  }
}

bool lost(const Error& error) { return error.code == Code::unavailable; }

bool any(const Written& written, Refusal why) {
  return std::any_of(written.refused.begin(), written.refused.end(),
                     [&](const Refused& one) { return one.why == why; });
}

Error not_taken() {
  return {Code::unavailable, "the tables are busy: the writes were refused again and again",
          "try again later"};
}

Write count_update(const std::string& table, std::string id, const Move::Closed& n) {
  Change change;
  if (n.done != 0) change.add("done", n.done);
  if (n.dead != 0) change.add("dead", n.dead);
  if (n.cancelled != 0) change.add("cancelled", n.cancelled);
  if (change.empty()) change.add("done", 0);
  return change.of(table, {{"task_id", text(id)}});
}

}  // namespace

std::size_t bytes_of(const Write& write) {
  std::size_t size = 200;
  for (const json::object* part : {&write.item, &write.values}) {
    for (const auto& [key, value] : *part) {
      const auto* object = value.if_object();
      const auto* s =
          object && object->size() == 1 ? object->begin()->value().if_string() : nullptr;
      size += key.size() + (s ? s->size() + 10 : json::serialize(value).size());
    }
  }
  return size;
}

Requests::Requests(Tables& tables, const TableStore::Options& options)
    : tables_(tables), options_(options) {
  for (const auto& [name, physical_name] : options.field_names)
    if (name != physical_name) logical_[physical_name] = name;
}

std::string Requests::fresh() {
  const auto digest = sha256(fmt::format("{}:{}", options_.nonce, ++made_));
  return fmt::format("{:02x}", fmt::join(digest.begin(), digest.begin() + 16, ""));
}

void Requests::pause(int round) const {
  if (options_.pause) options_.pause(round);
}

// --- Names

std::string Requests::physical(std::string_view name) const {
  const auto found = options_.field_names.find(name);
  return found == options_.field_names.end() ? std::string(name) : found->second;
}

std::string Requests::logical(std::string_view name) const {
  const auto found = logical_.find(name);
  return found == logical_.end() ? std::string(name) : found->second;
}

Item Requests::to_physical(const Item& item) const {
  if (logical_.empty()) return item;
  Item renamed;
  for (const auto& [key, value] : item) renamed[physical(key)] = value;
  return renamed;
}

Item Requests::to_logical(Item item) const {
  if (logical_.empty()) return item;
  Item renamed;
  for (auto& [key, value] : item) renamed[logical(key)] = std::move(value);
  return renamed;
}

void Requests::settle(Written& written) const {
  if (written.before) written.before = to_logical(std::move(*written.before));
  for (auto& one : written.refused)
    if (one.found) one.found = to_logical(std::move(*one.found));
}

void Requests::complete(std::initializer_list<std::string_view> expressions, json::object& values,
                        json::object& names) const {
  std::set<std::string, std::less<>> used;
  for (const auto expression : expressions) {
    each_placeholder(expression, [&](std::string_view word) {
      if (word.front() == ':') used.emplace(word);
      if (word.front() == '#' && !names.contains(word)) names[word] = physical(word.substr(1));
    });
  }
  json::object kept;
  for (auto& [name, value] : values)
    if (used.contains(std::string_view(name))) kept[name] = std::move(value);
  values = std::move(kept);
}

Write Requests::finished(Write write) const {
  write.item = to_physical(write.item);
  complete({write.update, write.condition}, write.values, write.names);
  return write;
}

// --- Writes

Result<Written> Requests::write(Write write) {
  const Write sent = finished(std::move(write));
  int lost_answers = 0;
  for (int round = 1;; ++round) {
    auto written = tables_.write(sent);
    if (!written) {
      if (!lost(written.error()) || ++lost_answers >= kTries) return written.error();
    } else if (written->done || any(*written, Refusal::condition) ||
               any(*written, Refusal::too_large)) {
      settle(*written);
      return written;
    }
    if (round >= kRounds) return not_taken();
    pause(round);
  }
}

Result<Written> Requests::transact(std::span<const Write> writes, bool& answer_lost) {
  std::vector<Write> sent;
  sent.reserve(writes.size());
  for (const auto& one : writes) sent.push_back(finished(one));
  std::string token = fresh();
  int lost_answers = 0;
  for (int round = 1;; ++round) {
    auto written = tables_.transact(sent, token);
    answer_lost = answer_lost || (!written && lost(written.error()));
    if (!written && (!lost(written.error()) || ++lost_answers >= kTries)) return written.error();
    if (written) {
      // That the tables are busy now does not tell what became of a request whose answer is lost.
      const bool known = lost_answers == 0 || written->done || any(*written, Refusal::condition) ||
                         any(*written, Refusal::too_large);
      if (known) {
        settle(*written);
        return written;
      }
      if (round >= kRounds) return not_taken();
    }
    pause(round);
    if (!SOSW_GUARD(client_token)) token = fresh();
  }
}

// A transaction in the making: the writes of the moves, then what they share.
struct Requests::Batch {
  std::vector<Write> writes;
};

Result<Requests::Batch> Requests::batch_of(std::span<Move*> moves) {
  Batch batch;
  std::map<std::string, Move::Closed> counts;
  std::vector<engine::Alarm> alarms;
  const auto count = [&](std::string id, const Move::Closed& n) {
    auto& sum = counts[std::move(id)];
    sum.done += n.done;
    sum.dead += n.dead;
    sum.cancelled += n.cancelled;
  };
  for (const Move* move : moves) {
    batch.writes.insert(batch.writes.end(), move->writes.begin(), move->writes.end());
    if (move->closed.done != 0 || move->closed.dead != 0 || move->closed.cancelled != 0) {
      if (!move->job.empty()) count(count_id(move->job), move->closed);
      if (!move->labourer.empty()) count(count_id_of_labourer(move->labourer), move->closed);
    }
    alarms.insert(alarms.end(), move->alarms.begin(), move->alarms.end());
  }
  for (const auto& [id, n] : counts) batch.writes.push_back(count_update(options_.tasks, id, n));
  if (alarms.empty() || !SOSW_GUARD(alarm_with_death)) return batch;

  // Consecutive numbers, so that the reader needs no index to find them all.
  const auto control = get_one({options_.tasks, {{"task_id", text(kAlarms)}}});
  if (!control) return control.error();
  const std::int64_t last = *control ? integer_in(**control, "last").value_or(0) : 0;
  const auto n = static_cast<std::int64_t>(alarms.size());
  Write numbers =
      Change().set("last", number(last + n)).of(options_.tasks, {{"task_id", text(kAlarms)}});
  numbers.values[":was"] = number(last);
  if (SOSW_GUARD(alarm_number))
    require(numbers, last == 0 ? "attribute_not_exists(#last)" : "#last = :was");
  batch.writes.push_back(std::move(numbers));
  for (std::int64_t i = 0; i < n; ++i) {
    const auto& alarm = alarms[static_cast<std::size_t>(i)];
    batch.writes.push_back(Write{Write::Kind::put,
                                 options_.tasks,
                                 {{"task_id", text(alarm_id(last + 1 + i))},
                                  {"kind", number(static_cast<std::int64_t>(alarm.kind))},
                                  {"labourer", text(alarm.labourer_id)},
                                  {"task", text(alarm.task_id)},
                                  {"message", text(alarm.message)},
                                  {"at", seconds(alarm.at)}}});
  }
  return batch;
}

Result<void> Requests::commit(std::span<Move> moves) {
  struct Work {
    std::vector<Move*> moves;
    int round = 0;
  };
  // An action each for the counts of a job and a labourer, an alarm and the number of alarms.
  constexpr std::size_t kShared = 3;
  std::deque<Work> work;
  std::size_t actions = 0, bytes = 0;
  for (Move& move : moves) {
    if (move.fate != Move::Fate::left) continue;
    std::size_t own_bytes = 0;
    for (const auto& write : move.writes) own_bytes += bytes_of(write);
    const bool other_job =
        !work.empty() && !work.back().moves.empty() && work.back().moves.back()->job != move.job;
    const std::size_t own = move.writes.size() + move.alarms.size() + (other_job ? 1 : 0);
    if (work.empty() || actions + own > kMostActions || bytes + own_bytes > kMostBytes) {
      work.emplace_back();
      actions = kShared;
      bytes = 0;
    }
    work.back().moves.push_back(&move);
    actions += own;
    bytes += own_bytes;
  }

  std::optional<Error> failed;
  bool any_done = false;
  while (!work.empty()) {
    Work now = std::move(work.front());
    work.pop_front();
    const auto batch = batch_of(now.moves);
    if (!batch) {
      failed = batch.error();
      break;
    }
    // What was throttled before says nothing of a request whose answer is lost.
    for (Move* move : now.moves) move->throttled = false;
    const bool single = batch->writes.size() == 1;
    bool answer_lost = false;
    const auto written =
        single ? write(batch->writes.front()) : transact(batch->writes, answer_lost);
    for (Move* move : now.moves) move->unsure = move->unsure || answer_lost;
    if (!written) {
      failed = written.error();
      break;  // the tables do not answer: the rest would only wait as long
    }
    if (written->done) {
      for (Move* move : now.moves) {
        move->fate = Move::Fate::done;
        move->throttled = false;
      }
      any_done = true;
      continue;
    }
    // Those whose own condition failed are out; the others are tried again.
    std::vector<Move*> again;
    std::size_t from = 0;
    for (Move* move : now.moves) {
      const auto first = written->refused.begin() +
                         static_cast<std::ptrdiff_t>(std::min(from, written->refused.size()));
      const auto last =
          written->refused.begin() + static_cast<std::ptrdiff_t>(std::min(
                                         from + move->writes.size(), written->refused.size()));
      from += move->writes.size();
      const auto why = [&](Refusal reason) {
        return std::any_of(first, last, [&](const Refused& one) { return one.why == reason; });
      };
      const bool refused = why(Refusal::condition);
      if (refused || why(Refusal::too_large)) {
        move->fate = refused ? Move::Fate::refused : Move::Fate::too_large;
        move->refused.assign(first, last);
        move->throttled = false;
      } else {
        move->throttled = any(*written, Refusal::throttled);
        again.push_back(move);
      }
    }
    if (again.empty()) continue;
    if (again.size() < now.moves.size()) {
      work.push_front({std::move(again), now.round});
      continue;
    }
    // Somebody else has an item of it, or it is too much at once.
    const bool throttled = any(*written, Refusal::throttled);
    const bool smaller = again.size() > 1;
    if (++now.round >= (throttled && !smaller ? kThrottledRounds : kRounds)) {
      failed = not_taken();
      continue;
    }
    pause(now.round);
    if (smaller && (throttled || now.round >= 2)) {
      const auto middle = again.begin() + static_cast<std::ptrdiff_t>(again.size() / 2);
      const int round = throttled ? 0 : now.round;  // it is other work
      work.push_front({std::vector<Move*>(middle, again.end()), round});
      work.push_front({std::vector<Move*>(again.begin(), middle), round});
    } else {
      work.push_front({std::move(again), now.round});
    }
  }
  if (failed && !any_done && std::none_of(moves.begin(), moves.end(), [](const Move& move) {
        return move.fate != Move::Fate::left;
      }))
    return *failed;
  return {};
}

// --- Reads

Result<Page> Requests::page(Query query) {
  if (query.after) query.after = to_physical(*query.after);
  complete({query.key, query.filter, query.projection}, query.values, query.names);
  for (int round = 1;; ++round) {
    auto page = tables_.query(query);
    if (!page) {
      if (!lost(page.error()) || round >= kTries) return page.error();
      pause(round);
      continue;
    }
    for (auto& item : page->items) item = to_logical(std::move(item));
    if (page->last) page->last = to_logical(std::move(*page->last));
    return page;
  }
}

Result<std::vector<Item>> Requests::query(Query query, std::int64_t at_most) {
  std::vector<Item> rows;
  std::set<std::string> seen;
  while (static_cast<std::int64_t>(rows.size()) < at_most) {
    const auto missing = at_most - static_cast<std::int64_t>(rows.size());
    const std::int64_t page_rows = query.projection.empty() ? kPage : kSmallRows;
    query.limit = query.filter.empty() ? std::min(page_rows, missing) : page_rows;
    auto page = this->page(query);
    if (!page) return page.error();
    for (auto& item : page->items) {
      if (static_cast<std::int64_t>(rows.size()) >= at_most) break;
      if (seen.insert(text_in(item, "task_id")).second) rows.push_back(std::move(item));
    }
    if (!page->last) break;
    query.after = std::move(page->last);
  }
  return rows;
}

Result<std::int64_t> Requests::count(Query query, std::int64_t at_most) {
  query.count = true;
  std::int64_t n = 0;
  while (n < at_most) {
    query.limit = query.filter.empty() ? at_most - n : 0;
    auto page = this->page(query);
    if (!page) return page.error();
    n += page->count;
    if (!page->last) break;
    query.after = std::move(page->last);
  }
  return std::min(n, at_most);
}

Result<std::vector<std::optional<Item>>> Requests::get(std::vector<Key> keys) {
  std::map<std::string, std::size_t> places;  // of each different key in `asked`
  std::vector<Key> asked;
  std::vector<std::size_t> place_of;
  for (auto& key : keys) {
    const auto [found, is_new] = places.emplace(key.table + json::serialize(key.key), asked.size());
    if (is_new) asked.push_back({std::move(key.table), to_physical(key.key)});
    place_of.push_back(found->second);
  }
  std::vector<std::optional<Item>> got;
  for (std::size_t from = 0; from < asked.size(); from += kKeys) {
    const auto portion = std::span(asked).subspan(from, std::min(kKeys, asked.size() - from));
    for (int round = 1;; ++round) {
      auto answer = tables_.get(portion);
      if (answer) {
        for (auto& item : *answer) {
          if (item) item = to_logical(std::move(*item));
          got.push_back(std::move(item));
        }
        break;
      }
      if (!lost(answer.error()) || round >= kTries) return answer.error();
      pause(round);
    }
  }
  std::vector<std::optional<Item>> all;
  all.reserve(place_of.size());
  for (const std::size_t place : place_of) all.push_back(got[place]);
  return all;
}

Result<std::optional<Item>> Requests::get_one(Key key) {
  auto got = get({std::move(key)});
  if (!got) return got.error();
  return std::move(got->front());
}

}  // namespace sosw::cloud
