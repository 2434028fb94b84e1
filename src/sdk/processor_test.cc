// SPDX-License-Identifier: MIT
// A Processor: where its configuration, its clients and its figures come from.
#include "sosw/processor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/json.hpp>
#include <map>
#include <mutex>

#include "sosw/app.h"
#include "sosw/decorators.h"
#include "sosw/dynamo_db.h"
#include "sosw/logging.h"
#include "support/http_server.h"

namespace sosw {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HttpReply;
using testing::HttpRequest;
using testing::HttpServer;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// The text of the exception of class E that `call` throws.
template <class E, class Call>
std::string thrown(Call call) {
  try {
    call();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("another exception: ") + error.what();
  }
  return "no exception";
}

class Mailer : public Component {
 public:
  explicit Mailer(json::object part) : config(std::move(part)) {}
  [[nodiscard]] json::object get_stats() const override { return {{"mails", mails}}; }
  void reset_stats() override { mails = 0; }

  json::object config;
  int mails = 0;
};

class Plain : public Processor {
 public:
  using Processor::Processor;
  [[nodiscard]] json::object default_config() const override { return defaults; }
  [[nodiscard]] json::value get_config(std::string_view name) const override {
    asked.emplace_back(name);
    return stored;
  }
  json::value operator()(const json::object& event) override {
    if (work) work(event);
    return "done";
  }

