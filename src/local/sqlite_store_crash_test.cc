// SPDX-License-Identifier: MIT
// A process that works on the store is killed at any moment: what it was told is there, all is
// whole.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>
#include <set>

#include "local/sqlite_store.h"
#include "local/store_test_support.h"

namespace sosw::local {
namespace {

const Time kNow = from_epoch(1'795'000'000);

// What the child writes to its parent after each answer of the store.
struct Note {
  enum Kind : std::int32_t { accepted, completed, claimed } kind;
  char id[36];
};

void tell(int pipe, Note::Kind kind, const std::string& id) {
  Note note{kind, {}};
  id.copy(note.id, sizeof note.id - 1);
  if (write(pipe, &note, sizeof note) != sizeof note) _exit(1);
}

[[noreturn]] void work_until_killed(const StoreOptions& options, int pipe, unsigned seed) {
  auto opened = SqliteStore::open(options);
  if (!opened) _exit(2);
  SqliteStore& store = **opened;
  std::mt19937 random(seed);
  Time now = kNow;
  for (int round = 0;; ++round) {
    now = after(now, 1);
    const std::string key = std::to_string(seed) + "/" + std::to_string(round);
    const auto accepted = store.accept(job_of(static_cast<std::int64_t>(1 + random() % 30), key),
                                       static_cast<std::int64_t>(random() % 20), now);
    if (!accepted) _exit(3);
    tell(pipe, Note::accepted, accepted->job_id);
    if (!store.make_rows("w", 50, 20, now)) _exit(4);
    const engine::ClaimRequest wanted{"w",           1000,         static_cast<int>(random() % 20),
                                      after(now, 5), Expiry::host, {}};
    const auto exchanged = store.exchange({}, std::span(&wanted, 1), {}, now);
    if (!exchanged) _exit(5);
    std::vector<Report> reports;
    std::vector<engine::Release> releases;
    for (const auto& claimed : exchanged->claimed) {
      tell(pipe, Note::claimed, claimed.task.id + claimed.claim);
      Report report;
      report.task_id = claimed.task.id;
      report.claim = claimed.claim;
      report.kind = random() % 4 == 0 ? Report::Kind::failed : Report::Kind::completed;
      if (random() % 5 == 0)
        releases.push_back({report.task_id, report.claim, {}, "429"});
      else if (random() % 5 > 0)
        reports.push_back(report);
    }
    const auto reported = store.exchange(reports, {}, {}, now);
    if (!reported) _exit(6);
    for (const Report& report : reports)
      if (report.kind == Report::Kind::completed) tell(pipe, Note::completed, report.task_id);
    Labourer labourer;
    labourer.id = "w";
    if (!store.release(releases, {}, now) || !store.expire(labourer, 10, nullptr, now) ||
        !store.requeue("w", 10, 2, after(now, 1000)) || !store.archive("w", 10, now))
      _exit(7);
    if (round % 10 == 9 && !store.cancel(accepted->job_id, 10, now)) {
      // It may be done already.
    }
  }
}

class CrashTest : public ::testing::TestWithParam<bool> {};

TEST_P(CrashTest, what_was_answered_is_there_and_everything_is_whole) {
  const TemporaryFolder folder;
  StoreOptions options;
  options.path = folder.file();
  options.two_step = GetParam();
  std::set<std::string> accepted, completed, tokens;
  std::random_device entropy;
  const unsigned seed = entropy();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 12; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      close(ends[0]);
      work_until_killed(options, ends[1], seed + static_cast<unsigned>(round));
    }
    close(ends[1]);
    // Killed in the middle of whatever follows that many answers.
    const unsigned answers = 1 + random() % 400;
    Note note{};
    unsigned heard = 0;
    ssize_t size = 0;
    while ((size = read(ends[0], &note, sizeof note)) == sizeof note) {
      if (++heard == answers) kill(child, SIGKILL);
      if (note.kind == Note::accepted) accepted.insert(note.id);
      if (note.kind == Note::completed) completed.insert(note.id);
      if (note.kind == Note::claimed) {
        EXPECT_TRUE(tokens.insert(note.id).second) << note.id;
      }
    }
    close(ends[0]);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it ended by itself: " << WEXITSTATUS(status);

    auto store = SqliteStore::open(options);
    ASSERT_TRUE(store) << store.error().text();
    for (const std::string& id : accepted) ASSERT_EQ((*store)->jobs(id, 1)->size(), 1u) << id;
    // What the one that died was cancelling is found, and can be brought to its end.
    const auto cancelling = (*store)->cancelling();
    ASSERT_TRUE(cancelling);
    for (const std::string& id : *cancelling) {
      ASSERT_EQ((*store)->cancel(id, 1'000, kNow).value(), 0);
      engine::TaskQuery waiting;
      waiting.job_id = id;
      waiting.state = State::queued;
      ASSERT_TRUE((*store)->tasks(waiting)->empty()) << id;
    }
    ASSERT_TRUE((*store)->cancelling()->empty());
    for (const std::string& id : completed) {
      engine::TaskQuery query;
      query.task_id = id;
      const auto task = (*store)->tasks(query);
      ASSERT_TRUE(task);
      ASSERT_EQ(task->size(), 1u) << id;
      ASSERT_TRUE(task->front().completed_at) << id;
    }
    store->reset();
    ASSERT_EQ(contradictions(options.path), "");
  }
  EXPECT_GT(completed.size(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Form, CrashTest, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "two_step" : "one_step"; });

}  // namespace
}  // namespace sosw::local
