// SPDX-License-Identifier: MIT
// The targets of alarms, and what each has got.
#include "cloud/alarm_notifier.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "aws/lambda.h"
#include "aws/sns.h"
#include "cloud/call_error.h"
#include "core/json_text.h"

namespace sosw::cloud {
namespace {

using engine::Alarm;

constexpr std::size_t kMost = 262'144;  // bytes of a message of SNS, and of an event of old

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

// One line of UTF-8 of at most `most` bytes: SNS refuses other bytes, and the alarm would stay for
// ever.
std::string line_of(std::string_view text, std::size_t most) {
  std::string written;
  append_json(text, written);
  const auto read = parse_json(written);
  std::string line(read && read->is_string() ? std::string_view(read->get_string()) : "");
  std::replace_if(
      line.begin(), line.end(), [](char c) { return (c >= 0 && c < ' ') || c == '\x7F'; }, ' ');
  if (line.size() <= most) return line;
  constexpr std::string_view kCut = "...";
  auto end = most - kCut.size();
  while (end > 0 && (line[end] & 0xC0) == 0x80) --end;
  line.resize(end);
  return line += kCut;
}

// What SNS takes as a subject: fewer than 100 characters of printable ASCII, the first no blank. It
// refuses the whole message else, and the alarm would stay for ever.
std::string subject_of(std::string_view text) {
  std::string subject;
  for (const char c : line_of(text, text.size() * 3 + 3)) {
    if ((c & 0xC0) == 0x80) continue;  // the rest of a character
    if (c != ' ' || !subject.empty()) subject += (c & 0x80) != 0 ? '?' : c;
  }
  subject.resize(std::min(subject.size(), std::size_t{99}));
  return subject.empty() ? AlarmNotifier::Options().subject : subject;
}

// The region of "arn:aws:sns:eu-west-1:123456789012:name"; empty: that is no ARN.
std::string region_of_arn(std::string_view arn) {
  for (int i = 0; i < 3; ++i) {
    const auto colon = arn.find(':');
    if (colon == arn.npos) return {};
    arn.remove_prefix(colon + 1);
  }
  return std::string(arn.substr(0, arn.find(':')));
}

aws::ClientOptions in_region_of(const std::string& arn, aws::ClientOptions options) {
  if (auto region = region_of_arn(arn); !region.empty()) options.region = std::move(region);
  return options;
}

}  // namespace

class AlarmNotifier::Target {
 public:
  explicit Target(std::string name) : name_(std::move(name)) {}
  virtual ~Target() = default;

  [[nodiscard]] const std::string& name() const { return name_; }

  Result<void> send_fresh(std::span<const Alarm> alarms, const std::stop_token& stop) {
    std::vector<Alarm> fresh;
    std::copy_if(alarms.begin(), alarms.end(), std::back_inserter(fresh), [&](const Alarm& alarm) {
      return alarm.number > 0 ? alarm.number > stored_
                              : alarm.number == 0 || alarm.number < direct_;
    });
    for (std::span<const Alarm> left = fresh; !left.empty();) {
      if (stop.stop_requested()) return Error{Code::unavailable, "broken off", {}, {}};
      const auto sent = send(left);
      if (!sent) return sent.error();
      for (const auto& alarm : left.first(*sent)) {
        stored_ = std::max(stored_, alarm.number);
        direct_ = std::min(direct_, alarm.number);
      }
      left = left.subspan(*sent);
    }
    return {};
  }

 private:
  // Sends the first of `alarms`, as many as make one message, and gives their number, 1 or more.
  virtual Result<std::size_t> send(std::span<const Alarm> alarms) = 0;

  const std::string name_;
  // Numbers of the newest alarms that it has got: the store counts up, the engine counts down.
  std::int64_t stored_ = 0, direct_ = 0;
};

class AlarmNotifier::Topic final : public Target {
 public:
  explicit Topic(const Options& options)
      : Target("SNS topic " + options.topic_arn),
        arn_(options.topic_arn),
        dead_task_subject_(subject_of(options.dead_task_subject)),
        subject_(subject_of(options.subject)),
        sns_(in_region_of(options.topic_arn, options.client)) {}

