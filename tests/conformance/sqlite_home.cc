// SPDX-License-Identifier: MIT
// See sqlite_home.h.
#include "sqlite_home.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <type_traits>

#include "core/greenfield.h"
#include "core/lifecycle.h"
#include "core/task.h"
#include "local/store_schema.h"
#include "local/store_session.h"

namespace sosw::conformance {

using engine::TaskStore;
using local::SqliteStore;
using simulation::Process;
using simulation::Snapshot;

namespace {

constexpr std::int64_t kNever = INT64_MAX;

int integer(const json::object& extra, std::string_view key) {
  const auto* value = extra.if_contains(key);
  return value == nullptr ? 0 : value->to_number<int>();
}

// Whether a store may say so without any fault.
bool natural(Code code) {
  return code == Code::not_found || code == Code::conflict || code == Code::invalid ||
         code == Code::exhausted;
}

// What a fault may be called by the store: the disk's, the memory's, a lock's; CANTOPEN is denied.
bool of_fault(Code code) {
  return code == Code::exhausted || code == Code::unavailable || code == Code::denied;
}

bool kills(const Fault& fault) {
  return fault.what == Fault::What::killed || fault.what == Fault::What::torn;
}

}  // namespace

// Reads the tables as they are, past the store.
class SqliteHome::Reader {
 public:
  explicit Reader(const std::string& path) {
    if (sqlite3_open_v2(path.c_str(), &connection_, SQLITE_OPEN_READWRITE, nullptr) != SQLITE_OK)
      throw std::runtime_error(path + " cannot be opened");
  }
  ~Reader() {
    for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
    sqlite3_close(connection_);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void rows(const char* sql, const std::function<void(sqlite3_stmt*)>& row) {
    sqlite3_stmt*& statement = statements_[sql];
    if (statement == nullptr) sqlite3_prepare_v2(connection_, sql, -1, &statement, nullptr);
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) row(statement);
    sqlite3_reset(statement);
    if (code != SQLITE_DONE)
      throw std::runtime_error(fmt::format("{}: {}", sql, sqlite3_errmsg(connection_)));
  }
  // All that is in the tables.
  std::string dump() {
    std::string all;
    for (const char* sql :
         {"SELECT * FROM meta", "SELECT * FROM labourer", "SELECT * FROM job",
          "SELECT * FROM description", "SELECT * FROM task", "SELECT * FROM closed",
          "SELECT * FROM counts WHERE n <> 0", "SELECT * FROM event", "SELECT * FROM alarm",
          "SELECT * FROM sqlite_sequence"}) {
      rows(sql, [&all](sqlite3_stmt* row) {
        for (int i = 0; i < sqlite3_column_count(row); ++i) all += text(row, i) + '\x1f';
        all += '\n';
      });
      all += '\f';
    }
    return all;
  }
  static std::string text(sqlite3_stmt* row, int column) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
    return text == nullptr ? std::string() : text;
  }

 private:
  sqlite3* connection_ = nullptr;
  std::map<const char*, sqlite3_stmt*> statements_;
};

template <class Call>
auto SqliteHome::call(std::unique_ptr<SqliteStore>& store, bool writes, const Call& call)
    -> std::invoke_result_t<Call, TaskStore&> {
  killed_ = false;
  if (world_.calm()) return call(*store);
  journal_.calls.push_back({writes});
  const auto point = plan_(std::ssize(journal_.calls));
  if (!point) {
    faults_.arm({Fault::At::statement, Fault::What::io_error}, kNever);  // to count them
    faults_.on();
    auto answer = call(*store);
    faults_.off();
    journal_.calls.back().statements = faults_.visited();
    if (!answer && !natural(answer.error().code)) journal_.wrong.push_back(answer.error().text());
    return answer;
  }
  if (kills(point->fault)) {
    const bool done = done_by_killed(*point, [&call](TaskStore& here) { (void)call(here); });
    killed_ = true;
    if (!done) return Error{Code::unavailable, "the process is killed", {}};
    // Nobody has heard the answer. It is that of the same call on the same file.
    const auto again = open(before_path());
    auto answer = call(*again);
    if (Reader(before_path()).dump() != reader_->dump())
      journal_.wrong.emplace_back("a call has been done by half");
    return answer;
  }
  const std::string before = reader_->dump();
  faults_.arm(point->fault, point->n);
  faults_.on();
  auto answer = call(*store);
  faults_.off();
  if (!faults_.struck()) return answer;
  ++accidents_;
  ++journal_.struck;
  world_.say("{} at {} {} of SQLite: {}", name(point->fault.what), name(point->fault.at), point->n,
             answer ? "unnoticed" : answer.error().message);
  if (answer) return answer;
  if (!of_fault(answer.error().code)) journal_.wrong.push_back(answer.error().text());
  // alarms() is two transactions.
  if (writes && reader_->dump() != before)
    journal_.wrong.push_back(answer.error().message + ", and the store has changed");
  return answer;
}

