// SPDX-License-Identifier: MIT
// What the commands of `sosw` share: exit codes, common options, what a person types.
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"
#include "core/task.h"

namespace sosw::cli {

// The contract with scripts.
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;  // run --until-empty: some task died, or cannot move
inline constexpr int kUsage = 2;   // wrong usage or configuration
inline constexpr int kNoSuch = 3;  // no such thing, or not possible in its state

class AwsHome;

struct Common {
  std::string config = "sosw.json";
  std::string data = ".sosw";
  bool config_given = false, data_given = false;
  bool json = false;
  // --aws: the Essential whose configuration counts ("sosw_scheduler"); empty: the home is on this
  // machine.
  std::string aws;
  mutable std::shared_ptr<AwsHome> aws_home;  // once it was asked for, see home.h
  std::function<int()> run;                   // the command that was chosen; gives the exit code
};

// A command with the options that all have. `example`: lines of a shell.
CLI::App* add_command(CLI::App& app, Common& common, const std::string& name,
                      const std::string& description, const std::string& example);
void add_json_option(CLI::App* command, Common& common);
// For a command that can act on the AWS home.
void add_aws_option(CLI::App* command, Common& common,
                    const std::string& essential = "sosw_orchestrator");
// The pages of --help.
std::string help_page(const CLI::App* app, const std::string& name);
// For a word on the command line that nobody expected: "did you mean ...".
std::string unknown_word(const CLI::App& app, const std::string& word);

// Each adds its commands to the program.
void add_project_commands(CLI::App& app, Common& common);  // init, config check, version
void add_plan_command(CLI::App& app, Common& common);
void add_run_command(CLI::App& app, Common& common);
void add_write_commands(CLI::App& app, Common& common);  // schedule, retry, pause ...
void add_read_commands(CLI::App& app, Common& common);   // status, tasks, jobs ...
void add_invoke_command(CLI::App& app, Common& common);
void add_chaos_command(CLI::App& app, Common& common);

// Prints the error on stderr; gives the exit code that belongs to it.
int complain(const Error& error);
int complain(const Error& error, int exit_code);

// The text of an argument that is a file, "-" for stdin, or a JSON object itself; and what to call
// it in messages. Errors: not_found, denied, unavailable.
struct Input {
  std::string text;
  std::string name;
};
Result<Input> read_input(const std::string& argument);
// The same as a JSON object. Errors: invalid also, with the place.
Result<json::object> read_object(const std::string& argument);

// One line of JSON on stdout.
void print_json(const json::value& value);
// A JSON array, one object on a line.
void print_json_list(const json::array& list);
// Indented, for a person.
std::string pretty(const json::value& value);

}  // namespace sosw::cli
