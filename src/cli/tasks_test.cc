// SPDX-License-Identifier: MIT
// What needs no tables: configuration, refusals, health, what is asked of AWS. On tables:
// tests/aws/tasks_test.cc.
#include "sosw/tasks.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "sosw/errors.h"
#include "sosw/processor.h"
#include "support/played_aws.h"

namespace sosw {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HttpReply;
using ::testing::IsEmpty;
using ::testing::SizeIs;

template <class Error, class Call>
std::string thrown(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing of that class was thrown";
  return {};
}

struct Plain : Processor {
  using Processor::Processor;
  json::value operator()(const json::object&) override { return nullptr; }
};

class Tasks : public testing::PlayedAws {
 protected:
  static json::object config(json::object labourers) { return {{"labourers", labourers}}; }
};

TEST_F(Tasks, AreKnownToEveryProcessorByTheirNames) {
  Plain processor({{"init_clients", {"Task", "Ecology"}},
                   {"task_config", config({{"f", {{"max_attempts", 7}}}})}});
  processor.start();
  EXPECT_EQ(processor.client<TaskManager>("task").labourer("f").max_attempts, 7);
  EXPECT_EQ(processor.client<EcologyManager>("ecology").get_labourer_status({}), 4);
  EXPECT_THAT(operations(), IsEmpty());
}

TEST_F(Tasks, ReadTheConfigurationOfTheOriginal) {
  const TaskManager tasks({{"max_attempts", 5},
                           {"max_attempts_g", 2},
                           {"max_simultaneous_invocations", 4},
                           {"dynamo_db_config", {{"field_names", {{"task_id", "id"}}}}},
                           {"labourers",
                            {{"g", {{"arn", "arn:aws:lambda:eu-west-1:1:function:g"}}},
                             {"f", {{"max_simultaneous_invocations", 9}}}}}});
  ASSERT_THAT(tasks.get_labourers(), SizeIs(2));
  const auto& g = tasks.get_labourers()[0];
  EXPECT_EQ(g.id, "g");
  EXPECT_EQ(g.arn, "arn:aws:lambda:eu-west-1:1:function:g");
  EXPECT_EQ(g.max_attempts, 2);
  EXPECT_EQ(g.max_simultaneous_invocations, 4);
  EXPECT_EQ(tasks.labourer("f").max_attempts, 5);
  EXPECT_EQ(tasks.labourer("f").max_simultaneous_invocations, 9);
  EXPECT_EQ(tasks.get_labourer("h"), nullptr);
  EXPECT_THAT(thrown<KeyError>([&] { (void)tasks.labourer("h"); }), HasSubstr("known: g, f"));
  EXPECT_EQ(tasks.get_db_field_name("task_id"), "id");
  EXPECT_EQ(tasks.get_db_field_name("greenfield"), "greenfield");
}

TEST_F(Tasks, NameWhatIsWrongInTheConfiguration) {
  const auto text = thrown<ValueError>([] {
    TaskManager(
        {{"greenfield_task_step", "x"}, {"labourers", {{"f", {{"max_atempts", 1}}}, {"g", 5}}}});
  });
  EXPECT_THAT(text, HasSubstr("greenfield_task_step"));
  EXPECT_THAT(text, HasSubstr("max_atempts"));
  EXPECT_THAT(text, HasSubstr("'g' must be an object"));
}

TEST_F(Tasks, OfATestUseItsTablesOnly) {
  set("STAGE", "test");
  EXPECT_THAT(thrown<AssertionError>([] { TaskManager(); }), HasSubstr("`sosw_tasks`"));
  const TaskManager tasks({{"dynamo_db_config", {{"table_name", "autotest_sosw_tasks"}}},
                           {"sosw_closed_tasks_table", "autotest_sosw_closed_tasks"},
                           {"sosw_retry_tasks_table", "autotest_sosw_retry_tasks"}});
}

TEST_F(Tasks, HavePayloadsAsTheOriginalMakesThem) {
  EXPECT_EQ(TaskManager::construct_payload_for_task({{"payload", R"({"a":1})"}, {"b", 2}}),
            R"({"a": 1, "b": 2})");
  EXPECT_THROW((void)TaskManager::construct_payload_for_task({{"payload", "[1]"}, {"b", 2}}),
               ValueError);
}

TEST_F(Tasks, AreNotCreatedWithFieldsThatAreMadeForThem) {
  TaskManager tasks(config({{"f", json::object()}}));
  const auto& f = tasks.labourer("f");
  for (const auto& [field, value] : json::object{{"task_id", "t"},
                                                 {"created_at", 1},
                                                 {"greenfield", 5},
                                                 {"attempts", 1},
                                                 {"labourer_id", "g"}})
    EXPECT_THAT(thrown<ValueError>([&] {
                  tasks.create_task(f, {{field, value}});
                }),
                HasSubstr(std::string(field)));
  for (const auto& [field, value] :
       json::object{{"task_id", 1}, {"created_at", 1}, {"greenfield", "x"}, {"attempts", 1}})
    EXPECT_THAT(thrown<ValueError>([&] {
                  tasks.create_task(f, {{field, value}}, false);
                }),
                HasSubstr(std::string(field)));
  EXPECT_THAT(operations(), IsEmpty());
}

TEST_F(Tasks, SayWhyTheTablesGiveNothing) {
  on_call = [](const Call&) { return refusal("AccessDeniedException"); };
  TaskManager tasks(config({{"f", json::object()}}));
  const auto& f = tasks.labourer("f");
  EXPECT_THAT(thrown<RuntimeError>([&] { tasks.create_task(f); }),
              HasSubstr("AccessDeniedException"));
  EXPECT_THAT(thrown<RuntimeError>([&] { tasks.get_length_of_queue_for_labourer(f); }),
              HasSubstr("AccessDeniedException"));
}

TEST_F(Tasks, AreQueuedThoughTheyCannotBeReadBack) {
  bool written = false;
  on_call = [&](const Call& call) {
    if (written) return refusal("AccessDeniedException");
    written = call.operation == "TransactWriteItems";
    return HttpReply{.body = "{}"};
  };
  TaskManager tasks(config({{"f", json::object()}}));
  const auto made = tasks.create_task(tasks.labourer("f"), {{"n", 1}});
  EXPECT_TRUE(written);
  EXPECT_EQ(made.at("labourer_id"), "f");
  EXPECT_THAT(json::value_to<std::string>(made.at("task_id")), SizeIs(32));
  EXPECT_FALSE(tasks.is_valid_task(made));
}

// ------------------------------------------------------------------------------------------------

class Ecology : public testing::PlayedAws {
 protected:
  static json::object metric(json::object details, json::object more = {}) {
    json::object out = {{"details", std::move(details)},
                        {"feelings", {{"3", 50}, {"4", 25}}},
                        {"feeling_comparison_operator", "<="}};
    for (const auto& [key, value] : more) out[key] = value;
    return out;
  }
  static TaskManager::Labourer labourer(json::object metrics) {
    TaskManager::Labourer out;
    out.id = "f";
    out.config = {{"health_metrics", std::move(metrics)}};
    return out;
  }
  void answer(std::string datapoints) {
    on_call = [datapoints = std::move(datapoints)](const Call&) {
      return HttpReply{.body = "<Datapoints>" + datapoints + "</Datapoints>"};
    };
  }
};

TEST_F(Ecology, HasTheStatusesOfTheOriginal) {
  std::string all;
  for (const auto& [status, name] : EcologyManager::eco_statuses())
    all += std::to_string(status) + " " + std::string(name) + ", ";
  EXPECT_EQ(all, "0 Bad, 1 Poor, 2 Moderate, 3 Good, 4 High, ");
}

TEST_F(Ecology, ComparesAValueWithFeelings) {
  const auto of = [&](double value) { return EcologyManager::get_health(value, metric({})); };
  EXPECT_EQ(of(25), 4);
  EXPECT_EQ(of(25.000001), 3);
  EXPECT_EQ(of(50), 3);
  EXPECT_EQ(of(51), 0);
  EXPECT_THROW((void)EcologyManager::get_health(1, {{"details", json::object()}}), ValueError);
}

TEST_F(Ecology, AsksCloudWatchForTheLastMinutes) {
  answer("<member><Average>10</Average></member><member><Average>50.5</Average></member>");
  EcologyManager ecology({{"default_metric_values", {{"Period", 30}}}});
  EXPECT_EQ(ecology.fetch_metric_stats({{"Name", "Cpu"}, {"Namespace", "AWS/RDS"}}), 30.25);
  ASSERT_THAT(operations(), ElementsAre("GetMetricStatistics"));
  auto asked = calls()[0].params;
  const auto start = json::value_to<std::string>(asked.at("StartTime"));
  const auto end = json::value_to<std::string>(asked.at("EndTime"));
  EXPECT_THAT(start, SizeIs(20));
  EXPECT_LT(start, end);
  asked.erase("StartTime");
  asked.erase("EndTime");
  EXPECT_EQ(asked, (json::object{{"MetricName", "Cpu"},
                                 {"Namespace", "AWS/RDS"},
                                 {"Period", 30},
                                 {"Statistics", {"Average"}}}));
}

TEST_F(Ecology, FoldsEachStatisticInItsWay) {
  EcologyManager ecology;
  const auto of = [&](const std::string& name) {
    answer("<member><" + name + ">2</" + name + "></member><member><" + name + ">6</" + name +
           "></member>");
    return ecology.fetch_metric_stats(
        {{"MetricName", "m"}, {"Namespace", "n"}, {"Statistics", {name}}});
  };
  EXPECT_EQ(of("Average"), 4);
  EXPECT_EQ(of("Sum"), 8);
  EXPECT_EQ(of("SampleCount"), 8);
  EXPECT_EQ(of("Minimum"), 2);
  EXPECT_EQ(of("Maximum"), 6);
  EXPECT_THROW(ecology.fetch_metric_stats({{"Statistics", {"Sum", "Average"}}}), AssertionError);
  EXPECT_THROW(ecology.fetch_metric_stats({{"ExtendedStatistics", {"p99"}}}), AssertionError);
}

TEST_F(Ecology, TakesTheWorstOfALabourersMetrics) {
  on_call = [](const Call& call) {
    const bool bad = call.params.at("MetricName") == "bad";
    return HttpReply{.body = std::string("<Datapoints><member><Average>") + (bad ? "90" : "30") +
                             "</Average></member></Datapoints>"};
  };
  EcologyManager ecology;
  const json::object good = {{"MetricName", "good"}};
  EXPECT_EQ(ecology.get_labourer_status(labourer({})), 4);
  EXPECT_EQ(ecology.get_labourer_status(labourer({{"a", metric(good)}, {"b", metric(good)}})), 3);
  EXPECT_THAT(calls(), SizeIs(1));  // the same question
  EXPECT_EQ(ecology.get_labourer_status(
                labourer({{"a", metric(good)}, {"b", metric({{"MetricName", "bad"}})}})),
            0);
  EXPECT_THAT(calls(), SizeIs(2));
  TaskManager tasks;
  ecology.register_task_manager(tasks);
  EXPECT_EQ(ecology.get_labourer_status(labourer({{"a", metric(good)}})), 3);
  EXPECT_THAT(calls(), SizeIs(3));
}

TEST_F(Ecology, NoDataIsAStatusAndARefusalAnError) {
  answer("");
  EcologyManager ecology;
  EXPECT_EQ(ecology.get_labourer_status(labourer({{"a", metric({{"MetricName", "m"}})}})), 2);
  EXPECT_EQ(ecology.get_labourer_status(
                labourer({{"a", metric({{"MetricName", "m"}}, {{"no_data", 1}})}})),
            1);
  on_call = [](const Call&) {
    return HttpReply{.status = 403,
                     .body =
                         "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message>"
                         "</Error></ErrorResponse>"};
  };
  EXPECT_THROW(ecology.get_labourer_status(labourer({{"a", metric({{"MetricName", "other"}})}})),
               AwsError);
  EXPECT_THROW(ecology.get_labourer_status(labourer({{"a", 5}})), ValueError);
}

TEST_F(Ecology, AsksLambdaForTheTimeout) {
  on_call = [](const Call&) { return HttpReply{.body = R"({"Timeout": 77})"}; };
  EcologyManager ecology;
  EXPECT_EQ(ecology.get_max_labourer_duration(labourer({})), 77);
  ASSERT_THAT(operations(), ElementsAre("GetFunctionConfiguration"));
  EXPECT_EQ(calls()[0].params.at("FunctionName"), "f");
}

TEST_F(Ecology, CountsNothingWithoutATaskManager) {
  EcologyManager ecology;
  EXPECT_THROW(ecology.count_running_tasks_for_labourer(labourer({})), RuntimeError);
  EXPECT_THROW(ecology.get_labourer_average_duration(labourer({})), RuntimeError);
  EXPECT_THAT(operations(), IsEmpty());
}

}  // namespace
}  // namespace sosw
