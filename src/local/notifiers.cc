// SPDX-License-Identifier: MIT
// The targets of alarms, and what each has got.
#include "local/notifiers.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <functional>
#include <mutex>
#include <utility>

#include "core/json_text.h"
#include "local/http.h"
#include "local/rules.h"
#include "local/subprocess.h"

namespace sosw::local {
namespace {

using engine::Alarm;

std::string_view name(Alarm::Kind kind) {
  switch (kind) {
    case Alarm::Kind::dead_task:
      return "dead_task";
    case Alarm::Kind::labourer_blocked:
      return "labourer_blocked";
    case Alarm::Kind::labourer_removed:
      return "labourer_removed";
    case Alarm::Kind::store:
      return "store";
  }
  return "unknown";
}

std::string message(std::span<const Alarm> alarms) {
  constexpr std::size_t kShown = 20;
  std::string text = fmt::format("sosw: {} alarm{}", alarms.size(), alarms.size() == 1 ? "" : "s");
  json::array list;
  for (const Alarm& alarm : alarms) {
    if (list.size() < kShown) text += fmt::format("\n{}", alarm.message);
    list.push_back({{"number", alarm.number},
                    {"kind", name(alarm.kind)},
                    {"labourer_id", alarm.labourer_id},
                    {"task_id", alarm.task_id},
                    {"message", alarm.message},
                    {"at", utc_text(alarm.at)}});
  }
  if (list.size() > kShown) text += fmt::format("\n... and {} more", list.size() - kShown);
  return json_text(json::object{{"text", text}, {"alarms", std::move(list)}});
}

Result<void> log_all(std::span<const Alarm> alarms, const std::stop_token&) {
  // A thousand deaths at once are one piece of news.
  constexpr std::size_t kLines = 5;
  for (const Alarm& alarm : alarms.first(std::min(alarms.size(), kLines)))
    spdlog::error("alarm {}: {} (labourer {}, task {})", name(alarm.kind), alarm.message,
                  alarm.labourer_id.empty() ? "-" : alarm.labourer_id,
                  alarm.task_id.empty() ? "-" : alarm.task_id);
  if (alarms.size() > kLines)
    spdlog::error("and {} more alarms; the dead tasks: sosw dead", alarms.size() - kLines);
  return {};
}

class HomeNotifier : public engine::Notifier {
 public:
  using Send = std::function<Result<void>(std::span<const Alarm>, const std::stop_token&)>;

  void add(std::string name, Send send) { targets_.push_back({std::move(name), std::move(send)}); }

  Result<void> notify(std::span<const Alarm> alarms, const std::stop_token& stop) override {
    const std::scoped_lock lock(mutex_);
    std::string failed;
    for (Target& target : targets_) {
      std::vector<Alarm> fresh;
      std::copy_if(alarms.begin(), alarms.end(), std::back_inserter(fresh),
                   [&](const Alarm& alarm) {
                     return alarm.number > 0 ? alarm.number > target.stored
                                             : alarm.number == 0 || alarm.number < target.direct;
                   });
      if (fresh.empty()) continue;
      if (const auto sent = target.send(fresh, stop); !sent) {
        failed +=
            fmt::format("{}{}: {}", failed.empty() ? "" : "; ", target.name, sent.error().message);
        continue;
      }
      for (const Alarm& alarm : fresh) {
        target.stored = std::max(target.stored, alarm.number);
        target.direct = std::min(target.direct, alarm.number);
      }
    }
    if (failed.empty()) return {};
    return Error{Code::unavailable, "alarms not delivered by " + failed,
                 "they are kept and sent again"};
  }

 private:
  struct Target {
    std::string name;
    Send send;
    // Numbers of the newest alarms that it has got: the store counts up, the engine counts down.
    std::int64_t stored = 0, direct = 0;
  };
  std::mutex mutex_;
  std::vector<Target> targets_;
};

}  // namespace

std::unique_ptr<engine::Notifier> make_notifier(const AlarmTargets& targets,
                                                std::filesystem::path working_directory) {
  auto notifier = std::make_unique<HomeNotifier>();
  if (targets.log) notifier->add("log", log_all);
  if (!targets.command.empty())
    notifier->add("command",
                  [command = CommandLine{targets.command, std::move(working_directory)},
                   timeout = targets.timeout](std::span<const Alarm> alarms,
                                              const std::stop_token& stop) -> Result<void> {
                    if (auto output = output_of(command, message(alarms), timeout, stop); !output)
                      return output.error();
                    return {};
                  });
  if (!targets.webhook.empty())
    notifier->add(
        "webhook",
        [url = targets.webhook, timeout = targets.timeout](
            std::span<const Alarm> alarms, const std::stop_token& stop) -> Result<void> {
          const auto answer = http_post_json(url, message(alarms), timeout, stop);
          if (!answer) return answer.error();
          if (answer->status / 100 == 2) return {};
          return Error{Code::unavailable, fmt::format("{} answered {}", url, answer->status), {}};
        });
  return notifier;
}

}  // namespace sosw::local
