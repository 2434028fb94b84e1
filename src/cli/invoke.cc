// SPDX-License-Identifier: MIT
// invoke: one call of a function, outside of the queue.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <memory>

#include "aws/endpoints.h"
#include "aws/lambda.h"
#include "cli/command.h"
#include "cli/control.h"
#include "cli/home.h"
#include "local/credentials.h"
#include "local/data_folder.h"
#include "local/lambda_host.h"

namespace sosw::cli {
namespace {

constexpr auto kLongest = std::chrono::minutes{16};  // longer than any function may take
constexpr std::string_view kRegion = "us-west-2";

struct Arguments {
  std::string function;
  std::string payload = "{}";
};

Error failure_of(const std::string& function, std::string_view payload) {
  std::string message(payload);
  boost::system::error_code bad;
  const json::value error = json::parse(payload, bad);
  if (const auto* object = bad ? nullptr : error.if_object()) {
    if (const auto* text = object->if_contains("errorMessage");
        text != nullptr && text->is_string()) {
      message = std::string_view(text->get_string());
    }
  }
  return {Code::unavailable, fmt::format("{} has failed: {}", function, message), {}};
}

// `hint`: for a function that is refused.
int call(aws::Lambda& lambda, const aws::Invocation& invocation, const std::string& function,
         const char* hint) {
  const aws::InvokeResult result = lambda.invoke(invocation);
  if (result.outcome != aws::Outcome::accepted) {
    const bool refused = result.outcome == aws::Outcome::rejected_function;
    return complain({!refused               ? Code::unavailable
                     : result.status == 403 ? Code::denied
                                            : Code::not_found,
                     fmt::format("{}: {}", function, result.error_message), refused ? hint : ""});
  }
  if (!result.function_error.empty())
    return complain(failure_of(function, result.payload), kFailed);
  fmt::print("{}\n", result.payload);
  return kDone;
}

// Through the Invoke API, as any client of AWS Lambda would.
int through_engine(const Common& common, const Arguments& arguments, const std::string& endpoint,
                   std::string payload) {
  const auto file = data_folder(common) / "credentials";
  const auto key = local::user_access_key(file.string(), kRegion, endpoint);
  if (!key) return complain(key.error());
  aws::Lambda lambda(aws::Credentials{key->id, key->secret, {}}, std::string(kRegion), endpoint);
  return call(lambda,
              {.function = arguments.function,
               .payload = std::move(payload),
               .type = aws::InvocationType::request_response,
               .timeout = kLongest},
              arguments.function, "see the configured ones with: sosw labourers");
}

// What may be called is AWS's to say: of a labourer its function, else the function of that name.
int on_aws(const Common& common, const Arguments& arguments, std::string payload) {
  const auto home = aws_home(common);
  if (!home) return complain(home.error());
  std::string function = arguments.function;
  const auto& labourers = (*home)->config().labourers;
  if (const auto found = labourers.find(function);
      found != labourers.end() && !found->second.arn.empty())
    function = found->second.arn;
  aws::Lambda lambda(std::nullopt, (*home)->region(),
                     aws::find_endpoint(*aws::find_service("lambda"), (*home)->region()).url);
  return call(lambda,
              {.function = std::move(function),
               .payload = std::move(payload),
               .type = aws::InvocationType::request_response,
               .timeout = kLongest},
              arguments.function, "the function must be there, and your role may invoke it");
}

// With a host for this one call. The workers that it starts end with it.
int alone(const Common& common, const Arguments& arguments, std::string payload) {
  const auto config = read_config(common);
  if (!config) return complain(config.error());
  const auto folder = data_folder(common);
  const auto lock = local::DataFolderLock::take(folder);
  if (!lock) return complain(lock.error(), lock.error().code == Code::conflict ? kUsage : kFailed);
  spdlog::set_level(spdlog::level::warn);
  local::LambdaHost::Options options;
  options.data_folder = folder.string();
  options.project_folder = config->folder.string();
  options.configs = config->configs;
  options.ended = [](const local::Outcomes&) {};
  auto host = local::LambdaHost::start(std::move(options), config->labourers);
  if (!host) return complain(host.error());
  const auto answer = (*host)->call(arguments.function, std::move(payload));
  if (!answer) return complain(answer.error());
  if (answer->failed) return complain(failure_of(arguments.function, answer->payload), kFailed);
  fmt::print("{}\n", answer->payload);
  return kDone;
}

int invoke(const Common& common, const Arguments& arguments) {
  const auto payload = read_object(arguments.payload);
  if (!payload) return complain(payload.error());
  std::string text = json::serialize(*payload);
  if (!common.aws.empty()) return on_aws(common, arguments, std::move(text));
  const auto engine = ask_engine(data_folder(common), {{"op", "about"}}, std::chrono::seconds{5});
  if (!engine) return complain(engine.error());
  if (!*engine) return alone(common, arguments, std::move(text));
  return through_engine(common, arguments, std::string((*engine)->at("listen").as_string()),
                        std::move(text));
}

}  // namespace

void add_invoke_command(CLI::App& app, Common& common) {
  CLI::App* command = add_command(
      app, common, "invoke",
      "Call a function once, outside of the queue, and print its answer\n\nThrough the "
      "Invoke API of the engine that runs; without one the function is started\nfor this "
      "call alone.",
      "sosw invoke word_count --payload '{\"words\": [\"free\"]}'");
  command->group("Work");
  add_aws_option(command, common);
  const auto arguments = std::make_shared<Arguments>();
  command->add_option("FUNCTION", arguments->function, "name of a labourer")->required();
  command
      ->add_option("--payload", arguments->payload,
                   "the event: a file, - for stdin, or a JSON object (default {})")
      ->type_name("P");
  command->callback([&common, arguments] {
    common.run = [&common, arguments] { return invoke(common, *arguments); };
  });
}

}  // namespace sosw::cli
