// SPDX-License-Identifier: MIT
// Random sequences of calls, on the store and on the in-memory model at once: all answers, and all
// that the two tell about themselves, must be the same. SOSW_SEED and SOSW_STEPS choose the walk.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <set>

#include "core/chunking.h"
#include "simulation/model_store.h"
#include "task_store.h"

namespace sosw::conformance {
namespace {

using engine::Release;

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets it
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

// A task as each of the two stores names it: the ids of tasks made directly are the store's own.
struct Id {
  std::string ours, model;
};
struct Token {
  Id task;
  std::string ours, model;
  bool given_back = false;
};

class Walk {
 public:
  Walk(OpenStore& opened, const StoreSettings& settings, bool as_the_model, std::uint64_t seed)
      : opened_(opened),
        as_the_model_(as_the_model),
        model_({.two_step = settings.two_step,
                .task_step = settings.task_step,
                .direct_last = as_the_model}),
        random_(seed) {
    for (const std::string_view id : kLabourers) labourers_.emplace(id, worker(id));
    labourers_.at("b").max_attempts = 2;
    labourers_.erase("c");  // not configured: the defaults
  }

  // One call on both. What it was is in `said`.
  void step(std::string& said) {
    now_ = after(now_, static_cast<double>(pick(4) == 0 ? pick(15) : 0) + (as_the_model_ ? 0 : 1));
    const auto event = pick(100);
    if (event < 8)
      said = accept();
    else if (event < 18)
      said = make_rows();
    else if (event < 65)
      said = exchange();
    else if (event < 75)
      said = release();
    else if (event < 80)
      said = expire();
    else if (event < 88)
      said = requeue();
    else if (event < 91)
      said = archive();
    else if (event < 94)
      said = replay();
    else if (event < 96)
      said = cancel();
    else if (event < 98)
      said = alarms();
    else if (event < 99)
      said = gate();
    else
      said = opened_.reopen() ? "reopen" : "nothing";
  }

  void compare() {
    const auto ours = opened_.store().cancelling();
    const auto model = model_.cancelling();
    ASSERT_TRUE(ours && model);
    EXPECT_EQ(std::set(ours->begin(), ours->end()), std::set(model->begin(), model->end()));
    EXPECT_EQ(comparable(described(opened_.store(), [](const std::string& id) { return id; })),
              comparable(described(model_, [&](const std::string& id) { return ours_id(id); })));
    for (const auto& job : jobs_) {
      if (pick(4) != 0) continue;
      const auto id = task_id(job, pick(12));  // may be folded, made, history or nowhere
      EXPECT_EQ(comparable(one(opened_.store(), id)), comparable(one(model_, id)));
    }
  }

  // What the store counts is what its lists hold.
  void recount() {
    auto& store = opened_.store();
    std::map<std::pair<std::string, State>, std::int64_t> counted;
    engine::TaskQuery query;
    query.limit = 50;
    for (auto page = store.tasks(query); page && !page->empty(); page = store.tasks(query)) {
      for (const auto& task : *page) counted[{task.labourer_id, task.state}] += 1;
      query.after = page->back().id;
    }
    std::map<std::pair<std::string, State>, std::int64_t> told;
    const auto status = store.status();
    ASSERT_TRUE(status);
    for (const auto& [labourer, entry] : *status) {
      for (const auto& [state, n] : entry.tasks) {
        if (n != 0) told[{labourer, state}] = n;
      }
    }
    EXPECT_EQ(told, counted);
    const auto jobs = store.jobs(std::nullopt, 1'000'000);
    ASSERT_TRUE(jobs);
    for (const auto& job : *jobs) {
      engine::TaskQuery rows;
      rows.job_id = job.id;
      rows.limit = 1'000'000;
      std::map<State, std::int64_t> states;
      const auto tasks = store.tasks(rows);
      ASSERT_TRUE(tasks);
      for (const auto& task : *tasks) states[task.state] += 1;
      EXPECT_EQ(static_cast<std::int64_t>(tasks->size()), job.made);
      EXPECT_EQ(states[State::done], job.done);
      EXPECT_EQ(states[State::dead], job.dead);
      EXPECT_EQ(states[State::cancelled], job.cancelled);
    }
  }

