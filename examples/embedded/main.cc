// SPDX-License-Identifier: MIT
// A queue inside of a program: three tasks, one function, everything kept in the folder "queue".
#include <sosw/engine.h>

#include <atomic>
#include <boost/json.hpp>
#include <cstdio>
#include <exception>
#include <string>

int main() {
  std::atomic<int> letters = 0;
  try {
    sosw::Engine::Options options;
    options.data_folder = "queue";
    options.config =
        boost::json::parse(R"({"job_schema": {"chunkable_attrs": [["word", {}]]}})").as_object();
    sosw::Engine engine(options,
                        {{"measure", [&](const boost::json::object& event) -> boost::json::value {
                            const auto& word = event.at("words").at(0).as_string();
                            letters += static_cast<int>(word.size());
                            return {{"letters", word.size()}};
                          }}});
    engine.schedule(
        {{"lambda_name", "measure"}, {"words", {"cat", "horse", "bee"}}, {"isolate_words", true}});
    const auto summary = engine.run_until_empty();
    std::printf("%d letters, %d died\n", letters.load(), static_cast<int>(summary.died));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
