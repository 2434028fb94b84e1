// SPDX-License-Identifier: MIT
// What only this store can do wrong: plans, costs, migrations, failing disks, groups, two objects.
#include "local/sqlite_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "local/checkpointer.h"
#include "local/store_schema.h"
#include "local/store_session.h"
#include "local/store_sql.h"
#include "local/store_test_support.h"
#include "local/store_writes.h"

namespace sosw::local {
namespace {

using engine::Claimed;
using engine::ClaimRequest;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

const Time kNow = from_epoch(1'795'000'000);

std::unique_ptr<SqliteStore> must_open(StoreOptions options) {
  auto opened = SqliteStore::open(std::move(options));
  if (!opened) throw std::runtime_error(opened.error().text());
  return std::move(*opened);
}

std::unique_ptr<SqliteStore> must_open(const std::string& path) {
  StoreOptions options;
  options.path = path;
  return must_open(std::move(options));
}

ClaimRequest request(int at_most, int limit = 1'000'000) {
  return {"w", limit, at_most, after(kNow, 100), Expiry::host, {}};
}

std::vector<Claimed> claim(engine::TaskStore& store, int at_most) {
  const ClaimRequest wanted = request(at_most);
  auto answer = store.exchange({}, std::span(&wanted, 1), {}, kNow);
  EXPECT_TRUE(answer) << answer.error().text();
  return answer ? std::move(answer->claimed) : std::vector<Claimed>{};
}

Report report_of(const Claimed& claimed, Report::Kind kind = Report::Kind::completed) {
  Report report;
  report.kind = kind;
  report.task_id = claimed.task.id;
  report.claim = claimed.claim;
  return report;
}

std::int64_t count(engine::TaskStore& store, State state) {
  auto status = store.status();
  EXPECT_TRUE(status) << status.error().text();
  return status ? (*status)["w"].tasks[state] : -1;
}

// --- Plans and costs

TEST(StatementsTest, none_reads_a_whole_table_or_sorts) {
  const TemporaryFolder folder;
  Session session(folder.file(), "");
  ASSERT_TRUE(migrate(session.database()));
  for (const Statement& statement : kStatements) {
    const std::string explain = std::string("EXPLAIN QUERY PLAN ") + statement.text;
    sqlite3_stmt* prepared = nullptr;
    ASSERT_EQ(sqlite3_prepare_v2(session.database().connection(), explain.c_str(), -1, &prepared,
                                 nullptr),
              SQLITE_OK)
        << sqlite3_errmsg(session.database().connection()) << "\n"
        << statement.text;
    std::string plan;
    while (sqlite3_step(prepared) == SQLITE_ROW)
      plan += std::string(reinterpret_cast<const char*>(sqlite3_column_text(prepared, 3))) + "\n";
    sqlite3_finalize(prepared);
    EXPECT_THAT(plan, Not(ContainsRegex("SCAN (task|closed|job|event|description)")))
        << statement.text;
    EXPECT_THAT(plan, Not(HasSubstr("TEMP B-TREE"))) << statement.text << "\n" << plan;
  }
}

// VM steps of one round of everything that the engine does all the time.
std::int64_t cost_of_a_round(std::int64_t queued) {
  const TemporaryFolder folder;
  Session session(folder.file(), "PRAGMA synchronous = OFF;");
  EXPECT_TRUE(migrate(session.database()));
  StoreOptions options;
  Writes writes(session, options);
  const auto transaction = [&](const auto& step) {
    session.run(Sql::begin_write);
    step();
    writes.flush();
    session.run(Sql::commit);
  };
  const engine::Job job = job_of(2'000'000, "k");
  const auto rows_of_job = JobRows::open(job.description);
  transaction([&] {
    EXPECT_TRUE(writes.accept(job, json::serialize(job.description), *rows_of_job, queued, kNow));
  });
  const auto steps = [&] {
    return session.database().counter(SQLITE_STMTSTATUS_VM_STEP) +
           1'000 * session.database().counter(SQLITE_STMTSTATUS_FULLSCAN_STEP);
  };
  const std::int64_t before = steps();
  Labourer labourer;
  labourer.id = "w";
  transaction([&] {
    const ClaimRequest wanted = request(100);
    auto claimed = writes.exchange({}, std::span(&wanted, 1), {}, kNow);
    std::vector<Report> reports;
    for (std::size_t i = 0; i < 90; ++i)
      reports.push_back(report_of(claimed->claimed[i],
                                  i % 3 == 0 ? Report::Kind::failed : Report::Kind::completed));
    EXPECT_TRUE(writes.exchange(reports, std::span(&wanted, 1), {}, kNow));
    const auto& given = claimed->claimed[95];
    const engine::Release release{given.task.id, given.claim, {}, "429"};
    EXPECT_TRUE(writes.release(std::span(&release, 1), {}, kNow));
  });
  transaction([&] {
    EXPECT_TRUE(writes.requeue("w", 100, 86'400, after(kNow, 50'000)));
    EXPECT_TRUE(writes.make_rows("w", queued + 100, 100, kNow));
  });
  return steps() - before;
}

TEST(CostTest, does_not_grow_with_the_queue) {
  const std::int64_t few = cost_of_a_round(1'000);
  const std::int64_t many = cost_of_a_round(200'000);
  EXPECT_GT(few, 0);
  EXPECT_LE(many, 2 * few);
}

TEST(CostTest, a_job_of_a_thousand_million_rows_costs_no_more_than_a_small_one) {
  const auto cost = [](std::int64_t rows) {
    const TemporaryFolder folder;
    Session session(folder.file(), "");
    EXPECT_TRUE(migrate(session.database()));
    StoreOptions options;
    Writes writes(session, options);
    const engine::Job job = job_of(rows, "k");
    const auto rows_of_job = JobRows::open(job.description);
    session.run(Sql::begin_write);
    const auto accepted =
        writes.accept(job, json::serialize(job.description), *rows_of_job, 10, kNow);
    writes.flush();
    EXPECT_EQ(writes.cancel(accepted->job_id, 100, kNow).value(), 0);
    writes.flush();
    session.run(Sql::commit);
    return session.database().counter(SQLITE_STMTSTATUS_VM_STEP);
  };
  EXPECT_EQ(cost(1'000'000'000), cost(100));
}

// --- Files

TEST(SchemaTest, a_newer_version_is_refused_and_left_alone) {
  const TemporaryFolder folder;
  must_open(folder.file());
  const auto set_version = [&](std::int64_t version) {
    Database database(folder.file(), {});
    database.script(
        ("UPDATE meta SET value = " + std::to_string(version) + " WHERE key = 'version'").c_str());
  };
  set_version(schema_version() + 1);
  const auto opened = SqliteStore::open({folder.file()});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::corrupt);
  EXPECT_THAT(opened.error().message, HasSubstr(std::to_string(schema_version() + 1)));
  EXPECT_THAT(opened.error().message, HasSubstr(std::to_string(schema_version())));
  EXPECT_FALSE(opened.error().hint.empty());
  set_version(schema_version());
  EXPECT_TRUE(SqliteStore::open({folder.file()}));
}

TEST(SchemaTest, every_step_leads_to_the_same_tables) {
  const TemporaryFolder folder;
  const auto tables = [](Database& database) {
    std::set<std::string> all;
    const auto add = [](void* to, int, char** values, char**) {
      static_cast<std::set<std::string>*>(to)->insert(values[0]);
      return 0;
    };
    sqlite3_exec(database.connection(), "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL", add,
                 &all, nullptr);
    return all;
  };
  Database at_once(folder.file("at_once"), {});
  ASSERT_TRUE(migrate(at_once));
  Database by_steps(folder.file("by_steps"), {});
  for (std::int64_t version = 0; version <= schema_version(); ++version)
    ASSERT_TRUE(migrate(by_steps, version));
  EXPECT_EQ(tables(by_steps), tables(at_once));
  EXPECT_GT(tables(at_once).size(), 8u);
}

TEST(SchemaTest, a_file_of_something_else_is_refused) {
  const TemporaryFolder folder;
  {
    Database database(folder.file("other"), {});
    database.script("CREATE TABLE songs(name)");
  }
  const auto other = SqliteStore::open({folder.file("other")});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::corrupt);
  EXPECT_THAT(other.error().message, HasSubstr(folder.file("other")));

  const int file = open(folder.file("text").c_str(), O_CREAT | O_WRONLY, 0600);
  const std::string text(4096, 'x');
  ASSERT_EQ(write(file, text.data(), text.size()), 4096);
  close(file);
  const auto no_database = SqliteStore::open({folder.file("text")});
  ASSERT_FALSE(no_database);
  EXPECT_EQ(no_database.error().code, Code::corrupt);

  const auto nowhere = SqliteStore::open({folder.file("no/such/folder")});
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, Code::denied);
}

TEST(SchemaTest, a_store_opens_for_looks_while_another_process_writes) {
  const TemporaryFolder folder;
  const auto engine = must_open(folder.file());
  ASSERT_TRUE(engine->accept(job_of(1, "k"), 1, kNow));
  Database writing(folder.file(), {});
  writing.script("BEGIN IMMEDIATE; DELETE FROM alarm;");
  const auto looking = SqliteStore::open({folder.file()});
  ASSERT_TRUE(looking) << looking.error().text();
  EXPECT_EQ(count(**looking, State::queued), 1);
  writing.script("COMMIT");
}

// --- The log

TEST(LogTest, is_moved_into_the_file_beside_the_writer_and_starts_anew) {
  const TemporaryFolder folder;
  const char* const statements[] = {"INSERT INTO pad VALUES(zeroblob(?1))", "PRAGMA page_count"};
  Database writer(folder.file(), statements);
  writer.script("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE pad(bytes)");
  {
    Checkpointer checkpointer(folder.file(), "");
    checkpointer.watch(writer);
    for (int i = 0; i < 20; ++i) writer.run(0, std::int64_t{1} << 20);
  }
  std::int64_t pages = 0;
  {
    Rows rows = writer.query(1);
    ASSERT_TRUE(rows.next());
    pages = rows.integer(0);
  }
  EXPECT_GT(pages * 4096, 20 << 20);
  EXPECT_EQ(std::filesystem::file_size(folder.file()), static_cast<std::uintmax_t>(pages) * 4096);
  int in_log = -1;
  sqlite3_wal_hook(
      writer.connection(),
      [](void* to, sqlite3*, const char*, int n) {
        *static_cast<int*>(to) = n;
        return SQLITE_OK;
      },
      &in_log);
  writer.run(0, std::int64_t{100});
  EXPECT_GT(in_log, 0);
  EXPECT_LT(in_log, 10);
}

// --- What the port does not say

TEST(TasksTest, a_folded_row_shows_its_future_payload) {
  const TemporaryFolder folder;
  const auto store = must_open(folder.file());
  const auto accepted = store->accept(job_of(5, "k"), 2, kNow);
  ASSERT_TRUE(accepted);
  engine::TaskQuery query;
  query.task_id = task_id(accepted->job_id, 4);
  const auto folded = store->tasks(query);
  ASSERT_TRUE(folded);
  ASSERT_THAT(*folded, SizeIs(1));
  EXPECT_EQ(folded->front().extra.at("folded"), true);
  const std::string payload = folded->front().payload;
  ASSERT_TRUE(store->make_rows("w", 100, 100, kNow));
  const auto made = store->tasks(query);
  ASSERT_TRUE(made);
  ASSERT_THAT(*made, SizeIs(1));
  EXPECT_EQ(made->front().payload, payload);
  EXPECT_FALSE(made->front().extra.contains("folded"));
}

// A user without permission to write, whoever runs the tests.
class ReadingUser {
 public:
  explicit ReadingUser(const std::filesystem::path& folder) : folder_(folder) {
    using std::filesystem::perms;
    for (const auto& file : std::filesystem::directory_iterator(folder_))
      std::filesystem::permissions(file, perms{0444});
    std::filesystem::permissions(folder_, perms{0555});
    EXPECT_EQ(seteuid(user_ == 0 ? 65534 : user_), 0);
  }
  ~ReadingUser() {
    EXPECT_EQ(seteuid(user_), 0);
    std::filesystem::permissions(folder_, std::filesystem::perms{0700});
    for (const auto& file : std::filesystem::directory_iterator(folder_))
      std::filesystem::permissions(file, std::filesystem::perms{0600});
  }
  ReadingUser(const ReadingUser&) = delete;
  ReadingUser& operator=(const ReadingUser&) = delete;

 private:
  const std::filesystem::path folder_;
  const uid_t user_ = geteuid();
};

std::set<std::string> files_in(const std::filesystem::path& folder) {
  std::set<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(folder))
    names.insert(file.path().filename());
  return names;
}

void look_and_write_nothing(const std::string& path) {
  const ReadingUser user(std::filesystem::path(path).parent_path());
  const auto store = SqliteStore::open_to_read({.path = path});
  ASSERT_TRUE(store) << store.error().text();
  EXPECT_EQ(count(**store, State::queued), 3);
  EXPECT_THAT(*(*store)->tasks({}), SizeIs(3));
  const auto paused = (*store)->gate("w", true, std::nullopt);
  ASSERT_FALSE(paused);
  EXPECT_EQ(paused.error().code, Code::denied);
}

TEST(ReadingTest, needs_no_permission_to_write) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.file("a%b?.db");
  {
    const auto store = must_open(path);
    ASSERT_TRUE(store->accept(job_of(3, "k"), 3, kNow));
    look_and_write_nothing(path);  // what is in the log is seen too
  }
  const auto before = files_in(path.parent_path());
  look_and_write_nothing(path);
  EXPECT_EQ(files_in(path.parent_path()), before);
}

TEST(ReadingTest, leaves_an_older_store_to_whoever_may_change_it) {
  const TemporaryFolder folder;
  const auto path = folder.file();
  must_open(path).reset();
  Database(path, {}).script("UPDATE meta SET value = value - 1 WHERE key = 'version'");
  const ReadingUser user(std::filesystem::path(path).parent_path());
  const auto store = SqliteStore::open_to_read({.path = path});
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().message, HasSubstr("version"));
}

