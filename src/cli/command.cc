// SPDX-License-Identifier: MIT
// See command.h.
#include "cli/command.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <system_error>
#include <vector>

#include "cli/screen.h"
#include "core/json_text.h"
#include "core/suggest.h"

namespace sosw::cli {
namespace {

constexpr std::size_t kLeftColumn = 26;

std::string entry(const std::string& left, const std::string& right) {
  std::string line = "  " + left;
  if (line.size() + 2 > kLeftColumn) {
    line += '\n' + std::string(kLeftColumn, ' ');
  } else {
    line.resize(kLeftColumn, ' ');
  }
  for (const char c : right) {
    line += c;
    if (c == '\n') line.append(kLeftColumn, ' ');
  }
  return line + '\n';
}

std::string option_name(const CLI::Option* option) {
  if (option->get_positional()) return option->get_name(true, false);
  std::string name = option->get_name(false, true);
  std::replace(name.begin(), name.end(), ',', ' ');
  if (option->get_type_size() != 0) name += ' ' + option->get_type_name();
  return name;
}

std::string usage(const CLI::App* app, const std::string& name) {
  std::string line = "Usage: " + name;
  bool optional = false;
  for (const CLI::Option* option : app->get_options()) {
    if (option->get_positional()) {
      std::string word = option->get_name(true, false);
      if (option->get_expected_max() > 1) word += "...";
      line += option->get_required() ? ' ' + word : " [" + word + ']';
    } else if (option->get_required()) {
      line += ' ' + option_name(option);
    } else {
      optional = true;
    }
  }
  if (!app->get_subcommands({}).empty()) line += " COMMAND";
  return line + (optional ? " [options]" : "") + '\n';
}

bool is_common(const CLI::Option* option) { return option->get_group() == "Common"; }

}  // namespace

CLI::App* add_command(CLI::App& app, Common& common, const std::string& name,
                      const std::string& description, const std::string& example) {
  CLI::App* command = app.add_subcommand(name, description);
  command->footer(example);
  command->set_help_flag("-h,--help", "show this page");
  command->get_help_ptr()->group("Common");
  command->add_option("--config", common.config, "the configuration (default ./sosw.json)")
      ->type_name("FILE")
      ->group("Common");
  command->add_option("--data", common.data, "the data folder (default .sosw)")
      ->type_name("DIR")
      ->group("Common");
  return command;
}

void add_json_option(CLI::App* command, Common& common) {
  command->add_flag("--json", common.json, "JSON on stdout, for programs");
}

void add_aws_option(CLI::App* command, Common& common, const std::string& essential) {
  command
      ->add_flag_callback(
          "--aws", [&common, essential] { common.aws = essential; },
          "the home on AWS, found as AWS's own tools find it; its configuration\nis the one stored "
          "there, unless --config is given")
      ->group("Common");
}

std::string help_page(const CLI::App* app, const std::string& name) {
  std::string page = app->get_description() + "\n\n" + usage(app, name);
  const auto commands = app->get_subcommands({});
  std::vector<std::string> groups;
  for (const CLI::App* command : commands) {
    if (std::find(groups.begin(), groups.end(), command->get_group()) == groups.end()) {
      groups.push_back(command->get_group());
    }
  }
  for (const std::string& group : groups) {
    page += '\n' + group + ":\n";
    for (const CLI::App* command : commands) {
      if (command->get_group() != group) continue;
      const auto line = [&](std::string left, const CLI::App* one) {
        for (const CLI::Option* option : one->get_options()) {
          if (option->get_positional()) left += ' ' + option->get_name(true, false);
        }
        const std::string& whole = one->get_description();
        page += entry(left, whole.substr(0, whole.find('\n')));
      };
      const auto parts = command->get_subcommands({});
      for (const CLI::App* part : parts) line(command->get_name() + ' ' + part->get_name(), part);
      if (parts.empty()) line(command->get_name(), command);
    }
  }
  const auto section = [&](const char* title, auto belongs) {
    std::string lines;
    for (const CLI::Option* option : app->get_options()) {
      if (belongs(option)) lines += entry(option_name(option), option->get_description());
    }
    if (!lines.empty()) page += std::string("\n") + title + ":\n" + lines;
  };
  section("Arguments", [](const CLI::Option* o) { return o->get_positional(); });
  section("Options", [](const CLI::Option* o) { return !o->get_positional() && !is_common(o); });
  section("Common options", [](const CLI::Option* o) { return is_common(o); });
  if (!app->get_footer().empty()) {
    page += "\nExample:\n";
    std::istringstream lines(app->get_footer());
    for (std::string line; std::getline(lines, line);) page += "  " + line + '\n';
  }
  return page;
}

std::string unknown_word(const CLI::App& app, const std::string& word) {
  const bool option = word.size() > 1 && word[0] == '-';
  std::vector<std::string> known;
  if (option) {
    for (const CLI::Option* o : app.get_options()) {
      for (const std::string& name : o->get_lnames()) known.push_back("--" + name);
    }
  } else {
    for (const CLI::App* command : app.get_subcommands({})) known.push_back(command->get_name());
  }
  const std::string bare = word.substr(0, word.find('='));
  const std::vector<std::string_view> views(known.begin(), known.end());
  std::string hint;
  if (const auto near = nearest(bare, views)) hint = fmt::format("did you mean '{}'?", *near);
  if (option) return fmt::format("unknown option '{}'{}{}", bare, hint.empty() ? "" : "\n  ", hint);
  if (known.empty()) return fmt::format("unexpected argument '{}'", word);
  return fmt::format("unknown command '{}'{}{}", word, hint.empty() ? "" : "\n  ", hint);
}

int complain(const Error& error, int exit_code) {
  const Screen screen = Screen::of(stderr);
  fmt::print(stderr, "{} {}\n", screen.paint(Colour::red, "sosw:"), error.text());
  return exit_code;
}

int complain(const Error& error) {
  switch (error.code) {
    case Code::invalid:
      return complain(error, kUsage);
    case Code::not_found:
    case Code::conflict:
      return complain(error, kNoSuch);
    default:
      return complain(error, kFailed);
  }
}

namespace {

// What an argument names: a text, a file, or stdin.
class Source {
 public:
  static Result<Source> open(const std::string& argument) {
    Source source;
    const auto first = argument.find_first_not_of(" \t\r\n");
    if (first != std::string::npos && argument[first] == '{') {
      source.name_ = "the argument";
      source.in_ = std::make_unique<std::istringstream>(argument);
      return source;
    }
    source.name_ = argument;
    if (argument == "-") {
      source.name_ = "stdin";
      source.in_ = std::make_unique<std::istream>(std::cin.rdbuf());
      return source;
    }
    errno = 0;
    source.in_ = std::make_unique<std::ifstream>(argument, std::ios::binary);
    // A folder opens, and fails at the first read.
    if (*source.in_ && source.in_->peek() == std::ifstream::traits_type::eof() && errno != 0) {
      source.in_->setstate(std::ios::failbit);
    }
    if (source.in_->fail()) {
      return invalid(fmt::format("{}: {}", argument, std::generic_category().message(errno)),
                     "give a file, - for stdin, or text that starts with {");
    }
    return source;
  }

