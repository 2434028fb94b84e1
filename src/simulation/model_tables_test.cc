// SPDX-License-Identifier: MIT
// The tables in memory: what DynamoDB promises, what it refuses, and each fault it may have.
#include "simulation/model_tables.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>

#include "core/json_text.h"

namespace sosw::simulation {
namespace {

using cloud::Item;
using cloud::Key;
using cloud::Page;
using cloud::Query;
using cloud::Refusal;
using cloud::Write;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr std::size_t kKilobyte = 1024;

json::object object(std::string_view text) {
  auto value = parse_json(text);
  EXPECT_TRUE(value) << text;
  return value ? value->as_object() : json::object();
}

Item task(std::string_view id, std::int64_t greenfield, std::string_view labourer = "a") {
  return {{"task_id", {{"S", id}}},
          {"labourer_id", {{"S", labourer}}},
          {"greenfield", {{"N", std::to_string(greenfield)}}}};
}
Item key(std::string_view id) { return {{"task_id", {{"S", id}}}}; }

Write put(Item item, std::string table = "sosw_tasks") {
  return {.table = std::move(table), .item = std::move(item)};
}
Write put_new(Item item) {
  Write write = put(std::move(item));
  write.condition = "attribute_not_exists(task_id)";
  return write;
}
Write update(std::string_view id, std::string text, std::string_view values = "{}",
             std::string condition = {}) {
  return {.kind = Write::Kind::update,
          .table = "sosw_tasks",
          .item = key(id),
          .update = std::move(text),
          .condition = std::move(condition),
          .values = object(values)};
}
Write remove(std::string_view id, std::string condition = {}) {
  return {.kind = Write::Kind::remove,
          .table = "sosw_tasks",
          .item = key(id),
          .condition = std::move(condition)};
}
Query queue(std::string key_condition = "labourer_id = :l",
            std::string_view values = R"({":l": {"S": "a"}})") {
  return {.table = "sosw_tasks",
          .index = "sosw_tasks_greenfield",
          .key = std::move(key_condition),
          .values = object(values)};
}

std::vector<std::string> ids(const Result<Page>& page) {
  EXPECT_TRUE(page) << (page ? "" : page.error().text());
  std::vector<std::string> found;
  if (!page) return found;
  for (const auto& item : page->items) found.emplace_back(text_of(item.at("task_id")));
  return found;
}

class Tables : public ::testing::Test {
 protected:
  // Answers to the named choice, in order; all others are 0.
  void choose(const char* what, std::initializer_list<std::uint32_t> answers) {
    script_[what].assign(answers);
  }
  void pass(double seconds) { now_ = after(now_, seconds); }

  void make(Item item) {
    const auto done = tables_.write(put(std::move(item)));
    ASSERT_TRUE(done) << done.error().text();
    ASSERT_TRUE(done->done);
  }
  std::optional<Item> stored(std::string_view id) const {
    return tables_.peek("sosw_tasks", key(id));
  }
  std::string number(std::string_view id, std::string_view name) const {
    const auto item = stored(id);
    const auto* value = item ? item->if_contains(name) : nullptr;
    return value ? std::string(text_of(*value)) : "none";
  }
  void refuses(const Write& write, std::string_view says) {
    const auto done = tables_.write(write);
    ASSERT_FALSE(done) << says;
    EXPECT_EQ(done.error().code, Code::internal);
    EXPECT_THAT(done.error().message, HasSubstr(std::string(says)));
  }

  Time now_ = from_epoch(1'795'000'000);
  std::map<std::string, std::deque<std::uint32_t>> script_;
  ModelTables tables_{sosw_tables(), [this] { return now_; },
                      [this](std::uint32_t bound, const char* what) -> std::uint32_t {
                        auto& answers = script_[what];
                        if (answers.empty()) return 0;
                        const auto answer = answers.front();
                        answers.pop_front();
                        EXPECT_LT(answer, bound) << what;
                        return answer;
                      }};
};

// --- Writes

TEST_F(Tables, keep_items_and_numbers_in_normal_form) {
  make({{"task_id", {{"S", "t"}}}, {"created_at", {{"N", "01795000000.50"}}}});
  EXPECT_EQ(number("t", "created_at"), "1795000000.5");
}

TEST_F(Tables, a_condition_that_fails_shows_the_item) {
  make(task("t", 1000));
  const auto again = tables_.write(put_new(task("t", 2000)));
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->done);
  ASSERT_THAT(again->refused, SizeIs(1));
  EXPECT_EQ(again->refused[0].why, Refusal::condition);
  EXPECT_EQ(again->refused[0].found, task("t", 1000));
  EXPECT_EQ(number("t", "greenfield"), "1000");