  json::object defaults;
  json::value stored = json::object();
  mutable std::vector<std::string> asked;
  std::function<void(const json::object&)> work;
};

// With the base's own get_config().
class Stored : public Processor {
 public:
  using Processor::Processor;
  json::value operator()(const json::object&) override { return nullptr; }
};

class ProcessorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    forget();
    set("AWS_REGION", "eu-west-1");
    set("AWS_EC2_METADATA_DISABLED", "true");
  }
  void TearDown() override { forget(); }
  static void forget() {
    for (const auto* name :
         {"AWS_LAMBDA_FUNCTION_NAME", "DISABLE_DDB_CONFIG", "AWS_ACCESS_KEY_ID",
          "AWS_SECRET_ACCESS_KEY", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "STAGE", "autotest",
          "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SNS"})
      unset(name);
  }
  static void set(const char* name, const std::string& value) {
    setenv(name, value.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  }
  static void unset(const char* name) { unsetenv(name); }  // NOLINT(concurrency-mt-unsafe)
  // AWS, answering by `reply`.
  void serve(HttpReply reply) {
    reply_ = std::move(reply);
    server_.emplace([this](const HttpRequest& request) {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      return reply_;
    });
    set("AWS_ENDPOINT_URL", server_->url());
    set("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
    set("AWS_SECRET_ACCESS_KEY", "secret");
  }
  std::vector<HttpRequest> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  std::mutex mutex_;
  HttpReply reply_;
  std::vector<HttpRequest> requests_;
  std::optional<HttpServer> server_;
};

// ------------------------------------------------------------------------------------------------

TEST_F(ProcessorTest, merges_the_stored_configuration_between_default_and_custom) {
  set("AWS_LAMBDA_FUNCTION_NAME", "f");
  Plain processor({{"c", 3}, {"list", {"custom"}}});
  processor.defaults = {{"a", 1}, {"b", 1}, {"c", 1}, {"list", {"default"}}};
  processor.stored = {{"b", 2}, {"c", 2}};
  EXPECT_EQ(processor.config(),
            (json::object{{"a", 1}, {"b", 2}, {"c", 3}, {"list", {"default", "custom"}}}));
  EXPECT_THAT(processor.asked, ElementsAre("f_config"));
}

TEST_F(ProcessorTest, asks_for_the_stored_configuration_of_a_function_only_and_once) {
  Plain nameless;
  nameless.start();
  EXPECT_THAT(nameless.asked, IsEmpty());
  set("AWS_LAMBDA_FUNCTION_NAME", "f");
  Plain processor;
  processor.start();
  processor.start();
  EXPECT_TRUE(processor.config().empty());
  EXPECT_THAT(processor.asked, SizeIs(1));
}

TEST_F(ProcessorTest, asks_for_none_where_that_is_switched_off) {
  set("AWS_LAMBDA_FUNCTION_NAME", "f");
  Plain by_config({{"disable_ddb_config", true}});
  by_config.start();
  set("DISABLE_DDB_CONFIG", "true");
  Plain by_environment;
  by_environment.start();
  EXPECT_THAT(by_config.asked, IsEmpty());
  EXPECT_THAT(by_environment.asked, IsEmpty());
  set("DISABLE_DDB_CONFIG", "perhaps");
  Plain wrong;
  EXPECT_THAT(thrown<ValueError>([&] { wrong.start(); }), HasSubstr("'perhaps'"));
}

TEST_F(ProcessorTest, refuses_a_stored_configuration_that_is_no_object_and_can_be_started_again) {
  set("AWS_LAMBDA_FUNCTION_NAME", "f");
  Plain processor;
  processor.stored = "text";
  EXPECT_EQ(thrown<RuntimeError>([&] { processor.start(); }),
            "the stored configuration f_config is no JSON object but text");
  processor.stored = {{"a", 1}};
  EXPECT_EQ(processor.c("a"), 1);
}

TEST_F(ProcessorTest, takes_a_stored_null_for_none) {
  set("AWS_LAMBDA_FUNCTION_NAME", "f");
  Plain processor({{"a", 1}});
  processor.stored = nullptr;
  EXPECT_EQ(processor.config(), (json::object{{"a", 1}}));
}

TEST_F(ProcessorTest, reads_the_configuration_anew) {
  Plain processor({{"a", 1}});
  EXPECT_EQ(processor.c("a"), 1);
  processor.init_config({{"b", 2}});
  EXPECT_EQ(processor.config(), (json::object{{"b", 2}}));
}

TEST_F(ProcessorTest, finds_settings_by_their_path) {
  Plain processor({{"a", {{"b", {{"c", 5}}}, {"text", "x"}}}});
  EXPECT_EQ(processor.c("a.b.c"), 5);
  EXPECT_EQ(processor.c("a.b"), (json::object{{"c", 5}}));
  EXPECT_EQ(processor.c("a.x.c", 7), 7);
  EXPECT_EQ(processor.c("a.text.c", 7), 7);
  EXPECT_EQ(processor.c("a.text.c"), nullptr);
  EXPECT_EQ(Plain({{"a", nullptr}}).c("a", 7), 7);
}

TEST_F(ProcessorTest, finds_the_configuration_in_the_table) {
  serve(
      {.body =
           R"({"Items":[{"env":{"S":"production"},"config_name":{"S":"f_config"},"config_value":{"S":"{\"a\":1}"}}],"Count":1})"});
  set("AWS_LAMBDA_FUNCTION_NAME", "f");
  Stored processor;
  EXPECT_EQ(processor.c("a"), 1);
  ASSERT_THAT(requests(), SizeIs(1));
  EXPECT_EQ(requests()[0].headers.at("x-amz-target"), "DynamoDB_20120810.Query");
  EXPECT_EQ(json::parse(requests()[0].body).at("TableName"), "config");
}

TEST_F(ProcessorTest, starts_without_a_table_and_without_permission_to_read_it) {
  set("AWS_LAMBDA_FUNCTION_NAME", "f");
  for (const auto* code : {"ResourceNotFoundException", "AccessDeniedException"}) {
    serve({.status = 400,
           .body = R"({"__type":"com.amazonaws.dynamodb.v20120810#)" + std::string(code) +
                   R"(","message":"no"})"});
    Stored processor({{"a", 1}});
    processor.start();
    EXPECT_EQ(processor.config(), (json::object{{"a", 1}}));
  }
  EXPECT_THAT(requests(), SizeIs(2));
}

TEST_F(ProcessorTest, does_not_start_with_other_settings_than_the_stored_ones) {
  set("AWS_LAMBDA_FUNCTION_NAME", "f");
  serve({.status = 400,
         .body = R"({"__type":"com.amazonaws.dynamodb.v20120810#UnrecognizedClientException",)"
                 R"("message":"The security token is invalid"})"});
  Stored processor;
  EXPECT_THAT(thrown<AwsError>([&] { processor.start(); }), HasSubstr("token is invalid"));
}