TEST(TasksTest, history_holds_what_later_steps_overwrote) {
  const TemporaryFolder folder;
  const auto store = must_open(folder.file());
  ASSERT_TRUE(store->accept(job_of(1, "k"), 1, kNow));
  const auto first = claim(*store, 1).at(0);
  const engine::Release release{first.task.id, first.claim, {}, "429"};
  ASSERT_TRUE(store->release(std::span(&release, 1), {}, kNow));
  const auto second = claim(*store, 1).at(0);
  Report failed = report_of(second, Report::Kind::failed);
  failed.result = {{"error", "no route"}, {"error_type", "Net"}, {"other", 1}};
  ASSERT_TRUE(store->exchange(std::span(&failed, 1), {}, {}, kNow));
  ASSERT_TRUE(store->requeue("w", 1, 1e6, after(kNow, 1e6)));
  const auto third = claim(*store, 1).at(0);
  ASSERT_TRUE(store->exchange(std::span(&failed, 1), {}, {}, kNow));
  const Report completed = report_of(third);
  ASSERT_TRUE(store->exchange(std::span(&completed, 1), {}, {}, kNow));

  engine::TaskQuery query;
  query.task_id = first.task.id;
  const auto tasks = store->tasks(query);
  ASSERT_TRUE(tasks);
  std::vector<std::pair<std::string, std::string>> history;
  for (const auto& event : tasks->front().extra.at("history").as_array())
    history.emplace_back(event.at("action").as_string(), event.at("claim").as_string());
  EXPECT_THAT(history, ::testing::ElementsAre(std::pair("released", "c1"),
                                              std::pair("failed", "c2"), std::pair("stale", "c2")));
  const auto& ended = tasks->front().extra.at("history").at(1).as_object();
  EXPECT_EQ(ended.at("error"), "no route");
  EXPECT_EQ(ended.at("error_type"), "Net");
  EXPECT_FALSE(ended.contains("other"));
  query = {};
  query.labourer_id = "w";
  EXPECT_FALSE(store->tasks(query)->front().extra.contains("history"));
}

