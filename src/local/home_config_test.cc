// SPDX-License-Identifier: MIT
// What sosw.json may say, and how it is told what is wrong with it.
#include "local/home_config.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "local/file.h"

namespace sosw::local {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

CheckedConfig check(std::string_view text) { return check_home_config(text, "/project/sosw.json"); }

std::vector<std::string> texts(const std::vector<Error>& errors) {
  std::vector<std::string> out;
  out.reserve(errors.size());
  for (const auto& error : errors) out.push_back(error.text());
  return out;
}

// The one error of a configuration.
std::string error(std::string_view text) {
  const auto checked = check(text);
  EXPECT_EQ(checked.config.has_value(), checked.errors.empty());
  if (checked.errors.size() == 1) return checked.errors[0].text();
  return fmt::format("{} errors\n{}", checked.errors.size(),
                     fmt::join(texts(checked.errors), "\n"));
}

HomeConfig read(std::string_view text) {
  auto checked = check(text);
  EXPECT_THAT(texts(checked.errors), IsEmpty());
  return checked.config.value_or(HomeConfig{});
}

TEST(HomeConfig, reads_the_form_of_the_documents) {
  const auto config = read(R"j({
      "job_schema": {"chunkable_attrs": [["topic", {}], ["word", {}]]},          // or job_schema_variants
      "labourers": {
        "word_count": {
          "command": ["sh", "word_count.sh"],   /* kept warm */
          "max_simultaneous_invocations": 3, "max_attempts": 4,
          "duration": 900, "cooldown": 300,
          "timeout": 60, "memory_mb": 256, "environment": {},
          "retry": {"policy": "exponential", "base_s": 2},
          "health_metrics": {"db_cpu": {"details": {"command": ["./cpu.sh"]}, "feelings": {"3": 50, "4": 25}, "feeling_comparison_operator": "<="}}
        },
      },
      "rules": {"mornings": {"schedule": "cron(0 8 ? * MON-FRI *)", "timezone": "Europe/Berlin", "catch_up": "all",
                             "job": {"lambda_name": "word_count", "period": "yesterday"}}},
      "alarms": {"log": false, "command": ["sh", "page.sh"], "webhook": "http://127.0.0.1:1/", "timeout_s": 2.5},
      "configs": {"word_count_config": {"a": 1}},
      "invocation_number_coefficient": {"2": 0.25},
      "watermark": 500, "synchronous": "normal", "listen": "0.0.0.0:80",
    } // the end
  )j");
  EXPECT_EQ(config.folder, "/project");
  EXPECT_EQ(config.job_schema.at("chunkable_attrs").as_array().size(), 2);
  ASSERT_EQ(config.labourers.count("word_count"), 1);
  const Labourer& labourer = config.labourers.at("word_count");
  EXPECT_EQ(labourer.max_simultaneous_invocations, 3);
  EXPECT_EQ(labourer.max_attempts, 4);
  EXPECT_EQ(labourer.timeout_s, 60);
  EXPECT_EQ(labourer.retry.kind, RetryPolicy::Kind::exponential);
  EXPECT_EQ(labourer.health_metrics.at("db_cpu").details.at("command").as_array().at(0),
            "./cpu.sh");
  EXPECT_EQ(labourer.settings.at("memory_mb"), 256);
  ASSERT_EQ(config.rules.size(), 1);
  EXPECT_EQ(config.rules[0].name, "mornings");
  EXPECT_EQ(config.rules[0].catch_up, CatchUp::all);
  EXPECT_EQ(config.rules[0].job.at("period"), "yesterday");
  EXPECT_EQ(config.rules[0].schedule.next(*utc_time("2026-11-24T00:00:00Z")),
            utc_time("2026-11-24T07:00:00Z"));
  EXPECT_FALSE(config.alarms.log);
  EXPECT_EQ(config.alarms.webhook, "http://127.0.0.1:1/");
  EXPECT_EQ(config.alarms.timeout.count(), 2500);
  EXPECT_EQ(config.configs.at("word_count_config").at("a"), 1);
  EXPECT_EQ(config.coefficients, (Coefficients{{0, 0}, {1, 0}, {2, 0.25}, {3, 0.75}, {4, 1}}));
  EXPECT_EQ(config.watermark, 500);
  EXPECT_FALSE(config.synchronous_full);
  EXPECT_EQ(config.listen, "0.0.0.0:80");
}

