// SPDX-License-Identifier: MIT
// Two copies of every process on faulty tables: each request may be lost, delayed, repeated or
// throttled, each index answer may be old, each process may be frozen at any request while the
// others go on, or die there. SOSW_SEED and SOSW_SEEDS choose the runs.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <set>

#include "cloud/table_rows.h"
#include "cloud/table_store.h"
#include "core/chunking.h"
#include "core/guard.h"
#include "simulation/model_tables.h"

namespace sosw::cloud {
namespace {

constexpr std::string_view kWorker = "worker";
constexpr int kLimit = 3, kAttempts = 3;
constexpr std::int64_t kLifetime = 90, kSkew = 10;

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets it
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

struct Crash {};

class World final : public Tables {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {
    Labourer worker;
    worker.id = kWorker;
    worker.max_attempts = kAttempts;
    worker.duration_s = 60;
    worker.cooldown_s = 30;
    worker.retry.kind = RetryPolicy::Kind::fixed;
    worker.retry.base_s = 10;
    labourers_.emplace(kWorker, worker);
    tables_.watch([this](std::string_view table, const Item* before, const Item* after) {
      seen(table, before, after);
    });
    for (int i = 0; i < kProcesses; ++i) processes_.push_back(born(i));
  }

  void run(int steps) {
    for (int i = 0; i < steps && !broken(); ++i) {
      if (pick(3) == 0) now_ = after(now_, static_cast<double>(pick(12)));
      some_step();
      nowhere_twice();
    }
    // No more faults: all that is left comes to an end.
    calm_ = true;
    now_ = after(now_, 600);
    tables_.settle();
    for (int i = 0; i < 400 && !broken() && !over(); ++i) {
      now_ = after(now_, 7);
      for (int who = 0; who < kProcesses; ++who) step(who);
      nowhere_twice();
    }
    EXPECT_TRUE(over()) << "not everything has ended";
    check();
  }

  // --- Tables, with what happens meanwhile

  Result<Written> write(const Write& write) override {
    meanwhile();
    auto written = tables_.write(write);
    meanwhile();
    return written;
  }
  Result<Written> transact(std::span<const Write> writes, std::string_view token) override {
    meanwhile();
    auto written = tables_.transact(writes, token);
    meanwhile();
    return written;
  }
  Result<Page> query(const Query& query) override {
    meanwhile();
    return tables_.query(query);
  }
  Result<std::vector<std::optional<Item>>> get(std::span<const Key> keys) override {
    meanwhile();
    return tables_.get(keys);
  }
  Result<void> append(std::string_view table, std::span<const Item> items) override {
    return tables_.append(table, items);
  }

  [[nodiscard]] const std::vector<std::string>& story() const { return story_; }

 private:
  enum Kind { scheduler, orchestrator, scavenger, assistant, person, kKinds };
  static constexpr int kProcesses = 2 * kKinds;
  struct Process {
    std::unique_ptr<TableStore> store;
    std::string holder;
    std::int64_t skew = 0;
    bool busy = false, unsure = false;
  };
  struct Delivery {
    std::string task, claim;
    Time at;
    std::int64_t run = 0;  // of the handler
  };
  struct Sent {
    Report report;
    Time at;
  };

