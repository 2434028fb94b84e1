// SPDX-License-Identifier: MIT
// The in-memory models pass the suites that they are the measure of.
#include "invoker.h"
#include "metric_source.h"
#include "notifier.h"
#include "simulation/model_ports.h"
#include "simulation/model_store.h"
#include "task_store.h"

namespace sosw::conformance {
namespace {

class OpenModel final : public OpenStore {
 public:
  explicit OpenModel(const StoreSettings& settings)
      : store_({.two_step = settings.two_step, .task_step = settings.task_step}) {}
  engine::TaskStore& store() override { return store_; }

 private:
  simulation::ModelStore store_;
};

INSTANTIATE_TEST_SUITE_P(Model, TaskStoreTest,
                         ::testing::Values(StoreUnderTest{
                             "model", [](const StoreSettings& settings) {
                               return std::make_unique<OpenModel>(settings);
                             }}));

class OpenRecording final : public OpenNotifier {
 public:
  engine::Notifier& notifier() override { return notifier_; }
  bool refuse(bool refused) override {
    notifier_.refuse(refused ? std::optional(Error{Code::unavailable, "no network", {}})
                             : std::nullopt);
    return true;
  }
  std::vector<std::vector<std::string>> delivered() override {
    std::vector<std::string> messages;
    for (const auto& alarm : notifier_.delivered()) messages.push_back(alarm.message);
    return {messages};
  }

 private:
  simulation::RecordingNotifier notifier_;
};
INSTANTIATE_TEST_SUITE_P(Model, NotifierTest,
                         ::testing::Values(NotifierUnderTest{
                             "model", [] { return std::make_unique<OpenRecording>(); }}));

class OpenModelMetrics final : public OpenMetrics {
 public:
  engine::MetricSource& source() override { return metrics_; }
  json::object set(int n, std::optional<double> value) override {
    metrics_.set({{"n", n}}, value);
    return {{"n", n}};
  }
  json::object spoil(int n) override {
    metrics_.set({{"n", n}}, Error{Code::unavailable, "throttled", {}});
    return {{"n", n}};
  }

 private:
  simulation::ModelMetrics metrics_;
};
INSTANTIATE_TEST_SUITE_P(Model, MetricSourceTest,
                         ::testing::Values(MetricsUnderTest{
                             "model", [] { return std::make_unique<OpenModelMetrics>(); }}));

class OpenScripted final : public OpenInvoker {
 public:
  OpenScripted() {
    labourer_.id = "worker";
    invoker_.answer_by([](const auto& call) -> engine::Invoked {
      if (call.labourer_id == "worker") return {};
      return {engine::Invoked::Outcome::rejected_labourer, "not known"};
    });
  }
  engine::Invoker& invoker() override { return invoker_; }
  const Labourer& labourer() override { return labourer_; }

 private:
  Labourer labourer_;
  simulation::ScriptedInvoker invoker_;
};
INSTANTIATE_TEST_SUITE_P(Model, InvokerTest,
                         ::testing::Values(InvokerUnderTest{
                             "model",
                             [](const auto&) { return std::make_unique<OpenScripted>(); }}));
// It starts nothing, so nothing of it ends.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(InvokerEndsTest);

}  // namespace
}  // namespace sosw::conformance
