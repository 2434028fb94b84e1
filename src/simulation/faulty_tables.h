// SPDX-License-Identifier: MIT
// DynamoDB as one process reaches it: with every accident that can happen on the way.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/tables.h"
#include "engine/ports.h"
#include "simulation/faults.h"
#include "simulation/model_tables.h"

namespace sosw::simulation {

// Who asks for a change of the tables, and what he believes.
struct Caller {
  Process* process = nullptr;
  std::shared_ptr<const engine::Labourers> labourers;
  Time told{};            // the time that he gave to the store
  Time began{};           // true time: all that he has looked at is from then on
  bool original = false;  // an Essential of the original
  int lost = 0;           // writes of the call so far that had no answer
  // Requests so far, of all calls, that had no answer or are to be repeated.
  std::uint64_t troubles = 0;
};

class FaultyTables final : public cloud::Tables {
 public:
  // After each request that may have changed the tables, at that moment.
  using Changed = std::function<void(const Caller&)>;
  // `latency_s`: a request takes up to that long even when nothing goes wrong, so that others come
  // between a look and the write behind it. All outlive this object. Only actors of the caller's
  // process call.
  FaultyTables(ModelTables& inner, World& world, Faults& faults, Caller& caller, Changed changed,
               double latency_s)
      : inner_(inner),
        world_(world),
        faults_(faults),
        caller_(caller),
        changed_(std::move(changed)),
        latency_s_(latency_s) {}

  Result<cloud::Written> write(const cloud::Write& write) override;
  Result<cloud::Written> transact(std::span<const cloud::Write> writes,
                                  std::string_view token) override;
  Result<cloud::Page> query(const cloud::Query& query) override;
  Result<std::vector<std::optional<cloud::Item>>> get(std::span<const cloud::Key> keys) override;
  Result<void> append(std::string_view table, std::span<const cloud::Item> items) override;

 private:
  template <class Effect, class Later>
  auto change(Method method, const Effect& effect, const Later& later);
  void travel();
  Result<std::vector<std::optional<cloud::Item>>> read(std::span<const cloud::Key> keys);
  template <class T>
  Result<T> noted(Result<T> answer) {
    if (!answer) ++caller_.troubles;
    return answer;
  }
  void say(std::span<const cloud::Write> writes, const Result<cloud::Written>& written);

  ModelTables& inner_;
  World& world_;
  Faults& faults_;
  Caller& caller_;
  const Changed changed_;
  const double latency_s_;
};

}  // namespace sosw::simulation