TEST(TasksTest, keep_what_a_worker_reports_even_if_no_json_can_hold_it) {
  const TemporaryFolder folder;
  const auto store = must_open(folder.file());
  ASSERT_TRUE(store->accept(job_of(1, "k"), 1, kNow));
  json::value deep = 1;
  for (int i = 0; i < 250; ++i) deep = json::array{std::move(deep)};
  Report failed = report_of(claim(*store, 1).at(0), Report::Kind::failed);
  failed.result = {{"error_type",
                    "a\xff"
                    "b"},
                   {"deep", deep},
                   {"share", std::nan("")}};
  failed.stats = {{"k\xfe", 1}, {"good", 2}};
  ASSERT_TRUE(store->exchange(std::span(&failed, 1), {}, {}, kNow));
  // Everything that reads the row goes on.
  ASSERT_TRUE(store->requeue("w", 1, 1e6, after(kNow, 1e6)));
  const auto second = claim(*store, 1);
  ASSERT_THAT(second, SizeIs(1));
  const Report completed = report_of(second.at(0));
  ASSERT_TRUE(store->exchange(std::span(&completed, 1), {}, {}, kNow));

  const auto tasks = store->tasks({});
  ASSERT_TRUE(tasks) << tasks.error().text();
  const json::object& extra = tasks->at(0).extra;
  EXPECT_EQ(tasks->at(0).state, State::done);
  EXPECT_EQ(extra.at("result_error_type"),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(extra.at("result_share"), "NaN");
  EXPECT_THAT(std::string(extra.at("result_deep").as_string()), ::testing::StartsWith("[[["));
  EXPECT_EQ(extra.at("stat_k\xEF\xBF\xBD"), 1);
  EXPECT_EQ(extra.at("stat_good"), 2);
}

TEST(TasksTest, a_row_with_broken_attributes_stops_no_other) {
  const TemporaryFolder folder;
  const auto store = must_open(folder.file());
  ASSERT_TRUE(store->accept(job_of(2, "k"), 2, kNow));
  const auto claimed = claim(*store, 2);
  Database database(folder.file(), {});
  database.script("UPDATE task SET extra = '{broken' WHERE position = 2000");
  const std::vector<Report> completed{report_of(claimed.at(0)), report_of(claimed.at(1))};
  const auto stored = store->exchange(completed, {}, {}, kNow);
  ASSERT_TRUE(stored) << stored.error().text();
  const auto tasks = store->tasks({});
  ASSERT_TRUE(tasks) << tasks.error().text();
  ASSERT_THAT(*tasks, SizeIs(2));
  EXPECT_EQ(tasks->at(0).state, State::done);
  EXPECT_EQ(tasks->at(0).extra.at("unreadable"), "{broken");
}

TEST(TasksTest, the_happy_path_writes_no_event) {
  const TemporaryFolder folder;
  const auto store = must_open(folder.file());
  ASSERT_TRUE(store->accept(job_of(1, "k"), 1, kNow));
  const Report completed = report_of(claim(*store, 1).at(0));
  ASSERT_TRUE(store->exchange(std::span(&completed, 1), {}, {}, kNow));
  engine::TaskQuery query;
  query.task_id = completed.task_id;
  const auto tasks = store->tasks(query);
  ASSERT_TRUE(tasks);
  EXPECT_EQ(tasks->front().state, State::done);
  EXPECT_TRUE(tasks->front().extra.empty());
}

TEST(TasksTest, direct_tasks_are_no_jobs_unless_they_wait_behind_one) {
  const TemporaryFolder folder;
  const auto store = must_open(folder.file());
  const auto direct = store->accept(job_of(1), 1, kNow);
  ASSERT_TRUE(direct);
  EXPECT_THAT(*store->jobs(std::nullopt, 100), SizeIs(0));
  ASSERT_TRUE(store->accept(job_of(2, "open"), 1, kNow));
  const auto behind = store->accept(job_of(1), 1, kNow);
  ASSERT_TRUE(behind);
  EXPECT_NE(behind->job_id, direct->job_id);
  EXPECT_EQ(behind->made, 0);
  EXPECT_THAT(*store->jobs(std::nullopt, 100), SizeIs(2));
  EXPECT_EQ(contradictions(folder.file()), "");
}

TEST(TasksTest, lists_of_a_job_hold_its_rows_only) {
  const TemporaryFolder folder;
  const auto store = must_open(folder.file());
  const auto kill = [&](const std::string& task_id) {
    for (const Claimed& claimed : claim(*store, 100)) {
      const engine::Release release{claimed.task.id, claimed.claim,
                                    claimed.task.id == task_id ? engine::Release::Why::impossible
                                                               : engine::Release::Why::rejected,
                                    ""};
      ASSERT_TRUE(store->release(std::span(&release, 1), {}, kNow));
    }
  };
  const auto one = store->accept(job_of(3, "one"), 3, kNow);
  const auto two = store->accept(job_of(3, "two"), 3, kNow);
  const auto direct = store->accept(job_of(1), 1, kNow);
  const auto other = store->accept(job_of(1, {}, "other"), 1, kNow);
  ASSERT_EQ(other->job_id, direct->job_id);
  kill(task_id(one->job_id, 1));
  kill(task_id(two->job_id, 2));
  const auto ids = [&](const std::string& job, std::optional<State> state,
                       std::optional<std::string> labourer = {}) {
    engine::TaskQuery query;
    query.job_id = job;
    query.state = state;
    query.labourer_id = std::move(labourer);
    std::vector<std::string> found;
    const auto tasks = store->tasks(query);
    EXPECT_TRUE(tasks);
    for (const Task& task : *tasks) found.push_back(task.id);
    return found;
  };
  using ::testing::ElementsAre;
  EXPECT_THAT(ids(one->job_id, State::dead), ElementsAre(task_id(one->job_id, 1)));
  EXPECT_THAT(ids(two->job_id, State::dead), ElementsAre(task_id(two->job_id, 2)));
  EXPECT_THAT(ids(one->job_id, State::queued),
              ElementsAre(task_id(one->job_id, 0), task_id(one->job_id, 2)));
  EXPECT_THAT(ids(one->job_id, {}), SizeIs(3));
  EXPECT_THAT(ids(one->job_id, {}, "other"), SizeIs(0));
  EXPECT_THAT(ids(direct->job_id, {}), ElementsAre(direct->task_id, other->task_id));
  EXPECT_THAT(ids(direct->job_id, {}, "other"), ElementsAre(other->task_id));
  EXPECT_THAT(ids(direct->job_id, State::dead), SizeIs(0));
}

// --- Failing disks

class FailingDiskTest : public ::testing::TestWithParam<bool> {};

TEST_P(FailingDiskTest, loses_nothing_at_whatever_write_it_fails) {
  const bool full = GetParam();
  FaultyDisk disk;
  const TemporaryFolder folder;
  StoreOptions options;
  options.path = folder.file();
  auto store = must_open(options);
  const std::int64_t rows = 50;
  ASSERT_TRUE(store->accept(job_of(20'000, "first"), 0, kNow));
  bool reached_the_end = false;
  int failures = 0;
  for (std::int64_t n = 0; !reached_the_end; ++n) {
    const std::int64_t queued = count(*store, State::queued), done = count(*store, State::done);
    const auto running = claim(*store, 0);
    full ? disk.full_after(n) : disk.broken_after(n);
    const auto made = store->make_rows("w", 1'000'000, rows, kNow);
    const bool failed = disk.has_failed();
    full ? disk.full_after(FaultyDisk::kNever) : disk.broken_after(FaultyDisk::kNever);
    ASSERT_EQ(count(*store, State::queued), queued + (made ? rows : 0));
    if (made) {
      // A checkpoint beside the writer may have been hit instead, which nobody waits for.
      reached_the_end = !failed;
    } else {
      ++failures;
      EXPECT_TRUE(failed);
      EXPECT_EQ(made.error().code, Code::exhausted) << made.error().text();
      EXPECT_THAT(made.error().message, HasSubstr("not done"));
      const auto again = store->make_rows("w", 1'000'000, rows, kNow);
      ASSERT_TRUE(again) << again.error().text();
      EXPECT_EQ(again->rows, rows);
      ASSERT_EQ(count(*store, State::queued), queued + rows);
    }
    std::vector<Report> reports;
    for (const Claimed& claimed : claim(*store, 5)) reports.push_back(report_of(claimed));
    ASSERT_TRUE(store->exchange(reports, {}, {}, kNow));
    ASSERT_EQ(count(*store, State::done), done + 5);
  }
  EXPECT_GE(failures, 1);
  store.reset();
  EXPECT_EQ(contradictions(folder.file()), "");
}

INSTANTIATE_TEST_SUITE_P(Disk, FailingDiskTest, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "full" : "broken"; });

TEST(GroupTest, when_the_disk_is_full_every_request_is_told_and_can_be_repeated) {
  FaultyDisk disk;
  const TemporaryFolder folder;
  auto store = must_open(folder.file());
  disk.full_after(0);
  constexpr int kThreads = 8;
  std::atomic<int> refused = 0;
  {
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i)
      threads.emplace_back([&, i] {
        const auto accepted = store->accept(job_of(1, "k" + std::to_string(i)), 1, kNow);
        if (!accepted && accepted.error().code == Code::exhausted) ++refused;
      });
    for (auto& thread : threads) thread.join();
  }
  EXPECT_EQ(refused, kThreads);
  EXPECT_EQ(count(*store, State::queued), 0);
  disk.full_after(FaultyDisk::kNever);
  for (int i = 0; i < kThreads; ++i) {
    const auto accepted = store->accept(job_of(1, "k" + std::to_string(i)), 1, kNow);
    ASSERT_TRUE(accepted);
    EXPECT_FALSE(accepted->already);
  }
  EXPECT_EQ(count(*store, State::queued), kThreads);
  EXPECT_EQ(contradictions(folder.file()), "");
}

// --- Groups

TEST(GroupTest, requests_of_many_threads_share_commits_and_an_error_undoes_only_itself) {
  FaultyDisk disk;
  const TemporaryFolder folder;
  auto store = must_open(folder.file());
  constexpr int kThreads = 8, kEach = 100;
  const std::int64_t flushes = disk.flushes();
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back([&, i] {
      for (int n = 0; n < kEach; ++n) {
        const std::string key = std::to_string(i) + "/" + std::to_string(n);
        auto job = job_of(1, key);
        if (n % 4 == 3) job.position = kPositionCeiling;  // refused
        const auto accepted = store->accept(job, 1, kNow);
        if (static_cast<bool>(accepted) == (n % 4 == 3)) ++wrong;
        // What was answered is there for everybody.
        if (accepted && store->jobs(accepted->job_id, 1)->size() != 1) ++wrong;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(count(*store, State::queued), kThreads * kEach * 3 / 4);
  EXPECT_LT(disk.flushes() - flushes, kThreads * kEach);
  EXPECT_EQ(contradictions(folder.file()), "");
}

TEST(GroupTest, tasks_of_one_thread_queue_in_its_order) {
  const TemporaryFolder folder;
  const auto store = must_open(folder.file());
  constexpr int kThreads = 4, kEach = 50;
  std::vector<std::vector<std::string>> made(kThreads);
  std::vector<std::thread> threads;
  for (auto& mine : made)
    threads.emplace_back([&] {
      for (int n = 0; n < kEach; ++n) mine.push_back(store->accept(job_of(1), 1, kNow)->task_id);
    });
  for (auto& thread : threads) thread.join();
  std::map<std::string, std::size_t> place;
  for (const Claimed& claimed : claim(*store, kThreads * kEach))
    place.emplace(claimed.task.id, place.size());
  ASSERT_EQ(place.size(), std::size_t{kThreads} * kEach);
  for (const auto& mine : made)
    for (std::size_t n = 1; n < mine.size(); ++n)
      EXPECT_LT(place.at(mine[n - 1]), place.at(mine[n]));
}

// --- Two objects on one file

TEST(TwoStoresTest, never_claim_a_task_twice_nor_exceed_the_limit) {
  const TemporaryFolder folder;
  constexpr int kLimit = 7, kRows = 400;
  StoreOptions options;
  options.path = folder.file();
  options.synchronous = StoreOptions::Synchronous::normal;
  auto first = must_open(options);
  auto second = must_open(options);
  ASSERT_TRUE(first->accept(job_of(kRows, "k"), 0, kNow));
  std::mutex mutex;
  std::set<std::string> claimed_ids;
  int running = 0, most = 0, twice = 0;
  std::atomic<int> done = 0;
  const auto work = [&](SqliteStore& store) {
    std::vector<Report> reports;
    while (done < kRows) {
      ASSERT_TRUE(store.make_rows("w", 20, 10, kNow));
      const ClaimRequest wanted = request(3, kLimit);
      {
        // Before the exchange: from then on the other one may use the slots.
        const std::lock_guard lock(mutex);
        running -= static_cast<int>(reports.size());
      }
      const auto answer = store.exchange(reports, std::span(&wanted, 1), {}, kNow);
      ASSERT_TRUE(answer) << answer.error().text();
      for (const auto& reported : answer->reported) done += reported.answer == Answer::applied;
      reports.clear();
      const std::lock_guard lock(mutex);
      for (const Claimed& claimed : answer->claimed) {
        twice += !claimed_ids.insert(claimed.task.id).second;
        reports.push_back(report_of(claimed));
      }
      running += static_cast<int>(answer->claimed.size());
      most = std::max(most, running);
    }
  };
  std::thread other([&] { work(*second); });
  work(*first);
  other.join();
  EXPECT_EQ(twice, 0);
  EXPECT_EQ(claimed_ids.size(), std::size_t{kRows});
  EXPECT_LE(most, kLimit);
  EXPECT_EQ(count(*first, State::done), kRows);
  EXPECT_EQ(count(*second, State::done), kRows);
  EXPECT_EQ(contradictions(folder.file()), "");
}

TEST(TwoStoresTest, know_the_labourers_and_jobs_of_each_other) {
  const TemporaryFolder folder;
  const auto first = must_open(folder.file());
  const auto second = must_open(folder.file());
  for (int i = 0; i < 10; ++i) {
    SqliteStore& one = i % 2 == 0 ? *first : *second;
    SqliteStore& other = i % 2 == 0 ? *second : *first;
    const std::string labourer = "labourer " + std::to_string(i);
    const auto accepted = one.accept(job_of(1, labourer, labourer), 1, kNow);
    ASSERT_TRUE(accepted);
    EXPECT_TRUE(other.accept(job_of(1, labourer, labourer), 1, kNow)->already);
    Report report;
    report.task_id = accepted->task_id;
    const auto answer = other.exchange(std::span(&report, 1), {}, {}, kNow);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->reported[0].answer, Answer::late);
    EXPECT_EQ(answer->reported[0].labourer_id, labourer);
  }
  EXPECT_EQ(contradictions(folder.file()), "");
}

}  // namespace
}  // namespace sosw::local
