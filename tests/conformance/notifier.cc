// SPDX-License-Identifier: MIT
// The promises of engine::Notifier.
#include "notifier.h"

#include <gmock/gmock.h>

namespace sosw::conformance {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

// Number 0: one that is in no store.
engine::Alarm alarm(std::int64_t number, std::string message) {
  return {.number = number,
          .kind = engine::Alarm::Kind::dead_task,
          .labourer_id = "word_count",
          .task_id = "a task",
          .message = std::move(message),
          .at = from_epoch(1'795'000'000)};
}

TEST_P(NotifierTest, every_alarm_is_delivered_in_order) {
  const auto opened = GetParam().open();
  ASSERT_TRUE(opened->notifier().notify(std::vector{alarm(1, "first"), alarm(2, "second")}));
  ASSERT_TRUE(opened->notifier().notify(std::vector{alarm(7, "third")}));
  EXPECT_THAT(opened->delivered(), Not(IsEmpty()));
  EXPECT_THAT(opened->delivered(), Each(ElementsAre("first", "second", "third")));
}

TEST_P(NotifierTest, what_was_not_delivered_is_told_and_delivered_when_it_is_sent_again) {
  const auto opened = GetParam().open();
  const bool refuses = opened->refuse(true);
  const std::vector alarms = {alarm(1, "first"), alarm(2, "second")};
  const auto sent = opened->notifier().notify(alarms);
  ASSERT_EQ(!sent, refuses);
  if (refuses) {
    EXPECT_NE(sent.error().message, "");
  }
  opened->refuse(false);
  ASSERT_TRUE(opened->notifier().notify(alarms));
  EXPECT_THAT(opened->delivered(), Each(ElementsAre("first", "second")));
}

TEST_P(NotifierTest, alarms_that_are_in_no_store_are_delivered_too) {
  const auto opened = GetParam().open();
  ASSERT_TRUE(opened->notifier().notify(std::vector{alarm(5, "stored")}));
  ASSERT_TRUE(opened->notifier().notify(std::vector{alarm(0, "blocked")}));
  ASSERT_TRUE(opened->notifier().notify(std::vector{alarm(0, "blocked again")}));
  EXPECT_THAT(opened->delivered(), Each(ElementsAre("stored", "blocked", "blocked again")));
}

TEST_P(NotifierTest, nothing_to_deliver_is_no_message_and_no_error) {
  const auto opened = GetParam().open();
  EXPECT_TRUE(opened->notifier().notify({}));
  EXPECT_THAT(opened->delivered(), Each(IsEmpty()));
}

}  // namespace
}  // namespace sosw::conformance