// The store as one process has opened it.
class SqliteHome::Door final : public TaskStore {
  template <class Call>
  auto write(const Call& call) {  // before what uses it: its type is deduced
    return home_.call(store_, true, call);
  }
  template <class Call>
  auto other(const Call& call) {
    return home_.call(store_, false, call);
  }

 public:
  explicit Door(SqliteHome& home) : home_(home) {}
  void open() { store_ = home_.open(home_.options_.path); }
  void close() { store_.reset(); }

  Result<engine::Accepted> accept(const engine::Job& job, std::int64_t make_now,
                                  Time now) override {
    home_.accepts_position_ = job.position.has_value();
    return write([&](TaskStore& store) { return store.accept(job, make_now, now); });
  }
  Result<engine::Made> make_rows(std::string_view labourer_id, std::int64_t watermark,
                                 std::int64_t at_most, Time now) override {
    return write([&](TaskStore& s) { return s.make_rows(labourer_id, watermark, at_most, now); });
  }
  Result<engine::Exchanged> exchange(std::span<const Report> reports,
                                     std::span<const engine::ClaimRequest> claims,
                                     const engine::Labourers& labourers, Time now) override {
    return write([&](TaskStore& s) { return s.exchange(reports, claims, labourers, now); });
  }
  Result<std::vector<bool>> release(std::span<const engine::Release> claims,
                                    const engine::Labourers& labourers, Time now) override {
    return write([&](TaskStore& s) { return s.release(claims, labourers, now); });
  }
  Result<std::vector<engine::Ended>> expire(const Labourer& labourer, std::int64_t at_most,
                                            const StillRunning& still_running, Time now) override {
    return write([&](TaskStore& s) { return s.expire(labourer, at_most, still_running, now); });
  }
  Result<std::vector<std::string>> requeue(std::string_view labourer_id, std::int64_t at_most,
                                           double longest_delay_s, Time now) override {
    return write(
        [&](TaskStore& s) { return s.requeue(labourer_id, at_most, longest_delay_s, now); });
  }
  Result<std::vector<std::string>> archive(std::string_view labourer_id, std::int64_t at_most,
                                           Time now) override {
    return write([&](TaskStore& s) { return s.archive(labourer_id, at_most, now); });
  }
  Result<std::vector<bool>> replay(std::span<const std::string> task_ids, Time now) override {
    return write([&](TaskStore& s) { return s.replay(task_ids, now); });
  }
  Result<std::int64_t> cancel(std::string_view job_id, std::int64_t at_most, Time now) override {
    return write([&](TaskStore& s) { return s.cancel(job_id, at_most, now); });
  }
  Result<std::vector<std::string>> cancelling() override {
    return other([&](TaskStore& s) { return s.cancelling(); });
  }
  Result<void> gate(std::string_view labourer_id, std::optional<bool> paused,
                    std::optional<std::string> blocked) override {
    return other([&](TaskStore& s) { return s.gate(labourer_id, paused, blocked); });
  }
  Result<std::vector<engine::Alarm>> alarms(std::int64_t acknowledged,
                                            std::int64_t at_most) override {
    return other([&](TaskStore& s) { return s.alarms(acknowledged, at_most); });
  }
  Result<std::map<std::string, engine::LabourerStatus>> status() override {
    return other([&](TaskStore& s) { return s.status(); });
  }
  Result<std::vector<Task>> tasks(const engine::TaskQuery& query) override {
    return other([&](TaskStore& s) { return s.tasks(query); });
  }
  Result<std::vector<engine::JobStatus>> jobs(std::optional<std::string> job_id,
                                              std::int64_t limit) override {
    return other([&](TaskStore& s) { return s.jobs(job_id, limit); });
  }