 private:
  Result<std::size_t> send(std::span<const Alarm> alarms) override {
    const auto is_dead = [](const Alarm& alarm) { return alarm.kind == Alarm::Kind::dead_task; };
    const bool dead = is_dead(alarms.front());
    std::string message;
    std::size_t taken = 0;
    for (const auto& alarm : alarms) {
      if (is_dead(alarm) != dead) break;
      auto line = line_of(dead ? fmt::format("Closing dead task: {} (labourer {}): {}",
                                             alarm.task_id, alarm.labourer_id, alarm.message)
                               : fmt::format("{}: {}", cloud::name(alarm.kind), alarm.message),
                          kMost);
      if (taken > 0 && message.size() + 1 + line.size() > kMost) break;
      if (taken > 0) message += '\n';
      message += line;
      ++taken;
    }
    const auto published = sns_.publish(arn_, dead ? dead_task_subject_ : subject_, message);
    if (!published) return error_of(published.error());
    return taken;
  }

  const std::string arn_, dead_task_subject_, subject_;
  aws::Sns sns_;
};

class AlarmNotifier::Function final : public Target {
 public:
  explicit Function(const Options& options)
      : Target("function " + options.function),
        function_(options.function),
        timeout_(options.client.timeout),
        lambda_(options.client) {}

 private:
  Result<std::size_t> send(std::span<const Alarm> alarms) override {
    constexpr std::size_t kShown = 20;
    constexpr std::size_t kOfText = 10'000;
    std::string listed;
    std::string lines;
    std::size_t taken = 0;
    for (const auto& alarm : alarms) {
      const auto one = json_text(json::object{
          {"number", alarm.number},
          {"kind", cloud::name(alarm.kind)},
          {"labourer_id", alarm.labourer_id},
          {"task_id", alarm.task_id},
          {"message", line_of(alarm.message, kMost / 16)},  // escaped three times that at most
          {"at", fmt::format("{:%FT%TZ}",
                             fmt::gmtime(static_cast<std::time_t>(epoch_seconds(alarm.at))))}});
      if (taken > 0 && listed.size() + 2 + one.size() + 7 * kOfText > kMost) break;
      if (taken > 0) listed += ", ";
      listed += one;
      if (taken < kShown) lines += "\n" + line_of(alarm.message, kOfText / kShown);
      ++taken;
    }
    auto text = fmt::format("sosw: {} alarm{}{}", taken, taken == 1 ? "" : "s", lines);
    if (taken > kShown) text += fmt::format("\n... and {} more", taken - kShown);
    std::string event = R"({"text": )";
    append_json(text, event);
    event += R"(, "alarms": [)" + listed + "]}";
    const auto result =
        lambda_.invoke({.function = function_, .payload = std::move(event), .timeout = timeout_});
    if (result.outcome == aws::Outcome::accepted) return taken;
    return Error{Code::unavailable,
                 fmt::format("{}{}{}", result.error_type, result.error_type.empty() ? "" : ": ",
                             result.error_message),
                 {},
                 {}};
  }

  const std::string function_;
  const std::chrono::milliseconds timeout_;
  aws::Lambda lambda_;
};

class AlarmNotifier::Log final : public Target {
 public:
  explicit Log(const Options& options) : Target("log"), log_(options.log) {}

 private:
  Result<std::size_t> send(std::span<const Alarm> alarms) override {
    for (const auto& alarm : alarms)
      log_(fmt::format("alarm {}: {} (labourer {}, task {})", cloud::name(alarm.kind),
                       alarm.message, alarm.labourer_id.empty() ? "-" : alarm.labourer_id,
                       alarm.task_id.empty() ? "-" : alarm.task_id));
    return alarms.size();
  }

  const std::function<void(const std::string&)> log_;
};

AlarmNotifier::AlarmNotifier(const Options& options) {
  if (!options.topic_arn.empty()) targets_.push_back(std::make_unique<Topic>(options));
  if (!options.function.empty()) targets_.push_back(std::make_unique<Function>(options));
  if (options.log) targets_.push_back(std::make_unique<Log>(options));
}

AlarmNotifier::~AlarmNotifier() = default;

Result<void> AlarmNotifier::notify(std::span<const Alarm> alarms, const std::stop_token& stop) {
  const std::lock_guard lock(mutex_);
  if (targets_.empty() && !alarms.empty())
    return Error{Code::invalid, "nothing is configured that could get alarms", "name a topic", {}};
  std::string failed;
  for (const auto& target : targets_)
    if (const auto sent = target->send_fresh(alarms, stop); !sent)
      failed +=
          fmt::format("{}{}: {}", failed.empty() ? "" : "; ", target->name(), sent.error().message);
  if (failed.empty()) return {};
  return Error{
      Code::unavailable, "alarms not delivered by " + failed, "they are kept and sent again", {}};
}

}  // namespace sosw::cloud