  const auto gone = tables_.write(remove("nobody", "attribute_exists(task_id)"));
  ASSERT_TRUE(gone);
  ASSERT_THAT(gone->refused, SizeIs(1));
  EXPECT_EQ(gone->refused[0].why, Refusal::condition);
  EXPECT_EQ(gone->refused[0].found, std::nullopt);
}

TEST_F(Tables, an_update_makes_the_item_that_is_not_there) {
  const auto done = tables_.write(update("t", "SET n = :n", R"({":n": {"N": "1"}})"));
  ASSERT_TRUE(done);
  EXPECT_TRUE(done->done);
  EXPECT_EQ(stored("t"), object(R"({"task_id": {"S": "t"}, "n": {"N": "1"}})"));
}

TEST_F(Tables, a_failed_condition_comes_before_an_update_that_cannot_be) {
  make(task("t", 1000));
  const auto done = tables_.write(
      update("t", "SET n = n + :n", R"({":n": {"N": "1"}})", "attribute_not_exists(task_id)"));
  ASSERT_TRUE(done);
  EXPECT_EQ(done->refused[0].why, Refusal::condition);
}

TEST_F(Tables, a_write_that_was_made_tells_what_was_there_before) {
  const auto made = tables_.write(put(task("t", 2000)));
  ASSERT_TRUE(made && made->done);
  EXPECT_EQ(made->before, std::nullopt);
  const auto changed = tables_.write(update("t", "SET attempts = :n", R"({":n": {"N": "1"}})"));
  ASSERT_TRUE(changed && changed->done);
  EXPECT_EQ(changed->before, task("t", 2000));
  const auto removed = tables_.write(remove("t"));
  ASSERT_TRUE(removed && removed->done && removed->before);
  EXPECT_EQ(json::value(removed->before->at("attempts")), object(R"({"N": "1"})"));
}

TEST_F(Tables, a_projection_gives_only_what_it_names) {
  Item item = task("t", 2000);
  item["payload"] = {{"S", "{}"}};
  ASSERT_TRUE(tables_.write(put(item)));
  Query query = queue();
  query.projection = "#id, payload";
  query.names = {{"#id", "task_id"}};
  const auto page = tables_.query(query);
  ASSERT_TRUE(page) << page.error().text();
  EXPECT_THAT(page->items,
              ElementsAre(Item{{"task_id", {{"S", "t"}}}, {"payload", {{"S", "{}"}}}}));
  for (const auto& wrong : {"#other", "payload, payload", "state", ""}) {
    query.projection = wrong;
    EXPECT_FALSE(tables_.query(query)) << wrong;  // the last one: a name that is not used
  }
}

TEST_F(Tables, removing_nothing_is_no_error) {
  const auto done = tables_.write(remove("nobody"));
  ASSERT_TRUE(done);
  EXPECT_TRUE(done->done);
}

TEST_F(Tables, wrong_writes_are_refused) {
  refuses(put(task("t", 1), "no_table"), "Requested resource not found: Table: no_table");
  refuses(put({{"labourer_id", {{"S", "a"}}}}), "Missing the key task_id in the item");
  refuses(put({{"task_id", {{"N", "1"}}}}), "Type mismatch for key task_id expected: S actual: N");
  refuses(put(key("")), "cannot contain an empty string value. Key: task_id");
  refuses(put(key(std::string(2049, 'x'))), "maximum size limit of 2048 bytes");
  refuses(put({{"task_id", {{"S", "t"}}}, {"greenfield", {{"S", "1"}}}}),
          "Type mismatch for Index Key greenfield Expected: N Actual: S");
  refuses(put({{"task_id", {{"S", "t"}}}, {"labourer_id", {{"S", ""}}}}),
          "IndexName: sosw_tasks_greenfield, IndexKey: labourer_id");
  refuses(put({{"task_id", {{"S", "t"}}}, {"n", 5}}), "Supplied AttributeValue is empty");
  Write whole_item = remove("t");
  whole_item.item = task("t", 1);
  refuses(whole_item, "provided key element does not match the schema");
  whole_item.item = {{"labourer_id", {{"S", "t"}}}};
  refuses(whole_item, "provided key element does not match the schema");
  refuses(update("t", "SET task_id = :n", R"({":n": {"S": "u"}})"),
          "Cannot update attribute task_id");
  refuses(update("t", "REMOVE task_id"), "This attribute is part of the key");
  refuses(update("t", "SET labourer_id = :n", R"({":n": {"N": "1"}})"),
          "Type mismatch for Index Key labourer_id");
  refuses(update("t", "SET n = :n", R"({":n": {"N": "1"}, ":m": {"N": "1"}})"), "keys: {:m}");
  Write put_and_update = put(task("t", 1));
  put_and_update.update = "REMOVE n";
  refuses(put_and_update, "a Put takes no UpdateExpression");
  EXPECT_EQ(stored("t"), std::nullopt);
}

TEST_F(Tables, an_item_over_400_KB_is_refused) {
  Item large = task("t", 1);
  large["payload"] = {{"S", std::string(400 * kKilobyte, 'x')}};
  const auto done = tables_.write(put(large));
  ASSERT_TRUE(done);
  ASSERT_THAT(done->refused, SizeIs(1));
  EXPECT_EQ(done->refused[0].why, Refusal::too_large);
  EXPECT_EQ(stored("t"), std::nullopt);
}

// --- Transactions

TEST_F(Tables, a_transaction_is_all_or_nothing_and_tells_each_reason) {
  make(task("old", 1000));
  const std::vector<Write> writes = {put_new(task("new", 1)), put_new(task("old", 2)),
                                     remove("nobody", "attribute_exists(task_id)")};
  const auto done = tables_.transact(writes, "one");
  ASSERT_TRUE(done);
  EXPECT_FALSE(done->done);
  ASSERT_THAT(done->refused, SizeIs(3));
  EXPECT_EQ(done->refused[0].why, Refusal::none);
  EXPECT_EQ(done->refused[1].why, Refusal::condition);
  EXPECT_EQ(done->refused[1].found, task("old", 1000));
  EXPECT_EQ(done->refused[2].why, Refusal::condition);
  EXPECT_EQ(stored("new"), std::nullopt);
}

TEST_F(Tables, the_same_token_is_the_same_transaction_for_ten_minutes) {
  make(task("t", 1000));
  const auto add = update("t", "ADD n :n", R"({":n": {"N": "1"}})");
  for (int i = 0; i < 3; ++i) {
    const auto done = tables_.transact(std::span(&add, 1), "token");
    ASSERT_TRUE(done);
    EXPECT_TRUE(done->done);
    pass(299);
  }
  EXPECT_EQ(number("t", "n"), "1");
  const auto other = update("t", "ADD n :n", R"({":n": {"N": "2"}})");
  now_ = from_epoch(1'795'000'000);
  const auto mismatch = tables_.transact(std::span(&other, 1), "token");
  ASSERT_FALSE(mismatch);
  EXPECT_EQ(mismatch.error().code, Code::internal);
  EXPECT_THAT(mismatch.error().message, HasSubstr("IdempotentParameterMismatchException"));
  pass(600);
  ASSERT_TRUE(tables_.transact(std::span(&add, 1), "token"));
  EXPECT_EQ(number("t", "n"), "2");
}

TEST_F(Tables, a_cancelled_transaction_leaves_its_token_unused) {
  const auto first = put_new(task("t", 1000));
  make(task("t", 1));
  EXPECT_FALSE(tables_.transact(std::span(&first, 1), "token")->done);
  ASSERT_TRUE(tables_.write(remove("t")));
  EXPECT_TRUE(tables_.transact(std::span(&first, 1), "token")->done);
  EXPECT_EQ(number("t", "greenfield"), "1000");
}

TEST_F(Tables, wrong_transactions_are_refused) {
  const auto says = [&](const std::vector<Write>& writes, std::string_view token = "token") {
    const auto done = tables_.transact(writes, token);
    EXPECT_FALSE(done);
    return done ? "" : done.error().message;
  };
  EXPECT_THAT(says({}), HasSubstr("between 1 and 100, it has 0"));
  std::vector<Write> many;
  for (int i = 0; i <= 100; ++i) many.push_back(put(task(std::to_string(i), i)));
  EXPECT_THAT(says(many), HasSubstr("between 1 and 100, it has 101"));
  EXPECT_THAT(says({put(task("t", 1)), remove("t")}),
              HasSubstr("cannot include multiple operations on one item: t in sosw_tasks"));
  EXPECT_THAT(says({put(task("t", 1)), update("u", "SET n = m")}),
              HasSubstr("an attribute that does not exist"));
  EXPECT_THAT(says({put(task("t", 1)), update("u", "SET n = ")}),
              HasSubstr("(write 1 of 2, Update"));
  EXPECT_THAT(says({put(task("t", 1))}, std::string(37, 'x')), HasSubstr("equal to 36"));
  std::vector<Write> large;
  for (int i = 0; i < 11; ++i) {
    Item item = task(std::to_string(i), i);
    item["payload"] = {{"S", std::string(390 * kKilobyte, 'x')}};
    large.push_back(put(item));
  }
  EXPECT_THAT(says(large), HasSubstr("cannot be larger than 4194304 bytes"));
  large.pop_back();
  EXPECT_TRUE(tables_.transact(large, "token")->done);
  EXPECT_EQ(stored("t"), std::nullopt);
}

TEST_F(Tables, one_transaction_spans_tables) {
  make(task("t", 1000));
  const Item retry = {{"labourer_id", {{"S", "a"}}},
                      {"task_id", {{"S", "t"}}},
                      {"desired_launch_time", {{"N", "5"}}}};
  const std::vector<Write> move = {remove("t", "attribute_exists(task_id)"),
                                   put(retry, "sosw_retry_tasks")};
  ASSERT_TRUE(tables_.transact(move, "move")->done);
  EXPECT_EQ(stored("t"), std::nullopt);
  EXPECT_EQ(tables_.peek("sosw_retry_tasks", retry), retry);
}

// --- Reads

TEST_F(Tables, an_index_has_its_rows_in_order) {
  for (const auto greenfield : {2000, -1, 10, 9, 31557600})
    make(task(std::to_string(greenfield), greenfield));
  make(task("other", 5, "b"));
  make(key("no labourer"));
  EXPECT_THAT(ids(tables_.query(queue())), ElementsAre("-1", "9", "10", "2000", "31557600"));
  Query backwards = queue();
  backwards.forward = false;
  EXPECT_THAT(ids(tables_.query(backwards)), ElementsAre("31557600", "2000", "10", "9", "-1"));
}

TEST_F(Tables, key_conditions_choose_a_range) {
  for (int i = 1; i <= 5; ++i) make(task(std::to_string(i), i));
  const auto range = [&](const char* condition, std::string_view more) {
    return ids(
        tables_.query(queue(std::string("labourer_id = :l AND greenfield ") + condition,
                            std::string(R"({":l": {"S": "a"}, )") + std::string(more) + "}")));
  };
  EXPECT_THAT(range("< :g", R"(":g": {"N": "3"})"), ElementsAre("1", "2"));
  EXPECT_THAT(range("<= :g", R"(":g": {"N": "3"})"), ElementsAre("1", "2", "3"));
  EXPECT_THAT(range("= :g", R"(":g": {"N": "3.0"})"), ElementsAre("3"));
  EXPECT_THAT(range("> :g", R"(":g": {"N": "3"})"), ElementsAre("4", "5"));
  EXPECT_THAT(range(">= :g", R"(":g": {"N": "3"})"), ElementsAre("3", "4", "5"));
  EXPECT_THAT(range(">= :g", R"(":g": {"N": "2.5"})"), ElementsAre("3", "4", "5"));
  EXPECT_THAT(range("BETWEEN :g AND :h", R"(":g": {"N": "2"}, ":h": {"N": "4"})"),
              ElementsAre("2", "3", "4"));
}

TEST_F(Tables, pages_end_at_the_limit_before_the_filter) {
  for (int i = 1; i <= 5; ++i) {
    Item item = task(std::to_string(i), i);
    if (i % 2 == 0) item["completed_at"] = {{"N", "1"}};
    make(item);
  }
  for (const bool forward : {true, false}) {
    Query query = queue();
    query.filter = "attribute_not_exists(completed_at)";
    query.limit = 2;
    query.forward = forward;
    std::vector<std::vector<std::string>> pages;
    do {
      const auto page = tables_.query(query);
      pages.push_back(ids(page));
      EXPECT_EQ(page->count, pages.back().size());
      query.after = page->last;
    } while (query.after);
    using P = std::vector<std::string>;
    if (forward)
      EXPECT_THAT(pages, ElementsAre(P{"1"}, P{"3"}, P{"5"}));
    else
      EXPECT_THAT(pages, ElementsAre(P{"5"}, P{"3"}, P{"1"}));
  }
}

TEST_F(Tables, a_page_that_is_just_full_promises_more) {
  make(task("1", 1));
  Query query = queue();
  query.limit = 1;
  auto page = tables_.query(query);
  EXPECT_THAT(ids(page), ElementsAre("1"));
  ASSERT_TRUE(page->last);
  EXPECT_EQ(*page->last, task("1", 1));
  query.after = page->last;
  page = tables_.query(query);
  EXPECT_THAT(ids(page), IsEmpty());
  EXPECT_FALSE(page->last);
}

TEST_F(Tables, a_page_has_one_megabyte) {
  for (int i = 1; i <= 4; ++i) {
    Item item = task(std::to_string(i), i);
    item["payload"] = {{"S", std::string(390 * kKilobyte, 'x')}};
    make(item);
  }
  const auto page = tables_.query(queue());
  EXPECT_THAT(ids(page), ElementsAre("1", "2", "3"));
  EXPECT_TRUE(page->last);
}

TEST_F(Tables, counts_carry_no_items) {
  for (int i = 1; i <= 3; ++i) make(task(std::to_string(i), i));
  Query query = queue();
  query.count = true;
  const auto page = tables_.query(query);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->count, 3);
  EXPECT_THAT(page->items, IsEmpty());
}

TEST_F(Tables, an_index_with_a_projection_gives_only_that) {
  const auto row = object(R"({"task_id": {"S": "t"}, "labourer_id_task_status": {"S": "a_1"},
      "closed_at": {"N": "5"}, "attempts": {"N": "1"}, "payload": {"S": "{}"}})");
  ASSERT_TRUE(tables_.write(put(row, "sosw_closed_tasks"))->done);
  Query query{.table = "sosw_closed_tasks",
              .index = "labourer_task_status_with_time",
              .key = "labourer_id_task_status = :l",
              .values = object(R"({":l": {"S": "a_1"}})")};
  const auto page = tables_.query(query);
  ASSERT_TRUE(page);
  Item projected = row;
  projected.erase("payload");
  EXPECT_THAT(page->items, ElementsAre(projected));
}

TEST_F(Tables, a_table_is_queried_by_its_own_keys) {
  for (const char* id : {"t1", "t2", "u1"}) {
    ASSERT_TRUE(tables_
                    .write(put({{"labourer_id", {{"S", "a"}}}, {"task_id", {{"S", id}}}},
                               "sosw_retry_tasks"))
                    ->done);
  }
  Query query{.table = "sosw_retry_tasks",
              .key = "task_id = :t AND labourer_id = :l",
              .values = object(R"({":l": {"S": "a"}, ":t": {"S": "t2"}})")};
  EXPECT_THAT(ids(tables_.query(query)), ElementsAre("t2"));
  query.key = "labourer_id = :l AND begins_with(task_id, :t)";
  query.values = object(R"({":l": {"S": "a"}, ":t": {"S": "t"}})");
  EXPECT_THAT(ids(tables_.query(query)), ElementsAre("t1", "t2"));
}

TEST_F(Tables, wrong_queries_are_refused) {
  const auto says = [&](const Query& query) {
    const auto page = tables_.query(query);
    EXPECT_FALSE(page);
    EXPECT_TRUE(page || page.error().code == Code::internal);
    return page ? "" : page.error().message;
  };
  Query query = queue();
  query.index = "nowhere";
  EXPECT_THAT(says(query), HasSubstr("does not have the specified index: nowhere"));
  query.table = "nowhere";
  EXPECT_THAT(says(query), HasSubstr("Table: nowhere not found"));
  EXPECT_THAT(says(queue("task_id = :l")), HasSubstr("missed key schema element: labourer_id"));
  EXPECT_THAT(says(queue("labourer_id = :l AND attempts = :l")),
              HasSubstr("missed key schema element: greenfield"));
  EXPECT_THAT(says(queue("labourer_id = :l AND greenfield > :l")),
              HasSubstr("parameter type does not match schema type"));
  query = queue();
  query.filter = "greenfield = :l";
  EXPECT_THAT(says(query), HasSubstr("Primary key attribute: greenfield"));
  query = queue();
  query.limit = -1;
  EXPECT_THAT(says(query), HasSubstr("greater than or equal to 1"));
  query = queue();
  query.after = key("t");
  EXPECT_THAT(says(query), HasSubstr("The provided starting key is invalid"));
  query.after = task("t", 1, "b");
  EXPECT_THAT(says(query), HasSubstr("The provided starting key is invalid"));
  query = {.table = "sosw_closed_tasks",
           .index = "labourer_task_status_with_time",
           .key = "labourer_id_task_status = :l",
           .filter = "payload = :l",
           .values = object(R"({":l": {"S": "a"}})")};
  EXPECT_THAT(says(query), HasSubstr("does not have the attribute payload"));
}

TEST_F(Tables, items_are_read_by_key_in_the_order_asked) {
  make(task("1", 1));
  make(task("2", 2));
  const std::vector<Key> keys = {
      {"sosw_tasks", key("2")}, {"sosw_tasks", key("0")}, {"sosw_tasks", key("1")}};
  const auto found = tables_.get(keys);
  ASSERT_TRUE(found);
  EXPECT_THAT(*found, ElementsAre(task("2", 2), std::nullopt, task("1", 1)));
}

TEST_F(Tables, wrong_gets_are_refused) {
  const auto says = [&](const std::vector<Key>& keys) {
    const auto found = tables_.get(keys);
    EXPECT_FALSE(found);
    return found ? "" : found.error().message;
  };
  EXPECT_THAT(says({}), HasSubstr("between 1 and 100"));
  EXPECT_THAT(says(std::vector<Key>(101, {"sosw_tasks", key("t")})), HasSubstr("101 were asked"));
  EXPECT_THAT(says({{"sosw_tasks", key("t")}, {"sosw_tasks", key("t")}}),
              HasSubstr("contains duplicates"));
  EXPECT_THAT(says({{"sosw_tasks", task("t", 1)}}), HasSubstr("does not match the schema"));
  EXPECT_THAT(says({{"nowhere", key("t")}}), HasSubstr("Table: nowhere not found"));
}

TEST_F(Tables, records_are_appended) {
  const auto record = object(R"({"task_id": {"S": "t"}, "created_at": {"N": "1.5"}})");
  ASSERT_TRUE(tables_.append("sosw_tasks_meta", std::span(&record, 1)));
  EXPECT_EQ(tables_.peek("sosw_tasks_meta", record), record);
  const std::vector<Item> many(101, record);
  const auto refused = tables_.append("sosw_tasks_meta", many);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::internal);
}

