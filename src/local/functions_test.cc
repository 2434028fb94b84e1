// SPDX-License-Identifier: MIT
#include "local/functions.h"

#include <gtest/gtest.h>

#include <latch>
#include <set>
#include <stdexcept>

namespace sosw::local {
namespace {

using Outcome = engine::Invoked::Outcome;

class FunctionsTest : public testing::Test {
 protected:
  Labourer f_ = [] {
    Labourer made;
    made.id = "f";
    return made;
  }();
  std::mutex mutex_;
  std::vector<Report> reports_;
  Functions::Finished keep(std::latch& done) {
    return [this, &done](std::vector<Report> reports) {
      const std::lock_guard lock(mutex_);
      for (Report& report : reports) {
        reports_.push_back(std::move(report));
        done.count_down();
      }
    };
  }
};

TEST_F(FunctionsTest, ReportsWhatEachCallGave) {
  std::latch done(5);
  Functions functions({{"f",
                        [](const json::object& event) -> json::value {
                          const std::string_view what = event.at("what").as_string();
                          if (what == "object") return {{"a", 1}};
                          if (what == "value") return 7;
                          if (what == "throw") throw std::runtime_error("no luck");
                          if (what == "odd") throw 42;
                          return nullptr;
                        }}},
                      keep(done), 1);
  std::vector<engine::Invocation> calls;
  for (const char* what : {"object", "value", "throw", "odd", "null"}) {
    calls.push_back({what, "c1", std::string(R"({"what": ")") + what + "\"}", &f_});
  }
  for (const auto& outcome : functions.invoke(calls)) EXPECT_EQ(outcome.outcome, Outcome::accepted);
  done.wait();
  ASSERT_EQ(reports_.size(), 5u);
  EXPECT_EQ(reports_[0].kind, Report::Kind::completed);
  EXPECT_EQ(reports_[0].task_id, "object");
  EXPECT_EQ(reports_[0].claim, "c1");
  EXPECT_EQ(reports_[0].result, (json::object{{"a", 1}}));
  EXPECT_EQ(reports_[1].result, (json::object{{"value", 7}}));
  EXPECT_EQ(reports_[2].kind, Report::Kind::failed);
  EXPECT_EQ(reports_[2].result.at("error"), "no luck");
  EXPECT_EQ(reports_[3].kind, Report::Kind::failed);
  EXPECT_TRUE(reports_[4].result.empty());
}

// One that it does not know of would expire while it runs, and run twice.
TEST_F(FunctionsTest, KnowsAnAttemptUntilItsEndHasBeenTold) {
  std::latch begun(1), go_on(1);
  bool while_told = false;
  {
    Functions* self = nullptr;
    Functions functions(
        {{"f",
          [&](const json::object&) -> json::value {
            begun.count_down();
            go_on.wait();
            return nullptr;
          }}},
        [&](const std::vector<Report>&) { while_told = self->running("t", "c1"); }, 1);
    self = &functions;
    EXPECT_FALSE(functions.running("t", "c1"));
    functions.invoke(std::vector<engine::Invocation>{{"t", "c1", "{}", &f_}});
    begun.wait();
    EXPECT_TRUE(functions.running("t", "c1"));
    EXPECT_FALSE(functions.running("t", "c2"));
    go_on.count_down();
    while (functions.running("t", "c1")) std::this_thread::yield();
  }
  EXPECT_TRUE(while_told);
}

TEST_F(FunctionsTest, RunsOnAllItsThreads) {
  std::latch done(2);
  std::latch both(2);  // each call waits for the other one
  Functions functions({{"f",
                        [&](const json::object&) -> json::value {
                          both.arrive_and_wait();
                          return nullptr;
                        }}},
                      keep(done), 2);
  const std::vector<engine::Invocation> calls(2, {"t", "c1", "{}", &f_});
  functions.invoke(calls);
  done.wait();
  EXPECT_EQ(reports_.size(), 2u);
}

TEST_F(FunctionsTest, RefusesALabourerWithoutFunction) {
  std::latch done(0);
  Functions functions({}, keep(done), 1);
  const std::vector<engine::Invocation> calls{{"t", "c1", "{}", &f_}};
  const auto outcomes = functions.invoke(calls);
  EXPECT_EQ(outcomes.at(0).outcome, Outcome::rejected_labourer);
  EXPECT_NE(outcomes.at(0).reason.find("'f'"), std::string::npos);
}

}  // namespace
}  // namespace sosw::local
