// SPDX-License-Identifier: MIT
// See faulty_tables.h.
#include "simulation/faulty_tables.h"

#include <algorithm>
#include <iterator>

namespace sosw::simulation {

using cloud::Item;
using cloud::Refusal;
using cloud::Write;
using cloud::Written;

namespace {

// What a client of DynamoDB says of all that is not an answer.
template <class T>
Result<T> as_no_answer(Result<T> answer) {
  if (answer || answer.error().code != Code::exhausted) return answer;
  return Error{Code::unavailable, answer.error().message, {}};
}

std::string_view name(Refusal why) {
  constexpr std::string_view kNames[] = {"-", "condition", "conflict", "throttled", "too large"};
  return kNames[static_cast<std::size_t>(why)];
}

std::string key_of(const Write& write) {
  const auto* id = write.item.if_contains("task_id");
  const auto* text = id ? id->as_object().if_contains("S") : nullptr;
  std::string key = text ? std::string(text->as_string()) : "?";
  if (key.size() == 32) key = fmt::format("{}..{}", key.substr(0, 4), key.substr(29));
  return key;
}

}  // namespace

void FaultyTables::say(std::span<const Write> writes, const Result<Written>& written) {
  if (!world_.traced()) return;
  std::string text;
  for (std::size_t i = 0; i < writes.size(); ++i) {
    constexpr std::string_view kKinds[] = {"put", "update", "delete"};
    const Write& write = writes[i];
    text += fmt::format("{}{} {} in {}", i == 0 ? "" : "; ",
                        kKinds[static_cast<std::size_t>(write.kind)], key_of(write),
                        write.table.substr(5));
    if (written && i < written->refused.size() && written->refused[i].why != Refusal::none)
      text += fmt::format(" ({})", name(written->refused[i].why));
  }
  if (!written)
    text += fmt::format(": {}", written.error().message);
  else if (!written->done)
    text += ": refused";
  world_.say("  {}", text);
}

void FaultyTables::travel() {
  if (latency_s_ > 0 && !world_.calm())
    world_.sleep(latency_s_ * (1 + world_.choices().below(8, "latency")) / 8);
}

// `later` gives the same effect, with all that it needs: the request may be stuck on its way, and
// arrive when its sender has given it up.
template <class Effect, class Later>
auto FaultyTables::change(Method method, const Effect& effect, const Later& later) {
  int sent = 0;
  const auto now = [&]() -> Result<Written> {
    auto answer = effect();
    changed_(caller_);
    // Our client does not take the refusal of what it has repeated by itself for an answer to the
    // first try, boto3 does.
    if (++sent > 1 && !caller_.original && answer && !answer->done)
      return Error{Code::unavailable, "the repetition of a request is refused", {}};
    return answer;
  };
  const auto stuck = [&] {
    // The original loses a task all by itself when its second request arrives after a later run:
    // its requests take effect within the run.
    if (caller_.original) return void(now());
    constexpr double kDelays[] = {1, 5, 30, 120, 290};
    world_.in(kDelays[world_.choices().below(5, "delay of a request")],
              [then = later(), caller = caller_, changed = changed_, world = &world_] {
                world->say_as(caller.process->name(), "a request that was stuck arrives");
                then();
                changed(caller);
              });
  };
  travel();
  auto answer = as_no_answer(faults_.call(*caller_.process, method, now, stuck));
  if (!answer) ++caller_.lost;
  const auto busy = [](const cloud::Refused& one) {
    return one.why == Refusal::conflict || one.why == Refusal::throttled;
  };
  if (!answer ||
      (!answer->done && std::any_of(answer->refused.begin(), answer->refused.end(), busy)))
    ++caller_.troubles;
  return answer;
}

Result<Written> FaultyTables::write(const Write& write) {
  auto answer = change(
      Method::write, [&] { return inner_.write(write); },
      [&] { return [this_inner = &inner_, write] { (void)this_inner->write(write); }; });
  say({&write, 1}, answer);
  return answer;
}

Result<Written> FaultyTables::transact(std::span<const Write> writes, std::string_view token) {
  auto answer = change(
      Method::transact, [&] { return inner_.transact(writes, token); },
      [&] {
        return [this_inner = &inner_, all = std::vector(writes.begin(), writes.end()),
                token = std::string(token)] { (void)this_inner->transact(all, token); };
      });
  say(writes, answer);
  return answer;
}

Result<cloud::Page> FaultyTables::query(const cloud::Query& query) {
  travel();
  return noted(as_no_answer(
      faults_.call(*caller_.process, Method::query, [&] { return inner_.query(query); })));
}

Result<std::vector<std::optional<Item>>> FaultyTables::get(std::span<const cloud::Key> keys) {
  travel();
  return noted(
      as_no_answer(faults_.call(*caller_.process, Method::get, [&] { return read(keys); })));
}

// BatchGetItem reads each item by itself, in any order: others may come between two of them.
Result<std::vector<std::optional<Item>>> FaultyTables::read(std::span<const cloud::Key> keys) {
  Choices& choices = world_.choices();
  if (keys.size() < 2 || world_.calm() || choices.weighted({7, 1}, "read apart") == 0)
    return inner_.get(keys);
  constexpr double kBetween[] = {0, 0.05, 0.5, 3};
  const auto n = 1 + choices.below(static_cast<std::uint32_t>(keys.size() - 1), "read together");
  const bool from_behind = choices.below(2, "read from behind") == 1;
  const double between = kBetween[choices.below(4, "between two reads")];
  const auto front = keys.first(n), back = keys.subspan(n);
  auto earlier = inner_.get(from_behind ? back : front);
  if (!earlier) return earlier;
  world_.sleep(between);
  auto later = inner_.get(from_behind ? front : back);
  if (!later) return later;
  if (from_behind) std::swap(*earlier, *later);
  earlier->insert(earlier->end(), std::make_move_iterator(later->begin()),
                  std::make_move_iterator(later->end()));
  return earlier;
}

Result<void> FaultyTables::append(std::string_view table, std::span<const Item> items) {
  // Records, of which no invariant knows.
  return as_no_answer(faults_.call(
      *caller_.process, Method::write_batch, [&] { return inner_.append(table, items); },
      [&] {
        const auto some = world_.choices().below(static_cast<std::uint32_t>(items.size()),
                                                 "items that are appended");
        if (some > 0) (void)inner_.append(table, items.first(some));
      }));
}

}  // namespace sosw::simulation