TEST_F(Tables, whoever_watches_sees_each_change) {
  std::vector<std::string> seen;
  tables_.watch([&](std::string_view table, const Item* before, const Item* after) {
    seen.push_back(fmt::format("{} {}{}", table, before ? "b" : "-", after ? "a" : "-"));
  });
  make(task("t", 1));
  make(task("t", 2));
  ASSERT_TRUE(tables_.write(remove("t")));
  ASSERT_TRUE(tables_.write(remove("t")));
  EXPECT_THAT(seen, ElementsAre("sosw_tasks -a", "sosw_tasks ba", "sosw_tasks b-"));
}

// --- Faults of writes

constexpr std::uint32_t kThrottled = 1, kConflict = 2, kLostBefore = 3, kLostAfter = 4,
                        kDelayed = 5, kRepeated = 6, kRepeatedLater = 7;
constexpr const char* kWriteFault = "fault of a write";
constexpr const char* kTransactionFault = "fault of a transaction";

TEST_F(Tables, a_throttled_or_conflicting_write_is_not_made) {
  choose(kWriteFault, {kThrottled, kConflict});
  EXPECT_EQ(tables_.write(put(task("t", 1)))->refused[0].why, Refusal::throttled);
  EXPECT_EQ(tables_.write(put(task("t", 1)))->refused[0].why, Refusal::conflict);
  EXPECT_EQ(stored("t"), std::nullopt);
  EXPECT_THAT(tables_.faults(), Contains(Pair("write: throttled", 1)));
  EXPECT_THAT(tables_.faults(), Contains(Pair("write: conflict", 1)));
}