 private:
  SqliteHome& home_;
  std::unique_ptr<SqliteStore> store_;
};

bool SqliteHome::done_by_killed(const Point& point, const std::function<void(TaskStore&)>& call) {
  const std::string before = reader_->dump();
  close_all();
  std::filesystem::copy_file(options_.path, before_path(),
                             std::filesystem::copy_options::overwrite_existing);
  const pid_t child = fork();
  if (child == 0) {
    const auto store = open(options_.path);
    faults_.arm(point.fault, point.n);
    faults_.on();
    call(*store);
    _exit(0);
  }
  int status = 0;
  const bool waited = child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status);
  const bool struck = waited && WEXITSTATUS(status) == kKilledExit;
  if (!struck && (!waited || WEXITSTATUS(status) != 0))
    journal_.wrong.push_back(fmt::format("who was to be killed has ended with {}", status));
  open_all();
  ++accidents_;
  if (struck) ++journal_.struck;
  const bool done = reader_->dump() != before;
  world_.say("{} {} {} {} of SQLite, the call is {}", name(point.fault.what),
             struck ? "at" : "before", name(point.fault.at), point.n, done ? "done" : "not done");
  return done;
}

SqliteHome::SqliteHome(simulation::World& world, const simulation::ModelStore::Options& options,
                       std::string path, Faults& faults, Plan plan, Journal& journal)
    : world_(world),
      options_{.path = std::move(path),
               .two_step = options.two_step,
               .invocation_delta = options.invocation_delta,
               .task_step = options.task_step},
      faults_(faults),
      plan_(std::move(plan)),
      journal_(journal) {
  open_all();
}

SqliteHome::~SqliteHome() { close_all(); }

void SqliteHome::new_file(const std::string& path) {
  {
    local::StoreOptions options;
    options.path = path;
    if (auto made = SqliteStore::open(options); !made)
      throw std::runtime_error(made.error().text());
  }
  const std::string store_id = simulation::ModelStore::Options{}.store_id;
  Reader file(path);
  file.rows("UPDATE meta SET value = 'model' WHERE key = 'store_id'", {});
  file.rows(fmt::format("UPDATE job SET uid = '{}'", job_id("store:" + store_id)).c_str(), {});
}

std::unique_ptr<SqliteStore> SqliteHome::open(const std::string& path) const {
  local::StoreOptions options = options_;
  options.path = path;
  auto opened = SqliteStore::open(options);
  if (!opened) throw std::runtime_error(opened.error().text());
  return std::move(*opened);
}

void SqliteHome::open_all() {
  for (auto& [process, door] : doors_) door->open();
  judged_ = open(options_.path);
  reader_ = std::make_unique<Reader>(options_.path);
}

// SQLite must not be open where a process forks that is to use it.
void SqliteHome::close_all() {
  for (auto& [process, door] : doors_) door->close();
  judged_.reset();
  reader_.reset();
}

TaskStore& SqliteHome::opened_by(Process& process) {
  auto& door = doors_[&process];
  if (!door) door = std::make_unique<Door>(*this);
  door->close();
  door->open();
  return *door;
}

