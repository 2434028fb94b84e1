// SPDX-License-Identifier: MIT
// Where numbers come from and how they stand in a text.
#include "local/probes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cmath>
#include <map>
#include <string>
#include <thread>

#include "core/config_reader.h"
#include "core/json_text.h"
#include "local/file.h"
#include "local/http.h"
#include "local/subprocess.h"

namespace sosw::local {
namespace {

using Value = Result<std::optional<double>>;

constexpr std::size_t kThreads = 16;
constexpr double kTimeoutSeconds = 10;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const auto first = text.find_first_not_of(kBlank);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// Also +Inf, as Prometheus writes it.
std::optional<double> parse_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string shortened(std::string_view text) {
  constexpr std::size_t kShown = 60;
  return text.size() <= kShown ? std::string(text) : std::string(text.substr(0, kShown)) + "...";
}

struct Series {
  std::string name;
  std::map<std::string, std::string, std::less<>> labels;
};

// Takes `name{label="text",...}` from the front of `text`.
std::optional<Series> take_series(std::string_view& text) {
  Series series;
  const auto name_end = text.find_first_of(" \t{");
  series.name = text.substr(0, name_end);
  if (series.name.empty()) return std::nullopt;
  text.remove_prefix(series.name.size());
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  if (!text.starts_with('{')) return series;
  text.remove_prefix(1);
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(", \t"), text.size()));
    if (text.empty()) return std::nullopt;
    if (text.front() == '}') {
      text.remove_prefix(1);
      return series;
    }
    const auto equals = text.find('=');
    if (equals == text.npos) return std::nullopt;
    const std::string label(trimmed(text.substr(0, equals)));
    text.remove_prefix(equals + 1);
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    if (!text.starts_with('"')) return std::nullopt;
    text.remove_prefix(1);
    std::string value;
    while (!text.empty() && text.front() != '"') {
      if (text.front() == '\\' && text.size() > 1) {
        text.remove_prefix(1);
        value += text.front() == 'n' ? '\n' : text.front();
      } else {
        value += text.front();
      }
      text.remove_prefix(1);
    }
    if (text.empty()) return std::nullopt;
    text.remove_prefix(1);
    series.labels[label] = std::move(value);
  }
}

std::optional<Series> parse_selector(std::string_view selector) {
  auto rest = trimmed(selector);
  auto series = take_series(rest);
  return series && trimmed(rest).empty() ? series : std::nullopt;
}

std::optional<std::array<std::string_view, 3>> parse_pressure(std::string_view text) {
  const auto first = text.find('/'), last = text.rfind('/');
  if (first == text.npos || first == last) return std::nullopt;
  const std::array<std::string_view, 3> parts = {
      text.substr(0, first), text.substr(first + 1, last - first - 1), text.substr(last + 1)};
  const auto among = [](std::string_view word, std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  if (!among(parts[0], {"cpu", "memory", "io"}) || !among(parts[1], {"some", "full"}) ||
      !among(parts[2], {"avg10", "avg60", "avg300", "total"}))
    return std::nullopt;
  return parts;
}

// Null counts as absent, as everywhere in the configuration.
const json::value* given(const json::object& details, std::string_view key) {
  const auto* value = details.if_contains(key);
  return value != nullptr && !value->is_null() ? value : nullptr;
}

// REQUIRES: details have passed check() and have that text.
std::string text_at(const json::object& details, std::string_view key) {
  return std::string(details.at(key).get_string());
}

}  // namespace

Value number_in(std::string_view text) {
  text = trimmed(text);
  if (text.empty()) return std::optional<double>();
  const auto number = parse_number(text);
  if (!number) return invalid(fmt::format("'{}' is not a number", shortened(text)));
  if (std::isnan(*number)) return std::optional<double>();
  return number;
}

Value json_number(std::string_view text, std::string_view pointer) {
  const auto parsed = parse_json(text);
  if (!parsed) return parsed.error();
  boost::system::error_code error;
  const auto* found = parsed->find_pointer(pointer, error);
  if (found == nullptr)
    return Error{Code::not_found, fmt::format("nothing at {} in {}", pointer, shortened(text)), {}};
  if (found->is_null()) return std::optional<double>();
  if (found->is_number()) return std::optional(found->to_number<double>());
  if (found->is_string()) return number_in(found->get_string());
  return invalid(fmt::format("at {} is no number but {}", pointer, described(*found)));
}

Value prometheus_sample(std::string_view text, std::string_view selector) {
  const auto wanted = parse_selector(selector);
  if (!wanted)
    return invalid(fmt::format("'{}' is no selector", selector), "metric{label=\"text\"}");
  std::optional<std::string_view> sample;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.starts_with(wanted->name)) continue;
    const auto series = take_series(line);
    if (!series || series->name != wanted->name) continue;
    const bool matches =
        std::all_of(wanted->labels.begin(), wanted->labels.end(), [&](const auto& label) {
          const auto found = series->labels.find(label.first);
          return found != series->labels.end() && found->second == label.second;
        });
    if (!matches) continue;
    if (sample)
      return invalid(fmt::format("more than one sample matches {}", selector),
                     "add labels until one is left");
    line = trimmed(line);
    sample = line.substr(0, line.find_first_of(" \t"));  // a time may follow
  }
  if (!sample) return Error{Code::not_found, fmt::format("no sample matches {}", selector), {}};
  return number_in(*sample);
}