TEST_F(ProcessorTest, asks_nobody_where_there_are_no_credentials) {
  serve({.status = 500});
  set("AWS_LAMBDA_FUNCTION_NAME", "f");
  unset("AWS_ACCESS_KEY_ID");
  Stored processor;
  processor.start();
  EXPECT_THAT(requests(), IsEmpty());
}

// ------------------------------------------------------------------------------------------------

TEST_F(ProcessorTest, makes_a_component_of_its_part_of_the_configuration) {
  Plain processor({{"init_clients", {"Mailer"}}, {"mailer_config", {{"from", "me"}}}});
  processor.add_component<Mailer>("Mailer");
  EXPECT_EQ(processor.client<Mailer>().config, (json::object{{"from", "me"}}));
  EXPECT_EQ(&processor.client<Mailer>(), &processor.client<Mailer>("mailer"));
}

TEST_F(ProcessorTest, knows_components_of_the_program_by_both_names) {
  register_component<Mailer>("NightMail");
  Plain by_class({{"init_clients", {"NightMail"}}});
  Plain as_kept({{"init_clients", {"night_mail"}}});
  EXPECT_TRUE(by_class.client<Mailer>("night_mail").config.empty());
  EXPECT_TRUE(as_kept.client<Mailer>("night_mail").config.empty());
}

TEST_F(ProcessorTest, prefers_its_own_components_and_keeps_one_that_is_there) {
  register_component("Box", [](const json::object&) {
    return std::make_unique<Mailer>(json::object{{"of", "the program"}});
  });
  Plain processor({{"init_clients", {"Box"}}});
  processor.add_component("Box", [](const json::object&) {
    return std::make_unique<Mailer>(json::object{{"of", "its own"}});
  });
  auto& box = processor.client<Mailer>();
  processor.register_clients({"Box"});
  EXPECT_EQ(&processor.client<Mailer>(), &box);
  EXPECT_EQ(box.config.at("of"), "its own");
}

TEST_F(ProcessorTest, makes_clients_of_services) {
  serve({.body = R"({"Rules":[]})"});
  Plain processor({{"init_clients", {"events"}}});
  EXPECT_TRUE(processor.aws_client("events").call("ListRules").at("Rules").as_array().empty());
}

TEST_F(ProcessorTest, makes_the_table_client_of_the_seed) {
  serve(
      {.body =
           R"({"Table":{"TableName":"t","KeySchema":[{"AttributeName":"h","KeyType":"HASH"}]}})"});
  for (const auto* name : {"dynamo_db", "DynamoDb"}) {
    Plain processor({{"init_clients", {name}},
                     {"dynamo_db_config", {{"table_name", "t"}, {"skip_glue", true}}}});
    processor.start();
    EXPECT_EQ(processor.client<DynamoDbClient>("dynamo_db").config().at("table_name"), "t");
  }
}

TEST_F(ProcessorTest, names_what_it_cannot_find) {
  Plain unknown({{"init_clients", {"Nonsense"}}});
  EXPECT_THAT(thrown<RuntimeError>([&] { unknown.start(); }),
              HasSubstr("Failed to import Nonsense"));
  Plain wrong({{"init_clients", "Sns"}});
  EXPECT_THAT(thrown<TypeError>([&] { wrong.start(); }), HasSubstr("`init_clients`"));
  Plain part({{"init_clients", {"Mailer"}}, {"mailer_config", 5}});
  part.add_component<Mailer>("Mailer");
  EXPECT_THAT(thrown<TypeError>([&] { part.start(); }), HasSubstr("`mailer_config`"));

  Plain processor({{"init_clients", {"Mailer", "Other"}}});
  processor.add_component<Mailer>("Mailer");
  processor.add_component<Mailer>("Other");
  EXPECT_THAT(thrown<KeyError>([&] { (void)processor.client<Mailer>("post"); }),
              HasSubstr("there is no client 'post'"));
  EXPECT_THAT(thrown<KeyError>([&] { (void)processor.client<Mailer>(); }), HasSubstr("several"));
  EXPECT_THAT(thrown<TypeError>([&] { (void)processor.aws_client("mailer"); }),
              HasSubstr("another class"));
}

TEST_F(ProcessorTest, leaves_the_engines_components_to_the_engine) {
  for (const auto* name : {"Task", "Ecology"}) {
    Plain processor({{"init_clients", {name}}});
    EXPECT_THAT(thrown<RuntimeError>([&] { processor.start(); }), HasSubstr("link sosw::engine"));
  }
}

