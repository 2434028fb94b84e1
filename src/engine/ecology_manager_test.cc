// SPDX-License-Identifier: MIT
#include "engine/ecology_manager.h"

#include "engine/engine_fixture.h"

namespace sosw::engine {
namespace {

class EcologyManagerTest : public EngineTest {
 protected:
  // A labourer with one metric, asked for with these details.
  void add(const std::string& id, std::string_view details) {
    Labourer made = labourer(id);
    made.health_metrics["cpu"] =
        *read_health_metric("cpu", {{"details", json::parse(details)},
                                    {"feelings", {{"4", 25}}},
                                    {"feeling_comparison_operator", "<="}});
    labourers_.emplace(id, made);
  }

  EcologyManager ecology_{metrics_};
};

TEST_F(EcologyManagerTest, TheOrderOfKeysMakesNoOtherQuestionThatOfAListDoes) {
  add("a", R"({"Name": "cpu", "Dimensions": [{"Name": "db", "Value": 1}, "x"]})");
  add("b", R"({"Dimensions": [{"Value": 1, "Name": "db"}, "x"], "Name": "cpu"})");
  add("c", R"({"Name": "cpu", "Dimensions": ["x", {"Name": "db", "Value": 1}]})");
  metrics_.set(labourers_.at("a").health_metrics["cpu"].details, std::optional(20.0));
  EXPECT_EQ(ecology_.refresh(labourers_, clock_.now()),
            std::vector<std::string>{"c.health_metrics.cpu: no data"});
  EXPECT_EQ(ecology_.status(labourers_.at("a"), clock_.now()), 4);
  EXPECT_EQ(ecology_.status(labourers_.at("b"), clock_.now()), 4);
  EXPECT_EQ(ecology_.status(labourers_.at("c"), clock_.now()), 2);
}

}  // namespace
}  // namespace sosw::engine
