// SPDX-License-Identifier: MIT
// See home.h.
#include "home.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/chunking.h"
#include "engine/scheduler.h"
#include "figures.h"

namespace sosw::bench {
namespace {

constexpr int kInner = 1000;  // words of each topic
constexpr std::int64_t kNoWatermark = 1'000'000'000;

json::object labourer_settings(int limit, const std::string& command) {
  json::object settings{{"max_simultaneous_invocations", limit}};
  if (!command.empty()) settings["command"] = json::array{command};
  return settings;
}

}  // namespace

json::object two_level_job(int rows) {
  json::object topics;
  const int inner = std::min(rows, kInner);
  for (int topic = 0; topic < rows / inner; ++topic) {
    json::array words;
    for (int word = 0; word < inner; ++word) words.emplace_back(fmt::format("word-{:06}", word));
    topics[fmt::format("topic-{:06}", topic)] = json::object{{"words", std::move(words)}};
  }
  return {{"lambda_name", kLabourer},
          {"isolate_words", true},
          {"source", "s3://a-bucket-with-a-name/incoming/2026-11-24/part-00017.parquet"},
          {"note", "a task of a benchmark, about as large as tasks are"},
          {"topics", std::move(topics)}};
}

json::object job_schema() {
  return {{"chunkable_attrs",
           json::array{json::array{"topic", json::object()}, json::array{"word", json::object()}}}};
}

engine::Labourers one_labourer(int limit, const std::string& command) {
  auto labourer = read_labourer(kLabourer, labourer_settings(limit, command), {});
  if (!labourer) give_up(labourer.error().text());
  labourer->expiry = Expiry::host;
  engine::Labourers labourers;
  labourers.emplace(kLabourer, *std::move(labourer));
  return labourers;
}

std::unique_ptr<local::SqliteStore> open_store(const std::filesystem::path& folder,
                                               Synchronous synchronous) {
  auto store =
      local::SqliteStore::open({.path = (folder / "sosw.db").string(), .synchronous = synchronous});
  if (!store) give_up(store.error().text());
  return *std::move(store);
}

double queue_rows(engine::TaskStore& store, const engine::Labourers& labourers, int rows,
                  int batch) {
  const local::SystemClock clock;
  engine::Scheduler::Settings settings;
  settings.schemas = {{"job_schema", job_schema()}};
  const auto planned =
      engine::Scheduler::plan(settings, labourers, two_level_job(rows), clock.now());
  if (!planned) give_up(planned.error().text());
  if (planned->count() != rows) give_up(fmt::format("the job has {} rows", planned->count()));
  engine::Job job;
  job.key = fmt::format("{}", seconds_now());
  job.labourer_id = kLabourer;
  job.description = planned->description();
  job.rows = planned->count();

  const double start = seconds_now();
  const auto accepted = store.accept(job, batch, clock.now());
  if (!accepted) give_up(accepted.error().text());
  std::int64_t made = accepted->made;
  while (made < rows) {
    const auto more = store.make_rows(kLabourer, kNoWatermark, batch, clock.now());
    if (!more) give_up(more.error().text());
    if (more->rows == 0) give_up("the store makes no more rows");
    made += more->rows;
  }
  return seconds_now() - start;
}

std::unique_ptr<engine::Engine> make_engine(engine::TaskStore& store, engine::Invoker& invoker,
                                            Surroundings& surroundings,
                                            const engine::Labourers& labourers) {
  engine::Engine::Settings settings;
  settings.labourers = labourers;
  settings.scheduler.schemas = {{"job_schema", job_schema()}};
  return std::make_unique<engine::Engine>(
      engine::Engine::Ports{store, invoker, surroundings.metrics, surroundings.notifier,
                            surroundings.clock, nullptr},
      std::move(settings));
}

}  // namespace sosw::bench