TEST(HomeConfig, has_defaults_for_everything_but_the_labourers) {
  const auto checked = check("{}");
  ASSERT_TRUE(checked.config);
  EXPECT_THAT(texts(checked.warnings), ElementsAre(HasSubstr("no labourers are configured")));
  EXPECT_EQ(checked.config->watermark, 100'000);
  EXPECT_TRUE(checked.config->synchronous_full);
  EXPECT_TRUE(checked.config->alarms.log);
  EXPECT_EQ(checked.config->listen, "127.0.0.1:8787");
  EXPECT_TRUE(checked.config->job_schema.at("chunkable_attrs").as_array().empty());
  EXPECT_EQ(read(R"({"labourers": {"a": {"exec": ["true"]}}, "listen": false})").listen, "");
}

TEST(HomeConfig, reads_the_documents_of_the_original_and_the_short_form_wins) {
  const auto checked = check(R"({
    "sosw_essential_config": {"task_config": {"max_attempts": 7, "max_attempts_b": 9,
        "labourers": {"a": {"arn": "arn:aws:lambda:us-west-2:000000000000:function:a", "max_simultaneous_invocations": 10}}}},
    "sosw_orchestrator_config": {"invocation_number_coefficient": {"4": 0.5}, "task_config": {"labourers": {"b": {"exec": ["true"]}}}},
    "sosw_scavenger_config": {"retry_tasks_limit": 500, "sns_config": {"recipient": "arn:aws:sns:us-west-2:000000000000:t"}},
    "sosw_scheduler_config": {"job_schema": {"chunkable_attrs": [["x", {}]]}, "queue_bucket": "b"},
    "task_config": {"labourers": {"a": {"max_simultaneous_invocations": 11, "cooldown": 60}}, "sosw_retry_tasks_table": "t"},
    "labourers": {"a": {"max_simultaneous_invocations": 12}, "b": {"max_attempts": 2}}
  })");
  ASSERT_THAT(texts(checked.errors), IsEmpty());
  const auto& config = *checked.config;
  EXPECT_EQ(config.labourers.at("a").arn, "arn:aws:lambda:us-west-2:000000000000:function:a");
  EXPECT_EQ(config.labourers.at("a").max_simultaneous_invocations, 12);
  EXPECT_EQ(config.labourers.at("a").cooldown_s, 60);
  EXPECT_EQ(config.labourers.at("a").max_attempts, 7);
  EXPECT_EQ(config.labourers.at("b").max_attempts, 2);
  EXPECT_EQ(config.labourers.at("b").max_simultaneous_invocations, 1);
  EXPECT_EQ(config.coefficients.at(4), 0.5);
  EXPECT_EQ(config.retry_tasks_limit, 500);
  EXPECT_EQ(config.job_schema.at("chunkable_attrs").as_array().size(), 1);
  EXPECT_THAT(texts(checked.warnings),
              ElementsAre(HasSubstr("sosw_scheduler_config.queue_bucket has no effect at home"),
                          HasSubstr("sosw_scavenger_config.sns_config"),
                          HasSubstr("task_config.sosw_retry_tasks_table")));
}

TEST(HomeConfig, defaults_for_all_labourers_stand_beside_them) {
  const auto config = read(
      R"({"max_attempts": 5, "max_simultaneous_invocations": 8, "retry": {"policy": "fixed", "base_s": 1},
    "labourers": {"a": {"exec": ["true"]}, "b": {"exec": ["true"], "max_attempts": 2, "retry": {"policy": "linear"}}}})");
  EXPECT_EQ(config.labourers.at("a").max_attempts, 5);
  EXPECT_EQ(config.labourers.at("a").max_simultaneous_invocations, 8);
  EXPECT_EQ(config.labourers.at("a").retry.kind, RetryPolicy::Kind::fixed);
  EXPECT_EQ(config.labourers.at("b").max_attempts, 2);
  EXPECT_EQ(config.labourers.at("b").retry.kind, RetryPolicy::Kind::linear);
}

TEST(HomeConfig, names_the_place_of_a_slip_of_the_pen) {
  EXPECT_THAT(error("{\n  \"labourers\": {\n    \"a\" {}\n  }\n}"),
              HasSubstr("sosw.json: not JSON: syntax error at line 3, column 9"));
  EXPECT_THAT(error("{\"labourers\": {"), HasSubstr("incomplete JSON at line 1, column 16"));
  EXPECT_THAT(error("{} {}"), HasSubstr("extra data at line 1, column 4"));
  EXPECT_THAT(error(""), HasSubstr("line 1, column 1"));
  EXPECT_THAT(error("[]"), HasSubstr("sosw.json: must be an object, found a list"));
}

