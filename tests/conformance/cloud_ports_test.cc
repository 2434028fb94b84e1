// SPDX-License-Identifier: MIT
// The adapters on AWS pass the suites of the small ports; AWS is played.
#include <fmt/format.h>

#include <array>
#include <mutex>
#include <regex>
#include <sstream>
#include <utility>

#include "cloud/alarm_notifier.h"
#include "cloud/cloudwatch_metrics.h"
#include "cloud/lambda_invoker.h"
#include "core/json_text.h"
#include "invoker.h"
#include "metric_source.h"
#include "notifier.h"
#include "support/aws_peer.h"

namespace sosw::conformance {
namespace {

using testing::AwsPeer;
using testing::AwsRequest;
using testing::HttpReply;

aws::ClientOptions client_of(const AwsPeer& peer) {
  return {.region = "eu-west-1",
          .endpoint = peer.url(),
          .tries = 1,
          .longest_first_pause = std::chrono::milliseconds(1)};
}

// --- Notifiers

class OpenCloudNotifier final : public OpenNotifier {
 public:
  OpenCloudNotifier(bool topic, bool function) : topic_(topic), function_(function) {
    cloud::AlarmNotifier::Options options{.client = client_of(peer_)};
    if (topic) options.topic_arn = "arn:aws:sns:eu-west-1:123456789012:sosw_info";
    if (function) options.function = "on_alarm";
    notifier_ = std::make_unique<cloud::AlarmNotifier>(std::move(options));
  }
  engine::Notifier& notifier() override { return *notifier_; }

  // Only the last of several places, so that the others have got the alarms when one fails.
  bool refuse(bool refused) override {
    const std::lock_guard lock(mutex_);
    refused_ = refused;
    return true;
  }

  std::vector<std::vector<std::string>> delivered() override {
    const std::lock_guard lock(mutex_);
    std::vector<std::vector<std::string>> all;
    if (topic_) all.push_back(published_);
    if (function_) all.push_back(invoked_);
    return all;
  }

 private:
  HttpReply answer(const AwsRequest& request) {
    const std::lock_guard lock(mutex_);
    const bool to_topic = request.operation == "Publish";
    if (refused_ && to_topic != function_) return {.status = 500};
    if (to_topic) {
      std::istringstream lines(std::string(request.params.at("Message").as_string()));
      const std::regex pattern("Closing dead task: a task \\(labourer word_count\\): (.*)");
      std::smatch match;
      for (std::string line; std::getline(lines, line);)
        if (std::regex_match(line, match, pattern)) published_.push_back(match[1]);
      return {.body = "<MessageId>1</MessageId>"};
    }
    const auto event = parse_json(request.params.at("Payload").as_string());
    for (const auto& alarm : event->at("alarms").as_array())
      invoked_.emplace_back(alarm.at("message").as_string());
    return {.status = 202};
  }

  const bool topic_, function_;
  std::mutex mutex_;
  bool refused_ = false;
  std::vector<std::string> published_, invoked_;
  AwsPeer peer_{AwsPeer::Replies([this](const AwsRequest& request) { return answer(request); })};
  std::unique_ptr<cloud::AlarmNotifier> notifier_;
};

NotifierUnderTest notifier(std::string name, bool topic, bool function) {
  return {std::move(name), [=] { return std::make_unique<OpenCloudNotifier>(topic, function); }};
}
INSTANTIATE_TEST_SUITE_P(Cloud, NotifierTest,
                         ::testing::Values(notifier("topic", true, false),
                                           notifier("function", false, true),
                                           notifier("both", true, true)));

// --- Metrics

class OpenCloudWatch final : public OpenMetrics {
 public:
  engine::MetricSource& source() override { return metrics_; }
  json::object set(int n, std::optional<double> value) override {
    const std::lock_guard lock(mutex_);
    values_.at(static_cast<std::size_t>(n)) = value;
    return {{"Namespace", "N"}, {"MetricName", fmt::format("{}", n)}};
  }
  json::object spoil(int n) override {
    const std::lock_guard lock(mutex_);
    spoiled_ = fmt::format("{}", n);
    return {{"Namespace", "N"}, {"MetricName", spoiled_}};
  }

 private:
  // A request with a metric that is not taken is refused as a whole.
  HttpReply answer(const AwsRequest& request) {
    const std::lock_guard lock(mutex_);
    std::string members;
    for (const auto& query : request.params.at("MetricDataQueries").as_array()) {
      const std::string name(query.at_pointer("/MetricStat/Metric/MetricName").as_string());
      if (name == spoiled_)
        return {.status = 400,
                .body =
                    "<ErrorResponse><Error><Code>ValidationError</Code>"
                    "<Message>no such metric</Message></Error></ErrorResponse>"};
      const auto value = values_.at(std::stoul(name));
      members += fmt::format(
          "<member><Id>{}</Id><StatusCode>Complete</StatusCode><Values>{}</Values></member>",
          std::string_view(query.at("Id").as_string()),
          value ? fmt::format("<member>{}</member>", *value) : "");
    }
    return {.body = "<MetricDataResults>" + members + "</MetricDataResults>"};
  }

  std::mutex mutex_;
  std::array<std::optional<double>, 3> values_;
  std::string spoiled_;
  AwsPeer peer_{AwsPeer::Replies([this](const AwsRequest& request) { return answer(request); })};
  cloud::CloudWatchMetrics metrics_{{.client = client_of(peer_)}};
};

INSTANTIATE_TEST_SUITE_P(Cloud, MetricSourceTest,
                         ::testing::Values(MetricsUnderTest{
                             "cloudwatch", [] { return std::make_unique<OpenCloudWatch>(); }}));

// --- Invokers

class OpenLambda final : public OpenInvoker {
 public:
  OpenLambda() { labourer_.id = "worker"; }
  engine::Invoker& invoker() override { return invoker_; }
  const Labourer& labourer() override { return labourer_; }

 private:
  Labourer labourer_;
  AwsPeer peer_{AwsPeer::Replies([](const AwsRequest& request) -> HttpReply {
    if (request.params.at("FunctionName") == "worker") return {};
    return {.status = 404,
            .headers = {{"x-amzn-ErrorType", "ResourceNotFoundException"}},
            .body = R"({"message": "Function not found"})"};
  })};
  cloud::LambdaInvoker invoker_{{.client = client_of(peer_)}};
};

// It does not see how attempts end: of the suites only the first is for it.
INSTANTIATE_TEST_SUITE_P(Cloud, InvokerTest,
                         ::testing::Values(InvokerUnderTest{"lambda", [](const auto&) {
                                                              return std::make_unique<OpenLambda>();
                                                            }}));
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(InvokerEndsTest);

}  // namespace
}  // namespace sosw::conformance