 private:
  static constexpr std::string_view kLabourers[] = {"a", "b", "c"};

  std::int64_t pick(std::int64_t n) {
    return std::uniform_int_distribution<std::int64_t>(0, n - 1)(random_);
  }
  template <class T>
  const T& one_of(const std::vector<T>& all) {
    return all[static_cast<std::size_t>(pick(static_cast<std::int64_t>(all.size())))];
  }
  std::string_view labourer() { return kLabourers[pick(3)]; }
  Id any_task() {
    return tasks_.empty() || pick(40) == 0 ? Id{"nobody", "nobody"} : one_of(tasks_);
  }
  // Mostly a recent one.
  Token& any_token() {
    if (tokens_.empty()) tokens_.push_back({{"nobody", "nobody"}, "c1", "c1"});
    const auto n = static_cast<std::int64_t>(tokens_.size());
    return tokens_[static_cast<std::size_t>(n - 1 -
                                            pick(pick(3) == 0 ? n : std::min<std::int64_t>(n, 8)))];
  }

  // --- Calls. Each compares the answers.

  template <class T>
  bool same_kind(const Result<T>& ours, const Result<T>& model) {
    EXPECT_EQ(static_cast<bool>(ours), static_cast<bool>(model))
        << (ours ? model.error().text() : ours.error().text());
    if (!ours && !model) {
      EXPECT_EQ(ours.error().code, model.error().code);
    }
    return ours && model;
  }

  std::string accept() {
    const bool direct = pick(3) == 0;
    engine::Job job = job_of(direct ? 1 : 1 + pick(9),
                             direct ? "" : fmt::format("key {}", pick(200)), labourer());
    if (job.rows == 1 && pick(2) == 0) job.task_id = fmt::format("foreign {}", pick(20));
    const std::int64_t make_now = pick(6);
    const auto ours = opened_.store().accept(job, make_now, now_);
    const auto model = model_.accept(job, make_now, now_);
    if (same_kind(ours, model)) {
      EXPECT_EQ(ours->rows, model->rows);
      EXPECT_EQ(ours->already, model->already);
      EXPECT_EQ(ours->made, model->made);
      if (direct) {
        direct_[model->task_id] = ours->task_id;
        tasks_.push_back({ours->task_id, model->task_id});
      } else {
        EXPECT_EQ(ours->job_id, model->job_id);
        EXPECT_EQ(ours->task_id, model->task_id);
        jobs_.push_back(ours->job_id);
        for (std::int64_t row = 0; row < job.rows && !ours->already; ++row) {
          const std::string id = job.task_id ? *job.task_id : task_id(ours->job_id, row);
          tasks_.push_back({id, id});
        }
      }
    }
    return fmt::format("accept '{}' of {}, {} rows, make {}, id {}", job.key, job.labourer_id,
                       job.rows, make_now, job.task_id.value_or("-"));
  }

  std::string make_rows() {
    const auto id = labourer();
    const std::int64_t watermark = 1 + pick(12), at_most = pick(9);
    const auto ours = opened_.store().make_rows(id, watermark, at_most, now_);
    const auto model = model_.make_rows(id, watermark, at_most, now_);
    if (same_kind(ours, model)) {
      EXPECT_EQ(ours->rows, model->rows);
      EXPECT_EQ(ours->more, model->more);
      EXPECT_EQ(ours->no_room, model->no_room);
      if (ours->rows > 0) {
        EXPECT_EQ(ours->rows > 1 ? ours->first_row : 0, ours->rows > 1 ? model->first_row : 0);
      }
    }
    return fmt::format("make rows of {}: {} at watermark {}", id, at_most, watermark);
  }