TEST(HomeConfig, names_an_unknown_key_and_the_nearest_known_one) {
  EXPECT_THAT(error(R"({"labourers": {"word_count": {"exec": ["true"], "max_atempts": 3}}})"),
              AllOf(HasSubstr("sosw.json: labourer 'word_count': unknown key 'max_atempts'"),
                    HasSubstr("max_attempts")));
  EXPECT_THAT(error(R"({"labourrs": {}})"),
              AllOf(HasSubstr("labourrs: unknown key"), HasSubstr("'labourers'")));
  EXPECT_THAT(error(R"({"task_config": {"labourer": {}}})"),
              AllOf(HasSubstr("task_config.labourer: unknown key"), HasSubstr("'labourers'")));
  EXPECT_THAT(
      error(R"({"sosw_scheduler_config": {"job_shema": {}}})"),
      AllOf(HasSubstr("sosw_scheduler_config.job_shema: unknown key"), HasSubstr("'job_schema'")));
  EXPECT_THAT(error(R"({"alarms": {"web_hook": "http://x/"}})"),
              AllOf(HasSubstr("alarms: unknown key"), HasSubstr("'webhook'")));
  EXPECT_THAT(
      error(
          R"j({"labourers": {"a": {"exec": ["true"]}}, "rules": {"r": {"schedule": "rate(1 day)", "job": {"lambda_name": "a"}, "timezon": "UTC"}}})j"),
      AllOf(HasSubstr("rule 'r': unknown key"), HasSubstr("'timezone'")));
}

TEST(HomeConfig, says_what_a_value_must_be) {
  EXPECT_THAT(error(R"({"watermark": 0})"), HasSubstr("watermark must be between 1"));
  EXPECT_THAT(error(R"({"synchronous": "off"})"), HasSubstr("must be one of full, normal"));
  EXPECT_THAT(error(R"({"listen": "8787"})"), HasSubstr("listen '8787' is no address"));
  EXPECT_THAT(error(R"({"listen": "127.0.0.1:99999"})"), HasSubstr("is no address"));
  EXPECT_THAT(error(R"({"labourers": []})"), HasSubstr("labourers must be an object"));
  EXPECT_THAT(error(R"({"labourers": {"a": 3}})"), HasSubstr("labourer 'a' must be an object"));
  EXPECT_THAT(error(R"({"sosw_essential_config": "x"})"),
              HasSubstr("sosw_essential_config must be an object"));
  EXPECT_THAT(error(R"({"alarms": {"webhook": "example.org"}})"), HasSubstr("http://"));
  EXPECT_THAT(error(R"({"labourers": {"a": {"http": "ftp://x"}}})"),
              HasSubstr("labourer 'a': http"));
  EXPECT_THAT(error(R"({"invocation_number_coefficient": {"5": 1}})"),
              HasSubstr("'5' is no status"));
}

TEST(HomeConfig, a_labourer_is_one_kind_of_worker) {
  EXPECT_THAT(error(R"({"labourers": {"a": {}}})"),
              HasSubstr("labourer 'a': nothing says how its worker is started"));
  EXPECT_THAT(error(R"({"labourers": {"a": {"exec": ["true"], "command": ["true"]}}})"),
              HasSubstr("one kind of worker"));
  const std::string_view functions[] = {"a"};
  EXPECT_TRUE(
      check_home_config(R"({"labourers": {"a": {}}})", "/project/sosw.json", functions).config);
}

TEST(HomeConfig, checks_rules_and_metrics) {
  const auto rule = [](std::string_view entry) {
    return error(fmt::format(
        R"({{"labourers": {{"word_count": {{"exec": ["true"]}}}}, "rules": {{"r": {}}}}})", entry));
  };
  EXPECT_THAT(rule(R"({"job": {"lambda_name": "word_count"}})"),
              HasSubstr("rule 'r': schedule is missing"));
  EXPECT_THAT(rule(R"j({"schedule": "rate(1 day)"})j"), HasSubstr("rule 'r': job is missing"));
  EXPECT_THAT(rule(R"j({"schedule": "rate(1 days)", "job": {"lambda_name": "word_count"}})j"),
              HasSubstr("rule 'r': schedule 'rate(1 days)'"));
  EXPECT_THAT(rule(R"j({"schedule": "rate(1 day)", "job": {"lambda_name": "word_cont"}})j"),
              AllOf(HasSubstr("no labourer"), HasSubstr("'word_count'")));
  EXPECT_THAT(rule(R"j({"schedule": "rate(1 day)", "job": {"period": "today"}})j"),
              AllOf(HasSubstr("rule 'r': job is no job"), HasSubstr("lambda_name")));
  EXPECT_THAT(
      rule(
          R"j({"schedule": "rate(1 day)", "job": {"labourer_id": "word_count"}, "catch_up": "some"})j"),
      HasSubstr("none, last, all"));
  EXPECT_THAT(
      error(
          R"({"labourers": {"a": {"exec": ["true"], "health_metrics": {"cpu": {"details": {"presure": "cpu/some/avg10"}, "feelings": {"4": 1}, "feeling_comparison_operator": "<="}}}}})"),
      AllOf(HasSubstr("health_metrics 'cpu'"), HasSubstr("'pressure'")));
}

TEST(HomeConfig, checks_the_language_of_jobs) {
  EXPECT_THAT(
      error(
          R"({"labourers": {"a": {"exec": ["true"]}}, "job_schema": {"chunkable_attrs": [["words", {}]]}})"),
      HasSubstr("words"));
  EXPECT_THAT(
      error(
          R"({"labourers": {"a": {"exec": ["true"]}}, "job_schema_variants": {"default": {"chunkable_attrs": []}, "other": {"chunkable_attrs": 3}}})"),
      HasSubstr("chunkable_attrs"));
  EXPECT_THAT(error(R"({"labourers": {"a": {"exec": ["true"]}}, "custom_period_patterns": 3})"),
              HasSubstr("custom_period_patterns"));
}

TEST(HomeConfig, reports_all_problems_at_once) {
  const auto checked = check(R"j({
    "labourers": {"a": {"exec": ["true"], "timeout": "long"}, "b": {}, "c": {"exec": ["true"]}},
    "rules": {"r": {"schedule": "cron(1 2 3)", "job": {"lambda_name": "c"}}, "s": {"schedule": "rate(1 day)", "job": {"lambda_name": "a"}}},
    "alarms": {"log": 1}, "watermrk": 1})j");
  EXPECT_FALSE(checked.config);
  EXPECT_THAT(
      texts(checked.errors),
      ElementsAre(HasSubstr("watermrk"), HasSubstr("labourer 'a': timeout"),
                  HasSubstr("labourer 'b'"), HasSubstr("rule 'r'"), HasSubstr("alarms: log")));
}

TEST(HomeConfig, names_all_mistakes_of_one_object) {
  const auto checked = check(R"j({
    "max_attempts": 0,
    "watermark": 0, "health_interval": "often",
    "labourers": {
      "a": {"http": "nowhere", "timeout": "long", "idle": 0, "cooldwn": 1, "environment": {"A": 1, "B": 2},
            "retry": {"policy": "linaer", "base_s": -1},
            "health_metrics": {"cpu": {"details": {"command": [], "timeout_s": -1}, "feelings": {"9": 1, "4": "x"},
                                       "feeling_comparison_operator": "about"}}},
      "b": {"arn": 1}},
    "rules": {"r": {"schedule": "rate(1 day)", "timezone": 1, "job": {"lambda_name": "c"}, "enabled": 3}},
    "job_schema": {"chunkable_attrs": [["words", {}], 3, ["word", {}], ["word", {}]]},
    "custom_period_patterns": {"(": {"from": 1, "to": 0}, "x": {"from": "y", "upto": 1}},
    "alarms": {"log": 1, "webhook": "x", "comand": []}})j");
  EXPECT_FALSE(checked.config);
  EXPECT_THAT(
      texts(checked.errors),
      UnorderedElementsAre(
          HasSubstr("labourer 'a': timeout must be"), HasSubstr("labourer 'a': idle must be"),
          HasSubstr("labourer 'a': unknown key 'cooldwn'"),
          HasSubstr("labourer 'a': environment 'A'"), HasSubstr("labourer 'a': environment 'B'"),
          HasSubstr("labourer 'a': retry: policy"), HasSubstr("labourer 'a': retry: base_s"),
          HasSubstr("feelings: '9' is no status"), HasSubstr("feelings: status 4 must have"),
          HasSubstr("feeling_comparison_operator 'about'"), HasSubstr("details: command must be"),
          HasSubstr("details: timeout_s must be"), HasSubstr("labourer 'a': http: 'nowhere'"),
          HasSubstr("task_config: max_attempts must be"), HasSubstr("labourer 'b': arn must be"),
          HasSubstr("settings: watermark"), HasSubstr("settings: health_interval"),
          HasSubstr("rule 'r': timezone"), HasSubstr("rule 'r': job is for 'c'"),
          HasSubstr("rule 'r': enabled"), HasSubstr("alarms: log"), HasSubstr("alarms: webhook"),
          HasSubstr("alarms: unknown key 'comand'"), HasSubstr("'words' ends with 's'"),
          HasSubstr("the number 3 is no attribute"), HasSubstr("'word' is named twice"),
          HasSubstr("'(' begins after its end"), HasSubstr("'(' is no regular expression"),
          HasSubstr("'x': 'from' is no whole number"), HasSubstr("'x': 'to' is no whole number"),
          HasSubstr("'x' has an unknown key 'upto'")));
}