// ------------------------------------------------------------------------------------------------

TEST_F(ProcessorTest, tells_the_figures_of_its_clients_with_its_own) {
  Plain processor({{"init_clients", {"Mailer"}}, {"lifetime_stats_params", {"version"}}});
  processor.add_component<Mailer>("Mailer");
  processor.start();
  processor.pre_call();
  processor.client<Mailer>().mails = 2;
  processor.count("rows", 3);
  processor.count("rows");
  processor.stats()["version"] = 7;
  processor.stats()["note"] = "text";
  auto figures = processor.get_stats();
  EXPECT_EQ(figures.at("rows"), 4);
  EXPECT_EQ(figures.at("mails"), 2);
  EXPECT_FALSE(processor.get_stats(false).contains("mails"));

  processor.reset_stats();
  figures = processor.get_stats();
  EXPECT_EQ(figures.at("total_rows"), 4);
  EXPECT_EQ(figures.at("total_mails"), 2);
  EXPECT_EQ(figures.at("mails"), 0);
  EXPECT_EQ(figures.at("version"), 7);
  EXPECT_FALSE(figures.contains("rows"));
  EXPECT_FALSE(figures.contains("note"));
  EXPECT_EQ(figures.at("total_calls_register_clients"), 1);
}

// ------------------------------------------------------------------------------------------------

Context context_of(const std::string& request_id) {
  Context context;
  context.aws_request_id = request_id;
  context.invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:f";
  context.deadline = std::chrono::system_clock::now() + std::chrono::minutes(1);
  return context;
}

struct Counter : Processor {
  using Processor::Processor;
  json::value operator()(const json::object& event) override {
    EXPECT_EQ(global_vars.lambda_context(), &context());
    EXPECT_TRUE(result().empty());
    result()["old"] = 1;
    count("calls");
    seen_level = logging_level();
    if (event.contains("base")) Processor::operator()(event);
    if (event.contains("fail")) throw std::runtime_error("failed");
    return json::value(account());
  }
  LogLevel seen_level = LogLevel::critical;
};

TEST_F(ProcessorTest, is_kept_by_its_handler_from_call_to_call) {
  LambdaGlobals globals;
  globals.set_processor(nullptr);
  const auto handler = get_lambda_handler<Counter>(globals, {{"a", 1}});
  EXPECT_EQ(globals.processor(), nullptr);
  EXPECT_EQ(handler({}, context_of("r1")), "123456789012");
  auto* const processor = dynamic_cast<Counter*>(globals.processor());
  ASSERT_NE(processor, nullptr);
  EXPECT_EQ(processor->config(), (json::object{{"a", 1}}));
  EXPECT_EQ(globals.lambda_context(), nullptr);

  EXPECT_EQ(handler({{"base", 1}}, context_of("r2")), "123456789012");
  EXPECT_THROW(handler({{"fail", 1}}, context_of("r3")), std::runtime_error);
  EXPECT_EQ(handler({}, context_of("r4")), "123456789012");
  EXPECT_EQ(globals.processor(), processor);
  EXPECT_EQ(processor->stats().at("total_calls"), 4);
  EXPECT_EQ(processor->stats().at("total_processor_calls"),
            3);  // as in the original: not a failed one
  globals.set_processor(nullptr);
}

class Outbox : public Component {
 public:
  explicit Outbox(const json::object& /*part*/) {}
  void flush() override {
    ++flushed;
    if (broken) throw RuntimeError("no network");
    if (rude) throw 5;  // NOLINT(hicpp-exception-baseclass): that is the test
  }
  int flushed = 0;
  bool broken = false;
  bool rude = false;
};

struct Sender : Processor {
  explicit Sender(const json::object& /*custom_config*/)
      : Processor({{"init_clients", {"Outbox", "Second"}}}) {
    add_component<Outbox>("Outbox");
    add_component<Outbox>("Second");
  }
  json::value operator()(const json::object& event) override {
    if (event.contains("fail")) throw std::runtime_error("as told");
    return "done";
  }
};

