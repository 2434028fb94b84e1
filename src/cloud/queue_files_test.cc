// SPDX-License-Identifier: MIT
#include "cloud/queue_files.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "cloud/table_store.h"
#include "core/chunking.h"
#include "core/json_text.h"
#include "simulation/model_tables.h"
#include "support/http_server.h"

namespace sosw::cloud {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HttpReply;
using testing::HttpRequest;
using testing::HttpServer;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::SizeIs;

constexpr const char* kName = "tasks_queue_r-1.txt";
constexpr const char* kLockedName = "locked_tasks_queue_r-1.txt";
const Time kNow = from_epoch(1'795'000'000);  // 2026-11-18T11:06:40Z

// One bucket, "b".
class PlayedS3 : public ::testing::Test {
 protected:
  struct Object {
    std::string body;
    std::string etag;
    std::string time = "2026-11-18T11:00:00.000Z";
  };

  void put(const std::string& name, std::string body, std::string time = "") {
    const std::lock_guard lock(mutex_);
    put_locked("sosw/scheduler/" + name, std::move(body));
    if (!time.empty()) objects_["sosw/scheduler/" + name].time = std::move(time);
  }
  std::map<std::string, std::string> bodies() {
    const std::lock_guard lock(mutex_);
    std::map<std::string, std::string> all;
    for (const auto& [key, object] : objects_) all[key] = object.body;
    return all;
  }
  QueueFiles::Options options() {
    return {.client = {.region = "eu-west-1",
                       .endpoint = server_.url(),
                       .credentials = aws::Credentials{"AKIDEXAMPLE", "secret", ""},
                       .tries = 2,
                       .longest_first_pause = std::chrono::milliseconds(1)},
            .bucket = "b"};
  }
  std::vector<QueueFile> waiting(QueueFiles& files, Time now = kNow) {
    auto found = files.waiting(now);
    EXPECT_TRUE(found) << found.error().text();
    return found ? *found : std::vector<QueueFile>();
  }
  static std::vector<std::string> payloads(const engine::Job& job) {
    const auto rows = JobRows::open(job.description);
    EXPECT_TRUE(rows) << rows.error().text();
    EXPECT_EQ(rows->count(), job.rows);
    EXPECT_EQ(rows->labourer_id(), job.labourer_id);
    std::vector<std::string> all;
    auto cursor = rows->at(0);
    for (std::string text; cursor.next(text); text.clear()) all.push_back(text);
    return all;
  }

  std::function<std::optional<HttpReply>(const HttpRequest&)> on_call_;
  std::vector<std::string> seen_;  // "DELETE /b/sosw/scheduler/x"
  std::size_t longest_ = 0;        // bytes of an answer to a range

 private:
  void put_locked(const std::string& key, std::string body) {
    auto& object = objects_[key];
    object.etag = fmt::format("\"{}-{}\"", std::hash<std::string>()(body), body.size());
    object.body = std::move(body);
  }
  HttpReply answer(const HttpRequest& request) {
    const std::lock_guard lock(mutex_);
    seen_.push_back(request.method + " " + request.target.substr(0, request.target.find('?')));
    if (on_call_)
      if (auto reply = on_call_(request)) return *reply;
    if (request.target.starts_with("/b?")) return list(request);
    const auto key = request.target.substr(3);
    const auto found = objects_.find(key);
    if (request.method == "PUT") {
      put_locked(key, request.body);
      return {};
    }
    if (found == objects_.end())
      return {.status = 404,
              .body = request.method == "HEAD" ? "" : "<Error><Code>NoSuchKey</Code></Error>"};
    const auto& object = found->second;
    if (request.method == "DELETE") {
      const auto condition = request.headers.find("if-match");
      if (condition != request.headers.end() && condition->second != object.etag)
        return {.status = 412, .body = "<Error><Code>PreconditionFailed</Code></Error>"};
      objects_.erase(found);
      return {.status = 204};
    }
    HttpReply reply{.headers = {{"ETag", object.etag}}};
    if (request.method != "GET") return reply;
    const auto range = request.headers.find("range");
    const auto same = request.headers.find("if-match");
    if (same != request.headers.end() && same->second != object.etag)
      return {.status = 412, .body = "<Error><Code>PreconditionFailed</Code></Error>"};
    reply.body = object.body;
    if (range == request.headers.end()) return reply;
    std::size_t first = 0, last = 0;
    EXPECT_EQ(std::sscanf(range->second.c_str(), "bytes=%zu-%zu", &first, &last), 2);
    if (first >= object.body.size())
      return {.status = 416, .body = "<Error><Code>InvalidRange</Code></Error>"};
    reply.status = 206;
    reply.body = object.body.substr(first, last - first + 1);
    longest_ = std::max(longest_, reply.body.size());
    return reply;
  }
  HttpReply list(const HttpRequest& request) {
    EXPECT_THAT(request.target, HasSubstr("prefix=sosw%2Fscheduler%2F"));
    std::string body = "<ListBucketResult><IsTruncated>false</IsTruncated>";
    for (const auto& [key, object] : objects_)
      if (key.starts_with("sosw/scheduler/"))
        body += fmt::format(
            "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>&quot;{}&quot;</ETag>"
            "<Size>{}</Size></Contents>",
            key, object.time, object.etag.substr(1, object.etag.size() - 2), object.body.size());
    return {.body = body + "</ListBucketResult>"};
  }

  std::mutex mutex_;
  std::map<std::string, Object> objects_;
  HttpServer server_{[this](const HttpRequest& request) { return answer(request); }};
};

TEST_F(PlayedS3, lists_queue_files_oldest_first_and_nothing_else) {
  put(kName, "{}\n", "2026-11-18T11:05:00.000Z");
  put("tasks_queue_r-2.txt", "four", "2026-11-18T10:00:00.000Z");
  put("tasks_queue.txt", "x", "2026-11-18T11:06:00.000Z");
  for (const auto* other :
       {"", "readme.txt", "tasks_queue_r-1.csv", "refused_tasks_queue_r-1.txt", "tasks_queue_.tx",
        "old/tasks_queue_r-1.txt", "tasks_queue_a/tasks_queue_r-1.txt", "other_tasks_queue_1.txt"})
    put(other, "x");
  QueueFiles files(options());
  const auto found = waiting(files);
  ASSERT_THAT(found, SizeIs(3));
  EXPECT_EQ(found[0].name, "tasks_queue_r-2.txt");
  EXPECT_EQ(found[0].size, 4);
  EXPECT_EQ(found[0].last_modified, "2026-11-18T10:00:00.000Z");
  EXPECT_NE(found[0].etag, "");
  EXPECT_EQ(found[1].name, kName);
  EXPECT_EQ(found[2].name, "tasks_queue.txt");
  for (const auto& file : found) {
    EXPECT_TRUE(file.take);
    EXPECT_FALSE(file.locked);
    EXPECT_EQ(file.remark, "");
  }
}

// D-03: a locked file still has the rows that are tasks already.
TEST_F(PlayedS3, leaves_a_locked_file_alone_unless_it_is_told_otherwise) {
  put(kLockedName, "{}\n", "2026-11-18T10:51:40.000Z");  // 900 s ago
  QueueFiles files(options());
  auto daring = options();
  daring.take_locked = true;
  QueueFiles takes(daring);
  for (auto* either : {&files, &takes}) {
    const auto young = waiting(*either);
    ASSERT_THAT(young, SizeIs(1));
    EXPECT_TRUE(young[0].locked);
    EXPECT_FALSE(young[0].take) << "its Scheduler may be alive";
    EXPECT_EQ(young[0].remark, "");
  }
  const auto later = after(kNow, 1);
  const auto left = waiting(files, later);
  EXPECT_FALSE(left[0].take);
  EXPECT_THAT(left[0].remark, AllOf(HasSubstr("s3://b/sosw/scheduler/locked_tasks_queue_r-1.txt"),
                                    HasSubstr("nobody can tell")));
  const auto taken = waiting(takes, later);
  EXPECT_TRUE(taken[0].take);
  EXPECT_THAT(taken[0].remark, HasSubstr("tasks twice"));
  put(kLockedName, "{}\n", "yesterday");
  EXPECT_FALSE(waiting(takes, later)[0].take) << "nobody knows how old it is";
}

TEST_F(PlayedS3, gives_the_lines_of_a_file) {
  put(kName, "{\"a\": 1}\n\n[2]\r\nlast");
  QueueFiles files(options());
  const auto rows = files.rows(kName);
  ASSERT_TRUE(rows) << rows.error().text();
  EXPECT_THAT(*rows, ElementsAre(R"({"a": 1})", "[2]", "last"));
  EXPECT_EQ(files.rows("none").error().code, Code::not_found);
}

TEST_F(PlayedS3, a_row_becomes_a_task_with_what_it_says) {
  put(kName,
      R"({"labourer_id": "word_count", "period": "last_2_days", "isolate_words": true, "words": ["b", "a"]})"
      "\n"
      R"({"n": 18446744073709551615, "labourer_id": "word_count", "f": 0.1, "t": "\u00e9"})"
      "\n\n"
      R"({"labourer_id": "other"})"
      "\n"
      R"({"labourer_id": "word_count", "payload": {"x": 1}})");
  QueueFiles files(options());
  const auto file = waiting(files).at(0);
  const auto content = files.read(file, {});
  ASSERT_TRUE(content) << content.error().text();
  EXPECT_THAT(content->refused, IsEmpty());
  const auto& jobs = content->jobs;
  ASSERT_THAT(jobs, SizeIs(3));
  EXPECT_EQ(jobs[0].labourer_id, "word_count");
  EXPECT_THAT(
      payloads(jobs[0]),
      ElementsAre(R"({"period": "last_2_days", "isolate_words": true, "words": ["b", "a"]})",
                  R"({"n": 18446744073709551615, "f": 0.1, "t": "\u00e9"})"));
  EXPECT_EQ(jobs[1].labourer_id, "other");
  EXPECT_THAT(payloads(jobs[1]), ElementsAre("{}"));
  EXPECT_THAT(payloads(jobs[2]), ElementsAre(R"({"payload": {"x": 1}})"));
  const auto begin =
      fmt::format("s3://b/sosw/scheduler/{}#{}#{}#", kName, file.etag, "2026-11-18T11:00:00.000Z");
  EXPECT_EQ(jobs[0].key, begin + "0");
  EXPECT_EQ(jobs[1].key, begin + "3");
  EXPECT_EQ(jobs[2].key, begin + "4");
}

TEST_F(PlayedS3, a_large_file_becomes_jobs_that_a_table_can_keep) {
  std::string body;
  for (int i = 0; i < 2'500; ++i) body += fmt::format("{{\"labourer_id\": \"w\", \"n\": {}}}\n", i);
  const std::string long_text(100'000, 'x');
  for (int i = 0; i < 5; ++i)
    body +=
        fmt::format("{{\"labourer_id\": \"w\", \"n\": {}, \"t\": \"{}\"}}\n", 2'500 + i, long_text);
  put(kName, body);
  QueueFiles files(options());
  const auto content = files.read(waiting(files).at(0), {});
  ASSERT_TRUE(content) << content.error().text();
  std::vector<std::int64_t> sizes;
  std::int64_t n = 0;
  for (const auto& job : content->jobs) {
    sizes.push_back(job.rows);
    EXPECT_LE(json_text(job.description).size(), 310'000U);
    EXPECT_THAT(job.key, ::testing::EndsWith(fmt::format("#{}", n)));
    for (const auto& payload : payloads(job))
      EXPECT_EQ(parse_json(payload)->at("n").as_int64(), n++);
  }
  EXPECT_EQ(n, 2'505);
  EXPECT_THAT(sizes, ElementsAre(1'000, 1'000, 502, 2, 1));
}

TEST_F(PlayedS3, lines_that_are_no_task_are_kept_beside_for_a_person) {
  const std::string refused =
      "not json\n[1]\n{\"words\": []}\n{\"labourer_id\": 5}\n"
      "{\"labourer_id\": \"\"}\n";
  put(kName, "{\"labourer_id\": \"w\"}\n" + refused + "{\"labourer_id\": \"w\"}\n");
  QueueFiles files(options());
  const auto file = waiting(files).at(0);
  const auto content = files.read(file, {});
  ASSERT_TRUE(content);
  ASSERT_THAT(content->jobs, SizeIs(1));
  EXPECT_EQ(content->jobs[0].rows, 2);
  EXPECT_THAT(content->refused, SizeIs(5));
  ASSERT_TRUE(files.finish(file, content->refused));
  std::string etag = file.etag;
  std::erase(etag, '"');
  EXPECT_EQ(bodies(), (std::map<std::string, std::string>{
                          {"sosw/scheduler/refused_" + etag + "_tasks_queue_r-1.txt", refused}}));
  EXPECT_THAT(waiting(files), IsEmpty());
}

// D-02: another file may have the name of one that is done.
TEST_F(PlayedS3, what_was_refused_of_one_file_is_not_written_over_by_another) {
  QueueFiles files(options());
  for (const auto* line : {"one\n", "two\n"}) {
    put(kName, line);
    const auto file = waiting(files).at(0);
    ASSERT_TRUE(files.finish(file, files.read(file, {})->refused));
  }
  std::vector<std::string> kept;
  for (const auto& [key, body] : bodies()) kept.push_back(body);
  EXPECT_THAT(kept, ::testing::UnorderedElementsAre("one\n", "two\n"));
}

TEST_F(PlayedS3, a_file_is_read_in_pieces_and_makes_the_same_jobs) {
  std::string body = "\n";
  for (int i = 0; i < 3'000; ++i) {
    body += fmt::format("{{\"labourer_id\": \"{}\", \"n\": {}}}\n", i % 700 < 400 ? "a" : "b", i);
    if (i % 90 == 0) body += i % 180 == 0 ? "\r\n" : fmt::format("no task {}\n", i);
  }
  body += std::string(20'000, 'x') + "\n{\"labourer_id\": \"a\"}";  // longer than a piece
  put(kName, body);
  const auto all = [&](std::int64_t piece) {
    auto with = options();
    with.piece = piece;
    QueueFiles files(with);
    const auto file = waiting(files).at(0);
    std::vector<std::string> told;  // each job, each line that is none
    std::vector<std::string> refused;
    for (QueueFiles::Place at; at.byte < file.size;) {
      const auto content = files.read(file, at);
      EXPECT_TRUE(content) << content.error().text();
      if (!content) break;
      for (const auto& job : content->jobs)
        told.push_back(job.key + job.labourer_id + json_text(job.description));
      refused.insert(refused.end(), content->refused.begin(), content->refused.end());
      EXPECT_GT(content->next.byte, at.byte);
      at = content->next;
    }
    told.insert(told.end(), refused.begin(), refused.end());
    return told;
  };
  const auto at_once = all(std::ssize(body));
  EXPECT_THAT(at_once, SizeIs(::testing::Gt(25U)));
  EXPECT_EQ(longest_, body.size());
  for (const std::int64_t piece : {1, 4'321, 12'000}) {
    longest_ = 0;
    EXPECT_EQ(all(piece), at_once) << piece;
    EXPECT_LT(longest_, body.size() / 2) << piece;
  }
}

TEST_F(PlayedS3, a_file_that_changes_between_two_pieces_is_looked_at_anew) {
  std::string body;
  for (int i = 0; i < 1'500; ++i) body += "{\"labourer_id\": \"a\"}\n";
  put(kName, body);
  auto with = options();
  with.piece = std::ssize(body) - 1;
  QueueFiles files(with);
  const auto file = waiting(files).at(0);
  const auto content = files.read(file, {});
  ASSERT_TRUE(content) << content.error().text();
  ASSERT_THAT(content->jobs, SizeIs(1));
  // A store that gives the whole object whatever it is asked for.
  on_call_ = [&](const HttpRequest&) {
    return HttpReply{.headers = {{"ETag", file.etag}}, .body = body};
  };
  const auto whole = files.read(file, content->next);
  ASSERT_FALSE(whole);
  EXPECT_THAT(whole.error().text(), HasSubstr("Range"));
  on_call_ = {};
  put(kName, "{}\n");
  EXPECT_EQ(files.read(file, content->next).error().code, Code::conflict);
}

TEST_F(PlayedS3, an_empty_file_is_removed) {
  put(kName, "");
  QueueFiles files(options());
  const auto file = waiting(files).at(0);
  EXPECT_EQ(file.size, 0);
  EXPECT_TRUE(files.finish(file, {}));
  EXPECT_THAT(bodies(), IsEmpty());
}

TEST_F(PlayedS3, what_changes_meanwhile_is_not_lost) {
  put(kName, "{\"labourer_id\": \"w\", \"n\": 1}\n");
  QueueFiles files(options());
  const auto file = waiting(files).at(0);
  // D-02: another Scheduler leaves its rest under the same name.
  put(kName, "{\"labourer_id\": \"w\", \"n\": 2}\n");
  EXPECT_EQ(files.read(file, {}).error().code, Code::conflict);
  const auto gone_on = files.finish(file, {});
  ASSERT_FALSE(gone_on);
  EXPECT_EQ(gone_on.error().code, Code::conflict);
  EXPECT_THAT(bodies(), ElementsAre(Key(std::string("sosw/scheduler/") + kName)));

  const auto again = waiting(files).at(0);
  EXPECT_NE(files.read(again, {})->jobs.at(0).key, "");
  // Between the look and the removal.
  on_call_ = [&](const HttpRequest& request) -> std::optional<HttpReply> {
    if (request.method != "DELETE") return std::nullopt;
    EXPECT_EQ(request.headers.at("if-match"), again.etag);
    return HttpReply{.status = 412, .body = "<Error><Code>PreconditionFailed</Code></Error>"};
  };
  EXPECT_EQ(files.finish(again, {}).error().code, Code::conflict);
}

TEST_F(PlayedS3, a_scheduler_of_the_original_that_takes_the_file_is_told_of) {
  put(kName, "{\"labourer_id\": \"w\"}\n");
  QueueFiles files(options());
  const auto file = waiting(files).at(0);
  on_call_ = [](const HttpRequest& request) -> std::optional<HttpReply> {
    if (request.target.starts_with("/b?")) return std::nullopt;
    return HttpReply{
        .status = 404,
        .body = request.method == "HEAD" ? "" : "<Error><Code>NoSuchKey</Code></Error>"};
  };
  // The bucket itself is there, which a HEAD does not tell from the object.
  const auto content = files.read(file, {});
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().code, Code::conflict);
}

TEST_F(PlayedS3, the_same_rows_at_another_time_are_other_jobs) {
  put(kName, "{\"labourer_id\": \"w\"}\n", "2026-11-18T11:00:00.000Z");
  QueueFiles files(options());
  const auto first = files.read(waiting(files).at(0), {})->jobs.at(0).key;
  EXPECT_EQ(files.read(waiting(files).at(0), {})->jobs.at(0).key, first);
  put(kName, "{\"labourer_id\": \"w\"}\n", "2026-11-18T11:06:00.000Z");
  EXPECT_NE(files.read(waiting(files).at(0), {})->jobs.at(0).key, first);
}

TEST_F(PlayedS3, what_s3_refuses_says_what_is_missing) {
  on_call_ = [](const HttpRequest&) {
    return HttpReply{.status = 403, .body = "<Error><Code>AccessDenied</Code></Error>"};
  };
  QueueFiles files(options());
  const auto denied = files.waiting(kNow);
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code, Code::denied);
  EXPECT_THAT(denied.error().text(), HasSubstr("s3:ListBucket of the bucket 'b'"));
  EXPECT_EQ(files.rows(kName).error().code, Code::denied);
  EXPECT_EQ(files.finish({.name = kName, .etag = "x"}, {}).error().code, Code::denied);
  on_call_ = [](const HttpRequest&) { return HttpReply{.status = 503}; };
  EXPECT_EQ(files.waiting(kNow).error().code, Code::unavailable);
  EXPECT_EQ(files.read({.name = kName, .size = 5}, {}).error().code, Code::unavailable);
}

// A run that ends anywhere is made good by the next one.
TEST_F(PlayedS3, taking_over_twice_makes_nothing_twice) {
  std::string body;
  for (int i = 0; i < 1'500; ++i) body += fmt::format("{{\"labourer_id\": \"w\", \"n\": {}}}\n", i);
  put(kName, body);
  simulation::ModelTables tables(simulation::sosw_tables(), [] { return kNow; });
  TableStore store(tables, {.holder = "h", .nonce = "n", .labourers = {"w"}});
  QueueFiles files(options());
  const auto take_over = [&](std::size_t at_most) {
    for (const auto& file : waiting(files)) {
      const auto content = files.read(file, {});
      ASSERT_TRUE(content);
      for (std::size_t i = 0; i < std::min(at_most, content->jobs.size()); ++i) {
        const auto accepted = store.accept(content->jobs[i], 100, kNow);
        ASSERT_TRUE(accepted) << accepted.error().text();
      }
      if (at_most >= content->jobs.size()) {
        ASSERT_TRUE(files.finish(file, content->refused));
      }
    }
  };
  ASSERT_NO_FATAL_FAILURE(take_over(1));
  ASSERT_NO_FATAL_FAILURE(take_over(2));
  EXPECT_THAT(bodies(), IsEmpty());
  ASSERT_NO_FATAL_FAILURE(take_over(2));
  for (bool more = true; more;) {
    const auto made = store.make_rows("w", 1'000'000, 1'000, kNow);
    ASSERT_TRUE(made) << made.error().text();
    more = made->more;
  }
  engine::TaskQuery query;
  query.labourer_id = "w";
  query.state = State::queued;
  query.limit = 10'000;
  const auto tasks = store.tasks(query);
  ASSERT_TRUE(tasks) << tasks.error().text();
  ASSERT_THAT(*tasks, SizeIs(1'500));
  for (std::size_t i = 0; i < tasks->size(); ++i)
    EXPECT_EQ((*tasks)[i].payload, fmt::format("{{\"n\": {}}}", i));
}

}  // namespace
}  // namespace sosw::cloud