Value pressure_value(std::string_view text, std::string_view line, std::string_view key) {
  const auto start = text.find(fmt::format("{} ", line));
  if (start != text.npos) {
    const auto words = text.substr(start, text.find('\n', start) - start);
    const auto assignment = fmt::format(" {}=", key);
    if (const auto found = words.find(assignment); found != words.npos) {
      const auto number = words.substr(found + assignment.size());
      return number_in(number.substr(0, number.find(' ')));
    }
  }
  return Error{
      Code::not_found, fmt::format("no {} of {} in '{}'", key, line, shortened(trimmed(text))), {}};
}

Result<void> Probes::check(const json::object& details) {
  if (given(details, "MetricName") || given(details, "Name") || given(details, "Namespace"))
    return invalid("details: CloudWatch metrics are read on AWS only",
                   "at home: command, url, file or pressure");
  ConfigReader reader("details", details);
  int sources = 0;
  sources += reader.texts("command").has_value();
  const auto url = reader.text("url");
  if (url) {
    ++sources;
    if (auto checked = check_url(*url); !checked)
      reader.fail("url", checked.error().message, checked.error().hint);
  }
  sources += reader.text("file").has_value();
  const auto pressure = reader.text("pressure");
  if (pressure) {
    ++sources;
    if (!parse_pressure(*pressure))
      reader.fail("pressure", fmt::format("'{}' is not known", *pressure),
                  "cpu|memory|io / some|full / avg10|avg60|avg300|total, such as cpu/some/avg10");
  }
  const auto pointer = reader.text("json_pointer");
  if (pointer && !pointer->empty() && pointer->front() != '/')
    reader.fail("json_pointer", "must begin with /", "as in RFC 6901: /load/0");
  const auto selector = reader.text("prometheus");
  if (selector && !parse_selector(*selector))
    reader.fail("prometheus", fmt::format("'{}' is no selector", *selector),
                "metric{label=\"text\"}");
  if (pointer && selector)
    reader.fail("prometheus", "and json_pointer are given: a text has one form");
  if (pressure && (pointer || selector))
    reader.fail("pressure", "needs neither json_pointer nor prometheus");
  reader.number("timeout_s", 0.001, 86400);
  const bool right_so_far = !reader.failed();  // a source that is wrong is not missing
  if (sources > 1 || (sources == 0 && right_so_far))
    reader.fail(invalid(fmt::format("details: {} sources instead of one", sources),
                        "one of command, url, file, pressure"));
  return reader.finish();
}

Value Probes::value(const json::object& details, const std::stop_token& stop) const {
  if (auto checked = check(details); !checked) return checked.error();
  const auto* seconds = given(details, "timeout_s");
  const std::chrono::milliseconds timeout{
      std::llround((seconds ? seconds->to_number<double>() : kTimeoutSeconds) * 1000)};
  if (given(details, "pressure")) {
    const auto name = text_at(details, "pressure");
    const auto parts = *parse_pressure(name);
    const auto text = read_file(pressure_ / parts[0]);
    if (!text)
      return Error{text.error().code, text.error().message,
                   "the kernel needs PSI (CONFIG_PSI, boot with psi=1)"};
    return pressure_value(*text, parts[1], parts[2]);
  }
  std::string text;
  if (const auto* command = given(details, "command")) {
    CommandLine run{{}, folder_};
    for (const auto& word : command->get_array()) run.argv.emplace_back(word.get_string());
    auto output = output_of(run, "", timeout, stop);
    if (!output) return output.error();
    text = *std::move(output);
  } else if (given(details, "url")) {
    const auto url = text_at(details, "url");
    auto answer = http_get(url, timeout, stop);
    if (!answer) return answer.error();
    if (answer->status / 100 != 2)
      return Error{Code::unavailable, fmt::format("{} answered {}", url, answer->status), {}};
    text = std::move(answer->body);
  } else {
    auto content = read_file(folder_ / text_at(details, "file"));
    if (!content) return content.error();
    text = *std::move(content);
  }
  if (given(details, "json_pointer")) return json_number(text, text_at(details, "json_pointer"));
  if (given(details, "prometheus")) return prometheus_sample(text, text_at(details, "prometheus"));
  return number_in(text);
}

std::vector<Value> Probes::values(std::span<const json::object> details, Time,
                                  const std::stop_token& stop) {
  // Of equal details the first is asked.
  std::vector<std::size_t> asked, same_as(details.size());
  for (std::size_t i = 0; i < details.size(); ++i) {
    const auto found = std::find_if(asked.begin(), asked.end(),
                                    [&](std::size_t j) { return details[j] == details[i]; });
    same_as[i] = found == asked.end() ? i : *found;
    if (same_as[i] == i) asked.push_back(i);
  }
  std::vector<Value> values(details.size(), Value(std::optional<double>()));
  {
    std::atomic<std::size_t> next = 0;
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < std::min(kThreads, asked.size()); ++i)
      threads.emplace_back([&] {
        for (auto n = next++; n < asked.size(); n = next++)
          values[asked[n]] = value(details[asked[n]], stop);
      });
  }
  for (std::size_t i = 0; i < details.size(); ++i) values[i] = values[same_as[i]];
  return values;
}

}  // namespace sosw::local