  std::string exchange() {
    std::string said = "exchange:";
    std::vector<Report> ours, model;
    for (auto n = pick(4); n > 0; --n) {
      Token token = any_token();
      if (pick(6) == 0) token = {any_task(), "", ""};
      Report report;
      // Whether a store remembers a claim that was given back is no promise: a failure by it is
      // `stale` or `already` for a task that is over.
      report.kind =
          token.given_back || pick(2) == 0 ? Report::Kind::completed : Report::Kind::failed;
      if (pick(3) == 0) report.result = {{"n", pick(100)}};
      if (pick(3) == 0) report.stats = {{"seconds", 0.5}};
      for (auto copies = pick(5) == 0 ? 2 : 1; copies > 0; --copies) {
        report.task_id = token.task.ours;
        report.claim = token.ours;
        ours.push_back(report);
        report.task_id = token.task.model;
        report.claim = token.model;
        model.push_back(report);
      }
      said += fmt::format(" {} {} by '{}' ('{}');",
                          report.kind == Report::Kind::completed ? "completed" : "failed",
                          token.task.ours, token.ours, token.model);
    }
    std::vector<engine::ClaimRequest> claims, model_claims;
    const Id wanted = any_task();
    for (auto n = pick(3); n > 0; --n) {
      engine::ClaimRequest claim{.labourer_id = labourer(),
                                 .limit = static_cast<int>(pick(9)),
                                 .at_most = static_cast<int>(pick(5)),
                                 .deadline = after(now_, static_cast<double>(5 + ++deadlines_)),
                                 .expiry = pick(2) == 0 ? Expiry::host : Expiry::deadline};
      const bool one = pick(8) == 0;
      if (one) claim.task_id = wanted.ours;
      said += fmt::format(" claim {} of {}, limit {}, {}", claim.at_most, claim.labourer_id,
                          claim.limit, claim.task_id.value_or("any"));
      claims.push_back(claim);
      if (one) claim.task_id = wanted.model;
      model_claims.push_back(claim);
    }
    if (deadlines_ > 60) deadlines_ = 0;
    auto a = opened_.store().exchange(ours, claims, labourers_, now_);
    auto b = model_.exchange(model, model_claims, labourers_, now_);
    if (!same_kind(a, b)) return said;
    EXPECT_EQ(a->reported.size(), b->reported.size());
    for (std::size_t i = 0; i < std::min(a->reported.size(), b->reported.size()); ++i) {
      const auto &x = a->reported[i], &y = b->reported[i];
      EXPECT_EQ(std::tuple(name(x.answer), x.state, x.labourer_id, x.freed_slot),
                std::tuple(name(y.answer), y.state, y.labourer_id, y.freed_slot))
          << "report " << i;
    }
    EXPECT_EQ(a->claimed.size(), b->claimed.size());
    for (std::size_t i = 0; i < std::min(a->claimed.size(), b->claimed.size()); ++i) {
      auto &x = a->claimed[i], &y = b->claimed[i];
      tokens_.push_back({{x.task.id, y.task.id}, x.claim, y.claim});
      y.task.id = ours_id(y.task.id);
      EXPECT_EQ(described(x.task), described(y.task));
    }
    return said;
  }

  std::string release() {
    std::string said = "release:";
    std::vector<Release> ours, model;
    for (auto n = 1 + pick(3); n > 0; --n) {
      Token& token = any_token();
      token.given_back = true;
      const auto why = static_cast<Release::Why>(pick(3));
      ours.push_back({token.task.ours, token.ours, why, "because"});
      model.push_back({token.task.model, token.model, why, "because"});
      said += fmt::format(" {} by '{}' ('{}') {};", token.task.ours, token.ours, token.model,
                          static_cast<int>(why));
    }
    const auto a = opened_.store().release(ours, labourers_, now_);
    const auto b = model_.release(model, labourers_, now_);
    if (same_kind(a, b)) {
      EXPECT_EQ(*a, *b);
    }
    return said;
  }