TEST_F(Tables, part_of_a_transaction_is_throttled_or_in_conflict) {
  const std::vector<Write> writes = {put(task("1", 1)), put(task("2", 2)), put(task("3", 3))};
  choose(kTransactionFault, {kThrottled, kConflict});
  choose("first write that is throttled", {1});
  choose("write in conflict", {2});
  auto done = tables_.transact(writes, "token");
  ASSERT_THAT(done->refused, SizeIs(3));
  EXPECT_EQ(done->refused[0].why, Refusal::none);
  EXPECT_EQ(done->refused[1].why, Refusal::throttled);
  EXPECT_EQ(done->refused[2].why, Refusal::throttled);
  done = tables_.transact(writes, "token");
  ASSERT_THAT(done->refused, SizeIs(3));
  EXPECT_EQ(done->refused[1].why, Refusal::none);
  EXPECT_EQ(done->refused[2].why, Refusal::conflict);
  EXPECT_EQ(stored("1"), std::nullopt);
  EXPECT_TRUE(tables_.transact(writes, "token")->done);
}

TEST_F(Tables, a_conflict_of_one_write_does_not_hide_the_failed_condition_of_another) {
  make(task("old", 1));
  const std::vector<Write> writes = {put_new(task("old", 2)), put_new(task("1", 1)),
                                     put_new(task("2", 1))};
  choose(kTransactionFault, {kConflict, kThrottled});
  choose("write in conflict", {1});
  choose("first write that is throttled", {2});
  for (const auto& [at, why] :
       {std::pair(1, Refusal::conflict), std::pair(2, Refusal::throttled)}) {
    const auto done = tables_.transact(writes, "token");
    ASSERT_TRUE(done);
    EXPECT_FALSE(done->done);
    ASSERT_THAT(done->refused, SizeIs(3));
    EXPECT_EQ(done->refused[0].why, Refusal::condition);
    EXPECT_EQ(done->refused[0].found, task("old", 1));
    EXPECT_EQ(done->refused[static_cast<std::size_t>(at)].why, why);
    EXPECT_EQ(done->refused[static_cast<std::size_t>(3 - at)].why, Refusal::none);
  }
}

