// SPDX-License-Identifier: MIT
// The in-memory models pass the suites that they are the measure of.
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

}  // namespace
}  // namespace sosw::conformance