TEST_F(ProcessorTest, sends_what_its_clients_have_gathered_behind_each_invocation) {
  LambdaGlobals globals;
  globals.set_processor(nullptr);
  const auto handler = get_lambda_handler<Sender>(globals);
  EXPECT_EQ(handler({}, context_of("r1")), "done");
  auto& first = globals.processor()->client<Outbox>("outbox");
  auto& second = globals.processor()->client<Outbox>("second");
  EXPECT_EQ(first.flushed, 1);
  EXPECT_THROW(handler({{"fail", 1}}, context_of("r2")), std::runtime_error);
  EXPECT_EQ(first.flushed, 2);

  first.broken = true;  // the others are sent, and the work is done
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(handler({}, context_of("r3")), "done");
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("outbox keeps what it has gathered: no network"));
  EXPECT_EQ(second.flushed, 3);

  first.broken = false;
  first.rude = true;
  EXPECT_EQ(handler({}, context_of("r4")), "done");
  EXPECT_EQ(second.flushed, 4);
  globals.set_processor(nullptr);
}

TEST_F(ProcessorTest, is_of_the_class_of_its_handler) {
  LambdaGlobals globals;
  globals.set_processor(nullptr);
  const auto counter = get_lambda_handler<Counter>(globals);
  const auto sender = get_lambda_handler<Sender>(globals);
  EXPECT_EQ(counter({}, context_of("r1")), "123456789012");
  EXPECT_EQ(sender({}, context_of("r2")), "done");
  const auto same = sender;
  auto* const kept = globals.processor();
  EXPECT_EQ(same({}, context_of("r3")), "done");
  EXPECT_EQ(globals.processor(), kept);
  // One that the caller has set is used as it is.
  globals.set_processor(std::make_shared<Counter>(json::object()));
  EXPECT_EQ(sender({}, context_of("r4")), "123456789012");
  globals.set_processor(nullptr);
}

TEST_F(ProcessorTest, logs_at_the_level_of_the_event) {
  LambdaGlobals globals;
  globals.set_processor(nullptr);
  const auto handler = get_lambda_handler<Counter>(globals);
  const auto level_for = [&](const json::value& level) {
    handler({{"logging_level", level}}, context_of("r"));
    EXPECT_EQ(logging_level(), LogLevel::info);
    return dynamic_cast<Counter&>(*globals.processor()).seen_level;
  };
  EXPECT_EQ(level_for("DEBUG"), LogLevel::debug);
  EXPECT_EQ(level_for("warn"), LogLevel::warning);
  EXPECT_EQ(level_for(45), LogLevel::error);
  EXPECT_EQ(level_for("loud"), LogLevel::info);  // with a warning
  globals.set_processor(nullptr);
}

// D-54: secrets come with events and configurations.
TEST_F(ProcessorTest, writes_neither_event_nor_configuration_nor_response_to_the_log) {
  struct Secretive : Counter {
    using Counter::Counter;
    json::value operator()(const json::object& event) override {
      Counter::operator()(event);
      result()["token"] = "in-the-result";
      return {{"token", "in-the-response"}};
    }
  };
  LambdaGlobals globals;
  globals.set_processor(nullptr);
  const auto handler = get_lambda_handler<Secretive>(globals, {{"password", "in-the-config"}});
  json::object event = {{"password", "in-the-event"}, {"logging_level", "DEBUG"}};
  ::testing::internal::CaptureStderr();
  ::testing::internal::CaptureStdout();
  handler(event, context_of("r1"));
  event["fail"] = true;
  EXPECT_THROW(handler(event, context_of("r2")), std::runtime_error);
  const auto written = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(written, HasSubstr("calls"));
  for (const auto* secret : {"in-the-event", "in-the-config", "in-the-result", "in-the-response"})
    EXPECT_THAT(written, ::testing::Not(HasSubstr(secret)));
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  globals.set_processor(nullptr);
}

TEST_F(ProcessorTest, asks_sts_for_its_account_outside_of_invocations) {
  serve({.headers = {{"Content-Type", "text/xml"}},
         .body = "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>210987654321</"
                 "Account></GetCallerIdentityResult></GetCallerIdentityResponse>"});
  Plain processor;
  EXPECT_EQ(processor.account(), "210987654321");
  EXPECT_EQ(processor.account(), "210987654321");
  EXPECT_THAT(requests(), SizeIs(1));
  EXPECT_EQ(Processor::region(), "eu-west-1");
}