TEST_F(Tables, a_lost_answer_hides_whether_the_write_was_made) {
  choose(kWriteFault, {kLostBefore, kLostAfter});
  auto done = tables_.write(put(task("1", 1)));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::unavailable);
  done = tables_.write(put(task("2", 2)));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::unavailable);
  EXPECT_EQ(stored("1"), std::nullopt);
  EXPECT_NE(stored("2"), std::nullopt);
}

TEST_F(Tables, a_delayed_write_meets_what_is_there_when_it_arrives) {
  choose(kWriteFault, {kDelayed, kDelayed});
  choose("delay of a request", {1, 2});  // 1 s, 5 s
  EXPECT_FALSE(tables_.write(put_new(task("1", 1))));
  EXPECT_FALSE(tables_.write(put_new(task("2", 1))));
  EXPECT_EQ(stored("1"), std::nullopt);
  make(task("2", 2));
  pass(1);
  make(task("unrelated", 3));
  EXPECT_EQ(number("1", "greenfield"), "1");
  EXPECT_EQ(number("2", "greenfield"), "2");
  pass(10);
  make(task("unrelated", 3));
  EXPECT_EQ(number("2", "greenfield"), "2");  // its condition failed
}

TEST_F(Tables, settling_lets_delayed_requests_arrive) {
  choose(kWriteFault, {kDelayed});
  choose("delay of a request", {5});
  EXPECT_FALSE(tables_.write(put_new(task("1", 1))));
  tables_.settle();
  EXPECT_EQ(number("1", "greenfield"), "1");
}

