// SPDX-License-Identifier: MIT
#include "cloud/audit_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "cloud/table_rows.h"
#include "simulation/model_tables.h"
#include "simulation/python_essentials.h"

namespace sosw::cloud {
namespace {

using engine::AuditEvent;

class AuditLogOnTables : public ::testing::Test {
 protected:
  std::vector<Item> rows() {
    std::vector<Item> all;
    tables_.for_each("sosw_tasks_meta", [&](const Item& item) { all.push_back(item); });
    return all;
  }
  Time now_ = from_epoch(1'795'000'000.25);
  std::function<std::uint32_t(std::uint32_t, const char*)> decide_;
  simulation::ModelTables tables_{
      simulation::sosw_tables(), [this] { return now_; },
      [this](std::uint32_t bound, const char* what) { return decide_ ? decide_(bound, what) : 0; }};
  AuditLog log_{tables_, {.author = "sosw_python"}};
};

TEST_F(AuditLogOnTables, writes_the_rows_of_the_original) {
  simulation::ModelTables others{simulation::sosw_tables(), [this] { return now_; }};
  simulation::PythonEssentials python(others, [this] { return now_; }, {});
  log_.invoked("request", "stream");

  ASSERT_TRUE(python.audit_created("worker", "t1"));
  log_.append(std::vector<AuditEvent>{{"t1", "created", "worker", now_}});
  ASSERT_TRUE(python.create_task("worker", "t2", "{}"));
  ASSERT_TRUE(python.mark_task_as_completed("t2"));
  log_.append(std::vector<AuditEvent>{{"t2", "marked_as_completed", {}, now_}});
  ASSERT_TRUE(python.create_task("worker", "t3", "{}"));
  Labourer worker;
  worker.id = "worker";
  now_ = after(now_, 1);
  ASSERT_TRUE(python.orchestrate({&worker, 1},
                                 [](const auto&, const auto&) -> Result<void> { return {}; }));
  log_.append(std::vector<AuditEvent>{{"t2", "invoked", "worker", now_},
                                      {"t3", "invoked", "worker", now_}});

  std::vector<Item> theirs;
  others.for_each("sosw_tasks_meta", [&](const Item& item) { theirs.push_back(item); });
  const auto ours = rows();
  ASSERT_GE(theirs.size(), 3U);
  // Each of theirs is one of ours, but for the microseconds that keep ours apart.
  const auto time = [](const Item& row) {
    return std::string(row.at("created_at").at("N").as_string());
  };
  for (Item row : theirs) {
    const auto same = [&](Item other) {
      if (!time(other).starts_with(time(row))) return false;
      other["created_at"] = row["created_at"];
      return other == row;
    };
    EXPECT_TRUE(std::any_of(ours.begin(), ours.end(), same)) << json::serialize(row);
  }
}

TEST_F(AuditLogOnTables, keeps_rows_with_equal_times_apart_and_does_not_stay_ahead_of_the_clock) {
  std::vector<AuditEvent> events(60, {"t", "invoked", "worker", now_});
  log_.append(events);
  EXPECT_EQ(rows().size(), 60U);
  log_.append({events.data(), 1});
  EXPECT_EQ(rows().size(), 61U);
  AuditEvent earlier = events.front();
  earlier.task_id = "u";
  earlier.at = after(now_, -1000);
  log_.append({&earlier, 1});
  EXPECT_TRUE(tables_.peek("sosw_tasks_meta",
                           {{"task_id", text("u")}, {"created_at", seconds(earlier.at)}}));
}

TEST_F(AuditLogOnTables, gives_up_what_the_tables_do_not_take) {
  int asked = 0;
  decide_ = [&](std::uint32_t, std::string_view what) -> std::uint32_t {
    return what == "fault of an append" && ++asked == 2 ? 1 : 0;
  };
  const std::vector<AuditEvent> events(250, {"t", "invoked", "worker", now_});
  log_.append(events);
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(rows().size(), 100U);
  log_.append({events.data(), 1});
  EXPECT_EQ(rows().size(), 101U);
}

// The rest of a run is worth more than its audit rows.
TEST_F(AuditLogOnTables, does_not_wait_for_a_table_that_is_too_slow) {
  struct Shown final : engine::Clock {
    explicit Shown(const Time& time) : shown(time) {}
    const Time& shown;
    Time now() const override { return shown; }
  } const clock(now_);
  std::vector<std::string> warned;
  AuditLog log(tables_, {.author = "f",
                         .warn = [&](const std::string& line) { warned.push_back(line); },
                         .clock = &clock,
                         .patience_s = 5});
  double takes = 0.5;
  decide_ = [&](std::uint32_t, std::string_view what) -> std::uint32_t {
    if (what == "fault of an append") now_ = after(now_, takes);
    return 0;
  };
  const std::vector<AuditEvent> events(1'000, {"t", "archived", "worker", now_});
  log.append(events);  // 10 requests of half a second are as many as they are
  EXPECT_EQ(rows().size(), 1'000U);
  takes = 3;
  log.append(events);
  EXPECT_EQ(rows().size(), 1'200U);
  log.append(events);
  EXPECT_EQ(rows().size(), 1'200U);
  ASSERT_EQ(warned.size(), 1U);
  EXPECT_NE(warned[0].find("too slow"), std::string::npos);
  log.invoked("next", "stream");
  log.append({events.data(), 1});
  EXPECT_EQ(rows().size(), 1'201U);
}

}  // namespace
}  // namespace sosw::cloud
