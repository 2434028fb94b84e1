// SPDX-License-Identifier: MIT
// D-51: what an Essential may not do is told at its start.
#include "cloud/self_check.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <mutex>
#include <set>

#include "simulation/model_tables.h"

namespace sosw::cloud {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A role: what it does not permit is refused as DynamoDB refuses it.
class OfARole final : public Tables {
 public:
  using May = std::function<bool(std::string_view action, std::string_view table)>;
  OfARole(Tables& tables, May may) : tables_(tables), may_(std::move(may)) {}

  Result<Written> write(const Write& write) override {
    constexpr std::string_view kActions[] = {"PutItem", "UpdateItem", "DeleteItem"};
    const auto action = kActions[static_cast<std::size_t>(write.kind)];
    return may_(action, write.table) ? tables_.write(write) : denied(action, write.table);
  }
  Result<Written> transact(std::span<const Write>, std::string_view) override {
    return denied("a transaction", "a self-check");
  }
  Result<Page> query(const Query& query) override {
    if (!may_("Query", query.table)) return denied("Query", query.table);
    return tables_.query(query);
  }
  Result<std::vector<std::optional<Item>>> get(std::span<const Key> keys) override {
    for (const auto& key : keys)
      if (!may_("BatchGetItem", key.table)) return denied("BatchGetItem", key.table);
    return tables_.get(keys);
  }
  Result<void> append(std::string_view table, std::span<const Item>) override {
    return denied("BatchWriteItem", table);
  }

 private:
  static Error denied(std::string_view action, std::string_view table) {
    return {Code::denied, fmt::format("not authorized to perform {} on {}", action, table), {}, {}};
  }
  Tables& tables_;
  May may_;
};

class SelfCheck : public ::testing::Test {
 protected:
  SelfCheck() {
    tables_.watch([](std::string_view table, const Item*, const Item*) {
      ADD_FAILURE() << "an item of " << table << " was changed";
    });
  }
  std::vector<std::string> missing(Essential essential, OfARole::May may,
                                   std::string_view audit = "sosw_tasks_meta") {
    OfARole role(tables_, std::move(may));
    return self_check(role, essential, names_, audit);
  }

  static constexpr Essential kAll[] = {Essential::scheduler, Essential::orchestrator,
                                       Essential::scavenger, Essential::worker_assistant};
  simulation::ModelTables tables_{simulation::sosw_tables(), [] { return from_epoch(0); }};
  TableStore::Options names_;
};

TEST_F(SelfCheck, finds_nothing_missing_where_all_is_permitted_and_changes_nothing) {
  for (const Essential one : kAll)
    EXPECT_THAT(missing(one, [](auto, auto) { return true; }), IsEmpty()) << name_of(one);
}

// The statements in the original's templates.
TEST_F(SelfCheck, is_content_with_the_roles_of_the_original) {
  const auto on_tasks = [](auto, std::string_view table) { return table == "sosw_tasks"; };
  // All but what docs/from-sosw.md names.
  for (const Essential one : {Essential::scheduler, Essential::orchestrator})
    EXPECT_THAT(missing(one, on_tasks), ElementsAre(AllOf(HasSubstr("sosw_closed_tasks: PutItem"),
                                                          HasSubstr("waits until it expires"))));
  EXPECT_THAT(missing(Essential::scavenger,
                      [](auto, std::string_view table) { return table != "sosw_tasks_meta"; }),
              IsEmpty());
  EXPECT_THAT(missing(Essential::worker_assistant,
                      [](std::string_view action, std::string_view table) {
                        return table == "sosw_tasks" && action == "UpdateItem";
                      }),
              IsEmpty());
}

TEST_F(SelfCheck, names_what_the_role_may_not_do) {
  EXPECT_THAT(missing(Essential::scavenger,
                      [](std::string_view action, std::string_view table) {
                        return table != "sosw_closed_tasks" || action != "PutItem";
                      }),
              ElementsAre(AllOf(HasSubstr("sosw_closed_tasks: PutItem"),
                                HasSubstr("not authorized to perform PutItem"))));
  EXPECT_THAT(missing(Essential::orchestrator,
                      [](std::string_view action, auto) { return action != "Query"; }),
              ElementsAre(HasSubstr("sosw_tasks: Query of the index sosw_tasks_greenfield")));
  EXPECT_THAT(missing(Essential::worker_assistant, [](auto, auto) { return false; }),
              ElementsAre(HasSubstr("sosw_tasks: UpdateItem")));
}

// What docs/aws.md says the roles need of the tables of tasks; rights_test.cc holds it against what
// is asked. Left out: what only mends, and what only a watermark needs.
TEST_F(SelfCheck, tries_each_right) {
  const auto tried = [&](Essential one) {
    std::set<std::string> rights;
    std::mutex mutex;
    (void)missing(
        one,
        [&](std::string_view action, std::string_view table) {
          const std::lock_guard lock(mutex);
          return rights.insert(fmt::format("{} {}", action, table)).second || true;
        },
        "");
    return rights;
  };
  std::set<std::string> rights = {"PutItem sosw_tasks",    "UpdateItem sosw_tasks",
                                  "DeleteItem sosw_tasks", "BatchGetItem sosw_tasks",
                                  "Query sosw_tasks",      "PutItem sosw_closed_tasks"};
  EXPECT_EQ(tried(Essential::scheduler), rights);
  EXPECT_EQ(tried(Essential::orchestrator), rights);
  for (const auto* action : {"PutItem", "UpdateItem", "DeleteItem", "BatchGetItem", "Query"})
    rights.insert(fmt::format("{} sosw_retry_tasks", action));
  for (const auto* action : {"UpdateItem", "BatchGetItem"})
    rights.insert(fmt::format("{} sosw_closed_tasks", action));
  EXPECT_EQ(tried(Essential::scavenger), rights);
  EXPECT_EQ(tried(Essential::worker_assistant), std::set<std::string>{"UpdateItem sosw_tasks"});
}

TEST_F(SelfCheck, names_a_table_that_is_not_there) {
  const auto all = [](auto, auto) { return true; };
  EXPECT_THAT(missing(Essential::worker_assistant, all, "no_such_table"),
              ElementsAre(HasSubstr("no_such_table: the audit log is not written")));
  EXPECT_THAT(missing(Essential::worker_assistant, all, ""), IsEmpty());
  names_.retry = "no_retries";
  EXPECT_THAT(missing(Essential::scavenger, all, ""), testing::SizeIs(5));
}

}  // namespace
}  // namespace sosw::cloud
