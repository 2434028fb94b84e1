// SPDX-License-Identifier: MIT
// The whole engine inside of a C++ program: queue, limits, retries and history in one file on this
// machine, workers that are functions of the program. Link sosw::engine.
//
//   sosw::Engine engine({.data_folder = "queue"}, {{"resize", [](const boost::json::object& event)
//   {
//     return resize(event.at("image").as_string());
//   }}});
//   engine.schedule({{"lambda_name", "resize"}, {"image", "cat.png"}});
//   engine.run_until_empty();
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace sosw {

// One engine a data folder and a time: a second one, or `sosw run`, is refused.
class Engine {
 public:
  struct Options {
    std::string data_folder = ".sosw";  // made when it is not there
    // The content of a sosw.json: job_schema, labourers (limits, attempts, retry), alarms... May be
    // empty: then each function is a labourer with the defaults, one invocation at a time.
    boost::json::object config;
    bool durable =
        true;  // false: a power cut may take the newest commits; a crash of the program takes none
    int threads = 0;  // that run the functions; 0: as many as the machine has
  };
  // Gets the event (the task's payload, task_id, attempts...). What it returns is the result of the
  // task; an exception fails the attempt, and the retry policy decides. Called from several
  // threads; it has no timeout.
  using Function = std::function<boost::json::value(const boost::json::object& event)>;

  // Throws std::runtime_error whose text says what is wrong and how to mend it.
  Engine(Options options, std::map<std::string, Function, std::less<>> functions);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  struct Scheduled {
    std::string job_id;
    std::int64_t tasks = 0;
    bool already = false;  // a job of that key had been accepted before
  };
  // Queues a job; when it returns, the job is on the disk. `key` makes it idempotent. Any thread,
  // also while the engine runs. Throws std::runtime_error: nothing was queued.
  Scheduled schedule(const boost::json::object& job, std::string key = {});

  struct Summary {
    std::int64_t died = 0;  // tasks that have used all their attempts in this run
    std::string stuck;      // why something is left that cannot move; empty: nothing is left
  };
  // Works until nothing is left to do. Every task has been tried at least once; twice when the
  // program died in between.
  Summary run_until_empty();
  // Works until stop() is called, by another thread or a function.
  void run();
  void stop();

 private:
  class Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace sosw