TEST(HomeConfig, warns_about_commands_that_are_not_there) {
  std::string pattern = (std::filesystem::temp_directory_path() / "sosw-config-XXXXXX").string();
  const std::filesystem::path folder = ::mkdtemp(pattern.data());
  ASSERT_TRUE(replace_file(folder / "worker", "#!/bin/sh\n"));
  ASSERT_TRUE(replace_file(folder / "good", "#!/bin/sh\n"));
  ASSERT_EQ(::chmod((folder / "good").c_str(), 0700), 0);
  const auto checked = check_home_config(R"({"labourers": {
      "a": {"command": ["./worker"]}, "b": {"exec": ["./missing", "x"]}, "c": {"exec": ["no-such-program-here"]},
      "d": {"command": ["./good"]}, "e": {"exec": ["sh"]}, "f": {"exec": ["./good"], "working_dir": "sub"}},
      "alarms": {"command": ["./page.sh"]}})",
                                         folder / "sosw.json");
  std::filesystem::remove_all(folder);
  ASSERT_TRUE(checked.config) << fmt::format("{}", fmt::join(texts(checked.errors), "\n"));
  EXPECT_THAT(texts(checked.warnings),
              ElementsAre(AllOf(HasSubstr("labourer 'a': command"), HasSubstr("chmod +x")),
                          AllOf(HasSubstr("labourer 'b': exec"), HasSubstr("./missing")),
                          AllOf(HasSubstr("labourer 'c'"), HasSubstr("PATH")),
                          AllOf(HasSubstr("labourer 'f'"), HasSubstr("/sub: No such file")),
                          AllOf(HasSubstr("alarms: command"), HasSubstr("page.sh"))));
}