  std::string expire() {
    const Labourer labourer = worker(this->labourer());
    const auto at_most = pick(4);
    const auto runs = pick(16);
    // By the model's ids: those of the store differ from run to run where a task was made directly.
    auto still = [&](std::string_view id, std::string_view) {
      return std::hash<std::string_view>()(id) % 16 == static_cast<std::size_t>(runs);
    };
    const auto a = opened_.store().expire(
        labourer, at_most,
        [&](std::string_view id, std::string_view claim) { return still(model_id(id), claim); },
        now_);
    const auto b = model_.expire(labourer, at_most, still, now_);
    if (same_kind(a, b)) {
      std::vector<std::pair<std::string, State>> x, y;
      for (const auto& ended : *a) x.emplace_back(ended.task_id, ended.state);
      for (const auto& ended : *b) y.emplace_back(ours_id(ended.task_id), ended.state);
      EXPECT_EQ(x, y);
    }
    return fmt::format("expire {} of {}", at_most, labourer.id);
  }

  std::string requeue() {
    const auto id = labourer();
    const auto at_most = (1 + pick(4)) * (as_the_model_ ? 1 : 1'000);
    const double longest = pick(5) == 0 ? 5 : 600;
    const auto a = opened_.store().requeue(id, at_most, longest, now_);
    const auto b = model_.requeue(id, at_most, longest, now_);
    if (same_kind(a, b)) {
      EXPECT_EQ(*a, ours_ids(*b));
    }
    return fmt::format("requeue {} of {}, longest {}", at_most, id, longest);
  }

  std::string archive() {
    const auto id = labourer();
    const auto at_most = pick(4);
    const auto a = opened_.store().archive(id, at_most, now_);
    const auto b = model_.archive(id, at_most, now_);
    if (same_kind(a, b)) {
      EXPECT_EQ(*a, ours_ids(*b));
    }
    return fmt::format("archive {} of {}", at_most, id);
  }

  std::string replay() {
    std::vector<Id> wanted = {any_task(), any_task()};
    engine::TaskQuery dead;
    dead.state = State::dead;
    if (const auto found = model_.tasks(dead); found && !found->empty()) {
      const std::string& id = one_of(*found).id;
      wanted.push_back({ours_id(id), id});
    }
    std::vector<std::string> ours, model;
    for (const auto& id : wanted) {
      ours.push_back(id.ours);
      model.push_back(id.model);
    }
    const auto a = opened_.store().replay(ours, now_);
    const auto b = model_.replay(model, now_);
    if (same_kind(a, b)) {
      EXPECT_EQ(*a, *b);
    }
    return fmt::format("replay {}", fmt::join(ours, ", "));
  }

  // Each job until nothing is left to close: what one more cancel says while the last rows run is
  // no promise.
  std::string cancel() {
    if (jobs_.empty()) return "nothing";
    const auto chosen = jobs_.begin() + pick(static_cast<std::int64_t>(jobs_.size()));
    const std::string id = *chosen;
    const std::int64_t at_most = pick(2) == 0 ? pick(4) : 1'000;
    const auto a = opened_.store().cancel(id, at_most, now_);
    const auto b = model_.cancel(id, at_most, now_);
    if (same_kind(a, b)) {
      EXPECT_EQ(*a, *b);
    }
    if (!a || *a == 0) jobs_.erase(std::remove(jobs_.begin(), jobs_.end(), id), jobs_.end());
    return fmt::format("cancel {} rows of {}", at_most, id);
  }

  std::string alarms() {
    const auto a = opened_.store().alarms(0, 3);
    const auto b = model_.alarms(0, 3);
    if (same_kind(a, b) && !a->empty() && !b->empty() && pick(2) == 0) {
      const auto n = static_cast<std::size_t>(pick(static_cast<std::int64_t>(b->size())));
      EXPECT_EQ(a->size(), b->size());
      EXPECT_TRUE(opened_.store().alarms((*a)[std::min(n, a->size() - 1)].number, 1));
      EXPECT_TRUE(model_.alarms((*b)[n].number, 1));
    }
    return "alarms";
  }

  std::string gate() {
    const auto id = labourer();
    const bool paused = pick(2) == 0;
    EXPECT_TRUE(opened_.store().gate(id, paused, std::nullopt));
    EXPECT_TRUE(model_.gate(id, paused, std::nullopt));
    return fmt::format("gate {}", id);
  }

  // --- Looks

  // Without the times of claims of what is completed, where they are no promise.
  std::string comparable(std::string text) const {
    if (as_the_model_) return text;
    static constexpr std::string_view kCompleted = ": completed, attempts ",
                                      kTime = ", greenfield ";
    for (auto at = text.find(kCompleted); at != std::string::npos; at = text.find(kCompleted, at)) {
      const auto from = text.find(kTime, at);
      text.erase(from, text.find(", completed", from) - from);
      ++at;
    }
    return text;
  }

  // What the store calls a task of the model.
  std::string ours_id(const std::string& model) const {
    const auto direct = direct_.find(model);
    return direct == direct_.end() ? model : direct->second;
  }

  // What the model calls a task of the store.
  std::string model_id(std::string_view ours) const {
    const auto direct = std::find_if(direct_.begin(), direct_.end(),
                                     [&](const auto& ids) { return ids.second == ours; });
    return direct == direct_.end() ? std::string(ours) : direct->first;
  }

  std::vector<std::string> ours_ids(std::vector<std::string> model) const {
    for (auto& id : model) id = ours_id(id);
    return model;
  }

  std::string one(engine::TaskStore& store, const std::string& id) {
    engine::TaskQuery query;
    query.task_id = id;
    const auto found = store.tasks(query);
    EXPECT_TRUE(found);
    return found && !found->empty() ? described(found->front()) : "nowhere";
  }

  OpenStore& opened_;
  const bool as_the_model_;
  simulation::ModelStore model_;
  std::mt19937_64 random_;
  engine::Labourers labourers_;
  Time now_ = from_epoch(1'795'000'000);
  std::int64_t deadlines_ = 0;
  std::vector<std::string> jobs_;
  std::vector<Id> tasks_;
  std::map<std::string, std::string> direct_;  // by the model's id, the store's
  std::vector<Token> tokens_;
};

void walk(const StoreUnderTest& under_test, const StoreSettings& settings, std::uint64_t seed,
          std::uint64_t steps) {
  SCOPED_TRACE(::testing::Message()
               << "SOSW_SEED=" << seed << (settings.two_step ? ", two steps" : ""));
  const auto opened = under_test.open(settings);
  Walk walk(*opened, settings, under_test.as_the_model, seed);
  std::vector<std::string> said;
  for (std::uint64_t i = 0; i < steps; ++i) {
    said.emplace_back();
    walk.step(said.back());
    walk.compare();
    if (::testing::Test::HasFailure()) {
      std::string last;
      for (std::size_t k = said.size() - std::min<std::size_t>(said.size(), 12); k < said.size();
           ++k)
        last += fmt::format("  {}: {}\n", k, said[k]);
      FAIL() << "the last calls:\n" << last;
    }
  }
  walk.recount();
}

TEST_P(TaskStoreTest, random_calls_have_the_answers_of_the_model) {
  struct Walked {
    std::uint64_t seed, steps;
  };
  // 3 and 5 have found claims of tasks whose job was cancelled.
  std::vector<Walked> walks = {{3, 800}, {5, 800}};
  for (std::uint64_t i = 0; i < 6; ++i) walks.push_back({20'261'124 + i, 400});
  if (const auto seed = setting("SOSW_SEED", 0)) walks = {{seed, 400}};
  for (const auto& [seed, steps] : walks) {
    walk(GetParam(), {.two_step = seed % 2 == 1, .task_step = kTaskStep}, seed,
         setting("SOSW_STEPS", steps));
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace sosw::conformance
