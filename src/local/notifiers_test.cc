// SPDX-License-Identifier: MIT
#include "local/notifiers.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <mutex>
#include <sstream>

#include "core/json_text.h"
#include "local/file.h"
#include "local/rules.h"
#include "support/http_server.h"

namespace sosw::local {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

engine::Alarm alarm(std::int64_t number) {
  engine::Alarm alarm;
  alarm.number = number;
  alarm.labourer_id = "word_count";
  alarm.task_id = fmt::format("task{}", number);
  alarm.message = fmt::format("task {} is dead", number);
  alarm.at = *utc_time("2026-11-24T08:00:00Z");
  return alarm;
}

class Notifiers : public ::testing::Test {
 protected:
  Notifiers() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sosw-notify-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~Notifiers() override { std::filesystem::remove_all(folder_); }

  json::value got(const std::string& name) const {
    const auto text = read_file(folder_ / name);
    EXPECT_TRUE(text) << (text ? "" : text.error().text());
    return text ? parse_json(*text).value() : json::value();
  }
  std::filesystem::path folder_;
};

TEST_F(Notifiers, give_a_command_one_message_with_all_alarms) {
  AlarmTargets targets;
  targets.log = false;
  targets.command = {"sh", "-c", "cat > got.json"};
  const auto notifier = make_notifier(targets, folder_);
  const auto sent = notifier->notify(std::vector{alarm(1), alarm(2)});
  ASSERT_TRUE(sent) << sent.error().text();
  EXPECT_EQ(got("got.json"),
            json::value({{"text", "sosw: 2 alarms\ntask 1 is dead\ntask 2 is dead"},
                         {"alarms",
                          {{{"number", 1},
                            {"kind", "dead_task"},
                            {"labourer_id", "word_count"},
                            {"task_id", "task1"},
                            {"message", "task 1 is dead"},
                            {"at", "2026-11-24T08:00:00Z"}},
                           {{"number", 2},
                            {"kind", "dead_task"},
                            {"labourer_id", "word_count"},
                            {"task_id", "task2"},
                            {"message", "task 2 is dead"},
                            {"at", "2026-11-24T08:00:00Z"}}}}}));
}

TEST_F(Notifiers, name_what_failed_and_send_again_only_what_is_missing) {
  std::mutex mutex;
  std::vector<sosw::testing::HttpRequest> requests;
  std::atomic<int> status = 500;
  sosw::testing::HttpServer server([&](const sosw::testing::HttpRequest& request) {
    const std::scoped_lock lock(mutex);
    requests.push_back(request);
    return sosw::testing::HttpReply{.status = status};
  });
  AlarmTargets targets;
  targets.log = false;
  targets.command = {"sh", "-c", "echo x >> calls; cat > got.json"};
  targets.webhook = server.url() + "/hook";
  const auto notifier = make_notifier(targets, folder_);

  const auto failed = notifier->notify(std::vector{alarm(1)});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::unavailable);
  EXPECT_THAT(failed.error().message,
              AllOf(HasSubstr("webhook"), HasSubstr("answered 500"), Not(HasSubstr("command"))));

  status = 204;
  const auto sent = notifier->notify(std::vector{alarm(1), alarm(2)});
  ASSERT_TRUE(sent) << sent.error().text();
  ASSERT_EQ(requests.size(), 2);
  EXPECT_EQ(requests[1].method, "POST");
  EXPECT_EQ(requests[1].target, "/hook");
  EXPECT_EQ(requests[1].headers.at("content-type"), "application/json");
  EXPECT_THAT(requests[1].body, HasSubstr("\"text\": \"sosw: 2 alarms"));
  EXPECT_EQ(read_file(folder_ / "calls").value(), "x\nx\n");
  EXPECT_EQ(got("got.json").at("alarms").as_array().size(), 1)
      << "the command had the first one already";
  ASSERT_TRUE(notifier->notify(std::vector{alarm(1), alarm(2)}));
  EXPECT_EQ(requests.size(), 2);
}

TEST_F(Notifiers, deliver_what_is_in_no_store_once_too) {
  AlarmTargets targets;
  targets.log = false;
  targets.command = {"sh", "-c", "echo x >> calls; cat > got.json"};
  const auto notifier = make_notifier(targets, folder_);
  ASSERT_TRUE(notifier->notify(std::vector{alarm(7)}));
  ASSERT_TRUE(notifier->notify(std::vector{alarm(-1)}));
  EXPECT_EQ(read_file(folder_ / "calls").value(), "x\nx\n");
  ASSERT_TRUE(notifier->notify(std::vector{alarm(-1), alarm(-2)}));
  EXPECT_EQ(got("got.json").at("alarms").as_array().size(), 1);
  ASSERT_TRUE(notifier->notify(std::vector{alarm(7), alarm(-1), alarm(-2)}));
  EXPECT_EQ(read_file(folder_ / "calls").value(), "x\nx\nx\n");
}

TEST_F(Notifiers, keep_the_alarms_when_a_command_fails_or_does_not_end) {
  AlarmTargets targets;
  targets.log = false;
  targets.command = {"sh", "-c", "echo no pager >&2; exit 1"};
  const auto failed = make_notifier(targets, folder_)->notify(std::vector{alarm(1)});
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, AllOf(HasSubstr("command"), HasSubstr("no pager")));
  targets.command = {"sleep", "1000"};
  targets.timeout = std::chrono::milliseconds{50};
  const auto late = make_notifier(targets, folder_)->notify(std::vector{alarm(1)});
  ASSERT_FALSE(late);
  EXPECT_THAT(late.error().message, HasSubstr("killed"));
}

TEST_F(Notifiers, write_alarms_to_the_log_and_of_many_the_number) {
  std::ostringstream log;
  const auto before = spdlog::default_logger();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
  const auto notifier = make_notifier({}, folder_);
  const auto sent = notifier->notify(std::vector{alarm(1), alarm(2)});
  std::vector<engine::Alarm> many;
  for (int n = 3; n <= 12; ++n) many.push_back(alarm(n));
  EXPECT_TRUE(notifier->notify(many));
  spdlog::set_default_logger(before);
  ASSERT_TRUE(sent) << sent.error().text();
  EXPECT_THAT(log.str(),
              AllOf(HasSubstr("dead_task: task 1 is dead (labourer word_count, task task1)"),
                    HasSubstr("task 2 is dead"), HasSubstr("task 7 is dead"),
                    HasSubstr("and 5 more alarms"), Not(HasSubstr("task 8 is dead"))));
}

}  // namespace
}  // namespace sosw::local