  std::uint32_t pick(std::uint32_t n) {
    return std::uniform_int_distribution<std::uint32_t>(0, n - 1)(random_);
  }
  static bool broken() { return ::testing::Test::HasFailure(); }
  void tell(std::string line) {
    story_.push_back(fmt::format("{} {}", epoch_seconds(now_) - 1'795'000'000, line));
  }

  Process born(int who) {
    TableStore::Options options;
    options.holder = options.nonce = fmt::format("process {} {}", who, ++births_);
    options.leaves_letters = who / 2 == assistant;
    options.letters_every_s = 0;
    return {std::make_unique<TableStore>(*this, options), options.holder,
            static_cast<std::int64_t>(pick(2 * kSkew + 1)) - kSkew};
  }

  // A process is frozen at this request: others go on. Or it dies here.
  void meanwhile() {
    if (calm_ || depth_ == 0) return;
    if (depth_ < 3 && pick(20) == 0) {
      for (auto n = 1 + pick(6); n > 0; --n) {
        if (pick(3) == 0) now_ = after(now_, static_cast<double>(pick(20)));
        some_step();
      }
    }
    if (pick(150) == 0) throw Crash();
  }

  void some_step() {
    const int who = static_cast<int>(pick(kProcesses));
    if (!processes_[static_cast<std::size_t>(who)].busy) step(who);
  }

  void step(int who) {
    auto& process = processes_[static_cast<std::size_t>(who)];
    process.busy = true;
    ++depth_;
    const Time now = after(now_, static_cast<double>(process.skew));
    try {
      switch (who / 2) {
        case scheduler:
          schedule(*process.store, now);
          break;
        case orchestrator:
          orchestrate(process, now);
          break;
        case scavenger:
          scavenge(*process.store, now);
          break;
        case assistant:
          assist(*process.store, now);
          break;
        case person:
          change_mind(*process.store, now);
          break;
      }
    } catch (const Crash&) {
      tell(fmt::format("process {} dies", who));
      process = born(who);
    }
    --depth_;
    process.busy = false;
  }

  void schedule(TableStore& store, Time now) {
    if (!calm_ && keys_ < 6 && pick(3) == 0) ++keys_;
    if (keys_ > 0 && !calm_ && pick(2) == 0) {
      const auto n = pick(keys_);
      const std::string key = fmt::format("key {}", n);
      const std::int64_t rows = 1 + n * 3;
      const auto accepted = store.accept(job(rows, key), pick(5), now);
      if (accepted) {
        EXPECT_EQ(accepted->rows, rows);
        accepted_[accepted->job_id] = rows;
        tell(fmt::format("accepted {} with {} made", key, accepted->made));
      }
    }
    const auto made = store.make_rows(kWorker, calm_ ? 50 : 1 + pick(8), 1 + pick(6), now);
    if (made && made->rows > 0) tell(fmt::format("made {} rows of {}", made->rows, made->job_id));
  }

  void orchestrate(Process& process, Time now) {
    TableStore& store = *process.store;
    const std::string holder = process.holder;
    const std::size_t seen_before = claims_seen_.size();
    const auto delayed_before = delayed();
    const engine::ClaimRequest request{.labourer_id = kWorker,
                                       .limit = kLimit,
                                       .at_most = static_cast<int>(1 + pick(4)),
                                       .deadline = after(now, kLifetime)};
    const auto claims = store.exchange({}, std::span(&request, 1), labourers_, now);
    if (!claims) {
      process.unsure = true;  // a claim may still be made by what was sent
      return;
    }
    std::vector<engine::Release> releases;
    std::set<std::string> told;
    for (const auto& one : claims->claimed) told.insert(one.claim);
    // What was delayed may arrive when nobody looks any more.
    process.unsure = process.unsure || delayed() != delayed_before;
    for (std::size_t i = seen_before; i < claims_seen_.size() && !process.unsure; ++i) {
      const auto& [token, epoch] = claims_seen_[i];
      if (holders_[epoch] != holder) continue;
      EXPECT_TRUE(told.contains(token)) << token << " was claimed, and nobody was told";
    }
    for (const auto& one : claims->claimed) {
      tell(fmt::format("claimed {} as {}", one.task.id, one.claim));
      EXPECT_TRUE(tokens_.insert(one.claim).second) << one.claim << " was given out twice";
      const bool rejected = !calm_ && pick(6) == 0;
      // What is rejected may have been delivered, what is accepted may be delivered twice.
      for (auto n = rejected ? pick(6) == 0 : calm_ ? 1 : 1 + (pick(6) == 0); n > 0; --n)
        deliveries_.push_back(
            {one.task.id, one.claim, after(now_, static_cast<double>(pick(20))), ++runs_});
      if (rejected)
        releases.push_back({one.task.id, one.claim, engine::Release::Why::rejected, "429"});
    }
    if (releases.empty()) return;
    const auto released = store.release(releases, labourers_, now);
    if (released)
      for (std::size_t i = 0; i < releases.size(); ++i)
        tell(fmt::format("release of {}: {}", releases[i].claim, bool((*released)[i])));
  }

  void scavenge(TableStore& store, Time now) {
    const auto archived = store.archive(kWorker, 1 + pick(20), now);
    const auto ended = store.expire(labourers_.find(kWorker)->second, 1 + pick(10), {}, now);
    if (ended)
      for (const auto& one : *ended)
        tell(fmt::format("ended {}: {}", one.task_id, name(one.state)));
    const auto due = store.requeue(kWorker, 1 + pick(10), 10, now);
    const auto alarms = store.alarms(acknowledged_, 3);
    if (alarms) {
      for (const auto& alarm : *alarms) alarmed_.insert(alarm.task_id);
      if (!alarms->empty()) acknowledged_ = alarms->back().number;
    }
  }

  // The workers: each delivery asks whether it may run, then ends somehow.
  void assist(TableStore& store, Time now) {
    for (std::size_t i = 0; i < deliveries_.size(); ++i) {
      if (deliveries_[i].at > now_) continue;
      const Delivery delivery = deliveries_[i];
      deliveries_.erase(deliveries_.begin() + static_cast<std::ptrdiff_t>(i));
      auto started = store.start(delivery.task, delivery.claim, std::to_string(delivery.run));
      for (int tries = 0; !started && tries < 3; ++tries)
        started = store.start(delivery.task, delivery.claim, std::to_string(delivery.run));
      if (!started || !*started) return;
      tell(fmt::format("run {} of {}", delivery.run, delivery.claim));
      EXPECT_TRUE(started_.emplace(delivery.claim, delivery.run).second)
          << delivery.claim << " was started twice";
      const auto end = calm_ ? 0 : pick(10);
      if (end == 9) return;  // killed
      const double lasts = end == 8 ? 60 + pick(200) : pick(30);
      Report report{end < 5 || end == 8 ? Report::Kind::completed : Report::Kind::failed,
                    delivery.task,
                    end == 4 ? "" : delivery.claim,
                    {},
                    {}};
      for (auto copies = 1 + (!calm_ && pick(5) == 0); copies > 0; --copies)
        sent_.push_back({report, after(now_, lasts + pick(5))});
      return;
    }
    for (std::size_t i = 0; i < sent_.size(); ++i) {
      if (sent_[i].at > now_) continue;
      const Sent sent = sent_[i];
      sent_.erase(sent_.begin() + static_cast<std::ptrdiff_t>(i));
      struct Again {  // also when this process dies with it
        std::vector<Sent>& all;
        const Sent& one;
        bool taken = false;
        ~Again() {
          if (!taken) all.push_back(one);
        }
      } again{sent_, sent};
      const auto answer = store.exchange(std::span(&sent.report, 1), {}, labourers_, now);
      if (!answer) return;
      again.taken = true;
      const auto& reported = answer->reported.front();
      const bool completed = sent.report.kind == Report::Kind::completed;
      tell(fmt::format("{} {} by '{}': {}", completed ? "completed" : "failed", sent.report.task_id,
                       sent.report.claim, name(reported.answer)));
      EXPECT_NE(reported.answer, Answer::unknown);
      if (completed) finished_.insert(sent.report.task_id);
      return;
    }
  }

  std::int64_t delayed() const { return tables_.faults().at("transact: delayed"); }

  // Cancels a job now and then, and finishes what was begun.
  void change_mind(TableStore& store, Time now) {
    if (pick(4) == 0 && !calm_ && !accepted_.empty()) {
      auto chosen = accepted_.begin();
      std::advance(chosen, pick(static_cast<std::uint32_t>(accepted_.size())));
      if (pick(3) == 0) {
        const auto left = store.cancel(chosen->first, pick(6), now);
        if (left) tell(fmt::format("cancel of {}: {} left", chosen->first, *left));
      }
    }
    const auto begun = store.cancelling();
    if (!begun) return;
    for (const auto& id : *begun) {
      const auto left = store.cancel(id, calm_ ? 100 : pick(6), now);
      if (left) tell(fmt::format("cancel of {}: {} left", id, *left));
    }
  }

  static engine::Job job(std::int64_t rows, const std::string& key) {
    json::array words;
    for (std::int64_t i = 0; i < rows; ++i) words.emplace_back(fmt::format("word {}", i));
    const json::object body = {{"words", words}, {"isolate_words", true}};
    const auto chunked =
        JobRows::from_job({std::string(kWorker), body}, *JobSchema::create({"word"}), {}, Date{});
    engine::Job made;
    made.key = key;
    made.labourer_id = kWorker;
    made.rows = rows;
    made.description = chunked->description();
    return made;
  }

  // --- Invariants

  bool runs(const Item& row) const {
    return text_in(row, "labourer_id") == kWorker && live_state(row, now_) == State::running &&
           integer_in(row, "deadline").value_or(0) > epoch_seconds(now_) + kSkew;
  }

  void seen(std::string_view table, const Item* before, const Item* after) {
    if (table == "sosw_closed_tasks" && before && after) {
      EXPECT_FALSE(closed_state(*before) == State::done && closed_state(*after) != State::done);
    }
    if (table != "sosw_tasks" || !after) return;
    const std::string id = text_in(*after, "task_id");
    if (text_in(*after, "labourer_id") == kJobs) jobs_[id] = text_in(*after, "state");
    if (id == lease_id(kWorker))
      holders_[integer_in(*after, "epoch").value_or(0)] = text_in(*after, "holder");
    if (text_in(*after, "labourer_id") != kWorker) return;
    const auto is = [&](const Item* row, State state) {
      return row && live_state(*row, Time(std::chrono::seconds(kPositionCeiling))) == state;
    };
    auto& attempts = attempts_[id];
    if (is(before, State::queued) && is(after, State::running)) {
      ++attempts;
      const std::string token = text_in(*after, "claim");
      std::int64_t greenfield = 0, epoch = 0, seq = 0;
      EXPECT_EQ(std::sscanf(token.c_str(), "c%ld-%ld-%ld", &greenfield, &epoch, &seq), 3);
      claims_seen_.emplace_back(token, epoch);
      EXPECT_FALSE(jobs_[job_item_id(job_of(*after))].starts_with("cancel"))
          << id << " was claimed after its job was cancelled";
    }
    if (is(before, State::running) && is(after, State::queued)) --attempts;
    EXPECT_EQ(integer_in(*after, "attempts").value_or(0), attempts) << id;
    if (is(before, State::running) && is(after, State::failed)) {
      EXPECT_EQ(text_in(*after, "failed"), text_in(*before, "claim"))
          << id << " failed by another claim";
    }
  }

  template <class See>
  void each_task(See see) const {
    for (const std::string_view table : {"sosw_tasks", "sosw_retry_tasks", "sosw_closed_tasks"})
      tables_.for_each(table, [&](const Item& item) {
        if (text_in(item, "labourer_id") == kWorker) see(table, item);
      });
  }

  void nowhere_twice() {
    std::map<std::string, std::string> places;
    int running = 0;
    each_task([&](std::string_view table, const Item& item) {
      const auto [place, is_new] = places.emplace(text_in(item, "task_id"), table);
      EXPECT_TRUE(is_new) << place->first << " is in " << place->second << " and " << table;
      EXPECT_LE(integer_in(item, "attempts").value_or(0), kAttempts) << place->first;
      EXPECT_GE(integer_in(item, "attempts").value_or(0), 0) << place->first;
      if (table == "sosw_tasks" && runs(item)) ++running;
    });
    EXPECT_LE(running, kLimit) << "more than the limit are running";
    for (const auto& id : known_) EXPECT_TRUE(places.contains(id)) << id << " is nowhere";
    for (const auto& [id, place] : places) known_.insert(id);
  }

  bool over() const {
    bool all = deliveries_.empty() && sent_.empty();
    std::size_t closed = 0, rows = 0;
    each_task([&](std::string_view table, const Item&) {
      all = all && table == "sosw_closed_tasks";
      ++closed;
    });
    tables_.for_each("sosw_tasks", [&](const Item& item) {
      const std::string id = text_in(item, "task_id");
      if (id.starts_with("sosw:late:")) all = false;
      if (text_in(item, "labourer_id") == kJobs) {
        const std::string state = text_in(item, "state");
        all = all && (state == "made" || state == "cancelled");
        rows += static_cast<std::size_t>(integer_in(item, "cursor").value_or(0));
      }
    });
    return all && closed == rows;
  }

  void check() {
    std::map<std::string, std::int64_t> rows;
    std::map<std::pair<std::string, State>, std::int64_t> ends;
    each_task([&](std::string_view, const Item& item) {
      const std::string id = text_in(item, "task_id");
      rows[job_of(item)] += 1;
      const State state = closed_state(item);
      ends[{job_of(item), state}] += 1;
      if (state == State::done) {
        const auto lasted = integer_in(item, "completed_at").value_or(0) -
                            integer_in(item, "greenfield").value_or(0) + kInvocationDelta;
        EXPECT_TRUE(lasted >= -2 * kSkew && lasted < 10'000) << id << " took " << lasted << " s";
      } else {
        EXPECT_FALSE(finished_.contains(id)) << id << " was finished and is " << name(state);
      }
      if (state == State::dead) {
        EXPECT_TRUE(alarmed_.contains(id)) << id << " died without an alarm";
      }
    });
    for (const auto& [id, n] : accepted_) {
      const auto job_item = tables_.peek("sosw_tasks", {{"task_id", text(job_item_id(id))}});
      ASSERT_TRUE(job_item);
      const auto made = integer_in(*job_item, "cursor").value_or(0);
      EXPECT_EQ(rows[id], made) << "rows of " << id;
      EXPECT_TRUE(made == n || text_in(*job_item, "state") == "cancelled");
      if (made == 0) continue;
      const auto counts = tables_.peek("sosw_tasks", {{"task_id", text(count_id(id))}});
      ASSERT_TRUE(counts);
      for (const State state : {State::done, State::dead, State::cancelled})
        EXPECT_EQ(integer_in(*counts, name(state)).value_or(0), (ends[{id, state}]))
            << name(state) << " of " << id;
    }
  }

  std::mt19937_64 random_;
  bool calm_ = false;
  int depth_ = 0, births_ = 0;
  Time now_ = from_epoch(1'795'000'000);
  simulation::ModelTables tables_{simulation::sosw_tables(), [this] { return now_; },
                                  [this](std::uint32_t bound, const char* what) -> std::uint32_t {
                                    if (calm_) return 0;
                                    const std::string_view choice = what;
                                    const bool often = choice == "index is behind" ||
                                                       choice == "age of an image" ||
                                                       !choice.starts_with("fault");
                                    return often || pick(25) == 0 ? pick(bound) : 0;
                                  }};
  engine::Labourers labourers_;
  std::vector<Process> processes_;
  std::vector<Delivery> deliveries_;
  std::vector<Sent> sent_;
  std::vector<std::string> story_;
  std::map<std::string, std::int64_t> accepted_;
  std::map<std::string, std::int64_t> started_, attempts_;
  std::map<std::string, std::string> jobs_;                        // state, by item
  std::map<std::int64_t, std::string> holders_;                    // by epoch
  std::vector<std::pair<std::string, std::int64_t>> claims_seen_;  // token, epoch
  std::set<std::string> tokens_, finished_, alarmed_, known_;
  std::int64_t acknowledged_ = 0, runs_ = 0;
  std::uint32_t keys_ = 0;
};

TEST(TableStoreFaults, copies_that_freeze_and_die_on_faulty_tables_lose_nothing) {
  const std::uint64_t first = setting("SOSW_SEED", 1);
#ifdef SOSW_SWITCHABLE_GUARDS
  if (const char* off = std::getenv("SOSW_OFF")) switch_off_guards(off);  // NOLINT(concurrency-*)
#endif
  const std::uint64_t seeds = setting("SOSW_SEEDS", 60);
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    SCOPED_TRACE(::testing::Message() << "SOSW_SEED=" << seed << " SOSW_SEEDS=1");
    World world(seed);
    world.run(static_cast<int>(setting("SOSW_STEPS", 250)));
    if (!HasFailure() && setting("SOSW_TELL", 0) == 0) continue;
    std::string story;
    for (const auto& line : world.story()) story += "  " + line + "\n";
    FAIL() << story;
  }
}

}  // namespace
}  // namespace sosw::cloud
