// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <atomic>
#include <boost/json.hpp>
#include <stdexcept>
#include <thread>

#include "sosw/engine.h"
#include "support/scratch_folder.h"

namespace sosw {
namespace {

namespace json = boost::json;

class Embedded : public ::testing::Test {
 protected:
  Engine::Options options(json::object config = {}) {
    Engine::Options made;
    made.data_folder = (folder_.path() / "data").string();
    made.config = std::move(config);
    made.durable = false;
    return made;
  }
  static json::object words(int n) {
    json::array list;
    for (int i = 0; i < n; ++i) list.push_back(json::value("w" + std::to_string(i)));
    return {{"lambda_name", "count"}, {"words", std::move(list)}, {"isolate_words", true}};
  }
  const json::object schema_ =
      json::parse(R"({"job_schema": {"chunkable_attrs": [["word", {}]]}})").as_object();
  testing::ScratchFolder folder_;
};

TEST_F(Embedded, RunsAJobOverAFunctionOfTheProgram) {
  std::atomic<int> calls = 0;
  Engine engine(options(schema_),
                {{"count", [&](const json::object& event) -> json::value {
                    ++calls;
                    return {{"length", event.at("words").at(0).as_string().size()}};
                  }}});
  const auto scheduled = engine.schedule(words(20), "key");
  EXPECT_EQ(scheduled.tasks, 20);
  EXPECT_TRUE(engine.schedule(words(20), "key").already);
  const auto summary = engine.run_until_empty();
  EXPECT_EQ(calls, 20);
  EXPECT_EQ(summary.died, 0);
  EXPECT_EQ(summary.stuck, "");
}

TEST_F(Embedded, AnExceptionIsTriedAgainAndThenDies) {
  json::object config = schema_;
  config["labourers"] = {
      {"count", {{"max_attempts", 2}, {"retry", {{"policy", "fixed"}, {"base_s", 0}}}}}};
  std::atomic<int> calls = 0;
  Engine engine(options(config), {{"count", [&](const json::object&) -> json::value {
                                     ++calls;
                                     throw std::runtime_error("no luck");
                                   }}});
  engine.schedule(words(3));
  EXPECT_EQ(engine.run_until_empty().died, 3);
  EXPECT_EQ(calls, 6);
}

TEST_F(Embedded, KeepsWhatIsLeftForTheNextRun) {
  {
    Engine engine(options(schema_), {{"count", [](const json::object&) { return json::value(); }}});
    engine.schedule(words(5));
  }
  std::atomic<int> calls = 0;
  Engine engine(options(schema_),
                {{"count", [&](const json::object&) -> json::value { return ++calls, nullptr; }}});
  engine.run_until_empty();
  EXPECT_EQ(calls, 5);
}

TEST_F(Embedded, StopsWhenAFunctionSaysSo) {
  Engine* running = nullptr;
  Engine engine(
      options(schema_),
      {{"count", [&](const json::object&) -> json::value { return running->stop(), nullptr; }}});
  running = &engine;
  engine.schedule(words(1));
  engine.run();
}

TEST_F(Embedded, SaysWhatIsWrong) {
  const auto says = [](auto what, const char* text) {
    try {
      what();
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
    }
  };
  says(
      [&] {
        Engine(options({{"labourers", {{"count", {{"max_atempts", 1}}}}}}), {{"count", {}}});
      },
      "max_attempts");
  says([&] { Engine(options({{"labourers", {{"other", json::object()}}}}), {}); }, "other");
  Engine engine(options(schema_), {{"count", [](const json::object&) { return json::value(); }}});
  says([&] { engine.schedule({{"lambda_name", "cuont"}}); }, "count");
  says([&] { Engine(options(schema_), {}); }, "data");  // the folder has its engine
}

}  // namespace
}  // namespace sosw
