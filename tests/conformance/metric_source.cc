// SPDX-License-Identifier: MIT
// The promises of engine::MetricSource.
#include "metric_source.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace sosw::conformance {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> MetricSourceTest::ask(const std::vector<json::object>& details) {
  std::vector<std::string> answers;
  for (const auto& value : opened_->source().values(details, from_epoch(1'795'000'000))) {
    if (!value) {
      EXPECT_NE(value.error().message, "");
      answers.emplace_back("error");
    } else {
      answers.push_back(*value ? fmt::format("{}", **value) : "no data");
    }
  }
  return answers;
}

TEST_P(MetricSourceTest, each_question_has_its_answer_in_order) {
  const auto small = opened_->set(0, 0.5), large = opened_->set(1, 17);
  EXPECT_THAT(ask({large, small, large}), ElementsAre("17", "0.5", "17"));
  EXPECT_THAT(ask({}), IsEmpty());
}

TEST_P(MetricSourceTest, a_value_is_the_newest) {
  opened_->set(0, 1);
  EXPECT_THAT(ask({opened_->set(0, 2)}), ElementsAre("2"));
  EXPECT_THAT(ask({opened_->set(0, 3)}), ElementsAre("3"));
}

TEST_P(MetricSourceTest, no_data_is_no_error) {
  EXPECT_THAT(ask({opened_->set(0, std::nullopt)}), ElementsAre("no data"));
}

TEST_P(MetricSourceTest, an_error_touches_no_other) {
  const auto first = opened_->set(0, 1), spoiled = opened_->spoil(1), last = opened_->set(2, 3);
  EXPECT_THAT(ask({first, spoiled, last}), ElementsAre("1", "error", "3"));
}

}  // namespace sosw::conformance