TEST_F(Tables, a_write_that_the_transport_repeats_meets_itself) {
  choose(kWriteFault, {kRepeated});
  const auto done = tables_.write(put_new(task("t", 1)));
  ASSERT_TRUE(done);
  EXPECT_FALSE(done->done);  // the second one was refused, for the first was made
  EXPECT_EQ(done->refused[0].found, task("t", 1));
}

TEST_F(Tables, a_copy_of_a_write_may_arrive_long_after_the_answer) {
  make(task("t", 1));
  choose(kWriteFault, {kRepeatedLater});
  choose("delay of a request", {3});  // 30 s
  ASSERT_TRUE(tables_.write(update("t", "SET greenfield = :g", R"({":g": {"N": "7"}})"))->done);
  make(task("t", 8));
  pass(30);
  make(task("unrelated", 3));
  EXPECT_EQ(number("t", "greenfield"), "7");
}

TEST_F(Tables, a_token_stops_copies_of_a_transaction) {
  make(task("t", 1));
  const auto add = update("t", "ADD n :n", R"({":n": {"N": "1"}})");
  choose(kTransactionFault, {kRepeated, kLostAfter, kDelayed, kRepeatedLater});
  choose("delay of a request", {0, 0});
  ASSERT_TRUE(tables_.transact(std::span(&add, 1), "one")->done);
  EXPECT_EQ(number("t", "n"), "1");
  EXPECT_FALSE(tables_.transact(std::span(&add, 1), "two"));
  EXPECT_EQ(number("t", "n"), "2");
  EXPECT_FALSE(tables_.transact(std::span(&add, 1), "two"));
  ASSERT_TRUE(tables_.transact(std::span(&add, 1), "three")->done);
  tables_.settle();
  EXPECT_EQ(number("t", "n"), "3");
}

