// SPDX-License-Identifier: MIT
// What DynamoDB's refusals become, against a server that answers what it is told. That the requests
// mean what the store means is shown by moto (tests/aws).
#include "cloud/dynamodb_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <thread>

#include "support/http_server.h"

namespace sosw::cloud {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

json::object parsed(const std::string& text) { return json::parse(text).as_object(); }

// A server with a list of answers: the body of a 200, "400 {...}", "500", or "hang up".
class DynamoDbTablesTest : public ::testing::Test {
 protected:
  DynamoDbTablesTest() {
    DynamoDbTables::Options options;
    options.client = {.region = "eu-west-1",
                      .endpoint = server_.url(),
                      .credentials = aws::Credentials{"id", "secret", ""},
                      .longest_first_pause = std::chrono::milliseconds(1)};
    options.most_in_flight = 3;
    options.pause = [this](int round) { pauses_.push_back(round); };
    tables_ = std::make_unique<DynamoDbTables>(options);
  }

  void will_answer(std::initializer_list<const char*> answers) {
    answers_.assign(answers.begin(), answers.end());
  }
  // One refusal by this answer, and what it is taken for.
  std::optional<Refusal> refusal(const char* answer) {
    will_answer({answer, answer});
    const auto written = tables_->write(put_);
    if (!written || written->done || written->refused.size() != 1) return std::nullopt;
    return written->refused[0].why;
  }
  Code code_of(const char* answer) {
    will_answer({answer, answer, answer, answer});
    const auto written = tables_->write(put_);
    return written ? Code::corrupt : written.error().code;
  }
  json::object asked(std::size_t which) { return parsed(asked_.at(which).body); }
  std::string operation(std::size_t which) {
    const auto& target = asked_.at(which).headers.at("x-amz-target");
    return target.substr(target.find('.') + 1);
  }