struct Mortal : Processor {
  using Processor::Processor;
  json::value operator()(const json::object&) override { die("no disk"); }
};

TEST_F(ProcessorTest, publishes_its_death) {
  serve({.headers = {{"Content-Type", "text/xml"}},
         .body = "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></"
                 "PublishResponse>"});
  LambdaGlobals globals;
  globals.set_processor(nullptr);
  set("AWS_LAMBDA_FUNCTION_NAME", "f");
  set("DISABLE_DDB_CONFIG", "1");
  const auto handler = get_lambda_handler<Mortal>(globals, {{"dead_sns_topic", "deaths"}});
  EXPECT_THROW(handler({}, context_of("r")), Died);
  ASSERT_THAT(requests(), SizeIs(1));
  EXPECT_THAT(requests()[0].body, HasSubstr("Message=no%20disk"));
  EXPECT_THAT(requests()[0].body, HasSubstr("Subject=f%20died"));
  EXPECT_THAT(requests()[0].body, HasSubstr("eu-west-1%3A123456789012%3Adeaths"));

  serve({.status = 400});
  EXPECT_THROW(handler({}, context_of("r")), Died);  // though nobody hears of it
  set("STAGE", "test");
  EXPECT_THROW(handler({}, context_of("r")), Died);
  EXPECT_THAT(requests(), SizeIs(2));
  globals.set_processor(nullptr);
}

// ------------------------------------------------------------------------------------------------

TEST(Decorators, benchmark_counts_and_times) {
  json::object stats;
  EXPECT_EQ(benchmark(stats, "f", [] { return 5; }), 5);
  benchmark(stats, "f", [] {});
  EXPECT_THROW(benchmark(stats, "f", []() -> int { throw std::runtime_error("no"); }),
               std::runtime_error);
  int kept = 1;
  benchmark(stats, "g", [&]() -> int& { return kept; }) = 2;
  EXPECT_EQ(kept, 2);
  EXPECT_EQ(*benchmark(stats, "h", [] { return std::make_unique<int>(3); }), 3);  // is not copied
  EXPECT_EQ(stats.at("calls_f"), 2);
  EXPECT_GE(stats.at("time_f").as_double(), 0);
  EXPECT_EQ(stats.at("calls_g"), 1);
}

TEST(Decorators, retry_waits_longer_each_time) {
  std::vector<double> waited;
  RetryOptions options{.sleep = [&](auto time) { waited.push_back(time.count()); }};
  int calls = 0;
  EXPECT_EQ(retry(
                [&] {
                  if (++calls < 3) throw std::runtime_error("not yet");
                  return 7;
                },
                options),
            7);
  EXPECT_THAT(waited, ElementsAre(3, 6));
  calls = 0;
  EXPECT_EQ(thrown<std::runtime_error>([&] {
              retry([&] { throw std::runtime_error(std::to_string(++calls)); }, options);
            }),
            "4");
  calls = 0;
  EXPECT_THROW(retry<ValueError>([&] { throw TypeError(std::to_string(++calls)); }, options),
               TypeError);
  EXPECT_EQ(calls, 1);
  EXPECT_THROW(retry([] {}, {.tries = 0}), AssertionError);
}

TEST(Decorators, logging_wrapper_writes_what_runs) {
  auto add = logging_wrapper(
      "add", [](int a, const std::string& b) { return b + std::to_string(a); }, LogLevel::warning);
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(add(1, "x"), "x1");
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              ::testing::MatchesRegex("\\[WARNING\\]\t[-0-9]+T[:.0-9]+Z\t\tRunning add with 1, "
                                      "\"x\"\n"));
}

TEST(Logging, writes_what_is_not_below_the_level) {
  ::testing::internal::CaptureStderr();
  log(LogLevel::debug, "quiet");
  log(LogLevel::error, "loud");
  const auto written = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(written, HasSubstr("loud"));
  EXPECT_THAT(written, ::testing::Not(HasSubstr("quiet")));
  EXPECT_THROW(to_log_level(nullptr), TypeError);
  EXPECT_THROW(to_log_level("loud"), ValueError);
}

}  // namespace
}  // namespace sosw