TEST_F(Tables, a_wrong_request_is_told_so_whatever_else_would_happen) {
  choose(kWriteFault, {kLostBefore});
  refuses(put({{"labourer_id", {{"S", "a"}}}}), "Missing the key");
}

TEST_F(Tables, appends_are_lost_and_done_in_part) {
  std::vector<Item> records;
  for (int i = 0; i < 4; ++i)
    records.push_back({{"task_id", {{"S", "t"}}}, {"created_at", {{"N", std::to_string(i)}}}});
  const auto count = [&] {
    int rows = 0;
    tables_.for_each("sosw_tasks_meta", [&](const Item&) { ++rows; });
    return rows;
  };
  choose("fault of an append", {1, 2, 3, 5, 4, 6, 7});
  choose("items that are appended", {2});
  EXPECT_FALSE(tables_.append("sosw_tasks_meta", records));
  EXPECT_EQ(count(), 0);
  EXPECT_FALSE(tables_.append("sosw_tasks_meta", records));
  EXPECT_EQ(count(), 2);
  EXPECT_FALSE(tables_.append("sosw_tasks_meta", records));
  EXPECT_EQ(count(), 2);
  EXPECT_FALSE(tables_.append("sosw_tasks_meta", records));
  EXPECT_EQ(count(), 2);
  tables_.settle();
  EXPECT_EQ(count(), 4);
  EXPECT_FALSE(tables_.append("sosw_tasks_meta", records));
  EXPECT_TRUE(tables_.append("sosw_tasks_meta", records));
  EXPECT_TRUE(tables_.append("sosw_tasks_meta", records));
  tables_.settle();
  EXPECT_EQ(count(), 4);
}

// --- Faults of reads

TEST_F(Tables, reads_are_throttled_and_lost) {
  choose("fault of a query", {1, 2});
  choose("fault of a get", {1, 2});
  const Key asked{"sosw_tasks", key("t")};
  for (int i = 0; i < 2; ++i) {
    const auto page = tables_.query(queue());
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error().code, Code::unavailable);
    const auto found = tables_.get(std::span(&asked, 1));
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, Code::unavailable);
  }
  for (const char* name : {"query: throttled", "query: lost", "get: throttled", "get: lost"})
    EXPECT_THAT(tables_.faults(), Contains(Pair(name, 1)));
}