TEST(HomeConfig, reads_a_file_or_says_everything_that_is_wrong_with_it) {
  std::string pattern = (std::filesystem::temp_directory_path() / "sosw-config-XXXXXX").string();
  const std::filesystem::path folder = ::mkdtemp(pattern.data());
  const auto missing = read_home_config(folder / "sosw.json");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::not_found);
  EXPECT_THAT(missing.error().text(), HasSubstr("sosw init"));
  ASSERT_TRUE(replace_file(folder / "sosw.json", R"({"labourers": {"a": {}, "b": {}}})"));
  const auto wrong = read_home_config(folder / "sosw.json");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().text(), AllOf(HasSubstr("labourer 'a'"), HasSubstr("labourer 'b'")));
  ASSERT_TRUE(replace_file(folder / "sosw.json", R"({"labourers": {"a": {"exec": ["true"]}}})"));
  const auto right = read_home_config(folder / "sosw.json");
  ASSERT_TRUE(right) << right.error().text();
  EXPECT_EQ(right->folder, folder);
  std::filesystem::remove_all(folder);
}

TEST(HomeConfigTest, SaysHowTheAttemptsOfEachKindOfWorkerEnd) {
  const std::string_view functions[] = {"inside"};
  const auto checked = check_home_config(R"({"labourers": {
    "child": {"exec": ["/bin/true"]}, "away": {"http": "http://127.0.0.1:1/"}, "inside": {},
    "later": {"command": ["/bin/true"], "completes": "report"},
    "lambda": {"arn": "arn:aws:lambda:us-west-2:000000000000:function:lambda"}}})",
                                         "sosw.json", functions);
  ASSERT_TRUE(checked.config);
  const auto& labourers = checked.config->labourers;
  EXPECT_EQ(labourers.at("child").expiry, Expiry::host);
  EXPECT_EQ(labourers.at("child").on_restart, OnRestart::give_back);
  EXPECT_EQ(labourers.at("away").expiry, Expiry::host);
  EXPECT_EQ(labourers.at("away").on_restart, OnRestart::wait);
  EXPECT_EQ(labourers.at("inside").on_restart, OnRestart::use_attempt);
  EXPECT_EQ(labourers.at("later").expiry, Expiry::deadline);
  EXPECT_EQ(labourers.at("lambda").expiry, Expiry::deadline);
  EXPECT_EQ(labourers.at("lambda").on_restart, OnRestart::wait);
}

}  // namespace
}  // namespace sosw::local
