// SPDX-License-Identifier: MIT
#include "core/queue_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sosw {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(QueueFile, RowsArePoppedWithTheirLineFeeds) {
  std::string_view text = "a\n\nb\nc";
  EXPECT_THAT(pop_rows_from_file(text, 2), ElementsAre("a\n", "\n"));
  EXPECT_EQ(text, "b\nc");
  EXPECT_THAT(pop_rows_from_file(text, 9), ElementsAre("b\n", "c"));
  EXPECT_EQ(text, "");
  EXPECT_THAT(pop_rows_from_file(text, 9), ElementsAre());
}

TEST(QueueFile, ARowIsTheLabourerAndItsPayload) {
  const auto row = read_queue_file_row("{\"b\": 1, \"labourer_id\": \"f\", \"a\": [2]}\n");
  ASSERT_TRUE(row) << row.error().text();
  EXPECT_EQ(row->labourer_id, "f");
  EXPECT_EQ(row->payload, R"({"b": 1, "a": [2]})");
}

TEST(QueueFile, WhatIsNoRowIsRefused) {
  for (const auto* no_row : {"5", "[]", "{}", R"({"labourer_id": 5})"}) {
    const auto row = read_queue_file_row(no_row);
    ASSERT_FALSE(row) << no_row;
    EXPECT_EQ(row.error().code, Code::invalid);
    EXPECT_THAT(row.error().message, HasSubstr("no object with a labourer_id"));
  }
  EXPECT_THAT(read_queue_file_row("{\"a\":").error().message,
              HasSubstr("row of a queue file: not JSON"));
}

}  // namespace
}  // namespace sosw