  [[nodiscard]] const std::string& name() const { return name_; }
  // The next bytes, valid until the next call; empty at the end.
  std::string_view next() {
    piece_.resize(64 * 1024);
    in_->read(piece_.data(), static_cast<std::streamsize>(piece_.size()));
    return std::string_view(piece_).substr(0, static_cast<std::size_t>(in_->gcount()));
  }
  // Whether reading has failed before the end.
  [[nodiscard]] Result<void> read() const {
    if (!in_->bad()) return {};
    return Error{
        Code::unavailable,
        fmt::format("{}: cannot be read: {}", name_, std::generic_category().message(errno)),
        {}};
  }

 private:
  std::string name_, piece_;
  std::unique_ptr<std::istream> in_;
};

}  // namespace

Result<Input> read_input(const std::string& argument) {
  auto source = Source::open(argument);
  if (!source) return source.error();
  Input input{{}, source->name()};
  for (auto piece = source->next(); !piece.empty(); piece = source->next()) input.text += piece;
  if (auto read = source->read(); !read) return read.error();
  return input;
}

Result<json::object> read_object(const std::string& argument) {
  auto source = Source::open(argument);
  if (!source) return source.error();
  auto value = parse_json([&] { return source->next(); });
  if (auto read = source->read(); !read) return read.error();
  if (!value) {
    return Error{Code::invalid, fmt::format("{}: {}", source->name(), value.error().message),
                 value.error().hint};
  }
  if (!value->is_object()) {
    return invalid(fmt::format("{}: not a JSON object", source->name()), "it must start with {");
  }
  return std::move(*value).as_object();
}

void print_json(const json::value& value) { fmt::print("{}\n", json_text(value)); }

void print_json_list(const json::array& list) {
  std::string text = "[";
  for (const json::value& value : list) {
    text += text.size() > 1 ? ",\n " : "";
    text += json_text(value);
  }
  fmt::print("{}]\n", text);
}

namespace {

void append_pretty(const json::value& value, std::size_t indent, std::string& out) {
  const auto list = [&](const auto& items, char open, char close, auto print) {
    if (items.empty()) {
      out += open;
      out += close;
      return;
    }
    out += open;
    bool first = true;
    for (const auto& item : items) {
      out += first ? "\n" : ",\n";
      first = false;
      out.append(indent + 2, ' ');
      print(item);
    }
    out += '\n';
    out.append(indent, ' ');
    out += close;
  };
  if (value.is_object()) {
    list(value.get_object(), '{', '}', [&](const auto& pair) {
      out += json::serialize(json::string(pair.key())) + ": ";
      append_pretty(pair.value(), indent + 2, out);
    });
  } else if (value.is_array() &&
             std::any_of(value.get_array().begin(), value.get_array().end(),
                         [](const json::value& v) { return v.is_structured(); })) {
    list(value.get_array(), '[', ']',
         [&](const json::value& item) { append_pretty(item, indent + 2, out); });
  } else if (value.is_double()) {
    append_json(value, out);  // 1795557784.5, where Boost.JSON writes 1.7955577845E9
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

std::string pretty(const json::value& value) {
  std::string out;
  append_pretty(value, 0, out);
  return out;
}

}  // namespace sosw::cli
