// SPDX-License-Identifier: MIT
// One of the four Essentials as a function on AWS Lambda.
#pragma once

#include <boost/json.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/essentials.h"
#include "cloud/self_check.h"
#include "core/result.h"
#include "engine/ports.h"
#include "sosw/processor.h"

namespace sosw::cli {

// By the handler, "sosw_orchestrator" or "orchestrator.anything", else by the name of the function,
// which contains "orchestrator". Error: invalid, with the four.
[[nodiscard]] Result<cloud::Essential> chosen_essential(std::string_view handler,
                                                        std::string_view function);

// By which each message of an event is known when it comes again: a text `id` beside its `job`, or
// that of EventBridge, else the message's id at SQS or SNS, else `request_id`, which Lambda's own
// repeats share. An `id` inside of a job is data. `messages`: those that the event carries.
[[nodiscard]] std::vector<std::string> keys_of(const json::object& event,
                                               const json::array& messages,
                                               const std::string& request_id);

struct Message {
  json::value body;
  std::string key;
};
// What the event carries in envelopes of SNS and SQS, else the event itself, each by its key: see
// keys_of(). One that cannot be taken out of its envelope touches no other: `refused` says why.
[[nodiscard]] std::vector<Message> messages_of(const json::object& event,
                                               const std::string& request_id,
                                               std::optional<Error>& refused);

// What an invocation did, as one line of JSON that CloudWatch reads as metrics, too (its embedded
// metric format). `configured`: labourers.
[[nodiscard]] json::object report_of(cloud::Essential essential, const cloud::RunReport& run,
                                     std::size_t configured, Time began, Time ended);

// Reads its configuration from the table `config` (with SOSW_CONFIG_SOURCE=SSM from parameters),
// anew after a minute. At its first event it looks for what is missing. Events in envelopes of SNS
// and SQS are taken out of them.
class EssentialFunction final : public Processor {
 public:
  // `clock` outlives it. Throws ValueError when nothing says which Essential it is.
  explicit EssentialFunction(const engine::Clock* clock);
  ~EssentialFunction() override;

  [[nodiscard]] json::value get_config(std::string_view) const override { return json::object(); }

  // Scheduler: {"job_id": ..., "tasks": ..., "made": ...}, or {"rows_made": ...} of a
  // {"continue_jobs": true}. WorkerAssistant: the answer. Several messages in one event: a list of
  // these. Orchestrator and Scavenger: null. Throws when a message could not be worked on, after
  // all of them were tried: then the event comes again, and what was done of it is not done twice.
  // Throws when a run has failed, unless it has accepted a job.
  json::value operator()(const json::object& event) override;

 private:
  struct State;
  struct Outcome;
  void schedule(const std::vector<Message>& messages, Time until, Outcome& outcome);

  const std::unique_ptr<State> state_;
};

}  // namespace sosw::cli