TEST_F(Tables, an_index_shows_what_was_until_it_has_caught_up) {
  make(task("t", 1));
  pass(10);
  make(task("t", 2));
  make(task("new", 5));
  const auto seen = [&](std::initializer_list<std::uint32_t> ages) {
    choose("index is behind", {1});
    choose("age of an image", ages);
    std::vector<std::string> rows;
    const auto page = tables_.query(queue());
    for (const auto& item : page->items)
      rows.push_back(
          fmt::format("{} {}", text_of(item.at("task_id")), text_of(item.at("greenfield"))));
    return rows;
  };
  // In the order of the items' keys: new, t.
  EXPECT_THAT(seen({0, 0}), ElementsAre("t 2", "new 5"));
  EXPECT_THAT(seen({1, 0}), ElementsAre("t 2"));
  EXPECT_THAT(seen({0, 1}), ElementsAre("t 1", "new 5"));
  EXPECT_THAT(seen({0, 0}), ElementsAre("t 2", "new 5"));
  EXPECT_THAT(seen({1, 1}), ElementsAre("t 1"));  // an older answer after a newer one
  ASSERT_TRUE(tables_.write(remove("t")));
  EXPECT_THAT(seen({0, 1}), ElementsAre("t 2", "new 5"));
  EXPECT_THAT(seen({0, 2}), ElementsAre("t 1", "new 5"));
  // The table itself is never behind.
  const Key asked{"sosw_tasks", key("t")};
  EXPECT_THAT(*tables_.get(std::span(&asked, 1)), ElementsAre(std::nullopt));
  pass(5);
  EXPECT_THAT(seen({1, 1}), ElementsAre("new 5"));
  EXPECT_THAT(tables_.faults(), Contains(Pair("index: old image", 2)));
  EXPECT_THAT(tables_.faults(), Contains(Pair("index: row missing", 2)));
  EXPECT_THAT(tables_.faults(), Contains(Pair("index: row not gone", 2)));
}

TEST_F(Tables, pages_of_a_lagging_index_have_rows_twice_or_never) {
  for (int i = 1; i <= 3; ++i) make(task(std::to_string(i), i));
  pass(10);
  make(task("1", 9));
  const auto paged = [&](std::uint32_t first, std::uint32_t second) {
    Query query = queue();
    query.limit = 2;
    choose("index is behind", {1, 1});
    choose("age of an image", {first, second});
    auto page = tables_.query(query);
    auto rows = ids(page);
    query.after = page->last;
    for (const auto& id : ids(tables_.query(query))) rows.push_back(id);
    return rows;
  };
  EXPECT_THAT(paged(0, 0), ElementsAre("2", "3", "1"));
  EXPECT_THAT(paged(1, 0), ElementsAre("1", "2", "3", "1"));
  EXPECT_THAT(paged(0, 1), ElementsAre("2", "3"));
  Query backwards = queue();
  backwards.forward = false;
  choose("index is behind", {1});
  choose("age of an image", {1});
  EXPECT_THAT(ids(tables_.query(backwards)), ElementsAre("3", "2", "1"));
}

TEST_F(Tables, a_settled_index_has_caught_up) {
  make(task("t", 1));
  make(task("t", 2));
  tables_.settle();
  choose("index is behind", {1});
  choose("age of an image", {1});
  const auto page = tables_.query(queue());
  ASSERT_THAT(page->items, SizeIs(1));
  EXPECT_EQ(page->items[0], task("t", 2));
}

TEST_F(Tables, once_settled_every_index_has_what_its_table_has) {
  std::mt19937 random(7);  // NOLINT: the same run each time
  const ModelTables::Decide decide = [&random](std::uint32_t bound, const char*) {
    return random() % 3 == 0 ? static_cast<std::uint32_t>(random() % bound) : 0;
  };
  ModelTables tables(
      sosw_tables(), [this] { return now_; }, decide);
  for (int i = 0; i < 3000; ++i) {
    const std::string id = std::to_string(random() % 40);
    const auto greenfield = static_cast<std::int64_t>(random() % 50);
    pass(static_cast<double>(random() % 3));
    switch (random() % 4) {
      case 0:
        (void)tables.write(remove(id));
        break;
      case 1:
        (void)tables.write(update(id, "REMOVE labourer_id"));
        break;
      case 2:
        (void)tables.query(queue());
        break;
      default:
        (void)tables.write(put(task(id, greenfield, random() % 2 == 0 ? "a" : "b")));
    }
  }
  tables.settle();
  std::vector<std::pair<std::int64_t, std::string>> expected, found;
  tables.for_each("sosw_tasks", [&](const Item& item) {
    if (item.contains("labourer_id") && text_of(item.at("labourer_id")) == "a")
      expected.emplace_back(std::stoll(std::string(text_of(item.at("greenfield")))),
                            text_of(item.at("task_id")));
  });
  std::sort(expected.begin(), expected.end());
  ASSERT_GT(expected.size(), 5U);
  Query query = queue();
  query.limit = 3;
  do {
    auto page = tables.query(query);
    if (!page) continue;  // lost or throttled: ask again
    for (const auto& item : page->items)
      found.emplace_back(std::stoll(std::string(text_of(item.at("greenfield")))),
                         text_of(item.at("task_id")));
    query.after = page->last;
  } while (query.after || found.empty());
  EXPECT_EQ(found, expected);
  for (const auto& [name, count] : tables.faults()) {
    if (name.starts_with("write") || name.starts_with("index")) {
      EXPECT_GT(count, 0) << name;
    }
  }
}

TEST_F(Tables, every_fault_has_a_count_from_the_start) {
  const auto faults = tables_.faults();
  EXPECT_THAT(faults, SizeIs(7 + 7 + 7 + 4 + 3));
  for (const auto& [name, count] : faults) EXPECT_EQ(count, 0) << name;
}

}  // namespace
}  // namespace sosw::simulation