  std::function<void()> before_answer_;
  std::mutex mutex_;
  std::deque<std::string> answers_;
  std::vector<testing::HttpRequest> asked_;
  std::vector<int> pauses_;
  testing::HttpServer server_{[this](const testing::HttpRequest& request) {
    if (before_answer_) before_answer_();
    const std::lock_guard lock(mutex_);
    asked_.push_back(request);
    if (answers_.empty()) return testing::HttpReply{.body = "{}"};
    const auto answer = answers_.front();
    answers_.pop_front();
    if (answer == "hang up")
      return testing::HttpReply{.then = testing::HttpReply::Then::close, .silent = true};
    if (answer == "500") return testing::HttpReply{.status = 500};
    if (answer.starts_with("400 "))
      return testing::HttpReply{.status = 400, .body = answer.substr(4)};
    return testing::HttpReply{.body = answer};
  }};
  std::unique_ptr<DynamoDbTables> tables_;
  const Write put_{Write::Kind::put, "t", parsed(R"({"id": {"S": "a"}})"), "",
                   "attribute_not_exists(id)"};
};

TEST_F(DynamoDbTablesTest, WritesInTheWordsOfTheApi) {
  will_answer({R"({"Attributes": {"id": {"S": "a"}, "n": {"N": "1"}}})", "{}", "{}"});
  auto written = tables_->write(put_);
  ASSERT_TRUE(written) << written.error().text();
  EXPECT_TRUE(written->done);
  EXPECT_EQ(written->before, parsed(R"({"id": {"S": "a"}, "n": {"N": "1"}})"));
  EXPECT_EQ(operation(0), "PutItem");
  EXPECT_EQ(asked(0), parsed(R"json({"TableName": "t", "Item": {"id": {"S": "a"}},
      "ConditionExpression": "attribute_not_exists(id)", "ReturnValues": "ALL_OLD",
      "ReturnValuesOnConditionCheckFailure": "ALL_OLD"})json"));

  written =
      tables_->write({Write::Kind::update, "t", parsed(R"({"id": {"S": "a"}})"), "SET #n = :n", "",
                      parsed(R"({":n": {"N": "1"}})"), parsed(R"({"#n": "n"})")});
  ASSERT_TRUE(written) << written.error().text();
  EXPECT_EQ(written->before, std::nullopt);
  EXPECT_EQ(operation(1), "UpdateItem");
  EXPECT_EQ(asked(1), parsed(R"({"TableName": "t", "Key": {"id": {"S": "a"}},
      "UpdateExpression": "SET #n = :n", "ExpressionAttributeValues": {":n": {"N": "1"}},
      "ExpressionAttributeNames": {"#n": "n"}, "ReturnValues": "ALL_OLD"})"));

  ASSERT_TRUE(tables_->write({Write::Kind::remove, "t", parsed(R"({"id": {"S": "a"}})")}));
  EXPECT_EQ(operation(2), "DeleteItem");
}

TEST_F(DynamoDbTablesTest, TellsRefusalsApart) {
  will_answer(
      {R"(400 {"__type": "ConditionalCheckFailedException", "message": "The conditional request failed",
                       "Item": {"id": {"S": "a"}}})"});
  const auto written = tables_->write(put_);
  ASSERT_TRUE(written) << written.error().text();
  EXPECT_FALSE(written->done);
  ASSERT_THAT(written->refused, SizeIs(1));
  EXPECT_EQ(written->refused[0].why, Refusal::condition);
  EXPECT_EQ(written->refused[0].found, parsed(R"({"id": {"S": "a"}})"));

  EXPECT_EQ(refusal(R"(400 {"__type": "TransactionConflictException"})"), Refusal::conflict);
  EXPECT_EQ(refusal(R"(400 {"__type": "ThrottlingException"})"), Refusal::throttled);
  EXPECT_EQ(refusal(R"(400 {"__type": "ProvisionedThroughputExceededException"})"),
            Refusal::throttled);
  EXPECT_EQ(refusal(R"(400 {"__type": "ItemCollectionSizeLimitExceededException"})"),
            Refusal::too_large);
  EXPECT_EQ(refusal(R"(400 {"__type": "ValidationException",
                            "message": "Item size has exceeded the maximum allowed size"})"),
            Refusal::too_large);
}

TEST_F(DynamoDbTablesTest, TellsErrorsApart) {
  EXPECT_EQ(code_of(R"(400 {"__type": "AccessDeniedException"})"), Code::denied);
  EXPECT_EQ(code_of(R"(400 {"__type": "UnrecognizedClientException"})"), Code::denied);
  EXPECT_EQ(code_of(R"(400 {"__type": "ValidationException", "message": "no"})"), Code::internal);
  EXPECT_EQ(code_of(R"(400 {"__type": "ResourceNotFoundException"})"), Code::invalid);
  EXPECT_EQ(code_of(R"(400 {"__type": "ValidationException",
                            "message": "The table does not have the specified index: i"})"),
            Code::invalid);
  EXPECT_EQ(code_of("500"), Code::unavailable);
  EXPECT_EQ(code_of("hang up"), Code::unavailable);
}

TEST_F(DynamoDbTablesTest, DoesNotKnowWhatBecameOfARequestThatWasRefusedAfterALostAnswer) {
  will_answer({"500", R"(400 {"__type": "ConditionalCheckFailedException"})"});
  const auto written = tables_->write(put_);
  ASSERT_FALSE(written) << "the first may have put it";
  EXPECT_EQ(written.error().code, Code::unavailable);

  const auto throttled = R"(400 {"__type": "ProvisionedThroughputExceededException"})";
  will_answer({"500", throttled, throttled});
  const auto transacted = tables_->transact(std::vector<Write>(2, put_), "token");
  ASSERT_FALSE(transacted) << "the first may have been made";
  EXPECT_EQ(transacted.error().code, Code::unavailable);
}

TEST_F(DynamoDbTablesTest, SendsNoCountTwice) {
  will_answer({"hang up", "{}"});
  const auto written = tables_->write({Write::Kind::update, "t", parsed(R"({"id": {"S": "a"}})"),
                                       "SET n = n + :one", "", parsed(R"({":one": {"N": "1"}})")});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::unavailable);
  EXPECT_THAT(asked_, SizeIs(1));
}

TEST_F(DynamoDbTablesTest, MakesATransactionUnderItsToken) {
  will_answer({"{}"});
  const std::vector<Write> writes = {
      put_,
      {Write::Kind::update, "t", parsed(R"({"id": {"S": "b"}})"), "REMOVE n"},
      {Write::Kind::remove, "u", parsed(R"({"id": {"S": "c"}})"), "", "attribute_exists(id)"}};
  const auto written = tables_->transact(writes, "token");
  ASSERT_TRUE(written) << written.error().text();
  EXPECT_TRUE(written->done);
  EXPECT_EQ(asked(0), parsed(R"json({"ClientRequestToken": "token", "TransactItems": [
      {"Put": {"TableName": "t", "Item": {"id": {"S": "a"}},
               "ConditionExpression": "attribute_not_exists(id)",
               "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}},
      {"Update": {"TableName": "t", "Key": {"id": {"S": "b"}}, "UpdateExpression": "REMOVE n"}},
      {"Delete": {"TableName": "u", "Key": {"id": {"S": "c"}},
                  "ConditionExpression": "attribute_exists(id)",
                  "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}}]})json"));
}

TEST_F(DynamoDbTablesTest, GivesAReasonForEachWriteOfATransaction) {
  const std::vector<Write> writes(5, put_);
  will_answer({R"(400 {"__type": "TransactionCanceledException", "CancellationReasons": [
      {"Code": "None"}, {"Code": "ConditionalCheckFailed", "Item": {"id": {"S": "a"}}},
      {"Code": "TransactionConflict"}, {"Code": "ThrottlingError"},
      {"Code": "ValidationError", "Message": "Item size to update has exceeded the maximum allowed size"}]})"});
  const auto written = tables_->transact(writes, "token");
  ASSERT_TRUE(written) << written.error().text();
  EXPECT_FALSE(written->done);
  std::vector<Refusal> why;
  for (const auto& one : written->refused) why.push_back(one.why);
  EXPECT_THAT(why, ElementsAre(Refusal::none, Refusal::condition, Refusal::conflict,
                               Refusal::throttled, Refusal::too_large));
  EXPECT_EQ(written->refused[1].found, parsed(R"({"id": {"S": "a"}})"));
  EXPECT_EQ(written->refused[2].found, std::nullopt);
}

TEST_F(DynamoDbTablesTest, KnowsTransactionsThatAreRefusedAsAWhole) {
  const std::vector<Write> writes(2, put_);
  const auto throttled = R"(400 {"__type": "ProvisionedThroughputExceededException"})";
  will_answer({throttled, throttled});
  auto written = tables_->transact(writes, "token");
  ASSERT_TRUE(written) << written.error().text();
  EXPECT_FALSE(written->done);
  ASSERT_THAT(written->refused, SizeIs(2));
  EXPECT_EQ(written->refused[1].why, Refusal::throttled);

  const auto code = [&](const char* answer) {
    will_answer({answer, answer});
    const auto result = tables_->transact(writes, "token");
    return result ? Code::corrupt : result.error().code;
  };
  EXPECT_EQ(code(R"(400 {"__type": "TransactionInProgressException"})"), Code::unavailable);
  EXPECT_EQ(code(R"(400 {"__type": "IdempotentParameterMismatchException"})"), Code::internal);
  EXPECT_EQ(code(R"(400 {"__type": "TransactionCanceledException"})"), Code::internal);
  EXPECT_EQ(code(R"(400 {"__type": "TransactionCanceledException", "CancellationReasons": [
                         {"Code": "None"}, {"Code": "ValidationError", "Message": "odd"}]})"),
            Code::internal);
}

TEST_F(DynamoDbTablesTest, AsksForPages) {
  will_answer(
      {R"({"Items": [{"id": {"S": "a"}}], "Count": 1, "LastEvaluatedKey": {"id": {"S": "a"}}})",
       R"({"Count": 7})"});
  Query query{.table = "t", .key = "id = :id"};
  query.values = parsed(R"({":id": {"S": "a"}})");
  auto page = tables_->query(query);
  ASSERT_TRUE(page) << page.error().text();
  EXPECT_THAT(page->items, ElementsAre(parsed(R"({"id": {"S": "a"}})")));
  EXPECT_EQ(page->last, parsed(R"({"id": {"S": "a"}})"));
  EXPECT_EQ(asked(0), parsed(R"({"TableName": "t", "KeyConditionExpression": "id = :id",
      "ExpressionAttributeValues": {":id": {"S": "a"}}, "ConsistentRead": true})"));

  query.index = "i";
  query.filter = "attribute_exists(#x)";
  query.names = parsed(R"({"#x": "x"})");
  query.forward = false;
  query.limit = 5;
  query.count = true;
  query.after = page->last;
  page = tables_->query(query);
  ASSERT_TRUE(page) << page.error().text();
  EXPECT_EQ(page->count, 7);
  EXPECT_EQ(page->last, std::nullopt);
  EXPECT_EQ(asked(1), parsed(R"json({"TableName": "t", "IndexName": "i", "Limit": 5,
      "Select": "COUNT", "KeyConditionExpression": "id = :id",
      "FilterExpression": "attribute_exists(#x)", "ScanIndexForward": false,
      "ExpressionAttributeValues": {":id": {"S": "a"}}, "ExpressionAttributeNames": {"#x": "x"},
      "ExclusiveStartKey": {"id": {"S": "a"}}})json"));
}

TEST_F(DynamoDbTablesTest, GivesAnItemForEachKey) {
  std::vector<Key> keys;
  for (const char* id : {"a", "b", "a", "none"})
    keys.push_back({"t", {{"id", {{"S", id}}}, {"at", {{"N", "1"}}}}});
  keys.push_back({"u", parsed(R"({"id": {"S": "a"}})")});
  will_answer(
      {R"({"Responses": {"t": [{"at": {"N": "1"}, "n": {"N": "5"}, "id": {"S": "a"}}]},
                   "UnprocessedKeys": {"t": {"ConsistentRead": true, "Keys": [{"id": {"S": "b"}, "at": {"N": "1"}}]},
                                       "u": {"ConsistentRead": true, "Keys": [{"id": {"S": "a"}}]}}})",
       R"({"Responses": {"t": [{"id": {"S": "b"}, "at": {"N": "1"}}], "u": [{"id": {"S": "a"}}]}})"});
  const auto found = tables_->get(keys);
  ASSERT_TRUE(found) << found.error().text();
  ASSERT_THAT(*found, SizeIs(5));
  EXPECT_EQ((*found)[0]->at("n").at("N"), "5");
  EXPECT_EQ((*found)[1]->at("id").at("S"), "b");
  EXPECT_EQ((*found)[2], (*found)[0]);
  EXPECT_EQ((*found)[3], std::nullopt);
  EXPECT_EQ((*found)[4], parsed(R"({"id": {"S": "a"}})"));
  EXPECT_THAT(pauses_, ElementsAre(1));
  EXPECT_THAT(asked(0).at("RequestItems").at("t").at("Keys").as_array(), SizeIs(3))
      << "each key once";
}

TEST_F(DynamoDbTablesTest, AsksForAHundredKeysAtATime) {
  std::vector<Key> keys;
  for (int i = 0; i < 250; ++i) keys.push_back({"t", {{"id", {{"S", std::to_string(i)}}}}});
  ASSERT_TRUE(tables_->get(keys));
  ASSERT_THAT(asked_, SizeIs(3));
  EXPECT_THAT(asked(0).at("RequestItems").at("t").at("Keys").as_array(), SizeIs(100));
  EXPECT_THAT(asked(2).at("RequestItems").at("t").at("Keys").as_array(), SizeIs(50));
  ASSERT_TRUE(tables_->get({}));
  EXPECT_THAT(asked_, SizeIs(3));
}

TEST_F(DynamoDbTablesTest, AppendsUntilNothingIsLeft) {
  const std::vector<Item> items(30, parsed(R"({"id": {"S": "a"}})"));
  will_answer({R"({"UnprocessedItems": {"t": [{"PutRequest": {"Item": {"id": {"S": "x"}}}}]}})",
               "{}", R"({"UnprocessedItems": {}})"});
  ASSERT_TRUE(tables_->append("t", items));
  ASSERT_THAT(asked_, SizeIs(3));
  const auto puts = [&](std::size_t i) {
    return asked(i).at("RequestItems").at("t").as_array().size();
  };
  EXPECT_THAT((std::vector{puts(0), puts(1)}), UnorderedElementsAre(25, 5));  // at the same time
  EXPECT_EQ(asked(2),
            parsed(R"({"RequestItems": {"t": [{"PutRequest": {"Item": {"id": {"S": "x"}}}}]}})"));
  EXPECT_THAT(pauses_, ElementsAre(1));
}

TEST_F(DynamoDbTablesTest, GivesUpABatchThatIsNeverTaken) {
  const auto left =
      R"({"UnprocessedItems": {"t": [{"PutRequest": {"Item": {"id": {"S": "a"}}}}]}})";
  will_answer({left, left, left, left, left, left, left, left, left});
  const std::vector<Item> items = {parsed(R"({"id": {"S": "a"}})")};
  const auto done = tables_->append("t", items);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::unavailable);
  EXPECT_THAT(asked_, SizeIs(8));
  EXPECT_THAT(pauses_, ElementsAre(1, 2, 3, 4, 5, 6, 7));
}

TEST_F(DynamoDbTablesTest, HasNoMoreCallsUnderWayThanItMay) {
  constexpr int kThreads = 8;
  std::atomic<int> under_way = 0;
  std::atomic<int> most = 0;
  std::atomic<int> arrived = 0;
  before_answer_ = [&] {
    const int now = ++under_way;
    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
    }
    if (++arrived <= 3)  // these come together
      while (arrived < 3) std::this_thread::yield();
    --under_way;
  };
  std::vector<std::jthread> threads;
  std::atomic<int> done = 0;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      if (const auto written = tables_->write(put_); written && written->done) ++done;
    });
  }
  threads.clear();
  EXPECT_EQ(done, kThreads);
  EXPECT_EQ(most, 3);
}

}  // namespace
}  // namespace sosw::cloud
