// SPDX-License-Identifier: MIT
#include "aws/shared_files.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace sosw::aws {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto begin = text.find_first_not_of(kSpace);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return out;
}

std::string in_home(const std::string& path) {
  const auto home = environment("HOME");
  return path.starts_with("~/") && !home.empty() ? home + path.substr(1) : path;
}

}  // namespace

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): we only read
  return value ? value : "";
}

void SharedFiles::add(std::string_view text, std::string_view path, bool config) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  Settings ignored;
  Settings* section = nullptr;
  std::string parent;  // of the indented lines that follow
  for (int number = 1; !text.empty(); ++number) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const auto content = trimmed(line);
    if (content.empty() || content.front() == '#' || content.front() == ';') continue;
    if (content.front() == '[') {
      const auto end = content.find(']');
      auto title = trimmed(content.substr(1, end == content.npos ? end : end - 1));
      const auto kind = title.substr(0, title.find_first_of(" \t"));
      auto name = kind.size() < title.size() ? trimmed(title.substr(kind.size())) : "";
      if (name.size() >= 2 && (name.front() == '"' || name.front() == '\'') &&
          name.back() == name.front())
        name = name.substr(1, name.size() - 2);
      parent.clear();
      if (end == content.npos) {
        wrong = fmt::format("{}:{}: a section without its ']'", path, number);
        return;
      }
      if (!config)
        section = &profiles[std::string(title)];
      else if (title == "default")
        section = &profiles["default"];
      else if (kind == "profile" && !name.empty())
        section = &profiles[std::string(name)];
      else if (kind == "services" && !name.empty())
        section = &services[std::string(name)];
      else
        section = &ignored;
      continue;
    }
    const auto equals = content.find('=');
    const bool inside = line.front() == ' ' || line.front() == '\t';
    if (!section || equals == content.npos || equals == 0) {
      if (inside && section) continue;  // the rest of a long value, of no use here
      wrong = fmt::format("{}:{}: neither '[section]' nor 'name = value'", path, number);
      return;
    }
    const auto name = lower(trimmed(content.substr(0, equals)));
    const auto value = trimmed(content.substr(equals + 1));
    if (inside && !parent.empty()) {
      (*section)[fmt::format("{}.{}", parent, name)] = value;
    } else {
      (*section)[name] = value;
      parent = value.empty() ? name : "";
    }
  }
}

SharedFiles SharedFiles::read() {
  SharedFiles files;
  const struct {
    const char* variable;
    const char* usual;
    bool config;
  } both[] = {{"AWS_CONFIG_FILE", "~/.aws/config", true},
              {"AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", false}};
  for (const auto& one : both) {
    auto path = environment(one.variable);
    path = in_home(path.empty() ? one.usual : path);
    std::ifstream file(path, std::ios::binary);
    if (!files.looked_at.empty()) files.looked_at += ", ";
    files.looked_at += path + (file ? "" : " (cannot be read)");
    if (file) files.add(std::string(std::istreambuf_iterator<char>(file), {}), path, one.config);
  }
  return files;
}

std::string profile_name() {
  auto name = environment("AWS_PROFILE");
  return name.empty() ? "default" : name;
}

std::string profile_setting(const SharedFiles& files, std::string_view name) {
  const auto profile = files.profiles.find(profile_name());
  if (profile == files.profiles.end()) return {};
  const auto setting = profile->second.find(name);
  return setting == profile->second.end() ? std::string() : setting->second;
}

}  // namespace sosw::aws
