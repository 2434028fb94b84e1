// SPDX-License-Identifier: MIT
// See kept_trace.h.
#include "simulation/kept_trace.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "core/json_text.h"

namespace sosw::simulation {
namespace {

std::optional<std::string> text_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string(std::string_view(value->get_string()));
}

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Result<KeptTrace> read_trace(std::string_view text) {
  const auto read = parse_json(text);
  if (!read) return read.error();
  const auto* object = read->if_object();
  if (object == nullptr) return invalid("a kept trace is a JSON object");
  KeptTrace trace;
  const auto title = text_at(*object, "title"), invariant = text_at(*object, "invariant"),
             place = text_at(*object, "place");
  if (!title) return invalid("title: a text is expected");
  if (!invariant) return invalid("invariant: the name of the one that the run broke is expected");
  if (place != "home" && place != "fleet")
    return invalid(R"(place: "home" or "fleet" is expected)");
  trace.title = *title;
  trace.invariant = *invariant;
  trace.place = *place == "home" ? Settings::Place::home : Settings::Place::fleet;
  trace.without_guard = text_at(*object, "without_guard").value_or("");
  if (const auto* lines = object->if_contains("must_happen")) {
    if (!lines->is_array()) return invalid("must_happen: a list of lines is expected");
    for (const auto& line : lines->get_array()) {
      if (!line.is_string()) return invalid("must_happen: each line is a text");
      trace.must_happen.emplace_back(std::string_view(line.get_string()));
    }
  }
  const auto* choices = object->if_contains("choices");
  if (choices == nullptr || !choices->is_object())
    return invalid("choices: an object of names is expected");
  for (const auto& [name, answers] : choices->get_object()) {
    if (!answers.is_object())
      return invalid(
          fmt::format("choices.{}: an object of answers is expected", std::string_view(name)));
    for (const auto& [which, answer] : answers.get_object()) {
      const auto n = number(which);
      if (!n || !answer.is_int64() || answer.get_int64() < 0 || answer.get_int64() > UINT32_MAX)
        return invalid(fmt::format("choices.{}.{}: numbers are expected", std::string_view(name),
                                   std::string_view(which)));
      trace.choices[std::string(std::string_view(name))][*n] =
          static_cast<std::uint32_t>(answer.get_int64());
    }
  }
  return trace;
}

std::string to_text(const KeptTrace& trace) {
  const auto quoted = [](std::string_view text) { return json_text(json::value(text)); };
  std::string lines, choices;
  for (const std::string& line : trace.must_happen)
    lines += fmt::format("{}\n    {}", lines.empty() ? "" : ",", quoted(line));
  for (const auto& [name, answers] : trace.choices) {
    std::string of_name;
    for (const auto& [n, answer] : answers)
      of_name += fmt::format("{}\"{}\": {}", of_name.empty() ? "" : ", ", n, answer);
    choices += fmt::format("{}\n    {}: {{{}}}", choices.empty() ? "" : ",", quoted(name), of_name);
  }
  return fmt::format(
      "{{\n  \"title\": {},\n  \"invariant\": {},\n  \"place\": \"{}\",\n{}"
      "  \"must_happen\": [{}\n  ],\n  \"choices\": {{{}\n  }}\n}}\n",
      quoted(trace.title), quoted(trace.invariant),
      trace.place == Settings::Place::fleet ? "fleet" : "home",
      trace.without_guard.empty()
          ? ""
          : fmt::format("  \"without_guard\": {},\n", quoted(trace.without_guard)),
      lines, choices);
}

KeptTrace kept(const Settings& settings, const Choices& run, const std::optional<Broken>& broken,
               std::string title) {
  KeptTrace trace;
  trace.title = std::move(title);
  trace.choices = run.taken_by_name();
  if (broken) {
    trace.invariant = broken->invariant;
    trace.choices = named(settings, simplest(settings, run, broken->invariant));
  }
  // The seed may have chosen the place; replayed it is given.
  trace.place = settings.place;
  if (trace.place == Settings::Place::either)
    trace.place =
        trace.choices.erase("simulate") > 0 ? Settings::Place::fleet : Settings::Place::home;
  trace.must_happen = accidents(replay(trace).trace);
  return trace;
}

Outcome replay(const KeptTrace& trace) {
  Choices choices(trace.choices);
  return simulate({.traced = true, .place = trace.place}, choices);
}

std::string left_out(const KeptTrace& trace, const Outcome& outcome) {
  auto line = outcome.trace.begin();
  for (const std::string& wanted : trace.must_happen) {
    while (line != outcome.trace.end() && line->what.find(wanted) == std::string::npos) ++line;
    if (line == outcome.trace.end()) return wanted;
    ++line;
  }
  return {};
}

std::vector<std::string> accidents(const std::vector<TraceLine>& story) {
  std::vector<std::string> found;
  for (const TraceLine& line : story) {
    const std::size_t colon = line.what.find(": ");
    bool accident = line.what == "dies" || line.what.starts_with("its clock") ||
                    line.what.starts_with("stands still") || line.what.starts_with("breaks off");
    for (std::size_t f = 2; colon != std::string::npos && f < kFaults; ++f)
      accident = accident || line.what.substr(colon + 2) == name(static_cast<Fault>(f));
    if (accident) found.push_back(line.what);
    // Of an invocation that did not simply succeed: what came back, not whose it was.
    if (line.what.starts_with("invoke ") && colon != std::string::npos)
      found.push_back(line.what.substr(colon + 2));
  }
  return found;
}

}  // namespace sosw::simulation