void SqliteHome::look(Snapshot& into) {
  using simulation::JobRow;
  using simulation::TaskRow;
  const auto number_of = [this](std::int64_t id) {
    const auto [known, is_new] = numbers_.try_emplace(id, accepted_.size());
    if (is_new) accepted_.push_back(id);
    return known->second;
  };
  into.jobs.clear();
  const auto put_job = [&](std::int64_t id, JobRow job) {
    const std::size_t number = number_of(id);
    if (into.jobs.size() <= number) into.jobs.resize(number + 1);
    into.jobs[number] = std::move(job);
  };
  struct Range {
    std::int64_t rows;
    std::string uid, foreign_id;
  };
  std::map<std::int64_t, Range> ranges;  // by first id
  reader_->rows(
      "SELECT first_id, rows, cursor, state, uid, key, name, foreign_id, position, done, dead, "
      "cancelled FROM job LEFT JOIN labourer ON labourer.id = labourer_id ORDER BY first_id",
      [&](sqlite3_stmt* row) {
        const std::int64_t first_id = sqlite3_column_int64(row, 0);
        JobRow job;
        job.rows = sqlite3_column_int64(row, 1);
        job.cursor = sqlite3_column_int64(row, 2);
        job.given_up = sqlite3_column_int(row, 3) >= static_cast<int>(local::JobState::cancelling);
        job.id = Reader::text(row, 4);
        job.key = Reader::text(row, 5);
        job.labourer_id = Reader::text(row, 6);
        job.chose_position = sqlite3_column_type(row, 8) != SQLITE_NULL;
        job.done = sqlite3_column_int64(row, 9);
        job.dead = sqlite3_column_int64(row, 10);
        job.cancelled = sqlite3_column_int64(row, 11);
        ranges[first_id] = {job.rows, job.id, Reader::text(row, 7)};
        if (first_id != local::kPseudoJob) put_job(first_id, std::move(job));
      });
  std::size_t tasks = 0;
  reader_->rows(
      "SELECT t.id, name, state, position, attempts, claim, due, extra, claimed_at FROM "
      "(SELECT id, labourer_id, state, position, attempts, claim, due, extra, claimed_at FROM task "
      "UNION ALL SELECT id, labourer_id, status, position, attempts, claim, NULL, extra, "
      "claimed_at "
      "FROM closed) AS t JOIN labourer ON labourer.id = labourer_id ORDER BY t.id",
      [&](sqlite3_stmt* row) {
        const std::int64_t id = sqlite3_column_int64(row, 0);
        const auto& [first_id, range] = *std::prev(ranges.upper_bound(id));
        if (into.tasks.size() <= tasks) into.tasks.resize(tasks + 1);
        TaskRow& task = into.tasks[tasks++];
        task = {};
        const bool direct = first_id == local::kPseudoJob;
        task.id = range.foreign_id.empty() ? task_id(range.uid, id - first_id) : range.foreign_id;
        task.labourer_id = Reader::text(row, 1);
        task.state = local::state_of(sqlite3_column_int64(row, 2));
        task.position = sqlite3_column_int64(row, 3);
        task.attempts = sqlite3_column_int(row, 4);
        const std::int64_t claim = sqlite3_column_int64(row, 5);
        const bool has_due = sqlite3_column_type(row, 6) != SQLITE_NULL;
        const std::int64_t due = sqlite3_column_int64(row, 6);
        // A claim that was given back holds no more, whatever becomes of the task without another.
        if (task.state == State::running) given_back_.erase(id);
        if (task.state == State::queued && has_due) given_back_.insert(id);
        if (claim > 0 && !given_back_.contains(id)) task.claim = local::claim_token(claim);
        // As others see it: a position in the queue, from the claim on a time.
        const bool claimed = sqlite3_column_type(row, 8) != SQLITE_NULL;
        task.greenfield = claimed && task.state != State::queued
                              ? sqlite3_column_int64(row, 8) + kInvocationDelta
                              : task.position;
        if (task.state == State::retry) task.due = due / local::kSecond;
        if (task.state == State::running) task.deadline = Time(std::chrono::microseconds(due));
        if (sqlite3_column_type(row, 7) != SQLITE_NULL) {
          Task whole;
          whole.state = task.state;
          whole.extra = local::attributes(Reader::text(row, 7));
          task.interrupted = integer(whole.extra, "interrupted");
          task.replays = integer(whole.extra, "replays");
          task.failures = integer(whole.extra, "failed_attempts");
          task.late_kept = late_completion_closes(whole);
          task.silent = whole.extra.contains("silent");
        }
        if (direct) {
          if (!numbers_.contains(id) && accepts_position_) chose_position_.insert(id);
          JobRow job{.id = range.uid, .labourer_id = task.labourer_id, .rows = 1, .cursor = 1};
          job.done = task.state == State::done ? 1 : 0;
          job.dead = task.state == State::dead ? 1 : 0;
          job.cancelled = task.state == State::cancelled ? 1 : 0;
          job.chose_position = chose_position_.contains(id);
          put_job(id, std::move(job));
        }
        task.job = number_of(direct ? id : first_id);
        task.row = direct ? 0 : id - first_id;
      });
  into.tasks.resize(tasks);
  into.alarms = 0;
  reader_->rows("SELECT seq FROM sqlite_sequence WHERE name = 'alarm'",
                [&](sqlite3_stmt* row) { into.alarms = sqlite3_column_int64(row, 0); });
}

}  // namespace sosw::conformance
